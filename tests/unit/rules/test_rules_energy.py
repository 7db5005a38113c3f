"""Tariffs, habits, balances, ratios and the report of a period, on figures that can be reckoned by hand."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeguard.core.clock import Stamp
from edgeguard.core.ids import BootId, DeviceName, PointName
from edgeguard.core.metering import MICRO, DayKind, EnergySpec, Medium, MeterName, MeterSpec, Season, SpecificSpec, Tariff, Window
from edgeguard.core.point import Labels
from edgeguard.rules.balance import BalanceVerdict, balance, specific
from edgeguard.rules.baseline import HOLIDAY, Baseline, judge, learn
from edgeguard.rules.consumption import Counted
from edgeguard.rules.energy_items import interval_items
from edgeguard.rules.energy_report import report
from edgeguard.rules.intervals import Slot, quarters_of
from edgeguard.rules.meter import Calendar, DayRecord, Judged, MeterState, step_meter
from edgeguard.rules.meter_json import dump_baseline, load_baseline
from edgeguard.rules.tariff import Rate, kind_of_day, rate_at

ZONE = ZoneInfo("Asia/Shanghai")
CALENDAR = Calendar(ZONE, frozenset({date(2026, 10, 1)}), frozenset({date(2026, 10, 10)}))
ALWAYS = frozenset(range(1, 13))
DAY = Season(ALWAYS, frozenset({DayKind.ALL}), (Window(0, 480, "valley"), Window(480, 720, "peak"), Window(720, 1440, "flat")))
SUMMER = Season(
    frozenset({7, 8}), frozenset({DayKind.WORKDAY}), (Window(0, 840, "flat"), Window(840, 900, "sharp"), Window(900, 1440, "flat"))
)
OLD = Tariff(Medium.ELECTRICITY, date(2026, 1, 1), date(2026, 10, 15), (SUMMER, DAY), {"peak": 1.0, "flat": 0.5, "valley": 0.25})
NEW = replace(OLD, first=date(2026, 10, 15), until=None, prices={"peak": 2.0, "flat": 1.0, "valley": 0.5})


def meter(name: str, parent: str | None = None, medium: Medium = Medium.ELECTRICITY) -> MeterSpec:
    unit = "kWh" if medium is Medium.ELECTRICITY else "m3"
    above = None if parent is None else MeterName(parent)
    labels = Labels(name, name)
    return MeterSpec(MeterName(name), DeviceName(name), PointName("e"), medium, unit, MICRO, 10**9, labels, 10_000, parent=above)


@pytest.mark.parametrize(
    ("at", "period", "price"),
    [
        ("2026-03-03T07:45", "valley", 0.25),
        ("2026-03-03T08:00", "peak", 1.0),
        ("2026-07-14T14:30", "sharp", None),
        ("2026-07-18T14:30", "flat", 0.5),
        ("2026-10-14T23:45", "flat", 0.5),
        ("2026-10-15T00:00", "valley", 0.5),
        ("2025-12-31T12:00", None, None),
    ],
)
def test_the_period_of_a_moment(at: str, period: str | None, price: float | None) -> None:
    moment = datetime.fromisoformat(at)
    rate = rate_at((OLD, NEW), Medium.ELECTRICITY, moment, CALENDAR.kind(moment.date()))
    assert (rate and rate.period, rate and rate.price) == (period, price)
    assert rate_at((OLD, NEW), Medium.WATER, moment, DayKind.WORKDAY) is None


def test_kinds_of_days() -> None:
    holidays, workdays = CALENDAR.holidays, CALENDAR.workdays
    kinds = [kind_of_day(date(2026, 10, day), holidays, workdays) for day in (1, 2, 3, 10)]
    assert kinds == [DayKind.HOLIDAY, DayKind.WORKDAY, DayKind.WEEKEND, DayKind.WORKDAY]
    assert [CALENDAR.group(date(2026, 10, day)) for day in (1, 2, 3, 10)] == [HOLIDAY, 4, 5, None]


@given(st.lists(st.integers(900, 1100), min_size=4, max_size=9), st.integers(0, 10_000))
def test_a_habit_is_robust_and_judges_only_what_it_knows(usual: list[int], spoilt: int) -> None:
    habit = Baseline()
    for i, amount in enumerate([*usual, spoilt]):
        assert (judge(habit, 2, 8, 1000, 0, 25.0) is None) == (i < 4)
        habit = learn(habit, 2, {8: amount})
    calm = judge(habit, 2, 8, 1100, 0, 25.0)
    assert calm is not None
    assert calm.excess == 0
    wild = judge(habit, 2, 8, 2500, 0, 25.0)
    assert wild is not None
    assert 1350 <= wild.excess <= 1650
    assert judge(habit, HOLIDAY, 8, 2500, 0, 25.0) is None
    assert load_baseline(dump_baseline(habit)) == habit
    with pytest.raises(ValueError, match="cannot be read"):
        load_baseline(b"[[]]")


def test_little_above_nothing_is_no_excess_when_the_last_digit_can_make_it() -> None:
    habit = Baseline()
    for _ in range(4):
        habit = learn(habit, 0, {3: 0})
    verdict = judge(habit, 0, 3, 40_000, 40_000, 25.0)
    assert verdict is not None
    assert verdict.excess == 0


def month(amount: int, first: date, days: int, missing: frozenset[int] = frozenset()) -> list[DayRecord]:
    """Days with the same amount in every quarter; `missing` quarters, counted from the first, are not there."""
    made, count = [], 0
    for i in range(days):
        day = first + timedelta(days=i)
        slots = []
        for quarter in quarters_of(day, ZONE):
            if count not in missing:
                slots.append(Slot(quarter, amount, 0, 900_000))
            count += 1
        made.append(DayRecord(day, tuple(slots), judged=Judged(10, 12, 2, 1)))
    return made


MAIN, SUB, OTHER, WATER = meter("main"), meter("sub", "main"), meter("other", "main"), meter("water", medium=Medium.WATER)
SPEC = EnergySpec(
    meters=(MAIN, SUB, OTHER, WATER),
    tariffs=(OLD, NEW),
    specifics=(SpecificSpec("pumping", MeterName("sub"), MeterName("water"), Labels("x", "x")),),
)
OCTOBER = (date(2026, 10, 1), date(2026, 11, 1))


def test_the_report_of_a_month_by_hand() -> None:
    days = {
        MeterName("main"): month(1_000_000, date(2026, 9, 30), 32),
        MeterName("sub"): month(600_000, date(2026, 10, 1), 31),
        MeterName("other"): month(300_000, date(2026, 10, 1), 31, frozenset(range(96))),
        MeterName("water"): month(2_000_000, date(2026, 10, 1), 31),
    }
    made = report(SPEC, CALENDAR, days, *OCTOBER)
    main = made.meters[0]
    assert main.before_share == pytest.approx(1 / 30)
    assert (main.amount, main.before, main.share) == (31 * 96 * MICRO, 96 * MICRO, 1.0)
    costs = {one.period: one.cost for one in main.periods}
    # 14 days at the old prices, 17 at the new ones; 32, 16 and 48 quarters a day
    assert {one.period: one.amount for one in main.periods} == {
        "valley": 31 * 32 * MICRO,
        "peak": 31 * 16 * MICRO,
        "flat": 31 * 48 * MICRO,
    }
    assert costs["valley"] == pytest.approx(32 * (14 * 0.25 + 17 * 0.5))
    assert costs["peak"] == pytest.approx(16 * (14 * 1.0 + 17 * 2.0))
    assert costs["flat"] == pytest.approx(48 * (14 * 0.5 + 17 * 1.0))
    assert main.hours == (4 * MICRO,) * 24
    assert (main.judged.hours, main.judged.excess) == (31, 62)
    assert main.fixed is not None
    assert main.fixed.amount == MICRO
    (one,) = made.balances
    # the other meter has no first day, so that the balance is that of thirty days
    assert (one.total, one.behind, one.quarters) == (30 * 96 * MICRO, 30 * 96 * 900_000, 30 * 96)
    assert one.loss_percent == pytest.approx(10.0)
    assert one.verdict is BalanceVerdict.LOSS
    assert made.specifics[0][1].ratio == pytest.approx(0.3)
    assert made.meters[2].days[0].amount is None


def test_an_excess_costs_the_mean_price_of_what_has_one() -> None:
    spec = replace(SPEC, tariffs=(NEW,))
    main = report(spec, CALENDAR, {MeterName("main"): month(1_000_000, date(2026, 10, 1), 31)}, *OCTOBER).meters[0]
    mean = (32 * 0.5 + 16 * 2.0 + 48 * 1.0) / 96
    assert main.cost == pytest.approx(17 * 96 * mean), "no tariff was in force for fourteen days"
    assert main.excess_cost == pytest.approx(mean * main.judged.excess / MICRO)


@pytest.mark.parametrize(
    ("first", "until", "days"),
    [
        (date(2026, 2, 1), date(2026, 3, 1), 31),
        (date(2026, 3, 1), date(2026, 4, 1), 28),
        (date(2026, 1, 1), date(2026, 2, 1), 31),
        (date(2026, 3, 5), date(2026, 3, 12), 7),
    ],
)
def test_the_period_before_is_the_months_before_or_as_many_days(first: date, until: date, days: int) -> None:
    known = {MeterName("main"): month(1_000_000, date(2025, 12, 1), 110)}
    main = report(SPEC, CALENDAR, known, first, until).meters[0]
    assert (main.before, main.before_share) == (days * 96 * MICRO, 1.0)


def slots(amounts: dict[int, int]) -> dict[int, Slot]:
    return {quarter: Slot(quarter, amount, 0, 900_000) for quarter, amount in amounts.items()}


def test_a_balance_says_what_the_meters_cannot_tell() -> None:
    names = (MAIN.name, SUB.name)

    def verdict(main: dict[int, int], sub: dict[int, int]) -> BalanceVerdict:
        return balance(MAIN, (SUB,), dict(zip(names, (slots(main), slots(sub)), strict=True))).verdict

    assert verdict({1: 1_000_000}, {1: 985_000}) is BalanceVerdict.WITHIN
    assert verdict({1: 1_000_000}, {1: 1_015_000}) is BalanceVerdict.WITHIN
    assert verdict({1: 1_000_000}, {1: 970_000}) is BalanceVerdict.LOSS
    assert verdict({1: 1_000_000}, {1: 1_030_000}) is BalanceVerdict.IMPOSSIBLE
    assert verdict({1: 1_000_000}, {2: 1_000_000}) is BalanceVerdict.UNKNOWN
    # two runs are two differences of readings
    assert balance(MAIN, (SUB,), {name: slots({1: 1, 2: 1, 5: 1}) for name in names}).uncertainty == 40_000
    assert specific(slots({1: 5}), slots({1: 0})).ratio is None
    assert specific({}, {}).quarters == 0


def test_a_spread_quarter_is_in_the_sum_and_in_no_balance() -> None:
    main = {1: Slot(1, 100, 100, 900_000), 2: Slot(2, 50, 0, 900_000), 3: Slot(3, 7, 0, 100_000)}
    found = balance(MAIN, (SUB,), {MAIN.name: main, SUB.name: slots({1: 100, 2: 50, 3: 7})})
    assert (found.total, found.quarters) == (50, 1)


def test_items_of_intervals_add_up_and_say_what_they_are_worth() -> None:
    at = Stamp(0, 0, BootId("a"), True)
    rate = Rate("peak", 1.0, "CNY")
    told = [
        Slot(10, 1_500_000, 0, 900_000),
        Slot(11, 200_000, 0, 400_000),
        Slot(12, 100_000, 100_000, 900_000),
        Slot(13, 100_000, 100_000, 900_000),
        Slot(20, -50_000, 0, 900_000),
    ]
    bodies = [orjson.loads(item.body) for item in interval_items(MAIN, told, [rate] * 5, at)]
    assert [(body["value"], body["quality"], body.get("period")) for body in bodies] == [
        (1.5, "measured", "peak"),
        (0.2, "partial", "peak"),
        (0.2, "spread", None),
        (-0.05, "measured", "peak"),
    ]
    assert (bodies[2]["from"], bodies[2]["to"]) == ("1970-01-01T03:00:00.000Z", "1970-01-01T03:30:00.000Z")


def test_hours_above_the_habit_are_counted_and_the_habit_is_learnt_from_days_that_ended() -> None:
    state, habit, over, verdicts = MeterState(), Baseline(), [], 0
    start = quarters_of(date(2026, 3, 2), ZONE).start * 900_000
    shown = 0
    for i in range(30 * 96):
        leak = 400_000 if i >= 29 * 96 else 0
        at = Stamp(start + i * 900_000, i * 900_000, BootId("a"), True)
        state, output = step_meter(MAIN, CALENDAR, 25.0, state, habit, Counted(at, shown))
        habit = output.baseline or habit
        over.append(state.over)
        verdicts += sum(1 for hour in output.hours if hour.verdict is not None)
        shown += 250_000 + leak
    assert verdicts > 24
    assert max(over[: 29 * 96]) == 0
    assert over[-1] >= 20
    assert state.day is not None
    assert state.day.judged.excess == pytest.approx(4 * 400_000 * state.day.judged.hours)
