"""The tables of metering as pydantic sees them: `[energy]`, `[[meter]]`, `[[tariff]]`. Shape and single values only."""

import re
from datetime import date, datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from edgeguard.config.fields import Id, LabelsTable, Line
from edgeguard.config.mistakes import Table, kind_of
from edgeguard.core.metering import DayKind, Medium, Window
from edgeguard.core.metering_limits import (
    HOLIDAYS_MAX,
    METER_REPLACEMENTS,
    SPECIFICS_MAX,
    TARIFF_SEASONS,
    TARIFF_WINDOWS,
    ZONE_METERS_MAX,
    ZONES_MAX,
)

_SOURCE: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}\.[a-z][a-z0-9_]{0,63}")
_WINDOW: Final = re.compile(r"([01][0-9]|2[0-4]):([0-5][0-9])-([01][0-9]|2[0-4]):([0-5][0-9]) +([a-z][a-z0-9-]{0,31})")
_PERIOD: Final = re.compile(r"[a-z][a-z0-9-]{0,31}")


def _source(text: str) -> str:
    if _SOURCE.fullmatch(text) is None:
        raise ValueError(f'"{text}" is not a point of a device: write DEVICE.POINT, such as "main-meter.energy_import"')
    return text


def _day(written: object) -> object:
    if isinstance(written, str):
        try:
            return date.fromisoformat(written)
        except ValueError:
            raise ValueError(f'"{written}" is not a day such as 2026-10-01') from None
    if not isinstance(written, date) or isinstance(written, datetime):
        raise ValueError(f"must be a day such as 2026-10-01, not {kind_of(written)}")  # noqa: TRY004 (pydantic wants ValueError)
    return written


def _moment(written: object) -> object:
    if isinstance(written, str):
        try:
            return datetime.fromisoformat(written)
        except ValueError:
            raise ValueError(f'"{written}" is not a moment such as 2026-05-01T10:30') from None
    if not isinstance(written, datetime):
        raise ValueError(f"must be a moment such as 2026-05-01T10:30, not {kind_of(written)}")  # noqa: TRY004
    return written


def _window(written: object) -> object:
    match = _WINDOW.fullmatch(written) if isinstance(written, str) else None
    if match is None:
        shown = f'"{written}"' if isinstance(written, str) else kind_of(written)
        raise ValueError(f'{shown} is not a window such as "08:00-11:30 peak"')
    first, until = int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])
    if first % 15 or until % 15:
        raise ValueError(f'"{written}": periods begin and end with a quarter of an hour')
    if until > 1440 or first >= until:
        raise ValueError(f'"{written}" must end after it begins, at 24:00 at the latest; split what passes midnight')
    return Window(first, until, match[5])


def _period(text: str) -> str:
    if _PERIOD.fullmatch(text) is None:
        raise ValueError(f'"{text}" is not the name of a period: small letters, digits and hyphens, such as "peak"')
    return text


_AS_DAY: Final = WithJsonSchema({"type": "string", "examples": ["2026-10-01"]})
_AS_MOMENT: Final = WithJsonSchema({"type": "string", "examples": ["2026-05-01T10:30"]})
_AS_WINDOW: Final = WithJsonSchema({"type": "string", "pattern": f"^{_WINDOW.pattern}$", "examples": ["08:00-11:30 peak"]})

Day = Annotated[date, BeforeValidator(_day), _AS_DAY]
Moment = Annotated[datetime, BeforeValidator(_moment), _AS_MOMENT]
WindowText = Annotated[Any, BeforeValidator(_window), _AS_WINDOW]
Period = Annotated[str, AfterValidator(_period)]
Positive = Annotated[float, Field(strict=False, gt=0, allow_inf_nan=False)]
Reading = Annotated[float, Field(strict=False, ge=0, allow_inf_nan=False)]
MediumName = Annotated[Medium, Field(strict=False)]
DayKinds = Annotated[list[Annotated[DayKind, Field(strict=False)]], Field(min_length=1, max_length=4)]


class ReplacedTable(Table):
    """`[[meter.replaced]]`: the meter was exchanged; readings in the point's unit."""

    at: Moment
    old_last: Reading
    new_first: Reading


class MeterTable(Table):
    """`[[meter]]`: a counter of a device as a meter. Figures in the point's unit."""

    keystones = frozenset({"name", "source"})

    name: Id
    source: Annotated[str, AfterValidator(_source)]
    medium: MediumName | None = None
    parent: Id | None = None
    resolution: Positive | None = None
    rollover: Positive | None = None
    max_rate: Positive | None = None
    labels: LabelsTable | None = None
    replaced: Annotated[list[ReplacedTable], Field(max_length=METER_REPLACEMENTS)] = Field(default_factory=list)


class SpecificTable(Table):
    """`[[energy.specific]]`: so much of one meter with one unit of another."""

    name: Id
    of: Id
    per: Id
    labels: LabelsTable | None = None


class ZoneTable(Table):
    """`[[energy.zone]]`: a part of a water net: meters that feed it, and meters of all that is drawn. `limit`: m3 an hour."""

    keystones = frozenset({"inflow"})

    name: Id
    inflow: Annotated[list[Id], Field(min_length=1, max_length=ZONE_METERS_MAX)]
    behind: Annotated[list[Id], Field(max_length=ZONE_METERS_MAX)] = Field(default_factory=list)
    limit: Positive | None = None
    labels: LabelsTable | None = None


class EnergyTable(Table):
    """`[energy]`: where the site is in time, its holidays, and when a consumption is worth an alarm."""

    timezone: Annotated[str, Field(max_length=64)] = "Asia/Shanghai"
    holidays: Annotated[list[Day], Field(max_length=HOLIDAYS_MAX)] = Field(default_factory=list)
    workdays: Annotated[list[Day], Field(max_length=HOLIDAYS_MAX)] = Field(default_factory=list)
    excess_percent: Annotated[float, Field(strict=False, ge=0, le=1000, allow_inf_nan=False)] = 25.0
    trust_clock: bool = False
    specific: Annotated[list[SpecificTable], Field(max_length=SPECIFICS_MAX)] = Field(default_factory=list)
    zone: Annotated[list[ZoneTable], Field(max_length=ZONES_MAX)] = Field(default_factory=list)


class SeasonTable(Table):
    """`[[tariff.season]]`: the windows of a day, for some months and kinds of days; the first that fits counts."""

    months: Annotated[list[Annotated[int, Field(ge=1, le=12)]], Field(min_length=1, max_length=12)] = Field(
        default_factory=lambda: list(range(1, 13))
    )
    days: DayKinds = Field(default_factory=lambda: [DayKind.ALL])
    windows: Annotated[list[WindowText], Field(min_length=1, max_length=TARIFF_WINDOWS)]


class TariffTable(Table):
    """`[[tariff]]`: the periods of a medium and their prices, from a day on, until another one (not included)."""

    keystones = frozenset({"season"})

    medium: MediumName = Medium.ELECTRICITY
    since: Annotated[Day, Field(alias="from")]
    until: Day | None = None
    currency: Line = "CNY"
    prices: dict[Period, Annotated[float, Field(strict=False, ge=0, allow_inf_nan=False)]] = Field(default_factory=dict)
    season: Annotated[list[SeasonTable], Field(min_length=1, max_length=TARIFF_SEASONS)]
