import errno
import os
from pathlib import Path
from typing import Any

import pytest

from edgeguard.core.errors import Permanent
from edgeguard.store import StateLock


def test_a_second_holder_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    with (
        StateLock.acquire(tmp_path / "state"),
        pytest.raises(Permanent, match=rf"in use by another edgeguard, process {os.getpid()}\Z"),
    ):
        StateLock.acquire(tmp_path / "state")


def test_it_is_free_again_after_release_and_release_may_be_repeated(tmp_path: Path) -> None:
    lock = StateLock.acquire(tmp_path)
    lock.release()
    lock.release()
    StateLock.acquire(tmp_path).release()


def test_a_lock_file_left_by_a_dead_process_does_not_hinder(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("99999999999\n")
    with StateLock.acquire(tmp_path):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_a_symlink_in_its_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Permanent, match=r"cannot be used as the state directory: .*lock"):
        StateLock.acquire(tmp_path)
    assert not (tmp_path / "elsewhere").exists()


def test_a_directory_that_cannot_be_made_is_named_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Permanent, match="file/state cannot be used as the state directory: Not a directory"):
        StateLock.acquire(tmp_path / "file" / "state")


@pytest.mark.parametrize("number", [errno.EROFS, errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("left", [True, False], ids=["a lock is there", "no lock is there"])
def test_a_disk_that_takes_nothing_is_no_hindrance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, left: bool
) -> None:
    """A gateway without a memory is better than none; two on one directory are still one too many."""
    if left:
        (tmp_path / "lock").write_text("4711\n")
    really = os.open

    def takes_nothing(path: Any, flags: int, *more: Any, **others: Any) -> int:
        if flags & os.O_RDWR:
            raise OSError(number, os.strerror(number), str(path))
        return really(path, flags, *more, **others)

    monkeypatch.setattr(os, "open", takes_nothing)
    lock = StateLock.acquire(tmp_path)
    with pytest.raises(Permanent, match=f"in use by another edgeguard, process {4711 if left else 'unknown'}"):
        StateLock.acquire(tmp_path)
    lock.release()
    StateLock.acquire(tmp_path).release()


def test_a_disk_without_room_for_the_pid_is_no_hindrance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with StateLock.acquire(tmp_path), pytest.raises(Permanent, match="process unknown"):
        StateLock.acquire(tmp_path)
