"""`[[camera]]` rows: what they become, and every way to get them wrong."""

from pathlib import Path

import pytest

from edgeguard.config import load_site_with_notes
from edgeguard.config.site import Loaded
from edgeguard.core.alarm import Severity
from edgeguard.core.camera import PassPictures, PlateShape, Task
from edgeguard.core.errors import ConfigError
from edgeguard.core.ids import AlarmName

HEAD = '[gateway]\nsite = "lakeside"\nid = "b07"\n'


def load(tmp_path: Path, camera: str) -> Loaded:
    path = tmp_path / "site.toml"
    path.write_text(f"{HEAD}[[camera]]\n{camera}", encoding="utf-8")
    return load_site_with_notes(path, environ={})


def mistakes(tmp_path: Path, camera: str) -> list[str]:
    with pytest.raises(ConfigError) as error:
        load(tmp_path, camera)
    return [line.removeprefix(f"{tmp_path}/site.toml:") for line in error.value.mistakes]


def test_a_facade_camera(tmp_path: Path) -> None:
    (tmp_path / "facade.toml").write_text("[facade]\nsize = [1920, 1080]\nstorey_m = 2.9\n")
    (tmp_path / "password").write_text("secret\n")
    (tmp_path / "password").chmod(0o600)
    text = """name = "facade-east"
url = "rtsp://10.0.0.9/ch1"
task = "falling"
username = "admin"
password_file = "password"
facade = "facade.toml"
evidence_age = "14d"
"""
    loaded = load(tmp_path, text)
    (camera,) = loaded.site.cameras
    assert (camera.name, camera.task, camera.url) == ("facade-east", Task.FALLING, "rtsp://10.0.0.9/ch1")
    assert camera.facade is not None and camera.facade.storey_m == 2.9  # noqa: PT018
    assert camera.evidence_age_ms == 14 * 86_400_000
    assert any("does not protect the password" in note for note in loaded.notes)
    assert "secret" not in repr(camera)


def test_plates_leave_masked_unless_told_otherwise(tmp_path: Path) -> None:
    (camera,) = load(tmp_path, 'name = "gate"\nurl = "/dev/video0"\ntask = "plates"\n').site.cameras
    assert camera.plate_shape is PlateShape.MASKED


def test_no_picture_of_a_pass_is_kept_unless_the_site_says_so(tmp_path: Path) -> None:
    gate = 'name = "gate"\nurl = "/dev/video0"\ntask = "plates"\n'
    assert load(tmp_path, gate).site.cameras[0].pictures is PassPictures.NONE
    (tmp_path / "key").write_text("k" * 32)
    (tmp_path / "key").chmod(0o600)
    more = 'pictures = "masked"\npicture_key_file = "key"\nevidence_size = "1GiB"\nplate_free = [[[0, 0], [1, 0], [1, 0.25]]]\n'
    (camera,) = load(tmp_path, gate + more).site.cameras
    assert (camera.pictures, camera.evidence_bytes, camera.plate_free) == (
        PassPictures.MASKED,
        2**30,
        (((0.0, 0.0), (1.0, 0.0), (1.0, 0.25)),),
    )
    for plates in ("clear", "masked"):
        notes = load(tmp_path, f'{gate}plates = "{plates}"\nplate_free = [[[0, 0], [1, 0], [1, 0.25]]]\n').notes
        assert any("plate_free: does nothing" in note for note in notes) is (plates == "clear")


