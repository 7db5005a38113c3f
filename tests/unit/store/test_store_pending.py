import pytest

from edgeguard.core.alarm import Alarm, AlarmState
from edgeguard.core.ids import AlarmName
from edgeguard.core.item import STREAMS, Item, Stream
from edgeguard.core.limits import ITEM_MAX_BYTES
from edgeguard.store.pending import Batch, Entry, Pending
from edgeguard.testing.clock import FakeClock

NOW = FakeClock().now()


def entry(*streams: Stream) -> Entry:
    return Entry(tuple(Item(stream, NOW, b"{}") for stream in streams))


def streams_of(entries: list[Entry]) -> list[Stream]:
    return [item.stream for held in entries for item in held.items]


def test_entries_leave_in_the_order_in_which_they_came_and_whole() -> None:
    pending = Pending(100)
    entries = [entry(Stream.TELEMETRY), entry(Stream.ALARMS, Stream.EVENTS), entry(Stream.EVENTS)]
    for held in entries:
        pending.add(held)
    assert pending.take(2) == entries[:1]
    assert pending.take(2) == entries[1:2]
    assert pending.take(0) == entries[2:]
    assert (len(pending), pending.items, pending.urgent) == (0, 0, False)


def test_telemetry_alone_is_not_urgent() -> None:
    pending = Pending(100)
    pending.add(entry(Stream.TELEMETRY))
    assert not pending.urgent
    pending.add(entry(Stream.EVENTS))
    assert pending.urgent


def test_over_the_bound_the_oldest_telemetry_goes_first_then_events_and_alarms_last() -> None:
    pending = Pending(3)
    first, second = entry(Stream.TELEMETRY), entry(Stream.TELEMETRY)
    for held in (first, second, entry(Stream.EVENTS)):
        assert pending.add(held) == []
    assert pending.add(entry(Stream.ALARMS)) == [first]
    assert pending.add(entry(Stream.ALARMS)) == [second]
    assert streams_of(pending.put_back([])) == []
    pending.add(entry(Stream.ALARMS))
    assert pending.dropped == {Stream.TELEMETRY: 2, Stream.EVENTS: 1, Stream.ALARMS: 0}
    pending.add(entry(Stream.ALARMS))
    assert pending.dropped[Stream.ALARMS] == 1
    assert streams_of(pending.take(10)) == [Stream.ALARMS] * 3


def test_a_mixed_batch_loses_its_telemetry_only() -> None:
    pending = Pending(2)
    mixed = entry(Stream.ALARMS, Stream.TELEMETRY)
    pending.add(mixed)
    assert pending.add(entry(Stream.ALARMS)) == [mixed]
    assert [held.items[0].stream for held in pending.take(10)] == [Stream.ALARMS, Stream.ALARMS]


def test_what_could_not_be_committed_comes_back_before_the_others_and_counts() -> None:
    pending = Pending(3)
    old, new = entry(Stream.TELEMETRY), entry(Stream.TELEMETRY, Stream.TELEMETRY, Stream.TELEMETRY)
    pending.add(old)
    taken = pending.take(10)
    pending.add(new)
    assert pending.put_back(taken) == [old]
    assert pending.items == 3
    assert pending.take(10) == [new]


def test_alarms_only_leaves_the_rest_in_place() -> None:
    pending = Pending(100)
    entries = [entry(Stream.EVENTS), entry(Stream.ALARMS), entry(Stream.TELEMETRY), entry(Stream.ALARMS, Stream.EVENTS)]
    for held in entries:
        pending.add(held)
    assert pending.take(100, alarms_only=True) == [entries[1], entries[3]]
    assert not pending.holds(Stream.ALARMS)
    assert pending.take(100) == [entries[0], entries[2]]


def test_an_alarm_state_that_was_overtaken_is_not_written_afterwards() -> None:
    """Alarms pass on a full disk; the older state that waits behind must not undo the newer one later."""
    pending = Pending(100)
    dry, high = AlarmName("pump-1.dry"), AlarmName("pump-1.high")
    waiting = entry(Stream.TELEMETRY)
    waiting.alarms = ((dry, Alarm(pending_since_ms=1)), (high, Alarm(pending_since_ms=2)))
    raised = entry(Stream.ALARMS)
    raised.alarms = ((dry, Alarm(AlarmState.ACTIVE)),)
    later = entry(Stream.TELEMETRY)
    later.alarms = ((dry, Alarm(AlarmState.ACTIVE, pending_since_ms=3)),)
    for held in (waiting, raised, later):
        pending.add(held)
    assert pending.take(100, alarms_only=True) == [raised]
    assert [held.alarms for held in pending.take(100)] == [((high, Alarm(pending_since_ms=2)),), later.alarms]


def test_hours_of_refusal_leave_nothing_behind_but_the_bound() -> None:
    pending = Pending(10)
    pending.add(entry(Stream.EVENTS))
    for _ in range(500):
        pending.add(entry(Stream.TELEMETRY))
    assert len(pending) == pending.items == 10
    assert sum(pending.dropped[stream] for stream in STREAMS) == 491


def test_an_item_that_no_message_could_carry_is_a_bug() -> None:
    with pytest.raises(ValueError, match="at most"):
        Batch((Item(Stream.EVENTS, NOW, b"x" * (ITEM_MAX_BYTES + 1)),))
