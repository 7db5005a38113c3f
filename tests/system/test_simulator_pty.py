"""The simulated line behind a pseudo-terminal, in real time: its port, its times, its plug."""

import asyncio
import os
import time
from pathlib import Path

import pytest
import serial

from edgeguard.core.line import LineSettings, Parity
from edgeguard.core.register import Table
from edgeguard.simulator.modbus_station import RtuStation, crc16
from edgeguard.simulator.pty_line import PtyLine, precise_loop
from edgeguard.simulator.registers import Image, Span, Words
from edgeguard.simulator.unit import Unit

pytestmark = pytest.mark.slow

UNIT = Unit(1, lambda: Image((Span(Table.HOLDING, 0, 99),), holding=Words({0: 1234})))
READ = bytes.fromhex("010300000001")
REQUEST = READ + crc16(READ)
WAIT_S = 30.0


def ask(port: serial.Serial, count: int = 7) -> bytes:
    port.write(REQUEST)
    return bytes(port.read(count))


async def test_a_client_reads_at_the_speed_it_sets_and_at_no_other() -> None:
    even = LineSettings(2400, Parity.EVEN)
    async with PtyLine([RtuStation(UNIT, even)], even) as line:
        # pyserial sets parity anew with every change and the C library refuses that on a pseudo-terminal: so open it anew
        with serial.Serial(line.port, 2400, parity="E", timeout=WAIT_S, exclusive=True) as port:
            started_s = time.monotonic()
            assert (await asyncio.to_thread(ask, port))[3:5] == (1234).to_bytes(2, "big")
            # never sooner than 8 + 7 characters of 11 bits can be; how much later is the machine's affair
            assert time.monotonic() - started_s > 15 * 11 / 2400
        for baudrate, parity in ((9600, "E"), (2400, "O")):
            with serial.Serial(line.port, baudrate, parity=parity, timeout=0.3) as port:
                assert await asyncio.to_thread(ask, port) == b""


async def test_pulled_and_put_back_behind_the_same_link(tmp_path: Path) -> None:
    link = tmp_path / "ports" / "riser"
    async with PtyLine([RtuStation(UNIT)], link=link) as line:
        assert line.port == str(link)
        with serial.Serial(line.port, timeout=WAIT_S) as port:
            assert len(await asyncio.to_thread(ask, port)) == 7
            line.unplug()
            assert not link.exists()
            with pytest.raises((serial.SerialException, OSError)):
                await asyncio.to_thread(ask, port)
        line.plug()
        line.plug()
        with serial.Serial(line.port, timeout=WAIT_S) as port:
            assert len(await asyncio.to_thread(ask, port)) == 7
    assert not link.is_symlink()


def test_a_precise_loop_serves_a_line_within_a_share_of_its_frames() -> None:
    async def scene() -> int:
        async with PtyLine([RtuStation(UNIT, turnaround_s=0.004)]) as line:
            with serial.Serial(line.port, timeout=WAIT_S) as port:
                return sum([len(await asyncio.to_thread(ask, port)) == 7 for _ in range(20)])

    with asyncio.Runner(loop_factory=precise_loop) as runner:
        assert runner.run(scene()) == 20


async def test_what_nobody_reads_is_lost_and_not_kept_for_ever() -> None:
    async with PtyLine([RtuStation(UNIT, LineSettings(115_200))], LineSettings(115_200)) as line:
        line.wire.on_heard(b"x" * 100_000)
        assert line.wire.counters.dropped > 50_000
        with serial.Serial(line.port, 115_200, timeout=WAIT_S) as port:
            port.reset_input_buffer()
            assert len(await asyncio.to_thread(ask, port)) == 7


async def test_what_is_said_while_nobody_has_the_port_open_is_lost_and_so_is_what_its_last_client_did_not_read() -> None:
    """A foreign master's frames waited in the port, and whoever opened it took them for answers."""

    def opened() -> int:
        # as a C program opens it: without pyserial's flush
        return os.open(line.port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)

    async with PtyLine([RtuStation(UNIT)]) as line:
        line.wire.on_heard(b"to nobody")
        assert line.wire.counters.dropped == 9
        port = opened()
        with pytest.raises(BlockingIOError):
            os.read(port, 100)
        async with asyncio.timeout(WAIT_S):
            while not line.in_use:
                await asyncio.sleep(0.002)
        line.wire.on_heard(b"unread")
        assert line.wire.counters.dropped == 9
        os.close(port)
        async with asyncio.timeout(WAIT_S):
            while line.in_use:
                await asyncio.sleep(0.002)
        port = opened()
        with pytest.raises(BlockingIOError):
            os.read(port, 100)
        os.close(port)
        with serial.Serial(line.port, timeout=WAIT_S) as again:
            assert len(await asyncio.to_thread(ask, again)) == 7