def test_evidence_of_falls_is_kept_without_a_key_too_and_that_is_told(tmp_path: Path) -> None:
    facade = 'name = "a"\nurl = "rtsp://h/x"\ntask = "falling"\n'
    assert any("without picture_key_file clips and pictures" in note for note in load(tmp_path, facade).notes)
    gate = 'name = "a"\nurl = "rtsp://h/x"\ntask = "plates"\n'
    for more, told in (("", True), ('snapshot = "none"\n', False)):
        assert any("pictures that the platform asks for lie" in note for note in load(tmp_path, gate + more).notes) is told
    key = tmp_path / "key"
    key.write_text("k" * 16)
    key.chmod(0o600)
    loaded = load(tmp_path, f'{facade}picture_key_file = "key"\n')
    assert loaded.site.cameras[0].picture_key_file == key
    assert not any("picture_key_file" in note for note in loaded.notes)
    key.write_text("secret\nmore of it that does not count\n")
    (wrong,) = mistakes(tmp_path, f'{facade}picture_key_file = "key"\n')
    assert f"8: camera[0].picture_key_file: {key}: its first line has 6 characters, a key at least 16" in wrong


WRONG = [
    (
        'name = "a"\nurl = "rtsp://h/x"\ntask = "falling"\npictures = "clear"\n',
        "8: camera[0].pictures: does nothing with task",
    ),
    ('name = "a"\nurl = "rtsp://h/x"\ntask = "plates"\npictures = "blurred"\n', "8: camera[0].pictures: "),
    (
        'name = "a"\nurl = "rtsp://h/x"\ntask = "plates"\npictures = "clear"\n',
        '8: camera[0].pictures: "clear" needs picture_key_file',
    ),
    (
        'name = "a"\nurl = "rtsp://h/x"\ntask = "plates"\npictures = "clear"\npicture_key_file = "nowhere"\n',
        "9: camera[0].picture_key_file: ",
    ),
    ('name = "a"\nurl = "rtsp://h/x"\ntask = "plates"\nplate_free = [[[0, 2], [1, 0], [1, 1]]]\n', "8: camera[0].plate_free"),
    (
        'name = "a"\nurl = "rtsp://h/x"\ntask = "plates"\nevidence_size = "1GiB"\n',
        '8: camera[0].evidence_size: does nothing with pictures = "none"',
    ),
    (
        'name = "a"\nurl = "rtsp://u' + ':p@10.0.0.9/x"\ntask = "falling"\n',
        "6: camera[0].url: holds a user name or password; write",
    ),
    ('name = "a"\nurl = "ftp://10.0.0.9/x"\ntask = "falling"\n', "6: camera[0].url: is no source of pictures; write"),
    ('name = "a"\nurl = "/dev/ttyS0"\ntask = "falling"\n', "6: camera[0].url: is no camera of this machine; write"),
    (
        'name = "a"\nurl = "rtsp://10.0.0.9:99999/x"\ntask = "falling"\n',
        "6: camera[0].url: is not a URL (Port out of range",
    ),
    ('name = "a"\nurl = "file:none.mp4"\ntask = "falling"\n', "6: camera[0].url: "),
    ('name = "a"\nurl = "rtsp://h/x"\ntask = "faces"\n', "7: camera[0].task: "),
    ('name = "a"\nurl = "rtsp://h/x"\ntask = "plates"\nfacade = "f"\n', '8: camera[0].facade: does nothing with task = "plates"'),
    ('name = "a"\nurl = "rtsp://h/x"\ntask = "plates"\nplates = "hashed"\n', '8: camera[0].plates: "hashed" needs plate_key_file'),
    ('name = "a"\nurl = "rtsp://h/x"\ntask = "falling"\nmemory = "1MiB"\n', "8: camera[0].memory: is too small: at least 192MiB"),
    ('name = "a"\nurl = "rtsp://h/x"\ntask = "falling"\npassword_file = "site.toml"\n', "needs username beside it"),
    (
        'name = "a"\nurl = "rtsp://h/x"\ntask = "falling"\nusername = "u"\npassword_file = "site.toml"\n',
        "so others can read a secret",
    ),
    ('name = "a"\nurl = "rtsp://h/x"\ntask = "falling"\npassword = "geheim"\n', "8: camera[0].password: "),
    (
        'name = "a"\nurl = "rtsp://h/x"\ntask = "falling"\n[[camera]]\nname = "b"\nurl = "rtsp://h/x"\ntask = "falling"\n',
        '10: camera[1].url: picture source "rtsp://h/x" is already used in line 6; one decode serves one camera',
    ),
]


