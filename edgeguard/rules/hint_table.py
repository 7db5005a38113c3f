"""Everything that is watched on a device, whether it gives cause for a hint or not: what a technician looks at first. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

from edgeguard.core.point import Labels
from edgeguard.rules.gauge import Gauge, GaugeState, limits_of
from edgeguard.rules.hint_words import USAGES, Scale
from edgeguard.rules.maintenance import CareState, DeviceCare, Interval, usage_name
from edgeguard.rules.wear import Tally

SILENT_DAYS = 14


class Watching(StrEnum):
    """How far the watching of a quantity is."""

    LEARNING = "learning"
    WATCHED = "watched"
    SILENT = "silent"
    """No figure for SILENT_DAYS."""
    NO_LIMIT = "no-limit"
    """What is normal lies beyond the limit, or at it."""
    COUNTING = "counting"


@dataclass(frozen=True, slots=True)
class WatchedReport:
    """One line of the table. `days`: figures known, or days since the last service; numbers as they are shown."""

    name: str
    labels: Labels
    state: Watching
    unit: str
    days: int
    reference: float | None = None
    level: float | None = None
    limit: float | None = None
    share: float | None = None
    assumed: bool = False


def report_watched(care: DeviceCare, state: CareState) -> Iterator[WatchedReport]:
    """Each gauge and each interval of a device."""
    today = state.today or 0
    for gauge in care.gauges:
        yield _gauge(gauge, state.gauge(gauge.name), today)
    for interval in care.intervals:
        yield _interval(interval, state.tally(interval.usage), today)


def _gauge(gauge: Gauge, state: GaugeState, today: int) -> WatchedReport:
    scale = Scale.of(gauge)
    reference = state.reference
    learned = state.map_days + sum(1 for value in state.values if value is not None)
    if reference is None:
        return WatchedReport(gauge.name, gauge.labels, Watching.LEARNING, scale.unit, learned)
    latest = [value for value in state.values[-10:] if value is not None][-5:]
    level = median(latest) if latest else None
    limits = limits_of(gauge, state)
    limit = min(limits, key=lambda one: abs(one - (reference.level if level is None else level)))
    silent = state.last_day is None or today - state.last_day > SILENT_DAYS
    no_limit = gauge.bound.upward and limit <= reference.level
    share = None if level is None or limit == reference.level else (level - reference.level) / (limit - reference.level)
    return WatchedReport(
        gauge.name, gauge.labels, Watching.NO_LIMIT if no_limit else Watching.SILENT if silent else Watching.WATCHED, scale.unit,
        learned, scale.number(reference.level), None if level is None else scale.number(level), scale.number(limit),
        None if share is None else round(share, 3),
    )  # fmt: skip


def _interval(interval: Interval, tally: Tally, today: int) -> WatchedReport:
    labels, unit = USAGES[interval.usage]
    days = 0 if tally.since_day is None else max(0, today - tally.since_day)
    return WatchedReport(
        usage_name(interval.usage), labels, Watching.COUNTING, unit, days, 0.0, round(tally.used, 1), interval.length,
        round(tally.used / interval.length, 3), interval.assumed,
    )  # fmt: skip
