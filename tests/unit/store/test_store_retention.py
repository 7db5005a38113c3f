"""Caps on rows, bytes and age; gap records; and how old a row is when clocks cannot be trusted."""

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from store_kit import item

from edgeguard.core.clock import Stamp
from edgeguard.core.ids import BootId, Epoch
from edgeguard.core.item import STREAMS, Item, Stream
from edgeguard.store import group as grouping
from edgeguard.store.damage import open_outbox
from edgeguard.store.group import Committed, Group
from edgeguard.store.ledger import Ledger
from edgeguard.store.retention import Caps, Gap, age_ms, first_younger, gap_of, merged
from edgeguard.testing.clock import FakeClock

T, E, A = Stream.TELEMETRY, Stream.EVENTS, Stream.ALARMS
WIDE = Caps(1 << 30, 1 << 30, None)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    found = open_outbox(tmp_path, Epoch("00112233445566aa"), 0, lambda loss: pytest.fail(loss.reason))
    yield found
    found.connection.close()
    found.witness.close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def put(ledger: Ledger, clock: FakeClock, stream: Stream, count: int, caps: Caps = WIDE, size: int = 0) -> Committed:
    items = tuple(item(clock, stream, number, size) for number in range(count))
    return grouping.commit(ledger, Group(items, (), (), None, clock.now(), save_marks=False), caps)


def alive(ledger: Ledger, stream: Stream) -> list[int]:
    return [row.seq for row in ledger.read(stream, 0, 10_000, 1 << 30, None)]


def gaps(ledger: Ledger) -> list[tuple[str, int, int, str]]:
    told = [orjson.loads(row.body) for row in ledger.read(E, 0, 10_000, 1 << 30, None) if b'"gap"' in row.body]
    return [(gap["stream"], gap["from"], gap["to"], gap["reason"]) for gap in told]


def test_the_oldest_telemetry_goes_first_and_one_record_tells_it(ledger: Ledger, clock: FakeClock) -> None:
    put(ledger, clock, A, 5)
    put(ledger, clock, E, 5)
    put(ledger, clock, T, 90)
    lost = put(ledger, clock, A, 1, Caps(1 << 30, 100, None)).lost
    assert lost == (Gap(T, "store-full", 1, 2),)  # one over the cap, one to spare
    assert gaps(ledger) == [("telemetry", 1, 2, "store-full")]
    assert alive(ledger, T) == list(range(3, 91))
    assert len(alive(ledger, A)) == 6


def test_what_was_delivered_is_no_loss_and_goes_before_anything_else(ledger: Ledger, clock: FakeClock) -> None:
    put(ledger, clock, T, 100)
    ledger.mark_done(T, 1, 20)
    ledger.mark_done(T, 23, 30)
    assert put(ledger, clock, T, 1, Caps(1 << 30, 100, None)).lost == ()
    assert ledger.streams[T].first == 21
    assert put(ledger, clock, T, 30, Caps(1 << 30, 100, None)).lost == (Gap(T, "store-full", 21, 22), Gap(T, "store-full", 31, 32))


def test_a_cap_on_bytes_holds_for_the_pages_in_use(ledger: Ledger, clock: FakeClock) -> None:
    caps = Caps(400_000, 1 << 30, None)
    for _ in range(40):
        put(ledger, clock, T, 20, caps, size=1000)
        assert ledger.used_bytes() <= caps.max_bytes + 2 * 4096
    ((stream, first, last, reason),) = merged_records(ledger)
    assert (stream, first, reason) == ("telemetry", 1, "store-full")
    assert last is not None
    assert alive(ledger, T) == list(range(last + 1, 801))
    assert len(alive(ledger, T)) > 200


def merged_records(ledger: Ledger) -> list[tuple[str, int | None, int | None, str]]:
    told = [gap_of(row.body) for row in ledger.read(E, 0, 10_000, 1 << 30, None)]
    return [(gap.stream.value, gap.first, gap.last, gap.reason) for gap in merged(told)]


def test_events_go_when_no_telemetry_is_left_but_their_gap_records_are_told_again(ledger: Ledger, clock: FakeClock) -> None:
    caps = Caps(1 << 30, 64, None)
    put(ledger, clock, T, 65, caps)
    put(ledger, clock, A, 80, caps)
    assert alive(ledger, T) == []
    assert ("telemetry", 1, 65, "store-full") in gaps(ledger)
    assert [stream for stream, *_ in gaps(ledger)].count("telemetry") == 1
    assert alive(ledger, A)[-1] == 80
    for _ in range(5):
        put(ledger, clock, E, 20, caps)
    told = gaps(ledger)
    assert ("telemetry", 1, 65, "store-full") in told
    lost_events = [(first, last) for stream, first, last, _ in told if stream == "events"]
    assert len(lost_events) == 1


