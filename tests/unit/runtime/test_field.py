"""Bus units: what a reload stops and starts, and that a parked part starts anew."""

import asyncio
import random
from pathlib import Path

from test_handlers import PROFILE, RECORDINGS, site

from edgeguard.bus import Bus
from edgeguard.core.errors import Permanent
from edgeguard.core.health import Health
from edgeguard.core.ids import BusName
from edgeguard.core.site import BusSpec
from edgeguard.runtime.field import Field, unit_specs
from edgeguard.runtime.supervisor import Supervisor
from edgeguard.testing.clock import FakeClock, run_virtual
from edgeguard.testing.recording import ReplayBus, load_recording


class RefusedBus(ReplayBus):
    """A bus that can never work."""

    async def run(self) -> None:
        raise Permanent("the adapter is not allowed")


def field_of(boss: Supervisor, kind: type[ReplayBus]) -> Field:
    def make(_spec: BusSpec, _entropy: random.Random) -> Bus:
        return kind(load_recording(RECORDINGS / f"{PROFILE}.json"))

    return Field(boss, FakeClock(), lambda _: None, random.Random(1), make)


def test_equal_units_run_on_and_a_parked_one_starts_anew(tmp_path: Path) -> None:
    wanted = unit_specs(site(tmp_path))
    (spec,) = wanted.values()

    async def story(kind: type[ReplayBus]) -> tuple[tuple[BusName, ...], int]:
        news: list[Health] = []
        boss = Supervisor(news.append, random.Random(1))
        field = field_of(boss, kind)
        field.start(spec)
        await asyncio.sleep(1.0)
        stop, start = field.differing(wanted)
        await asyncio.gather(field.stop_all(), field.stop_all())
        assert (field.units, field.pollers, boss.children) == ((), {}, ())
        return stop, len(start)

    assert run_virtual(story(ReplayBus)) == ((), 0)
    assert run_virtual(story(RefusedBus)) == ((BusName("plant"),), 1)


def test_a_unit_that_is_no_longer_wanted_stops_and_a_new_one_starts(tmp_path: Path) -> None:
    wanted = unit_specs(site(tmp_path))
    (spec,) = wanted.values()

    async def story() -> None:
        boss = Supervisor(lambda _: None, random.Random(1))
        field = field_of(boss, ReplayBus)
        assert field.differing(wanted) == ((), (spec,))
        field.start(spec)
        assert {child.name for child in boss.children} == {"bus.plant", "device.pump-1"}
        assert field.differing({}) == ((BusName("plant"),), ())
        await field.stop_all()

    run_virtual(story())
