"""What happens in a simulated building, and when: a timeline of conditions, ailments and people, as data."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from edgeguard.core.point import Labels
from edgeguard.simulator.ailment import Ailment
from edgeguard.simulator.building import Conditions
from edgeguard.simulator.lift import Passenger


@dataclass(frozen=True, slots=True)
class Happening:
    """At `at_s` of simulated time the conditions become these, and people call the lift; None leaves as it is.

    `tank_m` sets the suction tank's level: hours of a shut supply in one moment. `ailments` name devices; None heals one.
    """

    at_s: float
    text: Labels
    conditions: Conditions | None = None
    ailments: tuple[tuple[str, Ailment | None], ...] = ()
    calls: tuple[Passenger, ...] = ()
    tank_m: float | None = None


@dataclass(frozen=True, slots=True)
class Scenario:
    """Happenings in order of time; after `repeat_s` they begin anew. `riding`: who is in the car when it all begins."""

    happenings: tuple[Happening, ...] = ()
    riding: tuple[Passenger, ...] = ()
    repeat_s: float | None = None

    def between(self, after_s: float, until_s: float) -> Iterator[Happening]:
        """What happens in `after_s < t <= until_s`."""
        period_s = self.repeat_s or float("inf")
        first = int(after_s // period_s) if self.repeat_s else 0
        last = int(until_s // period_s) if self.repeat_s else 0
        for lap in range(max(first, 0), last + 1):
            start_s = lap * period_s if lap else 0.0
            for happening in self.happenings:
                if after_s < start_s + happening.at_s <= until_s:
                    yield happening


UNEVENTFUL: Final = Scenario()

_JAMMED = Conditions(door_jammed=True, supply_open=False)

DEMO: Final = Scenario(
    happenings=(
        Happening(
            6.0,
            Labels(zh="市政供水中断,水箱见底", en="the town's supply is shut, the suction tank runs empty"),
            conditions=Conditions(supply_open=False),
            tank_m=0.1,
        ),
        Happening(
            8.0,
            Labels(zh="异物卡住电梯门", en="something blocks the lift's door"),
            conditions=_JAMMED,
            calls=(Passenger(5, 0, 82.0), Passenger(9, 0, 64.0)),
        ),
        Happening(
            32.0,
            Labels(zh="水箱恢复供水", en="the suction tank fills again"),
            conditions=Conditions(door_jammed=True),
            tank_m=1.4,
        ),
        Happening(48.0, Labels(zh="电梯门已清障", en="the lift's door is free"), conditions=Conditions()),
        Happening(56.0, Labels(zh="主电源缺相", en="phase L2 is lost"), conditions=Conditions(phase_lost=True)),
        Happening(68.0, Labels(zh="供电恢复", en="the mains are whole again"), conditions=Conditions()),
    ),
    riding=(Passenger(0, 5, 71.0), Passenger(0, 14, 88.0)),
    repeat_s=100.0,
)
"""A minute and a half of a bad morning; the first alarms come within 15 s."""
