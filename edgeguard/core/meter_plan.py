"""Which identifiers a meter is asked for: as few as possible, whole blocks where it gives them, slow ones at their own pace."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edgeguard.core.dlt645_table import datum
from edgeguard.core.meter import MeterField, Part
from edgeguard.core.profile import Cjt188Limits, Dlt645Limits


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. `members` are columns, `starts[i]` is where the i-th one's item begins in the data; `is_block`: of a block.

    `every_ms`: asked for no more often than that. `size`: bytes of data that hold all members.
    """

    identifier: str
    members: tuple[int, ...]
    starts: tuple[int, ...]
    every_ms: int
    is_block: bool
    size: int


def asks_of(
    fields: Sequence[MeterField],
    limits: Dlt645Limits | Cjt188Limits,
    columns: Iterable[int] | None = None,
    no_blocks: frozenset[str] = frozenset(),
    alone: frozenset[int] = frozenset(),
) -> tuple[Ask, ...]:
    """The requests that read `columns` (all, if None), in the order of the profile.

    `no_blocks` are blocks that the meter refuses, `alone` columns that a block has turned out not to hold.
    """
    wanted = range(len(fields)) if columns is None else sorted(set(columns))
    homes: dict[tuple[str, int], list[int]] = {}
    for column in wanted:
        block = _block(fields[column], limits)
        if block and block not in no_blocks and column not in alone:
            homes.setdefault((block, fields[column].every_ms), []).append(column)
    in_block = {
        column: key for key, members in homes.items() if len({fields[i].identifier for i in members}) > 1 for column in members
    }
    groups: dict[tuple[str, int], list[int]] = {}
    for column in wanted:
        own = (fields[column].identifier, fields[column].every_ms)
        groups.setdefault(in_block.get(column, own), []).append(column)
    return tuple(
        _ask(identifier, every_ms, members, fields, limits if in_block.get(members[0]) else None)
        for (identifier, every_ms), members in groups.items()
    )


def _block(field: MeterField, limits: Dlt645Limits | Cjt188Limits) -> str:
    if not isinstance(limits, Dlt645Limits) or not limits.blocks:
        return ""
    known = datum(limits.edition, field.identifier)
    return known.block if known is not None and known.layout == field.layout else ""


def _ask(
    identifier: str, every_ms: int, members: Sequence[int], fields: Sequence[MeterField], limits: Dlt645Limits | Cjt188Limits | None
) -> Ask:
    """`limits` are given for a block, where an item's place follows from the table."""
    starts = []
    for i in members:
        field = fields[i]
        place = 0
        if isinstance(limits, Dlt645Limits) and (known := datum(limits.edition, field.identifier)) is not None:
            place = known.place
        starts.append(place * width_of(field.layout) + width_of(field.layout[: field.item]))
    size = max(start + fields[i].part.width for start, i in zip(starts, members, strict=True))
    return Ask(identifier, tuple(members), tuple(starts), every_ms, limits is not None, size)


def width_of(layout: Sequence[Part]) -> int:
    """Bytes that a layout takes."""
    return sum(part.width for part in layout)


def answer_bytes(ask: Ask, fields: Sequence[MeterField]) -> int:
    """Data in the answer, as far as it can be told before: what precedes and what holds the members, to the end of the layout."""
    last = fields[ask.members[-1]]
    return ask.size if ask.is_block else max(ask.size, width_of(last.layout))
