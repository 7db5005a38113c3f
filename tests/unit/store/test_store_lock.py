import os
from pathlib import Path

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
