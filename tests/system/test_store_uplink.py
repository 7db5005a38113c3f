"""Store and uplink as a pair on real files, against brokers that misbehave: what a platform can prove by number alone.

Every number from 1 to the last arrives or is told as a gap, no number has two contents, a restart on the same files goes on.
"""

import asyncio
import contextlib
import json
import random
import shutil
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from harness import free_port
from soak_rig import LONG, scaled
from test_uplink_mosquitto import PATIENT, mosquitto, subscriber
from uplink_rig import DEAF_MS, PATIENT_MS, QUICK, Consumer, RealClock, until

from edgeguard.core.health import Health
from edgeguard.core.ids import GatewayId, SiteId
from edgeguard.core.item import STREAMS, Item, Stream
from edgeguard.core.site import StoreSpec, UplinkSpec
from edgeguard.simulator.broker import Broker
from edgeguard.simulator.broker_faults import Faults
from edgeguard.simulator.broker_packet import Publish
from edgeguard.store import Batch, Store
from edgeguard.testing.items import sample_body, sample_catalog
from edgeguard.uplink import Page, Tempo, Uplink

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600 if LONG else 120)]
ROUNDS = scaled(5, 400)


class Pair:
    """A store with an uplink on top, put together as the runtime does."""

    def __init__(self, store: Store, uplink: Uplink, clock: RealClock, news: list[Health]) -> None:
        self.store = store
        self.uplink = uplink
        self.news = news
        self._clock = clock
        self._made = 0

    def item(self, stream: Stream, text: str = "") -> Item:
        """Contents never repeat, so that two rows under one number would show."""
        self._made += 1
        return Item(stream, self._clock.now(), sample_body(stream, f"{self._made} {text}"))

    def submit(self, *counts: int) -> None:
        """So many alarms, events and telemetry items, a batch for every ten."""
        for stream, count in zip(STREAMS, counts, strict=True):
            for first in range(0, count, 10):
                self.store.submit(Batch(tuple(self.item(stream) for _ in range(min(10, count - first)))))

    async def last(self) -> dict[Stream, int]:
        return {stream: (await self.store.backlog(stream)).last_seq for stream in STREAMS}

    async def drained(self, within_s: float = 60.0) -> dict[Stream, int]:
        """Wait until nothing is left to deliver; the last numbers."""
        async with asyncio.timeout(within_s):
            while True:
                await self.store.flush()
                backlogs = [await self.store.backlog(stream) for stream in STREAMS]
                if not any(backlog.rows for backlog in backlogs):
                    return {backlog.stream: backlog.last_seq for backlog in backlogs}
                await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def pair(directory: Path, port: int, tempo: Tempo = QUICK, ack_timeout_ms: int = PATIENT_MS) -> AsyncIterator[Pair]:
    clock = RealClock()
    news: list[Health] = []
    store = await Store.open(StoreSpec(directory, 64 << 20, 1_000_000, None, 20, 100), clock, news.append)
    link = UplinkSpec("127.0.0.1", port, tls=False, ack_timeout_ms=ack_timeout_ms, history_items_per_s=100_000.0)
    pages = (Page("catalog", sample_catalog()),)
    uplink = Uplink(
        link, SiteId("lakeside"), GatewayId("b07"), "0.1.0", store, clock, lambda: pages, news.append, random.Random(3), tempo
    )
    store.on_commit(uplink.wake)
    tasks = [asyncio.create_task(store.run()), asyncio.create_task(uplink.run())]
    try:
        yield Pair(store, uplink, clock, news)
    finally:
        failed = [task.exception() for task in tasks if task.done() and not task.cancelled()]
        await uplink.close(1.0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await store.close()
    assert failed == []


def refusing(every: int, code: int) -> Faults:
    """Every n-th message of a stream is refused the first time."""
    seen = 0

    def judge(message: Publish) -> int:
        nonlocal seen
        seen += not message.retain
        return code if not message.retain and seen % every == 0 else 0

    return Faults(puback=judge)


def assert_all(consumer: Consumer, last: dict[Stream, int], but: dict[Stream, set[int]] | None = None) -> None:
    for stream in STREAMS:
        consumer.assert_complete(stream, last[stream], (but or {}).get(stream))


# A message taken behind one that was not is a first delivery out of order that no window above 1 can help: where the broker does
# that, only alarms, which go one at a time, are in order; everywhere else every topic is.
@pytest.mark.parametrize(
    ("faults", "in_order"),
    [
        pytest.param(Faults(drop_every=7), (), id="dropped-after-delivery"),
        pytest.param(refusing(5, 0x97), ("alarms",), id="quota"),
        pytest.param(refusing(5, 0x80), ("alarms",), id="unspecified"),
        pytest.param(Faults(reorder_acks=4), (), id="acks-out-of-order"),
        pytest.param(Faults(receive_maximum=5), (), id="receive-maximum"),
        pytest.param(Faults(lose_ack_every=9), (), id="acks-lost"),
        pytest.param(Faults(disconnect_every=6), (), id="disconnects"),
        pytest.param(Faults(garbage_every=8), ("alarms",), id="garbage"),
    ],
)
async def test_a_bad_broker_gets_everything_and_a_restart_goes_on(
    tmp_path: Path, faults: Faults, in_order: tuple[str, ...]
) -> None:
    consumer, ack_timeout_ms = Consumer(), DEAF_MS if faults.lose_ack_every else PATIENT_MS
    async with Broker(on_publish=consumer.take, faults=faults) as broker:
        async with pair(tmp_path, broker.port, ack_timeout_ms=ack_timeout_ms) as first:
            epoch = first.store.epoch
            for _ in range(ROUNDS):
                first.submit(10, 60, 300)
                await asyncio.sleep(0.05)
        async with pair(tmp_path, broker.port, ack_timeout_ms=ack_timeout_ms) as second:
            second._made = 1_000_000
            second.submit(10, 60, 300)
            last = await second.drained(max(60.0, 20.0 * ROUNDS))
            assert second.store.epoch == epoch
        assert broker.counters.quota_violations == 0
    assert last == {Stream.ALARMS: 10 * ROUNDS + 10, Stream.EVENTS: last[Stream.EVENTS], Stream.TELEMETRY: 300 * ROUNDS + 300}
    assert last[Stream.EVENTS] >= 60 * ROUNDS + 60
    assert {key[0] for key in consumer.content} == {epoch}
    assert_all(consumer, last)
    consumer.assert_in_order(*in_order)


async def test_never_acknowledging_then_half_open_then_well(tmp_path: Path) -> None:
    consumer = Consumer()
    async with (
        Broker(on_publish=consumer.take, faults=Faults(never_ack=True)) as broker,
        pair(tmp_path, broker.port, ack_timeout_ms=DEAF_MS) as both,
    ):
        both.submit(10, 20, 500)
        await until(lambda: "half-open" in [news.code for news in both.news])
        broker.faults = Faults(half_open=True)
        both.submit(10, 20, 500)
        known = broker.counters.connects
        await until(lambda: broker.counters.connects > known)
        broker.faults = Faults()
        last = await both.drained()
    assert (last[Stream.ALARMS], last[Stream.TELEMETRY]) == (20, 1000)
    assert_all(consumer, last)
    consumer.assert_in_order()


async def test_a_poison_row_becomes_a_dead_letter_and_a_gap_that_arrives(tmp_path: Path) -> None:
    consumer = Consumer()

    def hates(message: Publish) -> int:
        return 0x99 if b"poison" in message.payload else 0

    async with Broker(on_publish=consumer.take, faults=Faults(puback=hates)) as broker, pair(tmp_path, broker.port) as both:
        both.submit(0, 0, 50)
        (poison,) = await both.store.put(Batch((both.item(Stream.TELEMETRY, "poison"),)))
        both.submit(0, 0, 50)
        last = await both.drained()
        assert (await both.store.backlog(Stream.TELEMETRY)).dead == 1
    assert_all(consumer, last, {Stream.TELEMETRY: {poison}})
    gaps = [json.loads(text) for (_, stream, _), text in consumer.content.items() if stream == "events" and '"gap"' in text]
    assert [(gap["stream"], gap["from"], gap["to"], gap["reason"]) for gap in gaps] == [
        ("telemetry", poison, poison, "dead-letter")
    ]
    assert [news.code for news in both.news if news.source == "store"] == ["dead-letter"]


@pytest.mark.parametrize("stream", [Stream.TELEMETRY, Stream.ALARMS])
@pytest.mark.parametrize("body", [b'{"n":"a bit has turned a quote"', b'{"n":1},{"n":2}', b"\xff"])
async def test_a_row_that_damage_has_made_unreadable_spoils_no_message(tmp_path: Path, stream: Stream, body: bytes) -> None:
    """SQLite finds a bit within a row no fault; the broker takes any bytes; the consumer would lose all that share the message."""
    consumer = Consumer()
    async with Broker(on_publish=consumer.take) as broker, pair(tmp_path, broker.port) as both:
        both.submit(20, 0, 50)
        at = both.item(stream, "like").at
        (spoilt,) = await both.store.put(Batch((Item(stream, at, body),)))
        both.submit(20, 0, 50)
        last = await both.drained()
        assert (await both.store.backlog(stream)).dead == 1
    assert_all(consumer, last, {stream: {spoilt}})
    assert [news.code for news in both.news if news.source == "store"] == ["dead-letter"]


@pytest.mark.parametrize("stream", [Stream.TELEMETRY, Stream.ALARMS])
async def test_a_value_that_the_disk_has_changed_reaches_nobody(tmp_path: Path, stream: Stream) -> None:
    """One bit makes a 4 of a 5, and what leaves is as good JSON as ever: only the sums of the row tell."""
    consumer = Consumer()
    async with pair(tmp_path, free_port()) as both:
        both.submit(20, 0, 50)
        (spoilt,) = await both.store.put(Batch((Item(stream, both.item(stream, "like").at, b'{"pressure":5.0}'),)))
        both.submit(20, 0, 50)
    change = f"UPDATE {stream.value} SET body = CAST(replace(CAST(body AS TEXT), '5.0', '4.0') AS BLOB) WHERE seq = {spoilt}"
    with contextlib.closing(sqlite3.connect(tmp_path / "outbox.db", isolation_level=None)) as connection:
        assert connection.execute(change).rowcount == 1
    async with Broker(on_publish=consumer.take) as broker, pair(tmp_path, broker.port) as both:
        last = await both.drained()
        assert (await both.store.backlog(stream)).dead == 1
    assert_all(consumer, last, {stream: {spoilt}})
    assert not any("pressure" in text for text in consumer.content.values())
    assert [news.code for news in both.news if news.source == "store"] == ["dead-letter"]


async def test_a_broker_that_hates_gap_records_does_not_breed_them(tmp_path: Path) -> None:
    consumer = Consumer()

    def hates(message: Publish) -> int:
        return 0x99 if b"poison" in message.payload or b'"type":"gap"' in message.payload else 0

    async with Broker(on_publish=consumer.take, faults=Faults(puback=hates)) as broker, pair(tmp_path, broker.port) as both:
        both.submit(0, 20, 0)
        await both.store.put(Batch((both.item(Stream.TELEMETRY, "poison"),)))
        await both.drained()
        both.submit(0, 20, 0)
        last = await both.drained()
        assert (await both.store.backlog(Stream.EVENTS)).dead == 1
    assert last[Stream.EVENTS] == 41


async def test_damage_while_online_begins_an_epoch_that_is_complete_too(tmp_path: Path) -> None:
    """Verdicts on messages of the old epoch come after the new one began: they must not count for its rows."""
    consumer = Consumer()
    async with Broker(on_publish=consumer.take, faults=Faults(ack_delay_s=0.1)) as broker, pair(tmp_path, broker.port) as both:
        old = both.store.epoch
        renewed: list[str] = []
        both.store.on_new_epoch(lambda: renewed.append(both.store.epoch))
        both.submit(10, 100, 1000)
        await both.store.flush()
        await until(lambda: both.uplink.view.inflight > 0)
        database = tmp_path / "outbox.db"
        (tmp_path / "away").mkdir()
        for name in ("outbox.db", "outbox.db-wal", "outbox.db-shm"):
            (tmp_path / name).rename(tmp_path / "away" / name)
        database.write_bytes(b"not a database" * 1000)
        await until(lambda: both.store.epoch != old)
        assert renewed == [both.store.epoch]
        both.submit(10, 100, 1000)
        last = await both.drained()
    new = {
        stream: {seq for (epoch, name, seq) in consumer.content if epoch == renewed[0] and name == stream.value}
        for stream in STREAMS
    }
    assert new == {stream: set(range(1, last[stream] + 1)) for stream in STREAMS}


@pytest.mark.skipif(not (shutil.which("mosquitto") and shutil.which("mosquitto_sub")), reason="needs mosquitto and its clients")
async def test_mosquitto_that_comes_and_goes(tmp_path: Path) -> None:
    """Six lives of a broker that keeps the subscriber's session on disk; items are made all the time, online or not."""
    consumer = Consumer()
    port = free_port()
    folder = tmp_path / "broker"
    folder.mkdir()
    kept = ("allow_anonymous true", "persistence true", f"persistence_location {folder}/", "max_queued_messages 0")
    stays = ("-V", "311", "-c", "-i", "verifier")
    async with mosquitto(folder, *kept, port=port), subscriber(port, consumer, *stays):
        pass  # from now on the broker queues for it
    async with pair(tmp_path / "state", port, PATIENT) as both:

        async def produce() -> None:
            while True:
                both.submit(1, 5, 40)
                await asyncio.sleep(0.02)

        producing = asyncio.create_task(produce())
        for _ in range(5):
            async with mosquitto(folder, *kept, port=port), subscriber(port, consumer, *stays):
                await until(lambda: both.uplink.view.state == "online")
                await asyncio.sleep(0.3)
        producing.cancel()
        async with mosquitto(folder, *kept, port=port), subscriber(port, consumer, *stays):
            last = await both.drained()
            await until(lambda: all(len(consumer.numbers(stream)) >= last[stream] for stream in STREAMS))
        assert both.uplink.view.reconnects >= 5
    assert_all(consumer, last)
