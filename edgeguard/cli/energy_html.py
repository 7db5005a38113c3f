"""The report as one page: both languages in it, plots as SVG, printable, and nothing from anywhere else - no font, no script."""

from collections.abc import Sequence
from datetime import datetime
from html import escape
from typing import Final

from edgeguard.cli.curve import ticks
from edgeguard.cli.energy import balance_text, before_text, event_text, habit_text
from edgeguard.cli.energy_words import amount_text, medium_unit, medium_words, period_words
from edgeguard.cli.energy_zones import zone_text
from edgeguard.cli.session import Lang
from edgeguard.cli.text import clean, number
from edgeguard.core.metering import MICRO, Medium
from edgeguard.core.point import Labels
from edgeguard.rules.energy_report import SHOWN, MeterReport, Report
from edgeguard.rules.meter import Calendar
from edgeguard.rules.night import is_bad

_COLOURS: Final = ("#c0392b", "#e08e0b", "#2e86c1", "#27805b", "#7d6aa8", "#888888")
_ORDER: Final = ("sharp", "peak", "flat", "valley", "deep-valley")
_STYLE: Final = """
:root { color-scheme: light; }
body { font-family: system-ui, "Noto Sans CJK SC", "Microsoft YaHei", sans-serif; color: #222; }
body { max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; border-bottom: 1px solid #ccc; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; } th { text-align: left; color: #666; font-weight: normal; }
td, th { padding: .22rem .8rem .22rem 0; vertical-align: top; } .n { text-align: right; font-variant-numeric: tabular-nums; }
.note { color: #666; font-size: .88rem; } .warn { color: #a02020; } svg { width: 100%; height: auto; }
section { break-inside: avoid; } #zh:checked ~ main .en, #en:checked ~ main .zh { display: none; }
nav label { margin-right: 1rem; } @media print { nav, input { display: none; } body { margin: 0; max-width: none; } }
"""


def page(made: Report, calendar: Calendar, site: Labels, lang: Lang) -> str:
    """The whole page as text; it opens in `lang`."""
    checked = {one: " checked" if one is lang else "" for one in Lang}
    title = f"{escape(clean(lang.say(site.zh, site.en)))} {made.first:%Y-%m}"
    parts = [
        f'<!doctype html>\n<html lang="{lang}">\n<head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{title}</title><style>{_STYLE}</style></head>\n<body>",
        f'<input type="radio" name="lang" id="zh"{checked[Lang.ZH]} hidden>',
        f'<input type="radio" name="lang" id="en"{checked[Lang.EN]} hidden>',
        '<nav><label for="zh">中文</label><label for="en">English</label></nav>\n<main>',
        f"<h1>{_both(f'{site.zh} 能耗与用水报告', f'{site.en}: energy and water')} {made.first:%Y-%m}</h1>",
        _overview(made),
        *(_balance(made) if made.balances else ()),
        *(_zones(made) if made.zones else ()),
        *(_specifics(made) if made.specifics else ()),
        *(_meter(meter, calendar) for meter in made.meters),
        f'<p class="note">{_notes(calendar)}</p>',
        "</main>\n</body></html>\n",
    ]
    return "\n".join(parts)


def _both(zh: str, en: str) -> str:
    return f'<span class="zh">{escape(clean(zh, 1000))}</span><span class="en">{escape(clean(en, 1000))}</span>'


def _heads(*pairs: tuple[str, str]) -> str:
    return "<tr>" + "".join(f"<th>{_both(*pair)}</th>" for pair in pairs) + "</tr>"


def _overview(made: Report) -> str:
    rows = []
    for one in made.meters:
        meter = one.meter
        before = before_text(one)
        cost = "—" if one.cost is None else f"{one.cost:.2f} {escape(one.currency)}"
        rows.append(
            f"<tr><td>{_both(meter.labels.zh, meter.labels.en)}</td><td>{_both(*medium_words(meter.medium))}</td>"
            f'<td class="n">{amount_text(one.amount, meter)} {escape(meter.unit)}</td><td class="n">{before}</td>'
            f'<td class="n">{cost}</td><td class="n">{100 * one.share:.0f} %</td></tr>'
        )
    heads = _heads(
        ("仪表", "meter"), ("介质", "medium"), ("用量", "amount"), ("上月", "month before"), ("费用", "cost"), ("完整", "whole")
    )
    return f"<section><table>{heads}{''.join(rows)}</table></section>"


def _balance(made: Report) -> list[str]:
    lines = [f"<p>{_both(balance_text(Lang.ZH, made, one), balance_text(Lang.EN, made, one))}</p>" for one in made.balances]
    return [f"<section><h2>{_both('总表与分表', 'Main meter and sub-meters')}</h2>{''.join(lines)}</section>"]


def _zones(made: Report) -> list[str]:
    """What is lost at night, night by night: pale bars are those that say nothing of a leak."""
    parts = [f"<section><h2>{_both('夜间水量', 'Water at night')}</h2>"]
    for one in made.zones:
        parts.append(f"<p>{_both(zone_text(Lang.ZH, one), zone_text(Lang.EN, one))}</p>")
        title = ("夜间失水", "lost at night") if one.zone.behind else ("夜间最小流量", "flow of the quietest hour")
        flows = ((night, night.lost if one.zone.behind else night.least) for night in one.nights)
        parts.append(_bars([(f"{night.day:%d}", flow, bool(is_bad(one.zone, night))) for night, flow in flows], "m3/h", title))
    return [*parts, "</section>"]


