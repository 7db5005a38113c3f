"""The tables of a meter's profile as pydantic sees them: `[dlt645]`, `[cjt188]`, and points that name a data identifier."""

from typing import Annotated, Literal

from pydantic import Field

from edgeguard.config.fields import (
    Deadband,
    Heartbeat,
    LabelsTable,
    Number,
    Period,
    PointId,
    ReportTime,
    RequestDelay,
    RoleText,
    Timeout,
)
from edgeguard.config.mistakes import Table
from edgeguard.config.profile_model import Enum, Pair, WriteTable
from edgeguard.core.limits import MAX_CHOICES_PER_POINT, METER_LAYOUT_ITEMS
from edgeguard.core.meter import Control


class Dlt645Table(Table):
    """`[dlt645]`: which edition a meter speaks, and what it bears."""

    edition: Literal[2007, 1997] = 2007
    blocks: bool = True
    close: Literal["permit", "direct"] = "permit"
    delay: RequestDelay = 0
    timeout: Timeout = 1500


class Cjt188Table(Table):
    """`[cjt188]`: what kind of meter, and the order in which it wants the two bytes of an identifier."""

    form: Literal["water", "heat", "heat-unit-first", "gas"] = "water"
    identifier_order: Literal["auto", "90-1F", "1F-90"] = "auto"
    delay: RequestDelay = 0
    timeout: Timeout = 2000


class MeterPointTable(Table):
    """`[[point]]` of a meter: one item of the data that an identifier names."""

    keystones = frozenset({"data", "item", "layout", "bit", "bits", "choices", "range", "write", "control"})

    name: PointId
    data: Annotated[str, Field(max_length=8)]
    item: Annotated[int, Field(ge=0, lt=METER_LAYOUT_ITEMS)] | Annotated[str, Field(max_length=64)] | None = None
    layout: Annotated[str, Field(max_length=500)] | None = None
    bit: Annotated[int, Field(ge=0, le=63)] | None = None
    bits: Pair | None = None
    scale: Number | None = None
    unit: Annotated[str, Field(max_length=16)] | None = None
    range: Annotated[list[Number], Field(min_length=2, max_length=2)] | None = None
    every: Period | None = None
    labels: LabelsTable
    role: RoleText | None = None
    choices: Annotated[dict[str, LabelsTable], Field(max_length=MAX_CHOICES_PER_POINT)] = Field(default_factory=dict)
    decimals: Annotated[int, Field(ge=0, le=9)] | None = None
    deadband: Deadband = (0.0, 0.0)
    min_interval: ReportTime = 0
    heartbeat: Heartbeat = 900_000
    write: WriteTable | None = None
    control: Annotated[Control, Enum] | None = None
