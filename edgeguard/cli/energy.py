"""`energy`: what a month came to, from the days that the daemon has kept; beside it or without it."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import typer

from edgeguard.cli.energy_words import amount_text, incident_text, medium_unit, period_text, verdict_text
from edgeguard.cli.energy_zones import zone_facts, zone_text
from edgeguard.cli.output import console, print_json, styled, table
from edgeguard.cli.session import Exit, Lang, Session
from edgeguard.cli.text import clean, number
from edgeguard.config import load_site
from edgeguard.core.clock import iso_utc
from edgeguard.core.errors import Permanent
from edgeguard.core.metering import MICRO, QUARTER_MS, EnergySpec, Incident, Medium, MeterEvent, MeterName
from edgeguard.core.point import Labels
from edgeguard.core.rule_state import ENERGY_DAYS
from edgeguard.rules.balance import Balance, BalanceVerdict
from edgeguard.rules.consumption import Counted
from edgeguard.rules.energy_report import SHOWN, MeterReport, Report, report
from edgeguard.rules.meter import Calendar, DayRecord
from edgeguard.rules.meter_json import load_day, load_state
from edgeguard.store import read_states

OWNER: Final = "energy"
_NEARLY_ALL: Final = 0.98


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for on the command line."""

    month: str | None
    config: Path
    directory: Path | None
    html: Path | None


def energy(session: Session, wanted: Wanted) -> Exit:
    """Print it, or write the page. 1 if nothing is known of the month, or a balance cannot be right."""
    site = load_site(wanted.config)
    spec = site.energy
    if not spec.meters:
        raise Permanent(f"{wanted.config}: no device has a counter that is metered; see [[meter]] in docs/energy.md")
    calendar = Calendar(ZoneInfo(spec.zone), spec.holidays, spec.workdays)
    first, until = _month(wanted.month, calendar)
    days, last = read_days(wanted.directory or Path(site.store.directory), spec, first)
    made = report(spec, calendar, days, first, until)
    if wanted.html is not None:
        from edgeguard.cli.energy_html import page

        _write(wanted.html, page(made, calendar, site.labels, session.lang))
    if session.json:
        print_json(facts(made, calendar))
    elif wanted.html is None:
        _print(session.lang, made, calendar, site.labels)
    known = any(day.amount is not None for meter in made.meters for day in meter.days)
    if not known and wanted.html is None and not session.json:
        _print_begun(session.lang, made, last, calendar)
    impossible = any(one.verdict is BalanceVerdict.IMPOSSIBLE for one in made.balances)
    return Exit.WRONG if impossible or not known else Exit.FINE


def _month(text: str | None, calendar: Calendar) -> tuple[date, date]:
    if text is None:
        text = f"{datetime.fromtimestamp(time.time(), calendar.zone):%Y-%m}"
    try:
        first = datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC).date()
        until = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no month such as 2026-11") from None
    return first, until


def read_days(directory: Path, spec: EnergySpec, first: date) -> tuple[dict[MeterName, list[DayRecord]], dict[MeterName, Counted]]:
    """Days of the meters from the month before `first` on, the running one included; and the last reading that was kept of each.

    Permanent if a record cannot be read.
    """
    last: dict[MeterName, Counted] = {}
    found: dict[MeterName, list[DayRecord]] = {meter.name: [] for meter in spec.meters}
    since = date(first.year - (first.month == 1), (first.month - 2) % 12 + 1, 1)
    for meter in spec.meters:
        for name, body in read_states(directory, ENERGY_DAYS, f"{meter.name}/{since.isoformat()}", f"{meter.name}/:"):
            found[meter.name].append(_readable(name, body))
        running = f"{meter.name}/{meter.device}.{meter.point}"
        for name, body in read_states(directory, OWNER, running, running + "\x00"):
            try:
                state = load_state(body)
            except ValueError as error:
                raise Permanent(f"{name}: {error}") from error
            if state.day is not None:
                found[meter.name].append(state.day)
            if state.counter.last is not None:
                last[meter.name] = state.counter.last
    return found, last


