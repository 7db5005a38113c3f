"""Two masters on one line: whatever the other one asks, and however long its devices take, none of its values becomes ours."""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from shared_line import EVERY_METER, FRAMES, METER, REFUSED, WATER, SharedLine, electric, rtu

from edgeguard.bus import ExchangeFailed, Request
from edgeguard.codec.ascii import AsciiFraming
from edgeguard.codec.cjt188_framing import Cjt188Framing
from edgeguard.codec.cjt188_framing import build_frame as water_frame
from edgeguard.codec.dlt645_framing import Dlt645Framing
from edgeguard.codec.modbus import read_request, write_register_request
from edgeguard.codec.rtu import RtuFraming
from edgeguard.core.limits import (
    FOREIGN_ANSWER_S,
    FOREIGN_YIELD_S,
    LATE_KEPT_S,
    LATE_KNOWN_ANSWERS,
    LATE_LEARNED_MAX_S,
    RTU_QUIET_S,
)
from edgeguard.core.line import Protocol
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.register import Table
from edgeguard.testing.clock import run_virtual


@pytest.mark.parametrize(("framing", "frame"), FRAMES)
@pytest.mark.parametrize("late_s", [0.05, 0.3, 0.9, 2.5, 4.5])
def test_the_slow_answer_to_another_master_is_not_taken_for_ours(
    framing: type[RtuFraming] | type[AsciiFraming], frame: Callable[[bytes], bytes], late_s: float
) -> None:
    async def story() -> None:
        line = SharedLine(framing(), frame)
        line.takes_s[7] = late_s
        line.ask(7, 99)
        assert await line.read(7, 3, timeout_s=late_s + 1.0) == 3
        assert await line.read(7, 4, timeout_s=late_s + 1.0) == 4

    run_virtual(story())


def test_only_the_kind_that_another_master_has_asked_for_waits_and_only_as_long_as_its_station_takes() -> None:
    async def story() -> None:
        line = SharedLine()
        loop = asyncio.get_running_loop()
        line.takes_s[7] = 0.6
        assert await line.read(7, 1, timeout_s=1.0) == 1
        line.takes_s[7] = 9.0
        begun_s = loop.time()
        line.ask(7, 99)
        ours = asyncio.ensure_future(line.read(7, 3, timeout_s=1.0))
        assert [await line.read(8, address) for address in range(4)] == [0, 1, 2, 3]
        assert loop.time() - begun_s < FOREIGN_ANSWER_S + 0.5
        other_kind = asyncio.ensure_future(line.read(7, 5, timeout_s=0.1, table=Table.INPUT))
        await asyncio.sleep(0.05)
        assert len(line.sent) == 6
        assert not ours.done()
        await other_kind
        await ours
        asked_s = [at_s for data, at_s in line.sent if data[:2] == b"\7\3"][1]
        assert asked_s - begun_s == pytest.approx(2 * 0.62, abs=0.02)

    run_virtual(story())


def test_a_station_nobody_knows_gets_its_time_out_and_is_free_when_the_others_have_their_answer() -> None:
    async def story() -> None:
        line = SharedLine()
        loop = asyncio.get_running_loop()
        line.next_s = [None]
        fault = await line.read(7, 3, timeout_s=0.7)
        assert isinstance(fault, Fault)
        await asyncio.sleep(10.0)
        begun_s = loop.time()
        line.takes_s[7] = 0.35
        line.ask(7, 99)
        assert await line.read(7, 3, timeout_s=0.7) == 3
        assert line.sent[-1][1] - begun_s == pytest.approx(0.35, abs=0.03)

    run_virtual(story())


