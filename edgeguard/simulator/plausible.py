"""Values for points that no physics stands behind: within the point's range, beside every alarm, slowly moving, counters growing.

Each point gets a course by its unit, its name, and what its profile expects of it; the same seed gives the same course.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from edgeguard.core.alarm import Condition
from edgeguard.core.identify import Expectation
from edgeguard.core.point import Kind, Point, Value
from edgeguard.core.profile import AlarmTemplate, DeviceProfile
from edgeguard.simulator.chance import fork

Course = Callable[[float], Value]
"""A point's value at a number of seconds since the simulation began. For enumerations it is the number."""

HOUR_S: Final = 3600.0
_NOMINAL: Final[Mapping[str, float]] = MappingProxyType(
    {
        "V": 230.0, "Hz": 50.0, "A": 12.0, "kW": 3.0, "W": 900.0, "kvar": 0.8, "kVA": 3.1, "%": 45.0, "bar": 4.8, "kPa": 350.0,
        "MPa": 0.35, "°C": 38.0, "m": 1.6, "m3/h": 2.4, "m³/h": 2.4, "L/h": 240.0, "rpm": 1480.0, "m/s": 1.75, "min": 42.0,
    }
)  # fmt: skip
_BY_NAME: Final[tuple[tuple[str, float], ...]] = (
    (r"^decimals$", 2.0),
    (r"dc_(bus|link)", 540.0),
    (r"_l\d_l\d|line_voltage", 398.0),
    (r"battery[a-z0-9_]{0,20}voltage", 26.8),
    (r"supply_temperature|flow_temperature", 62.0),
    (r"return_temperature", 41.0),
    (r"charge|fuel", 88.0),
    (r"power_factor", 0.93),
    (r"thd|distortion", 2.2),
    (r"faulty|fault_count|faults|fires|shields|alarm_code|fault_code|error|warning_code|alarm_word|warning_word", 0.0),
    (r"export|reverse", 0.0),
)
_SCALE: Final[Mapping[str, float]] = MappingProxyType({"range_low": 0.0, "range_high": 2.5})
"""The ends of a transmitter's range, as a share of what it usually measures; they do not move."""
_COUNTER_UNITS: Final[Mapping[str, float]] = MappingProxyType(
    {
        "kWh": 3.0, "MWh": 0.003, "Wh": 3000.0, "kvarh": 0.8, "kVAh": 3.1, "m3": 0.4, "m³": 0.4, "GJ": 0.02, "MJ": 20.0,
        "h": 1.0, "d": 1 / 24,
    }
)  # fmt: skip
"""Units of counters, and how much they grow in an hour."""
_COUNTER_NAME: Final = re.compile(
    r"(^|_)(starts|count|trips|transfers|operating_time|running_time|power_on_time|run_hours|energy)(_|$)"
)
_TRUE_NAME: Final = re.compile(
    r"(^|_)(ready|running|on_mains|closed|normal|good|at_reference|remote_control|remote_access|healthy)(_|$)"
)
_STATES: Final = (
    r"normal", r"no (fault|alarm|error|warning|trip)", r"none", r"\bok\b", r"healthy", r"automatic|auto\b", r"mains|supply 1",
    r"running|forward|on line|online", r"\bon\b", r"idle|ready|stopped|stop|off|closed",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Room:
    """Where a number may go: from `low` to `high`; `fixed` if it must be one number, `beside` what it must not be."""

    low: float
    high: float
    fixed: float | None = None
    beside: tuple[float, ...] = ()


def courses(profile: DeviceProfile, seed: int) -> tuple[Course, ...]:
    """A course for each of the profile's points."""
    expected = {rule.point: rule for rule in profile.identify.expect}
    return tuple(
        course(point, [alarm for alarm in profile.alarms if alarm.point == point.name], expected.get(point.name), seed * 1_009 + i)
        for i, point in enumerate(profile.points)
    )


def course(point: Point, alarms: Sequence[AlarmTemplate], expected: Expectation | None, seed: int) -> Course:
    """One point's course."""
    if point.kind is Kind.BOOLEAN:
        state = _truth(point, alarms, expected)
        return lambda _: state
    if point.kind is Kind.TEXT:
        if not point.choices:
            text = f"{seed % 1_000_000:06d}"
            return lambda _: text
        number = _choice(point, alarms, expected)
        return lambda _: number
    return _number(point, _room(point, alarms, expected), expected, seed)


def _truth(point: Point, alarms: Sequence[AlarmTemplate], expected: Expectation | None) -> bool:
    for alarm in alarms:
        if isinstance(alarm.limit, bool):
            return alarm.limit if alarm.condition is Condition.DIFFERS else not alarm.limit
    if expected is not None and expected.among:
        return bool(expected.among[0])
    return _TRUE_NAME.search(point.name) is not None


def _choice(point: Point, alarms: Sequence[AlarmTemplate], expected: Expectation | None) -> int:
    """The number of a state in which a healthy device is, and in which no alarm is."""
    texts = {number: labels.en for number, labels in point.choices.items()}
    for alarm in alarms:
        if alarm.condition is Condition.DIFFERS:
            texts = {number: text for number, text in texts.items() if text == alarm.limit} or texts
        elif alarm.condition is Condition.EQUALS:
            texts = {number: text for number, text in texts.items() if text != alarm.limit} or texts
    if expected is not None and expected.among:
        texts = {number: text for number, text in texts.items() if text in expected.among} or texts
    for pattern in _STATES:
        for number, text in texts.items():
            if re.search(pattern, text, re.IGNORECASE):
                return number
    return next(iter(texts))


def _room(point: Point, alarms: Sequence[AlarmTemplate], expected: Expectation | None) -> Room:
    low = -math.inf if point.minimum is None else point.minimum
    high = math.inf if point.maximum is None else point.maximum
    if expected is not None:
        low = low if expected.minimum is None else max(low, expected.minimum)
        high = high if expected.maximum is None else min(high, expected.maximum)
    fixed, beside = None, []
    for alarm in alarms:
        if isinstance(alarm.limit, bool | str) or alarm.limit is None:
            continue
        if alarm.condition is Condition.HIGH:
            high = min(high, alarm.limit - alarm.hysteresis)
        elif alarm.condition is Condition.LOW:
            low = max(low, alarm.limit + alarm.hysteresis)
        elif alarm.condition is Condition.DIFFERS:
            fixed = float(alarm.limit)
        elif alarm.condition is Condition.EQUALS:
            beside.append(float(alarm.limit))
    return Room(low, max(low, high), fixed, tuple(beside))


def _number(point: Point, room: Room, expected: Expectation | None, seed: int) -> Course:
    if room.fixed is not None:
        fixed = room.fixed
        return lambda _: fixed
    if point.name in _SCALE:
        end = min(room.high, max(room.low, _SCALE[point.name] * _NOMINAL.get(point.unit, 1.0)))
        return lambda _: end
    first, chance = fork(seed, 21).uniform()
    pace, _ = chance.uniform()
    nominal = _nominal(point)
    counts = expected is not None and expected.never_falls
    if nominal is None and (counts or point.unit in _COUNTER_UNITS or _COUNTER_NAME.search(point.name)):
        return _counter(point, room, first)
    middle = _middle(nominal if nominal is not None else _NOMINAL.get(point.unit, 1.0), room)
    while middle in room.beside:
        middle += 1.0
    swing = 0.0 if nominal == 0.0 else min(0.02 * abs(middle), 0.5 * (middle - room.low), 0.5 * (room.high - middle))
    period_s = 240.0 + 900.0 * pace
    if room.beside:
        swing = 0.0
    return lambda t_s: middle + swing * math.sin(2.0 * math.pi * (t_s / period_s + first))


def _nominal(point: Point) -> float | None:
    return next((value for pattern, value in _BY_NAME if re.search(pattern, point.name)), None)


def _middle(nominal: float, room: Room) -> float:
    """The nominal value if it lies well within, else the middle, else what is beside the one limit that there is."""
    margin = 0.02 * (room.high - room.low) if math.isfinite(room.high - room.low) else 0.0
    if room.low + margin <= nominal <= room.high - margin or nominal in (room.low, room.high) == (0.0, 0.0):
        return nominal
    if nominal == 0.0 == room.low:
        return 0.0
    if math.isfinite(room.high - room.low):
        return (room.low + room.high) / 2.0
    if math.isfinite(room.low):
        return room.low + max(1.0, abs(room.low))
    return room.high - max(1.0, abs(room.high))


def _counter(point: Point, room: Room, first: float) -> Course:
    """Grows for ever, and begins anew long before it would leave its room."""
    low = max(room.low, 0.0)
    high = min(room.high, 1e6) if room.high > low else low + 1.0
    start = low + (high - low) * (0.05 + 0.3 * first)
    per_s = _COUNTER_UNITS.get(point.unit, 2.0) / HOUR_S
    reach = 0.9 * (high - start)
    return lambda t_s: start + (t_s * per_s) % reach