def _readable(name: str, body: bytes) -> DayRecord:
    try:
        return load_day(body)
    except ValueError as error:
        raise Permanent(f"{name}: {error}") from error


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Permanent(f"{path} cannot be written: {error.strerror}") from error


# --- for people


def _print(lang: Lang, made: Report, calendar: Calendar, site: Labels) -> None:
    out = console()
    name = clean(lang.say(site.zh, site.en))
    out.print(styled(f"{name}  {made.first:%Y-%m}", "bold"))
    out.print()
    say = lang.say
    headings = say(
        ("仪表", "用量", "", "上月", "最大需量", "费用", "完整", ""),
        ("meter", "amount", "", "month before", "highest demand", "cost", "whole", ""),
    )
    grid = table(*headings, right=(headings[1], headings[3], headings[5], headings[6]))
    for meter in made.meters:
        cost = "—" if meter.cost is None else f"{meter.cost:.2f} {meter.currency}"
        grid.add_row(
            _indent(made, meter) + clean(say(meter.meter.labels.zh, meter.meter.labels.en), 60),
            amount_text(meter.amount, meter.meter),
            medium_unit(meter.meter, lang),
            before_text(meter),
            _demand(meter, calendar),
            cost,
            f"{100 * meter.share:.0f} %",
            _bars(meter),
        )
    out.print(grid)
    for lines in (
        _periods(lang, made),
        _balances(lang, made),
        [zone_text(lang, one) for one in made.zones],
        _ratios(lang, made),
        _habits(lang, made),
        _incidents(lang, made, calendar),
    ):
        if lines:
            out.print()
            for line in lines:
                out.print(line)


