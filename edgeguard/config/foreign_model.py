"""The tables of a profile whose protocol another package speaks: what is common to all points, and what only its driver reads."""

from typing import Annotated, Literal

from pydantic import Field

from edgeguard.config.fields import Deadband, Heartbeat, LabelsTable, Number, PointId, ReportTime, RequestDelay, RoleText, Timeout
from edgeguard.config.mistakes import Table
from edgeguard.config.profile_model import WriteTable
from edgeguard.core.limits import FOREIGN_SETTINGS, MAX_CHOICES_PER_POINT
from edgeguard.core.profile import Setting

Settings = Annotated[dict[str, Setting], Field(max_length=FOREIGN_SETTINGS)]


class DriverTable(Table):
    """`[driver]`: what a driver of another package is told; `settings` are its own words."""

    settings: Settings = Field(default_factory=dict)
    delay: RequestDelay = 0
    timeout: Timeout = 1000


class ForeignPointTable(Table):
    """`[[point]]` of such a device: `at` says where it is, in the driver's own words."""

    keystones = frozenset({"kind", "choices", "range", "write"})

    name: PointId
    kind: Literal["number", "boolean", "text"] = "number"
    at: Settings = Field(default_factory=dict)
    unit: Annotated[str, Field(max_length=16)] = ""
    range: Annotated[list[Number], Field(min_length=2, max_length=2)] | None = None
    decimals: Annotated[int, Field(ge=0, le=9)] | None = None
    labels: LabelsTable
    role: RoleText | None = None
    choices: Annotated[dict[str, LabelsTable], Field(max_length=MAX_CHOICES_PER_POINT)] = Field(default_factory=dict)
    deadband: Deadband = (0.0, 0.0)
    min_interval: ReportTime = 0
    heartbeat: Heartbeat = 900_000
    write: WriteTable | None = None
