"""Water's rules: the flow of the quietest night hour against the day's mean, and what fire water must have at any time. Pure.

The limits and what they rest on: core.water_rules.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo

from edgeguard.core.clock import Stamp
from edgeguard.core.json_value import JsonValue
from edgeguard.core.limits import HOUR_MS
from edgeguard.rules.still import Turns
from edgeguard.rules.truth import Found, Inputs, Says, Truth, below, flag, negated, number

NIGHT = range(2, 5)
"""Local hours that count as night."""
NIGHTS = 2
"""Nights in a row that must be bad."""
WHOLE_HOURS = 22
"""A day is judged if so many of its hours were seen from end to end."""
SEEN_MS = 15 * 60_000
"""An hour is seen from end to end if its first and last readings are within this of its ends."""
LEAP_MS = 60_000
"""A wall clock that is set by more than this spoils the hour that is being counted."""
TRIFLE_M3H = 0.02
"""A dripping tap: below this nothing is a leak."""


@dataclass(frozen=True, slots=True)
class Hour:
    """One clock hour being counted: the number of hours since 1970, when and at what volume it began, and the latest of both.

    `boot`, `offset_ms`: the boot of the latest reading and how far wall time was ahead of boot time; of this process alone.
    """

    number: int
    first_ms: int
    first_m3: float
    last_ms: int
    last_m3: float
    boot: str = ""
    offset_ms: int = 0

    def leapt(self, now: Stamp) -> bool:
        """The wall clock was set since the latest reading: what it shows from here on says nothing of how long the hour was."""
        return self.boot == now.boot and abs(now.wall_ms - now.boot_ms - self.offset_ms) >= LEAP_MS

    @property
    def m3h(self) -> float | None:
        """The mean flow, None if too little of the hour was seen or the counter ran back."""
        span_ms = self.last_ms - self.first_ms
        whole = self.first_ms - self.number * HOUR_MS <= SEEN_MS and (self.number + 1) * HOUR_MS - self.last_ms <= SEEN_MS
        if not whole or span_ms <= 0 or self.last_m3 < self.first_m3:
            return None
        return (self.last_m3 - self.first_m3) * HOUR_MS / span_ms


@dataclass(frozen=True, slots=True)
class WaterMemory:
    """What is remembered of a meter: the hour under way, the hours of this day, and how many nights in a row were bad.

    `counted_m3` integrates a flow where the meter gives no volume. `day` is the local day's ordinal; `percent` the last verdict.
    """

    hour: Hour | None = None
    day: int = 0
    flows_m3h: tuple[tuple[int, float], ...] = ()
    bad_nights: int = 0
    percent: float | None = None
    judged: bool = False
    counted_m3: float = 0.0
    flow_seen_ms: int | None = None

    @property
    def urgent(self) -> tuple[object, ...]:
        """What must be kept at once when it changes; the rest may wait a minute."""
        return self.flows_m3h, self.bad_nights, self.judged

    def due_ms(self, now: Stamp) -> float:
        """When time alone may change what is found (boot time): a clock hour has begun."""
        return now.boot_ms + HOUR_MS - now.wall_ms % HOUR_MS if self.hour is not None else math.inf

    def body(self) -> dict[str, JsonValue]:
        """What must survive a restart."""
        hour = self.hour
        return {
            "hour": None if hour is None else [hour.number, hour.first_ms, hour.first_m3, hour.last_ms, hour.last_m3],
            "day": self.day,
            "flows": [list(one) for one in self.flows_m3h],
            "nights": [self.bad_nights, self.percent, self.judged],
            "counted": self.counted_m3,
        }

    @classmethod
    def of(cls, body: Mapping[str, JsonValue]) -> "WaterMemory":
        """As kept."""
        match body:
            case {
                "hour": ([int(), int(), int() | float(), int(), int() | float()] | None) as hour,
                "day": int(day),
                "flows": [*flows],
                "nights": [int(bad), (float() | int() | None) as percent, bool(judged)],
                "counted": (float() | int()) as counted,
            }:
                known = tuple((int(one[0]), float(one[1])) for one in flows if isinstance(one, list) and len(one) == 2)
                begun = None if hour is None else Hour(int(hour[0]), int(hour[1]), float(hour[2]), int(hour[3]), float(hour[4]))
                return cls(begun, day, known[:25], bad, percent, judged, float(counted))
            case _:
                return cls()


def step_water(
    memory: WaterMemory, inputs: Inputs, limits: Mapping[str, float], now: Stamp, zone: tzinfo
) -> tuple[WaterMemory, Says]:
    """One round of one meter or of what watches the fire main. Nights are those of `zone`."""
    memory = _meter(memory, inputs, limits, now, zone)
    bar, level = number(inputs, "fire.pressure"), number(inputs, "fire.level")
    leaks: Truth = memory.bad_nights >= NIGHTS if memory.judged else None
    found = {
        "night-flow": Found(leaks, memory.percent),
        "fire-pressure-low": Found(below(bar, limits.get("fire-pressure-low", 0.0)), bar),
        "fire-level-low": Found(below(level, limits.get("fire-level-low", 0.0)), level),
        "fire-valve-closed": Found(negated(flag(inputs, "fire.valve-open"))),
        "fire-pump-running": Found(flag(inputs, "fire.pump-running")),
    }
    return memory, Says(found)


def water_edges(inputs: Inputs, limits: Mapping[str, float]) -> Mapping[str, Turns]:
    """Of each number that is a measurement: where a finding may turn.

    Of a volume only the last one of an hour counts, and the first of the next; a flow is added up whenever it moves.
    """
    meter: dict[str, Turns] = {"water.volume": (), "water.flow": ()} if "water.volume" in inputs else {}
    return meter | {
        "fire.pressure": (limits.get("fire-pressure-low", 0.0),),
        "fire.level": (limits.get("fire-level-low", 0.0),),
    }


def _meter(memory: WaterMemory, inputs: Inputs, limits: Mapping[str, float], now: Stamp, zone: tzinfo) -> WaterMemory:
    """Count the clock hours. While the clock is not set nobody knows which hours they are."""
    memory, volume = _volume(memory, inputs, now)
    if volume is None or not now.synced:
        return memory
    at, offset_ms = now.wall_ms // HOUR_MS, now.wall_ms - now.boot_ms
    hour = memory.hour
    goes_on = hour is not None and hour.number == at
    if hour is not None and goes_on and now.wall_ms >= hour.last_ms and not hour.leapt(now):
        latest = Hour(hour.number, hour.first_ms, hour.first_m3, now.wall_ms, volume, now.boot, offset_ms)
        return replace(memory, hour=latest)
    if hour is not None and not goes_on:
        memory = _end_hour(memory, hour, limits, zone)
    return replace(memory, hour=Hour(at, now.wall_ms, volume, now.wall_ms, volume, now.boot, offset_ms))


def _volume(memory: WaterMemory, inputs: Inputs, now: Stamp) -> tuple[WaterMemory, float | None]:
    """The meter's volume, else its flow added up."""
    if "water.volume" in inputs:
        return memory, number(inputs, "water.volume")
    flow = number(inputs, "water.flow")
    if flow is None:
        return replace(memory, flow_seen_ms=None), None
    step_ms = 0 if memory.flow_seen_ms is None else now.boot_ms - memory.flow_seen_ms
    counted = memory.counted_m3 + (max(0.0, flow) * step_ms / HOUR_MS if 0 < step_ms <= SEEN_MS else 0.0)
    return replace(memory, counted_m3=counted, flow_seen_ms=now.boot_ms), counted


def _end_hour(memory: WaterMemory, hour: Hour, limits: Mapping[str, float], zone: tzinfo) -> WaterMemory:
    """An hour is over: it joins its day, and a day that is over is judged."""
    begun = datetime.fromtimestamp(hour.number * HOUR_MS / 1000, zone)
    day = begun.toordinal()
    if day != memory.day:
        memory = replace(_judge(memory, limits), day=day, flows_m3h=())
    flow = hour.m3h
    return memory if flow is None else replace(memory, flows_m3h=(*memory.flows_m3h, (begun.hour, flow))[-25:])


def _judge(memory: WaterMemory, limits: Mapping[str, float]) -> WaterMemory:
    flows = [flow for _, flow in memory.flows_m3h]
    night = [flow for hour, flow in memory.flows_m3h if hour in NIGHT]
    if len(flows) < WHOLE_HOURS or len(night) < len(NIGHT):
        return memory
    least, mean = min(night), sum(flows) / len(flows)
    percent = 100.0 * least / mean if mean > 0.0 else 0.0
    bad = percent > limits.get("night-flow", 100.0) and least > TRIFLE_M3H
    return replace(memory, bad_nights=memory.bad_nights + 1 if bad else 0, percent=round(percent, 1), judged=True)
