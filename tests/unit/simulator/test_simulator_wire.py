"""The simulated RS-485 pair: true times, collisions, echo, noise, and ports set to something else than the line."""

import asyncio
import itertools
from collections.abc import Sequence

import pytest
from line_kit import MasterEnd, unit

from edgeguard.core.line import LineSettings, Parity
from edgeguard.simulator.modbus_station import AsciiStation, RtuStation, crc16, lrc
from edgeguard.simulator.pty_line import out_of_reach
from edgeguard.simulator.wire import Burst, Noise, Speech, Spoken, quiet_s
from edgeguard.testing.clock import run_virtual

N9600 = LineSettings(9600)
E2400 = LineSettings(2400, Parity.EVEN)


def read(address: int, first: int = 0, count: int = 2) -> bytes:
    frame = bytes((address, 3, 0, first, 0, count))
    return frame + crc16(frame)


def test_crc_and_lrc_are_those_of_the_standard() -> None:
    # MODBUS over Serial Line V1.02, 6.2.2 and Modicon's reference guide
    assert crc16(bytes.fromhex("0207")) == bytes.fromhex("4112")
    assert crc16(bytes.fromhex("010300000002")) == bytes.fromhex("c40b")
    assert lrc(bytes.fromhex("020702")) == 0xF5


@pytest.mark.parametrize("settings", [N9600, E2400, LineSettings(115_200)], ids=str)
def test_a_read_takes_what_its_characters_and_the_turnaround_take(settings: LineSettings) -> None:
    async def scene() -> None:
        loop = asyncio.get_running_loop()
        end = MasterEnd([RtuStation(unit(7), settings, 0.010)], settings)
        start_s = loop.time()
        answer = await end.ask(read(7, 10, 2), 2.0)
        assert answer[:-2].hex() == "0703041b621b63"
        assert answer[-2:] == crc16(answer[:-2])
        assert end.last_s - start_s == pytest.approx((8 + 9) * settings.character_s + 0.010, abs=1e-6)

    run_virtual(scene())


def test_bytes_of_an_answer_come_one_after_another() -> None:
    async def scene() -> list[int]:
        end = MasterEnd([RtuStation(unit(1), N9600, 0.0)])
        end.wire.send(read(1, 0, 50))
        sizes = []
        for _ in range(30):
            await asyncio.sleep(0.005)
            sizes.append(len(end.heard))
        return sizes

    sizes = run_virtual(scene())
    assert sizes[0] == 0
    assert sizes[-1] == 105
    assert sum(one != other for one, other in itertools.pairwise(sizes)) > 15


def test_only_the_one_who_is_asked_answers_and_silence_separates_frames() -> None:
    async def scene() -> None:
        end = MasterEnd([RtuStation(unit(1)), RtuStation(unit(2))])
        assert (await end.ask(read(2)))[0] == 2
        assert await end.ask(read(3)) == b""
        assert await end.ask(read(1)[:-1]) == b""
        # two requests without the silence between are one frame with a wrong checksum
        assert await end.ask(read(1) + read(2)) == b""
        end.wire.send(read(1))
        await asyncio.sleep(8 * N9600.character_s + quiet_s(N9600) + 0.001)
        assert (await end.ask(read(2), 0.5)) != b""

    run_virtual(scene())


def test_two_who_answer_together_are_not_understood() -> None:
    async def scene() -> None:
        end = MasterEnd([RtuStation(unit(1)), RtuStation(unit(1, {0: 5}))])
        answer = await end.ask(read(1))
        assert answer
        assert crc16(answer[:-2]) != answer[-2:]
        assert end.wire.counters.collisions > 0
        # later is soon enough for the first one, and both are heard
        end = MasterEnd([RtuStation(unit(1)), RtuStation(unit(1, {0: 5}), turnaround_s=0.1)])
        assert len(await end.ask(read(1))) == 18
        assert end.wire.counters.collisions == 0

    run_virtual(scene())


def test_who_is_spoken_over_by_the_master_is_lost_to_it() -> None:
    async def scene() -> None:
        end = MasterEnd([RtuStation(unit(1), turnaround_s=0.05)])
        end.wire.send(read(1, 0, 20))
        await asyncio.sleep(0.07)
        answer = await end.ask(read(2), 0.5)
        assert end.wire.counters.collisions > 0
        assert len(answer) < 45 - 8

    run_virtual(scene())


def test_an_echo_comes_before_the_answer() -> None:
    async def scene() -> None:
        end = MasterEnd([RtuStation(unit(1))], echo=True)
        heard = await end.ask(read(1))
        assert heard.startswith(read(1))
        assert heard[8:10] == b"\1\3"

    run_virtual(scene())


