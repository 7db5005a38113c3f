"""Answers that were once taken for ours and were another master's: each of these lines is told byte by byte. And many at random."""

import asyncio
import random

import pytest
from shared_line import FRAMES, SharedLine
from test_bus_bad_line import BadLine, Form, Told, beside

from edgeguard.codec.modbus import read_request
from edgeguard.core.limits import LATE_KEPT_S, LATE_KNOWN_ANSWERS
from edgeguard.core.quality import Fault
from edgeguard.core.register import Table
from edgeguard.testing.clock import run_virtual
from edgeguard.testing.examples import examples


class ToldLine(SharedLine):
    """Stations 7 and 8 are known to take 0.05 s, and another master was heard; then nobody answers by itself."""

    def __init__(self, form: Form) -> None:
        super().__init__(form[0](), form[1])
        self.takes_s = {7: 0.03, 8: 0.03}
        self.read_so_far: list[tuple[int, asyncio.Task[int | Fault]]] = []

    async def begin(self) -> None:
        for nth in range(LATE_KNOWN_ANSWERS + 2):
            for unit in (7, 8):
                assert await self.read(unit, 100 + nth % 3, 1.0) == 100 + nth % 3
        self.ask(7, 50)
        await asyncio.sleep(LATE_KEPT_S + 1.0)
        self.answers = lambda _: None

    async def we(self, unit: int, address: int, wait_s: float) -> None:
        """Our question goes out, and time passes."""
        self.read_so_far.append((address, asyncio.ensure_future(self.read(unit, address, 1.0))))
        await asyncio.sleep(wait_s)

    async def hear(self, data: bytes, wait_s: float) -> None:
        self.turns.received(data)
        await asyncio.sleep(wait_s)

    def question(self, unit: int, address: int) -> bytes:
        return self.frame(bytes((unit,)) + read_request(Table.HOLDING, address, 1))

    def answer(self, unit: int, value: int) -> bytes:
        return self.frame(bytes((unit, 3, 2)) + value.to_bytes(2, "big"))

    async def nothing_false(self) -> None:
        for address, task in self.read_so_far:
            value = await task
            assert value == address or isinstance(value, Fault)


def spoilt(frame: bytes) -> bytes:
    """A byte in the middle is another."""
    return frame[:4] + bytes((frame[4] ^ 0x15,)) + frame[5:]


@pytest.mark.parametrize("form", FRAMES)
def test_what_was_no_frame_before_another_masters_question_is_no_answer_to_it(form: Form) -> None:
    """Ours came damaged, then their question; their device, slow this once, answers when we ask it for something else."""

    async def story() -> None:
        line = ToldLine(form)
        await line.begin()
        await line.we(8, 100, 0.05)
        await line.hear(line.answer(8, 100)[:-1], 0.04)
        await line.hear(line.question(7, 51), 0.4)
        await line.we(7, 102, 0.1)
        await line.hear(line.answer(7, 51), 0.05)
        await line.hear(line.answer(7, 102), 2.0)
        await line.nothing_false()

    run_virtual(story())


@pytest.mark.parametrize("form", FRAMES)
def test_one_damaged_answer_pays_for_one_question_ours_or_theirs(form: Form) -> None:
    async def story() -> None:
        line = ToldLine(form)
        await line.begin()
        await line.we(7, 101, 0.02)
        await line.hear(line.question(8, 80), 0.03)
        await line.hear(spoilt(line.answer(7, 101)), 1.0)
        await line.hear(line.question(8, 51), 0.045)
        await line.hear(line.answer(8, 80), 0.005)
        await line.we(8, 102, 0.045)
        await line.hear(line.answer(8, 51), 0.05)
        await line.hear(line.answer(8, 102), 2.0)
        await line.nothing_false()

    run_virtual(story())


def test_junk_from_before_our_question_is_not_taken_off_what_came_after_it() -> None:
    """An answer to a question that nobody could read tells which bytes that question was; not those that came behind the answer."""

    async def story() -> None:
        line = ToldLine(FRAMES[1])
        await line.begin()
        question, answer = line.question(7, 51), line.answer(7, 51)
        await line.we(8, 102, 0.03)
        await line.hear(answer, 0.01)
        await line.hear(spoilt(question), 0.03)
        await line.hear(spoilt(line.answer(8, 102)) + spoilt(answer)[:-1], 0.01)
        await line.hear(spoilt(question), 0.3)
        await line.we(8, 100, 0.03)
        await line.hear(answer, 0.01)
        await line.hear(spoilt(question), 0.03)
        await line.hear(spoilt(line.answer(8, 100)), 0.02)
        await line.hear(spoilt(answer)[:-1], 0.02)
        await line.hear(spoilt(line.question(7, 50)), 0.06)
        await line.we(7, 101, 0.04)
        await line.hear(line.answer(7, 50), 0.05)
        await line.hear(line.answer(7, 101), 2.0)
        await line.nothing_false()

    run_virtual(story())


@pytest.mark.parametrize("form", FRAMES)
def test_beside_another_master_nothing_is_believed_for_being_said_again_and_again(form: Form) -> None:
    """Each of its questions comes damaged, and each of its answers while ours is lost."""

    async def story() -> None:
        line = ToldLine(form)
        await line.begin()
        await line.we(7, 102, 0.01)
        for _ in range(8):
            await line.hear(spoilt(line.question(7, 50)), 0.03)
            await line.hear(line.answer(7, 50), 0.01)
        await asyncio.sleep(2.0)
        await line.nothing_false()

    run_virtual(story())


