"""A file that a command changes stays whole, and readable for whom it was."""

import os
from pathlib import Path

import pytest

from edgeguard.cli.whole_file import write_beside, write_whole

GROUP = 12345


def test_what_was_there_stays_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    assert write_beside(path, "new = 1\n") is None
    path.chmod(0o640)
    before = write_beside(path, "名 = 2\n")
    assert before == tmp_path / "site.toml.before"
    assert (before.read_text(), path.read_text(encoding="utf-8")) == ("new = 1\n", "名 = 2\n")
    assert [one.stat().st_mode & 0o777 for one in (before, path)] == [0o640, 0o640]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["site.toml", "site.toml.before"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("write", [write_beside, write_whole])
def test_the_service_can_still_read_what_root_has_changed(tmp_path: Path, write: object) -> None:
    path = tmp_path / "site.toml"
    path.write_text("old\n")
    path.chmod(0o640)
    os.chown(path, 0, GROUP)
    assert callable(write)
    write(path, "new\n")
    for one in tmp_path.iterdir():
        assert (one.stat().st_gid, one.stat().st_mode & 0o777) == (GROUP, 0o640)


def test_a_disk_that_refuses_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "site.toml"
    path.write_text("old\n")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, "new\n")
    assert (path.read_text(), [one.name for one in tmp_path.iterdir()]) == ("old\n", ["site.toml"])
