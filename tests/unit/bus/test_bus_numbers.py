"""Gateways to a serial line whose answers bear the right number and another register's value; see bus.numbers."""

import asyncio
import random
from collections.abc import Callable

import pytest

from edgeguard.bus import ExchangeFailed, Request
from edgeguard.bus.framings import Framings
from edgeguard.bus.turns import Turns
from edgeguard.codec.mbap import MbapFraming
from edgeguard.codec.modbus import SILENT_DEVICE, read_request
from edgeguard.core.ids import BusName
from edgeguard.core.quality import Fault
from edgeguard.core.register import Table
from edgeguard.testing.clock import run_virtual

TIMEOUT_S = 0.5


class Gateway:
    """Asks one device after the other; a register holds its own address. `takes_s`: of the device's next answers.

    It waits for `waits_s`, says so or does not, and takes whatever the device says then for the answer to the next request.
    """

    def __init__(
        self, waits_s: float = 10.0, says: bool = False, number: Callable[[bytes, bytes], bytes] = lambda own, _: own
    ) -> None:
        self.turns = Turns(BusName("riser"), Framings.only(MbapFraming()), 1, 0.0, None, 50)
        self.turns.opened(self.write, lambda _: None)
        self.takes_s: list[float] = []
        self.asked: list[int] = []
        self._waits_s, self._says, self._number = waits_s, says, number
        self._queue: list[tuple[bytes, bytes]] = []
        self._now: tuple[bytes, bytes, asyncio.TimerHandle] | None = None
        self._latest = b""
        self._free_s = 0.0

    def write(self, data: bytes) -> None:
        self._latest = data[:2]
        self._queue.append((data[:2], data[6:]))
        self._next()

    def _next(self) -> None:
        if self._now is not None or not self._queue:
            return
        loop = asyncio.get_running_loop()
        own, body = self._queue.pop(0)
        address = int.from_bytes(body[2:4], "big")
        self.asked.append(address)
        self._now = own, body, loop.call_later(self._waits_s, self._over)
        self._free_s = max(self._free_s, loop.time()) + (self.takes_s.pop(0) if self.takes_s else 0.02)
        values = b"".join((address + i).to_bytes(2, "big") for i in range(body[5]))
        loop.call_at(self._free_s, self._heard, body[:2] + bytes((len(values),)) + values)

    def _heard(self, answer: bytes) -> None:
        if self._now is not None:
            own, _, timer = self._now
            timer.cancel()
            self._now = None
            self._reply(own, answer)

    def _over(self) -> None:
        assert self._now is not None
        own, body, _ = self._now
        self._now = None
        if self._says:
            self._reply(own, bytes((body[0], body[1] | 0x80, SILENT_DEVICE)))
        else:
            self._next()

    def _reply(self, own: bytes, body: bytes) -> None:
        self.turns.received(self._number(own, self._latest) + bytes((0, 0, 0, len(body))) + body)
        self._next()

    async def read(self, address: int, unit: int = 7) -> int | Fault:
        try:
            answer = await self.turns.ask(Request(unit, read_request(Table.HOLDING, address, 1), TIMEOUT_S))
        except ExchangeFailed as failed:
            return failed.fault
        return int.from_bytes(answer[2:], "big") if answer[0] == 3 else -1


def latest(own: bytes, last: bytes) -> bytes:
    """A careless gateway's number: that of the request which came last."""
    return last


@pytest.mark.parametrize("says", [True, False])
def test_what_comes_after_a_gateway_gave_a_request_up_may_be_the_answer_to_that(says: bool) -> None:
    async def story() -> None:
        gateway = Gateway(waits_s=0.3, says=says)
        gateway.takes_s = [0.35]
        first = await gateway.read(100)
        assert first == -1 if says else isinstance(first, Fault)
        assert await gateway.read(101) == 101
        assert await gateway.read(102) == 102

    run_virtual(story())


def test_a_late_answer_under_the_number_that_came_last_is_nobodys() -> None:
    async def story() -> None:
        gateway = Gateway(number=latest)
        gateway.takes_s = [0.6]
        assert isinstance(await gateway.read(100), Fault)
        assert await gateway.read(101) == 101
        assert await gateway.read(102) == 102

    run_virtual(story())


def test_an_answer_of_another_length_is_not_ours_and_ours_may_still_come() -> None:
    """The driver is told of it as it is."""

    async def story() -> None:
        gateway = Gateway(number=latest)
        gateway.takes_s = [0.6]
        with pytest.raises(ExchangeFailed):
            await gateway.turns.ask(Request(7, read_request(Table.HOLDING, 50, 2), TIMEOUT_S))
        assert await gateway.turns.ask(Request(7, read_request(Table.HOLDING, 100, 1), TIMEOUT_S)) == b"\3\4\0\x32\0\x33"
        assert await gateway.read(101) == 101

    run_virtual(story())


def test_a_gateway_that_keeps_its_numbers_loses_nothing_by_answers_that_are_late() -> None:
    """The late one has come under its own number: nothing is owed any more, and nothing asked again."""

    async def story() -> None:
        gateway = Gateway()
        gateway.takes_s = [0.6]
        assert isinstance(await gateway.read(100), Fault)
        assert await gateway.read(101) == 101
        assert await gateway.read(102) == 102
        assert gateway.asked == [100, 101, 102]

    run_virtual(story())


