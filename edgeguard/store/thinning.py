"""Thinning: near the caps old telemetry loses most of its rows, so that the stretch of time it tells of need not be dropped.

What stays is chosen by a survey that is handed in, since the store does not know what is in an item; rows that stay keep number and
content, and a gap record tells which numbers of a range have gone. Runs on the desk's thread, in slices, between commits.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final, Protocol

from edgeguard.core.clock import Stamp
from edgeguard.core.ids import BootId
from edgeguard.core.item import Stream
from edgeguard.core.outbox_limits import (
    THIN_ABOVE_PARTS,
    THIN_GAIN_PARTS,
    THIN_SLICE_ROWS,
    THIN_STRETCH_MS,
    THIN_STRETCH_ROWS,
)
from edgeguard.store.ledger import Ledger
from edgeguard.store.retention import THINNED, Caps, filled, gaps_between

NEAR: Final = 1.0 - 1.0 / THIN_ABOVE_PARTS
"""The part of a cap above which telemetry is thinned."""
_T: Final = Stream.TELEMETRY
_SLICE_BYTES: Final = 1 << 22


class Survey(Protocol):
    """Sees the telemetry of one stretch of time, in order, and says which numbers stay (`rules.thinning.Extremes`)."""

    def see(self, seq: int, body: bytes) -> None:
        """The next item."""
        ...

    def kept(self) -> Collection[int]:
        """Numbers that stay, of those seen."""
        ...


@dataclass(slots=True)
class _Stretch:
    """Rows `first` to `through`, all of them seen: of one boot, within one of the periods of THIN_STRETCH_MS since its start."""

    ledger: Ledger
    key: tuple[BootId, int]
    survey: Survey
    first: int
    through: int

    @property
    def rows(self) -> int:
        """How many rows were seen."""
        return self.through - self.first + 1

    @property
    def untouched(self) -> bool:
        """None of the rows has been acknowledged or dropped meanwhile."""
        return list(self.ledger.streams[_T].holes(self.first, self.through)) == [(self.first, self.through)]


@dataclass(frozen=True, slots=True)
class Thinned:
    """`rows` have gone. `more`: it is worth another slice at once."""

    rows: int = 0
    more: bool = False


class Thinner:
    """Works its way through the telemetry, oldest first, while the outbox is fuller than it should be."""

    def __init__(self, survey: Callable[[], Survey]) -> None:
        self._survey = survey
        self._stretch: _Stretch | None = None

    def step(self, ledger: Ledger, caps: Caps, now: Stamp) -> Thinned:
        """Look at one slice of rows; where it ends a stretch, take out of that what need not stay, in one transaction.

        The stretch that the newest row belongs to is left for later.
        """
        if filled(ledger, caps) <= NEAR:
            self._stretch = None
            return Thinned()
        stretch = self._under_way(ledger)
        after = stretch.through if stretch else max(ledger.streams[_T].thinned, ledger.streams[_T].floor)
        rows = ledger.read(_T, after, THIN_SLICE_ROWS, _SLICE_BYTES, None)
        for row in rows:
            key = (row.at.boot, row.at.boot_ms // THIN_STRETCH_MS)
            if stretch is not None and (key != stretch.key or row.seq != stretch.through + 1 or stretch.rows >= THIN_STRETCH_ROWS):
                self._stretch = None
                return Thinned(_cut(stretch, now), more=True)
            if stretch is None:
                stretch = self._stretch = _Stretch(ledger, key, self._survey(), row.seq, row.seq)
            stretch.survey.see(row.seq, row.body)
            stretch.through = row.seq
        return Thinned(more=len(rows) == THIN_SLICE_ROWS)

    def _under_way(self, ledger: Ledger) -> _Stretch | None:
        """The stretch that was begun, unless something of it went meanwhile or it was of another file."""
        if self._stretch is not None and not (self._stretch.ledger is ledger and self._stretch.untouched):
            self._stretch = None
        return self._stretch


def _cut(stretch: _Stretch, now: Stamp) -> int:
    """Take out what need not stay and tell it; gives how many rows went. Nothing goes if it would be only a few."""
    ledger = stretch.ledger
    keep = sorted({stretch.first, stretch.through, *stretch.survey.kept()})
    if (stretch.rows - len(keep)) * THIN_GAIN_PARTS < stretch.rows:
        keep = list(range(stretch.first, stretch.through + 1))
    with ledger.transaction():
        before = ledger.streams[_T].rows
        ledger.thin(_T, keep)
        gone = before - ledger.streams[_T].rows
        if gone:
            ledger.append([gap.item(now) for gap in gaps_between(_T, THINNED, keep)])
    return gone
