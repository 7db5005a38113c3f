"""Characters on a serial line and what a receiver makes of them: with the same settings the same bytes, with others garbage.

Not by dice: the sender's bits are drawn as a waveform and sampled as a UART does, from each falling edge on, in the middle of
each bit by the receiver's own clock. So a wrong baud rate gives the junk that a wrong baud rate gives in the field.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edgeguard.core.line import LineSettings, Parity


@dataclass(frozen=True, slots=True)
class Piece:
    """Characters of one speaker without a pause between them; the first one's start bit begins at `start_s` of the loop's time."""

    start_s: float
    settings: LineSettings
    data: bytes

    @property
    def end_s(self) -> float:
        """When the last character's stop bit is over."""
        return self.start_s + len(self.data) * self.settings.character_s


@dataclass(frozen=True, slots=True)
class Heard:
    """What a receiver took for characters; `clean` if no parity or framing error came with them."""

    data: bytes
    clean: bool = True


def receive(pieces: Sequence[Piece], settings: LineSettings) -> Heard:
    """What a receiver with these settings makes of the pieces, which are in order of time and do not overlap."""
    if all(piece.settings == settings for piece in pieces):
        return Heard(b"".join(piece.data for piece in pieces))
    data, clean, bit_s = bytearray(), True, 1.0 / settings.baudrate
    edges = _edges(pieces)
    free_s = float("-inf")
    for place, (at_s, level) in enumerate(edges):
        if level or at_s < free_s:
            continue
        wave = _Wave(edges, place)
        bits = [wave.level(at_s + (number + 0.5) * bit_s) for number in range(settings.character_bits)]
        if bits[0]:
            continue
        value = sum(bit << number for number, bit in enumerate(bits[1 : 1 + settings.data_bits]))
        stopped = bits[-1] == 1
        clean = clean and stopped and bits[1 + settings.data_bits : -settings.stop_bits] == parity_bits(value, settings.parity)
        # without PARMRK a driver delivers a character that lacks its stop bit as zero, and one of wrong parity as it is
        data.append(value if stopped else 0)
        # the receiver looks for the next start bit from the middle of the stop bit on
        free_s = at_s + (settings.character_bits - 0.5) * bit_s
    return Heard(bytes(data), clean)


def parity_bits(value: int, parity: Parity) -> list[int]:
    """The parity bit of a character, or nothing."""
    if parity is Parity.NONE:
        return []
    return [(value.bit_count() + (parity is Parity.ODD)) & 1]


def _bits(value: int, settings: LineSettings) -> Iterator[int]:
    yield 0
    for number in range(settings.data_bits):
        yield value >> number & 1
    yield from parity_bits(value, settings.parity)
    for _ in range(settings.stop_bits):
        yield 1


def _edges(pieces: Sequence[Piece]) -> list[tuple[float, int]]:
    """Changes of the line's level as (time, new level); the line rests at 1."""
    edges, level = [], 1
    for piece in pieces:
        bit_s = 1.0 / piece.settings.baudrate
        for index, value in enumerate(piece.data):
            start_s = piece.start_s + index * piece.settings.character_s
            for number, bit in enumerate(_bits(value, piece.settings)):
                if bit != level:
                    edges.append((start_s + number * bit_s, bit))
                    level = bit
    return edges


class _Wave:
    """The line's level at times that only grow, from one edge on."""

    def __init__(self, edges: Sequence[tuple[float, int]], place: int) -> None:
        self._edges = edges
        self._place = place

    def level(self, at_s: float) -> int:
        """The level at `at_s`."""
        while self._place + 1 < len(self._edges) and self._edges[self._place + 1][0] <= at_s:
            self._place += 1
        return self._edges[self._place][1]
