"""A clock that does what clocks in plant rooms do, with store, uplink and time watch as the daemon puts them together.

1970 until the first synchronisation, an hour back, 400 days ahead, 2040, a restart in another boot. What is judged is what a
platform sees: every number, in order, at once, with its true time as soon as that can be known.
"""

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from uplink_rig import PATIENT_MS, QUICK, ROOT, until

from edgeguard.core.clock import Stamp
from edgeguard.core.health import Health
from edgeguard.core.ids import BootId, GatewayId, SiteId
from edgeguard.core.item import Item, Stream
from edgeguard.core.site import StoreSpec, UplinkSpec
from edgeguard.runtime.timewatch import TimeWatch
from edgeguard.simulator.broker import Broker
from edgeguard.store import Batch, Store
from edgeguard.testing.items import mark_of, sample_body, sample_catalog
from edgeguard.uplink import Page, Uplink
from edgeguard.uplink.completeness import Completeness

pytestmark = pytest.mark.slow

YEAR_2026_MS = 1_795_412_400_000
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
YEAR_2040_MS = 2_209_032_000_000


class FieldClock:
    """Boot time runs truly (the loop's); the wall clock is boot time and an offset that the test sets."""

    def __init__(self, boot: str, offset_ms: int, synced: bool) -> None:
        self.boot, self.offset_ms, self.synced = BootId(boot), offset_ms, synced
        self._begun_s = asyncio.get_running_loop().time()

    def now(self) -> Stamp:
        boot_ms = 5_000 + int((asyncio.get_running_loop().time() - self._begun_s) * 1000)
        return Stamp(boot_ms + self.offset_ms, boot_ms, self.boot, self.synced)


class Platform:
    """A consumer that keeps what came: `edgeguard verify`'s judge, and the items by stream and number."""

    def __init__(self) -> None:
        self.judge = Completeness("b07", whole=True)
        self.items: dict[tuple[str, int], dict[str, Any]] = {}
        self.order: list[tuple[str, int]] = []

    def take(self, topic: str, payload: bytes, _: object = None) -> None:
        lane = topic.removeprefix(f"{ROOT}/")
        self.judge.take(lane, payload, lane == "status", YEAR_2026_MS, asyncio.get_running_loop().time())
        if lane in ("alarms", "events", "telemetry", "history"):
            message = json.loads(payload)
            for seq, item in enumerate(message["items"], message["seq"]):
                self.items[message["stream"], seq] = item
                self.order.append((lane, seq))

    def has(self, stream: Stream, last: int) -> bool:
        return all((stream.value, seq) in self.items for seq in range(1, last + 1))


class House:
    """Store, uplink and time watch in one boot."""

    def __init__(self, store: Store, clock: FieldClock, news: list[Health]) -> None:
        self.store, self.clock, self.news = store, clock, news
        self._watch = TimeWatch()

    async def look(self) -> None:
        """What the daemon does every second."""
        told = self._watch.look(self.clock.now())
        if told.health is not None:
            self.news.append(told.health)
        if told.doubtful:
            await self.store.set_boot_offset(self.clock.boot, None)
        if told.boot_offset_ms is not None:
            await self.store.set_boot_offset(self.clock.boot, told.boot_offset_ms)

    async def put(self, stream: Stream, word: str) -> int:
        now = self.clock.now()
        body = sample_body(stream, f"{word} {now.boot_ms}")
        return (await self.store.put(Batch((Item(stream, now, body),))))[0]