@pytest.mark.parametrize("between_s", [0.02, 0.1, 0.3])
def test_a_master_that_never_stops_asking_a_dead_unit_does_not_keep_us_from_it(between_s: float) -> None:
    async def story() -> None:
        line = SharedLine()
        loop = asyncio.get_running_loop()
        line.next_s = [None]
        await line.read(7, 3, timeout_s=0.5)
        await asyncio.sleep(2 * LATE_KEPT_S)
        line.answers = lambda data: None

        async def nag() -> None:
            while True:
                line.turns.received(rtu(b"\7" + read_request(Table.HOLDING, 99, 1)))
                await asyncio.sleep(between_s)

        nagging = asyncio.create_task(nag())
        begun_s = loop.time()
        await asyncio.sleep(0.001)
        fault = await line.read(7, 3, timeout_s=0.5)
        assert isinstance(fault, Fault)
        assert fault.reason is Reason.WRONG_TRANSACTION
        assert loop.time() - begun_s < LATE_LEARNED_MAX_S + FOREIGN_YIELD_S + 2.0
        nagging.cancel()

    run_virtual(story())


@pytest.mark.parametrize("lives", [False, True])
@pytest.mark.parametrize("between_s", [0.03, 0.06, 0.1, 0.3])
def test_a_master_that_asks_without_a_pause_does_not_get_the_whole_line(between_s: float, lives: bool) -> None:
    async def story() -> None:
        line = SharedLine()
        loop = asyncio.get_running_loop()
        line.answers = lambda data: line.unit(data) if lives or data[0] == 8 else None
        line.takes_s = {7: 0.002, 8: 0.002}

        async def nag() -> None:
            while True:
                line.ask(7, 99)
                await asyncio.sleep(between_s)

        nagging = asyncio.create_task(nag())
        begun_s = loop.time()
        await asyncio.sleep(0.01)
        results = [await line.read(8, address, timeout_s=0.5) for address in range(5)]
        assert results == [0, 1, 2, 3, 4]
        assert loop.time() - begun_s < 5 * (1.0 if lives else 1.0 + FOREIGN_YIELD_S)
        nagging.cancel()

    run_virtual(story())


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.none() | st.floats(0.0, 0.6), max_size=8),
    st.lists(st.tuples(st.floats(0.0, 1.0), st.integers(1, 2), st.sampled_from([50, 51, REFUSED])), max_size=8),
    st.lists(st.tuples(st.integers(1, 2), st.sampled_from([1, 2, 50])), min_size=1, max_size=6),
    st.floats(0.05, 1.0),
)
@example([0.4, 0.4], [(0.0, 1, 50)], [(1, 1)], 0.5)
@example([0.9, 0.1], [], [(1, 1), (1, 2), (1, 1)], 0.1)
@example([0.4, 0.4], [(0.0, 1, REFUSED)], [(1, 1)], 0.5)
def test_no_delay_and_no_other_master_makes_the_value_of_one_register_that_of_another(
    next_s: list[float | None], theirs: list[tuple[float, int, int]], ours: list[tuple[int, int]], timeout_s: float
) -> None:
    async def story() -> None:
        line = SharedLine()
        line.next_s = list(next_s)

        async def other_master() -> None:
            for after_s, unit, address in theirs:
                await asyncio.sleep(after_s)
                line.ask(unit, address)

        other = asyncio.create_task(other_master())
        for unit, address in ours:
            await asyncio.sleep(0.01)
            result = await line.read(unit, address, timeout_s)
            assert isinstance(result, Fault) or result == address
        await other
        await asyncio.sleep(2 * LATE_KEPT_S + 2.0 * len(next_s))
        line.next_s.clear()
        assert await line.read(1, 1, 0.5) == 1

    run_virtual(story())


@pytest.mark.parametrize("late_s", [0.8, 1.5, 3.0, 4.5])
def test_an_answer_later_than_all_rest_from_a_device_never_heard_before_is_not_given_to_the_next_question(late_s: float) -> None:
    async def story() -> None:
        line = SharedLine()
        line.next_s = [late_s]
        assert isinstance(await line.read(7, 1), Fault)
        results = [await line.read(7, address) for address in range(2, 12)]
        assert results[-1] == 11
        assert all(isinstance(result, Fault) or result == address for address, result in enumerate(results, 2))
        line = SharedLine()
        line.takes_s[7] = late_s
        results = [await line.read(7, address) for address in range(12)]
        assert all(isinstance(result, Fault) or result == address for address, result in enumerate(results))

    run_virtual(story())


