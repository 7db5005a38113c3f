"""Faults on demand: what they are called, whom they can befall, and how they are brought about and made good.

A device is made ill, a part of the building goes wrong, or a wire is disturbed; each by one word, at once or by a timetable.
"""

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import structlog

from edgeguard.core.errors import Permanent
from edgeguard.core.ids import BusName, DeviceName
from edgeguard.core.limits import SCENARIO_MAX_FAULTS
from edgeguard.core.point import Labels
from edgeguard.simulator import ailment
from edgeguard.simulator.cast import Part
from edgeguard.simulator.lift import Car, Passenger, boarded
from edgeguard.simulator.site import SimulatedSite

_log = structlog.get_logger()

BUILDING: Final = "building"
DRY_TANK_M, FILLED_TANK_M = 0.1, 1.4
LEAK_M3H: Final = 1.5
TRAPPED: Final = (Passenger(0, 5, 71.0), Passenger(0, 14, 88.0))


class Kind(StrEnum):
    """What can go wrong."""

    DEAD = "dead"
    SLOW = "slow"
    NOISY = "noisy"
    EXCEPTION = "exception"
    STUCK = "stuck"
    DRIFTING = "drifting"
    HALF_FRAME = "half-frame"
    GLUED_FRAME = "glued-frame"
    FLOOD = "flood"
    DRY_RUN = "dry-run"
    TRAPPED = "trapped"
    PHASE_LOST = "phase-lost"
    LEAK = "leak"
    UNPLUGGED = "unplugged"
    FOREIGN_MASTER = "foreign-master"
    WELL = "well"
    """Everything that was wrong with the target is made good."""


_AILMENTS: Final[Mapping[Kind, Callable[[], ailment.Ailment]]] = MappingProxyType(
    {
        Kind.DEAD: ailment.Silent,
        Kind.SLOW: ailment.Slow,
        Kind.NOISY: ailment.Noisy,
        Kind.EXCEPTION: ailment.Refusing,
        Kind.STUCK: ailment.Stuck,
        Kind.DRIFTING: ailment.Drifting,
        Kind.HALF_FRAME: ailment.HalfFrame,
        Kind.GLUED_FRAME: ailment.GluedFrame,
        Kind.FLOOD: ailment.Flooding,
    }
)
OF_BUILDING: Final = (Kind.PHASE_LOST, Kind.LEAK)
OF_BUS: Final = (Kind.UNPLUGGED, Kind.NOISY, Kind.FOREIGN_MASTER)
OF_DEVICE: Final = tuple(_AILMENTS)
ON_LINE: Final = frozenset({Kind.FLOOD, Kind.FOREIGN_MASTER})
"""What only a serial line bears."""


@dataclass(frozen=True, slots=True)
class Fault:
    """`target` (a device, a bus, or the building) gets `kind` at `at_s` of simulated time, for `for_s` seconds if that is given."""

    target: str
    kind: Kind
    at_s: float = 0.0
    for_s: float | None = None
    text: Labels | None = None
    """What a person who watches is told."""


_WRITTEN: Final = re.compile(r"([a-z0-9-]+)=([a-z-]+)(?:@([0-9.]+))?(?:\+([0-9.]+))?\Z")


def parse_fault(written: str) -> Fault:
    """TARGET=KIND[@SECONDS][+SECONDS]. Permanent, with words, for anything else."""
    found = _WRITTEN.match(written)
    if found is None:
        raise Permanent(
            f'"{written}" is no fault: write TARGET=KIND@SECONDS, such as pump-1=dead@30, or +SECONDS behind it for an end'
        )
    target, kind, at, lasts = found.groups()
    try:
        return Fault(target, kind_of(kind), float(at or 0.0), None if lasts is None else float(lasts))
    except ValueError as error:
        raise Permanent(f'"{written}": {at or lasts} is no number of seconds') from error


def kind_of(word: str) -> Kind:
    """A kind by its name. Permanent, with the names that there are."""
    try:
        return Kind(word)
    except ValueError:
        raise Permanent(f'"{word}" is no kind of fault: {", ".join(Kind)}') from None


