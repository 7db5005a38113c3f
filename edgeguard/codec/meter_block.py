"""One answer of a meter to the outcomes of its members, and whether the answer agrees with itself.

The checksum of the meter protocols is a plain sum, so a damaged frame passes now and then. Where an answer holds a total and its
tariffs, they must add up; that catches what the sum does not.
"""

from collections.abc import Sequence
from typing import Final

from edgeguard.codec.meter_value import outcome_of
from edgeguard.core.ids import PointName
from edgeguard.core.meter import MeterField, Part, PartKind
from edgeguard.core.meter_plan import Ask, width_of
from edgeguard.core.point import Kind, Labels, Outcome, Point
from edgeguard.core.quality import Fault, Reason

_END_OF_BLOCK: Final = 0xAA
"""Some meters of 1997 put it behind a block."""
_ENERGY: Final = ("00", "90", "91", "94", "98")
_NUMBER: Final = Point(PointName("number"), Kind.NUMBER, Labels("", ""))


def decode(ask: Ask, data: bytes, points: Sequence[Point], fields: Sequence[MeterField]) -> list[Outcome | None]:
    """Outcomes of the members; None for one that a block does not hold, and that must be asked for by itself."""
    first = fields[ask.members[0]]
    width = width_of(first.layout)
    if ask.is_block:
        data = trimmed(data, width)
        if len(data) % width:
            fault = Fault(Reason.UNDECODABLE, f"a block of {len(data)} bytes cannot hold items of {width}")
            return [fault] * len(ask.members)
    elif len(first.layout) == 1 and len(data) != width:
        fault = Fault(Reason.UNDECODABLE, f"the meter gives {len(data)} bytes for {ask.identifier}, not {width}")
        return [fault] * len(ask.members)
    outcomes: list[Outcome | None] = []
    for column, start in zip(ask.members, ask.starts, strict=True):
        field = fields[column]
        chunk = data[start : start + field.part.width]
        missing = ask.is_block and len(chunk) < field.part.width
        outcomes.append(None if missing else outcome_of(points[column], field, chunk))
    return outcomes


def trimmed(data: bytes, width: int) -> bytes:
    """A block without its end mark."""
    return data[:-1] if len(data) % width == 1 and data[-1] == _END_OF_BLOCK else data


def adds_up(ask: Ask, data: bytes, field: MeterField) -> bool:
    """Whether the tariffs in a block of energies add up to its total, within their rounding; true where there is nothing to add."""
    if not ask.is_block or not ask.identifier.startswith(_ENERGY) or len(field.layout) != 1:
        return True
    part = field.part
    if part.kind is not PartKind.NUMBER:
        return True
    numbers = [_number(part, field, item) for item in _items(part, trimmed(data, part.width))]
    if len(numbers) < 2 or any(number is None for number in numbers):
        return True
    total, *tariffs = (number for number in numbers if number is not None)
    added = sum(tariffs)
    return added == 0 or abs(total - added) <= (len(tariffs) + 0.5) * 10**-part.decimals


def _items(part: Part, data: bytes) -> list[bytes]:
    return [data[at : at + part.width] for at in range(0, len(data) - part.width + 1, part.width)]


def _number(part: Part, field: MeterField, item: bytes) -> float | None:
    outcome = outcome_of(_NUMBER, MeterField(field.identifier, (part,)), item)
    return float(outcome) if isinstance(outcome, int | float) else None
