"""A house that lives, for benchmarks of rules: what its devices show second by second, known for every seed.

Measurements flicker from one second to the next around a slow course, whether anything happens or not, as they do on a real wire;
counters grow by what is used; voltages go up and down together; lifts travel, open and close their doors; pumps start and stop.
Nothing comes near a limit of an alarm, as in a healthy house.
"""

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from edgeguard.core.point import Kind, Outcome, Point
from edgeguard.core.profile import DeviceProfile
from edgeguard.simulator.plausible import Course, courses

FLICKER = 0.001
"""Of a measurement, from one second to the next."""
Round = tuple[Outcome, ...]
Shown = Callable[[int], Mapping[str, Outcome]]
"""What a machine's own points show at a second."""


@dataclass(frozen=True, slots=True)
class Life:
    """One device: the course of each point, and what its machine does on top."""

    points: tuple[Point, ...]
    courses: tuple[Course, ...]
    machine: Shown
    chance: random.Random

    def at(self, second: int) -> Round:
        """What a poll at this second reads."""
        own = self.machine(second)
        return tuple(
            own[point.name] if point.name in own else self._shown(point, course(float(second)))
            for point, course in zip(self.points, self.courses, strict=True)
        )

    def _shown(self, point: Point, value: Outcome) -> Outcome:
        if point.kind is Kind.TEXT and point.choices:
            return point.choices[int(value)].en if isinstance(value, int | float) else value
        if not isinstance(value, float):
            return value
        if point.unit in ("kWh", "kvarh", "h", "m3"):
            return round(value, 2 if point.decimals is None else point.decimals)
        if point.name in _FIXED or value == 0.0:
            return value
        return value * (1.0 + self.chance.uniform(-FLICKER, FLICKER))


_FIXED = ("decimals", "unit_code", "range_low", "range_high")


def life_of(profile: DeviceProfile, seed: int, trip_s: int = 90) -> Life:
    """The life of a device of this profile; another one for every seed. A lift begins a trip every `trip_s`."""
    chance = random.Random(seed)
    machine = _MACHINES.get(profile.name.partition("-")[0], _still)
    if machine is _lift:
        machine = partial(_lift, trip_s=trip_s)
    offset = chance.randrange(600)
    return Life(profile.points, courses(profile, seed), lambda second: machine(second + offset, chance), chance)


def _still(_second: int, _chance: random.Random) -> Mapping[str, Outcome]:
    return {}


def _lift(second: int, chance: random.Random, trip_s: int = 90) -> Mapping[str, Outcome]:
    """A trip of twenty seconds, again and again: doors close, the car travels, doors open and stay open, then close and rest."""
    trip, at = divmod(second, trip_s)
    floors = (trip * 7 % 24, (trip + 1) * 7 % 24)
    state, open_, closed, share = _phase(at)
    speed = 1.75 * min(1.0, 4.0 * share, 4.0 * (1.0 - share)) if 0.0 < share < 1.0 else 0.0
    floor = floors[0] + (floors[1] - floors[0]) * share
    return {
        "rated_speed": 1.75,
        "speed": round(speed * (1.0 + chance.uniform(-FLICKER, FLICKER)), 3),
        "output_current": 18.0 * speed * (1.0 + chance.uniform(-FLICKER, FLICKER)),
        "output_frequency": 20.0 * speed,
        "floor": round(floor) + 1,
        "position": round(3.0 * floor, 2),
        "car_load": 0.0 if not 15 <= at < 60 else 12.0 + 0.1 * chance.randrange(3),
        "car_state": state,
        "direction": "stopped" if speed == 0.0 else "up" if floors[1] > floors[0] else "down",
        "mode": "automatic",
        "door_fully_open_1": open_,
        "door_fully_open_2": False,
        "door_fully_closed_1": closed,
        "door_fully_closed_2": True,
    }


def _phase(at: int) -> tuple[str, bool, bool, float]:
    """The car's state, door fully open, door fully closed, the share of its way, at a second of a trip."""
    if at < 12:
        return "waiting", False, True, 0.0
    if at < 34:
        return "running", False, True, (at - 12) / 22
    if at < 37:
        return "opening", False, False, 1.0
    if at < 50:
        return "open", True, False, 1.0
    if at < 53:
        return "closing", False, False, 1.0
    return "waiting", False, True, 1.0


def _pump(second: int, chance: random.Random) -> Mapping[str, Outcome]:
    """Runs by a constant pressure, its speed as the use wants it; rests for two minutes of every fifteen."""
    flicker = 1.0 + chance.uniform(-FLICKER, FLICKER)
    if second % 900 < 120:
        return {"running": False, "speed": 0.0, "frequency": 0.0, "flow": 0.0, "head": 48.0, "power": 0.0, "motor_current": 0.0}
    share = 0.8 + 0.1 * math.sin(second / 97.0)
    return {
        "running": True,
        "speed": 2900.0 * share * flicker,
        "frequency": 50.0 * share * flicker,
        "flow": 6.0 * share * flicker,
        "head": 60.0 * share * share * flicker,
        "power": 3.0 * share**3 * flicker,
        "motor_current": 7.0 * share * flicker,
    }


def _drive(second: int, chance: random.Random) -> Mapping[str, Outcome]:
    """A fan that runs by day and night."""
    hertz = 35.0 + 3.0 * math.sin(second / 61.0)
    return {"running": True, "output_frequency": hertz * (1.0 + chance.uniform(-FLICKER, FLICKER)), "frequency_reference": hertz}


def _supply(second: int, chance: random.Random) -> Mapping[str, Outcome]:
    """The three voltages of a house go up and down together, and lie a volt or two apart; so do those between the phases."""
    volts = 229.0 + 3.0 * math.sin(second / 211.0)
    phases = {f"voltage_l{phase}": (volts + 0.6 * phase) * (1.0 + chance.uniform(-FLICKER, FLICKER)) for phase in (1, 2, 3)}
    lines = {
        f"voltage_l{one}_l{other}": (volts + 0.3 * (one + other)) * math.sqrt(3.0) * (1.0 + chance.uniform(-FLICKER, FLICKER))
        for one, other in ((1, 2), (2, 3), (3, 1))
    }
    return phases | lines


_MACHINES = {"eastron": _supply, "acrel": _supply, "inovance": _lift, "grundfos": _pump, "danfoss": _drive}
