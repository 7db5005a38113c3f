"""Small films end to end: pictures are drawn, encoded, decoded, judged, and the evidence is looked at."""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from edgeguard.camera import facade_scene
from edgeguard.camera.evidence import keep, write_clip
from edgeguard.camera.fall_judge import fall_judge
from edgeguard.camera.falling import FallWatch
from edgeguard.camera.motion import Motion, MotionField
from edgeguard.camera.video import Luma, Picture, VideoError, open_video
from edgeguard.camera.watch_file import watch_file
from edgeguard.core.facade import FacadeSpec, FloorLine
from edgeguard.testing import film
from edgeguard.vision.falls import Fall, FallState, finish, hold_s, step
from edgeguard.vision.verdict import Scene


@pytest.fixture(scope="module")
def throw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of the fall, in the codec and pace of most cameras."""
    return film.write(tmp_path_factory.mktemp("film") / "throw.mp4", film.drawn(25))


@pytest.mark.parametrize(
    ("codec", "fps"),
    [
        ("libx264", 25),
        ("libx264", 12),
        pytest.param("libx265", 25, marks=pytest.mark.slow),
        pytest.param("mpeg4", 30, marks=pytest.mark.slow),
    ],
)
def test_a_throw_is_found_in_every_codec_and_pace(tmp_path: Path, codec: str, fps: int) -> None:
    report = watch_file(film.write(tmp_path / "throw.mp4", film.drawn(fps), codec=codec, fps=fps), FacadeSpec())
    (found,) = report.found
    facts = found.facts()
    assert facts["t_start_s"] == pytest.approx(2.0, abs=0.35)
    assert facts["origin"] == pytest.approx([150, 30], abs=14)
    assert facts["end"][1] > 180
    assert report.frames == 5 * fps
    near = [abs(x - (150 + 20 * (t - 2))) < 6 and abs(y - (30 + 95 * (t - 2) ** 2)) < 9 for t, x, y in facts["track"]]
    assert sum(near) > 0.9 * len(near)


@pytest.mark.slow
def test_a_still_wall_has_no_falls(tmp_path: Path) -> None:
    report = watch_file(film.write(tmp_path / "wall.mp4", film.drawn(25, falls=False)), FacadeSpec())
    assert report.found == []


@pytest.mark.slow
def test_the_scene_of_the_demo_shows_a_throw_from_where_it_says(tmp_path: Path) -> None:
    facade_scene.write_scene(tmp_path / "scene.mp4", seconds=7.0)
    (found,) = watch_file(tmp_path / "scene.mp4", facade_scene.facade_of_scene()).found
    facts = found.facts()
    assert (facts["floor"], facts["column"]) == (facade_scene.FROM_FLOOR, facade_scene.FROM_COLUMN)


@pytest.mark.slow
def test_stamps_of_a_late_encoder_tell_the_throw_as_even_ones_do(throw: Path, tmp_path: Path) -> None:
    """Stamps that are late by up to 20 ms put the thing up to 4 px beside its way."""
    late_ms = np.random.default_rng(4).integers(0, 21, 125).tolist()
    trembling = tmp_path / "trembling.mkv"
    with av.open(str(throw)) as source, av.open(str(trembling), "w") as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        packets = [packet for packet in source.demux(video=0) if packet.size]
        for number, packet in enumerate(packets):
            packet.stream = stream
            packet.pts = packet.dts = round(float((number * 0.04 + late_ms[number] / 1000) / packet.time_base))
            out.mux(packet)
    (even,), (found,) = (watch_file(file, FacadeSpec()).found for file in (throw, trembling))
    one, other = even.facts(), found.facts()
    assert other["origin"] == pytest.approx(one["origin"], abs=6)
    assert other["end"] == pytest.approx(one["end"], abs=6)
    lateness = [t - 2 - ((y - 30) / 95) ** 0.5 for t, _, y in other["track"] if y > 60]
    assert np.std(lateness) < 0.003


@pytest.mark.slow
def test_a_mask_hides_what_is_behind_it(throw: Path) -> None:
    hidden = FacadeSpec(masks=(((100, 0), (260, 0), (260, 240), (100, 240)),))
    assert watch_file(throw, hidden).found == []


@pytest.mark.slow
def test_floor_lines_give_a_floor_and_check_gravity(throw: Path) -> None:
    """95 px/s2 for half of g: 19.4 px a metre, so a storey of 3 m takes 58 px; the slab of floor 1 lies at row 235."""
    lines = tuple(FloorLine(f, (0, 235 - 58 * (f - 1)), (320, 235 - 58 * (f - 1))) for f in (1, 2, 4))
    (found,) = watch_file(throw, FacadeSpec(lines=lines)).found
    assert found.facts()["floor"] == 4
    far = tuple(FloorLine(f, (0, 235 - 10 * (f - 1)), (320, 235 - 10 * (f - 1))) for f in (1, 2, 4))
    assert watch_file(throw, FacadeSpec(lines=far)).found == []


@pytest.mark.slow
def test_a_window_column_is_told_without_floor_lines_too(throw: Path) -> None:
    (found,) = watch_file(throw, FacadeSpec(size=(640, 480), columns=(100, 280, 400), first_column=5)).found
    assert (found.facts()["column"], "floor" in found.facts()) == (7, False)


@pytest.mark.slow
def test_evidence_is_the_cameras_own_packets_with_their_hashes(tmp_path: Path) -> None:
    path = film.write(tmp_path / "throw.mp4", film.drawn(25, seconds=8.0))
    report = watch_file(path, FacadeSpec(), tmp_path)
    kept = report.found[0].kept
    assert kept is not None
    record = json.loads(kept.record.read_text())
    assert hashlib.sha256(kept.clip.read_bytes()).hexdigest() == record["clip"]["sha256"] == kept.clip_sha256
    assert hashlib.sha256(kept.picture.read_bytes()).hexdigest() == record["picture"]["sha256"]
    assert record["clip"]["plays_in_browsers"]
    assert _packets(kept.clip) == _packets(path)[: len(_packets(kept.clip))]
    with open_video(kept.clip) as clip:
        pictures = list(clip)
    assert pictures[-1].t_s == pytest.approx(record["clip_ends_s"] - record["clip_starts_s"], abs=0.1)
    assert not list(tmp_path.glob(".*partial*"))


def _packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


def _again(pts: int) -> int:
    return pts - pts % 2


def _set_back(pts: int) -> int:
    return pts - 20 if pts > 30 else pts


def _years_on(pts: int) -> int:
    return pts + 10**8 if pts > 30 else pts


@pytest.mark.parametrize("stamped", [_again, _set_back, _years_on])
def test_a_clip_is_kept_of_stamps_that_repeat_or_jump(tmp_path: Path, stamped: Callable[[int], int]) -> None:
    path = film.write(tmp_path / "noise.mkv", film.noise(60))
    with open_video(path) as video:
        list(video)
        ticks = 40
        packets = [replace(p, dts=(stamp := ticks * stamped(n)), pts=stamp) for n, p in enumerate(video.ring.cut(0.0, 9.0))]
        write_clip(tmp_path / "clip.mp4", video.template, packets)
    with open_video(tmp_path / "clip.mp4") as clip:
        assert [picture.t_s for picture in clip][-1] == pytest.approx(59 / 25, abs=0.1)
    assert _packets(tmp_path / "clip.mp4") == _packets(path)


@pytest.mark.slow
def test_a_codec_that_browsers_do_not_play_is_said_to_be_one(tmp_path: Path) -> None:
    path = film.write(tmp_path / "throw.avi", film.drawn(25), codec="mjpeg")
    (found,) = watch_file(path, FacadeSpec(), tmp_path).found
    assert found.kept is not None
    assert found.kept.clip.suffix == ".mkv"
    assert not found.kept.plays_in_browsers


@pytest.mark.slow
def test_evidence_bears_the_name_of_its_video_and_takes_the_place_of_no_other(tmp_path: Path) -> None:
    film.write(tmp_path / "throw.mp4", film.drawn(25))
    for name in ("监控 一号楼.mp4", "-x.mp4", "monday/0001.mp4", "tuesday/0001.mp4", os.fsdecode(b"caf\xe9.mp4")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((tmp_path / "throw.mp4").read_bytes())
        for _ in range(2):
            (found,) = watch_file(tmp_path / name, FacadeSpec(), tmp_path).found
            assert found.kept is not None
    records = {path.stem: json.loads(path.read_text())["video"].removeprefix(f"{tmp_path}/") for path in tmp_path.glob("*.json")}
    at = next(stem.removeprefix("caf-xe9") for stem in records if stem.startswith("caf"))
    assert records == {
        f"监控-一号楼{at}": "监控 一号楼.mp4",
        f"x{at}": "-x.mp4",
        f"0001{at}": "monday/0001.mp4",
        f"0001{at}-2": "tuesday/0001.mp4",
        f"caf-xe9{at}": "caf\\xe9.mp4",
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("codec", "pixels", "plays"),
    [
        ("libx264", "yuv420p", True),
        ("libx264", "yuv422p", False),
        ("libx264", "yuv420p10le", False),
        ("libx265", "yuv420p10le", True),
        ("libsvtav1", "yuv420p", True),
    ],
)
def test_what_browsers_play_goes_into_mp4_and_only_that_is_said_to_play(
    tmp_path: Path, codec: str, pixels: str, plays: bool
) -> None:
    path = film.write(tmp_path / "throw.mp4", film.drawn(25), codec=codec, pixels=pixels)
    (found,) = watch_file(path, FacadeSpec(), tmp_path).found
    assert found.kept is not None
    assert (found.kept.clip.suffix, found.kept.plays_in_browsers) == (".mp4", plays)


def stepped(field: MotionField, t_s: float, luma: Luma) -> Motion:
    """What one picture alone shows."""
    (motion,) = field.steps([(t_s, field.reduced(luma))])
    return motion


def test_of_evidence_that_could_not_be_kept_whole_nothing_is_left(throw: Path, tmp_path: Path) -> None:
    """The clip alone, without a record, would only take room on a disk that has none."""
    (found,) = watch_file(throw, FacadeSpec()).found
    (tmp_path / "one.png").mkdir()
    with open_video(throw) as video:
        for _ in video:
            pass
        with pytest.raises(VideoError, match=r"one\.png: could not be written"):
            keep(tmp_path, "one", video.template, video.ring.cut(0.0, 9.0), found.fall, {})
    assert [file.name for file in tmp_path.iterdir()] == ["one.png"]


def test_of_a_clip_that_is_broken_off_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def pressed(partial: Path, path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("edgeguard.camera.evidence._settle", pressed)
    with open_video(film.write(tmp_path / "noise.mkv", film.noise(30))) as video:
        list(video)
        with pytest.raises(KeyboardInterrupt):
            write_clip(tmp_path / "clip.mp4", video.template, video.ring.cut(0.0, 9.0))
    assert [path.name for path in tmp_path.iterdir()] == ["noise.mkv"]


@pytest.mark.parametrize("size", [(61, 47), (16, 16), (640, 31)])
def test_odd_sizes_are_watched_without_complaint(size: tuple[int, int]) -> None:
    field = MotionField(*size)
    rng, seen = np.random.default_rng(1), 0
    for n in range(40):
        picture = rng.integers(100, 110, (size[1], size[0])).astype(np.uint8)
        if n > 30:
            picture[5:9, 5:9] = 250
        seen += len(stepped(field, n / 25, picture).spots)
    assert seen >= 1


def test_a_large_picture_is_looked_at_in_halves_and_told_of_at_full_size() -> None:
    field = MotionField(1921, 1081)
    still = np.full((1081, 1921), 100, np.uint8)
    thrown = still.copy()
    thrown[700:706, 1200:1206] = 200
    places = [stepped(field, n / 12, thrown if n == 29 else still).spots for n in range(30)][-1]
    assert places.rows[0, :2].tolist() == [1202.5, 702.5]
    assert places.thickness[0] == pytest.approx(6, abs=1)


def test_a_jump_of_light_suspends_and_passes() -> None:
    field = MotionField(film.WIDTH, film.HEIGHT)
    still = film.wall()
    seen = [stepped(field, n / 25, np.where(n < 40, still, still + 40).astype(np.uint8)).suspended for n in range(100)]
    assert not any(seen[20:40])
    assert seen[41]
    assert not any(seen[75:])


def passing_by(still: Luma, at_s: float) -> Luma:
    """A train has begun to roll through the lower half of the picture, each of its cars of another brightness."""
    luma, front = still.copy(), round(350 * at_s)
    for n, shade in enumerate(np.random.default_rng(5).permutation(np.arange(20, 250, 10)).tolist()):
        luma[125:, max(0, front - 60 * (n + 1)) : max(0, front - 60 * n)] = shade
    return luma


def test_what_falls_beside_a_train_that_passes_is_told(tmp_path: Path) -> None:
    pictures = [passing_by(luma, n / 25 - 1.9) if n / 25 > 1.9 else luma for n, luma in enumerate(film.drawn(25))]
    watch = FallWatch(fall_judge())
    told: list[Fall] = []
    with open_video(film.write(tmp_path / "train.mp4", pictures)) as video:
        for picture in video:
            told += watch.see(picture)
    told += watch.end()
    (fall,) = told
    assert fall.path.marks[0].y < 60
    assert watch.restless > 20


def test_a_light_over_most_of_what_is_watched_suspends_it_all() -> None:
    watched = np.zeros((film.HEIGHT, film.WIDTH), np.bool_)
    watched[:, 100:200] = True
    field, still = MotionField(film.WIDTH, film.HEIGHT, watched), film.wall()
    seen = [stepped(field, n / 25, still + np.uint8(40 if n == 40 else 0)).suspended for n in range(44)]
    assert [n for n, suspended in enumerate(seen) if suspended and n > 20] == [40]


def test_a_downpour_of_which_only_a_part_is_looked_at_counts_as_restless() -> None:
    watch, rng, still = FallWatch(fall_judge()), np.random.default_rng(2), np.full((film.HEIGHT, film.WIDTH), 110, np.uint8)
    for n in range(40):
        luma = still.copy()
        if n >= 25:
            luma[rng.integers(4, film.HEIGHT - 8, 150)[:, None] + np.arange(4), rng.integers(4, film.WIDTH - 4, 150)[:, None]] = 200
        watch.see(Picture(n, n / 25, luma, False, None))  # type: ignore[arg-type]
        assert n >= 25 or watch.restless == 0
    watch.end()
    assert watch.suspended == 0
    assert watch.restless >= 12


@pytest.mark.parametrize("size", [(film.WIDTH, film.HEIGHT), (1702, 903)])
def test_spots_of_pictures_read_together_are_those_of_each_alone(size: tuple[int, int]) -> None:
    """In a shower, through a lightning and without anything that moves; part of the picture is not watched."""
    rng, watched = np.random.default_rng(4), np.ones(size[::-1], np.bool_)
    watched[:, size[0] // 2 : size[0] // 2 + 40] = False
    wall = rng.integers(90, 130, size[::-1]).astype(np.uint8)
    together, alone = (MotionField(*size, watched) for _ in range(2))
    shown = []
    for n in range(40):
        luma = np.minimum(wall, 200) + np.uint8(50 if n == 30 else 0)
        for row, column in rng.integers(0, (size[1], size[0]), (0 if n % 5 == 3 else 70, 2)):
            luma[row : row + 1 + n % 6, column : column + 1 + column % 5] = 250
        shown.append((n / 25, together.reduced(luma)))
    first = [motion for picture in shown for motion in alone.steps([picture])]
    second = [motion for at in range(0, 40, 8) for motion in together.steps(shown[at : at + 8])]
    assert [one.spots.rows.tolist() for one in first] == [one.spots.rows.tolist() for one in second]
    assert [one.busy.tolist() for one in first] == [one.busy.tolist() for one in second]
    assert [one.suspended for one in first] == [one.suspended for one in second]
    assert sum(len(one.spots) > 20 for one in first) > 10
    assert first[30].suspended


def test_a_fall_is_told_with_the_first_picture_of_which_it_is_due(throw: Path) -> None:
    """However many pictures waited by then to be looked at together."""
    with open_video(throw) as video:
        pictures = list(video)
    for first in (0, 6):
        watch, told = FallWatch(fall_judge()), 0
        for picture in pictures[first:]:
            for fall in watch.see(picture):
                told += 1
                assert picture.t_s < fall.path.end_s + hold_s(fall) + 0.041
        assert told == 1


def test_falls_that_are_judged_some_pictures_at_once_are_those_judged_picture_by_picture(throw: Path) -> None:
    """Also where the film ends with pictures that still wait."""
    watch = FallWatch(fall_judge())
    at_once: list[Fall] = []
    one_by_one: list[Fall] = []
    with open_video(throw) as video:
        for n, picture in enumerate(video):
            if n == 0:
                field, state = MotionField(*picture.size), FallState(Scene(*picture.size, learned=fall_judge()))
            at_once += watch.see(picture)
            motion = stepped(field, picture.t_s, picture.luma)
            state, falls = step(state, picture.t_s, motion.spots, motion.busy)
            one_by_one += falls
            if picture.t_s > 3.6:
                break
    assert not at_once, "it is not told yet"
    assert [*at_once, *watch.end()] == [*one_by_one, *finish(state)[1]] != []
