"""Turn-taking, driven by calls and virtual time: order, limits, silences, and what becomes of every request."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edgeguard.bus import ExchangeFailed, LinkState, Priority, Request
from edgeguard.bus.framings import Framings
from edgeguard.bus.silence import Silence
from edgeguard.bus.turns import Turns
from edgeguard.codec.ascii import AsciiFraming
from edgeguard.codec.framing import Framing
from edgeguard.codec.mbap import MbapFraming
from edgeguard.codec.modbus import read_request
from edgeguard.codec.rtu import RtuFraming, crc16
from edgeguard.core.ids import BusName
from edgeguard.core.limits import BUS_DRAIN_MAX_S, BUS_JUNK_BYTES, BUS_QUEUE_REQUESTS, BUS_STATIONS_KNOWN, RTU_QUIET_S
from edgeguard.core.line import Station
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.register import Table
from edgeguard.testing.bus import FakeBus
from edgeguard.testing.clock import run_virtual

READ = read_request(Table.HOLDING, 0, 1)
NAME = BusName("riser-a")


def request(address: int = 1, timeout_s: float = 1.0, priority: Priority = Priority.ROUTINE, delay_s: float = 0.0) -> Request:
    return Request(address, READ, timeout_s, priority, delay_s)


def answer(value: int) -> bytes:
    return b"\x03\x02" + value.to_bytes(2, "big")


class Wire:
    """The far end: what was written, when, and whether it was hung up."""

    def __init__(self, framing: Framing | None = None, parallel: int = 1, delay_s: float = 0.0) -> None:
        self.turns = Turns(NAME, Framings.only(framing or MbapFraming()), parallel, delay_s)
        self.written: list[bytes] = []
        self.at_s: list[float] = []
        self.dropped: list[Fault] = []
        self.turns.opened(self.write, self.dropped.append)

    def write(self, data: bytes) -> None:
        self.written.append(data)
        self.at_s.append(asyncio.get_running_loop().time())

    @property
    def units(self) -> list[int]:
        return [data[6] for data in self.written]

    def reply(self, index: int, value: int) -> None:
        sent = self.written[index]
        pdu = answer(value)
        self.turns.received(sent[:4] + (len(pdu) + 1).to_bytes(2, "big") + sent[6:7] + pdu)


async def fault_of(future: asyncio.Future[bytes]) -> Fault:
    with pytest.raises(ExchangeFailed) as caught:
        await future
    return caught.value.fault


def virtual(story: Coroutine[Any, Any, None]) -> None:
    run_virtual(story)


def test_one_at_a_time_and_a_person_waits_for_one_transaction_at_most() -> None:
    async def story() -> None:
        wire = Wire()
        futures = [wire.turns.ask(request(unit)) for unit in (1, 2, 3)]
        urgent = [wire.turns.ask(request(9, priority=priority)) for priority in (Priority.ALARM, Priority.PERSON)]
        probe = wire.turns.ask(request(8, priority=Priority.PROBE))
        assert wire.units == [1]
        for index in range(6):
            wire.reply(index, index)
        assert wire.units == [1, 9, 9, 2, 3, 8]
        assert [await f for f in (futures[0], urgent[1], urgent[0], *futures[1:], probe)] == [answer(i) for i in range(6)]

    virtual(story())


def test_a_request_without_content_is_refused_before_it_can_hold_up_the_wire() -> None:
    """A driver of another package may do anything."""

    async def story() -> None:
        wire = Wire(RtuFraming())
        first = wire.turns.ask(request(timeout_s=0.1))
        with pytest.raises(ExchangeFailed, match="refused: a request without content") as caught:
            wire.turns.ask(Request(2, b"", 1.0))
        assert not caught.value.sent
        assert (await fault_of(first)).reason is Reason.TIMEOUT
        later = wire.turns.ask(request(3, timeout_s=0.1))
        assert (await fault_of(later)).reason is Reason.TIMEOUT
        assert [data[0] for data in wire.written] == [1, 3]

    virtual(story())


def test_several_outstanding_are_told_apart_by_number() -> None:
    async def story() -> None:
        wire = Wire(parallel=3)
        futures = [wire.turns.ask(request()) for _ in range(5)]
        assert len(wire.written) == 3
        for index in (2, 0, 1, 4, 3):
            wire.reply(index, index)
        assert [await future for future in futures] == [answer(i) for i in range(5)]

    virtual(story())


def test_the_silence_of_a_bus_and_of_a_device() -> None:
    async def story() -> None:
        wire = Wire(parallel=4, delay_s=0.5)
        start_s = asyncio.get_running_loop().time()
        futures = [wire.turns.ask(request(unit)) for unit in (1, 2)]
        wire.reply(0, 0)
        await asyncio.sleep(0.6)
        wire.reply(1, 0)
        await asyncio.gather(*futures)
        assert wire.at_s == pytest.approx([start_s, start_s + 0.5])
        wire = Wire()
        start_s = asyncio.get_running_loop().time()
        futures = [wire.turns.ask(request(unit, delay_s=0.3)) for unit in (1, 1, 2)]
        wire.reply(0, 0)
        assert wire.units == [1, 2]
        wire.reply(1, 0)
        assert wire.units == [1, 2]
        await asyncio.sleep(0.4)
        assert wire.units == [1, 2, 1]
        assert wire.at_s[2] == pytest.approx(start_s + 0.3)
        wire.reply(2, 0)
        await asyncio.gather(*futures)

    virtual(story())


def test_no_answer_in_time_and_the_late_one_is_thrown_away() -> None:
    async def story() -> None:
        wire = Wire()
        first = wire.turns.ask(request(1, timeout_s=0.5))
        second = wire.turns.ask(request(1, timeout_s=0.5))
        assert await fault_of(first) == Fault(Reason.TIMEOUT, "no answer within 0.5 s")
        wire.reply(0, 111)
        assert not second.done()
        wire.reply(1, 222)
        assert await second == answer(222)
        stats = wire.turns.stats(LinkState.CONNECTED, 0, None, "")
        assert (stats.requests, stats.answers, stats.late_answers, dict(stats.faults)) == (2, 1, 1, {Reason.TIMEOUT: 1})
        assert stats.busy_s == pytest.approx(0.5)

    virtual(story())


def test_a_short_time_out_is_not_kept_waiting_by_a_long_one() -> None:
    async def story() -> None:
        wire = Wire(parallel=2)
        slow, quick = wire.turns.ask(request(1, timeout_s=9.0)), wire.turns.ask(request(2, timeout_s=0.2))
        start_s = asyncio.get_running_loop().time()
        await fault_of(quick)
        assert asyncio.get_running_loop().time() - start_s == pytest.approx(0.2)
        await fault_of(slow)
        assert asyncio.get_running_loop().time() - start_s == pytest.approx(9.0)

    virtual(story())


def test_after_a_time_out_an_rtu_line_is_drained() -> None:
    async def story() -> None:
        wire = Wire(RtuFraming())
        first = wire.turns.ask(request(1, timeout_s=0.5))
        second = wire.turns.ask(request(1, timeout_s=0.5))
        await fault_of(first)
        assert len(wire.written) == 1
        await asyncio.sleep(RTU_QUIET_S / 2)
        frame = b"\x01" + answer(111)
        wire.turns.received(frame + crc16(frame).to_bytes(2, "little"))
        await asyncio.sleep(RTU_QUIET_S * 0.9)
        assert len(wire.written) == 1
        await asyncio.sleep(RTU_QUIET_S * 0.2)
        assert len(wire.written) == 2
        frame = b"\x01" + answer(222)
        wire.turns.received(frame + crc16(frame).to_bytes(2, "little"))
        assert await second == answer(222)

    virtual(story())


def test_a_line_that_never_falls_silent_is_used_all_the_same() -> None:
    async def story() -> None:
        wire = Wire(RtuFraming())
        first, second = wire.turns.ask(request(timeout_s=0.5)), wire.turns.ask(request(timeout_s=0.5))
        await fault_of(first)
        for _ in range(int(BUS_DRAIN_MAX_S / 0.05) + 2):
            await asyncio.sleep(0.05)
            wire.turns.received(b"\x55")
        assert len(wire.written) == 2
        assert (await fault_of(second)).reason is Reason.GARBAGE

    virtual(story())


def test_cancelling_what_waits_and_what_is_under_way() -> None:
    async def story() -> None:
        wire = Wire()
        under_way, waiting, third = (wire.turns.ask(request(unit)) for unit in (1, 2, 3))
        under_way.cancel()
        waiting.cancel()
        assert wire.units == [1]
        wire.reply(0, 111)
        assert wire.units == [1, 3]
        wire.reply(1, 333)
        assert await third == answer(333)

    virtual(story())


def test_a_full_queue_says_so_and_cancelled_requests_do_not_fill_it() -> None:
    async def story() -> None:
        wire = Wire()
        futures = [wire.turns.ask(request()) for _ in range(BUS_QUEUE_REQUESTS + 1)]
        with pytest.raises(ExchangeFailed, match="requests wait already") as caught:
            wire.turns.ask(request(7))
        assert (caught.value.fault.reason, caught.value.sent) == (Reason.NOT_POLLED, False)
        assert "bus riser-a, address 7" in str(caught.value)
        for future in futures[1:]:
            future.cancel()
        last = wire.turns.ask(request(7))
        wire.reply(0, 0)
        wire.reply(1, 7)
        assert await last == answer(7)

    virtual(story())


def test_without_a_connection_a_request_waits_for_its_own_time_at_most() -> None:
    async def story() -> None:
        wire = Wire()
        wire.turns.closed(Fault(Reason.NO_CONNECTION, "unplugged"))
        loop = asyncio.get_running_loop()
        start_s = loop.time()
        short, long = wire.turns.ask(request(1, timeout_s=0.5)), wire.turns.ask(request(2, timeout_s=2.0))
        assert await fault_of(short) == Fault(Reason.NO_CONNECTION, "unplugged")
        assert loop.time() - start_s == pytest.approx(0.5)
        wire.turns.opened(wire.write, wire.dropped.append)
        assert wire.units == [2]
        await asyncio.sleep(1.9)
        wire.reply(0, 5)
        assert await long == answer(5)

    virtual(story())


def test_who_cannot_wait_for_the_next_attempt_fails_at_once() -> None:
    async def story() -> None:
        wire = Wire()
        loop = asyncio.get_running_loop()
        wire.turns.closed(Fault(Reason.NO_CONNECTION, "lost"))
        asked = wire.turns.ask(request(1, timeout_s=1.0))
        wire.turns.waiting(Fault(Reason.NO_CONNECTION, "refused; next attempt in 5 s"), loop.time() + 5.0)
        start_s = loop.time()
        assert (await fault_of(asked)).detail == "refused; next attempt in 5 s"
        with pytest.raises(ExchangeFailed, match="next attempt in 5 s") as caught:
            wire.turns.ask(request(1, timeout_s=1.0))
        assert not caught.value.sent
        assert loop.time() == start_s

    virtual(story())


def test_a_lost_connection_fails_what_was_sent_and_keeps_what_waits() -> None:
    async def story() -> None:
        wire = Wire()
        sent, waiting = wire.turns.ask(request(1)), wire.turns.ask(request(2))
        wire.turns.closed(Fault(Reason.NO_CONNECTION, "reset by peer"))
        with pytest.raises(ExchangeFailed) as caught:
            await sent
        assert caught.value.sent
        wire.turns.opened(wire.write, wire.dropped.append)
        wire.reply(1, 2)
        assert await waiting == answer(2)

    virtual(story())


def test_garbage_hangs_up_and_nothing_more_is_sent() -> None:
    async def story() -> None:
        wire = Wire()
        sent, waiting = wire.turns.ask(request(1)), wire.turns.ask(request(2))
        wire.turns.received(b"HTTP/1.1 400 Bad Request\r\n")
        assert [fault.reason for fault in wire.dropped] == [Reason.GARBAGE]
        assert len(wire.written) == 1
        wire.turns.closed(wire.dropped[0])
        assert (await fault_of(sent)).reason is Reason.GARBAGE
        waiting.cancel()

    virtual(story())


def test_half_an_answer_hangs_up() -> None:
    async def story() -> None:
        wire = Wire()
        sent = wire.turns.ask(request(1))
        wire.turns.received(wire.written[0][:2] + b"\0\0\0\5\1\3\2")
        assert (await fault_of(sent)).reason is Reason.SHORT_ANSWER
        assert [fault.reason for fault in wire.dropped] == [Reason.SHORT_ANSWER]

    virtual(story())


def test_a_connection_on_which_nothing_is_heard_is_dropped() -> None:
    async def story() -> None:
        wire = Wire()
        for _ in range(3):
            assert wire.dropped == []
            assert (await fault_of(wire.turns.ask(request(1)))).reason is Reason.TIMEOUT
        assert wire.dropped == [Fault(Reason.NO_CONNECTION, "nothing was heard for 3 requests")]

    virtual(story())


def test_one_dead_unit_does_not_cost_the_others_their_connection() -> None:
    async def story() -> None:
        wire = Wire()
        alive = wire.turns.ask(request(1))
        wire.reply(0, 1)
        await alive
        for _ in range(20):
            await fault_of(wire.turns.ask(request(2)))
        assert wire.dropped == []
        await fault_of(wire.turns.ask(request(1)))
        assert len(wire.dropped) == 1

    virtual(story())


def test_a_flood_of_junk_is_not_borne_for_ever() -> None:
    async def story() -> None:
        wire = Wire(RtuFraming())
        for _ in range(BUS_JUNK_BYTES // 4096 + 1):
            assert wire.dropped == []
            wire.turns.received(bytes(4096))
        assert [fault.reason for fault in wire.dropped] == [Reason.GARBAGE]

    virtual(story())


@pytest.mark.slow
def test_numbers_wrap_and_never_meet_an_outstanding_one() -> None:
    async def story() -> None:
        wire = Wire(parallel=2)
        stuck = wire.turns.ask(request(1, timeout_s=1e6))
        for _ in range(0x10001):
            future = wire.turns.ask(request(2))
            wire.reply(-1, 2)
            await future
        assert len({data[:2] for data in wire.written}) == 0x10000
        wire.reply(0, 1)
        assert await stuck == answer(1)

    virtual(story())


asks = st.tuples(st.integers(1, 4), st.sampled_from(Priority), st.floats(0.0, 3.0), st.none() | st.floats(0.0, 2.0))


@settings(max_examples=60)
@example([(1, Priority.PERSON, 1.25, None), (3, Priority.PERSON, 1.0, None), *[(4, Priority.PERSON, 0.0, None)] * 2], 1, False)
@example([(2, Priority.PERSON, 1.25, None), (3, Priority.PERSON, 1.0, None), *[(4, Priority.PERSON, 0.0, None)] * 2], 2, False)
@given(st.lists(asks, min_size=1, max_size=25), st.integers(1, 4), st.booleans())
def test_every_request_ends_with_its_own_answer_or_a_named_fault(
    plan: list[tuple[int, Priority, float, float | None]], parallel: int, unplugged: bool
) -> None:
    async def ask(bus: FakeBus, unit: int, priority: Priority, at_s: float) -> bytes | Reason:
        await asyncio.sleep(at_s)
        try:
            return await bus.exchange(request(unit, timeout_s=0.3, priority=priority))
        except ExchangeFailed as failed:
            return failed.fault.reason

    async def story() -> None:
        bus = FakeBus(parallel=parallel)
        for unit in (1, 2, 3):
            bus.unit(unit).set(Table.HOLDING, 0, unit)
            bus.unit(unit).response_s = (0.01, 0.25, 0.4)[unit - 1]
        tasks = [asyncio.create_task(ask(bus, unit, priority, at_s)) for unit, priority, at_s, _ in plan]
        for task, (_, _, _, cancel_s) in zip(tasks, plan, strict=True):
            if cancel_s is not None:
                asyncio.get_running_loop().call_later(cancel_s, task.cancel)
        if unplugged:
            asyncio.get_running_loop().call_later(1.0, bus.disconnect)
        results = await asyncio.gather(*tasks, return_exceptions=True)
        for (unit, *_, cancel_s), result in zip(plan, results, strict=True):
            expected: set[Any] = {Reason.NO_CONNECTION} if unplugged else set()
            expected |= {answer(unit)} if unit <= 2 else {Reason.TIMEOUT, Reason.NO_CONNECTION}
            assert result in expected or (cancel_s is not None and isinstance(result, asyncio.CancelledError))

    virtual(story())


def test_a_good_answer_before_bytes_that_break_the_stream_is_taken() -> None:
    async def story() -> None:
        wire = Wire(parallel=2)
        first, second = wire.turns.ask(request(1)), wire.turns.ask(request(2))
        good = wire.written[0][:4] + len(b"\1" + answer(5)).to_bytes(2, "big") + b"\1" + answer(5)
        wire.turns.received(good + b"HTTP/1.1 400 Bad Request\r\n")
        assert [fault.reason for fault in wire.dropped] == [Reason.GARBAGE]
        assert await first == answer(5)
        wire.turns.closed(wire.dropped[0])
        assert (await fault_of(second)).reason is Reason.GARBAGE
        assert wire.turns.stats(LinkState.CONNECTED, 0, None, "").answers == 1

    virtual(story())


@pytest.mark.parametrize("framing", [MbapFraming, RtuFraming, AsciiFraming])
@pytest.mark.parametrize("unit", [256, -1, "seven"])
def test_a_unit_that_cannot_be_is_refused_in_words_and_costs_nobody_else(framing: type[Framing], unit: Station) -> None:
    async def story() -> None:
        wire = Wire(framing())
        asked = wire.turns.ask(Request(unit, READ, 1.0))
        with pytest.raises(ExchangeFailed, match="is no Modbus unit: a whole number from 0 to 255") as caught:
            await asked
        assert (caught.value.sent, caught.value.fault.reason) == (False, Reason.REFUSED)
        assert wire.written == []

    virtual(story())


def asking(station: Station, priority: Priority = Priority.ROUTINE) -> Request:
    return Request(station, READ, 1.0, priority)


def test_who_has_been_asked_is_remembered_within_bounds() -> None:
    silence = Silence(3)
    for station in range(3 * BUS_STATIONS_KNOWN):
        silence.asked(asking(station))
        silence.answered(station)
        silence.lasts(asking(station), ())
    assert all(len(kept) <= BUS_STATIONS_KNOWN for kept in (silence._asked, silence._answered, silence._silent))
    silence.begin()
    silence.asked(asking(1))
    assert [silence.lasts(asking(1), ()) for _ in range(3)] == [0, 0, 3]


def test_a_search_of_a_line_finds_nobody_for_long_and_the_connection_is_none_the_worse() -> None:
    line = Silence(3, is_line=True)
    network = Silence(3)
    for station in range(1, 4):
        for silence in (line, network):
            silence.asked(asking(station, Priority.SEARCH))
    assert [line.lasts(asking(station, Priority.SEARCH), ()) for station in range(1, 4)] == [0, 0, 0]
    assert [network.lasts(asking(station, Priority.SEARCH), ()) for station in range(1, 4)] == [0, 0, 3]
    line.asked(asking(9))
    assert [line.lasts(asking(9), ()) for _ in range(3)] == [0, 0, 3], "whoever is polled counts as ever"
