"""Resolving a name keeps nobody waiting: not the loop, not the end of the program, not a second asker."""

import asyncio
import random
import threading
from collections.abc import Sequence

import pytest

from edgeguard.bus import Bus, ExchangeFailed, Request, open_bus
from edgeguard.bus.hostname import HostName, ask_resolver
from edgeguard.codec.modbus import read_request
from edgeguard.core.ids import BusName
from edgeguard.core.register import Table
from edgeguard.core.site import BusSpec, Wire

READ = read_request(Table.HOLDING, 0, 1)


class HangingResolver:
    """Answers only when it is let go."""

    def __init__(self) -> None:
        self.asked = 0
        self.answered = threading.Event()
        self._go = threading.Event()

    def __call__(self, host: str) -> Sequence[str]:
        self.asked += 1
        self._go.wait(10.0)
        self.answered.set()
        return ("127.0.0.1",)

    def let_go(self) -> None:
        self._go.set()
        self.answered.wait(10.0)


def bus_to(host: str, resolver: HangingResolver, connect_timeout_ms: int) -> Bus:
    spec = BusSpec(BusName("far"), Wire.TCP, host, 9, connect_timeout_ms=connect_timeout_ms)
    return open_bus(spec, random.Random(1), resolver)


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::7", "fe80::7%lo"])
async def test_an_address_needs_no_resolver(address: str) -> None:
    resolver = HangingResolver()
    assert await HostName(address, resolver).addresses() == (address,)
    assert resolver.asked == 0


async def test_a_name_is_asked_once_however_many_wait_and_anew_the_next_time() -> None:
    resolver = HangingResolver()
    host = HostName("gateway.example", resolver)
    waiting = [asyncio.create_task(host.addresses()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    resolver.let_go()
    assert await asyncio.gather(*waiting[1:]) == [("127.0.0.1",)] * 2
    assert resolver.asked == 1
    assert await host.addresses() == ("127.0.0.1",)
    assert resolver.asked == 2


async def test_a_name_that_nobody_knows_is_an_error_each_time() -> None:
    def nobody(host: str) -> Sequence[str]:
        raise OSError(f"{host} is unknown")

    host = HostName("gateway.example", nobody)
    for _ in range(2):
        with pytest.raises(OSError, match=r"gateway\.example is unknown"):
            await host.addresses()


def test_the_systems_answer_has_every_address_once() -> None:
    found = ask_resolver("127.0.0.1")
    assert list(found) == ["127.0.0.1"]


def test_a_resolver_that_hangs_holds_up_no_stop() -> None:
    resolver = HangingResolver()

    async def start_and_stop() -> None:
        run = asyncio.create_task(bus_to("gateway.example", resolver, 60_000).run())
        while not resolver.asked:
            await asyncio.sleep(0.001)
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)

    asyncio.run(start_and_stop())
    assert not resolver.answered.is_set()
    resolver.let_go()


async def test_a_resolver_that_hangs_is_given_up_and_not_asked_twice_at_a_time() -> None:
    resolver = HangingResolver()
    bus = bus_to("gateway.example", resolver, 20)
    run = asyncio.create_task(bus.run())
    while "no connection within 20 ms" not in bus.stats.error:
        await asyncio.sleep(0.005)
    with pytest.raises(ExchangeFailed, match=r"gateway\.example:9: no connection within 20 ms; next attempt"):
        await bus.exchange(Request(1, READ, 0.001))
    while bus.stats.state != "connecting":
        await asyncio.sleep(0.005)
    assert resolver.asked == 1
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)
    resolver.let_go()
