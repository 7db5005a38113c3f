"""What a meter's data says, in words: the items of an identifier as the tables know them, with units and moments.

For people who look at a wire. What does not fit the table, or is no number, is shown as it came.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from edgeguard.codec.meter_value import outcome_of
from edgeguard.core.cjt188_table import Item, items_of, unit_of_byte, unit_of_name
from edgeguard.core.dlt645_table import Datum, datum, status_bits
from edgeguard.core.ids import PointName
from edgeguard.core.meter import UNITS_OF, Dimension, Edition, MeterField, Part, PartKind, UnitPlace
from edgeguard.core.point import Kind, Labels, Point
from edgeguard.core.quality import Fault, Reason

_FORMS: Final = (("1", ("water",)), ("2", ("heat", "heat-unit-first")), ("3", ("gas",)))
"""Forms of CJ/T 188 data by the first digit of the meter type; the likelier first."""
_STATUS: Final = "040005"


def electricity(edition: Edition, identifier: str, data: bytes) -> Labels | None:
    """The values of a DL/T 645 identifier, or of a block of them; None if the table does not know its data."""
    known = datum(edition, identifier)
    layout = () if known is None else known.layout
    if known is None:
        known = _first_of_block(edition, identifier)
        width = sum(part.width for part in known.layout) if known is not None else 0
        layout = known.layout * (len(data) // width) if known is not None and width and not len(data) % width else ()
    if known is None or not data or sum(part.width for part in layout) != len(data):
        return None
    if identifier.startswith(_STATUS) and len(data) == 2:
        return _status(int(identifier[-2:], 16), data)
    told = ", ".join(_shown(part, item, known.unit) for part, item in _taken_apart(layout, data))
    return Labels(told, told)


def others(station: str, identifier: str, data: bytes) -> Labels | None:
    """The values of a CJ/T 188 identifier, each with its name; None if nobody knows its data."""
    best: Labels | None = None
    for form in next((forms for digit, forms in _FORMS if station.startswith(digit)), ()):
        items = items_of(identifier, form)
        if not items or sum(item.part.width for item in items) != len(data):
            continue
        zh, en, all_read = [], [], True
        for item, (part, raw) in zip(items, _taken_apart([item.part for item in items], data), strict=True):
            unit = _unit_of(item, raw)
            all_read = all_read and (item.dimension is None or bool(unit))
            shown = _shown(part, raw, unit, converted=item.dimension is not None)
            zh.append(f"{item.labels.zh} {shown}")
            en.append(f"{item.labels.en.lower()} {shown}")
        told = Labels(", ".join(zh), ", ".join(en))
        if all_read:
            return told
        best = best or told
    return best


def _first_of_block(edition: Edition, identifier: str) -> Datum | None:
    """What one item of a block is: FF stands for all tariffs, phases or words (in the 1997 edition F)."""
    whole = "FF" if edition is Edition.Y2007 else "F"
    for place in range(len(identifier) - len(whole), -1, -1):
        if identifier[place : place + len(whole)] == whole:
            for number in ("1", "0"):
                single = identifier[:place] + number.zfill(len(whole)) + identifier[place + len(whole) :]
                if (known := datum(edition, single)) is not None:
                    return known
    return None


def _taken_apart(layout: Sequence[Part], data: bytes) -> Iterator[tuple[Part, bytes]]:
    at = 0
    for part in layout:
        yield part, data[at : at + part.width]
        at += part.width


def _unit_of(item: Item, raw: bytes) -> str:
    """The unit that the item's unit byte says; empty if it says none of its kind."""
    if item.dimension is None or item.part.unit is UnitPlace.NONE:
        return ""
    known = unit_of_byte(raw[0] if item.part.unit is UnitPlace.BEFORE else raw[-1])
    if known is None or known[0] is not item.dimension:
        return ""
    names = next(names for dimension, names in UNITS_OF if dimension is item.dimension)
    return next((name for name in names if unit_of_name(name) == known), names[0])


def _shown(part: Part, raw: bytes, unit: str, converted: bool = False) -> str:
    """One item; as it came, highest byte first, where it is no value."""
    if part.kind is PartKind.BITS:
        return raw[::-1].hex().upper()
    field = MeterField("", (part,), unit=unit, dimension=Dimension.VOLUME if converted else None)
    outcome = outcome_of(Point(PointName("item"), Kind.NUMBER, Labels("", "")), field, raw)
    if isinstance(outcome, Fault):
        return "—" if outcome.reason is Reason.NO_VALUE else f"{raw[::-1].hex().upper()}?"
    if isinstance(outcome, str):
        return outcome
    number = f"{outcome:.10g}" if converted else f"{outcome:.{part.decimals}f}"
    return f"{number} {unit}".rstrip()


def _status(word: int, data: bytes) -> Labels:
    """A status word, and what its bits mean that are set."""
    pattern, names = int.from_bytes(data, "little"), status_bits()
    told = [names[word, bit] for bit in range(16) if pattern >> bit & 1 and (word, bit) in names]
    raw = data[::-1].hex().upper()
    if not told:
        return Labels(raw, raw)
    return Labels(f"{raw}({'、'.join(one.zh for one in told)})", f"{raw} ({', '.join(one.en.lower() for one in told)})")
