"""Where the streams stand, as the ledger has it in memory; rows and marks in the file say the same."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from edgeguard.core.ids import BootId
from edgeguard.core.intervals import Intervals, Span


@dataclass(frozen=True, slots=True)
class StreamState:
    """Where a stream stands: rows `first` to `last` are in the table; those through `floor` are only not yet removed.

    `done` are the numbers above the floor that are acknowledged or parked; `total` counts the body bytes of all numbers ever given.
    `crc` is the CRC behind the item of `last` (see `sums`).
    Of the numbers through `thinned` (whose row is there, as that of `first` is) `missing` have no row any more: they are done, and
    their bodies had `missing_bytes`. Above it every number has its row.
    """

    floor: int = 0
    first: int = 1
    last: int = 0
    total: int = 0
    done: Intervals = field(default_factory=Intervals)
    thinned: int = 0
    missing: int = 0
    missing_bytes: int = 0
    crc: int = 0

    def grown(self, last: int, total: int, crc: int) -> "StreamState":
        """With more rows behind the last; a third of what `dataclasses.replace` costs, once in every commit."""
        return StreamState(self.floor, self.first, last, total, self.done, self.thinned, self.missing, self.missing_bytes, crc)

    @property
    def rows(self) -> int:
        """Rows in the table, done or not."""
        return self.last - self.first + 1 - self.missing

    @property
    def removable(self) -> int:
        """Numbers from the first row on that nobody needs."""
        return self.floor - self.first + 1

    def holes(self, first: int = 1, last: int | None = None) -> Iterator[Span]:
        """The parts of `first` to `last` that are still to be delivered."""
        return self.done.holes(max(first, self.floor + 1), self.last if last is None else min(last, self.last))


@dataclass(frozen=True, slots=True)
class Boot:
    """A run of rows of one boot; `offset_ms` is wall clock minus boot clock, None while that is unknown."""

    run: int
    name: BootId
    offset_ms: int | None