def test_a_device_of_other_settings_hears_nothing_that_it_could_answer() -> None:
    async def scene() -> None:
        for other in (E2400, LineSettings(9600, Parity.EVEN), LineSettings(19_200), LineSettings(9600, Parity.ODD)):
            end = MasterEnd([RtuStation(unit(1), other)], N9600)
            assert await end.ask(read(1)) == b""
            end.wire.settings = other
            assert (await end.ask(read(1)))[:2] == b"\1\3"

    run_virtual(scene())


class Shouting:
    """Says the same to whatever it hears."""

    def __init__(self, settings: LineSettings, words: bytes) -> None:
        self.settings = settings
        self.words = words
        self.bursts: list[Burst] = []

    def hear(self, burst: Burst) -> Sequence[Speech]:
        self.bursts.append(burst)
        return (Speech(self.words, 0.05),)


def test_the_master_hears_garbage_from_one_who_speaks_at_another_rate() -> None:
    async def scene() -> None:
        shouting = Shouting(E2400, bytes.fromhex("6812345678"))
        heard = await MasterEnd([shouting], N9600).ask(b"\x55\xaa")
        # four of the master's characters pass while one of the meter's does
        assert len(heard) > 5
        assert heard != shouting.words
        assert shouting.bursts[0].data != b"\x55\xaa"

    run_virtual(scene())


def test_noise_breaks_some_answers_and_turn_on_junk_stands_before_them() -> None:
    async def scene() -> None:
        end = MasterEnd([RtuStation(unit(1))], noise=Noise(turn_on=1.0))
        answer = await end.ask(read(1))
        assert answer[0] in (0x00, 0xFF)
        assert answer[-9:-6] == b"\1\3\4"
        end = MasterEnd([RtuStation(unit(1))], noise=Noise(bit_errors=0.002))
        answers = [await end.ask(read(1)) for _ in range(60)]
        assert 20 < sum(len(answer) == 9 and crc16(answer[:-2]) == answer[-2:] for answer in answers) < 58

    run_virtual(scene())


def test_the_same_seed_makes_the_same_noise() -> None:
    async def scene(seed: int) -> list[bytes]:
        end = MasterEnd([RtuStation(unit(1))], seed=seed, noise=Noise(bit_errors=0.01, turn_on=0.5))
        return [await end.ask(read(1)) for _ in range(10)]

    assert run_virtual(scene(4)) == run_virtual(scene(4))
    assert run_virtual(scene(4)) != run_virtual(scene(5))


def test_a_trace_tells_who_spoke_and_when() -> None:
    async def scene() -> None:
        station = RtuStation(unit(1))
        end = MasterEnd([station])
        told: list[Spoken] = []
        end.wire.on_spoken = told.append
        await end.ask(read(1))
        assert [one.speaker for one in told] == [None, station]
        assert told[1].start_s - told[0].end_s == pytest.approx(station.turnaround_s)

    run_virtual(scene())


def test_ascii_frames_may_come_in_pieces_but_not_with_a_second_between() -> None:
    async def scene() -> None:
        end = MasterEnd([AsciiStation(unit(17))])
        frame = bytes((17, 3, 0, 4, 0, 1))
        line = b":" + (frame + bytes((lrc(frame),))).hex().upper().encode() + b"\r\n"
        whole = await end.ask(line)
        assert whole.startswith(b":110302")
        assert whole.endswith(b"\r\n")
        end.wire.send(line[:6])
        await asyncio.sleep(0.3)
        assert await end.ask(line[6:]) == whole
        end.wire.send(line[:6])
        await asyncio.sleep(1.2)
        assert await end.ask(line[6:]) == b""
        assert await end.ask(line.replace(b"1103", b"1203")) == b""

    run_virtual(scene())


def test_a_station_that_leaves_falls_silent_and_one_that_joins_is_heard() -> None:
    async def scene() -> None:
        station = RtuStation(unit(1))
        end = MasterEnd([station])
        end.wire.leave(station)
        assert await end.ask(read(1)) == b""
        end.wire.join(station)
        assert await end.ask(read(1)) != b""

    run_virtual(scene())


def test_who_differs_from_others_by_parity_alone_is_out_of_reach_on_a_pseudo_terminal() -> None:
    none, even, odd = (LineSettings(9600, parity) for parity in (Parity.NONE, Parity.EVEN, Parity.ODD))
    slow = LineSettings(2400, Parity.EVEN)
    assert out_of_reach(none, {"a": none, "b": even, "c": odd, "d": slow}) == ("b",)
    assert out_of_reach(even, {"a": none, "b": even}) == ("a",)
    assert out_of_reach(slow, {"a": even, "b": even, "c": slow}) == ()
