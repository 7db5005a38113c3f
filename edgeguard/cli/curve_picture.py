"""A curve as a file: SVG written by hand, PNG by zlib. Both stand alone: no font, style or script from elsewhere."""

import struct
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from typing import Final
from xml.sax.saxutils import escape

from edgeguard.cli.curve import Curve, Spot, ticks
from edgeguard.cli.pixel_font import GLYPHS, HEIGHT, WIDTH
from edgeguard.cli.text import number

WIDE: Final = 960
HIGH: Final = 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 78, 16, 34, 34
COLUMNS: Final = WIDE - _LEFT - _RIGHT
"""Places across the plot, for folding a curve."""
_INK, _GRID, _BAND, _LINE = (40, 40, 40), (222, 222, 222), (176, 205, 235), (20, 90, 170)
_STEPS_MS: Final = tuple(
    minutes * 60_000
    for minutes in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 7200, 10080, 20160, 43200, 129600, 525600)
)


class _Frame:
    """Where values and times lie on the picture."""

    def __init__(self, curve: Curve, zone: tzinfo | None) -> None:
        self.curve = curve
        self.zone = zone
        self.marks = ticks(curve.low, curve.high, 6)

    def x(self, at_ms: int) -> float:
        span = max(self.curve.to_ms - self.curve.from_ms, 1)
        return _LEFT + (at_ms - self.curve.from_ms) / span * COLUMNS

    def y(self, value: float) -> float:
        low, high = self.marks[0], self.marks[-1]
        return HIGH - _BOTTOM - (value - low) / (high - low) * (HIGH - _TOP - _BOTTOM)

    def times(self) -> Iterator[tuple[int, str]]:
        """Moments worth a mark, whole ones by the clock on the wall."""
        span = self.curve.to_ms - self.curve.from_ms
        step = next((step for step in _STEPS_MS if span / step <= 9), _STEPS_MS[-1])
        local = datetime.fromtimestamp(self.curve.from_ms / 1000, self.zone).astimezone(self.zone).replace(tzinfo=UTC)
        shift_ms = int(local.timestamp()) * 1000 - self.curve.from_ms // 1000 * 1000
        at_ms = -(-(self.curve.from_ms + shift_ms) // step) * step - shift_ms
        while at_ms <= self.curve.to_ms:
            form = "%m-%d" if step >= 86_400_000 else "%H:%M" if span <= 86_400_000 else "%m-%d %H:%M"
            yield at_ms, datetime.fromtimestamp(at_ms / 1000, self.zone).strftime(form)
            at_ms += step


def svg(curve: Curve, title: str, zone: tzinfo | None, empty: str) -> str:
    """The picture as text. `empty` stands in its middle where nothing is known."""
    frame = _Frame(curve, zone)
    size = f'viewBox="0 0 {WIDE} {HIGH}" width="{WIDE}" height="{HIGH}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDE}" height="{HIGH}" fill="#fff"/>',
        f'<text x="{_LEFT}" y="20" font-size="14" fill="#282828">{escape(title)}</text>',
    ]
    for mark in frame.marks:
        y = frame.y(mark)
        parts.append(f'<path d="M{_LEFT} {y:.1f}H{WIDE - _RIGHT}" stroke="#dedede"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end" fill="#282828">{number(mark)}</text>')
    for at_ms, text in frame.times():
        x = frame.x(at_ms)
        parts.append(f'<path d="M{x:.1f} {_TOP}V{HIGH - _BOTTOM}" stroke="#eee"/>')
        parts.append(f'<text x="{x:.1f}" y="{HIGH - 14}" text-anchor="middle" fill="#282828">{text}</text>')
    parts += [_svg_stretch(frame, stretch) for stretch in curve.stretches]
    if not curve.stretches:
        parts.append(f'<text x="{WIDE // 2}" y="{HIGH // 2}" text-anchor="middle" fill="#888">{escape(empty)}</text>')
    parts.append("</svg>\n")
    return "\n".join(parts)


