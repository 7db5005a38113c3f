"""A few bytes beside the database that remember the last numbers committed. Knows nothing of SQL.

SQLite takes a database without its -wal, or with one that is cut or broken, for a sound older one: numbers that the platform
has seen would then be given again to other items. The witness is written after commits and never synced: it may be older than the
database, by WITNESS_EVERY_S after a kill and by half a minute after a power cut, but never newer than what was durable.
"""

import os
import struct
import time
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edgeguard.core.ids import Epoch
from edgeguard.core.item import STREAMS, Stream
from edgeguard.core.limits import WITNESS_EVERY_S

_RECORD: Final = struct.Struct(">16s3Q")
"""Epoch in ASCII, last number of every stream in the order of STREAMS; a CRC-32 follows."""
_SUM: Final = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class Testimony:
    """What the file held when the witness last saw it."""

    epoch: Epoch
    last: Mapping[Stream, int]


def hear(path: Path) -> Testimony | None:
    """What the witness says; None if there is none or it cannot be believed."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        told = os.read(descriptor, _RECORD.size + _SUM.size)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    record = told[: _RECORD.size]
    if len(told) != _RECORD.size + _SUM.size or _SUM.unpack_from(told, _RECORD.size)[0] != zlib.crc32(record):
        return None
    epoch, *last = _RECORD.unpack(record)
    return Testimony(Epoch(epoch.decode("ascii", "replace")), dict(zip(STREAMS, last, strict=True)))


class Witness:
    """Writes into the file at `path`. A disk that does not let it is no trouble: the testimony is then older, or none."""

    def __init__(self, path: Path) -> None:
        self._seen_at = float("-inf")
        self._descriptor: int | None = None
        with suppress(OSError):
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)

    def see(self, epoch: Epoch, last: Mapping[Stream, int], *, at_once: bool = False) -> None:
        """These numbers are durable now. Often within a short time it is written once: each write makes the next sync dearer."""
        now = time.monotonic()
        if self._descriptor is not None and (at_once or now - self._seen_at >= WITNESS_EVERY_S):
            self._seen_at = now
            record = _RECORD.pack(epoch.encode(), *(last[stream] for stream in STREAMS))
            with suppress(OSError):
                os.pwrite(self._descriptor, record + _SUM.pack(zlib.crc32(record)), 0)

    def close(self) -> None:
        """Harmless when done already."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
