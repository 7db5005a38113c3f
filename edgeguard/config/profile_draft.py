"""A profile as far as somebody has told it, and the commented TOML file that comes of it: complete, valid, marked as a template."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from edgeguard.core.limits import MAX_TEXT_CHARS
from edgeguard.core.point import Labels
from edgeguard.core.register import RawType, Table, WordOrder

_TRUST_CHARS: Final = 900


@dataclass(frozen=True, slots=True)
class DraftPoint:
    """One point. `bits`: lowest and highest of a register. `remark` becomes a comment above it."""

    name: str
    table: Table
    address: int
    type: RawType | None = None
    words: int | None = None
    word_order: WordOrder | None = None
    bits: tuple[int, int] | None = None
    scale: float | None = None
    unit: str = ""
    range: tuple[float, float] | None = None
    labels: Labels | None = None
    remark: str = ""

    @property
    def is_number(self) -> bool:
        """Neither a truth value nor a text."""
        single = self.bits is not None and self.bits[0] == self.bits[1]
        return not self.table.is_bits and not single and self.type is not RawType.STRING

    @property
    def place(self) -> tuple[Table, int, RawType | None, tuple[int, int] | None]:
        """Where it sits; two points cannot be in one place."""
        return self.table, self.address, self.type, self.bits


@dataclass(frozen=True, slots=True)
class Draft:
    """A model and its points. `known` are labels of point names in use elsewhere, for points that have none."""

    name: str
    maker: str
    model: str
    kind: str
    source: str
    trust: str
    points: tuple[DraftPoint, ...]
    labels: Labels | None = None
    known: Mapping[str, Labels] = field(default_factory=dict)


def without_doubles(points: Sequence[DraftPoint]) -> tuple[tuple[DraftPoint, ...], tuple[str, ...]]:
    """The points with names of their own, one in each place; and what had to be changed or left out, in sentences."""
    kept: list[DraftPoint] = []
    said: list[str] = []
    places: dict[object, str] = {}
    names: set[str] = set()
    for point in points:
        first = places.get(point.place)
        if first is not None:
            said.append(f"{point.name} is left out: {first} sits in the same place, {point.table.value} {point.address}")
            continue
        name, number = point.name, 2
        while name in names:
            name, number = f"{point.name[:60]}_{number}", number + 1
        if name != point.name:
            said.append(f"the second {point.name} is called {name}")
        names.add(name)
        places[point.place] = name
        kept.append(replace(point, name=name))
    return tuple(kept), tuple(said)


def profile_text(draft: Draft) -> str:
    """The file. Every text in it is quoted, so that whatever stood in a CSV cannot break out of its place."""
    return "\n".join((*_head(draft), *(line for point in draft.points for line in _point(point, draft.known)), *_TAIL)) + "\n"


def _head(draft: Draft) -> Iterator[str]:
    yield f"# {_comment(draft.maker)} {_comment(draft.model)}, written by `edgeguard profile new`."
    yield "# Compare every value with the device's display, complete ranges, labels and alarms, then take `template` out."
    yield "# `edgeguard profile check` judges the file; docs/profiles.md explains every key."
    yield ""
    yield "[profile]"
    yield f"name = {_quoted(draft.name)}"
    yield f"maker = {_line(draft.maker)}"
    yield f"model = {_line(draft.model)}"
    yield f"kind = {_quoted(draft.kind)}"
    labels = draft.labels or Labels(zh=draft.model, en=draft.model)
    yield f"labels = {_labels(labels)}"
    yield f"source = {_quoted(draft.source[:_TRUST_CHARS])}"
    yield f"trust = {_quoted(draft.trust[:_TRUST_CHARS])}"
    yield "template = true"
    yield ""
    yield "# What the device bears in one request; see docs/profiles.md. With max_gap = 0 no register is read that no point names."
    yield "[modbus]"
    yield "max_gap = 0"


def _point(point: DraftPoint, known: Mapping[str, Labels]) -> Iterator[str]:
    labels = point.labels or known.get(point.name)
    yield ""
    if point.remark:
        yield f"# {_comment(point.remark)}"
    if labels is None:
        labels = Labels(zh=point.name, en=point.name.replace("_", " ").capitalize())
        yield "# No Chinese name is known for it: put one in."
    yield "[[point]]"
    yield f"name = {_quoted(point.name)}"
    yield f"table = {_quoted(point.table.value)}"
    yield f"address = {point.address}"
    if point.type is not None:
        yield f"type = {_quoted(point.type.value)}"
    if point.words is not None:
        yield f"words = {point.words}"
    if point.word_order is not None:
        yield f"word_order = {_quoted(point.word_order.value)}"
    if point.bits is not None:
        lowest, highest = point.bits
        yield f"bit = {lowest}" if lowest == highest else f"bits = [{lowest}, {highest}]"
    if point.is_number:
        yield from _number(point)
    yield f"labels = {_labels(labels)}"


def _number(point: DraftPoint) -> Iterator[str]:
    if point.scale is not None and point.scale != 1:
        yield f"scale = {point.scale!r}"
    if point.unit:
        yield f"unit = {_quoted(point.unit[:16])}"
    if point.range is not None:
        yield f"range = [{point.range[0]:g}, {point.range[1]:g}]"
    decimals = _decimals(point)
    if decimals is not None:
        yield f"decimals = {decimals}"


def _decimals(point: DraftPoint) -> int | None:
    """As many as the scale has; three for floats, whose own digits go on for ever."""
    if point.type in (RawType.FLOAT32, RawType.FLOAT64):
        return 3
    scale = f"{point.scale or 1:.9f}".rstrip("0")
    return min(9, len(scale.partition(".")[2]))


def _labels(labels: Labels) -> str:
    return f"{{ zh = {_line(labels.zh)}, en = {_line(labels.en)} }}"


def _line(text: str) -> str:
    """A text that must not be empty."""
    return _quoted(_printable(text)[:MAX_TEXT_CHARS].strip() or "?")


def _quoted(text: str) -> str:
    """A basic string of TOML, on one line; JSON's escapes are TOML's."""
    return json.dumps(_printable(text), ensure_ascii=False)


def _comment(text: str) -> str:
    return " ".join(_printable(text).split())


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


_TAIL: Final = (
    "",
    "# An alarm of every device of this model; remove the signs in front and fit it.",
    "# [[alarm]]",
    '# name = "voltage-high"',
    '# point = "voltage_l1"',
    '# condition = "high"',
    "# limit = 246.1",
    "# hysteresis = 2.0",
    '# on_delay = "10s"',
    '# severity = "major"',
    '# text = { zh = "过电压", en = "Over-voltage" }',
    "",
    "# How a scan recognises the model: what is plausible for a device in use.",
    "# [identify]",
    '# expect = [{ point = "voltage_l1", range = [180, 260] }]',
    "",
    "# What has been done to find out whether the profile is right.",
    "# [ledger]",
    '# field = { date = 2026-01-31, done = "compared with the display, all points" }',
)
