"""Every fault of the broker's script against the uplink: no gap, order kept, nothing lost, few repeats."""

import asyncio
import time
from dataclasses import replace

import pytest
from uplink_rig import DEAF_MS, PATIENT_MS, QUICK, ROOT, Consumer, Rig, Running, make_rig, until

from edgeguard.core.errors import StoreError
from edgeguard.core.item import Item, Stream
from edgeguard.simulator.broker import Broker
from edgeguard.simulator.broker_faults import Faults
from edgeguard.simulator.broker_packet import Publish
from edgeguard.testing.items import sample_body, sample_catalog, sample_device_page
from edgeguard.uplink import Page

pytestmark = pytest.mark.slow


def fill(rig: Rig, count: int = 400) -> None:
    rig.put(Stream.TELEMETRY, count, age_ms=120_000)
    rig.put(Stream.TELEMETRY, count)
    rig.put(Stream.EVENTS, count)
    rig.put(Stream.ALARMS, count)


async def drain(faults: Faults, count: int = 400) -> tuple[Rig, Consumer, Broker]:
    """Fill an outbox, let it drain against a faulty broker; completeness is checked here, the rest by the caller."""
    consumer = Consumer()
    broker = Broker(on_publish=consumer.take, faults=faults)
    await broker.start()
    rig = make_rig(broker.port, ack_timeout_ms=DEAF_MS if faults.lose_ack_every else PATIENT_MS)
    fill(rig, count)
    async with Running(rig):
        await until(lambda: rig.drained, what="not everything was taken")
    await broker.close()
    consumer.assert_complete(Stream.ALARMS, count)
    consumer.assert_complete(Stream.EVENTS, count)
    consumer.assert_complete(Stream.TELEMETRY, 2 * count)
    return rig, consumer, broker


async def test_a_good_broker_gets_everything_once_in_order() -> None:
    rig, consumer, broker = await drain(Faults())
    consumer.assert_in_order()
    assert consumer.duplicates == 0
    assert consumer.statuses == [True, False]
    assert set(consumer.first[("history", "telemetry")]) == set(range(1, 401))
    assert set(consumer.first[("telemetry", "telemetry")]) == set(range(401, 801))
    assert set(broker.retained) == {f"{ROOT}/status", f"{ROOT}/catalog"}
    assert rig.uplink.view.acked_items == 1600
    assert rig.codes(ok=True) == ["connected"]


async def test_alarms_go_before_history() -> None:
    _, consumer, _ = await drain(Faults())
    topics = [topic for topic, _ in consumer.arrival]
    assert topics.index("history") > len(topics) - 1 - topics[::-1].index("alarms")


@pytest.mark.parametrize(
    "faults",
    [
        Faults(reorder_acks=3),
        Faults(ack_delay_s=0.02),
        Faults(receive_maximum=5),
        Faults(receive_maximum=1),
        Faults(receive_maximum=5, ack_delay_s=0.005),
        Faults(maximum_packet_size=1200),
    ],
    ids=["acks-reordered", "slow-acks", "receive-maximum-5", "receive-maximum-1", "receive-maximum-slow", "small-packets"],
)
async def test_odd_but_honest_brokers_cost_no_repeat(faults: Faults) -> None:
    _, consumer, broker = await drain(faults)
    consumer.assert_in_order()
    assert consumer.duplicates == 0
    assert broker.counters.quota_violations == 0
    assert broker.counters.malformed == 0


@pytest.mark.parametrize(
    "faults",
    [
        Faults(drop_every=7),
        Faults(disconnect_every=7),
        Faults(disconnect_every=7, disconnect_reason=0x8E),
        Faults(garbage_every=9),
        Faults(lose_ack_every=11),
        Faults(drop_every=5, receive_maximum=3),
    ],
    ids=["dropped", "disconnected", "taken-over", "garbage", "acks-lost", "dropped-small-window"],
)
async def test_broken_sessions_lose_nothing(faults: Faults) -> None:
    rig, consumer, broker = await drain(faults, count=300)
    consumer.assert_in_order()
    assert rig.uplink.view.reconnects >= 1
    # Only what was in flight when a session broke is delivered twice: a few messages of at most 100 items.
    assert consumer.duplicates <= 4 * 100 * broker.counters.connects


