"""Answers that come damaged: how much a noisy line still gives, and that it never gives what was not asked for."""

import asyncio
import random
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from shared_line import FRAMES, SharedLine, rtu

from edgeguard.codec.ascii import AsciiFraming
from edgeguard.codec.modbus import read_request, write_registers_request
from edgeguard.codec.rtu import RtuFraming
from edgeguard.codec.spoilt import is_spoilt_answer
from edgeguard.core.limits import BUS_BYTE_GAP_S, LATE_KEPT_S
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.register import Table
from edgeguard.testing.clock import run_virtual
from edgeguard.testing.examples import examples

Form = tuple[type[RtuFraming] | type[AsciiFraming], Callable[[bytes], bytes]]
Damage = tuple[float, int]
"""Where in a frame a byte is spoilt, as a share of it, and how."""


def spoilt(frame: bytes, damage: Damage | None) -> bytes:
    """The frame, or the frame with one byte that is another one."""
    if damage is None:
        return frame
    place = int(damage[0] * len(frame))
    return frame[:place] + bytes((frame[place] ^ damage[1],)) + frame[place + 1 :]


@pytest.mark.parametrize("form", FRAMES)
def test_a_line_that_spoils_a_tenth_of_the_answers_gives_two_thirds_of_what_a_clean_one_does(form: Form) -> None:
    """Different questions of one kind to one unit, one behind the other; the worst case for doubts."""

    async def read(share: float) -> int:
        entropy, loop = random.Random(1), asyncio.get_running_loop()
        line = SharedLine(form[0](), form[1])

        def unit(data: bytes) -> bytes | None:
            answer = line.unit(data)
            damage = (entropy.random(), entropy.randrange(1, 256)) if entropy.random() < share else None
            return None if answer is None else spoilt(answer, damage)

        line.answers = unit
        await asyncio.sleep(LATE_KEPT_S)
        until_s, asked, good = loop.time() + 20.0, 0, 0
        while loop.time() < until_s:
            address, asked = 100 + asked % 3, asked + 1
            good += await line.read(7, address, timeout_s=1.0) == address
        return good

    assert run_virtual(read(0.1)) > 0.66 * run_virtual(read(0.0))


@pytest.mark.parametrize("form", FRAMES)
@pytest.mark.parametrize("place", [0.0, 0.2, 0.4, 0.99])
def test_a_spoilt_answer_is_not_waited_for_any_longer(form: Form, place: float) -> None:
    async def story() -> None:
        line = SharedLine(form[0](), form[1])
        loop = asyncio.get_running_loop()
        await asyncio.sleep(LATE_KEPT_S)
        line.answers = lambda data: spoilt(line.unit(data) or b"", (place, 1))
        begun_s = loop.time()
        fault = await line.read(7, 100, timeout_s=2.0)
        assert isinstance(fault, Fault)
        assert loop.time() - begun_s < BUS_BYTE_GAP_S + 0.1
        line.answers = line.unit
        begun_s = loop.time()
        assert await line.read(7, 101, timeout_s=2.0) == 101
        assert loop.time() - begun_s < 0.2

    run_virtual(story())


damages = st.none() | st.tuples(st.floats(0.0, 0.999), st.integers(1, 255))
theirs = st.tuples(st.floats(0.0, 6.0), st.sampled_from([6, 7]), st.sampled_from([50, 0x0250, "write"]), damages)


