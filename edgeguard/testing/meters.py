"""Meters in memory on one line: the real turn-taking and the real frames, answers by address and wildcard, collisions as garbage.

What a test scripts is what a meter has and does; what it gets are the faults that the real bus makes of it.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from edgeguard.bus import BusStats, LineCost, LinkState, Request
from edgeguard.bus.framings import Framings
from edgeguard.bus.tap import Listener
from edgeguard.bus.turns import Turns
from edgeguard.codec import cjt188_framing, dlt645_framing
from edgeguard.codec.cjt188_framing import Cjt188Framing
from edgeguard.codec.dlt645_framing import Dlt645Framing
from edgeguard.codec.meter_frame import FrameAt, MeterFrame, frames_in
from edgeguard.codec.meter_value import moment_bytes
from edgeguard.core.ids import BusName
from edgeguard.core.line import Protocol
from edgeguard.core.quality import Fault

_MOST_DATA = 180


@dataclass(slots=True)
class FakeElectricMeter:
    """A DL/T 645 meter. `data` by identifier, lowest byte first; `errors` are error words by identifier.

    `chunk`: data in one frame, before it is cut into following ones. `relay_sticks`: it confirms commands and does nothing.
    """

    address: str
    data: dict[str, bytes] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)
    edition: int = 2007
    chunk: int = _MOST_DATA
    password: bytes = bytes.fromhex("02563412")
    silent: bool = False
    answers_as: str | None = None
    relay_sticks: bool = False
    partial_wildcards: bool = True
    clock: Callable[[], datetime] | None = None
    """What its clock should show; without it the meter has none."""
    clock_off: timedelta = timedelta()
    obeys_once: bool = True
    """It takes a broadcast time, as the standard says, once; False: never."""
    asked: list[bytes] = field(default_factory=list)

    def hears(self, station: str) -> bool:
        """Whether a request to this station is for the meter."""
        if "A" in station and station != "A" * 12 and not self.partial_wildcards:
            return False
        return dlt645_framing.stands_for(station, self.address)

    def answer(self, frame: MeterFrame) -> bytes | None:
        """The answer's frame, None for silence."""
        if self.silent or frame.is_answer:
            return None
        if frame.station == dlt645_framing.BROADCAST and frame.control == 0x08:
            self._broadcast(frame.data)
        if not self.hears(frame.station):
            return None
        self.asked.append(frame.pdu)
        if self.clock is not None:
            shown = self.clock() + self.clock_off
            names = ("04000101", "04000102") if self.edition == 2007 else ("C010", "C011")
            self.data |= dict(zip(names, (moment_bytes("YYMMDDWW", shown), moment_bytes("hhmmss", shown)), strict=True))
        reply = self._reply(frame.control, frame.data)
        if reply is None:
            return None
        return dlt645_framing.build_frame(self.answers_as or self.address, reply[0], reply[1:])

    def _reply(self, control: int, data: bytes) -> bytes | None:
        new = self.edition == 2007
        size = 4 if new else 2
        if control == 0x13 and new:
            return b"\x93" + bytes.fromhex(self.address)[::-1]
        if control in ((0x11, 0x12) if new else (0x01, 0x02)):
            return self._data(control, data[:size], data[size:])
        if control == 0x14 and new:
            return self._written(data)
        return self._relay(data) if control == 0x1C and new else None

    def _data(self, control: int, di: bytes, rest: bytes) -> bytes:
        identifier = di[::-1].hex().upper()
        if identifier not in self.data:
            return bytes((0xC0 | control & 0x1F, self.errors.get(identifier, 0x02))) if control & 0x10 else b"\xc1\x02"
        number = rest[0] if rest else 0
        chunks = [self.data[identifier][i : i + self.chunk] for i in range(0, len(self.data[identifier]), self.chunk)] or [b""]
        more = 0x20 if number + 1 < len(chunks) else 0
        return bytes((0x80 | more | control,)) + di + chunks[number] + (rest[:1] if control == 0x12 else b"")

    def _broadcast(self, data: bytes) -> None:
        """Take the time, if it is not too far from the meter's own."""
        if self.clock is None or not self.obeys_once:
            return
        off = datetime.strptime(data[::-1].hex(), "%y%m%d%H%M%S") - self.clock()  # noqa: DTZ007  meters know no zones
        if abs(off - self.clock_off) <= timedelta(minutes=5):
            self.clock_off, self.obeys_once = off, False

    def _written(self, data: bytes) -> bytes:
        if data[4:8] != self.password:
            return b"\xd4\x04"
        self.data[data[:4][::-1].hex().upper()] = data[12:]
        return b"\x94"

    def _relay(self, data: bytes) -> bytes:
        if data[:4] != self.password:
            return b"\xdc\x04"
        if not self.relay_sticks:
            self.data["04000503"] = b"\x10\x00" if data[8] == 0x1A else b"\x00\x00"
        return b"\x9c"


