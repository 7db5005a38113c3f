"""Checksums of rows: whatever a disk has turned within a row is found, even where it leaves a sentence that can be read.

The items of a stream, each with a comma in front, are one long text. The sums of a row are the CRC-32 of that text before the row
and behind it: so a row is proven by itself, and rows in a run by one CRC of their items as a message joins them. Both are mixed
with a CRC of what else the row says (number, boot, times, form) and of whose it is: a row under another number, with another
time, of another stream or another outbox does not fit. Pure; knows no SQLite.
"""

import struct
import zlib
from typing import Final

from edgeguard.core.ids import Epoch
from edgeguard.core.item import Stream

Beside = tuple[int, int, int, int, int]
"""What a row says beside its item: seq, boot, wall_ms, boot_ms, synced."""
_BESIDE: Final = struct.Struct("<5q")
_BOTH: Final = (1 << 32) + 1
_CRC: Final = (1 << 32) - 1
_LEAST: Final = -(1 << 63)
"""Of SQLite's integers, which have a sign."""


def follow(crc: int, items: bytes | memoryview) -> int:
    """The CRC behind these items (one, or several with commas between), given the one before them.

    Python's lock is let go meanwhile if they are large.
    """
    return zlib.crc32(items, zlib.crc32(b",", crc))


class Sums:
    """The sums of one stream's rows in one outbox."""

    def __init__(self, epoch: Epoch, stream: Stream) -> None:
        self.start = zlib.crc32(f"{epoch}/{stream}".encode())
        """The CRC before the first item."""

    def of(self, beside: Beside, before: int, item: bytes) -> tuple[int, int]:
        """What is kept with a row, and the CRC behind its item, given the one before it."""
        behind = zlib.crc32(item, zlib.crc32(b",", before))
        mix = zlib.crc32(_BESIDE.pack(*beside), self.start) * _BOTH  # `_mix` without a call: every item pays for this line
        return ((before << 32 | behind) ^ mix) + _LEAST, behind

    def ends(self, beside: Beside, sums: int) -> tuple[int, int]:
        """The CRC before a row and behind it, as its sums have them. ValueError if it says what no row can."""
        both = sums - _LEAST ^ self._mix(beside)
        return both >> 32, both & _CRC

    def fit(self, beside: Beside, sums: object, item: bytes) -> bool:
        """Whether a row is as it was written. ValueError as `ends`."""
        if not isinstance(sums, int):
            return False
        before, behind = self.ends(beside, sums)
        return follow(before, item) == behind

    def _mix(self, beside: Beside) -> int:
        try:
            return zlib.crc32(_BESIDE.pack(*beside), self.start) * _BOTH
        except struct.error as error:
            raise ValueError(str(error)) from error