def test_a_doubtful_answer_is_asked_for_again_and_the_question_hears_nothing_of_that() -> None:
    async def story() -> None:
        for answers, at_most_s in ((0, LATE_KEPT_S), (LATE_KNOWN_ANSWERS, 2.0)):
            line = SharedLine()
            loop = asyncio.get_running_loop()
            assert [await line.read(7, address) for address in range(answers)] == list(range(answers))
            line.sent.clear()
            line.next_s = [None]
            await line.read(7, 1)
            begun_s = loop.time()
            assert await line.read(7, 2) == 2
            assert [data[2:4] for data, _ in line.sent] == [b"\0\1", b"\0\2", b"\0\2"]
            assert at_most_s / 2 < loop.time() - begun_s < at_most_s + 1.0
            assert await line.read(7, 3) == 3
            assert len(line.sent) == 4

    run_virtual(story())


def test_the_same_question_or_one_of_another_length_is_not_doubted() -> None:
    async def story() -> None:
        line = SharedLine()
        line.next_s = [None]
        await line.read(7, 1)
        assert await line.read(7, 1) == 1
        line = SharedLine()
        line.next_s = [None]
        await line.read(7, 1)
        pair = await line.turns.ask(Request(7, read_request(Table.HOLDING, 2, 2), 0.2))
        assert pair == b"\3\4\0\2\0\3"
        assert await line.read(7, 4) == 4
        assert len(line.sent) == 3

    run_virtual(story())


def test_a_request_of_another_master_beside_our_own_answer_is_heard_as_well() -> None:
    """Glued behind it, or in front of it, or begun before ours went out."""

    async def story() -> None:
        theirs = rtu(b"\7" + read_request(Table.HOLDING, 99, 1))
        for beside in ((b"", theirs), (theirs, b"")):
            line = SharedLine()
            line.takes_s[7] = 0.5
            assert await line.read(7, 1, timeout_s=1.0) == 1
            line.beside = beside
            assert await line.read(8, 1) == 1
            line.beside = (b"", b"")
            asyncio.get_running_loop().call_later(0.45, line.turns.received, rtu(b"\7\3\2\0\x63"))
            assert await line.read(7, 3, timeout_s=1.0) == 3
        line = SharedLine()
        line.turns.received(theirs[:5])
        await asyncio.sleep(0.02)
        ours = asyncio.ensure_future(line.read(8, 1))
        await asyncio.sleep(0.001)
        line.turns.received(theirs[5:])
        assert await ours == 1
        asyncio.get_running_loop().call_later(0.4, line.turns.received, rtu(b"\7\3\2\0\x63"))
        assert await line.read(7, 3, timeout_s=1.0) == 3

    run_virtual(story())


@pytest.mark.parametrize("asked", [METER, EVERY_METER])
@pytest.mark.parametrize("other", [METER, EVERY_METER])
def test_a_meters_refusal_of_what_another_master_wanted_is_not_ours(asked: str, other: str) -> None:
    """An error answer of DL/T 645 does not say what it is about; a good one does."""

    async def story() -> None:
        line = SharedLine(Dlt645Framing())
        good, bad = electric(METER, 0x91, "00 01 01 02 97 22"), electric(METER, 0xD1, "02")
        line.answers = lambda data: bad if b"\x35\x33\xb3\x35" in data else good
        line.takes_s[0xFE] = 0.4
        line.theirs(electric(other, 0x11, "02 00 80 02"))
        answer = await line.turns.ask(Request(asked, bytes.fromhex("11 00 01 01 02"), 1.0, protocol=Protocol.DLT645))
        assert answer == bytes.fromhex("91 00 01 01 02 97 22")

    run_virtual(story())