@pytest.mark.parametrize("form", FRAMES)
def test_an_answer_that_is_slow_all_of_a_sudden_may_be_to_a_question_that_seemed_to_be_answered(form: Form) -> None:
    """Both ask the same unit; it answers us, which could be its answer to them, and then them, after a second."""

    async def story() -> None:
        line = ToldLine(form)
        await line.begin()
        await line.we(7, 101, 0.02)
        await line.hear(line.question(7, 50), 0.03)
        await line.hear(line.answer(7, 101), 0.4)
        await line.we(7, 100, 0.6)
        await line.hear(line.answer(7, 50), 0.05)
        await line.hear(line.answer(7, 100), 2.0)
        await line.nothing_false()

    run_virtual(story())


@pytest.mark.parametrize("form", FRAMES)
@pytest.mark.parametrize("noise", [b"", b"\xdb\x5f"])
def test_an_answer_that_is_slow_all_of_a_sudden_may_be_to_a_question_that_nobody_could_read(form: Form, noise: bytes) -> None:
    """Noise before the answer does not make it a quick one."""

    async def story() -> None:
        line = ToldLine(form)
        await line.begin()
        await line.hear(spoilt(line.question(7, 50)), 0.3)
        await line.we(7, 100, 0.02)
        await (line.hear(noise, 0.8) if noise else asyncio.sleep(0.8))
        await line.hear(line.answer(7, 50), 0.05)
        await line.hear(line.answer(7, 100), 2.0)
        await line.nothing_false()

    run_virtual(story())


@pytest.mark.parametrize("form", FRAMES)
def test_an_answer_that_is_slow_all_of_a_sudden_may_be_to_a_question_that_was_asked_again(form: Form) -> None:
    """Theirs came first, and was doubted; then ours. That to the second asking comes when we ask for something else."""

    async def story() -> None:
        line = ToldLine(form)
        await line.begin()
        await line.hear(spoilt(line.question(7, 50)), 0.3)
        await line.we(7, 100, 0.045)
        await line.hear(line.answer(7, 50), 0.045)
        await line.hear(line.answer(7, 100), 0.8)
        await line.we(7, 101, 0.3)
        await line.hear(line.answer(7, 100), 0.05)
        await line.hear(line.answer(7, 101), 2.0)
        await line.nothing_false()

    run_virtual(story())


@pytest.mark.parametrize("form", FRAMES)
@pytest.mark.parametrize("before_s", [0.6, 1.3, 3.0])
def test_a_question_that_nobody_could_read_may_be_answered_long_after_as_if_it_were_ours(form: Form, before_s: float) -> None:
    """Their device is slow this once, and its answer comes as soon after our question as ours would."""

    async def story() -> None:
        line = ToldLine(form)
        await line.begin()
        await line.hear(spoilt(line.question(7, 50)), before_s)
        await line.we(7, 100, 0.045)
        await line.hear(line.answer(7, 50), 0.05)
        await line.hear(line.answer(7, 100), 2.0)
        await line.nothing_false()

    run_virtual(story())


@pytest.mark.parametrize("form", FRAMES)
def test_a_station_that_is_one_question_behind_stays_so_until_each_burst_is_paid_for(form: Form) -> None:
    """Ours seemed to be lost; its answer comes when we have asked for something else, and theirs, which nobody could read, next."""

    async def story() -> None:
        line = ToldLine(form)
        await line.begin()
        await line.we(7, 102, 0.04)
        await line.hear(line.question(8, 50), 0.4)
        await line.hear(line.answer(8, 50), 0.04)
        await line.hear(spoilt(line.question(7, 51)), 0.45)
        await line.we(7, 100, 0.045)
        await line.hear(line.answer(7, 102), 0.045)
        await line.hear(line.answer(7, 51), 0.05)
        await line.hear(line.answer(7, 100), 2.0)
        await line.nothing_false()

    run_virtual(story())


class HiccupLine(BadLine):
    """Beside all that a bad line does, one in `hiccups` answers takes 0.1 to 1.5 s."""

    hiccups = 30

    def unit(self, data: bytes) -> bytes | None:
        if self.share and self.entropy.randrange(self.hiccups) == 0:
            self.next_s[:] = [self.entropy.uniform(0.1, 1.5)]
        return super().unit(data)


@pytest.mark.slow
@pytest.mark.parametrize("form", FRAMES)
def test_stations_that_are_slow_all_of_a_sudden_on_a_bad_line_give_nobody_elses_value(form: Form) -> None:
    async def story(seed: int) -> Told:
        entropy = random.Random(seed)
        line = HiccupLine(form, seed, entropy.choice((0.1, 0.3)), entropy.choice((0.005, 0.02, 0.1)))
        await line.know()
        async with beside(line.other_master(entropy.choice((0.03, 0.1, 0.3)), (7, 7, 8)), line.noise(entropy.choice((0.3, 2.0)))):
            return await line.reads((7, 7, 8), 10.0, entropy.choice((0.0, 0.02)))

    told = [run_virtual(story(seed)) for seed in range(examples(30))]
    assert sum(one.good for one in told) > 2 * len(told)
    assert sum(one.false for one in told) == 0