@pytest.mark.parametrize(("camera", "sentence"), WRONG, ids=range(len(WRONG)))
def test_each_mistake_has_its_line_and_a_way_out(tmp_path: Path, camera: str, sentence: str) -> None:
    found = mistakes(tmp_path, camera)
    assert any(sentence in line for line in found), found
    assert not any("geheim" in line for line in found)


def test_the_mistakes_of_a_facade_file_are_told_with_it(tmp_path: Path) -> None:
    (tmp_path / "facade.toml").write_text("[facade]\nstory_m = 3\n")
    found = mistakes(tmp_path, 'name = "a"\nurl = "rtsp://h/x"\ntask = "falling"\nfacade = "facade.toml"\n')
    assert found == [f'{tmp_path}/facade.toml:2: facade.story_m: unknown key (did you mean "storey_m"?)']


def test_every_camera_has_alarms_that_a_site_may_change(tmp_path: Path) -> None:
    camera = """name = "yard"
url = "rtsp://10.0.0.9/ch1"
task = "falling"
[camera.alarms.black]
enabled = false
[camera.alarms.lost]
severity = "critical"
on_delay = "2m"
"""
    site = load(tmp_path, camera).site
    alarms = {rule.name: rule for rule in site.alarms if rule.device == "yard"}
    assert "yard.black" not in alarms
    assert (alarms[AlarmName("yard.lost")].severity, alarms[AlarmName("yard.lost")].on_delay_ms) == (Severity.CRITICAL, 120_000)
    assert alarms[AlarmName("yard.moved")].common
    assert site.cameras[0].alarms == tuple(alarms.values())


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ("[camera.alarms.dark]\n", '8: camera[0].alarms.dark: a camera has no alarm "dark"'),
        ("[camera.alarms.lost]\nlimit = 3\n", "9: camera[0].alarms.lost.limit: lost has no limit that could be set"),
        (
            '[camera.alarms.lost]\nparents = ["switch.comms-lost"]\n',
            '9: camera[0].alarms.lost.parents: there is no alarm "switch.comms',
        ),
    ],
)
def test_mistakes_in_a_cameras_alarms(tmp_path: Path, table: str, sentence: str) -> None:
    found = mistakes(tmp_path, f'name = "yard"\nurl = "rtsp://10.0.0.9/ch1"\ntask = "falling"\n{table}')
    assert found[0].startswith(sentence), found


def test_a_camera_is_not_called_what_other_alarms_are_called(tmp_path: Path) -> None:
    (found,) = mistakes(tmp_path, 'name = "gateway"\nurl = "rtsp://10.0.0.9/ch1"\ntask = "falling"\n')
    assert found.startswith('5: camera[0].name: "gateway" is what alarms of no camera are called')


def test_what_a_usb_camera_is_asked_for(tmp_path: Path) -> None:
    asked = 'video_size = "1920x1080"\nvideo_fps = 25\nvideo_format = "mjpeg"\n'
    (camera,) = load(tmp_path, f'name = "yard"\nurl = "/dev/video0"\ntask = "falling"\n{asked}').site.cameras
    assert (camera.video_size, camera.video_fps, camera.video_format) == ("1920x1080", 25, "mjpeg")
    refused = mistakes(tmp_path, f'name = "yard"\nurl = "rtsp://10.0.0.9/1"\ntask = "falling"\n{asked}')
    assert len(refused) == 3
    assert "is for a camera of this machine" in refused[0]


def test_a_side_that_one_camera_alone_looks_at_is_worth_a_note(tmp_path: Path) -> None:
    loaded = load(tmp_path, 'name = "yard"\nurl = "rtsp://10.0.0.9/1"\ntask = "falling"\nside = "east"\n')
    assert any('no other camera looks at side "east"' in note for note in loaded.notes)
