"""Frames that can be taken for others: damaged ones, answers shaped like a question, confirmations with the bytes of a write."""

import asyncio
from collections.abc import Callable

import pytest
from shared_line import FRAMES, REFUSED, SharedLine, rtu

from edgeguard.bus import ExchangeFailed, Request
from edgeguard.codec.ascii import AsciiFraming
from edgeguard.codec.framing import Answer
from edgeguard.codec.modbus import read_request, write_register_request
from edgeguard.codec.rtu import RtuFraming
from edgeguard.core.limits import FOREIGN_ANSWER_S, LATE_KNOWN_ANSWERS
from edgeguard.core.line_limits import ANSWER_DOUBTS
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.register import Table
from edgeguard.testing.clock import run_virtual

HOLDING = read_request(Table.HOLDING, 3, 1)
COILS = read_request(Table.COIL, 0, 20)


def test_a_damaged_request_of_another_master_does_not_make_our_late_answer_that_to_the_next_question() -> None:
    async def story() -> None:
        line = SharedLine()
        line.next_s = [0.65]
        first = asyncio.ensure_future(line.read(7, 100, timeout_s=0.4))
        await asyncio.sleep(0.1)
        line.turns.received(rtu(b"\7" + read_request(Table.HOLDING, 300, 1))[:-1] + b"\0")
        fault = await first
        assert isinstance(fault, Fault)
        assert fault.reason is Reason.CHECKSUM
        assert await line.read(7, 200, timeout_s=0.4) == 200

    run_virtual(story())


def test_a_damaged_answer_keeps_nobody_from_asking_again() -> None:
    async def story() -> None:
        line = SharedLine()
        line.next_s = [None]
        first = asyncio.ensure_future(line.read(7, 100, timeout_s=0.4))
        await asyncio.sleep(0.1)
        line.turns.received(rtu(b"\7\3\2\0\x64")[:-1] + b"\0")
        assert isinstance(await first, Fault)
        begun_s = asyncio.get_running_loop().time()
        assert await line.read(7, 100, timeout_s=0.4) == 100
        assert asyncio.get_running_loop().time() - begun_s < 0.2

    run_virtual(story())


@pytest.mark.parametrize("data", [b"\xff\x0f\x0f", b"\0\0\x14"])
def test_coils_whose_answer_has_the_length_of_a_question_are_read_beside_another_master(data: bytes) -> None:
    async def story() -> None:
        line = SharedLine()
        line.answers = lambda _: rtu(b"\7\1\3" + data)
        got = 0

        async def poll() -> None:
            while True:
                line.theirs(rtu(b"\7" + COILS))
                await asyncio.sleep(1.0)

        polling = asyncio.create_task(poll())
        for _ in range(10):
            await asyncio.sleep(0.3)
            try:
                got += await line.turns.ask(Request(7, COILS, 0.2)) == b"\1\3" + data
            except ExchangeFailed:
                continue
        assert got >= 8
        polling.cancel()

    run_virtual(story())


def test_the_confirmation_of_another_masters_write_is_not_yielded_to() -> None:
    async def story() -> None:
        line = SharedLine()
        loop = asyncio.get_running_loop()
        for _ in range(4):
            line.theirs(rtu(b"\7" + write_register_request(3, b"\0\5")))
            await asyncio.sleep(0.035)  # it has been confirmed
            begun_s = loop.time()
            assert await line.read(8, 1) == 1
            assert loop.time() - begun_s < FOREIGN_ANSWER_S / 2
            assert line.stats.foreign_frames % 2 == 0
            await asyncio.sleep(0.1)

    run_virtual(story())


def test_a_refused_write_is_told_as_refused_after_another_masters_write_was_confirmed() -> None:
    async def story() -> None:
        line = SharedLine()
        for address in range(LATE_KNOWN_ANSWERS):
            assert await line.read(7, address) == address
        for _ in range(3):
            line.theirs(rtu(b"\7" + write_register_request(3, b"\0\5")))
            await asyncio.sleep(0.1)
            answer = await line.turns.ask(Request(7, write_register_request(REFUSED, b"\0\1"), 0.5))
            assert answer == b"\x86\2"
            await asyncio.sleep(1.0)

    run_virtual(story())


@pytest.mark.parametrize(("framing", "frame"), FRAMES)
@pytest.mark.parametrize("noise", [b"", b"\xff"])
@pytest.mark.parametrize("taught", [False, True])
def test_the_echo_of_a_write_to_a_dead_unit_is_no_confirmation(
    framing: type[RtuFraming] | type[AsciiFraming], frame: Callable[[bytes], bytes], noise: bytes, taught: bool
) -> None:
    """Behind a network there is no time to tell them apart by: before a read has told whether the line echoes, as well as after."""

    async def story() -> None:
        line = SharedLine(framing(), frame)
        line.turns.opened(line.write, lambda _: None)
        write = write_register_request(3, b"\0\5")
        loop = asyncio.get_running_loop()

        def echoes(data: bytes) -> bytes | None:
            loop.call_soon(line.turns.received, noise + data)
            unit = data[0] if frame is rtu else int(data[1:3], 16)
            return line.unit(data) if unit == 8 else None

        line.answers = echoes
        if taught:
            assert await line.read(8, 1) == 1
        with pytest.raises(ExchangeFailed) as caught:
            await line.turns.ask(Request(7, write, 0.2))
        assert caught.value.sent
        assert await line.turns.ask(Request(8, write, 0.2)) == write

    run_virtual(story())


