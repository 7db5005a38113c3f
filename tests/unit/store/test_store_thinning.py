"""Near its caps the outbox thins telemetry before it drops any, and a consumer can tell what has gone and why."""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from store_kit import running, spec_of, until

from edgeguard.core.health import Health
from edgeguard.core.ids import BootId, Epoch, GatewayId
from edgeguard.core.item import STREAMS, Item, OutboxRow, Stream
from edgeguard.core.outbox_limits import THIN_STRETCH_MS, THIN_TOLD
from edgeguard.rules.thinning import Extremes
from edgeguard.store import Batch
from edgeguard.store import group as grouping
from edgeguard.store.damage import open_outbox
from edgeguard.store.group import Group
from edgeguard.store.ledger import Ledger
from edgeguard.store.retention import Caps, gap_of, gaps_between
from edgeguard.store.thinning import Thinner
from edgeguard.testing.clock import FakeClock
from edgeguard.uplink.completeness import Completeness
from edgeguard.uplink.envelope import Cut, Envelope, Message, cut

T, E, A = Stream.TELEMETRY, Stream.EVENTS, Stream.ALARMS
CAPS = Caps(1 << 30, 2000, None)


def worth_keeping(items: Mapping[int, bytes]) -> frozenset[int]:
    """Numbers of the items of a stretch that stay."""
    extremes = Extremes()
    for seq, body in items.items():
        extremes.see(seq, body)
    return extremes.kept()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    found = open_outbox(tmp_path, Epoch("00112233445566aa"), 0, lambda loss: pytest.fail(loss.reason))
    yield found
    found.connection.close()
    found.witness.close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def reading(clock: FakeClock, number: int) -> Item:
    """Two devices in turn, whose values go up and down."""
    body = {"device": f"pump-{number % 2}", "values": {"pressure": round(math.sin(number / 40.0), 3)}}
    return Item(T, clock.now(), json.dumps(body).encode())


def fill(ledger: Ledger, clock: FakeClock, count: int, caps: Caps = CAPS) -> None:
    """An item every two seconds, in few commits."""
    for first in range(0, count, 450):
        items = []
        for number in range(first, min(first + 450, count)):
            clock.advance(2.0)
            items.append(reading(clock, number))
        grouping.commit(ledger, Group(tuple(items), (), (), None, clock.now(), save_marks=False), caps)


def thin(ledger: Ledger, clock: FakeClock, thinner: Thinner, caps: Caps = CAPS) -> int:
    """Everything that can be thinned now; how many rows went."""
    gone = 0
    while True:
        step = thinner.step(ledger, caps, clock.now())
        gone += step.rows
        if not step.more:
            return gone


def rows(ledger: Ledger, stream: Stream = T) -> list[OutboxRow]:
    return list(ledger.read(stream, 0, 100_000, 1 << 30, None))


def test_nothing_is_thinned_while_there_is_room(ledger: Ledger, clock: FakeClock) -> None:
    fill(ledger, clock, 1700)
    assert thin(ledger, clock, Thinner(Extremes)) == 0
    assert len(rows(ledger)) == 1700


