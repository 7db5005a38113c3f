"""Simulated devices: what their points read, round by round, as a poll of a real one of that profile would.

Only the rounds that matter are made (around trips and starts each second or two, else every half hour): what happens in
between would be read, and change nothing. Points, units and resolutions are those of the profiles named.
"""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

from hint_world import Decay, World, quantised

from edgeguard.core.alarm import AlarmRule, Condition, Severity
from edgeguard.core.ids import AlarmName, DeviceName, PointName
from edgeguard.core.maintenance import HintKind
from edgeguard.core.point import Kind, Labels, Outcome, Point, RoleUse
from edgeguard.core.quality import Fault, Reason

DEVICE = DeviceName("d")
TIMEOUT = Fault(Reason.TIMEOUT)
Read = tuple[float, tuple[Outcome, ...], float | None]
"""Seconds from the beginning, what each point read, degrees around the device (None: nobody tells)."""


def point(name: str, role: str, unit: str = "", flag: bool = False) -> Point:
    """A point with a meaning."""
    kind = Kind.BOOLEAN if flag else Kind.NUMBER
    return Point(PointName(name), kind, Labels(name, name), unit, roles=(RoleUse(role),) if role else ())


def alarm(name: str, limit: float, condition: Condition = Condition.HIGH) -> AlarmRule:
    """A limit alarm on a point of the device."""
    return AlarmRule(
        AlarmName(f"d.{name}"), DEVICE, condition, Severity.MINOR, Labels(name, name), PointName(name), limit
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ailing:
    """Which quantity goes, and how; None for a healthy device."""

    kind: HintKind | None
    decay: Decay

    def progress(self, kind: HintKind, day: float) -> float:
        """How far a quantity has gone."""
        return self.decay.progress(day) if kind is self.kind else 0.0


def hours(world: World) -> Iterator[tuple[int, int]]:
    """Day and hour of everything that is read."""
    for day in range(world.days):
        if world.stands(day):
            continue
        for hour in range(24):
            if day * 24 + hour not in world.gaps:
                yield day, hour


# --- a lift with both ends of its door told (inovance-nice3000plus), and a levelling offset from a sensor of the site

LIFT_POINTS = (
    point("door_fully_open_1", "lift.door-open", flag=True),
    point("door_fully_closed_1", "lift.door-closed", flag=True),
    point("moving", "lift.travelling", flag=True),
    point("output_current", "lift.current", "A"),
    point("car_load", "lift.load", "%"),
    point("levelling", "lift.levelling-offset", "mm"),
)


def lift_reads(world: World, ailing: Ailing) -> Iterator[Read]:
    """Trips by the hour, each with its start, its stop, and the door opening and closing, polled each `period` seconds."""
    rng = random.Random(world.seed * 31 + 5)
    period = rng.choice((1.0, 1.0, 1.0, 1.5, 2.0))
    trips = rng.uniform(24, 48)
    close_s, open_s, amps = rng.uniform(2.6, 3.8), rng.uniform(2.0, 3.0), rng.uniform(14, 24)
    offset_mm = rng.gauss(0, 1.5)
    for day, hour in hours(world):
        rate = trips / 24 * world.use(day, hour)
        times = sorted(rng.uniform(0, 3600) for _ in range(_poisson(rng, rate)))
        stack = 1.0 + 0.002 * max(0.0, 15 - world.outside_c(day, hour))
        slower = 1.08 if world.benign.setpoint_day is not None and day >= world.benign.setpoint_day else 1.0
        for begin in times:
            at = day + (hour + begin / 3600) / 24
            yield from _trip(
                rng, at * 86_400, period,
                close_s * stack * slower * (1 + 0.4 * ailing.progress(HintKind.DOOR_CLOSE_TIME, at)) * rng.gauss(1, 0.025),
                open_s * (1 + 0.4 * ailing.progress(HintKind.DOOR_OPEN_TIME, at)) * rng.gauss(1, 0.02),
                amps * (1 + 0.25 * ailing.progress(HintKind.START_CURRENT, at)),
                offset_mm + math.copysign(10.0 - abs(offset_mm), offset_mm) * ailing.progress(HintKind.LEVELLING, at),
                starts=ailing.kind is HintKind.START_CURRENT or (ailing.kind is None and world.seed % 2 == 0),
            )  # fmt: skip


def _trip(
    rng: random.Random, start: float, period: float, close_s: float, open_s: float, amps: float, offset_mm: float, starts: bool
) -> Iterator[Read]:
    """The rounds of a trip: around its start, or around its stop and the doors, to save time. The rest changes nothing."""
    load = quantised(max(0.0, min(110.0, rng.expovariate(1 / 22))), 0.1)
    peak = amps * (0.75 + 0.5 * load / 100) * rng.gauss(1, 0.06)
    ride_s = rng.uniform(9, 22)
    offset = quantised(offset_mm + rng.gauss(0, 1.2) + 0.01 * (load - 20), 1.0)
    stop = ride_s
    fully_open = stop + 0.8 + open_s
    closing = fully_open + rng.choice((3.0, 4.0, 5.0, 9.0))
    reopens = rng.random() < 0.06
    marks = [(closing, closing + close_s)] if not reopens else [(closing, -1.0), (closing + 6, closing + 6 + close_s)]
    end = marks[-1][1] + 1.5
    t = (0.0 if starts else stop - 1.0) - rng.uniform(0.2, 1.0) * period
    while t < (8.0 if starts else end):
        if fully_open + 2.2 < t < closing - 2.5:
            t += 2.4 if period <= 1.2 else period
        moving = 0 <= t < stop
        is_open = fully_open <= t < marks[0][0] or (reopens and marks[0][0] + 3.5 <= t < marks[1][0])
        is_closed = t < stop + 0.8 or t >= marks[-1][1]
        current = quantised(peak * (0.55 + 0.45 * math.exp(-t / 2.0)) * rng.gauss(1, 0.02), 0.01) if moving else 0.0
        yield start + t, (is_open, is_closed, moving, current, load, offset), None
        t += period * rng.uniform(0.97, 1.03)


# --- a lift of which only the closed door is told (gbt24476-lift-terminal), with a counter of trips

TERMINAL_POINTS = (
    point("door_closed", "lift.door-closed", flag=True),
    point("moving", "lift.moving", flag=True),
    point("trips", "lift.trips"),
)


def terminal_reads(world: World, ailing: Ailing) -> Iterator[Read]:
    """Trips counted by the device; how long the door stays away from closed depends on people and, little, on the door."""
    rng = random.Random(world.seed * 37 + 11)
    trips_per_day, door_s, counter = rng.uniform(16, 40), rng.uniform(9.5, 12.5), rng.randrange(100_000)
    for day, hour in hours(world):
        if world.benign.replaced_day == day and hour == 12:
            counter = 0
        times = sorted(rng.uniform(0, 3500) for _ in range(_poisson(rng, trips_per_day / 24 * world.use(day, hour))))
        for begin in times:
            at = day + (hour + begin / 3600) / 24
            growth = 0.25 * door_s * ailing.progress(HintKind.DOOR_CYCLE_TIME, at)
            away = door_s * rng.gauss(1, 0.015) + growth + (rng.expovariate(1 / 5) if rng.random() < 0.55 else 0.0)
            counter += 1
            t = -rng.uniform(0.2, 1.0)
            while t < away + 1.5:
                yield at * 86_400 + t, (not 0 <= t < away, t < -0.5, counter), None
                t += rng.uniform(0.97, 1.03)


# --- a speed-controlled pump (grundfos-cim200)

PUMP_POINTS = (
    point("running", "pump.running", flag=True),
    point("flow", "pump.flow", "m3/h"),
    point("head", "pump.head", "m"),
    point("speed", "pump.speed", "rpm"),
    point("power", "pump.power", "kW"),
    point("motor_current", "pump.current", "A"),
    point("operating_time", "pump.run-hours", "h"),
)


@dataclass(frozen=True, slots=True)
class PumpMake:
    """A pump at its rated speed of 2900 rpm: H = shutoff - k Q^2, power by an efficiency parabola."""

    shutoff_m: float
    k: float
    best_m3h: float
    setpoint_m: float
    use_m3h: float
    amps: float

    def at(self, flow: float, setpoint_m: float, worn: float) -> tuple[float, float]:
        """Relative speed at which the (worn) pump gives `setpoint_m` at a flow, and shaft power in kW of the pump unworn there."""
        speed = math.sqrt((setpoint_m / worn + self.k * flow * flow) / self.shutoff_m)
        x = min(flow / (speed * self.best_m3h), 1.7)
        power = 9.81 * speed * self.best_m3h / 3600 * (setpoint_m / worn) / (0.66 * (2.0 - x))
        return speed, power


def pump_reads(world: World, ailing: Ailing) -> Iterator[Read]:
    """A pump that holds a pressure: every half hour while it runs, each two seconds after a start."""
    rng = random.Random(world.seed * 41 + 3)
    make = PumpMake(
        rng.uniform(60, 90), rng.uniform(0.3, 0.6), rng.uniform(5, 8), rng.uniform(34, 48), rng.uniform(2, 4), rng.uniform(6, 12)
    )
    hours_run, part_time = rng.randrange(20_000) + 0.0, rng.random() < 0.25
    for day, hour in hours(world):
        if world.benign.replaced_day == day and hour == 12:
            hours_run = 0.0
        if part_time and hour not in (6, 7, 8, 18, 19, 20, 21):
            continue
        for _ in range(1 if part_time or hour % 2 == 0 else 0):
            begin = day * 86_400 + hour * 3600 + rng.uniform(0, 1500)
            yield from _pump_start(rng, make, ailing, begin, hours_run)
        for slot in range(2):
            hours_run += 0.36
            at = day + hour / 24 + (slot + 0.5) / 48
            # two rounds a minute apart: a pump that has just started is not looked at
            for later in (0.0, 61.0):
                yield at * 86_400 + later, _pump_read(rng, make, world, ailing, at, hours_run), None


def _pump_start(rng: random.Random, make: PumpMake, ailing: Ailing, begin: float, hours_run: float) -> Iterator[Read]:
    peak = make.amps * 1.6 * (1 + 0.25 * ailing.progress(HintKind.START_CURRENT, begin / 86_400)) * rng.gauss(1, 0.06)
    counted = quantised(hours_run, 1.0)
    t = -rng.uniform(0.1, 2.0) - 2.0
    while t < 10.0:
        amps = make.amps * 0.7 + (peak - make.amps * 0.7) * math.exp(-t / 2.5) if t >= 0 else 0.0
        running = t >= 0
        yield begin + t, (running, 0.0, 0.0, 0.0 if not running else 2000.0, 0.0, quantised(amps, 0.1), counted), None
        t += 2.0 * rng.uniform(0.98, 1.02)


def _pump_read(
    rng: random.Random, make: PumpMake, world: World, ailing: Ailing, at: float, hours_run: float
) -> tuple[Outcome, ...]:
    day, benign = int(at), world.benign
    flow = max(0.2, make.use_m3h * world.use(day, int(at * 24) % 24) * math.exp(rng.gauss(0, 0.35)))
    flow = min(flow, 1.4 * make.best_m3h)
    raised = benign.setpoint_day is not None and day >= benign.setpoint_day
    recalibrated = benign.recalibrated_day is not None and day >= benign.recalibrated_day
    setpoint = make.setpoint_m * (1.08 if raised else 1.0) * rng.gauss(1, 0.004)
    worn = 1.0 - 0.10 * ailing.progress(HintKind.PUMP_HEAD, at)
    speed, shaft = make.at(flow, setpoint, worn)
    head = worn * (speed * speed * make.shutoff_m - make.k * flow * flow)
    power = (0.012 + shaft / 0.85) * (1 + 0.15 * ailing.progress(HintKind.PUMP_POWER, at)) * rng.gauss(1, 0.01)
    return (
        True,
        quantised(flow * rng.gauss(1, 0.02) * (1.015 if recalibrated else 1.0), 0.1),
        TIMEOUT if rng.random() < 0.01 else quantised(head * rng.gauss(1, 0.006) + (0.3 if recalibrated else 0.0), 0.01),
        quantised(speed * 2900 * rng.gauss(1, 0.001), 1.0),
        quantised(power, 0.001),
        quantised(make.amps * (0.4 + 0.6 * speed), 0.1),
        quantised(hours_run, 1.0),
    )


# --- a drive (abb-acq580) whose temperature follows its current and its room

DRIVE_POINTS = (
    point("running", "drive.running", flag=True),
    point("output_current", "drive.current", "A"),
    point("drive_temperature", "drive.temperature", "°C"),
    point("running_time", "drive.run-hours", "h"),
)
DRIVE_LIMIT_C = 80.0
HOTTEST_C = 35.0


def drive_reads(world: World, ailing: Ailing, told: bool) -> Iterator[Read]:
    """Every half hour. `told`: a sensor of the room's temperature is there."""
    rng = random.Random(world.seed * 43 + 19)
    amps, rise_k, exponent = rng.uniform(8, 20), rng.uniform(18, 26), rng.uniform(1.3, 1.8)
    hours_run, load = rng.randrange(20_000) + 0.0, 0.6
    top = rise_k * 1.25**exponent
    worst = (DRIVE_LIMIT_C - HOTTEST_C) / top
    """How many times the normal rise meets the limit on the hottest day at the highest load."""
    for day, hour in hours(world):
        if world.benign.replaced_day == day and hour == 12:
            hours_run = 0.0
        for slot in range(2):
            at = day + hour / 24 + (slot + 0.5) / 48
            wanted = min(1.25, 0.35 + 0.45 * world.use(day, hour) * math.exp(rng.gauss(0, 0.15)))
            load += 0.5 * (wanted - load)
            hours_run += 0.5
            room = world.room_c(day, hour)
            shifted = 0.8 if world.benign.recalibrated_day is not None and day >= world.benign.recalibrated_day else 0.0
            growth = 1 + (worst - 1) * ailing.progress(HintKind.TEMPERATURE, at)
            warm = room + rise_k * load**exponent * growth + rng.gauss(0, 0.5) + shifted
            read: tuple[Outcome, ...] = (
                True, quantised(amps * load * rng.gauss(1, 0.01), 0.1), quantised(warm, 0.1), quantised(hours_run, 1.0)
            )  # fmt: skip
            yield at * 86_400, read, quantised(room + rng.gauss(0, 0.4), 0.1) if told else None


# --- a battery (deepsea-gencomm), a quantity that the site has named

BATTERY_POINTS = (point("battery_voltage", "", "V"),)
BATTERY_LIMIT_V = 24.6
BATTERY_SWING_V = 0.5


def battery_reads(world: World, ailing: Ailing) -> Iterator[Read]:
    """Every half hour: floating, lower when it is warm, with a test run now and then."""
    rng = random.Random(world.seed * 47 + 23)
    volts = rng.uniform(26.8, 27.3)
    way = volts - BATTERY_LIMIT_V
    for day, hour in hours(world):
        testing = (world.first_day + day) % 14 == 3 and hour == 10
        for slot in range(2):
            at = day + hour / 24 + (slot + 0.5) / 48
            value = volts - way * ailing.progress(HintKind.QUANTITY, at) - 0.012 * (world.room_c(day, hour) - 20)
            value += rng.gauss(0, 0.06) + (1.1 if testing else 0.0)
            yield at * 86_400, (quantised(value, 0.1),), None


def _poisson(rng: random.Random, rate: float) -> int:
    limit, product, count = math.exp(-rate), rng.random(), 0
    while product > limit:
        product *= rng.random()
        count += 1
    return count
