"""The tables of a profile file as pydantic sees them: shape and types of single values, nothing across them."""

from typing import Annotated, Literal, get_args

from pydantic import Field

from edgeguard.config.alarm_traits import TraitKeys
from edgeguard.config.fields import (
    AlarmDelay,
    Deadband,
    Heartbeat,
    Id,
    LabelsTable,
    Limit,
    Line,
    Number,
    PointId,
    ReportTime,
    RequestDelay,
    RoleText,
    Timeout,
)
from edgeguard.config.mistakes import Table
from edgeguard.core.alarm import Condition, Severity
from edgeguard.core.limits import MAX_CHOICES_PER_POINT, MAX_PARTS_PER_POINT, MODBUS_MAX_READ_BITS, MODBUS_MAX_READ_REGISTERS
from edgeguard.core.register import RawType, WordOrder
from edgeguard.core.register import Table as RegisterTable

DeviceKind = Literal[
    "lift",
    "pump",
    "vfd",
    "electricity-meter",
    "water-meter",
    "heat-meter",
    "gas-meter",
    "transmitter",
    "io",
    "relay",
    "ats",
    "generator",
    "ups",
    "fire-alarm",
    "other",
]
DEVICE_KINDS: tuple[str, ...] = get_args(DeviceKind)

Address = Annotated[int, Field(ge=0, le=65535)]
Pair = Annotated[list[int], Field(min_length=2, max_length=2)]
Enum = Field(strict=False)
"""TOML has only texts; strict mode would ask for members of the enumeration."""


class ProfileTable(Table):
    """`[profile]`: what the device is, where its register map comes from, and how far it can be trusted."""

    name: Id
    maker: Line
    model: Line
    kind: DeviceKind
    protocol: Id = "modbus"
    labels: LabelsTable
    source: Annotated[str, Field(min_length=1, max_length=1000)]
    trust: Annotated[str, Field(min_length=1, max_length=1000)]
    template: bool = False


class ForbiddenTable(Table):
    """One entry of `modbus.forbidden`: addresses that must never be read, not even between two points."""

    table: Annotated[RegisterTable, Enum]
    first: Address
    last: Address


class ModbusTable(Table):
    """`[modbus]`: what the device bears in one request, and the word order of points that say none."""

    max_registers: Annotated[int, Field(ge=1, le=MODBUS_MAX_READ_REGISTERS)] = MODBUS_MAX_READ_REGISTERS
    max_bits: Annotated[int, Field(ge=1, le=MODBUS_MAX_READ_BITS)] = MODBUS_MAX_READ_BITS
    max_gap: Annotated[int, Field(ge=0, le=MODBUS_MAX_READ_BITS)] | None = None
    forbidden: list[ForbiddenTable] = Field(default_factory=list)
    word_order: Annotated[WordOrder, Enum] = WordOrder.BIG
    delay: RequestDelay = 0
    timeout: Timeout = 1000


class WriteTable(Table):
    """`write = {…}`: bounds in the point's unit, how far the value read back may be off, and whether a write alone can do harm.

    What is not `harmless` is refused unless the site gives the point an interlock with a condition.
    """

    min: Number | None = None
    max: Number | None = None
    tolerance: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    harmless: bool = False


class PointTable(Table):
    """`[[point]]`: one quantity, where it sits and how it is read, told and perhaps written."""

    keystones = frozenset({"type", "words", "bit", "bits", "choices", "range", "write", "weights", "decimals_at"})

    name: PointId
    table: Annotated[RegisterTable, Enum]
    address: Address
    type: Annotated[RawType, Enum] | None = None
    words: Annotated[int, Field(ge=1, le=MODBUS_MAX_READ_REGISTERS)] | None = None
    word_order: Annotated[WordOrder, Enum] | None = None
    bit: Annotated[int, Field(ge=0, le=63)] | None = None
    bits: Pair | None = None
    weights: Annotated[list[int], Field(min_length=2, max_length=MAX_PARTS_PER_POINT)] | None = None
    decimals_at: Address | None = None
    scale: Number | None = None
    offset: Number | None = None
    unit: Annotated[str, Field(max_length=16)] = ""
    range: Annotated[list[Number], Field(min_length=2, max_length=2)] | None = None
    no_value: list[int] = Field(default_factory=list)
    labels: LabelsTable
    role: RoleText | None = None
    choices: Annotated[dict[str, LabelsTable], Field(max_length=MAX_CHOICES_PER_POINT)] = Field(default_factory=dict)
    decimals: Annotated[int, Field(ge=0, le=9)] | None = None
    deadband: Deadband = (0.0, 0.0)
    min_interval: ReportTime = 0
    heartbeat: Heartbeat = 900_000
    write: WriteTable | None = None


class AlarmTable(TraitKeys):
    """`[[alarm]]`: a default alarm of every device of this model (or, in a site, of one device, or of none)."""

    keystones = frozenset({"hysteresis"})

    name: Id
    point: PointId | None = None
    condition: Annotated[Condition, Enum]
    limit: Limit | None = None
    hysteresis: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    on_delay: AlarmDelay = 0
    off_delay: AlarmDelay = 0
    severity: Annotated[Severity, Enum]
    text: LabelsTable