def test_what_stays_of_each_stretch_is_what_was_measured_under_its_own_number(ledger: Ledger, clock: FakeClock) -> None:
    fill(ledger, clock, 1800)
    before = {row.seq: row for row in rows(ledger)}
    gone = thin(ledger, clock, Thinner(Extremes), Caps(1 << 30, 1850, None))
    after = {row.seq: row for row in rows(ledger)}
    assert gone == len(before) - len(after) > 150
    assert all(before[seq] == row for seq, row in after.items())
    through = ledger.streams[T].thinned
    stretches: dict[int, dict[int, bytes]] = {}
    for seq, row in before.items():
        if seq <= through:
            stretches.setdefault(row.at.boot_ms // THIN_STRETCH_MS, {})[seq] = row.body
    for stretch in stretches.values():
        assert {seq for seq in after if seq in stretch} == {min(stretch), max(stretch), *worth_keeping(stretch)}


def test_thinning_goes_on_no_longer_than_it_must_and_leaves_the_newest_stretch(ledger: Ledger, clock: FakeClock) -> None:
    fill(ledger, clock, 1800)
    thinner = Thinner(Extremes)
    thin(ledger, clock, thinner)
    assert 1650 < len(rows(ledger)) <= 1750
    thin(ledger, clock, thinner, Caps(1 << 30, 100, None))
    newest = clock.now().boot_ms // THIN_STRETCH_MS
    full = [row for row in rows(ledger) if row.at.boot_ms // THIN_STRETCH_MS == newest]
    assert [row.seq for row in full] == list(range(full[0].seq, 1801))


def test_a_consumer_finds_every_number_or_its_gap_record(ledger: Ledger, clock: FakeClock) -> None:
    fill(ledger, clock, 1800)
    gone = thin(ledger, clock, Thinner(Extremes), Caps(1 << 30, 500, None))
    judge = Completeness("b07", whole=True)
    for stream in STREAMS:
        envelope = Envelope(GatewayId("b07"), ledger.epoch, stream)
        for message in cut(envelope, rows(ledger, stream), Cut(65536, 65536, 100)):
            assert isinstance(message, Message)
            judge.take(stream.value, message.payload, False, clock.now().wall_ms, 0.0)
            # What is taken by the broker is acknowledged: the rows between, which are gone, are done with it.
            ledger.mark_done(stream, message.first_seq, message.last_seq)
    report = judge.report(0.0, final=True)
    assert report.sound
    assert report.gaps == {"thinned": gone}
    told = {stream.stream: (stream.items, stream.explained_items, stream.last) for stream in report.streams}
    assert told["telemetry"] == (1800 - gone, gone, 1800)
    assert (ledger.streams[T].floor, ledger.backlog(T).rows) == (1800, 0)


def test_a_number_lost_between_those_that_stay_is_still_noticed(ledger: Ledger, clock: FakeClock) -> None:
    fill(ledger, clock, 1800)
    thin(ledger, clock, Thinner(Extremes), Caps(1 << 30, 500, None))
    judge = Completeness("b07", whole=True)
    (victim,) = [row for row in rows(ledger) if row.seq > 200][:1]
    for stream in STREAMS:
        envelope = Envelope(GatewayId("b07"), ledger.epoch, stream)
        held = [row for row in rows(ledger, stream) if row != victim]
        for message in cut(envelope, held, Cut(65536, 65536, 100)):
            assert isinstance(message, Message)
            judge.take(stream.value, message.payload, False, clock.now().wall_ms, 0.0)
    lost = {stream.stream: stream.lost for stream in judge.report(0.0, final=True).streams}
    assert lost["telemetry"] == ((victim.seq, victim.seq),)


def test_what_stays_is_told_in_as_many_records_as_it_takes(clock: FakeClock) -> None:
    keep = list(range(1, 4 * THIN_TOLD, 2))
    gaps = gaps_between(T, "thinned", keep)
    assert len(gaps) == 2
    assert [(gap.first, gap.last) for gap in gaps] == [(1, keep[THIN_TOLD]), (keep[THIN_TOLD], keep[-1])]
    assert {seq for gap in gaps for seq in gap.kept} == set(keep)
    for gap in gaps:
        item = gap.item(clock.now())
        Batch((item,))  # it fits
        assert gap_of(item.body) == gap


def test_where_little_would_go_nothing_goes(ledger: Ledger, clock: FakeClock) -> None:
    """Every reading is its device's only one: all of them are extremes."""
    for first in range(0, 1800, 100):
        items = []
        for number in range(first, first + 100):
            clock.advance(2.0)
            items.append(Item(T, clock.now(), json.dumps({"device": f"d{number}", "values": {"p": 1}}).encode()))
        grouping.commit(ledger, Group(tuple(items), (), (), None, clock.now(), save_marks=False), CAPS)
    assert thin(ledger, clock, Thinner(Extremes)) == 0
    assert ledger.streams[T].thinned > 1500
    assert rows(ledger, E) == []


def test_boots_are_not_mixed_and_what_was_delivered_meanwhile_is_left_out(ledger: Ledger, clock: FakeClock) -> None:
    fill(ledger, clock, 900)
    clock.boot = BootId("boot-b")
    fill(ledger, clock, 900)
    ledger.mark_done(T, 350, 450)
    thinner = Thinner(Extremes)
    thin(ledger, clock, thinner, Caps(1 << 30, 500, None))
    gaps = [gap_of(row.body) for row in rows(ledger, E)]
    lost = {seq for gap in gaps for seq in range(gap.first or 0, (gap.last or 0) + 1) if seq not in gap.kept}
    assert not lost & set(range(350, 451))
    assert lost.isdisjoint(row.seq for row in rows(ledger))
    assert {900, 901} <= {row.seq for row in rows(ledger)}


async def test_the_store_thins_first_then_drops_and_alarms_stay(tmp_path: Path) -> None:
    """Values that change too much to be thinned away; the cap holds a fraction of them."""
    clock, news = FakeClock(), list[Health]()
    spec = spec_of(tmp_path, max_rows=600, telemetry_rows=50)
    async with running(spec, clock, news, survey=Extremes) as store:
        codes: list[str] = []
        for number in range(0, 1800, 50):
            items = []
            for each in range(number, number + 50):
                clock.advance(2.0)
                items.append(reading(clock, each))
            store.submit(Batch(tuple(items)))
            if number % 200 == 0:
                await store.put(Batch((Item(A, clock.now(), b'{"alarm":"a"}'),)))
            await store.flush()
            codes = [told.code for told in news]
        await until(lambda: "store-full" in codes or store.pending_items == 0)
        assert codes[0] == "store-thinning"
        backlogs = {stream: await store.backlog(stream) for stream in STREAMS}
        assert sum(backlog.rows for backlog in backlogs.values()) <= 600 + 50
        assert backlogs[A].rows == 9
        oldest = backlogs[T].first_seq
        assert oldest is not None
        held_without_thinning = 600
        assert 1800 - oldest > 2 * held_without_thinning
