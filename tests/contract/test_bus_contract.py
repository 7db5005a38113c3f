"""What every bus must do, asked of the real one over a loopback socket and of the fake that tests rely on."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol, cast

import pytest

from edgeguard.bus import Bus, ExchangeFailed, LinkState, Priority, Request, open_bus
from edgeguard.codec.ascii import lrc
from edgeguard.codec.modbus import read_request
from edgeguard.codec.rtu import crc16
from edgeguard.core.ids import BusName
from edgeguard.core.quality import Reason
from edgeguard.core.register import Table
from edgeguard.core.site import BusSpec, Wire
from edgeguard.testing.bus import FakeBus, FakeUnit
from edgeguard.testing.pseudo_port import PseudoPort

READ = read_request(Table.HOLDING, 0, 2)
DEAD = 9


def good(unit: int) -> bytes:
    return b"\x03\x04\x00" + bytes((unit,)) + b"\x00\x00"


class Bench(Protocol):
    """A bus and the far end of its wire."""

    bus: Bus

    def unit(self, address: int) -> FakeUnit: ...

    def sent(self) -> list[tuple[int, bytes]]: ...

    def hang_up(self) -> None: ...


class MemoryBench:
    def __init__(self, fake: FakeBus | None = None) -> None:
        self._fake = fake or FakeBus()
        self.bus: Bus = self._fake
        self.unit = self._fake.unit

    def sent(self) -> list[tuple[int, bytes]]:
        return self._fake.sent

    def hang_up(self) -> None:
        self._fake.disconnect()


class SocketBench:
    """A little server that answers both kinds of frames from the same images as the fake."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.bus: Bus
        self.units: dict[int, FakeUnit] = {}
        self.connections = 0
        self._sent: list[tuple[int, bytes]] = []
        self._writers: list[asyncio.StreamWriter] = []

    def unit(self, address: int) -> FakeUnit:
        return self.units.setdefault(address, FakeUnit())

    def sent(self) -> list[tuple[int, bytes]]:
        return self._sent

    def hang_up(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        while data := await reader.read(4096):
            address, pdu = self.opened(data)
            self._sent.append((address, pdu))
            unit = self.units.get(address)
            answer = None if unit is None else unit.answer(pdu)
            if unit is None or answer is None:
                continue
            await asyncio.sleep(unit.response_s)
            body = bytes((address if unit.answers_as is None else unit.answers_as,)) + answer
            writer.write(self.wrapped(data, body))
        writer.close()

    def opened(self, data: bytes) -> tuple[int, bytes]:
        if not self.wire.is_line:
            return data[6], data[7:]
        body = bytes.fromhex(data[1:-4].decode()) if self.wire.is_ascii else data[:-2]
        return body[0], body[1:]

    def wrapped(self, request: bytes, body: bytes) -> bytes:
        if not self.wire.is_line:
            return request[:4] + len(body).to_bytes(2, "big") + body
        if self.wire.is_ascii:
            return b":" + (body + bytes((lrc(body),))).hex().upper().encode() + b"\r\n"
        return body + crc16(body).to_bytes(2, "little")


class DatagramBench(SocketBench, asyncio.DatagramProtocol):
    """Datagrams instead of a stream; each answer is sent twice, since a network may do that."""

    def __init__(self) -> None:
        super().__init__(Wire.UDP)
        self.transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str | int, int]) -> None:
        address, pdu = self.opened(data)
        self._sent.append((address, pdu))
        unit = self.units.get(address)
        answer = None if unit is None else unit.answer(pdu)
        if unit is None or answer is None:
            return
        frame = self.wrapped(data, bytes((address if unit.answers_as is None else unit.answers_as,)) + answer)
        for _ in range(2):
            asyncio.get_running_loop().call_later(unit.response_s, self._send, frame, addr)

    def hang_up(self) -> None:
        """The network answers the next datagram with an ICMP message: nobody is there."""
        self.transport.abort()

    def _send(self, frame: bytes, addr: tuple[str | int, int]) -> None:
        if not self.transport.is_closing():
            self.transport.sendto(frame, addr)


class PortBench:
    """RTU frames over a pseudo-terminal, answered from the same images as the fake."""

    def __init__(self, link: Path) -> None:
        self.bus: Bus
        self.units: dict[int, FakeUnit] = {}
        self.port = PseudoPort(link, self._heard)
        self._sent: list[tuple[int, bytes]] = []

    def unit(self, address: int) -> FakeUnit:
        return self.units.setdefault(address, FakeUnit())

    def sent(self) -> list[tuple[int, bytes]]:
        return self._sent

    def hang_up(self) -> None:
        self.port.unplug()

    def _heard(self, data: bytes) -> None:
        address, pdu = data[0], data[1:-2]
        self._sent.append((address, pdu))
        unit = self.units.get(address)
        answer = None if unit is None else unit.answer(pdu)
        if unit is None or answer is None:
            return
        body = bytes((address if unit.answers_as is None else unit.answers_as,)) + answer
        frame = body + crc16(body).to_bytes(2, "little")
        asyncio.get_running_loop().call_later(unit.response_s, self.port.send, frame)


