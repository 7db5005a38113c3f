"""Files of a person that a command changes: whole or not at all, after a power cut too, and still readable for whom they were."""

import os
from contextlib import suppress
from pathlib import Path


def write_beside(path: Path, text: str) -> Path | None:
    """Write a file whole or not at all; what was there before stays beside it, and is given. OSError as it comes."""
    before = None
    if path.exists():
        before = path.with_name(f"{path.name}.before")
        _replace(before, path.read_bytes(), path)
    _replace(path, text.encode(), path)
    return before


def write_whole(path: Path, text: str, mode: int = 0o666) -> None:
    """Write a file whole or not at all; a new one with `mode`, less the umask. OSError as it comes."""
    _replace(path, text.encode(), path, mode)


def _replace(path: Path, content: bytes, like: Path, mode: int = 0o666) -> None:
    """Put `content` in the place of `path`, with owner and mode of `like` where that is there."""
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            if like.exists():
                _dress(file.fileno(), like.stat())
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _dress(descriptor: int, like: os.stat_result) -> None:
    """Root must leave a file to the service's group: what only root may read keeps the daemon from starting."""
    with suppress(PermissionError):
        os.fchown(descriptor, like.st_uid, like.st_gid)
    os.fchmod(descriptor, like.st_mode & 0o7777)
