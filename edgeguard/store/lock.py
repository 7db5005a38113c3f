"""One edgeguard per state directory: a lock file that the kernel lets go of by itself when its holder dies."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from edgeguard.core.errors import Permanent

LOCK_NAME: Final = "lock"
_PID_BYTES: Final = 20


class StateLock:
    """Holds `directory/lock` until `release`; the file holds the holder's pid and stays, since removing it would race."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    @classmethod
    def acquire(cls, directory: Path) -> Self:
        """Make the directory if need be and take its lock.

        Raises Permanent naming the holder's pid if another process has it, and where the directory cannot be made or written.
        """
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(directory / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise Permanent(f"{directory} cannot be used as the state directory: {error.strerror} ({error.filename})") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        except BlockingIOError:
            holder = os.pread(descriptor, _PID_BYTES, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise Permanent(f"{directory} is in use by another edgeguard, process {holder}") from None
        except OSError:
            os.close(descriptor)
            raise
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
