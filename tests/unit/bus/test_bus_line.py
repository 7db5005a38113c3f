"""A serial line in virtual time: three protocols and two speeds on one pair, silences by the field's formulas, and its faults."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from edgeguard.bus import BusStats, ExchangeFailed, LinkState, Request
from edgeguard.bus.framings import Framings
from edgeguard.bus.opening import framings_of
from edgeguard.bus.turns import Turns
from edgeguard.codec.dlt645_framing import build_frame
from edgeguard.codec.modbus import read_request
from edgeguard.codec.rtu import crc16
from edgeguard.core.ids import BusName
from edgeguard.core.limits import BUS_DRAIN_MAX_S, FOREIGN_ANSWER_S, SERIAL_SETTLE_S
from edgeguard.core.line import LineSettings, Parity, Protocol
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.register import Table
from edgeguard.core.site import BusSpec, Wire
from edgeguard.testing.clock import run_virtual

READ = read_request(Table.HOLDING, 0, 1)
FAST, SLOW = LineSettings(9600), LineSettings(2400, Parity.EVEN)
METER, WATER = "003411001043", "1033780011223344"
VOLTAGE = bytes.fromhex("11 00 01 01 02")
VOLUME = bytes.fromhex("01 1F 90 00")


def rtu(*body: int) -> bytes:
    return bytes(body) + crc16(bytes(body)).to_bytes(2, "little")


class Pair:
    """The wire: what was sent on it, when, and at what settings."""

    def __init__(self, framings: Framings | None = None) -> None:
        spec = BusSpec(BusName("riser"), Wire.SERIAL_RTU, line=FAST)
        self.turns = Turns(spec.name, framings or framings_of(spec), 1, 0.0, FAST, 50)
        self.sent: list[tuple[bytes, float, LineSettings]] = []
        self.line = FAST
        self.dropped: list[Fault] = []
        self.answer: Callable[[bytes], bytes] = lambda _: b""
        self.turns.opened(self.write, self.dropped.append, self.tune)

    def tune(self, line: LineSettings) -> float:
        changed, self.line = line != self.line, line
        return SERIAL_SETTLE_S if changed else 0.0

    def write(self, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        self.sent.append((data, loop.time(), self.line))
        reply = self.answer(data)
        if reply:
            loop.call_later((len(data) + len(reply)) * self.line.character_s + 0.01, self.turns.received, reply)

    @property
    def stats(self) -> BusStats:
        return self.turns.stats(LinkState.CONNECTED, 0, None, "")


def modbus(unit: int = 7, timeout_s: float = 0.2) -> Request:
    return Request(unit, READ, timeout_s)


async def fault_of(pair: Pair, request: Request) -> Fault:
    with pytest.raises(ExchangeFailed) as caught:
        await pair.turns.ask(request)
    return caught.value.fault


def virtual(story: Coroutine[Any, Any, None]) -> None:
    run_virtual(story)


def everybody(data: bytes) -> bytes:
    """A Modbus device, an electricity meter and a water meter, each hearing only its own protocol and speed."""
    if data.startswith(b"\xfe" * 4 + b"\x68") and data[11] == 0x68:
        return b"\xfe\xfe" + build_frame(METER, 0x91, bytes.fromhex("00 01 01 02 97 22"))
    if data.startswith(b"\xfe"):
        body = bytes.fromhex("68 10 44 33 22 11 00 78 33 81 16 1F 90 00 00 77 66 55 2C 00 77 66 55 2C 31 01 22 11 05 15 20 21 84")
        return body + bytes((sum(body) & 0xFF, 0x16))
    return rtu(7, 3, 2, 0, 42)


def test_three_protocols_and_two_speeds_on_one_pair() -> None:
    async def story() -> None:
        pair = Pair()
        pair.answer = everybody
        electricity = Request(METER, VOLTAGE, 1.0, protocol=Protocol.DLT645, line=SLOW)
        water = Request(WATER, VOLUME, 1.0, protocol=Protocol.CJT188, line=SLOW)
        for _ in range(3):
            answers = await asyncio.gather(*(pair.turns.ask(one) for one in (modbus(), electricity, water, modbus())))
            assert answers[0] == answers[3] == b"\3\2\0\x2a"
            assert answers[1] == bytes.fromhex("91 00 01 01 02 97 22")
            assert answers[2][:4] == bytes.fromhex("81 1F 90 00")
        assert [line for *_, line in pair.sent[:4]] == [FAST, SLOW, SLOW, FAST]
        assert (pair.stats.answers, pair.stats.junk_bytes, pair.stats.foreign_frames, dict(pair.stats.faults)) == (12, 0, 0, {})

    virtual(story())


@pytest.mark.parametrize(
    ("line", "silence_s"),
    [
        (LineSettings(9600), 3.5 * 10 / 9600),
        (SLOW, 3.5 * 11 / 2400),
        (LineSettings(115_200), 0.00175),
        (LineSettings(19_200), 3.5 / 1920),
    ],
)
def test_the_silence_between_frames(line: LineSettings, silence_s: float) -> None:
    async def story() -> None:
        pair = Pair()
        pair.answer = everybody
        loop = asyncio.get_running_loop()
        heard: list[float] = []
        for _ in range(2):
            await pair.turns.ask(Request(7, READ, 0.2, line=line))
            heard.append(loop.time())
        assert pair.sent[1][1] - heard[0] == pytest.approx(silence_s, abs=1e-6)

    virtual(story())


def test_a_time_out_begins_when_the_last_byte_has_left_and_bytes_under_way_are_waited_for() -> None:
    async def story() -> None:
        pair = Pair()
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        slow = LineSettings(300)
        await fault_of(pair, Request(7, READ, 0.1, line=slow))
        assert loop.time() - begun_s == pytest.approx(SERIAL_SETTLE_S + 9 * slow.character_s + 0.1, abs=1e-5)
        await asyncio.sleep(5.0)
        asked = asyncio.ensure_future(pair.turns.ask(Request(7, READ, 0.1, line=slow)))
        await asyncio.sleep(8 * slow.character_s + 0.09)
        for byte in rtu(7, 3, 2, 0, 42):
            await asyncio.sleep(slow.character_s)
            pair.turns.received(bytes((byte,)))
        assert await asked == b"\3\2\0\x2a"

    virtual(story())


def test_a_late_answer_after_the_quiet_is_counted_and_never_given_to_another() -> None:
    async def story() -> None:
        pair = Pair()
        assert (await fault_of(pair, modbus())).reason is Reason.TIMEOUT
        pair.turns.received(rtu(7, 3, 2, 0, 1))
        pair.answer = everybody
        assert await pair.turns.ask(modbus()) == b"\3\2\0\x2a"
        assert (pair.stats.late_answers, pair.stats.foreign_frames) == (1, 0)

    virtual(story())


def test_another_master_is_counted_and_let_have_its_answer() -> None:
    async def story() -> None:
        pair = Pair()
        pair.answer = everybody
        loop = asyncio.get_running_loop()
        pair.turns.received(rtu(5, 3, 0, 0, 0, 1))
        heard_s = loop.time()
        assert await pair.turns.ask(modbus()) == b"\3\2\0\x2a"
        assert pair.sent[0][1] - heard_s >= FOREIGN_ANSWER_S - 1e-6
        await asyncio.sleep(0.1)
        pair.turns.received(b"\xfe\xfe" + build_frame(METER, 0x11, VOLTAGE[1:]))
        pair.turns.received(build_frame(METER, 0x91, bytes.fromhex("00 01 01 02 97 22")))
        assert pair.stats.foreign_frames == 3

    virtual(story())


@pytest.mark.parametrize("before", [b"", b"\0", b"\xff\xff", rtu(7, 3, 0, 0, 0, 1), rtu(9, 3, 2, 0, 9), rtu(7, 3, 2, 0, 9)[:-1]])
@pytest.mark.parametrize("after", [b"", b"\0", rtu(9, 3, 2, 0, 9)])
def test_noise_echo_and_glued_frames_hide_no_answer_and_give_no_false_one(before: bytes, after: bytes) -> None:
    async def story() -> None:
        pair = Pair()
        pair.answer = lambda _: before + rtu(7, 3, 2, 0, 42) + after
        assert await pair.turns.ask(modbus()) == b"\3\2\0\x2a"
        pair.answer = everybody
        assert await pair.turns.ask(modbus()) == b"\3\2\0\x2a"

    virtual(story())


def test_a_babbling_device_is_borne_and_the_line_is_back_at_once_when_it_stops() -> None:
    async def story() -> None:
        pair = Pair()
        loop = asyncio.get_running_loop()

        async def babble() -> None:
            for _ in range(300):
                pair.turns.received(bytes(range(32, 64)))
                await asyncio.sleep(32 * FAST.character_s)

        babbling = asyncio.create_task(babble())
        await asyncio.sleep(0.1)
        while not babbling.done():
            fault = await fault_of(pair, modbus())
            assert babbling.done() or fault.reason in (Reason.GARBAGE, Reason.CHECKSUM, Reason.SHORT_ANSWER)
        stopped_s = loop.time()
        pair.answer = everybody
        assert await pair.turns.ask(modbus()) == b"\3\2\0\x2a"
        assert loop.time() - stopped_s < 2 * BUS_DRAIN_MAX_S
        assert pair.stats.junk_bytes == 300 * 32
        assert pair.dropped == []

    virtual(story())


def test_a_protocol_that_the_wire_does_not_carry_and_a_station_that_cannot_be_are_refused_unsent() -> None:
    async def story() -> None:
        pair = Pair()
        with pytest.raises(ExchangeFailed, match="is no address of a DL/T 645 meter") as caught:
            await pair.turns.ask(Request("12", VOLTAGE, 1.0, protocol=Protocol.DLT645))
        assert not caught.value.sent
        assert pair.sent == []
        pair.answer = everybody
        assert await pair.turns.ask(modbus()) == b"\3\2\0\x2a"

    virtual(story())
