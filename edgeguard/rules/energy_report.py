"""What a period came to: amounts, tariff periods, demand, balance, ratios, habits. From kept days to figures; pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import fsum

from edgeguard.core.metering import (
    MICRO,
    QUARTER_MS,
    EnergySpec,
    Incident,
    Medium,
    MeterEvent,
    MeterName,
    MeterSpec,
    SpecificSpec,
    ZoneSpec,
)
from edgeguard.core.metering_limits import METER_LATE_STEP_MS
from edgeguard.rules.balance import Balance, Specific, balance, specific
from edgeguard.rules.demand import Window
from edgeguard.rules.intervals import Slot, local, quarters_of
from edgeguard.rules.meter import Calendar, DayRecord, Judged
from edgeguard.rules.night import Night, is_bad, nights_of
from edgeguard.rules.tariff import rate_at

Slots = Mapping[int, Slot]
Days = Mapping[MeterName, Sequence[DayRecord]]


@dataclass(frozen=True, slots=True)
class PeriodSum:
    """An amount under one period of the tariff; `cost` None where no price is named. An empty period: no tariff was in force."""

    period: str
    amount: int
    cost: float | None


@dataclass(frozen=True, slots=True)
class DaySum:
    """A day's amount; None where nothing is known of it. `share` of its quarters were measured from end to end."""

    day: date
    amount: int | None
    share: float


@dataclass(frozen=True, slots=True)
class MeterReport:
    """One meter over a period; amounts in micro. `spread`: the part whose distribution over the intervals is not known.

    `undivided`: amounts over times too long to be divided, noticed in the period; they are not in `amount`.
    `fixed` is the quarter with the highest amount, `sliding` the highest fifteen minutes ending with any minute.
    `before`: the amount of the period before, None where nothing is known of it; `before_share` of its quarters were measured.
    """

    meter: MeterSpec
    amount: int
    spread: int
    undivided: int
    share: float
    before: int | None
    before_share: float
    periods: tuple[PeriodSum, ...]
    currency: str
    days: tuple[DaySum, ...]
    hours: tuple[int | None, ...]
    fixed: Slot | None
    sliding: Window | None
    events: tuple[MeterEvent, ...]
    judged: Judged

    @property
    def cost(self) -> float | None:
        """Of everything that has a price; None if nothing has."""
        costs = [period.cost for period in self.periods if period.cost is not None]
        return fsum(costs) if costs else None

    @property
    def excess_cost(self) -> float | None:
        """What the excess above the habit cost, at the mean price of what has one."""
        priced = sum(period.amount for period in self.periods if period.cost is not None)
        if self.cost is None or priced <= 0:
            return None
        return self.cost * self.judged.excess / priced