def _svg_stretch(frame: _Frame, stretch: tuple[Spot, ...]) -> str:
    xs = [frame.x(spot.at_ms) for spot in stretch]
    if len(stretch) == 1:
        spot = stretch[0]
        return (
            f'<path d="M{xs[0]:.1f} {frame.y(spot.low):.1f}V{frame.y(spot.high):.1f}" stroke="#145aaa"/>'
            f'<circle cx="{xs[0]:.1f}" cy="{frame.y(spot.mean):.1f}" r="1.5" fill="#145aaa"/>'
        )
    top = "L".join(f"{x:.1f} {frame.y(spot.high):.1f}" for x, spot in zip(xs, stretch, strict=True))
    under = "L".join(f"{x:.1f} {frame.y(spot.low):.1f}" for x, spot in reversed(list(zip(xs, stretch, strict=True))))
    line = "L".join(f"{x:.1f} {frame.y(spot.mean):.1f}" for x, spot in zip(xs, stretch, strict=True))
    band = f'<path d="M{top}L{under}Z" fill="#b0cdeb" stroke="none"/>'
    return band + f'<path d="M{line}" fill="none" stroke="#145aaa" stroke-width="1.4"/>'


def png(curve: Curve, title: str, zone: tzinfo | None, empty: str) -> bytes:
    """The picture as bytes. Letters beyond ASCII are shown as ?."""
    frame, canvas = _Frame(curve, zone), _Canvas()
    canvas.text(_LEFT, 10, title[:120], 2 if len(title) <= 60 else 1)
    for mark in frame.marks:
        y = round(frame.y(mark))
        canvas.line(_LEFT, y, WIDE - _RIGHT - 1, y, _GRID)
        label = number(mark)
        canvas.text(_LEFT - 6 - len(label) * (WIDTH + 1), y - HEIGHT // 2, label)
    for at_ms, text in frame.times():
        x = round(frame.x(at_ms))
        canvas.line(x, _TOP, x, HIGH - _BOTTOM, _GRID)
        canvas.text(x - len(text) * (WIDTH + 1) // 2, HIGH - 24, text)
    for stretch in curve.stretches:
        for spot in stretch:
            x = round(frame.x(spot.at_ms))
            canvas.line(x, round(frame.y(spot.high)), x, round(frame.y(spot.low)), _BAND if len(stretch) > 1 else _LINE)
    for stretch in curve.stretches:
        places = [(round(frame.x(spot.at_ms)), round(frame.y(spot.mean))) for spot in stretch]
        for (x0, y0), (x1, y1) in zip(places, places[1:] or places, strict=False):
            canvas.line(x0, y0, x1, y1, _LINE)
    if not curve.stretches:
        canvas.text(WIDE // 2 - len(empty) * (WIDTH + 1) // 2, HIGH // 2, empty)
    return canvas.png()


class _Canvas:
    """RGB pixels, white at first."""

    def __init__(self) -> None:
        self._rows = [bytearray(b"\xff" * (WIDE * 3)) for _ in range(HIGH)]

    def dot(self, x: int, y: int, colour: tuple[int, int, int]) -> None:
        """One pixel; outside there is nothing."""
        if 0 <= x < WIDE and 0 <= y < HIGH:
            self._rows[y][3 * x : 3 * x + 3] = bytes(colour)

    def line(self, x0: int, y0: int, x1: int, y1: int, colour: tuple[int, int, int]) -> None:
        """From pixel to pixel."""
        steps = max(abs(x1 - x0), abs(y1 - y0), 1)
        for i in range(steps + 1):
            self.dot(round(x0 + (x1 - x0) * i / steps), round(y0 + (y1 - y0) * i / steps), colour)

    def text(self, x: int, y: int, text: str, scale: int = 1) -> None:
        """Letters of the pixel font, from their upper left corner."""
        for char in text:
            for column, bits in enumerate(GLYPHS.get(char, GLYPHS["?"])):
                for row in range(HEIGHT):
                    if bits >> row & 1:
                        for dx in range(scale):
                            for dy in range(scale):
                                self.dot(x + column * scale + dx, y + row * scale + dy, _INK)
            x += (WIDTH + 1) * scale

    def png(self) -> bytes:
        """The file: signature, header, one deflated block of unfiltered rows, end (W3C PNG, 3rd edition)."""

        def chunk(kind: bytes, data: bytes) -> bytes:
            return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

        header = struct.pack(">IIBBBBB", WIDE, HIGH, 8, 2, 0, 0, 0)
        rows = b"".join(b"\x00" + row for row in self._rows)
        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
