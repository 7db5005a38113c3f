"""`[maintenance]` and `[device.maintenance]` as pydantic sees them: shape, types and defaults of single values."""

import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from edgeguard.config.fields import LabelsTable, Number, PointId
from edgeguard.config.mistakes import Table, kind_of
from edgeguard.core.limits import HINT_CURVE_POINTS, HINT_GAUGES_PER_DEVICE
from edgeguard.core.maintenance import HintKind


def _day(written: object) -> datetime.date:
    """A date as TOML has them, without quotes."""
    if isinstance(written, datetime.datetime) or not isinstance(written, datetime.date):
        raise ValueError(f"must be a date such as 2026-10-01, without quotes, not {kind_of(written)}")  # noqa: TRY004
    return written


def _share(written: object) -> float:
    """A limit: a percentage as a text, or a number in the quantity's own unit."""
    if isinstance(written, str):
        digits = written.removesuffix("%").strip()
        if not written.endswith("%") or not digits.replace(".", "", 1).isdigit():
            raise ValueError(f'"{written}" is not a limit: write a percentage such as "15%", or a number in the quantity\'s unit')
        return float(digits) / 100.0
    if isinstance(written, bool) or not isinstance(written, int | float):
        raise ValueError(f'must be a percentage such as "15%" or a number, not {kind_of(written)}')  # noqa: TRY004
    return float(written)


Day = Annotated[datetime.date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]
Length = Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)]
Share = Annotated[float, BeforeValidator(_share), WithJsonSchema({"type": ["number", "string"]})]
Kind = Annotated[HintKind, Field(strict=False)]


class MaintenanceTable(Table):
    """`[maintenance]`: hints for the whole site; `outside` is the point that tells how warm it is around the devices."""

    enabled: bool = True
    outside: Annotated[str, Field(max_length=130)] | None = None
    hottest: Annotated[Number, Field(ge=-20, le=70)] = 35.0


class CurveTable(Table):
    """One point of `curve`: flow, and head or power or both, in the units of the device's own points."""

    flow: Annotated[Number, Field(ge=0)]
    head: Annotated[Number, Field(gt=0)] | None = None
    power: Annotated[Number, Field(gt=0)] | None = None


class WatchTable(Table):
    """`[[device.maintenance.watch]]`: a point of the device that must not reach `limit`, from whichever side it comes."""

    point: PointId
    limit: Number
    while_running: bool | None = None
    season: Annotated[Number, Field(ge=0)] = 0.0
    check: LabelsTable | None = None


class DeviceMaintenanceTable(Table):
    """`[device.maintenance]`: what wears this device, how far it may go, and what is not wanted."""

    run_hours: Length | None = None
    starts: Length | None = None
    trips: Length | None = None
    door_cycles: Length | None = None
    serviced: Day | None = None
    limits: dict[str, Share] = Field(default_factory=dict)
    off: Annotated[list[Kind], Field(max_length=len(HintKind))] = Field(default_factory=list)
    curve: Annotated[list[CurveTable], Field(max_length=HINT_CURVE_POINTS)] = Field(default_factory=list)
    curve_speed: Annotated[Number, Field(gt=0)] | None = None
    watch: Any = None


class DeviceMaintenanceRow(DeviceMaintenanceTable):
    """`[device.maintenance]`: what wears this device, how far it may go, and what is not wanted."""

    watch: Annotated[list[WatchTable], Field(max_length=HINT_GAUGES_PER_DEVICE)] = Field(default_factory=list)