@dataclass(slots=True)
class FakeWaterMeter:
    """A CJ/T 188 meter. `data` by identifier; `low_first`: the one order of identifiers that it answers.

    `clock` gives what a right clock shows, `clock_off` is added to it; None: the clock in `data` stands still and is not set.
    """

    station: str
    data: dict[str, bytes] = field(default_factory=dict)
    low_first: bool = False
    silent: bool = False
    wrong_number: bool = False
    valve_reads: int = 0
    refuses: bool = False
    clock: Callable[[], datetime] | None = None
    clock_off: timedelta = timedelta()
    asked: list[bytes] = field(default_factory=list)
    _valve: int | None = None

    def answer(self, frame: MeterFrame) -> bytes | None:
        """The answer's frame, None for silence."""
        if self.silent or frame.is_answer or not cjt188_framing.stands_for(frame.station, self.station):
            return None
        self.asked.append(frame.pdu)
        wire, number = frame.data[:2], frame.data[2:3]
        identifier = (wire[::-1] if self.low_first else wire).hex().upper()
        if self.wrong_number:
            number = bytes((number[0] ^ 0x55,))
        if self.refuses:
            return self._frame(0xC0 | frame.control, number + b"\x00\x40")
        if frame.control == 0x03 and identifier == "810A":
            return self._frame(0x83, wire + number)
        if frame.control == 0x01 and identifier in self.data:
            return self._frame(0x81, wire + number + self._moved(identifier))
        if frame.control == 0x04 and identifier == "A017":
            self._valve = 0 if frame.data[3] == 0x55 else 1
            return self._frame(0x84, wire + number + b"\x00\x00")
        if frame.control == 0x04 and identifier == "A015" and self.clock is not None and len(frame.data) == 10:
            told = datetime.strptime(frame.data[:2:-1].hex(), "%Y%m%d%H%M%S")  # noqa: DTZ007  meters know no zones
            self.clock_off = told - self.clock()
            return self._frame(0x84, wire + number)
        return None

    def _frame(self, control: int, data: bytes) -> bytes:
        return cjt188_framing.build_frame(self.station, control, data)

    def _moved(self, identifier: str) -> bytes:
        """The data, with the valve where it is after `valve_reads` more reads, and the clock before the status."""
        if self.clock is not None and identifier == "901F":
            moment = bytes.fromhex(f"{self.clock() + self.clock_off:%Y%m%d%H%M%S}")[::-1]
            self.data[identifier] = self.data[identifier][:-9] + moment + self.data[identifier][-2:]
        if self._valve is not None and identifier == "901F":
            self.valve_reads -= 1
            if self.valve_reads < 0:
                data = bytearray(self.data[identifier])
                data[-2] = data[-2] & 0xFC | self._valve
                self.data[identifier] = bytes(data)
        return self.data[identifier]


FakeMeter = FakeElectricMeter | FakeWaterMeter


class MeterBus:
    """A line of meters; see bus.exchange.Bus. `sent` holds the frames of all requests; two answers at once are garbage."""

    def __init__(self, *meters: FakeMeter, name: str = "meters", response_s: float = 0.05, byte_s: float = 0.0) -> None:
        self.meters = list(meters)
        self.sent: list[bytes] = []
        self.name = BusName(name)
        self.cost = LineCost()
        self.noise = b""
        """Bytes before the next answer."""
        self.damage: Callable[[bytes], bytes] = bytes
        """What the line makes of an answer."""
        self._response_s = response_s
        self._byte_s = byte_s
        self._turns = Turns(self.name, Framings({Protocol.DLT645: Dlt645Framing(), Protocol.CJT188: Cjt188Framing()}), 1, 0.0)
        self._open = False

    @property
    def stats(self) -> BusStats:
        """Counters so far."""
        return self._turns.stats(LinkState.CONNECTED, 0, None, "")

    async def exchange(self, request: Request) -> bytes:
        """The answer's PDU; ExchangeFailed if none came."""
        if not self._open:
            self._open = True
            self._turns.opened(self._written, self._dropped)
        return await self._turns.ask(request)

    def on_connected(self, wake: Callable[[], None]) -> None:
        """The line is always there, so nobody is woken."""

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Tell `listener` what passes until the function returned here is called."""
        return self._turns.listen(listener)

    async def run(self) -> None:
        """There is no connection to own."""

    def receive(self, data: bytes) -> None:
        """Bytes that nobody asked for."""
        self._turns.received(data)

    def _dropped(self, fault: Fault) -> None:
        """A port that has been silent for too long is opened anew at the next request."""
        self._open = False
        self._turns.closed(fault)

    def _written(self, data: bytes) -> None:
        self.sent.append(data)
        electric_meters = [m for m in self.meters if isinstance(m, FakeElectricMeter)]
        water_meters = [m for m in self.meters if isinstance(m, FakeWaterMeter)]
        electric = _answers(data, dlt645_framing.frame_at, electric_meters)
        water = [] if electric else _answers(data, cjt188_framing.frame_at, water_meters)
        answers = electric or water
        if not answers:
            return
        answer = answers[0] if len(answers) == 1 else collided(answers)
        answer, self.noise = self.noise + self.damage(answer), b""
        loop = asyncio.get_running_loop()
        loop.call_later(self._response_s + self._byte_s * len(answer), self._turns.received, answer)


def _answers(data: bytes, frame_at: FrameAt, meters: "list[FakeElectricMeter] | list[FakeWaterMeter]") -> list[bytes]:
    frames = list(frames_in(data, frame_at))
    return [answer for frame in frames for meter in meters if (answer := meter.answer(frame)) is not None]


def collided(answers: list[bytes]) -> bytes:
    """What several talkers at once leave on the line: a mixture that is nobody's frame."""
    longest = max(map(len, answers))
    mixed = bytearray(longest)
    for answer in answers:
        for i, byte in enumerate(answer):
            mixed[i] |= byte
    mixed[-1] ^= 0x5A
    return bytes(mixed)
