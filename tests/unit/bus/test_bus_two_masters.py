"""Whatever two masters read and write on one line, and however late devices answer, nobody gets what the other one asked for."""

import asyncio
from collections.abc import Callable

from hypothesis import example, given, settings
from hypothesis import strategies as st
from shared_line import EVERY_METER, FRAMES, LINE, METER, REFUSED, SharedLine, electric

from edgeguard.bus import ExchangeFailed, Request
from edgeguard.codec.ascii import AsciiFraming
from edgeguard.codec.dlt645_framing import Dlt645Framing
from edgeguard.codec.modbus import read_request, write_register_request
from edgeguard.codec.rtu import RtuFraming
from edgeguard.core.limits import BUS_BYTE_GAP_S
from edgeguard.core.line import Protocol
from edgeguard.core.register import Table
from edgeguard.testing.clock import run_virtual

late_or_lost = st.lists(st.none() | st.floats(0.0, 0.6), max_size=8)


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from(FRAMES),
    late_or_lost,
    st.lists(st.tuples(st.floats(0.0, 1.0), st.integers(1, 2), st.sampled_from([3, 50, REFUSED]), st.booleans()), max_size=6),
    st.lists(st.tuples(st.integers(1, 2), st.sampled_from([3, 4]), st.booleans()), min_size=1, max_size=5),
    st.floats(0.1, 1.0),
)
@example(FRAMES[0], [], [(0.0, 1, REFUSED, True)] * 2, [(1, 3, True)], 1.0)
@example(FRAMES[0], [0.5, 0.5], [(0.4, 1, 3, False)], [(1, 3, False), (1, 4, False)], 1.0)
def test_reads_and_writes_of_two_masters_are_never_mixed_up(
    form: tuple[type[RtuFraming] | type[AsciiFraming], Callable[[bytes], bytes]],
    next_s: list[float | None],
    theirs: list[tuple[float, int, int, bool]],
    ours: list[tuple[int, int, bool]],
    timeout_s: float,
) -> None:
    """Also where the other one repeats a write: by its bytes that could be the confirmation of the first."""

    def request(address: int, writes: bool, value: int) -> bytes:
        return write_register_request(address, bytes((0, value))) if writes else read_request(Table.HOLDING, address, 1)

    async def story() -> None:
        framing, frame = form
        line = SharedLine(framing(), frame)
        line.next_s = list(next_s)

        async def other_master() -> None:
            for after_s, unit, address, writes in theirs:
                await asyncio.sleep(after_s)
                line.theirs(frame(bytes((unit,)) + request(address, writes, 1)))

        other = asyncio.create_task(other_master())
        for unit, address, writes in ours:
            await asyncio.sleep(0.01)
            pdu = request(address, writes, 5)
            try:
                answer = await line.turns.ask(Request(unit, pdu, timeout_s))
            except ExchangeFailed:
                continue
            assert answer == (pdu if writes else b"\3\2" + address.to_bytes(2, "big"))
        await other

    run_virtual(story())


VOLTAGE, CURRENT, NONE = "00 01 01 02", "00 01 02 02", "02 00 80 02"
"""Identifiers on the wire; the meter does not have the last one."""


@settings(max_examples=20, deadline=None)
@given(
    late_or_lost,
    st.lists(st.tuples(st.floats(0.0, 1.0), st.sampled_from([NONE, VOLTAGE]), st.sampled_from([METER, EVERY_METER])), max_size=6),
    st.lists(st.tuples(st.sampled_from([VOLTAGE, CURRENT, NONE]), st.sampled_from([METER, EVERY_METER])), min_size=1, max_size=5),
    st.floats(0.1, 1.0),
)
@example(
    [None, 0.0, None],
    [(0.0, NONE, EVERY_METER), (0.0, VOLTAGE, EVERY_METER), (1.0, NONE, METER), (0.0, NONE, METER)],
    [(NONE, METER), (VOLTAGE, METER)],
    1.0,
)
@example(
    [None, 0.0, 0.5],
    [(0.0, NONE, EVERY_METER), (0.0, VOLTAGE, EVERY_METER), (0.5, NONE, METER)],
    [(NONE, METER), (VOLTAGE, METER)],
    1.0,
)
@example([None, 0.5], [(0.0, VOLTAGE, METER), (0.25, NONE, EVERY_METER)], [(VOLTAGE, METER)], 1.0)
def test_no_meter_refuses_for_us_what_it_refused_to_another_master(
    next_s: list[float | None], theirs: list[tuple[float, str, str]], ours: list[tuple[str, str]], timeout_s: float
) -> None:
    def meter(data: bytes) -> bytes:
        start = data.index(b"\x68")
        asked = bytes((byte - 0x33) & 0xFF for byte in data[start + 10 : start + 14]).hex(" ")
        return electric(METER, 0xD1, "02") if asked == NONE else electric(METER, 0x91, f"{asked} {asked}")

    async def story() -> None:
        line = SharedLine(Dlt645Framing())
        line.answers = meter
        line.next_s = list(next_s)

        async def other_master() -> None:
            for after_s, identifier, station in theirs:
                await asyncio.sleep(after_s)
                asked = electric(station, 0x11, identifier)
                if line.sent and line.sent[-1][0].endswith(asked):
                    # The same bytes as ours, as soon as an echo comes: nobody can tell that they are another master's.
                    echo_s = line.sent[-1][1] + len(line.sent[-1][0]) * LINE.character_s + BUS_BYTE_GAP_S
                    await asyncio.sleep(max(0.0, echo_s + 0.001 - asyncio.get_running_loop().time()))
                line.theirs(asked)

        other = asyncio.create_task(other_master())
        for identifier, station in ours:
            await asyncio.sleep(0.01)
            request = Request(station, b"\x11" + bytes.fromhex(identifier), timeout_s, protocol=Protocol.DLT645)
            try:
                answer = await line.turns.ask(request)
            except ExchangeFailed:
                continue
            assert answer == (b"\xd1\2" if identifier == NONE else b"\x91" + bytes.fromhex(identifier) * 2)
        await other

    run_virtual(story())
