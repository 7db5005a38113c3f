"""What the store can tell of itself: fill, rates, and how long it would hold if the uplink stayed away."""

from collections import deque
from dataclasses import dataclass
from pathlib import Path

from edgeguard.core.item import Backlog, Stream
from edgeguard.core.limits import RATE_BUCKET_MS, RATE_BUCKETS

_ROW_BYTES = 44
"""What a row costs beside its body: record header, times, running total, its share of the tree. Measured."""


@dataclass(frozen=True, slots=True)
class StoreFigures:
    """The outbox at one moment. Bytes and rows are present amounts, rates are per second over the last minutes.

    `used_bytes` (pages in use) is what `max_bytes` caps; `file_bytes` is the database with its -wal as the disk has it.
    `dropped` counts items lost since the start, numbered or not, `thinned` telemetry that gave way near the caps;
    `trouble` is the code of the trouble that lasts, if one does.
    """

    epoch: str
    file_bytes: int
    used_bytes: int
    rows: int
    max_bytes: int
    max_rows: int
    max_age_ms: int | None
    free_disk_bytes: int
    backlogs: tuple[Backlog, ...]
    pending_items: int
    rows_per_s: float
    bytes_per_s: float
    holds_s: float | None
    dropped: tuple[tuple[Stream, int], ...]
    thinned: int
    trouble: str | None
    last_error: str


class Rate:
    """Rows and bytes put, in buckets of boot time; forgets what is older than some minutes."""

    def __init__(self, boot_ms: int) -> None:
        self._begun_ms = boot_ms
        self._buckets: deque[tuple[int, int, int]] = deque(maxlen=RATE_BUCKETS)

    def count(self, boot_ms: int, rows: int, size: int) -> None:
        """So many rows of so many body bytes were committed now."""
        start = boot_ms - boot_ms % RATE_BUCKET_MS
        if self._buckets and self._buckets[-1][0] == start:
            _, held_rows, held_size = self._buckets.pop()
            rows, size = rows + held_rows, size + held_size
        self._buckets.append((start, rows, size))

    def per_second(self, boot_ms: int) -> tuple[float, float]:
        """Rows and body bytes per second."""
        oldest = max(boot_ms - RATE_BUCKET_MS * RATE_BUCKETS, self._begun_ms)
        counted = [(rows, size) for start, rows, size in self._buckets if start + RATE_BUCKET_MS > oldest]
        seconds = max((boot_ms - oldest) / 1000, 1.0)
        return sum(rows for rows, _ in counted) / seconds, sum(size for _, size in counted) / seconds


def holds_s(room_bytes: int, room_rows: int, rows_per_s: float, bytes_per_s: float) -> float | None:
    """Seconds until the first row would have to go, were nothing acknowledged; None if nothing comes."""
    if rows_per_s <= 0:
        return None
    return max(min(room_bytes / (bytes_per_s + rows_per_s * _ROW_BYTES), room_rows / rows_per_s), 0.0)


def file_bytes(database: Path) -> int:
    """Bytes of the database and its -wal on the disk; 0 for what is not there."""
    total = 0
    for path in (database, database.with_name(database.name + "-wal")):
        try:
            total += path.stat().st_size
        except OSError:
            continue
    return total
