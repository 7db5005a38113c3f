"""The nights of zones of water in the words of people and as facts for programs."""

from edgeguard.cli.session import Lang
from edgeguard.cli.text import clean
from edgeguard.core.metering import MICRO
from edgeguard.rules.energy_report import ZoneReport
from edgeguard.rules.night import Night, is_bad


def zone_text(lang: Lang, one: ZoneReport) -> str:
    """One zone in a line: the night of the middle, and how many nights speak of a leak."""
    zone, night = one.zone, one.middle
    name = clean(lang.say(zone.labels.zh, zone.labels.en), 60)
    if night is None:
        return lang.say(f"{name}: 没有全部水表都有数据的夜间", f"{name}: no night in which all of its meters were measured")
    many, bad = len(one.nights), one.bad
    verdict = lang.say(f"{bad}/{many} 夜超限,可能漏水", f"{bad} of {many} nights speak of a leak")
    verdict = verdict if bad else lang.say(f"{many} 夜均正常", f"none of {many} nights speaks of a leak")
    inflow = f"{night.inflow / MICRO:.3f} m3/h"
    if not zone.behind:
        share = (
            ""
            if night.percent is None
            else lang.say(f"(日均的 {night.percent:.0f} %)", f" ({night.percent:.0f} % of the day's mean)")
        )
        least = f"{night.least / MICRO:.3f} m3/h"
        return lang.say(f"{name}: 夜间最小流量 {least}{share};{verdict}", f"{name}: {least} in the quietest hour{share}; {verdict}")
    known, lost = f"{night.known / MICRO:.3f}", f"{night.lost / MICRO:.3f}"
    limit = f"{zone.limit / MICRO:g}"
    return lang.say(
        f"{name}: 夜间流入 {inflow},分表计 {known},失水 {lost}(限值 {limit});{verdict}",
        f"{name}: {inflow} flow in at night, {known} behind meters, {lost} lost (limit {limit}); {verdict}",
    )


def zone_facts(one: ZoneReport) -> dict[str, object]:
    """One zone as JSON; flows in m3 an hour."""
    zone = one.zone
    return {
        "zone": zone.name,
        "inflow": list(zone.inflow),
        "behind": list(zone.behind),
        "limit": zone.limit / MICRO,
        "bad_nights": one.bad,
        "nights": [_night(one, night) for night in one.nights],
    }


def _night(one: ZoneReport, night: Night) -> dict[str, object]:
    return {
        "day": night.day.isoformat(),
        "inflow": night.inflow / MICRO,
        "known": night.known / MICRO if one.zone.behind else None,
        "lost": night.lost / MICRO if one.zone.behind else None,
        "least": night.least / MICRO,
        "percent": None if night.percent is None else round(night.percent, 1),
        "uncertainty": night.unsure / MICRO,
        "leak": is_bad(one.zone, night),
    }
