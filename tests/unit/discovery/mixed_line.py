"""A mixed RS-485 line in virtual time: Modbus devices made of recordings, DL/T 645 and CJ/T 188 meters, and a bus on it."""

import asyncio
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from edgeguard.bus import Bus, LineCost
from edgeguard.bus.framings import Framings
from edgeguard.bus.opening import METER_FRAMINGS
from edgeguard.bus.reconnect import Reconnect
from edgeguard.bus.turns import Turns
from edgeguard.bus.wire_bus import WireBus
from edgeguard.codec.rtu import RtuFraming
from edgeguard.core.ids import BusName
from edgeguard.core.line import LineSettings, Parity, Protocol
from edgeguard.core.quality import Fault
from edgeguard.core.register import Table
from edgeguard.simulator.bcd import bcd
from edgeguard.simulator.cjt188_station import Cjt188Station
from edgeguard.simulator.dlt645_station import E1997, E2007, Dlt645Station
from edgeguard.simulator.modbus_station import RtuStation
from edgeguard.simulator.registers import Image, Span, Words
from edgeguard.simulator.unit import Identity, Unit
from edgeguard.simulator.wire import Spoken, Station, Wire
from edgeguard.testing.recording import load_recording

RECORDINGS = Path(__file__).resolve().parents[2] / "recordings"
N9600, E9600, N19200 = LineSettings(), LineSettings(9600, Parity.EVEN), LineSettings(19200)
E2400 = LineSettings(2400, Parity.EVEN)


class _Link:
    line_errors = None

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self.lost: asyncio.Future[Fault] = asyncio.get_running_loop().create_future()

    def drop(self, fault: Fault) -> None:
        if not self.lost.done():
            self._turns.closed(fault)
            self.lost.set_result(fault)


class _Opener:
    """Opens the master's end of a simulated pair as a serial port is opened."""

    where = "the simulated line"
    within_s = 1.0

    def __init__(self, wire: Wire, line: "Line") -> None:
        self._wire = wire
        self._line = line

    async def open(self, turns: Turns) -> _Link:
        def tune(line: LineSettings) -> float:
            if not self._line.tunes:
                return 0.0
            settle_s = 0.0 if line == self._wire.settings else 0.005
            self._wire.settings = line
            return settle_s

        link = _Link(turns)
        self._wire.on_heard = turns.received
        turns.opened(self._wire.send, link.drop, tune)
        return link


class Line:
    """The pair with its stations. `sent` holds every frame of the master."""

    def __init__(self, stations: Sequence[Station], settings: LineSettings = N9600) -> None:
        self.wire = Wire(stations, settings)
        self.sent: list[bytes] = []
        self.tunes = True
        """False: whatever the master's port is set to, the line hears it, as devices do that ignore parity."""
        self.wire.on_spoken = self._spoken
        framings = Framings({Protocol.MODBUS: RtuFraming(), **{p: make() for p, make in METER_FRAMINGS.items()}})
        turns = Turns(BusName("riser"), framings, 1, 0.0, settings, 50)
        reconnect = Reconnect(random.Random(1))
        self.bus: Bus = WireBus(BusName("riser"), _Opener(self.wire, self), turns, LineCost.on_line(settings), reconnect)

    def _spoken(self, spoken: Spoken) -> None:
        if spoken.speaker is None:
            self.sent.append(spoken.data)

    @property
    def writes(self) -> list[bytes]:
        """Frames of the master that could change something: Modbus functions other than reads, meters' control codes likewise."""
        return [frame for frame in self.sent if _may_write(frame)]


def _may_write(frame: bytes) -> bool:
    body = frame.lstrip(b"\xfe")
    if body[:1] == b"\x68" and len(body) >= 12 and body[7] == 0x68 and body[-1] == 0x16:
        return body[8] not in (0x11, 0x12, 0x13, 0x01, 0x02)
    if body[:1] == b"\x68" and len(body) >= 13 and body[-1] == 0x16:
        return body[9] not in (0x01, 0x03)
    return frame[1] not in (1, 2, 3, 4, 17, 43)