@pytest.mark.parametrize(("framing", "frame"), FRAMES)
def test_another_masters_question_does_not_make_the_line_forget_whether_it_echoes(
    framing: type[RtuFraming] | type[AsciiFraming], frame: Callable[[bytes], bytes]
) -> None:
    ours, theirs, answer = (frame(b"\7" + pdu) for pdu in (HOLDING, read_request(Table.HOLDING, 99, 1), b"\3\2\0\3"))
    write = write_register_request(3, b"\0\5")
    for echoes in (True, False):
        one = framing()
        echo = ours * echoes
        one.request(1, 7, HOLDING)
        assert one.feed(echo + answer)
        one.request(2, 7, HOLDING)
        assert one.feed(echo + theirs + answer) == []
        one.forget(2)
        sent = one.request(3, 7, write)
        assert one.feed(sent) == ([] if echoes else [Answer(3, write)])


def test_the_second_refusal_of_a_write_that_another_master_repeated_is_not_ours() -> None:
    """It repeats before it has an answer, and the device refuses both, one behind the other, each as late as it ever may be."""

    async def story() -> None:
        line = SharedLine()
        line.next_s = [0.3] * LATE_KNOWN_ANSWERS
        for address in range(LATE_KNOWN_ANSWERS):
            assert await line.read(7, address, timeout_s=0.5) == address
        line.next_s = [0.5, 0.5]
        for _ in range(2):
            line.theirs(rtu(b"\7" + write_register_request(REFUSED, b"\0\1")))
        write = write_register_request(3, b"\0\5")
        for _ in range(3):
            try:
                assert await line.turns.ask(Request(7, write, 0.5)) == write
            except ExchangeFailed:
                continue

    run_virtual(story())


def test_an_echo_that_we_were_too_busy_to_hear_at_once_is_no_other_master() -> None:
    async def story() -> None:
        line = SharedLine()
        unit = line.unit
        held_s = 0.0

        def echoes(data: bytes) -> bytes | None:
            asyncio.get_running_loop().call_later(held_s, line.turns.received, data)
            return unit(data)

        line.answers = echoes
        line.takes_s[7] = 0.2
        for address in range(8):
            assert await line.read(7, address, timeout_s=0.5) == address
        held_s = 0.15
        assert await line.read(7, 9, timeout_s=0.5) == 9
        assert await line.read(7, 10, timeout_s=0.5) == 10
        assert line.stats.foreign_frames == 0

    run_virtual(story())


@pytest.mark.parametrize("form", FRAMES)
@pytest.mark.parametrize("waited", [False, True])
@pytest.mark.parametrize("place", range(8))
def test_another_masters_question_that_loses_a_byte_on_its_way_to_us_gives_us_no_answer_of_its_own(
    form: tuple[type[RtuFraming] | type[AsciiFraming], Callable[[bytes], bytes]], waited: bool, place: int
) -> None:
    """What is left of it may have the length of an answer; its device has heard all of it."""

    async def story() -> None:
        line = SharedLine(form[0](), form[1])
        theirs = form[1](b"\7" + read_request(Table.HOLDING, 0x0250, 1))
        place_s = place * len(theirs) // 8
        line.takes_s[7] = 0.1
        ours = asyncio.ensure_future(line.read(7, 100, timeout_s=1.0)) if waited else None
        await asyncio.sleep(0.05)
        line.turns.received(theirs[:place_s] + theirs[place_s + 1 :])
        line.reaches(theirs)
        results = [*([await ours] if ours else []), *[await line.read(7, address, timeout_s=1.0) for address in (101, 102, 103)]]
        expected = [100, 101, 102, 103][-len(results) :]
        assert all(isinstance(result, Fault) or result == want for result, want in zip(results, expected, strict=True))
        assert results[-1] == 103

    run_virtual(story())


def test_an_answer_that_is_insisted_on_is_believed_and_one_that_changes_is_not() -> None:
    """Before every answer comes a burst that may have been a question: more of them than can be owed at once."""

    async def story(answers: list[int]) -> int | Fault:
        line = SharedLine()
        said = iter(answers)
        line.answers = lambda _: rtu(b"\7\3\2" + next(said).to_bytes(2, "big"))
        line.beside = (b"\xff" * 9, b"")
        return await line.read(7, 100)

    assert run_virtual(story([100] * (ANSWER_DOUBTS + 1))) == 100
    changing = run_virtual(story([99] + [100] * ANSWER_DOUBTS))
    assert isinstance(changing, Fault)
    assert changing.reason is Reason.WRONG_TRANSACTION


def test_what_another_master_asks_while_a_broadcast_is_left_its_time_is_heard() -> None:
    async def story() -> None:
        line = SharedLine()
        line.takes_s[7] = 0.6
        assert await line.read(7, 1, timeout_s=1.0) == 1
        line.answers = lambda data: line.unit(data) if data[0] else None
        sent = asyncio.ensure_future(line.turns.ask(Request(0, write_register_request(3, b"\0\5"), 0.3, answered=False)))
        await asyncio.sleep(0.1)
        line.ask(7, 99)
        assert await sent == b""
        assert line.stats.foreign_frames == 1
        assert await line.read(7, 3, timeout_s=1.0) == 3

    run_virtual(story())
