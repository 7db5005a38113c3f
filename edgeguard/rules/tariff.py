"""Which tariff period a moment belongs to (sharp, peak, flat, valley: 尖 峰 平 谷), and what a unit costs in it. Pure."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime

from edgeguard.core.metering import DayKind, Medium, Season, Tariff


@dataclass(frozen=True, slots=True)
class Rate:
    """What holds at a moment. `price` per unit of the medium; None where the site names none."""

    period: str
    price: float | None
    currency: str


def kind_of_day(day: date, holidays: AbstractSet[date], workdays: AbstractSet[date]) -> DayKind:
    """A holiday, a workday (also one at a weekend, if it is named), or a weekend."""
    if day in holidays:
        return DayKind.HOLIDAY
    return DayKind.WEEKEND if day.weekday() >= 5 and day not in workdays else DayKind.WORKDAY


def rate_at(tariffs: Sequence[Tariff], medium: Medium, at: datetime, kind: DayKind) -> Rate | None:
    """What holds for a medium at a local time; None if no tariff is in force then."""
    for tariff in tariffs:
        if tariff.medium is medium and tariff.first <= at.date() and (tariff.until is None or at.date() < tariff.until):
            season = season_of(tariff.seasons, at.month, kind)
            minute = at.hour * 60 + at.minute
            for window in season.windows if season else ():
                if window.first_min <= minute < window.until_min:
                    return Rate(window.period, tariff.prices.get(window.period), tariff.currency)
    return None


def season_of(seasons: Sequence[Season], month: int, kind: DayKind) -> Season | None:
    """The first season for a month and a kind of day. A holiday that no season names is a day like others of its tariff."""
    named = next((one for one in seasons if month in one.months and (kind in one.days or DayKind.ALL in one.days)), None)
    if named is None and kind is DayKind.HOLIDAY:
        return season_of(seasons, month, DayKind.WEEKEND)
    if named is None and kind is DayKind.WEEKEND:
        return season_of(seasons, month, DayKind.WORKDAY)
    return named
