"""One field by itself, out of registers that were read anyhow: for recognising devices and for looking at raw answers."""

import struct
from collections.abc import Mapping
from typing import Any

from edgeguard.codec.decode import converter
from edgeguard.codec.layout import check_field, reorder, struct_code
from edgeguard.core.identify import Cell
from edgeguard.core.point import Outcome, Point
from edgeguard.core.register import RegisterField


def raw_of(field: RegisterField, cells: Mapping[Cell, int]) -> Any | None:
    """The field's raw value as its struct code unpacks it; None if a register of it is not among the cells."""
    check_field(field)
    held = [cells.get((field.table, field.address + i)) for i in range(field.words)]
    registers = [value for value in held if value is not None]
    if len(registers) != field.words:
        return None
    if field.table.is_bits:
        return registers[0]
    data = b"".join(value.to_bytes(2, "big") for value in registers)
    return struct.unpack(f">{struct_code(field)}", reorder(field.words, field.word_order)(data))[0]


def outcome_of(point: Point, field: RegisterField, cells: Mapping[Cell, int]) -> Outcome | None:
    """What the point reads from the cells; None if a register of it is not among them."""
    raw = raw_of(field, cells)
    if raw is None:
        return None
    convert = converter(point, field)
    outcome: Outcome = raw if convert is None else convert(raw)
    return outcome
