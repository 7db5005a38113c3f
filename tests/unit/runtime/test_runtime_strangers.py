"""Devices that nobody has heard yet, and dead ones, on a serial line: what they cost the living, and how soon they are found."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace

import pytest
from runtime_kit import device

from edgeguard.bus import LineCost
from edgeguard.bus.framings import Framings
from edgeguard.bus.turns import Turns
from edgeguard.codec.rtu import RtuFraming, crc16
from edgeguard.core.ids import DeviceName
from edgeguard.core.limits import BUS_PASSED_OVER, BUS_PROBE_SHARE, FIRST_LOOK_S, RTU_QUIET_S, SERIAL_SILENT_TIMEOUTS
from edgeguard.core.line import LineSettings
from edgeguard.core.snapshot import Snapshot
from edgeguard.driver import build_device
from edgeguard.runtime.poller import Poller, start_offset_s
from edgeguard.testing.bus import FakeBus
from edgeguard.testing.clock import FakeClock, run_virtual

LINE = LineSettings(9600)
TIMEOUT_S = 1.0
SERIAL = LineCost(byte_s=10 / 9600, turn_s=0.01)


class RtuBus(FakeBus):
    """Modbus RTU with true byte times: frames bear no number, and what is sent while another speaks is spoilt."""

    def __init__(self) -> None:
        super().__init__(cost=SERIAL)
        self._turns = Turns(self.name, Framings.only(RtuFraming()), 1, 0.0, LINE, SERIAL_SILENT_TIMEOUTS)
        self._sends_until_s = 0.0

    def _written(self, data: bytes) -> None:
        sending_s = len(data) * LINE.character_s
        self._sends_until_s = asyncio.get_running_loop().time() + sending_s
        unit = self.units[data[0]]
        answer = unit.answer(data[1:-2])
        if answer is None:
            return
        frame = data[:1] + answer
        frame += crc16(frame).to_bytes(2, "little")
        takes_s = len(frame) * LINE.character_s

        def arrives() -> None:
            begun_s = asyncio.get_running_loop().time() - takes_s
            self.receive(frame if begun_s >= self._sends_until_s else bytes(len(frame)))

        self._later(sending_s + unit.response_s + takes_s, arrives)


class Riser:
    """A serial line whose devices are polled; `rounds` are the times of their answered rounds since the start."""

    def __init__(self, units: Iterable[int], period_s: float = 0.5, bus: FakeBus | None = None) -> None:
        self.period_s = period_s
        self.bus = bus or FakeBus(cost=SERIAL)
        self.clock = FakeClock()
        self.rounds: dict[int, list[float]] = {unit: [] for unit in units}
        self.told: dict[int, list[float]] = {unit: [] for unit in units}
        self.begun_s = 0.0
        for unit in units:
            self.bus.unit(unit).response_s = 0.02

    def silence(self, units: Iterable[int], silent: bool = True) -> None:
        for unit in units:
            self.bus.unit(unit).silent = silent

    @property
    def passed_s(self) -> float:
        return asyncio.get_running_loop().time() - self.begun_s

    def run(self, story: Callable[[], Awaitable[None]]) -> None:
        async def main() -> None:
            self.begun_s = asyncio.get_running_loop().time()
            pollers: list[Poller] = []
            pollers += [self._poller(index, unit, pollers) for index, unit in enumerate(self.rounds)]
            tasks = [asyncio.create_task(poller.run()) for poller in pollers]
            await story()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        run_virtual(main(), self.clock)

    def _poller(self, index: int, unit: int, pollers: list[Poller]) -> Poller:
        spec = device(f"d{unit}", "riser", unit)  # an alarm watches it
        profile = replace(spec.profile, limits=replace(spec.profile.limits, timeout_ms=int(TIMEOUT_S * 1000)))
        made = build_device(replace(spec, profile=profile, name=DeviceName(f"d{unit}")), self.bus, self.clock)

        def sink(snapshot: Snapshot) -> None:
            self.told[unit].append(self.passed_s)
            if snapshot.answered:
                self.rounds[unit].append(self.passed_s)

        def wake() -> None:
            for poller in pollers:
                poller.wake()

        return Poller(made, sink, self.period_s, start_offset_s(index, self.period_s), wake)


def test_twenty_strangers_that_are_dead_leave_the_line_to_the_one_that_lives() -> None:
    """Their looks are short, and whoever lives comes between them; the whole tries that follow take a tenth of the line."""
    dead = range(1, 21)
    riser = Riser([*dead, 99])
    riser.silence(dead)

    async def story() -> None:
        await asyncio.sleep(44.0)
        assert riser.rounds[99][0] <= 20 * FIRST_LOOK_S + 20 / BUS_PASSED_OVER * TIMEOUT_S
        assert len(riser.rounds[99]) >= 70  # of 88; they were 2
        assert all(told[0] <= 21 * FIRST_LOOK_S + 1.0 for told in riser.told.values())
        since_s, busy_s, had = riser.passed_s, riser.bus.stats.busy_s, len(riser.rounds[99])
        await asyncio.sleep(100.0)
        living_s = 2 * 0.02 * (len(riser.rounds[99]) - had)
        assert riser.bus.stats.busy_s - busy_s - living_s <= BUS_PROBE_SHARE * (riser.passed_s - since_s) + TIMEOUT_S

    riser.run(story)


def test_a_slow_stranger_among_dead_ones_is_found_within_their_share() -> None:
    dead = range(1, 11)
    riser = Riser([*dead, 98, 99])
    riser.silence(dead)
    riser.bus.unit(98).response_s = 0.8

    async def story() -> None:
        await asyncio.sleep((len(dead) + 1) * TIMEOUT_S / BUS_PROBE_SHARE + 12 * FIRST_LOOK_S)
        assert riser.rounds[98]
        assert riser.rounds[99]

    riser.run(story)


@pytest.mark.parametrize("response_s", [0.3, 0.95])
def test_a_slow_stranger_is_known_by_its_late_answer_and_does_not_wait_for_the_share_of_the_dead(response_s: float) -> None:
    """It answers its first look while the dead have theirs; after one round of looks it has its whole time-out."""
    dead = range(1, 21)
    riser = Riser([*dead, 98, 99], bus=RtuBus())
    riser.silence(dead)
    riser.bus.unit(98).response_s = response_s

    async def story() -> None:
        await asyncio.sleep(22 * (FIRST_LOOK_S + RTU_QUIET_S) + (20 / BUS_PASSED_OVER + 6) * TIMEOUT_S)  # it was 204 s
        assert riser.rounds[98]
        since_s, busy_s, had = riser.passed_s, riser.bus.stats.busy_s, [len(riser.rounds[unit]) for unit in (98, 99)]
        await asyncio.sleep(40.0)
        slow, quick = (len(riser.rounds[unit]) - before for unit, before in zip((98, 99), had, strict=True))
        assert slow >= 12
        assert quick >= 25
        living_s = 2 * slow * (response_s + 0.02) + 2 * quick * (0.02 + 0.02)
        assert riser.bus.stats.busy_s - busy_s - living_s <= BUS_PROBE_SHARE * (riser.passed_s - since_s) + TIMEOUT_S

    riser.run(story)


def test_those_that_always_answer_after_their_time_out_keep_to_the_share_of_the_dead() -> None:
    """Their late answers let them pass once, not again and again."""
    late = range(1, 11)
    riser = Riser([*late, 99], bus=RtuBus())
    for unit in late:
        riser.bus.unit(unit).response_s = TIMEOUT_S + 0.2

    async def story() -> None:
        await asyncio.sleep(30.0)
        since_s, busy_s, had = riser.passed_s, riser.bus.stats.busy_s, len(riser.rounds[99])
        await asyncio.sleep(40.0)
        assert len(riser.rounds[99]) - had >= 50
        living_s = 2 * (0.02 + 0.02) * (len(riser.rounds[99]) - had)
        assert riser.bus.stats.busy_s - busy_s - living_s <= BUS_PROBE_SHARE * (riser.passed_s - since_s) + TIMEOUT_S

    riser.run(story)


def test_a_slow_stranger_that_is_alone_is_found_at_once() -> None:
    riser = Riser([98])
    riser.bus.unit(98).response_s = 0.8

    async def story() -> None:
        await asyncio.sleep(4.0)
        assert riser.rounds[98]

    riser.run(story)


def test_when_one_is_back_the_others_are_knocked_at_at_once() -> None:
    """A riser has been without power for a quarter of an hour; each device is knocked at ever more rarely."""
    units = range(1, 11)
    riser = Riser([*units, 99], period_s=10.0)

    async def story() -> None:
        await asyncio.sleep(30.0)
        riser.silence(units)
        await asyncio.sleep(900.0)
        riser.silence(units, silent=False)
        back_s = riser.passed_s
        await asyncio.sleep(300.0)
        first_s = [next(at for at in riser.rounds[unit] if at > back_s) for unit in units]
        assert max(first_s) - min(first_s) <= 1.0

    riser.run(story)
