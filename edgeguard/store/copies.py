"""Where copies of what the gateway holds were put. Whoever erases a resident's data has to look there, too.

A line for each place, a JSON text, in a file beside the outbox; noted before the copy is made. Knows nothing of what is copied.
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

import orjson

from edgeguard.core.outbox_limits import COPIES_BYTES, COPIES_KEPT

COPIES: Final = "copies"


def note_copy(directory: Path, place: Path) -> bool:
    """Remember a place, and forget those that are gone; False if that cannot be written, so that somebody must be told."""
    try:
        descriptor = os.open(directory / COPIES, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError:
        return False
    with os.fdopen(descriptor, "r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            before = file.read(COPIES_BYTES)
            known = [one for one in _places(before) if not is_gone(Path(one)) and one != str(place.absolute())]
            lines = b"".join(orjson.dumps(one) + b"\n" for one in [*known, str(place.absolute())][-COPIES_KEPT:])
            file.seek(0)
            file.write(lines)
            file.truncate()
            file.flush()
            os.fsync(file.fileno())
            owner = directory.stat()
            if os.geteuid() == 0 and owner.st_uid != 0:
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
        except (OSError, TypeError):  # a name that is no text cannot be noted
            return False
    return True


def known_copies(directory: Path) -> tuple[str, ...]:
    """The places that were noted, the oldest first; none where nothing can be read."""
    with suppress(OSError), (directory / COPIES).open("rb") as file:
        return _places(file.read(COPIES_BYTES))
    return ()


def is_gone(place: Path) -> bool:
    """Nothing is there, though its folder is: a disk that is not plugged in makes no copy gone, nor does a folder closed to us."""
    with suppress(OSError):
        return not os.path.lexists(place) and place.parent.is_dir() and os.access(place.parent, os.X_OK)
    return False


def _places(content: bytes) -> tuple[str, ...]:
    found = []
    for line in content.splitlines():
        with suppress(orjson.JSONDecodeError):
            if isinstance(place := orjson.loads(line), str):
                found.append(place)
    return tuple(found)
