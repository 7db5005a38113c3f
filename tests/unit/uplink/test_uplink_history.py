"""History beside live data: how fast, changed while it runs, and not from all gateways of a district at once."""

import json
import random
from dataclasses import replace

import pytest

from edgeguard.core.ids import GatewayId, SiteId
from edgeguard.core.item import Item, Stream
from edgeguard.core.site import UplinkSpec
from edgeguard.testing.clock import FakeClock, run_virtual
from edgeguard.testing.items import sample_body
from edgeguard.testing.messages import check_message
from edgeguard.testing.outbox import MemoryOutbox
from edgeguard.uplink.envelope import Parts
from edgeguard.uplink.lane import Patience
from edgeguard.uplink.lanes import OUTAGE_S, Lanes
from edgeguard.uplink.pace import Bucket
from edgeguard.uplink.session import Grant
from edgeguard.uplink.sync import Sync, SyncTimes
from edgeguard.uplink.topics import HISTORY, Topics

TOPICS = Topics.of(SiteId("lakeside"), GatewayId("b07"))
SPEC = UplinkSpec("broker", 1883, tls=False, history_items_per_s=100.0, history_delay_ms=60_000)


class Broker:
    """A session whose broker takes everything a little later; notes what came when, on which topic."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.sync: Sync | None = None
        self.came: list[tuple[float, str, int]] = []
        self._sent: list[int] = []

    def publish(self, topic: str, parts: Parts, retain: bool = False, correlation: bytes | None = None) -> int:
        payload = b"".join(parts)
        check_message(topic, payload)
        now_s = self._clock.now().boot_ms / 1000
        self.came.append((now_s, topic.rsplit("/", 1)[1], len(json.loads(payload)["items"])))
        self._sent.append(len(self.came))
        return len(self.came)

    def confirm(self) -> None:
        sent, self._sent = self._sent, []
        assert self.sync is not None
        self.sync.settle([(packet_id, 0) for packet_id in sent])


class Gateway:
    """One uplink without its connection: what it sends in which order is `sync`'s and the lanes' business."""

    def __init__(self, seed: int, clock: FakeClock, spec: UplinkSpec = SPEC) -> None:
        self.clock = clock
        self.outbox = MemoryOutbox(clock)
        self.broker = Broker(clock)
        poke = lambda: None  # noqa: E731
        times = SyncTimes()
        self.sync = Sync(spec, TOPICS, GatewayId("b07"), self.outbox, clock, lambda _: None, random.Random(seed), times, poke)
        self.broker.sync = self.sync
        self.outbox.on_commit(self.sync.wake)

    def put(self, stream: Stream, count: int) -> None:
        self.outbox.put(*(Item(stream, self.clock.now(), sample_body(stream, 1)) for _ in range(count)))

    def online(self) -> None:
        self.sync.begin(self.broker, Grant(65535, None))  # type: ignore[arg-type]

    async def serve(self, seconds: float, step_s: float = 0.25) -> None:
        import asyncio

        for _ in range(int(seconds / step_s)):
            await self.sync.pump()
            self.broker.confirm()
            await asyncio.sleep(step_s)

    def first(self, topic: str) -> float | None:
        return next((at_s for at_s, name, _ in self.broker.came if name == topic), None)

    def items(self, topic: str, from_s: float = 0.0, to_s: float = 1e12) -> int:
        return sum(count for at_s, name, count in self.broker.came if name == topic and from_s <= at_s < to_s)


def test_after_an_outage_live_data_and_alarms_flow_at_once_and_history_follows_by_its_rate() -> None:
    clock = FakeClock()
    gateway = Gateway(3, clock, replace(SPEC, history_delay_ms=0))

    async def story() -> None:
        gateway.put(Stream.TELEMETRY, 3000)
        clock.advance(3600)
        gateway.put(Stream.TELEMETRY, 10)
        gateway.put(Stream.ALARMS, 5)
        begun_s = clock.now().boot_ms / 1000
        gateway.online()
        await gateway.serve(10)
        assert (gateway.first("alarms"), gateway.first("telemetry")) == (begun_s, begun_s)
        assert gateway.items("telemetry") == 10
        assert 900 <= gateway.items(HISTORY) <= 1100
        gateway.put(Stream.ALARMS, 1)
        told_s = clock.now().boot_ms / 1000
        await gateway.serve(1)
        assert gateway.items("alarms", told_s, told_s + 0.5) == 1
        await gateway.serve(25)
        assert gateway.items(HISTORY) == 3000

    run_virtual(story(), clock)


def test_a_rate_that_is_changed_counts_from_then_on() -> None:
    clock = FakeClock()
    gateway = Gateway(3, clock, replace(SPEC, history_delay_ms=0))

    async def story() -> None:
        gateway.put(Stream.TELEMETRY, 6000)
        clock.advance(3600)
        gateway.online()
        await gateway.serve(5)
        slow = gateway.items(HISTORY)
        gateway.sync.set_history_rate(1000.0)
        await gateway.serve(3)
        fast = gateway.items(HISTORY) - slow
        gateway.sync.set_history_rate(1.0)
        await gateway.serve(20)
        crawl = gateway.items(HISTORY) - slow - fast
        # A message that was cut already goes as it is; the bucket is in debt for it then.
        assert (400 <= slow <= 600, 1800 <= fast <= 3250, 10 <= crawl <= 120) == (True, True, True), (slow, fast, crawl)

    run_virtual(story(), clock)


def test_fifty_gateways_that_return_together_begin_their_history_one_by_one() -> None:
    clock = FakeClock()
    gateways = [Gateway(seed, clock) for seed in range(50)]

    async def story() -> None:
        import asyncio

        for gateway in gateways:
            gateway.put(Stream.TELEMETRY, 30)
        clock.advance(3600)
        for gateway in gateways:
            gateway.put(Stream.TELEMETRY, 1)
            gateway.online()
        begun_s = clock.now().boot_ms / 1000
        await asyncio.gather(*(gateway.serve(62, step_s=1.0) for gateway in gateways))
        assert {gateway.first("telemetry") for gateway in gateways} == {begun_s}
        begins = sorted(at_s - begun_s for gateway in gateways if (at_s := gateway.first(HISTORY)) is not None)
        assert len(begins) == 50
        assert begins[-1] <= 61.0
        busiest = max(sum(low <= at_s < low + 5 for at_s in begins) for low in range(0, 60, 5))
        assert busiest <= 12, begins
        assert begins[40] - begins[10] > 25

    run_virtual(story(), clock)


def lanes(entropy: random.Random) -> Lanes:
    return Lanes(TOPICS, 50, 100.0, Patience(1.0, 8.0, 30.0), entropy, history_delay_s=60.0)


def may_at_s(made: Lanes) -> float:
    made.alarms.dry = True
    return next(at_s for at_s in range(10_000) if made._history_may(at_s))


def test_a_link_that_flaps_does_not_put_its_history_off_for_ever() -> None:
    made = lanes(random.Random(1))
    made.connected(65535, 100.0)
    first_s = may_at_s(made)
    assert 100 <= first_s <= 160
    for at_s in (110.0, 130.0, 155.0):
        made.lost(None, at_s)
        made.connected(65535, at_s + 1.0)
    assert may_at_s(made) == first_s
    made.lost(None, 1000.0)
    made.connected(65535, 1000.0 + OUTAGE_S)
    assert may_at_s(made) > 1000.0 + OUTAGE_S


def test_the_moment_from_which_history_may_go_is_worth_a_look() -> None:
    made = lanes(random.Random(1))
    made.connected(65535, 100.0)
    made.split(5)
    made.alarms.dry = made.events.dry = made.live.dry = True
    assert made.next_at_s(100.0) == pytest.approx(made._history_from_s)
    assert made.next_at_s(made._history_from_s + 1.0) is None


def test_a_bucket_keeps_what_fits_when_its_rate_changes() -> None:
    bucket = Bucket(100.0)
    assert bucket.available(0.0) == 25
    bucket.change(8.0, 0.0)
    assert (bucket.available(0.0), bucket.depth) == (2, 2.0)
    bucket.change(400.0, 0.0)
    assert bucket.available(0.0) == 2
    assert bucket.available(1.0) == 100
