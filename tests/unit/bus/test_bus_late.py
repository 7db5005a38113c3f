"""Never another's value: late answers, too early ones, glued ones, and those that another master has asked for."""

import asyncio
import random
from collections.abc import Callable
from typing import SupportsIndex

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edgeguard.bus import BusStats, ExchangeFailed, LinkState, Request
from edgeguard.bus.framings import Framings
from edgeguard.bus.late import LateAnswers
from edgeguard.bus.overheard import Heard
from edgeguard.bus.turns import Turns
from edgeguard.codec.ascii import AsciiFraming, lrc
from edgeguard.codec.framing import Framing
from edgeguard.codec.modbus import read_request
from edgeguard.codec.rtu import RtuFraming, crc16
from edgeguard.core.ids import BusName
from edgeguard.core.limits import BUS_STATIONS_KNOWN, LATE_ANSWER_MIN_S, LATE_LEARNED_MAX_S, RTU_QUIET_S
from edgeguard.core.line import LineSettings, Protocol
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.register import Table
from edgeguard.testing.clock import run_virtual

LINE = LineSettings(9600)
Frame = Callable[[bytes], bytes]


def rtu(body: bytes) -> bytes:
    return body + crc16(body).to_bytes(2, "little")


def ascii_frame(body: bytes) -> bytes:
    return b":" + (body + bytes((lrc(body),))).hex().upper().encode() + b"\r\n"


def ask(unit: int, address: int, timeout_s: float = 0.2) -> Request:
    return Request(unit, read_request(Table.HOLDING, address, 1), timeout_s)


def value(address: int, unit: int = 7) -> bytes:
    """The answer to a read of one register, which holds its own address."""
    return bytes((unit, 3, 2)) + address.to_bytes(2, "big")


class Wire:
    """A line on which every register holds its own address, so that another's value shows. `delays_s`: of the next answers."""

    def __init__(self, framing: Framing | None = None, true_time: bool = True) -> None:
        self.turns = Turns(BusName("riser"), Framings.only(framing or RtuFraming()), 1, 0.0, LINE, 50)
        self.sent: list[tuple[int, int, float]] = []
        self.delays_s: list[float | None] = []
        self.usual_s: float | None = 0.02
        self.turns.opened(self.write, lambda _: None, lambda _: 0.0, true_time)

    def write(self, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        unit, address = data[0], int.from_bytes(data[2:4], "big")
        self.sent.append((unit, address, loop.time()))
        delay_s = self.delays_s.pop(0) if self.delays_s else self.usual_s
        if delay_s is not None:
            travel_s = (len(data) + 7) * LINE.character_s
            loop.call_later(travel_s + delay_s, self.turns.received, rtu(value(address, unit)))

    async def read(self, unit: int, address: int, timeout_s: float = 0.2) -> int | Fault:
        try:
            answer = await self.turns.ask(ask(unit, address, timeout_s))
        except ExchangeFailed as failed:
            return failed.fault
        return int.from_bytes(answer[2:], "big")

    @property
    def stats(self) -> BusStats:
        return self.turns.stats(LinkState.CONNECTED, 0, None, "")


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(0.0, 0.2 + LATE_ANSWER_MIN_S - 0.01), min_size=1, max_size=12),
    st.lists(st.tuples(st.integers(1, 2), st.integers(0, 9)), min_size=2, max_size=12),
    st.floats(0.0, 0.2),
)
@example([0.31], [(1, 0), (1, 1)], 0.0)
@example([0.25, 0.69], [(1, 0), (1, 1), (2, 0), (1, 3)], 0.0)
def test_no_delay_makes_the_value_of_one_register_that_of_another(
    delays_s: list[float], asked: list[tuple[int, int]], pause_s: float
) -> None:
    async def story() -> None:
        wire = Wire()
        wire.delays_s = list(delays_s)
        for unit, address in asked:
            result = await wire.read(unit, address)
            assert isinstance(result, Fault) or result == address
            await asyncio.sleep(pause_s)
        await asyncio.sleep(1.0)
        wire.delays_s.clear()
        assert await wire.read(1, 77) == 77

    run_virtual(story())


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0.0, 0.69), min_size=1, max_size=10), st.integers(2, 10))
def test_no_delay_does_so_while_all_wait_at_once(delays_s: list[float], requests: int) -> None:
    async def story() -> None:
        wire = Wire()
        wire.delays_s = list(delays_s)
        results = await asyncio.gather(*(wire.read(1 + i % 3, i) for i in range(requests)))
        assert all(isinstance(result, Fault) or result == i for i, result in enumerate(results))

    run_virtual(story())


