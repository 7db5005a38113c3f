"""What the uplink's tests in real time share: a verifying consumer, a clock, an outbox that is filled by hand, short times."""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from edgeguard.core.clock import Stamp
from edgeguard.core.health import Health
from edgeguard.core.ids import BootId, GatewayId, SiteId
from edgeguard.core.item import Item, Stream
from edgeguard.core.site import UplinkSpec
from edgeguard.testing.items import sample_body, sample_catalog
from edgeguard.testing.outbox import MemoryOutbox
from edgeguard.uplink import Page, Tempo, Uplink
from edgeguard.uplink.lane import Patience
from edgeguard.uplink.reconnect import Backoff
from edgeguard.uplink.sync import SyncTimes
from edgeguard.uplink.uplink import CommandSink

ROOT = "edgeguard/v1/lakeside/b07"
LIVE_MS = 60_000
QUICK = Tempo(
    connect_within_s=3.0,
    keepalive_s=5,
    backoff=Backoff(min_s=0.02, max_s=0.1, healthy_s=5.0),
    sync=SyncTimes(live_within_ms=LIVE_MS, look_s=0.2, patience=Patience(0.02, 0.1, 0.3)),
)


class RealClock:
    """Wall and boot time of this machine."""

    def now(self) -> Stamp:
        return Stamp(time.time_ns() // 1_000_000, time.monotonic_ns() // 1_000_000, BootId("boot-a"), synced=True)


@dataclass
class Consumer:
    """Checks what a platform can check by number alone: contiguity, order of first deliveries, one content per number."""

    first: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    """(topic, stream) -> numbers in the order of their first delivery on that topic."""
    content: dict[tuple[str, str, int], str] = field(default_factory=dict)
    copies: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    statuses: list[bool] = field(default_factory=list)
    arrival: list[tuple[str, int]] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)

    def take(self, topic: str, payload: bytes, _: object = None) -> None:
        name = topic.removeprefix(ROOT + "/")
        if name == "status":
            self.statuses.append(json.loads(payload)["online"])
        if name not in ("alarms", "events", "telemetry", "history"):
            return
        message = json.loads(payload)
        self.sizes.append(len(payload))
        assert len(message["items"]) <= 100
        stream, epoch = message["stream"], message["epoch"]
        assert stream == ("telemetry" if name == "history" else name)
        for seq, item in enumerate(message["items"], start=message["seq"]):
            key = (epoch, stream, seq)
            text = json.dumps(item, sort_keys=True)
            assert self.content.setdefault(key, text) == text, f"two contents for {key}"
            if not self.copies[key]:
                self.first.setdefault((name, stream), []).append(seq)
                self.arrival.append((name, seq))
            self.copies[key] += 1

    def numbers(self, stream: Stream) -> set[int]:
        return {seq for (_, name, seq) in self.content if name == stream.value}

    @property
    def duplicates(self) -> int:
        return sum(count - 1 for count in self.copies.values())

    def assert_complete(self, stream: Stream, last: int, but: set[int] | None = None) -> None:
        assert self.numbers(stream) == set(range(1, last + 1)) - (but or set())

    def assert_in_order(self, *topics: str) -> None:
        for (topic, _), numbers in self.first.items():
            if not topics or topic in topics:
                assert numbers == sorted(numbers), f"{topic}: {numbers}"


@dataclass
class Rig:
    """An uplink with everything around it."""

    uplink: Uplink
    outbox: MemoryOutbox
    news: list[Health]
    clock: RealClock

    def put(self, stream: Stream, count: int, size: int = 20, age_ms: int = 0) -> None:
        now = self.clock.now()
        at = Stamp(now.wall_ms - age_ms, now.boot_ms - age_ms, now.boot, synced=True)
        filler = "x" * size
        self.outbox.put(*(Item(stream, at, sample_body(stream, filler)) for _ in range(count)))

    def open_rows(self, stream: Stream) -> int:
        return len(self.outbox._open_rows(stream))

    def blocked(self, stream: Stream) -> bool:
        """Whether the stream as a whole is refused, and nothing of it under way."""
        return any(lane.blocked for lane in self.uplink._sync.lanes.by_urgency if lane.stream is stream)

    @property
    def drained(self) -> bool:
        return not any(self.open_rows(stream) for stream in Stream)

    def codes(self, ok: bool = False) -> list[str]:
        return [health.code for health in self.news if health.ok is ok]


DEAF_MS, PATIENT_MS = 600, 20_000
"""How long a broker may owe an acknowledgement, where one is never given and everywhere else: a busy machine breaks no session."""


def make_rig(
    port: int,
    tempo: Tempo = QUICK,
    pages: Callable[[], tuple[Page, ...]] | None = None,
    commands: CommandSink | None = None,
    **spec: object,
) -> Rig:
    clock = RealClock()
    outbox = MemoryOutbox(clock)
    news: list[Health] = []
    options: dict[str, object] = {
        "host": "127.0.0.1",
        "port": port,
        "tls": False,
        "ack_timeout_ms": PATIENT_MS,
        "history_items_per_s": 100_000.0,
    } | spec
    uplink = Uplink(
        UplinkSpec(**options),  # type: ignore[arg-type]
        SiteId("lakeside"),
        GatewayId("b07"),
        "0.1.0",
        outbox,
        clock,
        pages or (lambda: (Page("catalog", sample_catalog()),)),
        news.append,
        random.Random(7),
        tempo,
        commands,
    )
    outbox.on_commit(uplink.wake)
    return Rig(uplink, outbox, news, clock)


class Running:
    """`async with Running(rig):` keeps the uplink running and ends it by `close`."""

    def __init__(self, rig: Rig, close_s: float = 2.0) -> None:
        self._rig = rig
        self._close_s = close_s

    async def __aenter__(self) -> "asyncio.Task[None]":
        self._task = asyncio.create_task(self._rig.uplink.run())
        return self._task

    async def __aexit__(self, *_: object) -> None:
        failed = self._task.done() and not self._task.cancelled() and self._task.exception()
        await self._rig.uplink.close(self._close_s)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if failed:
            raise failed


async def until(condition: Callable[[], object], within_s: float = 60.0, what: str = "") -> None:
    """Wait for a condition; fails the test if it never comes true."""
    end = asyncio.get_running_loop().time() + within_s
    while not condition():
        assert asyncio.get_running_loop().time() < end, what or "the condition never came true"
        await asyncio.sleep(0.01)
