"""A serial line of many devices that are polled, some of them silent; for the tests of this room."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace

from runtime_kit import device

from edgeguard.bus import LineCost
from edgeguard.bus.framings import Framings
from edgeguard.bus.tap import Passing, WireEvent
from edgeguard.bus.turns import Turns
from edgeguard.codec.rtu import RtuFraming, crc16
from edgeguard.core.ids import DeviceName
from edgeguard.core.limits import SERIAL_SILENT_TIMEOUTS
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
        self.waits: list[tuple[int, float, float]] = []
        """Of each request without an answer: the unit, when it went out and when it was given up."""
        self._sent_s = 0.0
        self.bus.listen(self._note)
        for unit in units:
            self.bus.unit(unit).response_s = 0.02

    def silence(self, units: Iterable[int], silent: bool = True) -> None:
        for unit in units:
            self.bus.unit(unit).silent = silent

    def _note(self, event: WireEvent) -> None:
        if event.passing is Passing.SENT:
            self._sent_s = event.at_s
        elif event.passing is Passing.FAILED and isinstance(event.station, int):
            self.waits.append((event.station, self._sent_s - self.begun_s, event.at_s - self.begun_s))

    def worst_share(self, units: Iterable[int], window_s: float, since_s: float, quiet_s: float) -> float:
        """The most of any so long that was waited for these, with the silence that follows each wait; no begin before `since_s`."""
        waits = [(max(sent_s, since_s), until_s + quiet_s) for unit, sent_s, until_s in self.waits if unit in set(units)]
        begins = [since_s, *(sent_s for sent_s, _ in waits), *(until_s - window_s for _, until_s in waits)]
        return max(
            sum(max(0.0, min(until_s, begin_s + window_s) - max(sent_s, begin_s)) for sent_s, until_s in waits) / window_s
            for begin_s in begins
            if begin_s >= since_s
        )

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