def test_hints_and_figures_give_way_before_other_events(ledger: Ledger, clock: FakeClock) -> None:
    kinds = (b'{"type":"health","n":%d}', b'{"type":"energy","n":%d}', b'{"type":"hint","n":%d}', b'{"type":"plate","n":%d}')
    items = tuple(Item(E, clock.now(), kinds[number % 4] % number) for number in range(200))
    wide = grouping.commit(ledger, Group(items, (), (), None, clock.now(), save_marks=False), WIDE)
    assert wide.lost == ()
    ledger.mark_done(E, 2, 3)
    done = grouping.commit(ledger, Group((), (), (), None, clock.now(), save_marks=False), Caps(1 << 30, 150, None))
    left = [orjson.loads(row.body) for row in ledger.read(E, 0, 1000, 1 << 30, None)]
    assert [body["type"] for body in left].count("health") == 50
    assert [body["type"] for body in left].count("plate") == 50
    assert not [body for body in left if body["type"] in ("energy", "hint") and body["n"] > 0]
    (gap,) = [gap_of(orjson.dumps(body)) for body in left if body["type"] == "gap"]
    assert set(range(1, 201)) - set(gap.kept) == {seq for seq in range(4, 200) if (seq - 1) % 4 in (1, 2)}
    assert (done.lost, gap.lost) == ((gap,), 98)
    again = grouping.commit(ledger, Group((), (), (), None, clock.now(), save_marks=False), Caps(1 << 30, 60, None))
    assert {lost.reason for lost in again.lost} == {"store-full"}
    assert sum(state.rows for state in ledger.streams.values()) <= 60 + len(gaps(ledger))


def test_rows_older_than_the_cap_on_age_go_in_every_stream(ledger: Ledger, clock: FakeClock) -> None:
    caps = Caps(1 << 30, 1 << 30, 60_000)
    for stream in STREAMS:
        put(ledger, clock, stream, 3)
    clock.advance(50)
    put(ledger, clock, T, 2)
    clock.advance(11)
    clock.step_wall(-400 * 86_400)
    with ledger.transaction():
        pass
    tidied = grouping.tidy(ledger, caps, clock.now(), database_of(ledger))
    assert tidied.lost == (Gap(T, "too-old", 1, 3), Gap(E, "too-old", 1, 3), Gap(A, "too-old", 1, 3))
    assert alive(ledger, T) == [4, 5]
    assert gaps(ledger) == [(stream, 1, 3, "too-old") for stream in ("telemetry", "events", "alarms")]
    assert grouping.tidy(ledger, caps, clock.now(), database_of(ledger)).lost == ()


def database_of(ledger: Ledger) -> Path:
    return Path(ledger.connection.execute("PRAGMA database_list").fetchone()[2])


@pytest.mark.parametrize(
    ("boot", "synced_then", "synced_now", "expected"),
    [
        ("boot-a", False, False, 10_000),
        ("boot-a", True, True, 10_000),
        ("boot-0", True, True, 86_400_000),
        ("boot-0", False, True, 500_000),
        ("boot-0", True, False, 500_000),
    ],
)
def test_age_is_boot_time_in_this_boot_and_wall_time_only_if_trusted(
    boot: str, synced_then: bool, synced_now: bool, expected: int
) -> None:
    now = Stamp(wall_ms=100_000_000, boot_ms=500_000, boot=BootId("boot-a"), synced=synced_now)
    then = Stamp(wall_ms=100_000_000 - 86_400_000, boot_ms=490_000, boot=BootId(boot), synced=synced_then)
    assert age_ms(then, now) == expected


def test_a_clock_that_jumps_ages_nothing_of_this_boot(ledger: Ledger, clock: FakeClock) -> None:
    put(ledger, clock, T, 5)
    clock.step_wall(14 * 365 * 86_400)
    assert grouping.tidy(ledger, Caps(1 << 30, 1 << 30, 1000), clock.now(), database_of(ledger)).lost == ()
    assert first_younger(ledger, T, 1000, clock.now()) == 1


def test_boots_are_forgotten_with_their_rows(ledger: Ledger, clock: FakeClock) -> None:
    for number in range(5):
        clock.boot = BootId(f"boot-{number}")
        put(ledger, clock, T, 10)
    put(ledger, clock, A, 1)
    assert count_boots(ledger) == 5
    ledger.mark_done(T, 1, 30)
    assert grouping.prune(ledger, 1) == 30
    assert count_boots(ledger) == 2
    assert [row.at.boot for row in ledger.read(T, 0, 100, 1 << 20, None)] == ["boot-3"] * 10 + ["boot-4"] * 10


