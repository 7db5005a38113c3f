"""The socket as a file: it appears complete (mode, listening) or not at all, and never in the place of something alive.

A new socket is bound beside its place under another name and then renamed over it; a lock on the directory keeps two starting
daemons from judging the same stale file.
"""

import contextlib
import fcntl
import os
import socket
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edgeguard.core.errors import Permanent, Retryable
from edgeguard.core.limits import CONTROL_MAX_CONNECTIONS, SOCKET_PATH_MAX_BYTES

MODE: Final = 0o660
_LOOK_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class SocketFile:
    """A listening socket and the identity of its file."""

    path: Path
    listener: socket.socket
    device: int
    inode: int

    def remove(self) -> None:
        """Unlink the file if it is still this socket's; the listener is closed by whoever serves on it."""
        with contextlib.suppress(OSError):
            found = self.path.lstat()
            if (found.st_dev, found.st_ino) == (self.device, self.inode):
                self.path.unlink()


def open_socket_file(path: Path) -> SocketFile:
    """Listen at `path` with mode 0660. Permanent: the place is taken, unsafe or impossible; Retryable: somebody is just at it."""
    partial = path.with_name(f".{path.name}.new")
    if len(os.fsencode(partial)) > SOCKET_PATH_MAX_BYTES:
        raise Permanent(f"{path}: too long for a Unix socket; {SOCKET_PATH_MAX_BYTES - 5} bytes are the most")
    try:
        with _locked(path.parent):
            _clear(path)
            _unlink_socket(partial)
            listener = _bind(partial)
            try:
                partial.rename(path)
                found = path.lstat()
            except OSError:
                listener.close()
                raise
    except OSError as error:
        raise Permanent(f"{path}: cannot make the control socket: {error.strerror}") from error
    return SocketFile(path, listener, found.st_dev, found.st_ino)


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Alone in `directory`, as far as starting daemons go; refuses a directory in which anybody can swap files."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        mode = os.fstat(descriptor).st_mode
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            raise Permanent(f"{directory}: anybody may write here, so no control socket can be safe; chmod o-w {directory}")
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Retryable(f"{directory}: another process is opening a control socket here") from None
        yield
    finally:
        os.close(descriptor)


def _clear(path: Path) -> None:
    """Whatever stands at `path` may be replaced by a rename, or Permanent."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        kind = "a symbolic link" if stat.S_ISLNK(mode) else "a directory" if stat.S_ISDIR(mode) else "a file"
        raise Permanent(f"{path}: is {kind}, not a stale socket; move it away or choose another control.socket")
    if _somebody_listens(path):
        raise Permanent(f"{path}: another edgeguard answers here; stop it first or choose another control.socket")


def _somebody_listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        caller.settimeout(_LOOK_S)
        try:
            caller.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            # A full backlog, no right to connect, a socket of another type: somebody's, so not ours to replace.
            return True
    return True


def _unlink_socket(partial: Path) -> None:
    """Remove what a daemon that died between bind and rename has left."""
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISSOCK(partial.lstat().st_mode):
            partial.unlink()


def _bind(partial: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        listener.bind(str(partial))
        # Nobody can connect before listen(), so nobody gets in while the mode is still that of the umask.
        partial.chmod(MODE)
        listener.listen(CONTROL_MAX_CONNECTIONS)
    except OSError:
        listener.close()
        raise
    return listener
