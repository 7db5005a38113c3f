"""How much can have flowed through a meter between two moments: what a reading is believed by. Pure."""

from typing import Final

from edgeguard.core.clock import Stamp
from edgeguard.core.metering import MeterSpec

HOUR_MS: Final = 3_600_000
_AT_LEAST_MS: Final = 60_000
"""A counter that shows its steps late may step by what flows in so long."""


def elapsed_ms(start: Stamp, end: Stamp) -> int:
    """Time between two moments: by the boot clock within a boot, else by the wall, never negative."""
    if start.boot == end.boot:
        return max(end.boot_ms - start.boot_ms, 0)
    return max(end.wall_ms - start.wall_ms, 0)


def possible(meter: MeterSpec, since: Stamp, at: Stamp) -> int:
    """The most that can have flowed since the counter last moved. Another boot whose clock is not known: there is no bound."""
    if since.boot != at.boot and not (since.synced and at.synced):
        return 24 * 366 * meter.max_rate
    return possible_in(meter, elapsed_ms(since, at))


def possible_in(meter: MeterSpec, ms: int) -> int:
    """The most that can have flowed in so many ms."""
    return meter.max_rate * max(ms, _AT_LEAST_MS) // HOUR_MS + 2 * meter.resolution
