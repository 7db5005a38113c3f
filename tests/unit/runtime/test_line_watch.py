"""A wire watched by the daemon: load and quality, faults that freeze the flight recorder, and what can be asked about it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from runtime_kit import House, call, device, living, site

from edgeguard.control import UnknownName
from edgeguard.control.errors import BadArguments
from edgeguard.control.line_views import TraceView
from edgeguard.core.ids import BusName
from edgeguard.core.item import Stream
from edgeguard.core.limits import FLIGHT_EVENT_BYTES, FLIGHT_EVENT_FRAMES, FLIGHT_QUIET_S, TRACE_WAIT_S
from edgeguard.runtime.line_handlers import LineHandlers
from edgeguard.testing.clock import FakeClock, run_virtual

BUS = BusName("riser-a")
PUMPS = (device("pump-1", BUS, period_ms=2000), device("pump-2", BUS, 2, period_ms=4000))


def in_house(test: Callable[[House, LineHandlers], Awaitable[None]]) -> None:
    """Run a test with two pumps on a bus that is looked at once a second, as the daemon does."""
    clock = FakeClock()

    async def main() -> None:
        async with living(clock, site(*PUMPS)) as house:
            house.unit(BUS, 2)
            looking = asyncio.create_task(keep_looking(house))
            await test(house, LineHandlers(house.gateway))
            looking.cancel()

    async def keep_looking(house: House) -> None:
        while True:
            house.gateway.field.look()
            await asyncio.sleep(1.0)

    run_virtual(main(), clock)


def health(house: House, code: str) -> list[dict[str, Any]]:
    return [body for body in house.store.bodies(Stream.EVENTS) if body["type"] == "health" and body["code"] == code]


def test_a_bus_shows_load_rates_and_real_periods() -> None:
    async def test(house: House, handlers: LineHandlers) -> None:
        house.unit(BUS).response_s = 0.1
        await asyncio.sleep(300)

        (view,) = await handlers.buses(call("buses", bus=BUS))

        # pump-1 asks twice every two seconds, pump-2 twice every four.
        assert view.requests_per_s == pytest.approx(1.5, rel=0.1)
        assert view.load == pytest.approx(0.1, rel=0.1)
        assert view.score == 100
        assert sum(hour.requests for hour in view.hours) == pytest.approx(450, rel=0.05)
        first, second = view.devices
        assert (first.device, first.period_s, first.state) == ("pump-1", 2.0, "online")
        assert first.every_s == pytest.approx(2.0, rel=0.01)
        assert first.round_ms == pytest.approx(200, rel=0.01)
        assert second.round_ms < 10

    in_house(test)


def test_a_device_that_falls_silent_freezes_what_passed_before() -> None:
    async def test(house: House, handlers: LineHandlers) -> None:
        await asyncio.sleep(20)
        assert await handlers.flight(call("flight", bus=BUS)) == ()
        house.unit(BUS).silent = True
        await asyncio.sleep(20)

        (told,) = health(house, "device-silent")
        assert (told["source"], told["ok"], told["text"]["en"]) == ("bus.riser-a", False, "device pump-1 has fallen silent")
        words = [frame["text"]["en"] for frame in told["frames"]]
        assert any(text.startswith("1: failed: timeout") for text in words)
        assert "1: read holding 0..1 = 50 0" in words
        assert all(frame["at"].startswith("2026-09-21T14:1") for frame in told["frames"])
        assert sum(len(str(frame)) for frame in told["frames"]) < 2 * FLIGHT_EVENT_BYTES
        (kept,) = await handlers.flight(call("flight", bus=BUS))
        assert (kept.code, kept.device) == ("device-silent", "pump-1")

        house.unit(BUS).silent = False
        await asyncio.sleep(30)
        assert [body["ok"] for body in health(house, "device-silent")] == [False, True]

    in_house(test)


def test_on_a_busy_line_the_event_shows_the_device_that_it_is_about() -> None:
    clock = FakeClock()
    quick = [device(f"pump-{n}", BUS, n, period_ms=500) for n in range(10, 13)]

    async def main() -> None:
        async with living(clock, site(device("slow", BUS, 1, period_ms=3000), *quick)) as house:
            await asyncio.sleep(4.0)
            house.unit(BUS).silent = True
            while not health(house, "device-silent"):
                await asyncio.sleep(4.0)
                house.gateway.field.look()
            (told,) = health(house, "device-silent")
            words = [frame["text"]["en"] for frame in told["frames"]]
            assert any(text.startswith("1: failed: timeout") for text in words)
            assert "1: read holding 0..1 = 50 0" in words
            assert any(text.startswith("12: ") for text in words)
            assert [frame["at"] for frame in told["frames"]] == sorted(frame["at"] for frame in told["frames"])
            assert len(words) == FLIGHT_EVENT_FRAMES

    run_virtual(main(), clock)


def test_a_device_that_never_answered_is_no_news_of_the_line() -> None:
    async def test(house: House, handlers: LineHandlers) -> None:
        # The second pump's first round is still to come.
        house.unit(BUS, 2).silent = True
        await asyncio.sleep(60)

        assert health(house, "device-silent") == []

    in_house(test)


def test_a_lost_connection_is_one_trouble_and_not_one_for_each_device() -> None:
    async def test(house: House, handlers: LineHandlers) -> None:
        await asyncio.sleep(10)
        house.bus(BUS).disconnect()
        await asyncio.sleep(30)

        assert health(house, "device-silent") == []
        (view,) = await handlers.buses(call("buses"))
        assert view.state == "waiting"
        (told,) = health(house, "connection-lost")
        words = [frame["text"]["en"] for frame in told["frames"]]
        assert "1: read holding 0..1 = 50 0" in words
        assert any(text.startswith("closed: ") for text in words)

    in_house(test)


def test_a_connection_that_is_back_at_once_is_no_news() -> None:
    async def test(house: House, handlers: LineHandlers) -> None:
        for _ in range(5):
            await asyncio.sleep(10)
            house.bus(BUS).disconnect()
            await asyncio.sleep(1)
            house.bus(BUS).connect()
        await asyncio.sleep(30)
        assert health(house, "connection-lost") == []

    in_house(test)


def test_a_connection_that_was_never_there_is_no_news_of_the_line() -> None:
    clock = FakeClock()

    async def main() -> None:
        house = House(clock, site(device("pump-1", BUS)))
        house.unit(BUS).silent = True
        house.gateway.start({})
        await asyncio.sleep(0.1)
        house.bus(BUS).disconnect()
        for _ in range(5):
            await asyncio.sleep(5.0)
            house.gateway.field.look()
        assert health(house, "connection-lost") == []
        await house.gateway.stop(0.1)

    run_virtual(main(), clock)


def test_a_burst_of_bad_answers_is_told_once_and_ends() -> None:
    async def test(house: House, handlers: LineHandlers) -> None:
        await asyncio.sleep(10)
        for _ in range(3):
            # An answer of another unit spoils nothing; half a frame and a wrong unit are counted by the bus.
            house.unit(BUS).answers_as = 77
            await asyncio.sleep(4)
        house.unit(BUS).answers_as = None
        await asyncio.sleep(10)
        (view,) = await handlers.buses(call("buses"))
        assert view.score is not None
        assert view.score < 100

        house.bus(BUS).receive(bytes((0, 99, 0, 0, 0, 250, 1)) + bytes(249))
        for _ in range(10):
            house.bus(BUS).receive(bytes((0, 99, 0, 0, 0, 250, 1)) + bytes(249))
        await asyncio.sleep(10)
        assert [body["ok"] for body in health(house, "flood")] == [False]
        await asyncio.sleep(FLIGHT_QUIET_S + 20)
        assert [body["ok"] for body in health(house, "flood")] == [False, True]

    in_house(test)


def test_trace_gives_what_passes_and_goes_on_from_there() -> None:
    async def test(house: House, handlers: LineHandlers) -> None:
        begun = await handlers.trace(call("trace", bus=BUS))
        assert begun.records == ()
        assert begun.network

        got: TraceView = begun
        kinds: list[str] = []
        while len(kinds) < 12:
            got = await handlers.trace(call("trace", bus=BUS, after=got.next))
            assert got.missed == 0
            kinds += [record.kind for record in got.records]

        assert kinds[:4] == ["sent", "received", "sent", "received"]
        assert got.devices == {"1": "pump-1", "2": "pump-2"}
        now_ms = house.clock.now().wall_ms
        assert got.records[-1].at_s + got.wall_offset_s == pytest.approx(now_ms / 1000, abs=3)

    in_house(test)


def test_trace_can_begin_in_the_past_and_waits_no_longer_than_it_may() -> None:
    async def test(house: House, handlers: LineHandlers) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(60)
        past = await handlers.trace(call("trace", bus=BUS, last_s=30))
        assert 80 < len(past.records) < 100

        house.bus(BUS).disconnect()
        past = await handlers.trace(call("trace", bus=BUS, after=past.next))
        begun_s = loop.time()
        quiet = await handlers.trace(call("trace", bus=BUS, after=past.next))
        assert quiet.records == ()
        assert loop.time() - begun_s == pytest.approx(TRACE_WAIT_S, abs=1)

    in_house(test)


def test_a_reload_ends_the_wait_of_whoever_traces_the_old_bus() -> None:
    async def test(house: House, handlers: LineHandlers) -> None:
        now = await handlers.trace(call("trace", bus=BUS))
        house.bus(BUS).disconnect()
        waiting = asyncio.create_task(handlers.trace(call("trace", bus=BUS, after=now.next + 1)))
        await asyncio.sleep(0)
        await house.gateway.field.stop([BUS])

        async with asyncio.timeout(TRACE_WAIT_S / 2):
            await waiting

    in_house(test)


def test_what_cannot_be_asked_is_refused() -> None:
    async def test(house: House, handlers: LineHandlers) -> None:
        for method in ("buses", "flight", "trace"):
            with pytest.raises(UnknownName, match="riser-a"):
                await handlers.table()[method](call(method, bus="cellar"))
        for wrong in ("x", True, -5):
            with pytest.raises(BadArguments):
                await handlers.trace(call("trace", bus=BUS, after=wrong))

    in_house(test)


def test_a_stopped_unit_is_not_listened_to_any_more() -> None:
    async def test(house: House, handlers: LineHandlers) -> None:
        bus = house.bus(BUS)
        await house.gateway.field.stop([BUS])

        assert not bus._turns._tap

    in_house(test)


@pytest.mark.slow
def test_knocking_at_dead_devices_takes_at_most_a_tenth_of_the_bus() -> None:
    clock = FakeClock()
    alive = [device(f"pump-{n}", BUS, n, period_ms=1000) for n in (1, 2)]
    dead = [device(f"gone-{n}", BUS, n, period_ms=1000) for n in range(11, 21)]

    async def main() -> None:
        async with living(clock, site(*alive, *dead)) as house:
            loop = asyncio.get_running_loop()
            for spec in dead:
                house.unit(BUS, int(spec.address)).silent = True
            for spec in alive:
                house.unit(BUS, int(spec.address)).response_s = 0.03
            # All of them fall silent at once; a few rounds later each is only knocked at.
            await asyncio.sleep(30)
            stats, rounds = house.bus(BUS).stats, [house.gateway.field.pollers[spec.name].figures.rounds for spec in alive]
            sent, busy_s, begun_s = len(house.bus(BUS).sent), stats.busy_s, loop.time()
            await asyncio.sleep(400)
            passed_s = loop.time() - begun_s
            asked = [address for address, _ in house.bus(BUS).sent[sent:]]
            useful_s = 0.03 * sum(1 for address in asked if address < 11)
            knocking_s = house.bus(BUS).stats.busy_s - busy_s - useful_s
            assert knocking_s < 0.1 * passed_s
            assert {address for address in asked if address >= 11} == {spec.address for spec in dead}
            later = [house.gateway.field.pollers[spec.name].figures.rounds for spec in alive]
            assert all(after - before > 0.9 * passed_s for before, after in zip(rounds, later, strict=True))

    run_virtual(main(), clock)