async def test_a_broker_that_answers_pings_only_is_dropped_and_later_served() -> None:
    consumer = Consumer()
    async with Broker(on_publish=consumer.take) as broker:
        rig = make_rig(broker.port, ack_timeout_ms=DEAF_MS)
        async with Running(rig):
            await until(lambda: rig.uplink.view.state == "online" and rig.uplink.view.inflight == 0)
            broker.faults = Faults(half_open=True)
            fill(rig, 50)
            await until(lambda: "half-open" in rig.codes())
            broker.faults = Faults()
            await until(lambda: rig.drained)
        consumer.assert_complete(Stream.TELEMETRY, 100)
        consumer.assert_in_order()


async def test_acknowledgements_that_never_come_advance_nothing() -> None:
    consumer = Consumer()
    async with Broker(on_publish=consumer.take, faults=Faults(never_ack=True)) as broker:
        rig = make_rig(broker.port, ack_timeout_ms=DEAF_MS)
        rig.put(Stream.EVENTS, 20)
        async with Running(rig, close_s=0.2):
            await until(lambda: broker.counters.connects >= 3)
            assert rig.open_rows(Stream.EVENTS) == 20
            assert rig.uplink.view.acked_items == 0


@pytest.mark.parametrize("code", [0x97, 0x80, 0x83])
async def test_a_quota_keeps_rows_and_their_order(code: int) -> None:
    """From its 30th message on the broker takes nothing for a while."""
    consumer = Consumer()
    seen: list[float] = []

    def quota(message: Publish) -> int:
        seen.append(time.monotonic())
        return code if len(seen) > 30 and seen[-1] < seen[30] + 0.3 else 0

    async with Broker(on_publish=consumer.take, faults=Faults(puback=quota)) as broker:
        rig = make_rig(broker.port)
        fill(rig, 1000)
        async with Running(rig):
            await until(lambda: rig.drained)
        assert broker.counters.refused > 0
    consumer.assert_complete(Stream.TELEMETRY, 2000)
    consumer.assert_in_order()
    assert consumer.duplicates == 0
    assert rig.outbox.dead == []


@pytest.mark.parametrize("code", [0x97, 0x80])
async def test_alarms_stay_in_order_even_when_single_messages_are_refused(code: int) -> None:
    consumer = Consumer()
    count = 0

    def moody(_: Publish) -> int:
        nonlocal count
        count += 1
        return code if count % 3 == 0 else 0

    async with Broker(on_publish=consumer.take, faults=Faults(puback=moody)) as broker:
        rig = make_rig(broker.port)
        fill(rig, 500)
        async with Running(rig):
            await until(lambda: rig.drained)
    for stream, last in ((Stream.ALARMS, 500), (Stream.EVENTS, 500), (Stream.TELEMETRY, 1000)):
        consumer.assert_complete(stream, last)
    consumer.assert_in_order("alarms")
    assert consumer.duplicates == 0


@pytest.mark.parametrize("code", [0x87, 0x90, 0x95, 0x99])
async def test_one_poison_row_is_parked_and_the_rest_goes_on(code: int) -> None:
    consumer = Consumer()

    def hates(message: Publish) -> int:
        return code if b"poison" in message.payload else 0

    async with Broker(on_publish=consumer.take, faults=Faults(puback=hates)) as broker:
        rig = make_rig(broker.port)
        rig.put(Stream.EVENTS, 76)
        poison_seq = _put_poison(rig)
        rig.put(Stream.EVENTS, 300)
        async with Running(rig):
            await until(lambda: rig.drained)
    assert [row.seq for row, _ in rig.outbox.dead] == [poison_seq]
    consumer.assert_complete(Stream.EVENTS, 377, but={poison_seq})
    assert consumer.duplicates == 0
    assert "stream-refused" not in rig.codes()


def _put_poison(rig: Rig) -> int:
    return rig.outbox.put(Item(Stream.EVENTS, rig.clock.now(), sample_body(Stream.EVENTS, "poison")))[0]


