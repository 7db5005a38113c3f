"""The last line of a copy: the SHA-256 of all before it, so that a stick that has lost a bit is found out before it is restored.

SQLite counts pages by its header and ignores what follows them. It is no signature: who changes a copy on purpose can seal it anew.
"""

import hashlib
import os
from pathlib import Path
from typing import Final

from edgeguard.store.trouble import DamageError

_MARK: Final = b"\nedgeguard copy, sha256 of all before this line: "
_HEX: Final = 64
_LENGTH: Final = len(_MARK) + _HEX + 1


def seal(path: Path) -> None:
    """Add the line to a file that is complete. OSError if the disk refuses."""
    digest = _digest(path, path.stat().st_size)
    with path.open("ab") as file:
        file.write(_MARK + digest.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def is_sealed(path: Path) -> bool:
    """Whether the file ends in a seal that fits it; False where it has none. DamageError where it does not fit."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - _LENGTH))
        line = file.read(_LENGTH)
    if not line.startswith(_MARK):
        return False
    if line[len(_MARK) :] != _digest(path, size - _LENGTH).encode() + b"\n":
        raise DamageError("it is not what it was when it was made: its SHA-256 is another")
    return True


def _digest(path: Path, count: int) -> str:
    """Of the first so many bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while count and (chunk := file.read(min(count, 1 << 20))):
            digest.update(chunk)
            count -= len(chunk)
    return digest.hexdigest()
