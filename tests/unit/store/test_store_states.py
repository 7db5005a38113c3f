"""What families of rules remember: kept with what came of it, given back after a restart, bounded while the disk refuses."""

import sqlite3
from pathlib import Path

import pytest
from store_kit import AMPLE, Faults, batch, bodies, deaf, hurry, item, running, spec_of

from edgeguard.core.errors import StoreError
from edgeguard.core.item import Stream
from edgeguard.core.limits import RULE_STATE_MAX_BYTES
from edgeguard.core.rule_state import RuleState
from edgeguard.store import Batch, Store
from edgeguard.store.pending import Entry, Pending
from edgeguard.testing.clock import FakeClock

NOW = FakeClock().now()


def remembers(name: str, body: bytes = b"{}", owner: str = "energy") -> RuleState:
    return RuleState(owner, name, body)


def memory(*states: RuleState) -> Entry:
    return Entry((), states=states)


async def test_states_come_back_after_a_restart_by_owner_and_an_empty_one_is_gone(tmp_path: Path) -> None:
    clock = FakeClock()
    async with running(spec_of(tmp_path), clock) as store:
        first = (remembers("meter-1", b'{"kwh":1}'), remembers("meter-2"), remembers("pump-1", b"[1]", "hints"))
        assert await store.put(Batch((item(clock, Stream.EVENTS),), states=first)) == (1,)
        await store.put(Batch((), states=(remembers("meter-1", b'{"kwh":2}'), remembers("meter-2", b""))))
    async with running(spec_of(tmp_path), clock) as store:
        assert await store.load_states() == {"energy": {"meter-1": b'{"kwh":2}'}, "hints": {"pump-1": b"[1]"}}


async def test_the_newest_of_one_group_counts(tmp_path: Path) -> None:
    async with running(spec_of(tmp_path)) as store:
        for number in range(5):
            store.submit(Batch((item(FakeClock(), Stream.TELEMETRY),), states=(remembers("m", b"%d" % number),)))
        await store.flush()
        assert await store.load_states() == {"energy": {"m": b"4"}}


async def test_a_state_is_in_the_file_if_and_only_if_its_item_is(tmp_path: Path) -> None:
    """The file is copied as a power cut would leave it, between commits and after one that failed."""
    clock, faults = FakeClock(), Faults()
    async with running(spec_of(tmp_path / "a"), clock, open_connection=faults.connect) as store:
        await store.put(Batch((item(clock, Stream.EVENTS, 1),), states=(remembers("m", b"1"),)))
        faults.set(sqlite3.SQLITE_FULL, "INSERT OR REPLACE INTO rule_states", times=1_000_000)
        store.submit(Batch((item(clock, Stream.EVENTS, 2),), states=(remembers("m", b"2"),)))
        with pytest.raises(Exception, match="disk"):
            await store.flush()
        (tmp_path / "b").mkdir()
        for name in ("outbox.db", "outbox.db-wal"):
            (tmp_path / "b" / name).write_bytes((tmp_path / "a" / name).read_bytes())
        async with running(spec_of(tmp_path / "b"), clock) as found:
            assert await found.load_states() == {"energy": {"m": b"1"}}
            assert len(await bodies(found, Stream.EVENTS)) == 1
        faults.clear()
        await store.flush()
        assert await store.load_states() == {"energy": {"m": b"2"}}
        assert len([body for body in await bodies(store, Stream.EVENTS) if b'"n"' in body]) == 2


async def test_after_damage_the_states_can_be_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)
    clock, faults = FakeClock(), Faults()
    async with running(spec_of(tmp_path), clock, open_connection=faults.connect) as store:
        store.on_new_epoch(lambda: store.submit(Batch((), states=(remembers("m", b"all"),))))
        await store.put(Batch((item(clock, Stream.EVENTS),), states=(remembers("m", b"1"),)))
        faults.set(sqlite3.SQLITE_CORRUPT, "INSERT INTO alarms")
        await store.put(batch(clock, Stream.ALARMS, 2))
        await store.flush()
        assert await store.load_states() == {"energy": {"m": b"all"}}


async def test_that_no_states_are_known_is_said_while_the_file_cannot_be_opened(tmp_path: Path) -> None:
    faults = Faults()
    faults.set(sqlite3.SQLITE_CANTOPEN, "OPEN", times=1)
    store = await Store.open(spec_of(tmp_path), FakeClock(), deaf, free_bytes=lambda _: AMPLE, open_connection=faults.connect)
    with pytest.raises(StoreError):
        await store.load_states()
    await store.close()


def test_hours_of_refusal_keep_one_state_of_each_name() -> None:
    pending = Pending(10)
    for number in range(200):
        pending.add(memory(remembers("a", b"%d" % number), remembers("b", b"%d" % number)))
        pending.add(memory(remembers("b", b"x%d" % number)))
    held = [state.body for entry in pending.take(100) for state in entry.states]
    assert held == [b"199", b"x199"]


def test_a_state_whose_item_waits_is_not_taken_from_it() -> None:
    pending = Pending(10)
    with_item = Entry((item(FakeClock(), Stream.EVENTS),), states=(remembers("a", b"1"),))
    pending.add(with_item)
    pending.add(memory(remembers("a", b"2")))
    pending.add(memory(remembers("a", b"3")))
    assert [[state.body for state in entry.states] for entry in pending.take(100)] == [[b"1"], [b"3"]]


def test_states_whose_items_were_dropped_give_way_to_newer_ones() -> None:
    pending = Pending(3)
    for number in range(50):
        pending.add(Entry((item(FakeClock(), Stream.TELEMETRY),), states=(remembers("a", b"%d" % number),)))
    assert len(pending) <= 4
    assert [entry.states[0].body for entry in pending.take(100)][-1] == b"49"
    assert len(pending) == 0


def test_what_comes_back_after_a_failed_commit_leaves_one_state_too() -> None:
    pending = Pending(10)
    pending.add(memory(remembers("a", b"1")))
    taken = pending.take(100)
    pending.add(memory(remembers("a", b"2")))
    pending.put_back(taken)
    assert [state.body for entry in pending.take(100) for state in entry.states] == [b"2"]


def test_a_state_that_was_overtaken_by_an_alarm_is_not_written_afterwards() -> None:
    pending = Pending(100)
    pending.add(Entry((item(FakeClock(), Stream.TELEMETRY),), states=(remembers("a", b"1"), remembers("b", b"1"))))
    pending.add(Entry((item(FakeClock(), Stream.ALARMS),), states=(remembers("a", b"2"),)))
    (urgent,) = pending.take(100, alarms_only=True)
    assert [state.body for state in urgent.states] == [b"2"]
    assert [state.key for entry in pending.take(100) for state in entry.states] == [("energy", "b")]


def test_a_state_that_outgrows_its_bound_is_a_bug() -> None:
    with pytest.raises(ValueError, match=f"energy remembers .* at most {RULE_STATE_MAX_BYTES}"):
        Batch((), states=(remembers("m", b"x" * (RULE_STATE_MAX_BYTES + 1)),))
