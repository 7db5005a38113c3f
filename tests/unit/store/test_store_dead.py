"""Dead letters can be looked at, sent again under new numbers, and dropped; their gap records stand."""

import json
from pathlib import Path

import pytest
from store_kit import bodies, item, running, spec_of

from edgeguard.core.ids import BootId
from edgeguard.core.item import Stream
from edgeguard.store import Batch, read_audit, verify_audit
from edgeguard.testing.clock import FakeClock


async def test_what_was_parked_can_be_sent_again_as_new_items(tmp_path: Path) -> None:
    clock = FakeClock()
    taken_ms = clock.now().wall_ms
    woken: list[int] = []
    async with running(spec_of(tmp_path), clock) as store:
        await store.put(Batch(tuple(item(clock, Stream.ALARMS, number) for number in range(4))))
        await store.park(Stream.ALARMS, 2, 3, "payload format invalid")
        letters = await store.dead_letters(10)
        assert [(one.stream, one.seq, one.reason, one.wall_ms) for one in letters] == [
            (Stream.ALARMS, 2, "payload format invalid", taken_ms),
            (Stream.ALARMS, 3, "payload format invalid", taken_ms),
        ]
        clock.advance(3600)
        store.on_commit(lambda: woken.append(1))
        assert await store.retry_dead([letters[1].id], "amy") == 1
        assert woken
        rows = await store.read(Stream.ALARMS, 0, 10, 10_000)
        assert [row.seq for row in rows] == [1, 4, 5]
        assert (rows[-1].body, rows[-1].at.wall_ms) == (letters[1].body, taken_ms)
        assert await store.drop_dead([], "amy") == 1
        assert await store.dead_letters(10) == ()
        assert any(b'"dead-letter"' in body for body in await bodies(store, Stream.EVENTS))


async def test_nothing_to_do_is_no_error(tmp_path: Path) -> None:
    async with running(spec_of(tmp_path), FakeClock()) as store:
        assert (await store.retry_dead([], "amy"), await store.drop_dead([7], "amy")) == (0, 0)


@pytest.mark.parametrize("set_again", ["before", "while", "after", "never"])
async def test_a_time_that_was_not_trusted_is_not_made_to_be_by_sending_it_again(tmp_path: Path, set_again: str) -> None:
    """Parked before the clock was set; it becomes true as that of any other item of that boot, whenever that is known."""
    clock = FakeClock()
    clock.synced = False
    first, offset_ms = clock.boot, 1_900_000_000_000
    async with running(spec_of(tmp_path), clock) as store:
        await store.put(Batch((item(clock, Stream.ALARMS, 1),)))
        at = clock.now()
        if set_again == "before":
            await store.set_boot_offset(first, offset_ms)
        await store.park(Stream.ALARMS, 1, 1, "no")
        if set_again == "while":
            await store.set_boot_offset(first, offset_ms)
    clock.boot = BootId("later")
    async with running(spec_of(tmp_path), clock) as store:
        assert await store.retry_dead([], "amy") == 1
        if set_again == "after":
            await store.set_boot_offset(first, offset_ms)
        (row,) = await store.read(Stream.ALARMS, 0, 10, 10_000)
    if set_again == "never":
        assert row.at == at
    else:
        assert (row.at.wall_ms, row.at.synced) == (at.boot_ms + offset_ms, True)


async def test_what_is_done_with_them_is_on_record_in_the_same_transaction(tmp_path: Path) -> None:
    async with running(spec_of(tmp_path), clock := FakeClock()) as store:
        await store.put(Batch(tuple(item(clock, Stream.ALARMS, number) for number in range(3))))
        await store.park(Stream.ALARMS, 1, 3, "no")
        await store.drop_dead([1], "amy")
        await store.retry_dead([], "wang")
        told = [json.loads(body) for body in await bodies(store, Stream.EVENTS) if b'"command"' in body]
    audit = [json.loads(row.body) for row in read_audit(tmp_path, 9)]
    wanted = [("outbox.drop", 1, "amy"), ("outbox.retry", 2, "wang")]
    assert [(one["name"], one["value"], one["by"]) for one in told] == wanted
    assert [(one["name"], one["value"], one["by"]) for one in audit] == wanted
    assert verify_audit(tmp_path).broken is None
