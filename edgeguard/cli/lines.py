"""Lines of an exact width for a picture that fills a terminal: fields set side by side, cut and padded by cells.

Knows nothing of gateways. Chinese characters are two cells wide; everything here counts cells, not characters.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.text import Text


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a row: `width` cells, right-aligned for figures."""

    text: str | Text
    width: int
    style: str = ""
    right: bool = False


def fit(text: Text, width: int) -> Text:
    """`text` in exactly `width` cells: cut with an ellipsis or padded."""
    made = text.copy()
    made.truncate(max(0, width), overflow="ellipsis", pad=True)
    return made


def row(fields: Iterable[Field], gap: int = 1) -> Text:
    """Fields beside each other with `gap` cells between them; a field without width vanishes with its gap."""
    made = Text()
    for field in fields:
        if field.width <= 0:
            continue
        if made:
            made.append(" " * gap)
        text = field.text.copy() if isinstance(field.text, Text) else Text(field.text, style=field.style)
        text.truncate(field.width, overflow="ellipsis")
        padding = " " * (field.width - text.cell_len)
        made.append_text(Text(padding) + text if field.right else text + Text(padding))
    return made


def spread(left: Text, right: Text, width: int) -> Text:
    """`left` at the left edge and `right` at the right one; where both do not fit `left` is cut."""
    room = width - right.cell_len - 1
    if room < 8:
        return fit(left, width)
    return fit(left, room) + Text(" ") + right


def rule(title: str, width: int, right: str = "") -> Text:
    """A section's heading: the title on a line that runs to the right edge."""
    tail = f" {right} ─" if right else ""
    line = Text("─ ", style="dim") + Text(title, style="bold") + Text(" ")
    fill = width - line.cell_len - Text(tail).cell_len
    return fit(line + Text("─" * max(0, fill) + tail, style="dim"), width)


def beside(left: Sequence[Text], right: Sequence[Text], left_width: int, right_width: int) -> list[Text]:
    """Two columns of lines with a bar between them; the result is left_width + 3 + right_width cells wide."""
    height = max(len(left), len(right))
    bar = Text(" │ ", style="dim")
    blank = Text()
    made = []
    for index in range(height):
        first = left[index] if index < len(left) else blank
        second = right[index] if index < len(right) else blank
        made.append(fit(first, left_width) + bar + fit(second, right_width))
    return made


def columns_of(width: int, cell_width: int) -> tuple[int, int]:
    """How many columns of at least `cell_width`, two cells apart, fit into `width`, and how wide each becomes; at least one."""
    columns = max(1, (width + 2) // (cell_width + 2))
    return columns, (width - 2 * (columns - 1)) // columns


def grid(cells: Sequence[Text], columns: int, each: int, height: int, more: Text | None = None) -> list[Text]:
    """Cells of `each` width in columns, filled downwards, in at most `height` lines.

    What does not fit is left out, and `more` stands in the last place instead.
    """
    if height <= 0 or not cells:
        return []
    if len(cells) > columns * height:
        cells = [*cells[: columns * height - 1], *([more] if more is not None else [])]
    height = -(-len(cells) // columns)
    lines = []
    for line in range(height):
        picked = [cells[column * height + line] for column in range(columns) if column * height + line < len(cells)]
        lines.append(row([Field(cell, each) for cell in picked], gap=2))
    return lines
