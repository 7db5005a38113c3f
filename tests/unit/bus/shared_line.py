"""A line with two masters: we, another one, and devices that take their time; for the tests of this room."""

import asyncio
from collections.abc import Callable

from edgeguard.bus import BusStats, ExchangeFailed, LinkState, Request
from edgeguard.bus.framings import Framings
from edgeguard.bus.turns import Turns
from edgeguard.codec.ascii import AsciiFraming, lrc
from edgeguard.codec.cjt188_framing import Cjt188Framing
from edgeguard.codec.dlt645_framing import Dlt645Framing
from edgeguard.codec.dlt645_framing import build_frame as electric_frame
from edgeguard.codec.framing import Framing
from edgeguard.codec.modbus import read_request
from edgeguard.codec.rtu import RtuFraming, crc16
from edgeguard.core.ids import BusName
from edgeguard.core.line import LineSettings, Protocol
from edgeguard.core.quality import Fault
from edgeguard.core.register import Table

LINE = LineSettings(9600)
METER, WATER, EVERY_METER = "003411001043", "1033780011223344", "A" * 12
REFUSED = 0xBAD
"""The register that the device does not have."""


def rtu(body: bytes) -> bytes:
    return body + crc16(body).to_bytes(2, "little")


def ascii_frame(body: bytes) -> bytes:
    return b":" + (body + bytes((lrc(body),))).hex().upper().encode() + b"\r\n"


class SharedLine:
    """We, another master, and units that answer in order and keep one more request in mind. A register holds its own address."""

    def __init__(self, framing: Framing | None = None, frame: Callable[[bytes], bytes] = rtu) -> None:
        protocol = Protocol.DLT645 if isinstance(framing, Dlt645Framing) else Protocol.MODBUS
        protocol = Protocol.CJT188 if isinstance(framing, Cjt188Framing) else protocol
        self.turns = Turns(BusName("riser"), Framings({protocol: framing or RtuFraming()}), 1, 0.0, LINE, 50)
        self.turns.opened(self.write, lambda _: None, lambda _: 0.0, True)
        self.frame = frame
        self.sent: list[tuple[bytes, float]] = []
        self.takes_s: dict[int, float] = {}
        self.next_s: list[float | None] = []
        """What the next answers take; None: it is lost."""
        self.ends_s: dict[int, list[float]] = {}
        self.beside = (b"", b"")
        """Bytes glued to answers."""
        self.answers: Callable[[bytes], bytes | None] = self.unit

    def write(self, data: bytes) -> None:
        """Ours."""
        self.sent.append((data, asyncio.get_running_loop().time()))
        self.reaches(data)

    def theirs(self, data: bytes) -> None:
        """The other master's request: we hear it as the devices do."""
        self.turns.received(data)
        self.reaches(data)

    def reaches(self, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        answer = self.answers(data)
        if answer is None:
            return
        unit = int(data[1:3], 16) if self.frame is ascii_frame else data[0]
        takes_s = self.next_s.pop(0) if self.next_s else self.takes_s.get(unit, 0.01)
        self.ends_s[unit] = [end_s for end_s in self.ends_s.get(unit, []) if end_s > loop.time()]
        if takes_s is None or len(self.ends_s[unit]) > 1:
            return
        travels_s = (len(data) + len(answer)) * LINE.character_s
        end_s = max(self.ends_s[unit][-1] if self.ends_s[unit] else 0.0, loop.time()) + travels_s + takes_s
        self.ends_s[unit].append(end_s)
        before, after = self.beside
        loop.call_at(end_s, self.turns.received, before + answer + after)

    def unit(self, data: bytes) -> bytes | None:
        body = data[:-2] if self.frame is rtu else bytes.fromhex(data[1:-2].decode())[:-1]
        unit, function, address, count = body[0], body[1], int.from_bytes(body[2:4], "big"), int.from_bytes(body[4:6], "big")
        if address == REFUSED:
            return self.frame(bytes((unit, function | 0x80, 2)))
        if function == 6:
            return self.frame(body)
        values = b"".join((address + i).to_bytes(2, "big") for i in range(count))
        return self.frame(bytes((unit, function, len(values))) + values)

    def ask(self, unit: int, address: int, table: Table = Table.HOLDING, count: int = 1) -> None:
        """The other master reads."""
        self.theirs(self.frame(bytes((unit,)) + read_request(table, address, count)))

    async def read(self, unit: int, address: int, timeout_s: float = 0.2, table: Table = Table.HOLDING) -> int | Fault:
        """We read one register; its value, -1 for a refusal."""
        try:
            answer = await self.turns.ask(Request(unit, read_request(table, address, 1), timeout_s))
        except ExchangeFailed as failed:
            return failed.fault
        return int.from_bytes(answer[2:], "big") if len(answer) > 2 else -1

    @property
    def stats(self) -> BusStats:
        return self.turns.stats(LinkState.CONNECTED, 0, None, "")


FRAMES: list[tuple[type[RtuFraming] | type[AsciiFraming], Callable[[bytes], bytes]]] = [
    (RtuFraming, rtu),
    (AsciiFraming, ascii_frame),
]


def electric(station: str, control: int, text: str) -> bytes:
    return b"\xfe" * 4 + electric_frame(station, control, bytes.fromhex(text))
