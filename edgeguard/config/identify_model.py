"""The `[identify]` and `[ledger]` tables of a profile file as pydantic sees them: shape and types of single values."""

import datetime
from typing import Annotated

from pydantic import Field

from edgeguard.config.fields import Line, Number, PointId
from edgeguard.config.mistakes import Table
from edgeguard.core.limits import MAX_IDENTIFY_CHECKS, MODBUS_MAX_READ_REGISTERS
from edgeguard.core.register import RawType, WordOrder
from edgeguard.core.register import Table as RegisterTable

_Texts = Annotated[list[Line], Field(max_length=MAX_IDENTIFY_CHECKS)]
_Range = Annotated[list[Number], Field(min_length=2, max_length=2)]


class RegisterCheckTable(Table):
    """An entry of `identify.registers`: a register whose content tells the model."""

    keystones = frozenset({"type", "words"})

    table: Annotated[RegisterTable, Field(strict=False)]
    address: Annotated[int, Field(ge=0, le=65535)]
    type: Annotated[RawType, Field(strict=False)] | None = None
    words: Annotated[int, Field(ge=1, le=MODBUS_MAX_READ_REGISTERS)] | None = None
    word_order: Annotated[WordOrder, Field(strict=False)] | None = None
    equals: Annotated[list[int], Field(max_length=MAX_IDENTIFY_CHECKS)] = Field(default_factory=list)
    contains: _Texts = Field(default_factory=list)
    range: _Range | None = None
    means: Line


class ExpectTable(Table):
    """An entry of `identify.expect`: what is plausible for one point of this model in use."""

    point: PointId
    range: _Range | None = None
    zero: bool = False
    among: Annotated[list[bool | Line], Field(max_length=MAX_IDENTIFY_CHECKS)] = Field(default_factory=list)
    never_falls: bool = False
    sum_of: Annotated[list[PointId], Field(max_length=MAX_IDENTIFY_CHECKS)] = Field(default_factory=list)
    within: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)] = 5.0
    """Per cent by which a sum may be off."""


class IdentifyTable(Table):
    """`[identify]`: how a scan tells this model from others, without writing anything."""

    vendor: _Texts = Field(default_factory=list)
    product: _Texts = Field(default_factory=list)
    server_id: _Texts = Field(default_factory=list)
    registers: Annotated[list[RegisterCheckTable], Field(max_length=MAX_IDENTIFY_CHECKS)] = Field(default_factory=list)
    expect: Annotated[list[ExpectTable], Field(max_length=MAX_IDENTIFY_CHECKS)] = Field(default_factory=list)


class EntryTable(Table):
    """One line of the ledger: the day, and what was done on it."""

    date: datetime.date
    done: Line
    composed: bool = False


class LedgerTable(Table):
    """`[ledger]`: what has been done to find out whether the profile is right. What is not said has not been done."""

    recorded: EntryTable | None = None
    line_faults: EntryTable | None = None
    field: EntryTable | None = None
    writes: EntryTable | None = None
