"""Reading ahead: what was asked for one place serves no other, and its errors reach only who waits for it."""

import asyncio
from collections.abc import Sequence

import pytest

from edgeguard.core.errors import StoreError
from edgeguard.core.item import Item, Pack, PackSize, Stream
from edgeguard.core.limits import UPLINK_READ_AHEAD
from edgeguard.testing.clock import FakeClock
from edgeguard.testing.outbox import MemoryOutbox
from edgeguard.uplink.ahead import Ahead

SIZE = PackSize(2, 1000, 1000, 1)
T = Stream.TELEMETRY


class Counting(MemoryOutbox):
    """Notes what packs were asked for."""

    def __init__(self) -> None:
        clock = FakeClock()
        super().__init__(clock)
        self.asked: list[int] = []
        self.put(*(Item(T, clock.now(), b'{"n":%d}' % n) for n in range(9)))

    async def pack(self, stream: Stream, after_seq: int, through_seq: int | None, size: PackSize) -> Sequence[Pack] | None:
        self.asked.append(after_seq)
        return await super().pack(stream, after_seq, through_seq, size)


def numbers(packs: Sequence[Pack] | None) -> list[tuple[int, int]]:
    return [(pack.first_seq, pack.last_seq) for pack in packs or ()]


async def test_what_was_asked_ahead_is_not_asked_again() -> None:
    outbox = Counting()
    ahead = Ahead(outbox, T)
    ahead.ask(2, None, SIZE)
    await asyncio.sleep(0)
    assert outbox.asked == [2]
    assert numbers(await ahead.packs(2, None, SIZE)) == [(3, 4)]
    assert outbox.asked == [2]
    assert numbers(await ahead.packs(2, None, SIZE)) == [(3, 4)]
    assert outbox.asked == [2, 2]


@pytest.mark.parametrize(("after", "through"), [(0, None), (2, 5)])
async def test_another_place_is_asked_anew(after: int, through: int | None) -> None:
    ahead = Ahead(Counting(), T)
    ahead.ask(2, None, SIZE)
    await asyncio.sleep(0)
    assert numbers(await ahead.packs(after, through, SIZE)) == [(after + 1, after + 2)]


async def test_what_is_forgotten_is_read_again_with_the_rows_as_they_are_then() -> None:
    outbox = Counting()
    ahead = Ahead(outbox, T)
    ahead.ask(0, None, SIZE)
    await asyncio.sleep(0)
    await outbox.acknowledge(T, 1, 1)
    ahead.forget()
    assert numbers(await ahead.packs(0, None, SIZE)) == [(2, 3)]


async def test_an_error_reaches_who_waits_and_nobody_else() -> None:
    outbox = Counting()
    ahead = Ahead(outbox, T)
    outbox.trouble = StoreError("no disk")
    ahead.ask(0, None, SIZE)
    await asyncio.sleep(0)
    with pytest.raises(StoreError):
        await ahead.packs(0, None, SIZE)
    ahead.ask(0, None, SIZE)
    await asyncio.sleep(0)
    outbox.trouble = None
    assert numbers(await ahead.packs(2, None, SIZE)) == [(3, 4)]


async def test_portions_that_follow_each_other_are_read_ahead_and_no_more_than_a_few() -> None:
    outbox = Counting()
    ahead = Ahead(outbox, T)
    after, seen = 0, []
    while packs := await ahead.packs(after, None, SIZE):
        seen += numbers(packs)
        after = packs[-1].last_seq
        ahead.ask(after, None, SIZE)
        for _ in range(6):
            await asyncio.sleep(0)
        assert len(outbox.asked) - (after // 2) <= UPLINK_READ_AHEAD
    assert seen == [(1, 2), (3, 4), (5, 6), (7, 8), (9, 9)]
    assert outbox.asked == [0, 2, 4, 6, 8, 9], "each place once"


async def test_whoever_moves_gets_nothing_of_what_was_read_for_elsewhere() -> None:
    outbox = Counting()
    ahead = Ahead(outbox, T)
    ahead.ask(2, None, SIZE)
    for _ in range(6):
        await asyncio.sleep(0)
    assert outbox.asked == [2, 4]
    ahead.ask(0, None, SIZE)
    assert numbers(await ahead.packs(0, None, SIZE)) == [(1, 2)]
    assert numbers(await ahead.packs(4, None, SIZE)) == [(5, 6)]