@contextlib.asynccontextmanager
async def house(directory: Path, clock: FieldClock, port: int | None) -> AsyncIterator[House]:
    news: list[Health] = []
    store = await Store.open(StoreSpec(directory, 64 << 20, 1_000_000, 7 * DAY_MS, 20, 100), clock, news.append)
    tasks = [asyncio.create_task(store.run())]
    uplink = None
    if port is not None:
        link = UplinkSpec("127.0.0.1", port, tls=False, ack_timeout_ms=PATIENT_MS)
        pages = (Page("catalog", sample_catalog()),)
        names = SiteId("lakeside"), GatewayId("b07"), "0.1.0"
        uplink = Uplink(link, *names, store, clock, lambda: pages, news.append, random.Random(3), QUICK)
        store.on_commit(uplink.wake)
        tasks.append(asyncio.create_task(uplink.run()))
    made = House(store, clock, news)
    await made.look()
    try:
        yield made
    finally:
        if uplink is not None:
            await uplink.close(1.0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await store.close()


def at_ms(item: dict[str, Any]) -> int:
    return int(datetime.fromisoformat(item["at"]).timestamp() * 1000)


def boot_ms_then(item: dict[str, Any]) -> int:
    """The boot time at which it was put, by its mark."""
    return int(mark_of(item).rpartition(" ")[2])


async def test_what_was_taken_before_the_clock_was_set_leaves_with_its_true_time(tmp_path: Path) -> None:
    """1970 without a broker, then the clock is set, then the broker comes: no item says 1970 or unsynced."""
    platform, clock = Platform(), FieldClock("boot-a", 0, synced=False)
    async with house(tmp_path, clock, None) as before:
        for number in range(5):
            for stream in Stream:
                await before.put(stream, f"dark {number}")
        clock.offset_ms, clock.synced = YEAR_2026_MS, True
        await before.look()
        assert [(told.code, told.ok) for told in before.news if told.source == "clock"] == [("unsynced", False), ("stepped", True)]
    async with Broker(on_publish=platform.take) as broker, house(tmp_path, clock, broker.port):
        await until(lambda: all(platform.has(stream, 5) for stream in Stream))
    dark = [item for item in platform.items.values() if mark_of(item).startswith("dark")]
    assert len(dark) == 15
    for item in dark:
        assert "clock" not in item
        assert at_ms(item) == YEAR_2026_MS + boot_ms_then(item)
    assert platform.judge.report(0.0, final=True).sound


async def test_a_boot_whose_clock_was_never_set_does_not_borrow_the_next_ones(tmp_path: Path) -> None:
    platform = Platform()
    async with house(tmp_path, FieldClock("boot-a", 0, synced=False), None) as first:
        await first.put(Stream.EVENTS, "lost in time")
    clock = FieldClock("boot-b", 0, synced=False)
    async with Broker(on_publish=platform.take) as broker:
        async with house(tmp_path, clock, None) as second:
            await second.put(Stream.EVENTS, "found in time")
            clock.offset_ms, clock.synced = YEAR_2026_MS, True
            await second.look()
        async with house(tmp_path, clock, broker.port):
            await until(lambda: platform.has(Stream.EVENTS, 2))
    told = {mark_of(item).rpartition(" ")[0]: item for item in platform.items.values()}
    assert told["lost in time"]["clock"] == "unsynced"
    assert told["lost in time"]["boot_ms"] == boot_ms_then(told["lost in time"])
    assert at_ms(told["found in time"]) == YEAR_2026_MS + boot_ms_then(told["found in time"])


@pytest.mark.parametrize("jump_ms", [-HOUR_MS, 400 * DAY_MS, YEAR_2040_MS - YEAR_2026_MS, -400 * DAY_MS])
async def test_a_jump_reorders_nothing_stalls_nothing_and_drops_nothing(tmp_path: Path, jump_ms: int) -> None:
    """With a cap of a week on age, too: an outbox must not take a clock that leaps a year for a year that has passed."""
    platform, clock = Platform(), FieldClock("boot-a", YEAR_2026_MS, synced=True)
    async with Broker(on_publish=platform.take) as broker, house(tmp_path, clock, broker.port) as made:
        await until(lambda: broker.clients)
        for number in range(30):
            if number == 10:
                clock.offset_ms += jump_ms
            if number == 20:
                clock.offset_ms -= jump_ms
            await made.look()
            for stream in Stream:
                await made.put(stream, f"step {number}")
            # At once: what is put is there before the next is put, whatever the wall clock says.
            await until(lambda number=number: all(platform.has(stream, number + 1) for stream in Stream))  # type: ignore[misc]
        steps = [told for told in made.news if told.code == "stepped"]
        assert len(steps) == 2
    for lane in ("alarms", "events", "telemetry"):
        numbers = [seq for name, seq in platform.order if name == lane]
        assert numbers == sorted(set(numbers))
    assert [lane for lane, _ in platform.order if lane == "history"] == []
    report = platform.judge.report(0.0, final=True)
    assert (report.sound, report.gaps) == (True, {})


async def test_a_backlog_of_another_boot_keeps_its_order_when_the_clock_went_back_between(tmp_path: Path) -> None:
    """No battery: after the power cut the clock says an earlier day than the rows that wait."""
    platform = Platform()
    async with house(tmp_path, FieldClock("boot-a", YEAR_2026_MS, synced=True), None) as first:
        for number in range(20):
            await first.put(Stream.TELEMETRY, f"a {number}")
    clock = FieldClock("boot-b", YEAR_2026_MS - 30 * DAY_MS, synced=False)
    async with Broker(on_publish=platform.take) as broker, house(tmp_path, clock, broker.port) as second:
        for number in range(20):
            await second.put(Stream.TELEMETRY, f"b {number}")
        await until(lambda: platform.has(Stream.TELEMETRY, 40))
    for lane in ("telemetry", "history"):
        numbers = [seq for name, seq in platform.order if name == lane]
        assert numbers == sorted(set(numbers))
    words = [mark_of(platform.items["telemetry", seq]).rpartition(" ")[0] for seq in range(1, 41)]
    assert words == [f"a {n}" for n in range(20)] + [f"b {n}" for n in range(20)]
    assert "clock" not in platform.items["telemetry", 1]
    assert platform.items["telemetry", 40]["clock"] == "unsynced"
