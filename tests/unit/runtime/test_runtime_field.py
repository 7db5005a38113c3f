"""Bus units: compared, started, stopped; and a device that is asked at once when its bus is back."""

import asyncio
import random
from dataclasses import replace
from pathlib import PurePath

import pytest
from runtime_kit import PROFILE, bus, changed, device, site

from edgeguard.bus import Bus
from edgeguard.core.errors import Permanent, Retryable
from edgeguard.core.health import Health
from edgeguard.core.ids import BusName, DeviceName
from edgeguard.core.line import LineSettings, Parity
from edgeguard.core.profile import ModbusLimits
from edgeguard.core.site import BusSpec, Wire
from edgeguard.core.snapshot import Snapshot
from edgeguard.runtime.field import Field, UnitSpec, unit_specs
from edgeguard.runtime.supervisor import Supervisor
from edgeguard.testing.bus import FakeBus
from edgeguard.testing.clock import FakeClock, run_virtual

PUMP_1, PUMP_2, PUMP_3 = device("pump-1", "riser-a"), device("pump-2", "riser-a", 2), device("pump-3", "riser-b")
SITE = site(PUMP_1, PUMP_2, PUMP_3)
RISER_A, RISER_B = BusName("riser-a"), BusName("riser-b")


class Yard:
    """A field with fake buses, by name; `failure` ends every bus, devices in `known` answered in the last run."""

    def __init__(self, clock: FakeClock, failure: Exception | None = None, known: frozenset[str] = frozenset()) -> None:
        self.buses: dict[BusName, FakeBus] = {}
        self.snapshots: list[Snapshot] = []
        self.news: list[Health] = []
        self.supervisor = Supervisor(self.news.append, random.Random(7))
        self.field = Field(
            self.supervisor, clock, self.snapshots.append, random.Random(7), self._make, recall=lambda device: device.name in known
        )
        self._failure = failure

    def _make(self, spec: BusSpec, _entropy: random.Random) -> Bus:
        made = FakeBus(spec.name) if self._failure is None else FailingBus(spec.name, self._failure)
        for address in (1, 2):
            made.unit(address)
        self.buses[spec.name] = made
        return made

    def start(self) -> None:
        for spec in unit_specs(SITE).values():
            self.field.start(spec)

    @property
    def children(self) -> list[str]:
        return [child.name for child in self.supervisor.children]


class FailingBus(FakeBus):
    """Cannot be kept open; requests are answered nevertheless."""

    def __init__(self, name: str, failure: Exception) -> None:
        super().__init__(name)
        self._failure = failure

    async def run(self) -> None:
        raise self._failure


def test_a_site_is_cut_into_buses_with_their_devices() -> None:
    specs = unit_specs(SITE)
    assert list(specs) == ["riser-a", "riser-b"]
    assert specs[RISER_A] == UnitSpec(bus("riser-a"), (PUMP_1, PUMP_2))
    assert unit_specs(replace(SITE, devices=()))[RISER_B] == UnitSpec(bus("riser-b"), ())


def test_units_differ_by_their_bus_and_by_their_devices_and_by_nothing_else() -> None:
    clock = FakeClock()

    async def story() -> None:
        yard = Yard(clock)
        yard.start()
        field, wanted = yard.field, unit_specs(SITE)
        assert field.differing(wanted) == ((), ())
        other_bus = UnitSpec(replace(bus("riser-a"), port=1502), (PUMP_1, PUMP_2))
        assert field.differing({**wanted, RISER_A: other_bus}) == ((RISER_A,), (other_bus,))
        other_order = UnitSpec(bus("riser-a"), (PUMP_2, PUMP_1))
        assert field.differing({**wanted, RISER_A: other_order}) == ((RISER_A,), (other_order,))
        other_device = UnitSpec(bus("riser-b"), (changed(PUMP_3, stale_after_ms=1),))
        assert field.differing({**wanted, RISER_B: other_device}) == ((RISER_B,), (other_device,))
        new = UnitSpec(bus("riser-c"), ())
        assert field.differing({RISER_B: wanted[RISER_B], BusName("riser-c"): new}) == ((RISER_A,), (new,))
        assert field.differing({}) == ((RISER_A, RISER_B), ())
        await field.stop_all()
        assert field.differing(wanted) == ((), tuple(wanted.values()))

    run_virtual(story(), clock)


