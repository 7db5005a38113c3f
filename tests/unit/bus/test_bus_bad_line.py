"""How much a bad line still gives: beside noise, and beside another master whose frames come damaged; never another's value."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from shared_line import FRAMES, SharedLine

from edgeguard.codec.ascii import AsciiFraming
from edgeguard.codec.modbus import read_request
from edgeguard.codec.rtu import RtuFraming
from edgeguard.core.limits import LATE_KEPT_S, LATE_KNOWN_ANSWERS
from edgeguard.core.quality import Fault
from edgeguard.core.register import Table
from edgeguard.testing.clock import run_virtual

Form = tuple[type[RtuFraming] | type[AsciiFraming], Callable[[bytes], bytes]]
OURS, THEIRS = (100, 101, 102), (50, 51, 0x0250)
"""Registers: answers to different ones look alike, the worst case for doubts."""


def flipped(entropy: random.Random, frame: bytes) -> bytes:
    place = entropy.randrange(len(frame))
    return frame[:place] + bytes((frame[place] ^ entropy.randrange(1, 256),)) + frame[place + 1 :]


def shortened(entropy: random.Random, frame: bytes) -> bytes:
    place = entropy.randrange(len(frame))
    return frame[:place] + frame[place + 1 :]


def garbled(entropy: random.Random, frame: bytes) -> bytes:
    """As two drivers at once make it, or an adapter that has lost its foothold."""
    place, size = entropy.randrange(len(frame)), entropy.choice((2, 3, len(frame)))
    return frame[:place] + entropy.randbytes(min(size, len(frame) - place)) + frame[place + size :]


@dataclass(frozen=True, slots=True)
class Told:
    """What came of so many questions."""

    asked: int
    good: int
    false: int


class BadLine(SharedLine):
    """Of the frames that we hear a `share` is damaged; all who are asked hear everything."""

    def __init__(self, form: Form, seed: int, share: float, thinks_s: float = 0.02) -> None:
        super().__init__(form[0](), form[1])
        self.entropy = random.Random(seed)
        self.share = 0.0
        self.takes_s = {7: thinks_s, 8: thinks_s}
        self._share = share
        self.answers = lambda data: self.spoilt(self.unit(data) or b"")

    def spoilt(self, frame: bytes) -> bytes:
        if self.entropy.random() >= self.share:
            return frame
        return self.entropy.choice((flipped, shortened, garbled))(self.entropy, frame)

    async def know(self, alone: bool = False) -> None:
        """On a good day it was seen how long the stations take, and whether there is another master."""
        for nth in range(LATE_KNOWN_ANSWERS + 2):
            for unit in (7, 8):
                assert await self.read(unit, OURS[nth % 3], 1.0) == OURS[nth % 3]
        if not alone:
            self.ask(8, THEIRS[0])
        await asyncio.sleep(LATE_KEPT_S)
        self.share = self._share

    async def noise(self, every_s: float) -> None:
        while True:
            await asyncio.sleep(self.entropy.expovariate(1.0 / every_s))
            self.turns.received(self.entropy.randbytes(self.entropy.randrange(4, 20)))

    async def other_master(self, pause_s: float, units: tuple[int, ...]) -> None:
        """Asks, waits for the answer or for a third of a second, and goes on after a pause."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(pause_s * self.entropy.uniform(0.5, 1.5))
            unit = self.entropy.choice(units)
            frame = self.frame(bytes((unit,)) + read_request(Table.HOLDING, self.entropy.choice(THEIRS), 1))
            self.turns.received(self.spoilt(frame))
            waiting = sum(end_s > loop.time() for end_s in self.ends_s.get(unit, ()))
            self.reaches(frame)
            ends_s = self.ends_s[unit]
            took_s = ends_s[-1] - loop.time() if len(ends_s) > waiting else 0.3
            await asyncio.sleep(min(took_s, 0.3) + 0.005)

    async def reads(self, units: tuple[int, ...], lasts_s: float, pause_s: float = 0.0) -> Told:
        loop, asked, good, false = asyncio.get_running_loop(), 0, 0, 0
        until_s = loop.time() + lasts_s
        while loop.time() < until_s:
            address, asked = OURS[asked % 3], asked + 1
            value = await self.read(self.entropy.choice(units), address, 1.0)
            good += value == address
            false += not isinstance(value, Fault) and value != address
            await asyncio.sleep(pause_s)
        return Told(asked, good, false)


@asynccontextmanager
async def beside(*talk: Awaitable[None]) -> AsyncIterator[None]:
    tasks = [asyncio.ensure_future(one) for one in talk]
    yield
    for task in tasks:
        task.cancel()


async def noisy(form: Form, every_s: float | None) -> Told:
    line = BadLine(form, 1, 0.0)
    await line.know(alone=True)
    async with beside(*([] if every_s is None else [line.noise(every_s)])):
        return await line.reads((7,), 15.0)


@pytest.mark.parametrize(("every_s", "share"), [(1.0, 0.85), (0.2, 0.45)])
def test_a_line_on_which_noise_is_heard_gives_most_of_what_a_quiet_one_does(every_s: float, share: float) -> None:
    clean, told = (run_virtual(noisy(FRAMES[0], heard_s)) for heard_s in (None, every_s))
    assert told.good == told.asked
    assert told.good >= share * clean.good


@pytest.mark.parametrize("form", FRAMES)
@pytest.mark.parametrize(("theirs", "least_a_second"), [((8,), 3.8), ((7, 8), 1.5), ((7,), 0.6)])
def test_beside_a_master_with_half_of_the_line_and_a_tenth_of_the_frames_damaged_we_still_read(
    form: Form, theirs: tuple[int, ...], least_a_second: float
) -> None:
    """The last case is the worst: it asks the same unit for the like, and every second one of our questions falls into its talk.

    The first was 4.0 while a damaged question of the other master was owed an answer only for as long as its device is known to
    take. One that is slow all of a sudden was then taken for ours, once in some thousand reads: what is safe costs a repetition.
    """

    async def story() -> Told:
        line = BadLine(form, 1, 0.1)
        await line.know()
        async with beside(line.other_master(0.04 if form is FRAMES[0] else 0.06, theirs)):
            return await line.reads((7,), 20.0, 0.05)

    told = run_virtual(story())
    assert told.false == 0
    assert told.good >= least_a_second * 20.0


@pytest.mark.parametrize("form", FRAMES)
def test_stations_that_are_known_give_nobody_elses_value_however_bad_the_line_is(form: Form) -> None:
    """Anything may be shortened or garbled on its way to us: another master's questions, the answers; noise comes between."""

    async def story(seed: int) -> Told:
        entropy = random.Random(seed)
        line = BadLine(form, seed, entropy.choice((0.1, 0.3, 0.5)), entropy.choice((0.005, 0.02, 0.1)))
        await line.know()
        async with beside(line.other_master(entropy.choice((0.03, 0.1, 0.3)), (7, 7, 8)), line.noise(entropy.choice((0.3, 2.0)))):
            return await line.reads((7, 7, 8), 10.0, entropy.choice((0.0, 0.02)))

    told = [run_virtual(story(seed)) for seed in range(4)]
    assert sum(one.good for one in told) > 10
    assert sum(one.false for one in told) == 0
