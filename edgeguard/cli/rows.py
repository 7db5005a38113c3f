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
        natural = self._natural(console, options)
        least = sum(min(LEAST_CELLS, width) + _BETWEEN for width in natural)
        if options.max_width >= WIDE_CELLS or least <= options.max_width:
            for column, width in zip(self.columns, self._fitted(natural, options.max_width), strict=True):
                column.width = width
            yield from super().__rich_console__(console, options)
            return
        for cells in zip(*(column.cells for column in self.columns), strict=True):
            yield from self._row(cells, options.max_width)

    def _natural(self, console: Console, options: ConsoleOptions) -> list[int]:
        """How many cells each column takes where nothing is cut."""
        roomy = options.update(width=max(WIDE_CELLS, options.max_width))
        return [
            max(Measurement.get(console, roomy, cell).maximum for cell in (column.header, *column.cells)) for column in self.columns
        ]

    def _fitted(self, natural: Sequence[int], room: int) -> list[int | None]:
        """The widths of the columns that are cut, None of others: what may be broken into lines first, then the widest.

        A figure, or a short word, is never cut for the sake of a long name.
        """
        widths = list(natural)
        for foldable in (True, False):
            which = [i for i, column in enumerate(self.columns) if column.no_wrap is not foldable]
            while sum(widths) + _BETWEEN * len(widths) > room and any(widths[i] > LEAST_CELLS for i in which):
                widths[max(which, key=lambda i: widths[i])] -= 1
        return [width if width < whole else None for width, whole in zip(widths, natural, strict=True)]

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