class Faults:
    """The faults of a simulated site: those at work, and those to come, which begin anew after `repeat_s`."""

    def __init__(self, site: SimulatedSite, coming: Sequence[Fault] = (), repeat_s: float | None = None) -> None:
        self.last: Fault | None = None
        self._site = site
        self._coming = tuple(coming)
        self._repeat_s = repeat_s
        self._seen_s = -1.0
        self._bad: dict[str, set[Kind]] = {}
        self._plugging: set[asyncio.Task[None]] = set()
        for fault in self._coming:
            self.check(fault.target, fault.kind)
        site.before_step.append(self.look)

    @property
    def bad(self) -> Mapping[str, Sequence[Kind]]:
        """What is wrong now, by target."""
        return {target: sorted(kinds) for target, kinds in self._bad.items() if kinds}

    def possible(self, target: str) -> tuple[Kind, ...]:
        """What can befall a target. Permanent if there is no such target."""
        site = self._site
        if target == BUILDING:
            return OF_BUILDING
        lines = {bus.name: bus.wire.is_line for bus in site.site.buses}
        role = site.roles.get(DeviceName(target))
        if role is not None:
            own = {Part.PUMP: (Kind.DRY_RUN,), Part.LIFT: (Kind.TRAPPED,)}.get(role.part, ())
            bus = site.appliances[DeviceName(target)].spec.bus
            return (*(kind for kind in OF_DEVICE if kind not in ON_LINE or lines[bus]), *own)
        if target in lines:
            return OF_BUS if lines[BusName(target)] else (Kind.UNPLUGGED,)
        names = [*site.roles, *(bus.name for bus in site.site.buses), BUILDING]
        raise Permanent(f'there is no "{target}"; targets are {", ".join(names)}')

    def check(self, target: str, kind: Kind) -> None:
        """Permanent, with words, if that cannot be."""
        able = self.possible(target)
        if kind is not Kind.WELL and kind not in able:
            raise Permanent(f"{target} cannot be {kind}; it can be {', '.join(able)}")

    def begin(self, fault: Fault) -> None:
        """It goes wrong. Permanent if it cannot."""
        self.check(fault.target, fault.kind)
        if fault.kind is Kind.WELL:
            for kind in tuple(self._bad.get(fault.target, ())):
                self.end(fault.target, kind)
        else:
            self._bring(fault.target, fault.kind, begins=True)
            self._bad.setdefault(fault.target, set()).add(fault.kind)
        self.last = fault
        _log.info("fault.began", target=fault.target, kind=fault.kind.value)

    def for_a_while(self, fault: Fault) -> None:
        """It goes wrong now, and is made good after `for_s` of simulated time. Permanent if it cannot go wrong."""
        self.begin(fault)
        self._coming = (*self._coming, replace(fault, at_s=self._site.elapsed_s))[-SCENARIO_MAX_FAULTS:]
        self._seen_s = max(self._seen_s, self._site.elapsed_s)

    def end(self, target: str, kind: Kind) -> None:
        """It is made good."""
        if kind not in self._bad.get(target, ()):
            return
        self._bad[target].discard(kind)
        self._bring(target, kind, begins=False)
        _log.info("fault.ended", target=target, kind=kind.value)

    def look(self) -> None:
        """Let begin and end what is due; called before each step of the building, and at its beginning by who cannot wait."""
        now_s = self._site.elapsed_s
        for fault, begins in self._due(self._seen_s, now_s):
            if begins:
                self.begin(fault)
            else:
                self.end(fault.target, fault.kind)
        self._seen_s = now_s

    def _due(self, after_s: float, until_s: float) -> Iterator[tuple[Fault, bool]]:
        found = []
        period_s = self._repeat_s
        laps = range(1) if period_s is None else range(max(int(after_s // period_s) - 1, 0), int(until_s // period_s) + 1)
        for lap in laps:
            for fault in self._coming:
                start_s = fault.at_s + (lap * period_s if period_s else 0.0)
                if after_s < start_s <= until_s:
                    found.append((start_s, fault, True))
                if fault.for_s is not None and after_s < start_s + fault.for_s <= until_s:
                    found.append((start_s + fault.for_s, fault, False))
        for _, fault, begins in sorted(found, key=lambda one: one[0]):
            yield fault, begins

    def _bring(self, target: str, kind: Kind, begins: bool) -> None:
        """Make it so."""
        site = self._site
        if target == BUILDING:
            if kind is Kind.PHASE_LOST:
                site.conditions = replace(site.conditions, phase_lost=begins)
            else:
                site.conditions = replace(site.conditions, leak_m3h=LEAK_M3H if begins else 0.0)
        elif kind is Kind.DRY_RUN:
            self._dry(site.roles[DeviceName(target)].number // 2, begins)
        elif kind is Kind.TRAPPED:
            self._trap(site.roles[DeviceName(target)].number, begins)
        elif DeviceName(target) in site.roles:
            site.afflict(target, _AILMENTS[kind]() if begins else None)
        else:
            self._disturb(BusName(target), kind, begins)

    def _dry(self, number: int, begins: bool) -> None:
        """Hours of a shut supply in one moment."""
        site = self._site
        shut = site.conditions.supplies_shut
        site.conditions = replace(site.conditions, supplies_shut=shut | {number} if begins else shut - {number})
        level_m = DRY_TANK_M if begins else FILLED_TANK_M
        site.state = site.state.with_set(number, replace(site.state.sets[number], tank_m=level_m))

    def _trap(self, number: int, begins: bool) -> None:
        """The door jams, and somebody is behind it."""
        site = self._site
        jammed = site.conditions.doors_jammed
        site.conditions = replace(site.conditions, doors_jammed=jammed | {number} if begins else jammed - {number})
        car = site.state.lifts[number]
        if begins and not car.riding:
            rests = car.car in (Car.WAITING, Car.CLOSED)
            site.state = site.state.with_lift(number, boarded(car, TRAPPED) if rests else replace(car, riding=TRAPPED))

    def _disturb(self, name: BusName, kind: Kind, begins: bool) -> None:
        bus = self._site.buses.get(name)
        if bus is None:
            raise Permanent(f"bus {name} is not served")
        if kind is Kind.UNPLUGGED:
            task = asyncio.get_running_loop().create_task(bus.unplug() if begins else bus.plug())
            self._plugging.add(task)
            task.add_done_callback(self._plugging.discard)
            return
        wrong = self._bad.get(name, set()) - {kind} | ({kind} if begins else set())
        bus.disturb(Kind.NOISY in wrong, Kind.FOREIGN_MASTER in wrong)


_JAM: Final = Labels(zh="异物卡住电梯门", en="something blocks the lift's door")
_DRY: Final = Labels(zh="市政供水中断,水箱见底", en="the town's supply is shut, the suction tank runs empty")
_LOST: Final = Labels(zh="主电源缺相", en="phase L2 is lost")
DEMO: Final = (
    Fault("pump-1", Kind.DRY_RUN, 6.0, 26.0, _DRY),
    Fault("lift-1", Kind.TRAPPED, 8.0, 40.0, _JAM),
    Fault(BUILDING, Kind.PHASE_LOST, 56.0, 12.0, _LOST),
)
"""A minute and a half of a bad morning; the first alarms come within 15 s."""
DEMO_REPEAT_S: Final = 100.0
