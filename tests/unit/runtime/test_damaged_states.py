"""What rules remember is read by the daemon when it starts: a state that was damaged costs itself, never the start."""

import random
from collections.abc import Callable
from typing import Final

import orjson
import pytest

from edgeguard.rules.throws import recall
from edgeguard.runtime.alarm_memory import flood_of
from edgeguard.runtime.rates_kept import RatesKept
from edgeguard.testing.clock import FakeClock

CLOCK: Final = FakeClock()
NOW: Final = CLOCK.now()
STAMP: Final = [NOW.wall_ms, NOW.boot_ms, NOW.boot, True]
SEEN: Final = {"camera": "c", "id": "i", "at": STAMP, "duration_ms": 3, "column": 1, "floor": None, "facts": {}}


def flood(body: bytes) -> object:
    return flood_of(body, NOW)


def rates(body: bytes) -> object:
    rates = RatesKept(CLOCK)
    rates.known({"pump-1.setpoint": body})
    return rates.earlier("pump-1.setpoint")


def throws(body: bytes) -> object:
    return recall([body])


WRONG: Final[tuple[object, ...]] = (None, "x", [None], {})
SOUND: Final[dict[Callable[[bytes], object], dict[str, object]]] = {
    flood: {"came_ms": [1, 2], "boot": NOW.boot, "kept_back": 3},
    rates: {"boot": NOW.boot, "wall_ms": NOW.wall_ms, "boot_ms": NOW.boot_ms, "synced": True, "at_ms": [1, 2]},
    throws: {"side": "s", "id": "i", "came": STAMP, "told": None, "news": False, "alarm": "", "seen": [SEEN]},
}


@pytest.mark.parametrize("read", SOUND, ids=lambda read: read.__name__)
def test_a_damaged_state_is_no_reason_not_to_start(read: Callable[[bytes], object]) -> None:
    sound = orjson.dumps(SOUND[read])
    chance = random.Random(1)
    bodies = [b"null", b"[]", b"{}", b"1", b"\xff", sound[:-9]]
    bodies += [orjson.dumps({**SOUND[read], key: other}) for key in SOUND[read] for other in WRONG]
    for _ in range(200):
        flipped = bytearray(sound)
        flipped[chance.randrange(len(flipped))] ^= 1 << chance.randrange(8)
        bodies.append(bytes(flipped))
    for body in bodies:
        read(body)


def test_a_limit_whose_memory_was_damaged_counts_as_just_reached() -> None:
    """Forgetting it would let a pump start again at once."""
    assert rates(b"{") == (NOW.boot_ms,)
