"""Every kind of hint, from well to worn and mended: raised in time with all that it has to say, withdrawn when the cause goes."""

import random
from dataclasses import dataclass, replace
from datetime import date
from functools import cache

import pytest

from edgeguard.core.alarm import AlarmRule, Condition, Severity
from edgeguard.core.clock import Stamp
from edgeguard.core.hint import HintReport
from edgeguard.core.ids import AlarmName, BootId, DeviceName, PointName
from edgeguard.core.interlock import PointRef
from edgeguard.core.maintenance import DeviceMaintenance, HintKind, MaintenanceSpec, Usage, WatchedQuantity
from edgeguard.core.point import Kind, Labels, Point, RoleUse
from edgeguard.rules.gauges import care_of
from edgeguard.rules.hint_words import report_news
from edgeguard.rules.maintenance import DAY_MS, CareState, DeviceCare, step
from edgeguard.rules.sights import Flag, Measured, Memory, Round

DEVICE = DeviceName("d-1")
FIRST_DAY = 20_454
ONSET, LIMIT, MENDED, END = 24, 64, 54, 65


@dataclass(frozen=True, slots=True)
class Shown:
    """A sight of what the test shows: the value, and the operating point if there is one. The others see nothing."""

    gauge: str

    def look(self, memory: Memory, seen: Round) -> tuple[Memory, Measured | None]:
        """What is shown of this gauge."""
        value, point = seen.counted.get(self.gauge), seen.counted.get(f"{self.gauge} at")
        return memory or (0.0,), None if value is None else Measured(value, point)

    def rest(self, memory: Memory) -> tuple[float, tuple[Flag, ...]]:
        """Never."""
        del memory
        return -1.0, ()


def points(*roles: str) -> tuple[Point, ...]:
    """A point for each role; a unit behind a colon."""
    made = []
    for i, role in enumerate(roles):
        name, _, unit = role.partition(":")
        kind = Kind.NUMBER if unit else Kind.BOOLEAN
        made.append(Point(PointName(f"p{i}"), kind, Labels(f"点{i}", f"p{i}"), unit, roles=(RoleUse(name),) if name else ()))
    return tuple(made)


LIFT = points("lift.door-open", "lift.door-closed", "lift.travelling", "lift.levelling-offset:mm", "lift.current:A", "lift.load:%")
TERMINAL = points("lift.door-closed", "lift.moving")
PUMP = points("pump.running", "pump.flow:m3/h", "pump.head:m", "pump.power:kW")
DRIVE = points("drive.running", "drive.current:A", "drive.temperature:°C")
NAMED = points(":V")
OUTSIDE = PointRef(DeviceName("weather"), PointName("temperature"))
HOT = AlarmRule(AlarmName("d-1.hot"), DEVICE, Condition.HIGH, Severity.MINOR, Labels("过热", "hot"), PointName("p2"), 80.0)


@dataclass(frozen=True, slots=True)
class Wear:
    """What goes on a device: from well to worn, with such a scatter, at an operating point if there is one."""

    kind: HintKind
    make: str
    well: float
    worn: float
    scatter: float
    point: float | None = None


MAKES = {"lift": LIFT, "terminal": TERMINAL, "pump": PUMP, "drive": DRIVE, "named": NAMED}
KINDS = [
    Wear(HintKind.DOOR_CLOSE_TIME, "lift", 3.0, 4.2, 0.05),
    Wear(HintKind.DOOR_OPEN_TIME, "lift", 2.5, 3.5, 0.05),
    Wear(HintKind.DOOR_CYCLE_TIME, "terminal", 10.0, 12.5, 0.3),
    Wear(HintKind.LEVELLING, "lift", 1.0, 10.0, 0.8),
    Wear(HintKind.START_CURRENT, "lift", 20.0, 24.0, 0.3, 30.0),
    Wear(HintKind.PUMP_HEAD, "pump", 40.0, 36.0, 0.15, 3.0),
    Wear(HintKind.PUMP_POWER, "pump", 2.0, 2.3, 0.01, 3.0),
    Wear(HintKind.TEMPERATURE, "drive", 20.0, 45.0, 0.4, 12.0),
    Wear(HintKind.QUANTITY, "named", 27.0, 24.6, 0.05),
]