def recorded(profile: str, address: int, line: LineSettings = N9600, identity: Identity | None = None) -> RtuStation:
    """A device that holds what a recording of its model holds, and refuses everything else."""
    recording = load_recording(RECORDINGS / f"{profile}.json")
    tables: dict[Table, dict[int, int]] = {}
    for (table, place), value in recording.cells.items():
        tables.setdefault(table, {})[place] = value
    forbidden = {(r.table, place) for r in recording.refused for place in range(r.first, r.last + 1)}
    spans = tuple(span for table, cells in tables.items() for span in _spans(table, cells, forbidden))
    words = {table: Words(cells) for table, cells in tables.items()}
    image = Image(
        spans,
        holding=words.get(Table.HOLDING, Words()),
        input=words.get(Table.INPUT, Words()),
        coil=words.get(Table.COIL, Words()),
        discrete=words.get(Table.DISCRETE, Words()),
    )
    return RtuStation(Unit(address, lambda: image, identity=identity), line, 0.02)


def _spans(table: Table, cells: dict[int, int], forbidden: set[tuple[Table, int]]) -> list[Span]:
    """Runs of addresses that exist."""
    spans: list[Span] = []
    for place in sorted(cells):
        if (table, place) in forbidden:
            continue
        if spans and spans[-1].last == place - 1:
            spans[-1] = Span(table, spans[-1].first, place)
        else:
            spans.append(Span(table, place, place))
    return spans


def electricity(
    address: str, line: LineSettings = E2400, turnaround_s: float = 0.06, edition: str = "2007-single"
) -> Dlt645Station:
    """A meter that holds what the recording of its edition, and number of phases, holds; nothing else."""
    raw = _data_of(f"generic-dlt645-{edition}")
    items = {int(name, 16): data for identifier, block in raw.items() for name, data in _taken_apart(identifier, block)}
    spoken = E1997 if edition == "1997" else E2007
    return Dlt645Station(address, lambda: items, settings=line, edition=spoken, turnaround_s=turnaround_s)


def water(
    address: str, line: LineSettings = E2400, high_first: bool = False, turnaround_s: float = 0.06, status: bytes = b"\0\0"
) -> Cjt188Station:
    """A cold-water meter; `status` tells of its valve."""
    volume = bcd(123.45, 4, 2) + b"\x2c"
    items = {0x901F: volume + volume + bytes.fromhex("06201709011720") + status}
    return Cjt188Station(address, lambda: items, lambda: status, settings=line, high_first=high_first, turnaround_s=turnaround_s)


def other_meter(profile: str, address: str) -> Cjt188Station:
    """A CJ/T 188 meter that holds what a recording holds."""
    items = {int(identifier, 16): data for identifier, data in _data_of(profile).items()}
    return Cjt188Station(address, lambda: items, lambda: b"\0\0", settings=E2400)


def _data_of(profile: str) -> dict[str, bytes]:
    recorded = json.loads((RECORDINGS / f"{profile}.json").read_text(encoding="utf-8"))["data"]
    return {identifier: bytes.fromhex(data) for identifier, data in recorded.items()}


_BLOCKS = {"0001FF00": (0, 4), "0201FF00": (1, 2), "0202FF00": (1, 3), "0203FF00": (0, 3), "040005FF": (1, 2)}
"""Blocks of DL/T 645-2007: the number of their first item, and the bytes of each."""


def _taken_apart(identifier: str, block: bytes) -> Iterator[tuple[str, bytes]]:
    """A block and its items, as a meter gives both."""
    yield identifier, block
    if identifier in _BLOCKS:
        first, size = _BLOCKS[identifier]
        for place in range(0, len(block), size):
            yield identifier.replace("FF", f"{first + place // size:02X}"), block[place : place + size]
