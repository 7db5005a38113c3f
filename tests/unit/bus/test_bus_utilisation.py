"""How much of a saturated line is used, in virtual time; tests/bench/bench_line.py measures the same on a pseudo-terminal."""

import asyncio
import itertools

import pytest

from edgeguard.bus import Request
from edgeguard.bus.framings import Framings
from edgeguard.bus.turns import Turns
from edgeguard.codec.modbus import read_request
from edgeguard.codec.rtu import RtuFraming, crc16
from edgeguard.core.ids import BusName
from edgeguard.core.line import LineSettings, Parity
from edgeguard.core.register import Table
from edgeguard.testing.clock import run_virtual

TURNAROUND_S = 0.01
MIX = (1, 10, 30, 60)
"""Registers of the reads, in turn."""


@pytest.mark.parametrize(
    "line", [LineSettings(9600, Parity.EVEN), LineSettings(2400, Parity.EVEN), LineSettings(115_200)], ids=lambda line: str(line)
)
def test_nearly_all_of_what_frames_turnarounds_and_silences_allow(line: LineSettings) -> None:
    """Bytes take their time both ways, and the device thinks for ten milliseconds."""

    async def story() -> None:
        loop = asyncio.get_running_loop()
        turns = Turns(BusName("riser"), Framings.only(RtuFraming()), 1, 0.0, line, 50)

        def unit(data: bytes) -> None:
            count = int.from_bytes(data[4:6], "big")
            body = data[:2] + bytes((2 * count,)) + bytes(2 * count)
            answer = body + crc16(body).to_bytes(2, "little")
            loop.call_later((len(data) + len(answer)) * line.character_s + TURNAROUND_S, turns.received, answer)

        turns.opened(unit, lambda _: None, lambda _: 0.0, True)
        ideal_s, begun_s = 0.0, loop.time()
        pending: set[asyncio.Future[bytes]] = set()
        for count in itertools.islice(itertools.cycle(MIX), 80):
            pending.add(turns.ask(Request(7, read_request(Table.HOLDING, 0, count), 1.0)))
            ideal_s += (8 + 5 + 2 * count) * line.character_s + TURNAROUND_S + line.silence_s
        await asyncio.gather(*pending)
        assert ideal_s / (loop.time() - begun_s) > 0.99

    run_virtual(story())