def care(of: tuple[Point, ...]) -> DeviceCare:
    """What is watched on such a device, each gauge with the test's sight."""
    own = DeviceMaintenance(intervals=dict.fromkeys(Usage, 1e9))
    if of is NAMED:
        own = replace(own, watch=(WatchedQuantity(PointName("p0"), 24.6),))
    made = care_of(DEVICE, of, (HOT,) if of is DRIVE else (), {}, MaintenanceSpec(True, OUTSIDE, 35.0, {DEVICE: own}))
    return replace(made, gauges=tuple(replace(gauge, sight=Shown(gauge.name)) for gauge in made.gauges), intervals=())


Told = list[tuple[int, HintReport]]


@cache
def lived(make: str) -> Told:
    """A score of measurements a day; from ONSET on all goes, would be worn on day LIMIT, and is mended before, without a word."""
    of = MAKES[make]
    watched = care(of)
    names = {gauge.kind: gauge.name for gauge in watched.gauges}
    going = [(names[wear.kind], wear, random.Random(17)) for wear in KINDS if wear.make == make]
    state, told = CareState(), Told()
    memory: tuple[Memory, ...] = ()
    for day in range(END):
        gone = (day - ONSET) / (LIMIT - ONSET) if ONSET < day < MENDED else 0.0
        for number in range(20):
            at = Stamp((FIRST_DAY + day) * DAY_MS + number * 3_600_000, day * DAY_MS + number * 3_600_000, BootId("b"), True)
            shown: dict[str, float] = {}
            for name, wear, rng in going:
                shown[name] = wear.well + (wear.worn - wear.well) * gone + rng.gauss(0, wear.scatter)
                if wear.point is not None:
                    shown[f"{name} at"] = wear.point
            outcomes = (False,) * len(of)
            state, memory, news = step(watched, state, memory, Round(outcomes, outcomes, at.boot_ms, None, None, {}, shown), at)
            told += [(day, report_news(watched, state, name, one)) for name, one in news.news]
    return told


@pytest.mark.parametrize("wear", KINDS, ids=lambda wear: str(wear.kind.value))
def test_a_kind_is_raised_explains_itself_and_goes(wear: Wear) -> None:
    told = [(day, report) for day, report in lived(wear.make) if report.kind == wear.kind.value]

    assert [report.state for _, report in told if report.state != "updated"] == ["raised", "withdrawn"]
    raised_day, raised = told[0]
    assert ONSET + 2 <= raised_day <= LIMIT - 14
    assert raised.seen in ("trend", "drift")
    assert abs(_day(raised.onset) - ONSET) <= 8
    assert raised.confidence >= 0.95
    assert {"level", "limit", "reference", "share", "days", "per_day", "unit"} <= raised.evidence.keys()
    assert 0.2 < float(str(raised.evidence["share"])) < 0.8
    assert all((raised.text.zh, raised.text.en, raised.check.zh, raised.check.en))
    assert raised.onset in raised.text.en
    assert raised.onset in raised.text.zh
    dated = [report for _, report in told if report.limit_date is not None]
    assert dated, "a steady decay has a date"
    assert abs(_day(str(dated[-1].limit_date)) - LIMIT) <= 8
    gone_day, gone = told[-1]
    assert (gone.gone, gone.limit_date) == ("cause-gone", None)
    assert MENDED < gone_day <= MENDED + 10


@pytest.mark.parametrize("make", MAKES)
def test_what_does_not_go_gives_no_hint(make: str) -> None:
    assert {report.kind for _, report in lived(make)} == {wear.kind.value for wear in KINDS if wear.make == make}


def test_the_list_of_kinds_is_whole() -> None:
    assert {wear.kind for wear in KINDS} | {HintKind.WEAR} == set(HintKind), "wear goes by a service: see test_maintenance"


def _day(text: str) -> int:
    return (date.fromisoformat(text) - date(1970, 1, 1)).days - FIRST_DAY