@settings(max_examples=examples(40), deadline=None)
@given(
    st.sampled_from(FRAMES),
    st.lists(st.none() | st.floats(0.0, 1.5), max_size=8),
    st.lists(damages, max_size=8),
    st.lists(theirs, max_size=4),
    st.lists(st.tuples(st.integers(6, 7), st.integers(100, 103), st.floats(0.0, 6.0)), min_size=1, max_size=6),
    st.floats(0.1, 1.0),
)
@example(FRAMES[0], [0.65], [None], [(5.1, 7, "write", (0.1, 19))], [(7, 100, 5.0), (7, 101, 0.0)], 0.4)
@example(FRAMES[0], [0.01, 0.65], [(0.99, 1)], [(5.1, 7, 50, (0.99, 1))], [(7, 100, 5.15), (7, 101, 0.0)], 0.4)
@example(FRAMES[0], [0.65, 0.65], [None, (0.5, 1)], [], [(7, 100, 5.1), (7, 101, 0.0), (7, 102, 0.0)], 0.4)
def test_whatever_is_late_foreign_or_spoilt_no_read_has_anothers_value(
    form: Form,
    next_s: list[float | None],
    spoils: list[Damage | None],
    others: list[tuple[float, int, int | str, Damage | None]],
    ours: list[tuple[int, int, float]],
    timeout_s: float,
) -> None:
    """Devices are late or silent, another master asks and writes, and any answer may have one byte spoilt on its way to us."""

    async def story() -> None:
        line = SharedLine(form[0](), form[1])
        line.next_s, damage = list(next_s), list(spoils)
        line.answers = lambda data: spoilt(unit(data), damage.pop(0) if damage else None)

        def unit(data: bytes) -> bytes:
            body = data[:-2] if form[1] is rtu else bytes.fromhex(data[1:-2].decode())[:-1]
            return form[1](body[:6]) if body[1] == 16 else line.unit(data) or b""

        async def other_master() -> None:
            for after_s, station, asked, spoils_it in others:
                await asyncio.sleep(after_s)
                write = write_registers_request(0x0650, bytes(2))
                pdu = write if isinstance(asked, str) else read_request(Table.HOLDING, asked, 1)
                frame = form[1](bytes((station,)) + pdu)
                line.turns.received(spoilt(frame, spoils_it))
                line.reaches(frame)

        other = asyncio.create_task(other_master())
        for station, address, after_s in ours:
            await asyncio.sleep(after_s)
            value = await line.read(station, address, timeout_s)
            assert isinstance(value, Fault) or value == address
        await other

    run_virtual(story())


@given(st.binary(min_size=4, max_size=40), st.integers(1, 255), st.integers(0, 39), st.integers(1, 255))
def test_no_request_of_another_master_with_one_spoilt_byte_passes_for_an_answer(
    data: bytes, unit: int, place: int, how: int
) -> None:
    requests = [
        bytes((unit, 3)) + data[:4],
        bytes((unit, 6)) + data[:4],
        bytes((unit, 22)) + data[:6].ljust(6, b"\0"),
        bytes((unit, 16)) + data[:4] + bytes((len(data),)) + data,
        bytes((unit, 15)) + data[:4] + bytes((len(data),)) + data,
        bytes((unit, 23)) + data[:4] * 2 + bytes((len(data),)) + data,
    ]
    for request in requests:
        body = spoilt(request, (place % len(request) / len(request), how))
        for function in (1, 2, 3, 4):
            assert not is_spoilt_answer(bytes((unit, function)), len(body) - 3, body)


def test_the_shape_of_an_answer() -> None:
    asked, answer = b"\7\3", bytes.fromhex("07 03 04 01 02 03 04")
    assert is_spoilt_answer(asked, 4, answer)
    assert is_spoilt_answer(asked, 4, b"\x17" + answer[1:])
    assert not is_spoilt_answer(asked, 4, b"\x17\x13" + answer[2:])
    assert not is_spoilt_answer(asked, 4, answer + b"\0")
    assert not is_spoilt_answer(asked, 3, b"\7\3\3\0\0\0"), "that is as long as a read's request"
    assert not is_spoilt_answer(b"\7\6", 4, answer)


def test_a_spoilt_answer_is_told_as_that() -> None:
    async def story() -> None:
        line = SharedLine()
        line.answers = lambda data: spoilt(line.unit(data) or b"", (0.7, 1))
        fault = await line.read(7, 100)
        assert isinstance(fault, Fault)
        assert fault.reason is Reason.CHECKSUM

    run_virtual(story())
