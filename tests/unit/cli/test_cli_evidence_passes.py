"""`evidence` and pictures of passes: listed with the plate in the shape of events, copied on record, checked like all evidence."""

import hashlib
import json
from pathlib import Path

import pytest
from cli_kit import desk
from test_cli_evidence import audited

from edgeguard.camera.sealing import Seal

STEM = "20261124T215501123Z-7"
KEY = b"0123456789abcdef"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A site whose gate camera has kept one pass."""
    folder = tmp_path / "state" / "evidence" / "gate" / "passes"
    folder.mkdir(parents=True)
    shown = {"picture": (f"{STEM}.jpg.sealed", b"a picture"), "crop": (f"{STEM}.crop.jpg.sealed", b"a plate")}
    files = {what: (name, Seal(KEY).closed(name, data)) for what, (name, data) in shown.items()}
    record: dict[str, object] = {
        "event": {"camera": "gate", "text": "皖A****5", "confidence": 0.9},
        "shows": "clear",
        "trace": "00",
    }
    told: dict[str, object] = {"id": STEM}
    for what, (name, data) in files.items():
        (folder / name).write_bytes(data)
        record[what] = {"file": name, "sha256": hashlib.sha256(data).hexdigest()}
        told[f"{what}_sha256"] = hashlib.sha256(data).hexdigest()
    (folder / f"{STEM}.json").write_text(json.dumps(record), encoding="utf-8")
    (folder / ".key").write_bytes(b"k" * 32)
    audited(tmp_path / "state", [{"command": "evidence", "target": f"gate.{STEM}", "by": "camera gate", "evidence": told}])
    camera = '[[camera]]\nname = "gate"\nurl = "rtsp://10.0.0.9/1"\ntask = "plates"\npictures = "clear"\n'
    (tmp_path / "key").write_bytes(KEY + b"\n")
    (tmp_path / "key").chmod(0o600)
    camera += f'picture_key_file = "{tmp_path}/key"\n'
    path = tmp_path / "site.toml"
    path.write_text(
        f'[gateway]\nsite = "a"\nid = "b"\n[store]\ndirectory = "{tmp_path}/state"\n[control]\nsocket = "{tmp_path}/s"\n{camera}'
    )
    return path


def test_a_pass_is_listed_copied_on_record_and_checked(config: Path, tmp_path: Path) -> None:
    where = ("--config", str(config))
    with desk() as at:
        (one,) = json.loads(at.type("evidence", "list", *where, "--json").out)
        assert (one["kind"], one["id"], one["event"]["text"]) == ("pass", STEM, "皖A****5")
        shown = at.type("evidence", "list", *where, width=200).out
        assert ("pass" in shown, "皖A****5" in shown) == (True, True)
        assert at.type("evidence", "verify", *where).code == 0
        done = at.type("evidence", "export", STEM, "--to", str(tmp_path / "out"), *where, "--json")
        assert at.building.cameras.looked_at == [("export", f"gate.{STEM}")]
    names = [f"{STEM}.crop.jpg", f"{STEM}.jpg", f"{STEM}.json"]
    assert sorted(Path(file).name for file in json.loads(done.out)["files"]) == names
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    assert (tmp_path / "out" / f"{STEM}.jpg").read_bytes() == b"a picture"
    with desk() as at:
        assert json.loads(at.type("evidence", "list", *where, "--json").out)[0]["exported"] is True


def test_a_plate_that_was_exchanged_is_found_and_no_copy_is_made_of_what_is_not_whole(config: Path, tmp_path: Path) -> None:
    crop = tmp_path / "state" / "evidence" / "gate" / "passes" / f"{STEM}.crop.jpg.sealed"
    crop.write_bytes(b"another plate")
    with desk() as at:
        verified = at.type("evidence", "verify", "--config", str(config), width=200)
        assert (verified.code, "the crop was changed" in verified.out) == (1, True)
        crop.unlink()
        refused = at.type("evidence", "export", STEM, "--to", str(tmp_path / "out"), "--config", str(config))
    assert (refused.code, "some of its files are missing" in refused.err) == (1, True)


def test_pictures_do_not_open_with_another_key_and_no_half_copy_is_left(config: Path, tmp_path: Path) -> None:
    old, other = tmp_path / "old", tmp_path / "other"
    old.write_bytes(KEY)
    other.write_bytes(b"one more key of it")
    (tmp_path / "key").write_bytes(b"another key of the site")
    where = ("--config", str(config), "--to", str(tmp_path / "out"))
    with desk() as at:
        for more in ((), ("--key", str(other))):
            refused = at.type("evidence", "export", STEM, *where, *more)
            assert (refused.code, "does not open" in refused.err) == (1, True)
        assert list((tmp_path / "out").iterdir()) == []
        assert at.type("evidence", "export", STEM, *where, "--key", str(tmp_path / "nowhere")).code == 1
        assert at.type("evidence", "export", STEM, *where, "--key", str(old)).code == 0
