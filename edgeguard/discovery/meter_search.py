"""Meters on a line by wildcards: everybody is asked, and where several answer over each other, ever fewer, until each is alone.

What counts is everything heard after the question, not only the frame that the bus takes for the answer: meters think for
different times, so the second one's frame may come behind the first one's. Nothing is written: DL/T 645 control codes 13 and 11
(1997: 01), CJ/T 188 control codes 03 and 01.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from edgeguard.bus import Passing, WireEvent
from edgeguard.codec.cjt188_framing import frame_at as cjt188_frame_at
from edgeguard.codec.dlt645_framing import frame_at as dlt645_frame_at
from edgeguard.codec.meter_frame import WAKE_UP, FrameAt, frames_in
from edgeguard.core.cjt188_table import TYPES
from edgeguard.core.limits import SCAN_KEPT_BYTES, SCAN_METER_PATIENCE_S, SCAN_NARROWINGS
from edgeguard.core.line import Protocol
from edgeguard.core.quality import Fault
from edgeguard.discovery.asker import Asker, Peer
from edgeguard.discovery.duration import narrower_s
from edgeguard.discovery.walk import Question

_JUNK_BYTES: Final = 3
"""So few bytes beside a frame are a driver that was switched on, not another meter."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What came after one question: whole answers' stations, and whether there was more than one voice."""

    stations: tuple[str, ...]
    crowded: bool


class MeterSearch:
    """Searches one line, in one protocol. `turned_up` is told of calls that become necessary, in seconds."""

    def __init__(self, asker: Asker, question: Question, turned_up: Callable[[float], None] = lambda _: None) -> None:
        self._asker = asker
        self._question = question
        self._turned_up = turned_up
        self._buffer = bytearray()
        self._listening = False
        self._asked = ""
        self.nameless = False
        """A meter answers without telling its address (some of 1997 repeat the wildcards)."""
        self.unresolved: list[str] = []
        """Addresses at which something answers that cannot be told apart."""

    async def stations(self) -> list[str]:
        """The addresses of all meters that answer."""
        found: dict[str, None] = {}
        patterns = [str(self._question.station)]
        leave = self._asker.bus.listen(self._hear)
        try:
            for _ in range(SCAN_NARROWINGS):
                if not patterns:
                    break
                pattern = patterns.pop()
                heard = await self._call(pattern)
                found.update(dict.fromkeys(heard.stations))
                if heard.crowded:
                    narrower = list(_narrower(pattern, self._question.protocol))
                    patterns += reversed(narrower)
                    self._call_more(len(narrower))
                    if not narrower:
                        self.unresolved.append(pattern)
        finally:
            leave()
        return list(found)

    def _call_more(self, calls: int) -> None:
        line = self._question.line
        if calls and line is not None:
            self._turned_up(calls * narrower_s(self._question.protocol, line))

    async def _call(self, pattern: str) -> Heard:
        self._buffer.clear()
        self._asked = pattern
        peer = Peer(self._question.protocol, pattern, self._question.line)
        self._listening = True
        answer = await self._asker.ask(peer, _address_question(self._question), SCAN_METER_PATIENCE_S)
        if self._buffer or not isinstance(answer, Fault):
            await asyncio.sleep(SCAN_METER_PATIENCE_S)
        self._listening = False
        return self._judge(pattern)

    def _judge(self, pattern: str) -> Heard:
        dlt645 = self._question.protocol is Protocol.DLT645
        frame_at: FrameAt = dlt645_frame_at if dlt645 else cjt188_frame_at
        stations: dict[str, None] = {}
        rest = bytearray(self._buffer)
        for frame in frames_in(bytes(self._buffer), frame_at):
            rest[frame.start : frame.end] = bytes((WAKE_UP,)) * (frame.end - frame.start)
            if not frame.is_answer or not _means(pattern, frame.station):
                continue
            if "A" in frame.station and dlt645:
                self.nameless = True
            else:
                stations[frame.station] = None
        junk = sum(1 for byte in rest if byte != WAKE_UP)
        return Heard(tuple(stations), junk > _JUNK_BYTES or len(stations) > 1)

    def _hear(self, event: WireEvent) -> None:
        """Bytes that come while the last question on the wire is ours."""
        if event.passing is Passing.SENT:
            self._listening = event.station == self._asked and event.protocol is self._question.protocol
        elif event.passing is Passing.RECEIVED and self._listening and len(self._buffer) < SCAN_KEPT_BYTES:
            self._buffer += event.data


def _address_question(question: Question) -> bytes:
    match question.protocol, question.variant:
        case Protocol.DLT645, "2007":
            return b"\x13"
        case Protocol.DLT645, _:
            return bytes.fromhex("01 10 90")
        case _, "1F90":
            return bytes.fromhex("03 0A 81 01")
        case _:
            return bytes.fromhex("03 81 0A 01")


def _means(pattern: str, station: str) -> bool:
    return all(p in ("A", s) for p, s in zip(pattern, station, strict=True))


def _narrower(pattern: str, protocol: Protocol) -> Iterator[str]:
    """Patterns that mean together what this one means; none if it means a single address."""
    if protocol is Protocol.DLT645:
        place = pattern.rfind("A")
        if place >= 0:
            yield from (f"{pattern[:place]}{digit}{pattern[place + 1 :]}" for digit in "0123456789")
        return
    if pattern.startswith("AA"):
        yield from (kind + pattern[2:] for kind in TYPES)
        return
    for place in range(len(pattern) - 2, 0, -2):
        if pattern[place : place + 2] == "AA":
            yield from (f"{pattern[:place]}{number:02d}{pattern[place + 2 :]}" for number in range(100))
            return
