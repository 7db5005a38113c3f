"""A serial bus on pseudo-terminals: adapters pulled and put back under another number, ports held by others, settings switched."""

import asyncio
import os
import random
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import serial

from edgeguard.bus import Bus, ExchangeFailed, LinkState, Request, open_bus
from edgeguard.bus.port_name import PortName
from edgeguard.codec.modbus import read_request
from edgeguard.codec.rtu import crc16
from edgeguard.core.ids import BusName
from edgeguard.core.line import LineSettings, Parity
from edgeguard.core.quality import Reason
from edgeguard.core.register import Table
from edgeguard.core.site import BusSpec, Wire
from edgeguard.testing.pseudo_port import PseudoPort

pytestmark = pytest.mark.slow
READ = read_request(Table.HOLDING, 0, 1)
WITHIN_S = 60.0


def answer(unit: int) -> bytes:
    body = bytes((unit, 3, 2, 0, unit))
    return body + crc16(body).to_bytes(2, "little")


@asynccontextmanager
async def running(bus: Bus) -> AsyncIterator[None]:
    task = asyncio.create_task(bus.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Meters:
    """Every unit answers with its own number, at the settings that it was asked with."""

    def __init__(self, link: Path) -> None:
        self.port = PseudoPort(link, self.heard)
        self.speeds: list[int] = []

    def heard(self, data: bytes) -> None:
        self.speeds.append(self.port.speed)
        self.port.send(answer(data[0]))


async def reached(bus: Bus, state: LinkState) -> None:
    async with asyncio.timeout(WITHIN_S):
        while bus.stats.state is not state:
            await asyncio.sleep(0.01)


def serial_bus(link: Path, line: LineSettings | None = None) -> Bus:
    return open_bus(BusSpec(BusName("riser"), Wire.SERIAL_RTU, device=link, line=line or LineSettings()), random.Random(1))


async def test_an_adapter_pulled_and_put_back_under_another_number(tmp_path: Path) -> None:
    meters = Meters(tmp_path / "port")
    bus = serial_bus(meters.port.link)
    opened: list[str] = []
    bus.on_connected(lambda: opened.append(str(meters.port.link.readlink())))
    async with running(bus):
        with pytest.raises(ExchangeFailed, match="port is not there: is the adapter plugged in") as caught:
            await bus.exchange(Request(3, READ, 0.3))
        assert not caught.value.sent
        meters.port.plug()
        assert await bus.exchange(Request(3, READ, WITHIN_S)) == b"\3\2\0\3"
        hold = os.openpty()
        for _ in range(3):
            meters.port.unplug()
            await reached(bus, LinkState.WAITING)
            assert "was the adapter pulled" in bus.stats.error
            meters.port.plug()
            assert await bus.exchange(Request(4, READ, WITHIN_S)) == b"\3\2\0\4"
        for held in hold:
            os.close(held)
        assert bus.stats.reconnects == 3
    assert len(opened) == 4
    assert bus.stats.state is LinkState.STOPPED
    meters.port.unplug()


async def test_what_was_under_way_when_the_adapter_was_pulled_has_no_answer(tmp_path: Path) -> None:
    port = PseudoPort(tmp_path / "port", lambda _: None)
    port.plug()
    bus = serial_bus(port.link)
    async with running(bus):
        await reached(bus, LinkState.CONNECTED)
        asked = asyncio.create_task(bus.exchange(Request(3, READ, WITHIN_S)))
        await asyncio.sleep(0.05)
        port.send(answer(3)[:4])
        port.unplug()
        with pytest.raises(ExchangeFailed) as caught:
            await asked
        assert (caught.value.fault.reason, caught.value.sent) == (Reason.NO_CONNECTION, True)


async def test_a_port_that_another_program_holds_is_named_and_taken_when_free(tmp_path: Path) -> None:
    meters = Meters(tmp_path / "port")
    meters.port.plug()
    other = serial.Serial(str(meters.port.link), exclusive=True)
    bus = serial_bus(meters.port.link)
    async with running(bus):
        with pytest.raises(ExchangeFailed, match="is in use by another program"):
            await bus.exchange(Request(3, READ, 0.3))
        other.close()
        assert await bus.exchange(Request(3, READ, WITHIN_S)) == b"\3\2\0\3"
    meters.port.unplug()


async def test_devices_of_different_settings_share_a_line(tmp_path: Path) -> None:
    meters = Meters(tmp_path / "port")
    meters.port.plug()
    slow = LineSettings(2400, Parity.EVEN)
    bus = serial_bus(meters.port.link, LineSettings(9600))
    async with running(bus):
        await asyncio.gather(*(bus.exchange(Request(unit, READ, WITHIN_S, line=slow if unit == 2 else None)) for unit in (1, 2, 3)))
    # A pseudo-terminal keeps the speed; a parity bit it has not.
    assert meters.speeds == [termios.B9600, termios.B2400, termios.B9600]
    meters.port.unplug()


def test_a_name_that_is_a_number_is_found_again_by_its_socket(tmp_path: Path) -> None:
    folder, first, second = tmp_path / "by-path", tmp_path / "ttyUSB0", tmp_path / "ttyUSB1"
    folder.mkdir()
    first.touch()
    (folder / "usb-0:1.2").symlink_to(first)
    name = PortName(first, (tmp_path / "none", folder))
    assert name.find() == first
    name.note(first)
    first.unlink()
    with pytest.raises(FileNotFoundError, match="has gone"):
        name.find()
    (folder / "usb-0:1.2").unlink()
    second.touch()
    (folder / "usb-0:1.2").symlink_to(second)
    assert name.find() == second
    first.touch()
    assert name.find() == first
