"""Who is before a gate camera, for a process that takes over from one that was killed: who still stands there keeps its id.

Beside the control socket, in memory: gone with the boot, and no disk is waited for. Plates are named by a hash under a key of the
file, and forgotten soon after they have left.
"""

import contextlib
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import orjson

from edgeguard.core.camera import PlateShape
from edgeguard.core.camera_limits import PASS_MAX_TOLD, STANDS_MS
from edgeguard.core.clock import Stamp
from edgeguard.core.ids import BootId
from edgeguard.core.plate_shape import shaped

_KEY_BYTES: Final = 32
_WRITE_MS: Final = 1000


@dataclass(frozen=True, slots=True)
class Stood:
    """A vehicle: its id, its first moment, when it was last there (boot ms), and whether its pass has been told."""

    id: str
    first: Stamp
    last_ms: int
    told: bool


class Standing:
    """The vehicles of one camera by their texts, in `file`; a file that cannot be read or written costs this only."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._key = os.urandom(_KEY_BYTES)
        self._here: dict[str, Stood] = {}
        """By the hash of the text."""
        self._before: dict[str, Stood] = {}
        """Those of an earlier process that have not been met again."""
        self._before_key = b""
        self._written_ms = 0
        self._changed = False

    def recall(self) -> None:
        """What an earlier process has left."""
        if self._file is None:
            return
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            said = orjson.loads(self._file.read_bytes())
            self._before = {name: _stood(one) for name, one in said["here"].items()}
            self._before_key = bytes.fromhex(said["key"])

    def taken_over(self, text: str, first: Stamp) -> Stood | None:
        """The vehicle of this text that an earlier process has seen, if this one met it at `first` and so soon that it has stayed;
        once."""
        stood = self._before.pop(_hash(text, self._before_key), None) if self._before_key else None
        lately = stood is not None and stood.first.boot == first.boot and first.boot_ms - stood.last_ms <= STANDS_MS
        return stood if lately else None

    def put(self, text: str, identity: str, first: Stamp, now: Stamp, *, told: bool) -> None:
        """It is here."""
        name = _hash(text, self._key)
        told = told or (name in self._here and self._here[name].told)
        self._here[name] = Stood(identity, first, now.boot_ms, told)
        self._changed = True

    def drop(self, text: str) -> None:
        """It has turned back: when it comes again, that is another pass."""
        self._changed = self._here.pop(_hash(text, self._key), None) is not None or self._changed

    def keep(self, here: set[str], now: Stamp) -> None:
        """These are here still. Written when something changes, and once a second."""
        for name in {_hash(text, self._key) for text in here} & self._here.keys():
            self._here[name] = replace(self._here[name], last_ms=now.boot_ms)
        gone = [name for name, one in self._here.items() if now.boot_ms - one.last_ms > STANDS_MS]
        for name in gone:
            del self._here[name]
        due = self._here and now.boot_ms - self._written_ms >= _WRITE_MS
        # What an earlier process has left lies there until it is too old: this one may be killed before it has read anybody.
        waits = any(now.boot_ms - one.last_ms <= STANDS_MS and one.first.boot == now.boot for one in self._before.values())
        if (self._changed or gone or due) and (self._here or not waits):
            self._write()
            self._changed, self._written_ms = False, now.boot_ms

    def _write(self) -> None:
        if self._file is None:
            return
        with contextlib.suppress(OSError):
            if not self._here:
                self._file.unlink(missing_ok=True)
                return
            partial = self._file.with_name(f".{self._file.name}.partial")
            newest = tuple(self._here.items())[-PASS_MAX_TOLD:]
            body = orjson.dumps({"key": self._key.hex(), "here": {name: _told(one) for name, one in newest}})
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "wb") as opened:
                opened.write(body)
            partial.replace(self._file)


def _hash(text: str, key: bytes) -> str:
    return shaped(text, PlateShape.HASHED, key)


def _told(one: Stood) -> list[Any]:
    return [one.id, one.first.wall_ms, one.first.boot_ms, one.first.boot, one.first.synced, one.last_ms, one.told]


def _stood(said: Any) -> Stood:
    identity, wall_ms, boot_ms, boot, synced, last_ms, told = said
    return Stood(str(identity), Stamp(int(wall_ms), int(boot_ms), BootId(str(boot)), bool(synced)), int(last_ms), bool(told))
