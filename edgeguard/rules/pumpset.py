"""A pump set as a whole: no pump left, pumps that do not take turns, water that runs back while nobody uses any. Pure.

The limits and what they rest on: core.pump_rules.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from edgeguard.core.clock import Stamp
from edgeguard.core.json_value import JsonValue
from edgeguard.core.limits import DAY_MS, HOUR_MS
from edgeguard.core.rule_limits import RUN_GAP_MS
from edgeguard.rules.pump import TURNING, turning
from edgeguard.rules.still import Turns
from edgeguard.rules.truth import Found, Inputs, Says, Truth, below, every, flag, negated, number, some

WEEK_DAYS = 7
LEAST_DAYS = 3
LEAST_RUN_MS = 48 * HOUR_MS
"""Before so many days and so much run time nothing is said of how pumps share it."""
REST_MS = 10 * 60_000
NO_USE_M3H = 0.02


@dataclass(frozen=True, slots=True)
class SetMemory:
    """What is remembered of a set. `days`: (day number, ms of run time by pump), oldest first; `seen_ms`: the last look.

    `rest_bar`, `rest_ms`: pressure and boot time when the present rest without use began.
    """

    days: tuple[tuple[int, tuple[int, ...]], ...] = ()
    seen_ms: int | None = None
    rest_bar: float | None = None
    rest_ms: int | None = None
    leaking: bool = False

    @property
    def urgent(self) -> tuple[object, ...]:
        """What must be kept at once when it changes; the rest may wait a minute."""
        return (self.leaking,)

    def body(self) -> dict[str, JsonValue]:
        """What must survive a restart."""
        return {"days": [[day, [ms - ms % 60_000 for ms in run]] for day, run in self.days], "leaking": self.leaking}

    def due_ms(self, now: Stamp) -> float:
        """When time alone may change what is found (boot time): another day has begun, a rest has lasted long enough."""
        midnight_ms = now.boot_ms + DAY_MS - now.wall_ms % DAY_MS
        return midnight_ms if self.rest_ms is None else min(midnight_ms, max(self.rest_ms + REST_MS, now.boot_ms))

    @classmethod
    def of(cls, body: Mapping[str, JsonValue]) -> "SetMemory":
        """As kept."""
        days = body.get("days")
        kept = tuple(one for entry in days if (one := _day(entry))) if isinstance(days, list) else ()
        return cls(kept[-WEEK_DAYS - 1 :], leaking=body.get("leaking") is True)


def _day(entry: object) -> tuple[int, tuple[int, ...]] | None:
    match entry:
        case [int(day), [*run]]:
            kept = tuple(ms for ms in run if isinstance(ms, int) and ms >= 0)
            return (day, kept) if len(kept) == len(run) else None
        case _:
            return None


def step_set(
    memory: SetMemory, pumps: Sequence[Inputs], shared: Inputs, limits: Mapping[str, float], now: Stamp
) -> tuple[SetMemory, Says]:
    """One look at a set: `pumps` in the order of the configuration, `shared` the sensors beside them."""
    turns = [turning(pump) for pump in pumps]
    memory = _count(memory, turns, now)
    memory = _rest(memory, turns, shared, limits, now)
    out = every(*(_out(pump) for pump in pumps))
    dry = every(*(flag(pump, "pump.dry-run") if "pump.dry-run" in pump else False for pump in pumps))
    found = {
        "all-out": Found(None if out and dry else out),
        "alternation": _shares(memory, len(pumps), limits),
        "check-valve": Found(memory.leaking),
    }
    return memory, Says(found)


def set_edges(memory: SetMemory, limits: Mapping[str, float]) -> Mapping[str, Turns]:
    """Of each number that is a measurement: where a finding may turn."""
    fall = limits.get("check-valve", math.inf)
    bars = () if memory.rest_bar is None else (memory.rest_bar - fall,)
    return {**TURNING, "supply.flow": (NO_USE_M3H,), "pump.discharge-pressure": bars, "water.pressure": bars}


def _out(pump: Inputs) -> Truth:
    """The pump cannot be had."""
    return some(*(flag(pump, role) for role in ("pump.fault", "pump.unavailable") if role in pump))


def _count(memory: SetMemory, turns: Sequence[Truth], now: Stamp) -> SetMemory:
    step_ms = 0 if memory.seen_ms is None else now.boot_ms - memory.seen_ms
    memory = replace(memory, seen_ms=now.boot_ms)
    if not 0 < step_ms <= RUN_GAP_MS or not now.synced:
        return memory
    today = now.wall_ms // DAY_MS
    days = [(day, run) for day, run in memory.days if today - WEEK_DAYS < day <= today and len(run) == len(turns)]
    last = days.pop()[1] if days and days[-1][0] == today else (0,) * len(turns)
    run = tuple(ms + (step_ms if turn else 0) for ms, turn in zip(last, turns, strict=True))
    return replace(memory, days=(*days, (today, run)))


def _shares(memory: SetMemory, pumps: int, limits: Mapping[str, float]) -> Found:
    """The largest share of one pump in the week's run time, in per cent."""
    weeks = [run for _, run in memory.days if len(run) == pumps]
    totals = [sum(day) for day in zip(*weeks, strict=True)] if weeks else []
    if len(weeks) < LEAST_DAYS or sum(totals) < LEAST_RUN_MS:
        return Found(None)
    percent = round(100.0 * max(totals) / sum(totals), 1)
    return Found(percent > limits.get("alternation", 100.0), percent)


def _rest(memory: SetMemory, turns: Sequence[Truth], shared: Inputs, limits: Mapping[str, float], now: Stamp) -> SetMemory:
    """Watch the pressure while no pump turns and nobody uses water; the finding stands until a rest without a fall has passed."""
    bar = number(shared, "pump.discharge-pressure")
    bar = number(shared, "water.pressure") if bar is None else bar
    rests = every(*(negated(turn) for turn in turns), below(number(shared, "supply.flow"), NO_USE_M3H))
    if rests is not True or bar is None:
        return replace(memory, rest_bar=None, rest_ms=None)
    if memory.rest_bar is None or memory.rest_ms is None:
        return replace(memory, rest_bar=bar, rest_ms=now.boot_ms)
    if memory.rest_bar - bar > limits.get("check-valve", float("inf")):
        return replace(memory, leaking=True, rest_bar=bar, rest_ms=now.boot_ms)
    if now.boot_ms - memory.rest_ms >= REST_MS:
        return replace(memory, leaking=False, rest_bar=bar, rest_ms=now.boot_ms)
    return memory