def test_parts_are_named_and_found_by_name() -> None:
    clock = FakeClock()

    async def story() -> None:
        yard = Yard(clock)
        yard.start()
        assert yard.children == ["bus.riser-a", "device.pump-1", "device.pump-2", "bus.riser-b", "device.pump-3"]
        assert yard.field.units[0].children == ("device.pump-1", "device.pump-2", "bus.riser-a")
        assert yard.field.device(DeviceName("pump-2")).spec is PUMP_2
        with pytest.raises(KeyError):
            yard.field.device(DeviceName("ghost"))
        await yard.field.stop([RISER_A])
        assert yard.children == ["bus.riser-b", "device.pump-3"]
        assert list(yard.field.pollers) == ["pump-3"]
        with pytest.raises(KeyError):
            yard.field.device(DeviceName("pump-2"))
        await yard.field.stop_all()

    run_virtual(story(), clock)


def test_stopping_twice_at_once_or_what_is_not_there_does_no_harm() -> None:
    clock = FakeClock()

    async def story() -> None:
        yard = Yard(clock)
        yard.start()
        await asyncio.sleep(0.1)
        await asyncio.gather(yard.field.stop([RISER_A, BusName("ghost")]), yard.field.stop([RISER_A]), yard.field.stop_all())
        assert (yard.children, yard.field.units, yard.field.pollers) == ([], (), {})
        yard.start()
        assert len(yard.children) == 5
        await yard.field.stop_all()

    run_virtual(story(), clock)


def test_a_unit_stops_in_the_middle_of_a_round() -> None:
    clock = FakeClock()

    async def story() -> None:
        yard = Yard(clock)
        yard.start()
        yard.buses[RISER_A].unit(1).silent = True
        await asyncio.sleep(0.2)
        begun_s = asyncio.get_running_loop().time()
        await yard.field.stop([RISER_A])
        assert asyncio.get_running_loop().time() == begun_s
        assert [snapshot.device for snapshot in yard.snapshots] == ["pump-3"]
        await yard.field.stop_all()

    run_virtual(story(), clock)


@pytest.mark.parametrize("failure", [Permanent("the port is refused"), Retryable("the port is busy")])
def test_a_bus_that_is_parked_or_waits_leaves_its_pollers_alone_and_can_be_stopped(failure: Exception) -> None:
    clock = FakeClock()

    async def story() -> None:
        yard = Yard(clock, failure)
        yard.start()
        await asyncio.sleep(0.1)
        states = {child.name: child.state.value for child in yard.supervisor.children}
        assert states["bus.riser-a"] == ("failed" if isinstance(failure, Permanent) else "waiting")
        assert states["device.pump-1"] == "running"
        assert {news.source for news in yard.news} == {"bus.riser-a", "bus.riser-b"}
        await yard.field.stop_all()
        assert yard.children == []

    run_virtual(story(), clock)


def test_devices_of_a_bus_start_at_different_moments_of_the_period() -> None:
    clock = FakeClock()

    async def story() -> None:
        yard = Yard(clock)
        spec = UnitSpec(bus("riser-a"), (changed(PUMP_1, period_ms=1000), changed(PUMP_2, period_ms=1000)))
        yard.field.start(spec)
        await asyncio.sleep(0.9)
        first, second = (snapshot.at.boot_ms for snapshot in yard.snapshots)
        assert 600 < second - first < 640
        await yard.field.stop_all()

    run_virtual(story(), clock)


def test_those_that_answered_in_the_last_run_are_polled_before_those_that_may_be_dead() -> None:
    clock = FakeClock()

    async def story() -> None:
        yard = Yard(clock, known=frozenset({"pump-2"}))
        spec = UnitSpec(bus("riser-a"), (changed(PUMP_1, period_ms=1000), changed(PUMP_2, period_ms=1000)))
        yard.field.start(spec)
        await asyncio.sleep(1.5)
        assert [snapshot.device for snapshot in yard.snapshots[:2]] == ["pump-2", "pump-1"]
        await yard.field.stop_all()
        strangers = Yard(clock)
        strangers.field.start(spec)
        await asyncio.sleep(1.5)
        assert [snapshot.device for snapshot in strangers.snapshots[:2]] == ["pump-1", "pump-2"]
        await strangers.field.stop_all()

    run_virtual(story(), clock)