def test_one_silent_unit_costs_the_others_no_repetition() -> None:
    async def story() -> None:
        gateway = Gateway(waits_s=0.3, says=True)
        gateway.takes_s = [20.0]
        assert await gateway.read(100, unit=9) == -1
        gateway._free_s = 0.0
        assert [await gateway.read(address) for address in (101, 102)] == [101, 102]
        assert gateway.asked == [100, 101, 102]

    run_virtual(story())


def test_however_many_answers_are_lost_the_next_question_is_asked_twice_and_no_more() -> None:
    """By the time at which its own answer would have come, those to all questions before it have come, or come no more."""

    async def story() -> None:
        gateway = Gateway(waits_s=0.3, says=True)
        assert [await gateway.read(100 + nth % 3) for nth in range(12)] == [100, 101, 102] * 4
        for address in (100, 102, 100):
            gateway.takes_s = [20.0]
            assert await gateway.read(address) == -1
            gateway._free_s = 0.0
        gateway.asked.clear()
        assert [await gateway.read(address) for address in (101, 102, 100)] == [101, 102, 100]
        assert gateway.asked == [101, 101, 102, 100]

    run_virtual(story())


@pytest.mark.parametrize("number", [lambda own, _: own, latest])
@pytest.mark.parametrize("waits_s", [0.2, 0.7, 10.0])
def test_however_late_a_device_behind_a_gateway_answers_nobody_gets_anothers_value(
    number: Callable[[bytes, bytes], bytes], waits_s: float
) -> None:
    async def story(seed: int) -> int:
        entropy = random.Random(seed)
        gateway = Gateway(waits_s, entropy.random() < 0.5, number)
        good = 0
        for nth in range(40):
            gateway.takes_s = [entropy.uniform(0.1, 3.0) if entropy.random() < 0.1 else 0.02]
            value = await gateway.read(100 + nth % 3)
            assert isinstance(value, Fault) or value in (-1, 100 + nth % 3)
            good += value == 100 + nth % 3
            await asyncio.sleep(entropy.choice((0.0, 0.1)))
        return good

    assert all(run_virtual(story(seed)) > 10 for seed in range(3))


class Mixing:
    """A gateway that is given several at once and answers, at times, under the number of another one that waits."""

    def __init__(self, seed: int, mixes: float) -> None:
        self.turns = Turns(BusName("riser"), Framings.only(MbapFraming()), 4, 0.0, None, 50)
        self.turns.opened(self.write, lambda _: None)
        self.most = self.mixed = 0
        self._entropy, self._mixes = random.Random(seed), mixes
        self._waiting: list[tuple[bytes, bytes]] = []
        self._busy = False

    def write(self, data: bytes) -> None:
        self._waiting.append((data[:2], data[6:]))
        self.most = max(self.most, len(self._waiting) + self._busy)
        self._next()

    def _next(self) -> None:
        if self._busy or not self._waiting:
            return
        self._busy = True
        number, body = self._waiting.pop(0)
        if self._waiting and self._entropy.random() < self._mixes:
            other, asked = self._waiting[0]
            self._waiting[0], number = (number, asked), other
            self.mixed += 1
        values = b"".join((int.from_bytes(body[2:4], "big") + i).to_bytes(2, "big") for i in range(body[5]))
        answer = body[:2] + bytes((len(values),)) + values
        takes_s = self._entropy.uniform(0.5, 1.2) if self._entropy.random() < 0.05 else 0.02
        asyncio.get_running_loop().call_later(takes_s, self._done, number + bytes((0, 0, 0, len(answer))) + answer)

    def _done(self, frame: bytes) -> None:
        self._busy = False
        self.turns.received(frame)
        self._next()

    async def read(self, unit: int, address: int, count: int) -> bool | None:
        """Whether the answer is this request's; None if there was none, or one of another length."""
        try:
            answer = await self.turns.ask(Request(unit, read_request(Table.HOLDING, address, count), 2.0))
        except ExchangeFailed:
            return None
        return None if len(answer) != 2 + 2 * count else int.from_bytes(answer[2:4], "big") == address

    async def many(self, reads: int, sizes: tuple[int, ...], units: int = 1) -> list[bool | None]:
        """Four readers at once."""
        entropy = random.Random(1)

        def one() -> tuple[int, int, int]:
            return entropy.randint(1, units), entropy.randrange(100, 10_000), entropy.choice(sizes)

        async def reader() -> list[bool | None]:
            return [await self.read(*one()) for _ in range(reads)]

        return [told for each in await asyncio.gather(*(reader() for _ in range(4))) for told in each]


@pytest.mark.parametrize("seed", range(2))
def test_a_gateway_that_mixes_up_its_queue_gives_nobody_anothers_value_and_is_asked_one_by_one_from_then_on(seed: int) -> None:
    async def story() -> None:
        gateway = Mixing(seed, 0.1)
        told = await gateway.many(100, (1, 1, 2, 3))
        assert False not in told
        assert gateway.most > 1
        assert 0 < gateway.mixed < 20
        assert told[-300:].count(True) > 290
        gateway.most = 0
        assert set(await gateway.many(20, (1, 2))) == {True}
        assert gateway.most == 1

    run_virtual(story())


def test_what_could_be_taken_for_each_other_is_not_under_way_at_once_and_other_things_are() -> None:
    async def story() -> None:
        alike = Mixing(1, 0.5)
        assert set(await alike.many(50, (1,))) == {True}
        assert (alike.most, alike.mixed) == (1, 0)
        units = Mixing(1, 0.0)
        assert set(await units.many(50, (1,), units=8)) == {True}
        assert units.most > 2

    run_virtual(story())