def _specifics(made: Report) -> list[str]:
    meters = {one.meter.name: one.meter for one in made.meters}
    rows = []
    for spec, ratio in made.specifics:
        shown = "—" if ratio.ratio is None else f"{ratio.ratio:.4g}"
        of, per = meters.get(spec.of), meters.get(spec.per)
        units = [f"{of.unit if of else ''}/{medium_unit(per, lang) if per else ''}" for lang in (Lang.ZH, Lang.EN)]
        rows.append(f'<tr><td>{_both(spec.labels.zh, spec.labels.en)}</td><td class="n">{shown} {_both(*units)}</td></tr>')
    return [f"<section><h2>{_both('单位能耗', 'Specific energy')}</h2><table>{''.join(rows)}</table></section>"]


def _meter(one: MeterReport, calendar: Calendar) -> str:
    meter = one.meter
    parts = [f"<section><h2>{_both(meter.labels.zh, meter.labels.en)}</h2>"]
    facts = [f"{amount_text(one.amount, meter)} {escape(meter.unit)}"]
    if meter.medium is Medium.ELECTRICITY and one.sliding is not None:
        at = datetime.fromtimestamp(one.sliding.end_min * 60, calendar.zone)
        facts.append(f"{_both('最大需量', 'highest demand')} {number(4 * one.sliding.amount / MICRO)} kW ({at:%m-%d %H:%M})")
    if one.spread:
        facts.append(f"{_both('其中时段分布未知', 'of which the distribution is not known')}: {amount_text(one.spread, meter)}")
    parts.append(f"<p>{'; '.join(facts)}</p>")
    if one.judged.hours:
        parts.append(f"<p>{_both(habit_text(Lang.ZH, one), habit_text(Lang.EN, one))}</p>")
    parts.append(_bars([(f"{day.day:%d}", day.amount, day.share >= 0.98) for day in one.days], meter.unit, ("每日", "by day")))
    parts.append(
        _bars(
            [(str(hour), amount, True) for hour, amount in enumerate(one.hours)],
            meter.unit,
            ("一天中各小时均值", "mean by hour of the day"),
        )
    )
    if one.periods:
        parts.append(_periods(one))
    shown = [event for event in one.events if event.incident in SHOWN]
    parts += [
        f'<p class="warn">{_both(event_text(Lang.ZH, one, event, calendar), event_text(Lang.EN, one, event, calendar))}</p>'
        for event in shown
    ]
    return "".join([*parts, "</section>"])


def _bars(bars: Sequence[tuple[str, int | None, bool]], unit: str, title: tuple[str, str]) -> str:
    """Bars from zero; what was not measured from end to end is pale, what is not known is empty."""
    wide, high, left, top, bottom = 900, 190, 64, 20, 22
    known = [amount / MICRO for _, amount, _ in bars if amount is not None]
    if not known:
        return ""
    marks = ticks(min(0.0, *known), max(0.0, *known), 4)
    span, step = marks[-1] - marks[0], (wide - left) / len(bars)

    def y_of(value: float) -> float:
        return high - bottom - (value - marks[0]) / span * (high - top - bottom)

    parts = [
        f'<p class="note">{_both(f"{title[0]}({unit})", f"{title[1]} ({unit})")}</p><svg viewBox="0 0 {wide} {high}" role="img">'
    ]
    for mark in marks:
        parts.append(f'<path d="M{left} {y_of(mark):.1f}H{wide}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 6}" y="{y_of(mark) + 4:.1f}" font-size="11" text-anchor="end">{number(mark)}</text>')
    for i, (label, amount, whole) in enumerate(bars):
        x = left + i * step
        if amount is not None:
            colour = "#2e86c1" if whole else "#a9cce3"
            low, upper = sorted((y_of(0.0), y_of(amount / MICRO)))
            parts.append(
                f'<rect x="{x + step * 0.12:.1f}" y="{low:.1f}" width="{step * 0.76:.1f}" height="{max(upper - low, 0.5):.1f}"'
                f' fill="{colour}"><title>{label}: {number(amount / MICRO)} {escape(unit)}</title></rect>'
            )
        parts.append(f'<text x="{x + step / 2:.1f}" y="{high - 6}" font-size="11" text-anchor="middle">{label}</text>')
    return "".join([*parts, "</svg>"])


def _periods(one: MeterReport) -> str:
    """One bar, divided, with a table under it."""
    ranked = sorted(one.periods, key=lambda period: (_ORDER.index(period.period) if period.period in _ORDER else 9, period.period))
    total = sum(max(period.amount, 0) for period in ranked) or 1
    parts, rows, x = ['<svg viewBox="0 0 900 26" role="img">'], [], 0.0
    for i, period in enumerate(ranked):
        colour = _COLOURS[_ORDER.index(period.period)] if period.period in _ORDER else _COLOURS[-1 - i % 2]
        width = 900 * max(period.amount, 0) / total
        parts.append(f'<rect x="{x:.1f}" y="4" width="{width:.1f}" height="18" fill="{colour}"/>')
        x += width
        cost = "—" if period.cost is None else f"{period.cost:.2f} {escape(one.currency)}"
        rows.append(
            f'<tr><td><span style="color:{colour}">■</span> {_both(*period_words(period.period))}</td>'
            f'<td class="n">{amount_text(period.amount, one.meter)} {escape(one.meter.unit)}</td>'
            f'<td class="n">{100 * period.amount / total:.1f} %</td><td class="n">{cost}</td></tr>'
        )
    return "".join([*parts, "</svg><table>", *rows, "</table>"])


def _notes(calendar: Calendar) -> str:
    zone = escape(str(calendar.zone))
    return _both(
        f"时区 {zone}。浅色柱:当日数据不完整。空缺:没有数据,不作推算。",
        f"Time zone {zone}. Pale bars: the day was not measured from end to end. Empty: nothing is known, and nothing was assumed.",
    )