def test_rows_of_boots_that_take_turns_keep_their_boot(ledger: Ledger, clock: FakeClock) -> None:
    names = [BootId(name) for name in ("boot-a", "boot-b", "boot-a", "boot-a", "boot-c", "boot-b")]
    for name in names:
        clock.boot = name
        put(ledger, clock, T, 1)
    with ledger.transaction():
        ledger.set_boot_offset(BootId("boot-b"), 5)
    assert [row.at.boot for row in ledger.read(T, 0, 100, 1 << 20, None)] == names
    ledger.mark_done(T, 1, 3)
    grouping.prune(ledger, 1)
    assert [row.at.boot for row in ledger.read(T, 0, 100, 1 << 20, None)] == names[3:]


def count_boots(ledger: Ledger) -> int:
    return int(ledger.connection.execute("SELECT count(*) FROM boots").fetchone()[0])


def test_merging_keeps_every_loss_and_counts_once() -> None:
    told = [
        Gap(T, "store-full", 5, 9),
        Gap(E, "store-full", 1, 1),
        Gap(T, "store-full", 1, 4),
        Gap(T, "disk-full", items=3),
        Gap(T, "too-old", 20, 21),
        Gap(T, "disk-full", items=4),
        Gap(A, "damaged", epoch="00"),
        Gap(T, "store-full", 11, 12),
    ]
    assert set(merged(told)) == {
        Gap(T, "store-full", 1, 9),
        Gap(T, "store-full", 11, 12),
        Gap(E, "store-full", 1, 1),
        Gap(T, "too-old", 20, 21),
        Gap(T, "disk-full", items=7),
        Gap(A, "damaged", epoch="00"),
    }


@pytest.mark.parametrize("gap", [Gap(T, "store-full", 1, 2), Gap(E, "disk-full", items=3), Gap(A, "damaged", epoch="ab")])
def test_a_record_tells_the_gap_it_was_made_of(gap: Gap, clock: FakeClock) -> None:
    record = gap.item(clock.now())
    assert record.stream is E
    assert gap_of(record.body) == gap
    assert {"type", "stream", "from", "to", "reason"} <= set(orjson.loads(record.body))


def test_records_of_losses_that_fill_the_store_are_joined_and_not_told_again_and_again(ledger: Ledger, clock: FakeClock) -> None:
    """Thinned and then dropped, for ever: each commit of a store full of records told all of them anew, under new numbers."""
    caps = Caps(300_000, 1 << 30, None)
    put(ledger, clock, A, 300, size=500)
    for _ in range(500):
        put(ledger, clock, T, 20, caps, size=100)
        last = ledger.streams[T].last
        with ledger.transaction():
            ledger.append([Gap(T, "thinned", last - 19, last, kept=tuple(range(last - 19, last + 1, 2))).item(clock.now())])
    assert ledger.streams[E].last < 500 * 4, "each loss is told a few times at most"
    assert len(alive(ledger, A)) == 300
    dropped = {seq for stream, first, last, reason in gaps(ledger) if stream == "telemetry" for seq in range(first, last + 1)}
    assert set(range(1, last + 1)) - set(alive(ledger, T)) <= dropped
    told_events = {seq for stream, first, last, _ in gaps(ledger) if stream == "events" for seq in range(first, last + 1)}
    assert set(range(1, ledger.streams[E].last + 1)) - set(alive(ledger, E)) == told_events


def test_records_of_losses_that_cannot_be_joined_are_widened_before_they_push_out_alarms(ledger: Ledger, clock: FakeClock) -> None:
    caps = Caps(300_000, 1 << 30, None)
    put(ledger, clock, A, 300, size=500)
    for number in range(900):
        with ledger.transaction():
            kept = tuple(range(number * 40 + 1, number * 40 + 40, 2))
            ledger.append([Gap(T, "thinned", kept[0], kept[-1] + 1, kept=kept).item(clock.now())])
        put(ledger, clock, A, 0, caps)
    assert len(alive(ledger, A)) == 300
    assert ledger.streams[E].last < 900 * 4, "each loss is told a few times at most"
    assert ledger.used_bytes() <= caps.max_bytes + 2 * 4096
    told = {seq for stream, low, high, _ in gaps(ledger) if stream == "telemetry" for seq in range(low, high + 1)}
    assert set(range(2, 900 * 40 + 1, 2)) <= told


def test_alarms_that_wait_or_were_delivered_are_never_told_as_lost(ledger: Ledger, clock: FakeClock) -> None:
    """Parked ones among them are told in several records, which no fullness joins over those between."""
    put(ledger, clock, A, 30)
    for seq in (3, 9, 20):
        grouping.park(ledger, A, seq, seq, "poison", clock.now())
    ledger.mark_done(A, 5, 6)
    lost = put(ledger, clock, A, 20, Caps(1 << 30, 40, None)).lost
    told = {seq for stream, first, last, _ in gaps(ledger) if stream == "alarms" for seq in range(first, last + 1)}
    assert lost, "alarms alone are too many"
    assert told == set(range(1, 51)) - set(alive(ledger, A)) - {5, 6}