def test_a_poller_has_the_patience_for_a_bus_full_of_dead_devices() -> None:
    clock = FakeClock()

    async def story() -> None:
        yard = Yard(clock)
        slow = changed(PUMP_2, profile=replace(PROFILE, limits=ModbusLimits(timeout_ms=2000)))
        yard.field.start(UnitSpec(bus("riser-a"), (PUMP_1, slow)))
        assert [poller.figures.patience_s for poller in yard.field.pollers.values()] == [45.0, 45.0]
        assert {poller.figures.beat_s for poller in yard.field.pollers.values()} == {asyncio.get_running_loop().time()}
        await yard.field.stop_all()

    run_virtual(story(), clock)


# --- a bus that comes back


def test_a_silent_device_is_asked_as_soon_as_its_bus_is_back() -> None:
    clock = FakeClock()

    async def story() -> None:
        yard = Yard(clock)
        yard.field.start(UnitSpec(bus("riser-a"), (changed(PUMP_1, period_ms=1000),)))
        await asyncio.sleep(2.5)
        wire = yard.buses[RISER_A]
        wire.disconnect()
        await asyncio.sleep(3600.0)
        assert not yard.snapshots[-1].answered
        rounds = len(yard.snapshots)
        wire.connect()
        await asyncio.sleep(0.05)
        assert [snapshot.answered for snapshot in yard.snapshots[rounds:]] == [True]
        await asyncio.sleep(10.0)
        assert len(yard.snapshots) - rounds == 11
        await yard.field.stop_all()

    run_virtual(story(), clock)


def test_a_bus_that_is_back_with_a_device_still_dead_costs_one_more_knock() -> None:
    clock = FakeClock()

    async def story() -> None:
        yard = Yard(clock)
        yard.field.start(UnitSpec(bus("riser-a"), (changed(PUMP_1, period_ms=1000),)))
        wire = yard.buses[RISER_A]
        await asyncio.sleep(0.5)
        wire.unit(1).silent = True
        await asyncio.sleep(3600.0)
        wire.disconnect()
        wire.connect()
        before = len(yard.snapshots)
        await asyncio.sleep(2.0)
        assert [snapshot.answered for snapshot in yard.snapshots[before:]] == [False]
        await asyncio.sleep(100.0)
        assert len(yard.snapshots) - before <= 2
        await yard.field.stop_all()

    run_virtual(story(), clock)


def test_a_wake_is_nothing_to_a_device_that_answers() -> None:
    clock = FakeClock()

    async def story() -> None:
        yard = Yard(clock)
        yard.field.start(UnitSpec(bus("riser-a"), (changed(PUMP_1, period_ms=1000),)))
        await asyncio.sleep(0.5)
        poller = yard.field.pollers[DeviceName("pump-1")]
        for _ in range(50):
            poller.wake()
            await asyncio.sleep(0.1)
        assert poller.figures.rounds == 6
        yard.buses[RISER_A].unit(1).silent = True
        await asyncio.sleep(1.4)
        assert poller.figures.failures == 1
        await yard.field.stop_all()

    run_virtual(story(), clock)


def test_a_line_of_several_speeds_is_watched_at_that_of_its_fastest_device() -> None:
    """Else a long answer of a fast device would seem to begin before it was asked for."""
    slow, fast = LineSettings(2400, Parity.EVEN), LineSettings(9600)
    line = replace(bus("riser-a"), wire=Wire.SERIAL_RTU, device=PurePath("/dev/ttyUSB0"), line=slow)

    async def story() -> None:
        field = Yard(FakeClock()).field
        assert field.build(UnitSpec(line, (PUMP_1, PUMP_2))).watch.character_s == slow.character_s
        assert field.build(UnitSpec(line, (PUMP_1, replace(PUMP_2, line=fast)))).watch.character_s == fast.character_s

    run_virtual(story())