def _print_begun(lang: Lang, made: Report, last: Mapping[MeterName, Counted], calendar: Calendar) -> None:
    """Nothing is known of the month yet: what each counter showed last, and when its first interval will be there."""
    out = console()
    out.print()
    for one in made.meters:
        reading = last.get(one.meter.name)
        if reading is None:
            out.print(f"{one.meter.name}: {lang.say('还没有读数', 'no reading yet')}")
            continue
        if not reading.at.synced:
            zh, en = (
                "时钟未同步,时段待其同步后给出",
                "the clock is not synchronised: intervals wait until it is (or energy.trust_clock)",
            )
            out.print(f"{one.meter.name}: {lang.say(zh, en)}")
            continue
        end_ms = (reading.at.wall_ms // QUARTER_MS + 1) * QUARTER_MS
        at, end = (datetime.fromtimestamp(ms / 1000, calendar.zone) for ms in (reading.at.wall_ms, end_ms))
        shown = f"{amount_text(reading.value, one.meter)} {one.meter.unit}"
        zh = f"{at:%m-%d %H:%M} 读数 {shown},首个时段在 {end:%H:%M} 结束后可见"
        en = f"showed {shown} at {at:%m-%d %H:%M}; the first interval is there after {end:%H:%M}"
        out.print(f"{one.meter.name}: {lang.say(zh, en)}")


def _indent(made: Report, meter: MeterReport) -> str:
    by_name = {one.meter.name: one.meter for one in made.meters}
    depth, above = 0, meter.meter.parent
    while above is not None and above in by_name and depth < 8:
        depth, above = depth + 1, by_name[above].parent
    return "  " * depth


def _demand(meter: MeterReport, calendar: Calendar) -> str:
    if meter.meter.medium is not Medium.ELECTRICITY or meter.sliding is None:
        return ""
    at = datetime.fromtimestamp(meter.sliding.end_min * 60, calendar.zone)
    return f"{number(4 * meter.sliding.amount / MICRO)} kW  {at:%m-%d %H:%M}"


def before_text(meter: MeterReport) -> str:
    """The amount of the month before; with the share of it that was measured, where that is not nearly all."""
    if meter.before is None:
        return "—"
    share = f" ({100 * meter.before_share:.0f} %)" if meter.before_share < _NEARLY_ALL else ""
    return amount_text(meter.before, meter.meter) + share


def _bars(meter: MeterReport) -> str:
    """The days of the month as little bars; a day of which nothing is known is a dot."""
    known = [day.amount for day in meter.days if day.amount is not None]
    most = max(known, default=0)
    steps = "▁▂▃▄▅▆▇█"
    return "".join(
        "·" if day.amount is None else steps[min(max(day.amount, 0) * len(steps) // (most + 1), 7)] if most > 0 else steps[0]
        for day in meter.days
    )


def _periods(lang: Lang, made: Report) -> list[str]:
    lines = []
    for meter in made.meters:
        if meter.periods:
            parts = [
                f"{period_text(one.period, lang)} {amount_text(one.amount, meter.meter)}"
                + ("" if one.cost is None else f" ({one.cost:.2f} {meter.currency})")
                for one in meter.periods
            ]
            lines.append(f"{clean(str(meter.meter.name))}: {'  '.join(parts)}")
    return lines


def _balances(lang: Lang, made: Report) -> list[str]:
    return [balance_text(lang, made, one) for one in made.balances]


def balance_text(lang: Lang, made: Report, one: Balance) -> str:
    """One balance in a line."""
    meter = next(entry.meter for entry in made.meters if entry.meter.name == one.main)
    if one.verdict is BalanceVerdict.UNKNOWN:
        return f"{one.main}: {verdict_text(one.verdict, lang)}"
    percent = "" if one.loss_percent is None else f" = {one.loss_percent:.1f} %"
    loss, unsure = amount_text(one.loss, meter), amount_text(one.uncertainty, meter)
    subs = " + ".join(one.subs)
    return f"{one.main} − ({subs}) = {loss} {meter.unit}{percent}, ± {unsure} {meter.unit}: {verdict_text(one.verdict, lang)}"


def _ratios(lang: Lang, made: Report) -> list[str]:
    units = {meter.meter.name: medium_unit(meter.meter, lang) for meter in made.meters}
    lines = []
    for spec, ratio in made.specifics:
        shown = "—" if ratio.ratio is None else f"{ratio.ratio:.4g}"
        per = units.get(spec.per) or lang.say("次", "time")
        lines.append(f"{clean(lang.say(spec.labels.zh, spec.labels.en))}: {shown} {units.get(spec.of, '')}/{per}")
    return lines


def _habits(lang: Lang, made: Report) -> list[str]:
    lines = []
    for meter in made.meters:
        judged = meter.judged
        if judged.hours:
            lines.append(f"{meter.meter.name}: {habit_text(lang, meter)}")
    return lines


def habit_text(lang: Lang, meter: MeterReport) -> str:
    """What was used beside what is usual, and what could have been saved."""
    judged, unit = meter.judged, meter.meter.unit
    expected, actual, excess = (amount_text(one, meter.meter) for one in (judged.expected, judged.actual, judged.excess))
    cost = "" if meter.excess_cost is None else f" ≈ {meter.excess_cost:.2f} {meter.currency}"
    saved = lang.say(f",可节省{cost}", f", could be saved{cost}") if judged.excess else ""
    return lang.say(
        f"可比 {judged.hours} 小时:预期 {expected},实际 {actual},异常偏高 {excess} {unit}{saved}",
        f"{judged.hours} comparable hours: expected {expected}, used {actual}, excess {excess} {unit}{saved}",
    )


def _incidents(lang: Lang, made: Report, calendar: Calendar) -> list[str]:
    lines = []
    for meter in made.meters:
        shown = [event for event in meter.events if event.incident in SHOWN]
        lines += [f"{meter.meter.name}  {event_text(lang, meter, event, calendar)}" for event in shown]
        if meter.undivided:
            told = lang.say("未分摊到时段的用量", "not divided into intervals")
            lines.append(f"{meter.meter.name}  {told}: {amount_text(meter.undivided, meter.meter)} {meter.meter.unit}")
    return lines


def event_text(lang: Lang, meter: MeterReport, event: MeterEvent, calendar: Calendar) -> str:
    """One incident in a line: when, from which reading to which, what was counted, what it was."""
    at = datetime.fromtimestamp(event.at.wall_ms / 1000, calendar.zone)
    unsure = "" if event.at.synced else "?"
    readings = f"{number(event.before / MICRO)} → {number(event.after / MICRO)} {meter.meter.unit}"
    late = event.incident is Incident.LATE_REPLACEMENT
    if late and event.since_ms is not None:
        readings = f"({datetime.fromtimestamp(event.since_ms / 1000, calendar.zone):%m-%d %H:%M}) {readings}"
    sign = "+" if event.counted > 0 else ""
    counted = f" ({sign}{amount_text(event.counted, meter.meter)})" if event.counted > 0 or late else ""
    return f"{at:%m-%d %H:%M}{unsure}  {readings}{counted}  {incident_text(event.incident, lang)}"


# --- for programs


def facts(made: Report, calendar: Calendar) -> dict[str, object]:
    """The report as JSON; amounts in the meters' units."""
    return {
        "first": made.first.isoformat(),
        "until": made.until.isoformat(),
        "meters": [_meter_facts(meter, calendar) for meter in made.meters],
        "balances": [_balance_facts(one) for one in made.balances],
        "zones": [zone_facts(one) for one in made.zones],
        "specific": [
            {"name": spec.name, "of": spec.of, "per": spec.per, "value": ratio.ratio, "quarters": ratio.quarters}
            for spec, ratio in made.specifics
        ],
    }


def _meter_facts(meter: MeterReport, calendar: Calendar) -> dict[str, object]:
    spec, judged = meter.meter, meter.judged
    return {
        "meter": spec.name,
        "source": f"{spec.device}.{spec.point}",
        "medium": spec.medium.value,
        "unit": spec.unit,
        "parent": spec.parent,
        "amount": meter.amount / MICRO,
        "spread": meter.spread / MICRO,
        "undivided": meter.undivided / MICRO,
        "whole_share": round(meter.share, 4),
        "before": None if meter.before is None else meter.before / MICRO,
        "before_whole_share": round(meter.before_share, 4),
        "cost": meter.cost,
        "currency": meter.currency,
        "periods": [{"period": one.period, "amount": one.amount / MICRO, "cost": one.cost} for one in meter.periods],
        "demand_sliding": None if meter.sliding is None else _peak(meter.sliding.end_min * 60_000, meter.sliding.amount),
        "demand_fixed": None if meter.fixed is None else _peak((meter.fixed.quarter + 1) * QUARTER_MS, meter.fixed.amount),
        "days": [
            {"day": day.day.isoformat(), "amount": None if day.amount is None else day.amount / MICRO, "whole": round(day.share, 4)}
            for day in meter.days
        ],
        "hours": [None if hour is None else hour / MICRO for hour in meter.hours],
        "habit": {
            "hours": judged.hours,
            "expected": judged.expected / MICRO,
            "actual": judged.actual / MICRO,
            "excess": judged.excess / MICRO,
            "excess_cost": meter.excess_cost,
        },
        "incidents": list(_event_facts(meter.events)),
        "zone": str(calendar.zone),
    }


def _peak(until_ms: int, amount: int) -> dict[str, object]:
    """The mean rate over a quarter of an hour, per hour."""
    return {"until": iso_utc(until_ms), "value": 4 * amount / MICRO}


def _event_facts(events: Sequence[MeterEvent]) -> Iterator[dict[str, object]]:
    for event in events:
        yield {
            "at": iso_utc(event.at.wall_ms),
            "synced": event.at.synced,
            "incident": event.incident.value,
            "before": event.before / MICRO,
            "after": event.after / MICRO,
            "counted": event.counted / MICRO,
            "since": None if event.since_ms is None else iso_utc(event.since_ms),
        }


def _balance_facts(one: Balance) -> dict[str, object]:
    return {
        "main": one.main,
        "subs": one.subs,
        "total": one.total / MICRO,
        "behind": one.behind / MICRO,
        "loss": one.loss / MICRO,
        "loss_percent": one.loss_percent,
        "uncertainty": one.uncertainty / MICRO,
        "quarters": one.quarters,
        "verdict": one.verdict.value,
    }
