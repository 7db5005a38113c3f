"""Several writes of one device as few requests: neighbours go together, so that the device takes all of them or none.

Coils in a row go by function 15, registers in a row by 16, bits of one register by one mask write (22). A single one goes by 5
or 6, and by 15 or 16 where the device does not know these; neighbours go one by one where it knows only 5 or 6.
Source of the functions: MODBUS Application Protocol V1.1b3, 6.5, 6.6, 6.11, 6.12, 6.16. Pure.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from edgeguard.codec.encode import Encoded
from edgeguard.codec.modbus import (
    mask_write_request,
    write_coil_request,
    write_coils_request,
    write_register_request,
    write_registers_request,
)
from edgeguard.core.errors import WriteRefused
from edgeguard.core.limits import MODBUS_MAX_WRITE_REGISTERS
from edgeguard.core.register import RegisterField, Table


@dataclass(frozen=True, slots=True)
class WriteStep:
    """Writes that go together: `members` are their indices, `requests` what to send, each tried if the one before is unknown
    to the device. Where it knows none of them the members go `apart`, each in a step of its own (none: they cannot).
    """

    members: tuple[int, ...]
    requests: tuple[bytes, ...]
    apart: "tuple[WriteStep, ...]" = ()


def write_step(index: int, field: RegisterField, encoded: Encoded) -> WriteStep:
    """The step that writes one field."""
    if field.table.is_bits:
        on = encoded.data != b"\0"
        return WriteStep((index,), (write_coil_request(field.address, on), write_coils_request(field.address, (on,))))
    if encoded.register is not None:
        word = int.from_bytes(encoded.data, "big")
        return WriteStep((index,), (mask_write_request(encoded.register, 0xFFFF ^ encoded.mask, word),))
    if len(encoded.data) == 2:
        single, several = write_register_request(field.address, encoded.data), write_registers_request(field.address, encoded.data)
        return WriteStep((index,), (single, several))
    return WriteStep((index,), (write_registers_request(field.address, encoded.data),))


def plan_writes(fields: Sequence[RegisterField], encoded: Sequence[Encoded]) -> tuple[WriteStep, ...]:
    """Steps that write every field once; a step stands where its first member stood. WriteRefused if two overlap."""
    steps = [_joined(run, fields, encoded) for run in _runs(fields, encoded)]
    return tuple(sorted(steps, key=lambda step: min(step.members)))


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a write begins and ends: registers and coils by address, bits of a register by the register."""

    table: Table
    is_mask: bool
    first: int
    last: int
    index: int


def _runs(fields: Sequence[RegisterField], encoded: Sequence[Encoded]) -> Iterator[list[int]]:
    """Indices that may go together, in the order of their addresses."""
    places = sorted(map(_place, range(len(fields)), fields, encoded), key=lambda p: (p.table, p.first, p.is_mask))
    _refuse_overlaps(places, encoded)
    run: list[_Place] = []
    for place in places:
        if run and _continues(run, place):
            run.append(place)
            continue
        if run:
            yield [member.index for member in run]
        run = [place]
    if run:
        yield [member.index for member in run]


def _place(index: int, field: RegisterField, encoded: Encoded) -> _Place:
    if encoded.register is not None:
        return _Place(field.table, True, encoded.register, encoded.register, index)
    return _Place(field.table, False, field.address, field.last, index)


def _continues(run: Sequence[_Place], place: _Place) -> bool:
    last = run[-1]
    if last.table is not place.table or last.is_mask is not place.is_mask:
        return False
    if place.is_mask:
        return place.first == last.first
    return place.first == last.last + 1 and place.last - run[0].first < MODBUS_MAX_WRITE_REGISTERS


def _refuse_overlaps(places: Sequence[_Place], encoded: Sequence[Encoded]) -> None:
    for before, after in pairwise(places):
        if before.table is not after.table or after.first > before.last:
            continue
        if before.is_mask and after.is_mask and not encoded[before.index].mask & encoded[after.index].mask:
            continue
        raise WriteRefused(f"two of the writes concern {after.table.value} {after.first}; write one after the other")


def _joined(run: Sequence[int], fields: Sequence[RegisterField], encoded: Sequence[Encoded]) -> WriteStep:
    alone = tuple(write_step(i, fields[i], encoded[i]) for i in run)
    if len(run) == 1:
        return alone[0]
    first = fields[run[0]]
    if first.table.is_bits:
        request = write_coils_request(first.address, [encoded[i].data != b"\0" for i in run])
    elif (register := encoded[run[0]].register) is not None:
        mask = word = 0
        for i in run:
            mask |= encoded[i].mask
            word |= int.from_bytes(encoded[i].data, "big")
        return WriteStep(tuple(run), (mask_write_request(register, 0xFFFF ^ mask, word),))
    else:
        request = write_registers_request(first.address, b"".join(encoded[i].data for i in run))
    return WriteStep(tuple(run), (request,), alone)
