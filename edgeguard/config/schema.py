"""JSON Schemas of profile and site files, made of the very models that read them, so that editors complete and check.

An editor sees shape and single values; what lies across values (a limit outside of its point's range) only `check` tells.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from pydantic import Field

from edgeguard.config.camera_check import CameraTable
from edgeguard.config.domain_model import GroupTable
from edgeguard.config.energy_model import EnergyTable, MeterTable, TariffTable
from edgeguard.config.fields import PointId, RoleText
from edgeguard.config.foreign_model import DriverTable, ForeignPointTable
from edgeguard.config.gate_check import GateTable
from edgeguard.config.gate_plates import ParkingTable
from edgeguard.config.identify_model import IdentifyTable, LedgerTable
from edgeguard.config.maintenance_model import DeviceMaintenanceRow, MaintenanceTable
from edgeguard.config.meter_model import Cjt188Table, Dlt645Table, MeterPointTable
from edgeguard.config.mistakes import Table
from edgeguard.config.profile_model import AlarmTable, ModbusTable, PointTable, ProfileTable
from edgeguard.config.quantity import DURATION_PATTERN, SIZE_PATTERN, say_bytes, say_ms
from edgeguard.config.reaction_model import ReactionTable
from edgeguard.config.site_model import (
    AlarmOverride,
    BusTable,
    CommandsTable,
    ControlTable,
    DeviceTable,
    GatewayTable,
    HistoryTable,
    InterlockTable,
    LogTable,
    ProfilesTable,
    ReportOverride,
    StoreTable,
    UplinkTable,
)

DIALECT: Final = "http://json-schema.org/draft-07/schema#"
"""Draft 7: the one that editors of TOML know."""

Schema = dict[str, Any]


class ProfileFile(Table):
    """The profile of a Modbus device of edgeguard: see docs/profiles.md."""

    profile: ProfileTable
    modbus: ModbusTable = Field(default_factory=ModbusTable)
    point: list[PointTable] = Field(min_length=1)
    alarm: list[AlarmTable] = Field(default_factory=list)
    identify: IdentifyTable = Field(default_factory=IdentifyTable)
    ledger: LedgerTable = Field(default_factory=LedgerTable)


class MeterProfileFile(Table):
    """The profile of a DL/T 645 or CJ/T 188 meter of edgeguard: see docs/profiles.md."""

    profile: ProfileTable
    dlt645: Dlt645Table = Field(default_factory=Dlt645Table)
    cjt188: Cjt188Table = Field(default_factory=Cjt188Table)
    point: list[MeterPointTable] = Field(min_length=1)
    alarm: list[AlarmTable] = Field(default_factory=list)
    identify: IdentifyTable = Field(default_factory=IdentifyTable)
    ledger: LedgerTable = Field(default_factory=LedgerTable)


class DriverProfileFile(Table):
    """The profile of a device that a driver of another package serves: see docs/drivers.md."""

    profile: ProfileTable
    driver: DriverTable
    point: list[ForeignPointTable] = Field(min_length=1)
    alarm: list[AlarmTable] = Field(default_factory=list)
    identify: IdentifyTable = Field(default_factory=IdentifyTable)
    ledger: LedgerTable = Field(default_factory=LedgerTable)


class DeviceRow(DeviceTable):
    """`[[device]]`: one device on a bus, and what it does otherwise than its profile says."""

    alarm: list[AlarmTable] = Field(default_factory=list)
    alarms: dict[str, AlarmOverride] = Field(default_factory=dict)
    report: dict[PointId, ReportOverride] = Field(default_factory=dict)
    interlock: dict[str, InterlockTable] = Field(default_factory=dict)
    role: dict[PointId, RoleText] = Field(default_factory=dict)
    maintenance: DeviceMaintenanceRow | None = None


class CameraRow(CameraTable):
    """`[[camera]]`: one camera, and how its alarms differ from those that every camera has."""

    alarms: dict[str, AlarmOverride] = Field(default_factory=dict)


class SiteFile(Table):
    """A building's configuration of edgeguard: see docs/configuration.md."""

    gateway: GatewayTable
    uplink: UplinkTable | None = None
    store: StoreTable = Field(default_factory=StoreTable)
    history: HistoryTable = Field(default_factory=HistoryTable)
    control: ControlTable = Field(default_factory=ControlTable)
    commands: CommandsTable = Field(default_factory=CommandsTable)
    log: LogTable = Field(default_factory=LogTable)
    profiles: ProfilesTable = Field(default_factory=ProfilesTable)
    maintenance: MaintenanceTable = Field(default_factory=MaintenanceTable)
    energy: EnergyTable = Field(default_factory=EnergyTable)
    meter: list[MeterTable] = Field(default_factory=list)
    tariff: list[TariffTable] = Field(default_factory=list)
    bus: list[BusTable] = Field(default_factory=list)
    device: list[DeviceRow] = Field(default_factory=list)
    gate: list[GateTable] = Field(default_factory=list)
    parking: ParkingTable = Field(default_factory=ParkingTable)
    group: list[GroupTable] = Field(default_factory=list)
    camera: list[CameraRow] = Field(default_factory=list)
    reaction: list[ReactionTable] = Field(default_factory=list)
    alarm: list[AlarmTable] = Field(default_factory=list)


FILES: Final[Mapping[str, type[Table]]] = {
    "profile": ProfileFile,
    "meter-profile": MeterProfileFile,
    "driver-profile": DriverProfileFile,
    "site": SiteFile,
}


def schema_of(kind: str) -> Schema:
    """The schema of a kind of file, one of FILES. KeyError for anything else."""
    made = FILES[kind].model_json_schema(ref_template="#/definitions/{model}")
    schema: Schema = {"$schema": DIALECT, "title": f"edgeguard {kind} file"}
    schema.update((key, value) for key, value in made.items() if key not in ("$defs", "title"))
    schema["definitions"] = made.get("$defs", {})
    tidied = _tidy(schema)
    assert isinstance(tidied, dict)  # noqa: S101  a table stays a table
    return tidied


def schema_text(kind: str) -> str:
    """The same as the text of a file."""
    return json.dumps(schema_of(kind), indent=2, ensure_ascii=False) + "\n"


def _tidy(value: object) -> object:
    """Without pydantic's titles, which only repeat keys; defaults as they are written in a file; no null, which TOML has not."""
    if isinstance(value, list):
        return [_tidy(inner) for inner in value if inner != {"type": "null"}]
    if not isinstance(value, dict):
        return value
    kept = {key: inner for key, inner in value.items() if not (key == "default" and inner is None)}
    if "type" in kept or "anyOf" in kept or "$ref" in kept or "enum" in kept:
        if isinstance(kept.get("title"), str) and "$schema" not in kept:
            kept.pop("title")
        if "default" in kept:
            kept["default"] = _written(kept.get("pattern"), kept["default"])
    tidied = {key: _tidy(inner) for key, inner in kept.items()}
    options = tidied.get("anyOf")
    if isinstance(options, list) and len(options) == 1:
        tidied.pop("anyOf")
        tidied = {**options[0], **tidied}
    return tidied


def _written(pattern: object, default: object) -> object:
    """A default as people write it: `"15m"` for 900000 ms."""
    if isinstance(default, int) and pattern == DURATION_PATTERN:
        return say_ms(default)
    if isinstance(default, int) and pattern == SIZE_PATTERN:
        return say_bytes(default)
    return default
