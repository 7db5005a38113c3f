"""Tables on terminals that are too narrow for them: each row stands by itself, with the names of the columns before its cells.

Where a table fits, or nearly, it is one; columns that were cut to a letter and a dot would tell nobody anything.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

LEAST_CELLS: Final = 10
"""A column may be cut down to so many cells, not further."""
WIDE_CELLS: Final = 120
"""Whoever reads so wide a line, or a pipe, gets a table whatever has to be cut: its lines are for grep."""
_BETWEEN: Final = 2
_INDENT: Final = 2


class Rows(Table):
    """A table that is told row by row where its columns do not fit."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """As a table, or row by row."""
        if options.max_width >= WIDE_CELLS or self._least(console, options) <= options.max_width:
            yield from super().__rich_console__(console, options)
            return
        for cells in zip(*(column.cells for column in self.columns), strict=True):
            yield from self._row(cells, options.max_width)

    def _least(self, console: Console, options: ConsoleOptions) -> int:
        """How many cells it takes without cutting a column below LEAST_CELLS."""
        roomy = options.update(width=WIDE_CELLS)
        widths = (
            max(Measurement.get(console, roomy, cell).maximum for cell in (column.header, *column.cells)) for column in self.columns
        )
        return sum(min(LEAST_CELLS, width) + _BETWEEN for width in widths)

    def _row(self, cells: Sequence[RenderableType], width: int) -> Iterator[RenderableType]:
        """The first cell as a heading; below it the others that say something, as many in a line as fit."""
        yield Text("", style="bold").append_text(_text(cells[0]))
        line = Text()
        for column, cell in zip(self.columns[1:], cells[1:], strict=True):
            shown = _text(cell)
            if not shown.plain.strip():
                continue
            pair = Text.assemble((f"{_text(column.header).plain} ".lstrip(), "dim"), shown)
            if line and line.cell_len + _BETWEEN + pair.cell_len > width - _INDENT:
                yield Padding(line, (0, 0, 0, _INDENT))
                line = Text()
            line = Text("  ").join((line, pair)) if line else pair
        if line:
            yield Padding(line, (0, 0, 0, _INDENT))


def _text(cell: RenderableType) -> Text:
    return cell if isinstance(cell, Text) else Text(str(cell))
