"""One pump's rules and counters: dry run, no flow, pressures, starts per hour, and the level of a sump. Pure.

The limits and what they rest on: core.pump_rules.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from edgeguard.core.clock import Stamp, passed_ms
from edgeguard.core.ids import BootId
from edgeguard.core.json_value import JsonValue
from edgeguard.core.limits import HOUR_MS
from edgeguard.core.rule_limits import STARTS_KEPT
from edgeguard.rules.counter import Counter
from edgeguard.rules.still import Turns
from edgeguard.rules.truth import Found, Inputs, Says, Truth, above, below, every, flag, number, some

STILL_RPM = 10.0
STILL_HZ = 0.5


@dataclass(frozen=True, slots=True)
class PumpMemory:
    """What is remembered of a pump. `starts_ms`: the starts of the last hour, oldest first, by boot time.

    `last`: the newest of them by all clocks, which tells the next boot how long ago they were.
    """

    turns: Counter = field(default_factory=Counter)
    starts_ms: tuple[int, ...] = ()
    last: Stamp | None = None

    @property
    def urgent(self) -> tuple[object, ...]:
        """What must be kept at once when it changes; the rest may wait a minute."""
        return self.turns.begun, self.turns.on, self.starts_ms

    def body(self) -> dict[str, JsonValue]:
        """What must survive a restart."""
        last = self.last
        told: JsonValue = None if last is None else [last.wall_ms, last.boot_ms, last.boot, last.synced]
        return {"turns": self.turns.body(), "starts": list(self.starts_ms), "last": told}

    def lasted(self, now: Stamp) -> "PumpMemory":
        """The memory at a moment up to which the pump has shown the same."""
        return PumpMemory(self.turns.lasted(now), self.starts_ms, self.last)

    def due_ms(self, now: Stamp) -> float:
        """When time alone may change what is found (boot time): the oldest start is an hour ago."""
        return self.starts_ms[0] + HOUR_MS if self.starts_ms else math.inf

    @classmethod
    def of(cls, body: Mapping[str, JsonValue]) -> "PumpMemory":
        """As kept."""
        turns = Counter.of(body.get("turns"))
        match body:
            case {"starts": [*starts], "last": [int(wall_ms), int(boot_ms), str(boot), bool(synced)]}:
                kept = tuple(at for at in starts if isinstance(at, int))[-STARTS_KEPT:]
                return cls(turns, kept, Stamp(wall_ms, boot_ms, BootId(boot), synced))
            case _:
                return cls(turns)

    def started(self, now: Stamp) -> "PumpMemory":
        """The memory with a start at this moment."""
        return replace(self, starts_ms=(*self.starts_ms, now.boot_ms)[-STARTS_KEPT:], last=now)

    def lately(self, now: Stamp) -> "PumpMemory":
        """The starts of the last hour alone, by the boot time of `now`: those of an earlier boot have negative ones."""
        if self.last is None:
            return self
        starts, last = self.starts_ms, self.last
        if last.boot != now.boot:
            last = now.before(passed_ms(last, now) / 1000)
            starts = tuple(at - self.last.boot_ms + last.boot_ms for at in starts)
        starts = tuple(at for at in starts if now.boot_ms - at < HOUR_MS)
        return replace(self, starts_ms=starts, last=last if starts else None)


def turning(inputs: Inputs) -> Truth:
    """Whether the pump turns: by its speed, else by its frequency, else by its word."""
    speed, hertz = number(inputs, "pump.speed"), number(inputs, "pump.frequency")
    if speed is not None:
        return abs(speed) > STILL_RPM
    return flag(inputs, "pump.running") if hertz is None else hertz > STILL_HZ


def step_pump(memory: PumpMemory, inputs: Inputs, limits: Mapping[str, float], now: Stamp) -> tuple[PumpMemory, Says]:
    """One round of one pump. `limits` holds those of the rules that are on."""
    turns = turning(inputs)
    after = memory.turns.look(turns, now)
    begins = after.begun > memory.turns.begun
    memory = replace(memory.lately(now), turns=after)
    memory = memory.started(now) if begins else memory
    starts = len(memory.starts_ms)
    dry = _dry(inputs, turns, limits)
    flow, bar = number(inputs, "pump.flow"), number(inputs, "pump.discharge-pressure")
    bar = number(inputs, "water.pressure") if bar is None else bar
    found = {
        "dry-run": Found(dry, number(inputs, "tank.level")),
        "no-flow": _unless(dry, Found(every(turns, below(flow, limits.get("no-flow", 0.0))), flow)),
        "low-pressure": _unless(dry, Found(below(bar, limits.get("low-pressure", 0.0)), _rounded(bar))),
        "high-pressure": Found(above(bar, limits.get("high-pressure", 0.0)), _rounded(bar)),
        "short-cycling": Found(starts > limits.get("short-cycling", 0.0) if turns is not None else None, float(starts)),
        "sump-high": _sump(inputs, limits),
    }
    figures = {
        "starts_counted": float(after.begun),
        "run_hours_counted": round(after.hours, 2),
        "starts_last_hour": float(starts),
    }
    return memory, Says(found, figures if _is_pump(inputs) else {})


TURNING: Final[Mapping[str, Turns]] = MappingProxyType({"pump.speed": (-STILL_RPM, STILL_RPM), "pump.frequency": (STILL_HZ,)})
"""Where `turning` may turn."""


def pump_edges(limits: Mapping[str, float]) -> Mapping[str, Turns]:
    """Of each number that is a measurement: where a finding may turn."""
    bars = (limits.get("low-pressure", 0.0), limits.get("high-pressure", 0.0))
    return {
        **TURNING,
        "pump.flow": (limits.get("no-flow", 0.0),),
        "pump.discharge-pressure": bars,
        "water.pressure": bars,
        "tank.level": (limits.get("dry-run", 0.0),),
        "sump.level": (limits.get("sump-high", 0.0),),
    }


def _is_pump(inputs: Inputs) -> bool:
    return any(role in inputs for role in ("pump.speed", "pump.frequency", "pump.running"))


def _unless(cause: Truth, effect: Found) -> Found:
    """What follows from a cause that is told already says nothing: it neither raises nor clears."""
    return Found(None, effect.value) if cause is True and effect.truth is True else effect


def _rounded(bar: float | None) -> float | None:
    return None if bar is None else round(bar, 3)


def _dry(inputs: Inputs, turns: Truth, limits: Mapping[str, float]) -> Truth:
    """The pump's own protection says so, or it turns with no water before it."""
    parts: list[Truth] = []
    if "pump.dry-run" in inputs:
        parts.append(flag(inputs, "pump.dry-run"))
    if "tank.level" in inputs and _is_pump(inputs):
        parts.append(every(turns, below(number(inputs, "tank.level"), limits.get("dry-run", 0.0))))
    return some(*parts)


def _sump(inputs: Inputs, limits: Mapping[str, float]) -> Found:
    parts: list[Truth] = []
    level = number(inputs, "sump.level")
    if "sump.high" in inputs:
        parts.append(flag(inputs, "sump.high"))
    if "sump.level" in inputs:
        parts.append(above(level, limits.get("sump-high", 0.0)))
    return Found(some(*parts), level)