async def test_a_disconnect_for_one_row_finds_the_row() -> None:
    """Brokers also end the session instead of refusing the message (mosquitto: packet too large)."""
    consumer = Consumer()
    async with Broker(on_publish=consumer.take) as broker:

        def strict(message: Publish) -> int:
            if b"poison" in message.payload:
                for client in tuple(broker._clients.values()):
                    client.say_goodbye(0x95)
                return 0x95
            return 0

        broker.faults = Faults(puback=strict)
        rig = make_rig(broker.port)
        rig.put(Stream.EVENTS, 30)
        poison_seq = _put_poison(rig)
        rig.put(Stream.EVENTS, 300)
        async with Running(rig):
            await until(lambda: rig.drained)
    assert [row.seq for row, _ in rig.outbox.dead] == [poison_seq]
    consumer.assert_complete(Stream.EVENTS, 331, but={poison_seq})


@pytest.mark.parametrize("code", [0x87, 0x90])
async def test_a_missing_right_blocks_the_stream_but_parks_nothing(code: int) -> None:
    consumer = Consumer()

    def no_events(message: Publish) -> int:
        return code if message.topic.endswith("/events") else 0

    async with Broker(on_publish=consumer.take, faults=Faults(puback=no_events)) as broker:
        rig = make_rig(broker.port)
        fill(rig, 200)
        async with Running(rig):
            await until(lambda: "stream-refused" in rig.codes() and not any(map(rig.open_rows, (Stream.TELEMETRY, Stream.ALARMS))))
            await asyncio.sleep(0.7)
            assert (rig.outbox.dead, rig.codes().count("stream-refused")) == ([], 1)
            assert rig.open_rows(Stream.EVENTS) == 200
            await until(lambda: rig.blocked(Stream.EVENTS))  # a right given while rows are tried one by one costs order
            broker.faults = Faults()
            await until(lambda: rig.drained)
            assert "stream-refused" in rig.codes(ok=True)
    consumer.assert_complete(Stream.EVENTS, 200)
    consumer.assert_in_order()


async def test_content_refused_row_after_row_is_not_parked_without_end() -> None:
    consumer = Consumer()
    async with Broker(
        on_publish=consumer.take, faults=Faults(puback=lambda m: 0x99 if m.topic.endswith("events") else 0)
    ) as broker:
        rig = make_rig(broker.port)
        rig.put(Stream.EVENTS, 200)
        async with Running(rig):
            await until(lambda: "stream-refused" in rig.codes())
            await asyncio.sleep(0.7)
            assert len(rig.outbox.dead) <= 8
            assert rig.open_rows(Stream.EVENTS) >= 192


async def test_rows_too_large_for_the_broker_are_parked_by_our_own_check() -> None:
    consumer = Consumer()
    async with Broker(on_publish=consumer.take, faults=Faults(maximum_packet_size=2000)) as broker:
        rig = make_rig(broker.port)
        rig.put(Stream.EVENTS, 10)
        rig.put(Stream.EVENTS, 1, size=5000)
        rig.put(Stream.EVENTS, 10)
        async with Running(rig):
            await until(lambda: rig.drained)
        assert broker.counters.malformed == 0
    consumer.assert_complete(Stream.EVENTS, 21, but={11})
    assert [row.seq for row, _ in rig.outbox.dead] == [11]


@pytest.mark.parametrize(
    "faults",
    [Faults(only_311=True), Faults(only_311=True, version_refusal=0x84), Faults(close_v5=True)],
    ids=["connack-0x01", "connack-0x84", "hang-up"],
)
async def test_a_broker_of_3_1_1_is_spoken_to_in_its_version(faults: Faults) -> None:
    rig, consumer, _ = await drain(faults)
    assert rig.uplink.view.protocol == "3.1.1"
    assert rig.codes().count("fallback") == 1
    assert consumer.duplicates == 0
    consumer.assert_in_order()


async def test_a_fixed_version_5_does_not_fall_back() -> None:
    async with Broker(faults=Faults(only_311=True)) as broker:
        rig = make_rig(broker.port, protocol="5")
        async with Running(rig):
            await until(lambda: rig.uplink.view.state == "failed")
            assert "unsupported protocol version" in rig.uplink.view.error


async def test_bad_credentials_are_named_and_tried_again() -> None:
    async with Broker(faults=Faults(refuse_connect=0x86)) as broker:
        rig = make_rig(broker.port)
        rig.put(Stream.ALARMS, 5)
        async with Running(rig):
            await until(lambda: broker.counters.connects >= 3)
            assert rig.uplink.view.state in ("failed", "connecting")
            assert "bad user name or password" in rig.uplink.view.error
            assert rig.codes() == ["connect-refused"]
            broker.faults = Faults()
            await until(lambda: rig.drained)


