"""Where copies were put is remembered as long as they may be there."""

from pathlib import Path

from edgeguard.store import is_gone, known_copies, note_copy


def test_places_are_remembered_once_and_forgotten_when_nothing_is_there(tmp_path: Path) -> None:
    usb = tmp_path / "usb"
    usb.mkdir()
    copies = [usb / name for name in ("monday", "tuesday", "monday")]
    for copy in copies:
        assert note_copy(tmp_path, copy)
        copy.write_bytes(b"rows")
    assert known_copies(tmp_path) == (str(usb / "tuesday"), str(usb / "monday"))
    (usb / "tuesday").unlink()
    note_copy(tmp_path, usb / "wednesday")
    assert known_copies(tmp_path) == (str(usb / "monday"), str(usb / "wednesday"))


def test_a_disk_that_is_not_plugged_in_makes_no_copy_gone(tmp_path: Path) -> None:
    away = tmp_path / "usb" / "monday"
    note_copy(tmp_path, away)
    note_copy(tmp_path, tmp_path / "here")
    assert not is_gone(away)
    assert str(away) in known_copies(tmp_path)


def test_where_nothing_can_be_written_that_is_said_and_a_link_is_not_followed(tmp_path: Path) -> None:
    assert not note_copy(tmp_path / "nowhere", tmp_path / "copy")
    (tmp_path / "copies").symlink_to(tmp_path / "other")
    assert not note_copy(tmp_path, tmp_path / "copy")
    assert not (tmp_path / "other").exists()
    assert known_copies(tmp_path / "nowhere") == ()


def test_what_is_damaged_in_the_list_hides_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "copies").write_bytes(b'"/mnt/a"\n{"x":1\n7\n"/mnt/b"\n"/mn')
    assert known_copies(tmp_path) == ("/mnt/a", "/mnt/b")
