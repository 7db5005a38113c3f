"""A curve in the terminal: braille dots, two columns and four rows to a character, with axes that people can read."""

from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import Final

from edgeguard.cli.curve import Curve, ticks
from edgeguard.cli.text import number

_DOTS: Final = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_BLANK: Final = 0x2800


def columns_for(cells: int, labels: int) -> int:
    """Dots across, where the labels on the left take so many cells."""
    return max((cells - labels - 2) * 2, 20)


def draw(curve: Curve, cells: int, rows: int, zone: tzinfo | None) -> list[str]:
    """Lines of text. The curve must have been folded for `cells` less its labels; gaps stay empty."""
    marks = ticks(curve.low, curve.high, max(rows // 3, 3))
    labels = [number(mark) for mark in marks]
    wide = max(map(len, labels))
    across, high = max(cells - wide - 2, 10), rows * 4
    canvas = [[0] * across for _ in range(rows)]
    low, span = marks[0], marks[-1] - marks[0]
    time_span = max(curve.to_ms - curve.from_ms, 1)

    def x_of(at_ms: int) -> int:
        return min(max((at_ms - curve.from_ms) * across * 2 // time_span, 0), across * 2 - 1)

    def y_of(value: float) -> int:
        return min(max(round((value - low) / span * (high - 1)), 0), high - 1)

    def dot(x: int, y: int) -> None:
        row = high - 1 - y
        canvas[row // 4][x // 2] |= _DOTS[row % 4][x % 2]

    for stretch in curve.stretches:
        before: tuple[int, int] | None = None
        for spot in stretch:
            x, y = x_of(spot.at_ms), y_of(spot.mean)
            for filled in range(y_of(spot.low), y_of(spot.high) + 1):
                dot(x, filled)
            if before is not None:
                _join(before, (x, y), dot)
            before = x, y
    named = {high - 1 - y_of(mark): label for mark, label in zip(marks, labels, strict=True)}
    lines = []
    for row, cells_of_row in enumerate(canvas):
        label = next((text for at, text in named.items() if at // 4 == row), "")
        lines.append(f"{label:>{wide}} │{''.join(chr(_BLANK + cell) for cell in cells_of_row)}")
    lines.append(f"{'':>{wide}} └{'─' * across}")
    lines.append(f"{'':>{wide}}  {_times(curve, across, zone)}")
    return lines


def _join(start: tuple[int, int], end: tuple[int, int], dot: Callable[[int, int], None]) -> None:
    steps = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
    for i in range(steps + 1):
        dot(start[0] + round((end[0] - start[0]) * i / steps), start[1] + round((end[1] - start[1]) * i / steps))


def _times(curve: Curve, across: int, zone: tzinfo | None) -> str:
    """Beginning, middle and end."""
    texts = [time_text(at_ms, zone) for at_ms in (curve.from_ms, (curve.from_ms + curve.to_ms) // 2, curve.to_ms)]
    if sum(map(len, texts)) + 4 > across:
        return f"{texts[0]:<{max(across - len(texts[2]), 0)}}{texts[2]}"
    left = (across - len(texts[1])) // 2
    line = f"{texts[0]:<{left}}{texts[1]}"
    return f"{line:<{across - len(texts[2])}}{texts[2]}"


def time_text(at_ms: int, zone: tzinfo | None) -> str:
    """Date and time in a zone, that of this machine for None."""
    return f"{datetime.fromtimestamp(at_ms / 1000, zone):%m-%d %H:%M}"
