"""An uplink and a broker at the two ends of a line that is slow, far, loses packets or is down: real TCP of the kernel.

Two network namespaces of this process alone, each with a TUN device; what one end sends the other gets late, or not at all. Run as
root: `lossy_line.py LOSS_PERCENT ROUND_TRIP_MS BITS_PER_S DOWN_S ITEMS BYTES` prints one JSON object with what came of it.
"""

import asyncio
import contextlib
import ctypes
import fcntl
import json
import os
import random
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass

from uplink_rig import Consumer, Running, make_rig, until

from edgeguard.core.item import Stream
from edgeguard.simulator.broker import Broker
from edgeguard.uplink import Tempo
from edgeguard.uplink.reconnect import Backoff

_CLONE_NEWNET = 0x40000000
_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
_QUEUE_BYTES = 64 * 1024
"""What a modem holds before it throws packets away."""
OURS, THEIRS = "10.0.0.1", "10.0.0.2"
TEMPO = Tempo(backoff=Backoff(min_s=0.2, max_s=1.0, healthy_s=10.0))


def new_network() -> None:
    """This thread, and what it starts, see a network of their own with nothing in it. OSError where that is not allowed."""
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def tun(address: str) -> int:
    """A TUN device of this thread's network, up; what is read are whole packets."""
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH22x", b"line", _IFF_TUN | _IFF_NO_PI))
    for words in (f"addr add {address}/30 dev line", "link set line up", "link set lo up"):
        subprocess.run(["ip", *words.split()], check=True, capture_output=True)
    return descriptor


@dataclass
class Line:
    """What becomes of packets; may be changed at any time."""

    loss: float
    way_s: float
    bytes_per_s: float
    down: bool = False

    def join(self, one: int, other: int) -> None:
        """Pass packets between the two ends for as long as the loop runs."""
        luck = random.Random(7)
        for source, target in ((one, other), (other, one)):
            asyncio.get_running_loop().add_reader(source, self._reader(source, target, luck))

    def _reader(self, source: int, target: int, luck: random.Random) -> Callable[[], None]:
        loop = asyncio.get_running_loop()
        free_at = 0.0

        def read() -> None:
            nonlocal free_at
            packet = os.read(source, 2048)
            now = loop.time()
            queued_bytes = max(0.0, free_at - now) * self.bytes_per_s
            if self.down or luck.random() < self.loss or queued_bytes > _QUEUE_BYTES:
                return
            free_at = max(now, free_at) + len(packet) / self.bytes_per_s
            loop.call_at(free_at + self.way_s, lambda: os.write(target, packet))

        return read


def far_end() -> tuple[int, socket.socket]:
    """The other network: its end of the line and a listening socket there, which stays there."""
    made: list[tuple[int, socket.socket]] = []

    def work() -> None:
        new_network()
        end = tun(THEIRS)
        listener = socket.create_server((THEIRS, 1883))
        made.append((end, listener))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return made[0]


async def story(line: Line, down_s: float, items: int, size: int) -> dict[str, object]:
    """A backlog, and alarms into it; where the line goes down it does so on the way."""
    near = tun(OURS)
    far, listener = far_end()
    line.join(near, far)
    consumer, heard = Consumer(), asyncio.Event()
    loop = asyncio.get_running_loop()
    alarms_s: list[float] = []

    def take(topic: str, payload: bytes, _: object = None) -> None:
        consumer.take(topic, payload)
        if topic.endswith("/alarms"):
            heard.set()

    async with Broker(on_publish=take) as broker:
        relay = await asyncio.start_server(lambda r, w: _relay(r, w, broker.port), sock=listener, limit=4096)
        rig = make_rig(1883, TEMPO, host=THEIRS, ack_timeout_ms=20_000)
        rig.put(Stream.TELEMETRY, items, size=size, age_ms=120_000)
        async with Running(rig, close_s=5.0):
            await until(lambda: consumer.content, 60, "nothing came through")
            if down_s:
                line.down = True
                rig.put(Stream.EVENTS, 5)
                await asyncio.sleep(down_s)
                line.down = False
            for _ in range(3):
                heard.clear()
                begun = loop.time()
                rig.put(Stream.ALARMS, 1)
                await asyncio.wait_for(heard.wait(), 60)
                alarms_s.append(loop.time() - begun)
            await until(lambda: rig.drained, 120, f"not drained: {rig.uplink.view} {rig.news[-2:]}")
            reconnects = rig.uplink.view.reconnects
        relay.close()
    consumer.assert_complete(Stream.TELEMETRY, items)
    consumer.assert_complete(Stream.ALARMS, 3)
    consumer.assert_complete(Stream.EVENTS, 5 if down_s else 0)
    consumer.assert_in_order()
    return {
        "duplicates": consumer.duplicates,
        "reconnects": reconnects,
        "alarms_s": [round(one, 2) for one in alarms_s],
        "news": rig.codes(),
    }


async def _relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    """From the far network to the broker, which listens on loopback."""
    to_reader, to_writer = await asyncio.open_connection("127.0.0.1", port, limit=4096)

    async def pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(4096):
                sink.write(data)
                await sink.drain()
        sink.close()

    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(pass_on(reader, to_writer), pass_on(to_reader, writer))


if __name__ == "__main__":
    new_network()
    loss, round_trip_ms, bits_per_s, down, count, size = map(float, sys.argv[1:])
    told = story(Line(loss / 100, round_trip_ms / 2000, bits_per_s / 8), down, int(count), int(size))
    print(json.dumps(asyncio.run(told)))
