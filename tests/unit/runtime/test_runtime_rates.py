"""Rate limits do not begin anew with a restart, a crash or a boot; restarts themselves are limited."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from runtime_kit import POINTS, PROFILE, House, call, device, living, site

from edgeguard.control import Call, Handler
from edgeguard.control.views import StatusView
from edgeguard.core.errors import CommandRefused, StoreError, WriteRefused
from edgeguard.core.ids import BootId
from edgeguard.core.interlock import Interlock
from edgeguard.core.limits import HOUR_MS, RESTART_PAUSE_MS, RESTARTS_PER_HOUR
from edgeguard.core.site import Site
from edgeguard.runtime.config_put import ConfigPut
from edgeguard.runtime.rates_kept import OWNER, RatesKept
from edgeguard.runtime.site_files import SiteFiles
from edgeguard.runtime.specials import special_commands
from edgeguard.store import Batch
from edgeguard.testing.clock import FakeClock, run_virtual

PRESSURE = next(point.name for point in POINTS if point.write is not None and point.write.harmless)


def site_of(**interlock: int) -> Site:
    spec = replace(
        device("pump-1", "riser-a", period_ms=60_000), profile=PROFILE, interlocks={PRESSURE: Interlock((), **interlock)}
    )
    return site(spec)


async def write(house: House, value: float) -> str:
    view = await house.handlers.write(call("write", by="liwei", device="pump-1", point=PRESSURE, value=value))
    return view.fate


def another_boot(clock: FakeClock, off_s: float, synced: bool = True) -> FakeClock:
    """The same machine, so long later, counting from its new beginning."""
    later = FakeClock(int(clock.wall_ms + off_s * 1000), boot_ms=20_000, synced=synced)
    later.boot = BootId("boot-b")
    return later


def test_a_restart_does_not_give_a_point_its_writes_anew() -> None:
    clock = FakeClock()
    of = site_of(per_hour=2, min_interval_ms=1000)

    async def main() -> None:
        async with living(clock, of) as house:
            assert await write(house, 3.0) == "done"
            await asyncio.sleep(2)
            assert await write(house, 3.5) == "done"
            states = await house.store.load_states()
        async with living(clock, of) as house:
            house.gateway.rates.known(states[OWNER])
            with pytest.raises(WriteRefused, match=r"the last write is 0\.1 s ago"):
                await write(house, 4.0)
            await asyncio.sleep(1)
            with pytest.raises(WriteRefused, match="2 writes within the last hour, 2 are allowed"):
                await write(house, 4.0)
            await asyncio.sleep(HOUR_MS / 1000 - 2)
            assert await write(house, 4.0) == "done"

    run_virtual(main(), clock)


def test_a_crash_after_the_record_and_before_the_device_leaves_the_write_counted_and_a_refusal_does_not() -> None:
    clock = FakeClock()
    of = site_of(min_interval_ms=60_000)

    async def main() -> None:
        async with living(clock, of) as house:
            with pytest.raises(WriteRefused, match="above"):
                await write(house, 1e9)
            assert (await house.store.load_states()).get(OWNER, {}) == {}
            house.unit("riser-a").response_s = 0.3
            writing = asyncio.create_task(write(house, 3.0))
            await asyncio.sleep(0.01)
            states = await house.store.load_states()  # the power goes now
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
        async with living(clock, of) as house:
            house.gateway.rates.known(states[OWNER])
            with pytest.raises(WriteRefused, match="the last write is"):
                await write(house, 4.0)

    run_virtual(main(), clock)


def test_what_is_counted_is_in_the_transaction_of_the_record() -> None:
    clock = FakeClock()

    async def main() -> None:
        async with living(clock, site_of()) as house:
            assert await write(house, 3.0) == "done"
            (accepted,) = [batch for batch in house.store.durable if batch.states]
            assert len(accepted.items) == 1
            assert [state.name for state in accepted.states] == [f"write pump-1.{PRESSURE}"]
            house.store.refusal = StoreError("the disk is full")
            with pytest.raises(StoreError):
                await write(house, 3.5)
            assert len(house.gateway.rates.earlier(f"write pump-1.{PRESSURE}")) == 1

    run_virtual(main(), clock)


def test_two_commands_for_one_point_at_once_do_not_refuse_each_other() -> None:
    clock = FakeClock()

    async def main() -> None:
        async with living(clock, site_of(min_interval_ms=5000)) as house:
            first, second = await asyncio.gather(write(house, 3.0), write(house, 3.5), return_exceptions=True)
            assert first == "done"
            assert isinstance(second, WriteRefused)

    run_virtual(main(), clock)


@pytest.mark.parametrize(
    ("off_s", "synced", "ages_s"),
    [
        (600.0, True, [630.0, 610.0]),
        (600.0, False, [30.0, 10.0]),
        (-5.0, True, [30.0, 10.0]),
        (3 * 86_400.0, True, [259_230.0, 259_210.0]),
    ],
)
def test_after_a_boot_the_wall_clock_tells_the_age_if_it_can_be_trusted(off_s: float, synced: bool, ages_s: list[float]) -> None:
    clock = FakeClock()
    rates = RatesKept(clock)
    rates.count("x")
    clock.advance(20)
    rates.count("x")
    clock.advance(10)
    body = rates.state("x").body
    later = another_boot(clock, off_s, synced)
    again = RatesKept(later)
    again.known({"x": body})
    assert [(later.now().boot_ms - at_ms) / 1000 for at_ms in again.earlier("x")] == pytest.approx(ages_s)


def test_times_are_told_apart_moved_and_taken_back() -> None:
    clock = FakeClock()
    rates = RatesKept(clock)
    first, second = rates.count("x"), rates.count("x")
    assert first != second
    assert rates.earlier("x", first) == ()
    assert rates.earlier("x", second) == (first,)
    clock.advance(5)
    moved = rates.move("x", first)
    assert moved == clock.now().boot_ms
    assert rates.earlier("x", second) == (moved,)
    rates.take_back("x", second)
    rates.take_back("x", moved)
    assert (rates.earlier("x"), rates.state("x").body, rates.states()) == ((), b"", ())
    for _ in range(5):
        rates.count("x")
        clock.advance(HOUR_MS / 4000)
    assert len(rates.earlier("x")) == 1 + 4  # the newest that is older than an hour, for pauses longer than that


def test_a_pause_of_more_than_an_hour_is_kept_and_after_a_refusal_as_well() -> None:
    clock = FakeClock()

    async def main() -> None:
        async with living(clock, site_of(min_interval_ms=6 * HOUR_MS)) as house:
            assert await write(house, 3.0) == "done"
            await asyncio.sleep(5 * HOUR_MS / 1000)
            for _ in range(2):
                both = await asyncio.gather(write(house, 3.5), write(house, 4.0), return_exceptions=True)
                assert all(isinstance(end, WriteRefused) and "the last write is" in str(end) for end in both)
            await asyncio.sleep(HOUR_MS / 1000)
            assert await write(house, 4.0) == "done"

    run_virtual(main(), clock)


def test_a_new_file_of_the_store_gets_what_is_remembered_and_gives_what_it_has() -> None:
    clock = FakeClock()

    async def main() -> None:
        async with living(clock, site_of()) as house:
            keeping = asyncio.create_task(house.gateway.keep_rates())
            other = RatesKept(clock)
            other.count("write pump-1.other")
            await house.store.put(Batch((), states=other.states()))
            house.gateway.rates.count("write pump-1.x")
            house.gateway.rates.apart.set()
            await asyncio.sleep(0.01)
            assert set((await house.store.load_states())[OWNER]) == {"write pump-1.other", "write pump-1.x"}
            keeping.cancel()

    run_virtual(main(), clock)


def test_what_the_store_cannot_say_yet_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeClock()

    async def main() -> None:
        async with living(clock, site_of()) as house:
            other = RatesKept(clock)
            other.count("write pump-1.x")
            await house.store.put(Batch((), states=other.states()))
            asked = 0
            load = house.store.load_states

            async def busy() -> dict[str, dict[str, bytes]]:
                nonlocal asked
                asked += 1
                if asked < 3:
                    raise StoreError("the disk is busy")
                return await load()

            monkeypatch.setattr(house.store, "load_states", busy)
            keeping = asyncio.create_task(house.gateway.keep_rates())
            house.gateway.rates.apart.set()
            await asyncio.sleep(60)
            assert (asked, len(house.gateway.rates.earlier("write pump-1.x"))) == (3, 1)
            keeping.cancel()

    run_virtual(main(), clock)


def restart_of(house: House, status: Callable[[Call], Awaitable[StatusView]], stopped: asyncio.Event) -> Handler:
    """The handler of the command `restart`."""
    config = ConfigPut(house.gateway, SiteFiles(Path("/x")), house._no_reload)
    return special_commands(house.gateway, config, status, stopped.set)["restart"]


def test_the_platform_restarts_the_gateway_now_and_then_and_not_again_and_again() -> None:
    clock = FakeClock()

    async def status(_: object) -> StatusView:
        raise NotImplementedError

    async def main() -> None:
        kept: dict[str, bytes] = {}
        restarts = 0
        for _ in range(12):
            async with living(clock, site_of()) as house:
                house.gateway.rates.known(kept)
                stopped = asyncio.Event()
                restart = restart_of(house, status, stopped)
                (result,) = await asyncio.gather(restart(call("restart")), return_exceptions=True)
                await asyncio.sleep(2)
                refused = isinstance(result, CommandRefused) and result.code == "too-often"
                assert stopped.is_set() is not refused
                if not refused:
                    restarts += 1
                    kept = (await house.store.load_states())[OWNER]
                await asyncio.sleep(180)
        assert restarts == RESTARTS_PER_HOUR

        async with living(clock, site_of()) as house:
            await asyncio.sleep(HOUR_MS / 1000)
            house.store.refusal = StoreError("full")
            stopped = asyncio.Event()
            restart = restart_of(house, status, stopped)
            with pytest.raises(StoreError, match="the disk takes nothing"):
                await restart(call("restart"))
            await asyncio.sleep(2)
            assert not stopped.is_set()

    run_virtual(main(), clock)
    assert RESTART_PAUSE_MS * RESTARTS_PER_HOUR < HOUR_MS
