"""The socket's file: complete or absent, never in the place of something alive or of something that is no socket."""

import fcntl
import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeguard.control.socket_file import open_socket_file
from edgeguard.core.errors import Permanent, Retryable


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder with a short name: a Unix socket's path has 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="eg-") as folder:
        yield Path(folder)


def test_only_owner_and_group_reach_it(place: Path) -> None:
    opened = open_socket_file(place / "control.sock")

    with opened.listener:
        assert stat.S_IMODE(opened.path.lstat().st_mode) == 0o660
        assert [entry.name for entry in place.iterdir()] == ["control.sock"]


def test_it_can_be_called(place: Path) -> None:
    opened = open_socket_file(place / "control.sock")

    with opened.listener, socket.socket(socket.AF_UNIX) as caller:
        caller.connect(str(opened.path))


def test_a_stale_socket_is_replaced(place: Path) -> None:
    open_socket_file(place / "control.sock").listener.close()

    opened = open_socket_file(place / "control.sock")

    with opened.listener, socket.socket(socket.AF_UNIX) as caller:
        caller.connect(str(opened.path))


def test_what_a_death_halfway_has_left_is_cleared(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as half:
        half.bind(str(place / ".control.sock.new"))

    with open_socket_file(place / "control.sock").listener:
        assert [entry.name for entry in place.iterdir()] == ["control.sock"]


def test_a_living_daemon_keeps_its_socket(place: Path) -> None:
    first = open_socket_file(place / "control.sock")

    with first.listener:
        with pytest.raises(Permanent, match="another edgeguard answers"):
            open_socket_file(place / "control.sock")
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(str(first.path))


def test_files_links_and_folders_are_left_alone(place: Path) -> None:
    file, link, folder = place / "file", place / "link", place / "folder"
    file.write_text("precious")
    link.symlink_to(file)
    folder.mkdir()

    for path, told in ((file, "is a file"), (link, "is a symbolic link"), (folder, "is a directory")):
        with pytest.raises(Permanent, match=told):
            open_socket_file(path)

    assert file.read_text() == "precious"
    assert link.is_symlink()


def test_a_link_to_a_stale_socket_is_left_alone(place: Path) -> None:
    open_socket_file(place / "elsewhere").listener.close()
    (place / "control.sock").symlink_to(place / "elsewhere")

    with pytest.raises(Permanent, match="symbolic link"):
        open_socket_file(place / "control.sock")

    assert (place / "elsewhere").exists()


def test_a_folder_where_anybody_swaps_files_is_refused(place: Path) -> None:
    open_folder = place / "open"
    open_folder.mkdir()
    open_folder.chmod(0o777)

    with pytest.raises(Permanent, match="anybody may write here"):
        open_socket_file(open_folder / "control.sock")

    open_folder.chmod(0o1777)
    open_socket_file(open_folder / "control.sock").listener.close()


def test_two_that_start_at_once_do_not_judge_together(place: Path) -> None:
    descriptor = os.open(place, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with pytest.raises(Retryable, match="another process"):
            open_socket_file(place / "control.sock")
    finally:
        os.close(descriptor)


def test_a_missing_folder_and_a_long_path_are_explained(place: Path) -> None:
    with pytest.raises(Permanent, match="No such file or directory"):
        open_socket_file(place / "nowhere" / "control.sock")
    with pytest.raises(Permanent, match="too long"):
        open_socket_file(place / ("x" * 100))


def test_removal_takes_only_its_own_file(place: Path) -> None:
    first = open_socket_file(place / "control.sock")
    first.listener.close()
    second = open_socket_file(place / "control.sock")

    first.remove()
    assert second.path.exists()
    second.remove()
    assert not second.path.exists()
    second.remove()
    second.listener.close()