def test_who_was_silent_is_left_alone_and_the_others_go_on() -> None:
    async def story() -> None:
        wire = Wire()
        wire.delays_s = [9.0]
        loop = asyncio.get_running_loop()
        fault = await wire.read(1, 0)
        assert isinstance(fault, Fault)
        assert fault.reason is Reason.TIMEOUT
        given_up_s = loop.time()
        again = asyncio.ensure_future(wire.read(1, 5))
        others = [await wire.read(2, address) for address in range(3)]
        assert others == [0, 1, 2]
        assert loop.time() - given_up_s < 0.3
        assert await again == 5
        asked_s = [at_s for unit, address, at_s in wire.sent if (unit, address) == (1, 5)]
        assert asked_s[0] - given_up_s == pytest.approx(LATE_ANSWER_MIN_S, abs=1e-5)
        assert len(asked_s) == 2  # the first answer might have been the late one

    run_virtual(story())


def test_a_request_of_another_kind_need_not_wait_and_a_late_answer_frees_its_device() -> None:
    async def story() -> None:
        wire = Wire()
        loop = asyncio.get_running_loop()
        wire.delays_s = [9.0]
        await wire.read(1, 0)
        given_up_s = loop.time()
        with pytest.raises(ExchangeFailed):
            await wire.turns.ask(Request(1, read_request(Table.INPUT, 0, 1), 0.2))
        assert wire.sent[-1][2] - given_up_s == pytest.approx(RTU_QUIET_S, abs=1e-5)
        await asyncio.sleep(2.0)
        wire.delays_s = [0.22]
        await wire.read(1, 0)
        given_up_s = loop.time()
        assert await wire.read(1, 5) == 5
        assert wire.sent[-1][2] - given_up_s < LATE_ANSWER_MIN_S / 2
        assert wire.stats.late_answers == 1

    run_virtual(story())


def test_how_long_a_device_may_be_late_is_learned_within_bounds() -> None:
    late = LateAnswers()
    request = ask(1, 0)
    answer = Heard(1, Protocol.MODBUS, value(0, 1)[1:], may_ask=False, may_answer=True, size=7)
    late.give_up(request, 0.0, 0.2)
    assert late.until_s(request) == pytest.approx(0.2 + LATE_ANSWER_MIN_S)
    assert late.answered(answer, 0.6)
    assert late.until_s(request) == 0.0
    assert not late.answered(answer, 0.7)
    late.give_up(request, 1.0, 1.2)
    assert late.until_s(request) == pytest.approx(1.2 + 2 * 0.6)
    late.note(1, 60.0)
    late.give_up(request, 3.0, 4.0)
    assert late.until_s(request) == pytest.approx(4.0 + LATE_LEARNED_MAX_S)
    patient = ask(2, 0, timeout_s=9.0)
    late.give_up(patient, 4.0, 13.0)
    assert late.until_s(patient) == pytest.approx(22.0)
    assert late.until_s(request) == 0.0
    for station in range(2 * BUS_STATIONS_KNOWN):
        late.note(str(station), 1.0)
        late.sent(ask(station, 0))
        late.give_up(ask(station, 0), 29.0, 29.2)
    late.give_up(ask(3, 0), 30.0, 30.2)
    assert late.until_s(ask(3, 0)) == pytest.approx(30.7)


@settings(max_examples=40, deadline=None)
@given(st.floats(0.0, 0.0155), st.booleans())
@example(0.0130, True)
@example(0.0, True)
def test_an_answer_before_the_request_can_have_been_heard_is_none(early_s: float, is_port: bool) -> None:
    """15 characters of 10 bits at 9600 take 15.6 ms; a pseudo-terminal and a network are not held to that."""

    async def story() -> None:
        wire = Wire(true_time=is_port)
        wire.usual_s = None
        reading = asyncio.ensure_future(wire.read(7, 3))
        await asyncio.sleep(early_s)
        wire.turns.received(rtu(value(99)))
        result = await reading
        if not is_port:
            assert result == 99
        elif isinstance(result, Fault):
            assert result.reason is Reason.WRONG_TRANSACTION
            assert wire.stats.foreign_frames == 1
            wire.usual_s = 0.02
            assert await wire.read(7, 4) == 4
        else:
            assert early_s > 0.014

    run_virtual(story())