@asynccontextmanager
async def running(bus: Bus) -> AsyncIterator[None]:
    task = asyncio.create_task(bus.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(
    params=[
        "fake",
        Wire.TCP,
        Wire.UDP,
        Wire.RTU_OVER_TCP,
        Wire.ASCII_OVER_TCP,
        pytest.param(Wire.SERIAL_RTU, marks=pytest.mark.slow),
    ]
)
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    if request.param == "fake":
        memory = MemoryBench()
        async with running(memory.bus):
            yield memory
        return
    if request.param is Wire.SERIAL_RTU:
        near = PortBench(tmp_path / "port")
        near.port.plug()
        near.bus = open_bus(BusSpec(BusName("loop"), request.param, device=near.port.link), random.Random(1))
        async with running(near.bus):
            yield near
        near.port.unplug()
        return
    if request.param is Wire.UDP:
        transport, datagrams = await asyncio.get_running_loop().create_datagram_endpoint(DatagramBench, local_addr=("127.0.0.1", 0))
        port = transport.get_extra_info("sockname")[1]
        datagrams.bus = open_bus(BusSpec(BusName("loop"), Wire.UDP, "127.0.0.1", port), random.Random(1))
        async with running(datagrams.bus):
            yield datagrams
        transport.close()
        return
    far = SocketBench(request.param)
    server = await asyncio.start_server(far.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    far.bus = open_bus(BusSpec(BusName("loop"), request.param, "127.0.0.1", port), random.Random(1))
    async with running(far.bus):
        yield far
    far.hang_up()
    server.close()


def ask(address: int, timeout_s: float = 2.0, priority: Priority = Priority.ROUTINE) -> Request:
    return Request(address, READ, timeout_s, priority)


async def reason_of(bus: Bus, request: Request) -> Reason:
    with pytest.raises(ExchangeFailed) as caught:
        await bus.exchange(request)
    return caught.value.fault.reason


def fill(bench: Bench, *addresses: int) -> None:
    for address in addresses:
        bench.unit(address).set(Table.HOLDING, 0, address)


async def test_an_answer_belongs_to_the_unit_that_was_asked(bench: Bench) -> None:
    fill(bench, 1, 2, 3)
    answers = await asyncio.gather(*(bench.bus.exchange(ask(unit)) for unit in (3, 1, 2, 1)))
    assert answers == [good(3), good(1), good(2), good(1)]
    assert [unit for unit, _ in bench.sent()] == [3, 1, 2, 1]


async def test_an_exception_is_an_answer(bench: Bench) -> None:
    bench.unit(1).script.append(4)
    assert await bench.bus.exchange(ask(1)) == b"\x83\x04"
    assert bench.bus.stats.answers == 1


async def test_silence_is_a_time_out_and_the_next_is_served(bench: Bench) -> None:
    fill(bench, 1)
    dead, alive = await asyncio.gather(reason_of(bench.bus, ask(DEAD, 0.05)), bench.bus.exchange(ask(1)))
    assert (dead, alive) == (Reason.TIMEOUT, good(1))


async def test_another_units_answer_is_no_answer(bench: Bench) -> None:
    bench.unit(1).answers_as = 2
    assert await reason_of(bench.bus, ask(1, 0.3)) is Reason.WRONG_UNIT


async def test_a_late_answer_is_not_taken_for_the_next(bench: Bench) -> None:
    fill(bench, 1)
    bench.unit(1).response_s = 0.1
    assert await reason_of(bench.bus, ask(1, 0.05)) is Reason.TIMEOUT
    bench.unit(1).response_s = 0.0
    bench.unit(1).set(Table.HOLDING, 0, 77)
    assert await bench.bus.exchange(ask(1)) == good(77)


async def test_a_person_goes_before_those_that_wait(bench: Bench) -> None:
    fill(bench, 1, 2, 3, 4)
    routine = [asyncio.create_task(bench.bus.exchange(ask(unit))) for unit in (1, 2, 3)]
    await asyncio.sleep(0)
    person = asyncio.create_task(bench.bus.exchange(ask(4, priority=Priority.PERSON)))
    await asyncio.gather(*routine, person)
    order = [unit for unit, _ in bench.sent()]
    assert order.index(4) <= 1


async def test_cancelling_leaves_the_wire_whole(bench: Bench) -> None:
    fill(bench, 1, 2, 3)
    await bench.bus.exchange(ask(3))
    bench.unit(1).response_s = 0.03
    first, second = (asyncio.create_task(bench.bus.exchange(ask(unit))) for unit in (1, 2))
    await asyncio.sleep(0.01)
    first.cancel()
    assert await second == good(2)
    with pytest.raises(asyncio.CancelledError):
        await first
    assert bench.bus.stats.answers == 3


async def test_the_moment_of_sending_is_told(bench: Bench) -> None:
    fill(bench, 1)
    sent: list[int] = []
    await bench.bus.exchange(Request(1, READ, 2.0, on_sent=lambda: sent.append(len(bench.sent()))))
    assert len(sent) == 1


async def test_a_lost_connection_fails_what_is_under_way(bench: Bench) -> None:
    fill(bench, 1)
    await bench.bus.exchange(ask(1))
    if isinstance(bench, DatagramBench):
        # There only what is sent finds out.
        bench.hang_up()
        await asyncio.sleep(0.02)
        assert await reason_of(bench.bus, ask(1)) is Reason.NO_CONNECTION
        return
    asked = asyncio.create_task(reason_of(bench.bus, ask(DEAD)))
    await asyncio.sleep(0.02)
    bench.hang_up()
    assert await asked is Reason.NO_CONNECTION


async def test_counters(bench: Bench) -> None:
    fill(bench, 1)
    await bench.bus.exchange(ask(1))
    await reason_of(bench.bus, ask(DEAD, 0.02))
    stats = bench.bus.stats
    assert (stats.requests, stats.answers, dict(stats.faults)) == (2, 1, {Reason.TIMEOUT: 1})
    assert stats.bytes_sent > 0
    assert stats.bytes_received > 0
    assert stats.busy_s > 0.0
    assert stats.state is LinkState.CONNECTED


async def test_a_stopped_bus_says_so_at_once() -> None:
    far = SocketBench(Wire.TCP)
    server = await asyncio.start_server(far.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    for bus in (FakeBus(), open_bus(BusSpec(BusName("loop"), Wire.TCP, "127.0.0.1", port), random.Random(1))):
        far.unit(1)
        async with running(bus):
            await asyncio.sleep(0.02)
        assert await reason_of(bus, ask(1, 60.0)) is Reason.NO_CONNECTION
        assert bus.stats.state is LinkState.STOPPED
    server.close()


async def test_a_lost_connection_comes_back_by_itself() -> None:
    far = SocketBench(Wire.TCP)
    fill(far, 1)
    server = await asyncio.start_server(far.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    far.bus = open_bus(BusSpec(BusName("loop"), Wire.TCP, "127.0.0.1", port), random.Random(1))
    async with running(far.bus):
        await far.bus.exchange(ask(1))
        far.hang_up()
        await asyncio.sleep(0.01)
        assert await far.bus.exchange(ask(1)) == good(1)
        assert (far.connections, far.bus.stats.reconnects) == (2, 1)
    server.close()


async def test_each_opening_is_told_to_everybody_who_asked() -> None:
    far = SocketBench(Wire.TCP)
    fill(far, 1)
    server = await asyncio.start_server(far.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    fake = FakeBus()
    fill(MemoryBench(fake), 1)
    real = open_bus(BusSpec(BusName("loop"), Wire.TCP, "127.0.0.1", port), random.Random(1))
    for bus, hang_up in ((real, far.hang_up), (fake, fake.disconnect)):
        told: list[tuple[str, LinkState]] = []
        for name in ("a", "b"):
            bus.on_connected(lambda name=name, bus=bus, told=told: told.append((name, bus.stats.state)))  # type: ignore[misc]
        async with running(bus):
            await bus.exchange(ask(1))
            assert told == [("a", LinkState.CONNECTED), ("b", LinkState.CONNECTED)]
            hang_up()
            await asyncio.sleep(0.01)
            assert len(told) == 2
            if bus is fake:
                fake.connect()
            await bus.exchange(ask(1))
            assert len(told) == 4
    server.close()


async def test_an_endpoint_that_is_not_there_is_named() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    bus = open_bus(BusSpec(BusName("loop"), Wire.TCP, "127.0.0.1", port), random.Random(1))
    async with running(bus):
        with pytest.raises(
            ExchangeFailed, match=f"bus loop, address 1: no-connection: 127.0.0.1:{port}: .*next attempt in"
        ) as caught:
            await bus.exchange(ask(1, 0.3))
        assert not caught.value.sent
        assert bus.stats.connected_s is None
        assert bus.stats.error


async def test_a_host_that_speaks_something_else_is_hung_up_on() -> None:
    async def web(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        assert await reader.read(100) == b""
        writer.close()

    server = await asyncio.start_server(web, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    bus = open_bus(BusSpec(BusName("loop"), Wire.TCP, "127.0.0.1", port), random.Random(1))
    async with running(bus):
        assert await reason_of(bus, ask(1)) is Reason.GARBAGE
    server.close()


async def test_answers_may_come_out_of_order_where_several_are_outstanding() -> None:
    async def backwards(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = b""
        while len(data) < 4 * 12:
            data += await reader.read(4096)
        adus = [data[i : i + 12] for i in range(0, len(data), 12)]
        for adu in reversed(adus):
            writer.write(adu[:4] + b"\0\7" + adu[6:7] + good(adu[6]))
        await reader.read(1)
        writer.close()

    server = await asyncio.start_server(backwards, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    bus = open_bus(BusSpec(BusName("loop"), Wire.TCP, "127.0.0.1", port, parallel=4), random.Random(1))
    async with running(bus):
        answers = await asyncio.gather(*(bus.exchange(ask(unit)) for unit in (1, 2, 3, 4)))
    assert answers == [good(unit) for unit in (1, 2, 3, 4)]
    server.close()
