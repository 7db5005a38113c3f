"""One edgeguard per state directory: a lock file that the kernel lets go of by itself when its holder dies."""

import errno
import fcntl
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from edgeguard.core.errors import Permanent

LOCK_NAME: Final = "lock"
_PID_BYTES: Final = 20
_TAKES_NOTHING: Final = frozenset({errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EIO})


class StateLock:
    """Holds `directory/lock` until `release`; the file holds the holder's pid and stays, since removing it would race."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    @classmethod
    def acquire(cls, directory: Path) -> Self:
        """Make the directory if need be and take its lock; a disk that takes nothing is no hindrance.

        Raises Permanent naming the holder's pid if another process has it, and where the directory cannot be made or used.
        """
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = _open(directory)
        except OSError as error:
            raise Permanent(f"{directory} cannot be used as the state directory: {error.strerror} ({error.filename})") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = "unknown"
            with suppress(OSError):  # of a directory nothing can be read
                holder = os.pread(descriptor, _PID_BYTES, 0).decode("ascii", "replace").strip() or holder
            os.close(descriptor)
            if isinstance(error, BlockingIOError):
                raise Permanent(f"{directory} is in use by another edgeguard, process {holder}") from None
            raise Permanent(f"{directory} cannot be locked: {error.strerror}") from error
        with suppress(OSError):
            pid = f"{os.getpid()}\n".encode()
            os.pwrite(descriptor, pid, 0)
            os.ftruncate(descriptor, len(pid))
        return cls(descriptor)

    def release(self) -> None:
        """Let go; harmless when done already."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.release()


def _open(directory: Path) -> int:
    """The lock file; on a disk that takes nothing the one that is there, else the directory itself. OSError as the file's."""
    path = directory / LOCK_NAME
    safe = os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | safe, 0o600)
    except OSError as error:
        if error.errno not in _TAKES_NOTHING:
            raise
    with suppress(FileNotFoundError):
        return os.open(path, os.O_RDONLY | safe)
    return os.open(directory, os.O_RDONLY | os.O_DIRECTORY | safe)