@dataclass(frozen=True, slots=True)
class ZoneReport:
    """The nights of a zone of water that were measured, by day."""

    zone: ZoneSpec
    nights: tuple[Night, ...]

    @property
    def bad(self) -> int:
        """Nights that speak of a leak."""
        return sum(1 for night in self.nights if is_bad(self.zone, night))

    @property
    def middle(self) -> Night | None:
        """The night of the middle, by what is lost or, where nobody meters what is drawn, by the quietest hour."""
        ranked = sorted(self.nights, key=lambda night: night.lost if self.zone.behind else night.least)
        return ranked[len(ranked) // 2] if ranked else None


@dataclass(frozen=True, slots=True)
class Report:
    """Everything about a period of local days, the last one not included."""

    first: date
    until: date
    meters: tuple[MeterReport, ...]
    balances: tuple[Balance, ...]
    specifics: tuple[tuple[SpecificSpec, Specific], ...]
    zones: tuple[ZoneReport, ...] = ()


def report(spec: EnergySpec, calendar: Calendar, days: Days, first: date, until: date) -> Report:
    """`days`: all that is kept, in any order; a day may come in several parts, which are added."""
    earlier = _before(first, until)
    slots = {meter.name: _slots(days.get(meter.name, ()), first, until) for meter in spec.meters}
    before = {meter.name: _slots(days.get(meter.name, ()), earlier, first) for meter in spec.meters}
    meters = tuple(
        _meter(spec, calendar, meter, days.get(meter.name, ()), slots[meter.name], before[meter.name], (first, until))
        for meter in spec.meters
    )
    by_name = {meter.name: meter for meter in spec.meters}
    behind: dict[MeterName, list[MeterSpec]] = {}
    for meter in spec.meters:
        if meter.parent in by_name:
            behind.setdefault(by_name[meter.parent].name, []).append(meter)
    balances = tuple(balance(by_name[name], subs, slots) for name, subs in behind.items())
    ratios = tuple((one, specific(slots.get(one.of, {}), slots.get(one.per, {}))) for one in spec.specifics)
    zones = tuple(ZoneReport(zone, nights_of(zone, days, calendar.zone, first, until)) for zone in spec.zones)
    return Report(first, until, meters, balances, ratios, zones)


def _before(first: date, until: date) -> date:
    """The first day of the period before: whole months before whole months, else as many days."""
    if first.day != 1 or until.day != 1:
        return first - (until - first)
    months = 2 * (12 * first.year + first.month - 1) - (12 * until.year + until.month - 1)
    return date(months // 12, months % 12 + 1, 1)


def _slots(days: Iterable[DayRecord], first: date, until: date) -> dict[int, Slot]:
    found: dict[int, Slot] = {}
    for day in days:
        if first <= day.day < until:
            for slot in day.slots:
                was = found.get(slot.quarter, Slot(slot.quarter))
                covered = min(was.covered_ms + slot.covered_ms, 900_000)
                found[slot.quarter] = Slot(slot.quarter, was.amount + slot.amount, was.spread + slot.spread, covered)
    return found


def _meter(
    spec: EnergySpec,
    calendar: Calendar,
    meter: MeterSpec,
    days: Sequence[DayRecord],
    slots: Slots,
    before: Slots,
    span: tuple[date, date],
) -> MeterReport:
    mine = [day for day in days if span[0] <= day.day < span[1]]
    sums = _day_sums(calendar, slots, span)
    earlier = _day_sums(calendar, before, (_before(*span), span[0]))
    periods, currency = _periods(spec, calendar, meter, slots)
    peaks = _peaks(calendar, days, mine, slots)
    whole = [slot for slot in slots.values() if slot.whole]
    judged = [day.judged for day in mine]
    return MeterReport(
        meter=meter,
        amount=sum(slot.amount for slot in slots.values()),
        spread=sum(slot.spread for slot in slots.values()),
        undivided=sum(gap.amount for day in mine for gap in day.gaps),
        share=sum(day.share for day in sums) / len(sums) if sums else 0.0,
        before=sum(slot.amount for slot in before.values()) if before else None,
        before_share=sum(day.share for day in earlier) / len(earlier) if earlier else 0.0,
        periods=periods,
        currency=currency,
        days=sums,
        hours=_hours(calendar, slots),
        fixed=max(whole, key=lambda slot: slot.amount, default=None),
        sliding=max(peaks, key=lambda window: window.amount, default=None),
        events=tuple(event for day in sorted(mine, key=lambda day: day.day) for event in day.events),
        judged=Judged(*(sum(getattr(one, name) for one in judged) for name in ("expected", "actual", "excess", "hours"))),
    )


def _peaks(calendar: Calendar, days: Iterable[DayRecord], mine: Sequence[DayRecord], slots: Slots) -> list[Window]:
    """The highest demand of each day. An exchange that was taken for consumption is none: that day's highest quarter stands in."""
    late = Incident.LATE_REPLACEMENT
    wrong = [e.since_ms for day in days for e in day.events if e.incident is late and e.counted < 0 and e.since_ms is not None]
    peaks: list[Window] = []
    for day in mine:
        if day.peak is None:
            continue
        end_ms = day.peak.end_min * 60_000
        if not any(end_ms - QUARTER_MS - METER_LATE_STEP_MS < from_ms < end_ms for from_ms in wrong):
            peaks.append(day.peak)
            continue
        known = [slots[quarter] for quarter in quarters_of(day.day, calendar.zone) if quarter in slots and slots[quarter].whole]
        peaks += [Window(15 * (slot.quarter + 1), slot.amount) for slot in known]
    return peaks


def _day_sums(calendar: Calendar, slots: Slots, span: tuple[date, date]) -> tuple[DaySum, ...]:
    made: list[DaySum] = []
    day = span[0]
    while day < span[1]:
        quarters = quarters_of(day, calendar.zone)
        known = [slots[quarter] for quarter in quarters if quarter in slots]
        share = sum(1 for slot in known if slot.whole) / len(quarters)
        made.append(DaySum(day, sum(slot.amount for slot in known) if known else None, share))
        day += timedelta(days=1)
    return tuple(made)


def _periods(spec: EnergySpec, calendar: Calendar, meter: MeterSpec, slots: Slots) -> tuple[tuple[PeriodSum, ...], str]:
    """Amounts by period, each quarter at its own price: a price may change within a month."""
    sums: dict[tuple[str, float | None], int] = {}
    currency = ""
    if meter.medium is Medium.COUNT or not any(tariff.medium is meter.medium for tariff in spec.tariffs):
        return (), ""
    for quarter in sorted(slots):
        at = local(quarter, calendar.zone)
        rate = rate_at(spec.tariffs, meter.medium, at, calendar.kind(at.date()))
        key = ("", None) if rate is None else (rate.period, rate.price)
        currency = rate.currency if rate is not None and rate.price is not None else currency
        sums[key] = sums.get(key, 0) + slots[quarter].amount
    made: list[PeriodSum] = []
    for period in sorted({name for name, _ in sums}):
        parts = [(price, amount) for (name, price), amount in sums.items() if name == period]
        costs = [price * amount / MICRO for price, amount in parts if price is not None]
        cost = fsum(costs) if len(costs) == len(parts) else None
        made.append(PeriodSum(period, sum(amount for _, amount in parts), cost))
    return tuple(made), currency


def _hours(calendar: Calendar, slots: Slots) -> tuple[int | None, ...]:
    """The mean amount of each local hour of the day, from quarters that were measured from end to end."""
    sums, counts = [0] * 24, [0] * 24
    for slot in slots.values():
        if slot.whole:
            hour = local(slot.quarter, calendar.zone).hour
            sums[hour] += slot.amount
            counts[hour] += 1
    return tuple(4 * total // count if count else None for total, count in zip(sums, counts, strict=True))


SHOWN: tuple[Incident, ...] = tuple(kind for kind in Incident if kind is not Incident.BEGIN)
"""Incidents that a report lists; that metering began is no news."""
