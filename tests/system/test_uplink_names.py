"""A name that leads nowhere, slowly or astray, and one that two gateways have: real sockets, a real broker."""

import asyncio
import socket
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from harness import free_port, mosquitto
from uplink_rig import QUICK, Consumer, Running, make_rig, until

from edgeguard.core.item import Stream
from edgeguard.simulator.broker import Broker
from edgeguard.uplink.reconnect import Backoff

pytestmark = pytest.mark.slow


class Resolver:
    """Stands in `socket.getaddrinfo`'s place for one name: dead, slow, or wrong as told; other names go the ordinary way."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.fault: OSError | None = None
        self.takes_s = 0.0
        self.leads_to = "127.0.0.1"
        self.asked = 0
        self.thinking = False
        self._ordinary = socket.getaddrinfo

    def __call__(self, host: str, *rest: Any, **more: Any) -> Any:
        if host != self.name:
            return self._ordinary(host, *rest, **more)
        takes_s, fault, leads_to = self.takes_s, self.fault, self.leads_to
        self.asked += 1  # what is told from now on is for those who ask from now on
        self.thinking = True
        time.sleep(takes_s)
        self.thinking = False
        if fault is not None:
            raise fault
        return self._ordinary(leads_to, *rest, **more)


async def test_a_resolver_that_is_dead_slow_or_wrong_is_named_and_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the name server's answer is made up: the thread that waits for it, the sockets, the broker are real."""
    resolver = Resolver("broker.example")
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    consumer = Consumer()
    async with Broker(on_publish=consumer.take) as broker:
        rig = make_rig(broker.port, replace(QUICK, connect_within_s=0.4), host="broker.example")
        rig.put(Stream.ALARMS, 3)
        resolver.fault = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        async with Running(rig):
            await until(lambda: resolver.asked >= 2)
            assert "name resolution" in rig.uplink.view.error
            resolver.fault, resolver.takes_s = None, 1.5
            await until(lambda: "no-answer" in rig.codes() or "cannot be reached" in rig.uplink.view.error)
            await until(lambda: resolver.thinking, what="the loop goes on while the resolver thinks")
            resolver.takes_s, resolver.leads_to = 0.0, "127.0.0.9"
            asked = resolver.asked
            await until(lambda: resolver.asked > asked + 1 and "refused" in rig.uplink.view.error)
            assert rig.open_rows(Stream.ALARMS) == 3
            resolver.leads_to = "127.0.0.1"
            await until(lambda: rig.drained)
    consumer.assert_complete(Stream.ALARMS, 3)


@pytest.mark.usefixtures("needs_mosquitto")
async def test_two_gateways_of_one_name_at_mosquitto_both_bring_their_items_and_dial_ever_more_rarely(tmp_path: Path) -> None:
    """Mosquitto 2.0 ends the older session without a word. A session that short is no healthy one: pauses grow to their cap."""
    port = free_port()
    with mosquitto(tmp_path, port):
        tempo = replace(QUICK, backoff=Backoff(min_s=0.05, max_s=0.8, healthy_s=5.0))
        twins = [make_rig(port, tempo, client_id="twin") for _ in range(2)]
        for rig in twins:
            rig.put(Stream.EVENTS, 50)
        async with Running(twins[0]), Running(twins[1]):
            await until(lambda: all(rig.drained for rig in twins) and sum(rig.uplink.view.reconnects for rig in twins) > 8, 60)
            loop = asyncio.get_running_loop()
            before, begun_s = sum(rig.uplink.view.reconnects for rig in twins), loop.time()
            await asyncio.sleep(1.6)
            assert sum(rig.uplink.view.reconnects for rig in twins) - before <= 2 * (loop.time() - begun_s) / 0.4 + 2