@pytest.mark.parametrize(
    "data", [b"\x00" * 40, b"\x20\x02\x00", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x20\x03\x00\xfe\x00", b"\xff" * 9]
)
async def test_garbage_for_a_connack_is_survived(data: bytes) -> None:
    async with Broker(faults=Faults(garbage_connack=data)) as broker:
        rig = make_rig(broker.port)
        rig.put(Stream.ALARMS, 5)
        async with Running(rig):
            await until(lambda: broker.counters.connects >= 3)
            broker.faults = Faults()
            await until(lambda: rig.drained)


async def test_a_broker_that_never_answers_the_connect_is_given_up() -> None:
    async with Broker(faults=Faults(silent_connect=True)) as broker:
        rig = make_rig(broker.port, replace(QUICK, connect_within_s=0.2))
        async with Running(rig):
            await until(lambda: broker.counters.connects >= 2)
            assert "no-answer" in rig.codes()


async def test_a_flapping_broker_loses_nothing() -> None:
    consumer = Consumer()
    broker = Broker(on_publish=consumer.take)
    await broker.start()
    rig = make_rig(broker.port)
    async with Running(rig):
        for _ in range(8):
            fill(rig, 40)
            await asyncio.sleep(0.1)
            await broker.close()
            fill(rig, 10)
            await asyncio.sleep(0.05)
            await broker.start()
        await until(lambda: rig.drained)
    await broker.close()
    consumer.assert_complete(Stream.ALARMS, 400)
    consumer.assert_complete(Stream.TELEMETRY, 800)
    consumer.assert_in_order("alarms", "events", "history")


async def test_a_new_epoch_is_announced_and_starts_at_one() -> None:
    consumer = Consumer()
    async with Broker(on_publish=consumer.take) as broker:
        rig = make_rig(broker.port)
        rig.put(Stream.EVENTS, 20)
        async with Running(rig):
            await until(lambda: rig.drained)
            rig.outbox.renew("fedcba9876543210")
            rig.put(Stream.EVENTS, 5)
            await until(lambda: rig.drained)
            assert b"fedcba9876543210" in broker.retained[f"{ROOT}/status"]
    assert len([key for key in consumer.content if key[0] == "fedcba9876543210"]) == 5


async def test_a_lost_gateway_leaves_its_will() -> None:
    consumer = Consumer()
    async with Broker(on_publish=consumer.take) as broker:
        rig = make_rig(broker.port)
        async with Running(rig):
            await until(lambda: consumer.statuses == [True])
            broker.drop_clients()
            await until(lambda: False in consumer.statuses and consumer.statuses[-1])


async def test_cancelling_says_goodbye_as_well() -> None:
    consumer = Consumer()
    async with Broker(on_publish=consumer.take) as broker:
        rig = make_rig(broker.port)
        task = asyncio.create_task(rig.uplink.run())
        await until(lambda: rig.uplink.view.state == "online" and rig.uplink.view.inflight == 0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await until(lambda: consumer.statuses == [True, False] and not broker.clients)


async def test_a_changed_catalog_is_published_and_old_pages_are_cleared() -> None:
    pages = [Page("catalog/pump-1", sample_device_page()), Page("catalog", sample_catalog("index"))]
    async with Broker() as broker:
        rig = make_rig(broker.port, pages=lambda: tuple(pages))
        async with Running(rig):
            await until(lambda: f"{ROOT}/catalog" in broker.retained)
            pages[:] = [Page("catalog", sample_catalog("all"))]
            rig.uplink.catalog_changed()
            await until(lambda: broker.retained.get(f"{ROOT}/catalog") == sample_catalog("all"))
            await until(lambda: f"{ROOT}/catalog/pump-1" not in broker.retained)


async def test_a_new_alarm_overtakes_a_long_history() -> None:
    consumer = Consumer()
    async with Broker(on_publish=consumer.take, faults=Faults(ack_delay_s=0.01)) as broker:
        rig = make_rig(broker.port, history_items_per_s=5000.0)
        rig.put(Stream.TELEMETRY, 6000, age_ms=120_000)
        async with Running(rig):
            await until(lambda: len(consumer.arrival) > 500)
            before = len(consumer.arrival)
            rig.put(Stream.ALARMS, 1)
            await until(lambda: consumer.numbers(Stream.ALARMS))
            # What was in flight or read already may pass; the rest of history may not.
            assert consumer.arrival.index(("alarms", 1)) - before <= 50 * 100
            assert rig.open_rows(Stream.TELEMETRY) > 0
            await until(lambda: rig.drained)


async def test_history_keeps_its_rate() -> None:
    consumer = Consumer()
    async with Broker(on_publish=consumer.take) as broker:
        rig = make_rig(broker.port, history_items_per_s=400.0)
        rig.put(Stream.TELEMETRY, 500, age_ms=120_000)
        started = asyncio.get_running_loop().time()
        async with Running(rig):
            await until(lambda: rig.drained)
        # The bucket holds a quarter of a second's worth, so 500 items take a second at the very least.
        assert asyncio.get_running_loop().time() - started >= 1.0


async def test_nobody_at_the_port_is_named_and_tried_again() -> None:
    broker = Broker()
    await broker.start()
    await broker.close()
    rig = make_rig(broker.port)
    rig.put(Stream.ALARMS, 3)
    async with Running(rig):
        await until(lambda: rig.codes() == ["refused"])
        await broker.start()
        await until(lambda: rig.drained)
    await broker.close()


async def test_a_store_in_trouble_stops_nothing_for_good() -> None:
    consumer = Consumer()
    async with Broker(on_publish=consumer.take) as broker:
        rig = make_rig(broker.port)
        rig.put(Stream.EVENTS, 50)
        rig.outbox.trouble = StoreError("disk full")
        async with Running(rig) as task:
            await until(lambda: rig.uplink.view.state == "online")
            await asyncio.sleep(0.2)
            assert not task.done()
            rig.outbox.trouble = None
            await until(lambda: rig.drained)
    consumer.assert_complete(Stream.EVENTS, 50)


async def test_on_a_narrow_line_an_alarm_does_not_wait_for_all_of_history() -> None:
    """300 kB/s towards the broker: the backlog takes seconds, no time-out strikes, and a new alarm comes through between."""
    consumer = Consumer()
    async with Broker(on_publish=consumer.take) as broker:
        line = await asyncio.start_server(lambda r, w: _narrow(r, w, broker.port, 300_000), "127.0.0.1", 0, limit=4096)
        rig = make_rig(line.sockets[0].getsockname()[1], ack_timeout_ms=5000)
        rig.put(Stream.TELEMETRY, 1500, size=1500, age_ms=120_000)
        async with Running(rig):
            await until(lambda: len(consumer.content) > 200)
            rig.put(Stream.ALARMS, 1)
            await until(lambda: consumer.numbers(Stream.ALARMS))
            assert rig.open_rows(Stream.TELEMETRY) > 300
            await until(lambda: rig.drained)
            assert rig.uplink.view.reconnects == 0
        line.close()
    consumer.assert_complete(Stream.TELEMETRY, 1500)
    assert consumer.duplicates == 0


async def _narrow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, bytes_per_s: int) -> None:
    """Passes bytes on slowly one way, at once the other."""
    to_reader, to_writer = await asyncio.open_connection("127.0.0.1", port)

    async def back() -> None:
        while data := await to_reader.read(65536):
            writer.write(data)
        writer.close()

    returning = asyncio.create_task(back())
    while data := await reader.read(4096):
        await asyncio.sleep(len(data) / bytes_per_s)
        to_writer.write(data)
        await to_writer.drain()
    to_writer.close()
    await returning


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_a_broker_that_lets_no_command_through_is_told_of_and_gets_everything(protocol: str) -> None:
    consumer = Consumer()
    async with Broker(on_publish=consumer.take, faults=Faults(refuse_subscribe=0x87)) as broker:
        rig = make_rig(broker.port, commands=lambda _: None, protocol=protocol)
        fill(rig, 20)
        async with Running(rig):
            await until(lambda: rig.drained and "commands-refused" in rig.codes(), what="drained and told")
            told = next(health for health in rig.news if health.code == "commands-refused")
            assert told.text.en.startswith("the broker refuses the subscription to the commands, none will come: ")
            broker.drop_clients()
            await until(lambda: rig.uplink.view.reconnects == 1, what="the second session")
            broker.faults = Faults()
            broker.drop_clients()
            await until(lambda: "commands-refused" in rig.codes(ok=True), what="the good news")
            assert rig.codes().count("commands-refused") == 1
