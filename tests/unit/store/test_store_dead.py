"""Dead letters can be looked at, sent again under new numbers, and dropped; their gap records stand."""

from pathlib import Path

from store_kit import bodies, item, running, spec_of

from edgeguard.core.item import Stream
from edgeguard.store import Batch
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
        assert await store.retry_dead([letters[1].id]) == 1
        assert woken
        rows = await store.read(Stream.ALARMS, 0, 10, 10_000)
        assert [row.seq for row in rows] == [1, 4, 5]
        assert (rows[-1].body, rows[-1].at.wall_ms) == (letters[1].body, taken_ms)
        assert await store.drop_dead([]) == 1
        assert await store.dead_letters(10) == ()
        assert any(b'"dead-letter"' in body for body in await bodies(store, Stream.EVENTS))


async def test_nothing_to_do_is_no_error(tmp_path: Path) -> None:
    async with running(spec_of(tmp_path), FakeClock()) as store:
        assert (await store.retry_dead([]), await store.drop_dead([7])) == (0, 0)