def test_a_meters_refusal_while_another_master_asks_it_as_well_is_not_ours() -> None:
    async def story() -> None:
        line = SharedLine(Dlt645Framing())
        line.answers = lambda data: None
        bad, good = electric(METER, 0xD1, "02"), electric(METER, 0x91, "00 01 01 02 97 22")
        ours = asyncio.ensure_future(line.turns.ask(Request(METER, bytes.fromhex("11 00 01 01 02"), 1.0, protocol=Protocol.DLT645)))
        for part in (electric(METER, 0x11, "02 00 80 02"), bad, good):
            await asyncio.sleep(0.1)
            line.turns.received(part)
        assert await ours == bytes.fromhex("91 00 01 01 02 97 22")

    run_virtual(story())


def test_the_same_register_read_by_both_masters_is_right_whoever_was_meant() -> None:
    async def story() -> None:
        line = SharedLine()
        line.takes_s[7] = 0.4
        line.ask(7, 3)
        assert await line.read(7, 3, timeout_s=1.0) == 3
        assert await line.read(7, 4, timeout_s=1.0) == 4
        water = SharedLine(Cjt188Framing())
        meter = b"\xfe\xfe" + water_frame(WATER, 0x81, bytes.fromhex("1F 90 05 00 77 66 55 2C"))
        water.answers = lambda data: meter
        water.takes_s[0xFE] = 0.4
        water.theirs(b"\xfe\xfe" + water_frame(WATER, 0x01, bytes.fromhex("1F 90 05")))
        answer = await water.turns.ask(Request(WATER, bytes.fromhex("01 1F 90 05"), 1.0, protocol=Protocol.CJT188))
        assert answer[:4] == bytes.fromhex("81 1F 90 05")

    run_virtual(story())


@pytest.mark.parametrize(("framing", "frame"), FRAMES)
@pytest.mark.parametrize("when", ["before", "while"])
def test_the_refusal_of_another_masters_write_is_not_told_of_ours(
    framing: type[RtuFraming] | type[AsciiFraming], frame: Callable[[bytes], bytes], when: str
) -> None:
    """A write is not sent twice: where its answer is doubtful, it is lost, and read back."""

    async def story() -> None:
        line = SharedLine(framing(), frame)
        line.takes_s[7] = 0.9
        theirs = frame(b"\7" + write_register_request(REFUSED, b"\0\1"))
        if when == "before":
            line.takes_s[7] = 1.0
            line.theirs(theirs)
        line.answers = line.unit if when == "before" else lambda data: None
        ours = asyncio.ensure_future(line.turns.ask(Request(7, write_register_request(3, b"\0\5"), 1.5)))
        if when == "while":
            await asyncio.sleep(0.1)
            line.theirs(theirs)
            await asyncio.sleep(0.1)
            line.turns.received(frame(b"\7\x86\2"))
        with pytest.raises(ExchangeFailed) as caught:
            await ours
        assert caught.value.sent
        assert caught.value.fault.reason is Reason.WRONG_TRANSACTION
        assert sum(data == frame(b"\7" + write_register_request(3, b"\0\5")) for data, _ in line.sent) == 1

    run_virtual(story())


def test_others_are_counted_and_late_answers_are_not_they() -> None:
    async def story() -> None:
        line = SharedLine()
        line.next_s = [0.4]
        await line.read(7, 1)
        await asyncio.sleep(2.0)
        assert (line.stats.late_answers, line.stats.foreign_frames) == (1, 0)
        line.ask(9, 1)
        await asyncio.sleep(1.0)
        assert (line.stats.late_answers, line.stats.foreign_frames) == (1, 2)
        assert await line.read(7, 2) == 2
        assert RTU_QUIET_S < FOREIGN_ANSWER_S

    run_virtual(story())