FRAMES: list[tuple[type[RtuFraming] | type[AsciiFraming], Frame]] = [(RtuFraming, rtu), (AsciiFraming, ascii_frame)]
OURS = b"\7" + read_request(Table.HOLDING, 3, 1)
THEIRS = b"\7" + read_request(Table.HOLDING, 99, 1)


@pytest.mark.parametrize(("framing", "frame"), FRAMES)
@pytest.mark.parametrize("echo", [False, True])
@pytest.mark.parametrize("glued", [False, True])
def test_another_master_asks_the_same_unit_while_we_wait(
    framing: type[RtuFraming] | type[AsciiFraming], frame: Frame, echo: bool, glued: bool
) -> None:
    async def story() -> None:
        wire = Wire(framing())
        wire.usual_s = None
        reading = asyncio.ensure_future(wire.read(7, 3))
        parts = [frame(OURS)] * echo + [frame(THEIRS), frame(value(99)), frame(value(3))]
        await asyncio.sleep(0.05)
        for part in [b"".join(parts)] if glued else parts:
            wire.turns.received(part)
            await asyncio.sleep(0.02)
        fault = await reading
        assert isinstance(fault, Fault)
        assert (fault.reason, wire.stats.foreign_frames) == (Reason.WRONG_TRANSACTION, 1)
        reading = asyncio.ensure_future(wire.read(7, 3))
        await asyncio.sleep(RTU_QUIET_S + 0.05)  # both answers have been heard: nothing is owed any more
        wire.turns.received(frame(OURS) * echo + frame(value(3)))
        assert await reading == 3

    run_virtual(story())


@pytest.mark.parametrize(("framing", "frame"), FRAMES)
def test_two_answers_of_one_unit_glued_together_are_ambiguous(framing: type[RtuFraming] | type[AsciiFraming], frame: Frame) -> None:
    twice = frame(value(99)) + frame(value(3))
    for data, reason in ((twice, Reason.WRONG_TRANSACTION), (frame(value(3)) * 2, None)):
        one = framing()
        one.request(1, 7, OURS[1:])
        answers = one.feed(data)
        if reason is None:
            assert [answer.pdu for answer in answers] == [value(3)[1:]]
        else:
            assert answers == []
            fault = one.forget(1)
            assert fault is not None
            assert fault.reason is reason


@pytest.mark.parametrize(("framing", "frame"), FRAMES)
def test_our_own_request_heard_on_a_line_without_echo_is_another_masters_once(
    framing: type[RtuFraming] | type[AsciiFraming], frame: Frame
) -> None:
    """And if the line begins to echo, because an adapter was changed, it is used as one that echoes from then on."""
    one = framing()
    one.request(1, 7, OURS[1:])
    assert one.feed(frame(value(3)))
    one.request(2, 7, OURS[1:])
    assert one.feed(frame(OURS) + frame(value(3))) == []
    fault = one.forget(2)
    assert fault is not None
    assert fault.reason is Reason.WRONG_TRANSACTION
    for transaction in (3, 4):
        one.request(transaction, 7, OURS[1:])
        assert one.feed(frame(OURS) + frame(value(3)))
    one.request(5, 7, OURS[1:])
    assert one.feed(frame(OURS) * 2 + frame(value(3))) == []


class _SlowNowAndThen(list[float | None]):
    """What a device takes that is quick mostly, slow at times, and silent now and then."""

    def __init__(self, seed: int) -> None:
        super().__init__((0.0,))
        self._entropy = random.Random(seed)

    def pop(self, _: SupportsIndex = -1) -> float | None:
        share = self._entropy.random()
        return None if share < 0.1 else self._entropy.uniform(0.1, 0.9) if share < 0.3 else self._entropy.uniform(0.02, 0.04)


@pytest.mark.parametrize("seed", [3, 10, 55])
def test_what_is_polled_over_and_over_again_does_not_keep_anything_else_from_being_asked(seed: int) -> None:
    async def story() -> None:
        wire = Wire()
        for _ in range(20):
            assert await wire.read(7, 5) == 5
        wire.delays_s = _SlowNowAndThen(seed)

        async def polls() -> None:
            while True:
                assert not isinstance(value := await wire.read(7, 5, 0.5), int) or value == 5
                await asyncio.sleep(1.0)

        polling = asyncio.create_task(polls())
        for address in range(6, 12):
            await asyncio.sleep(3.0)
            async with asyncio.timeout(30.0):
                assert not isinstance(value := await wire.read(7, address, 0.5), int) or value == address
        polling.cancel()

    run_virtual(story())
