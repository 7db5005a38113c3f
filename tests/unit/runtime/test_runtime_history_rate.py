"""The platform chooses how fast history goes: at once, bounded, on record, and also after a restart."""

from collections.abc import Awaitable, Callable

import pytest
from runtime_kit import FakeUplink, House, device, living, site, uplink

from edgeguard.control import BadArguments, Call
from edgeguard.control.command_views import HistoryRateView
from edgeguard.control.message import Argument
from edgeguard.core.errors import CommandRefused, StoreError
from edgeguard.core.item import Stream
from edgeguard.core.site import Site
from edgeguard.runtime import gateway as gateway_module
from edgeguard.runtime.commander import PLATFORM
from edgeguard.runtime.history_rate import HistoryRate
from edgeguard.testing.clock import FakeClock, run_virtual

LINKED = site(device("pump-1", "riser-a"), link=uplink())


@pytest.fixture(autouse=True)
def _fake_uplink(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeUplink.made = []
    monkeypatch.setattr(gateway_module, "Uplink", FakeUplink)


def told(story: Callable[[House, HistoryRate], Awaitable[None]], of: Site = LINKED) -> None:
    clock = FakeClock()

    async def run() -> None:
        async with living(clock, of) as house:
            await story(house, HistoryRate(house.gateway))

    run_virtual(run(), clock)


def wish(**args: Argument) -> Call:
    return Call("history.rate", args, PLATFORM, may_write=True)


def test_a_rate_counts_at_once_after_a_restart_and_until_it_is_taken_back() -> None:
    async def story(house: House, rate: HistoryRate) -> None:
        assert FakeUplink.made[-1].rate == 2000.0
        assert await rate.set(wish(items_per_s=50)) == HistoryRateView(50.0, 2000.0)
        assert FakeUplink.made[-1].rate == 50.0
        (kept,) = house.store.durable[-1].states
        HistoryRate(house.gateway).recall({kept.name: kept.body})
        await house.gateway.reload(site(link=uplink("other")))
        assert FakeUplink.made[-1].rate == 50.0
        rate.keep()
        assert house.store.submitted[-1].states == (kept,)
        assert await rate.set(wish()) == HistoryRateView(2000.0, 2000.0)
        assert (FakeUplink.made[-1].rate, house.store.durable[-1].states[0].body) == (2000.0, b"")

    told(story)


@pytest.mark.parametrize("value", [0, 0.5, -1, 100_001, float("inf"), float("nan")])
def test_beyond_the_bounds_nothing_changes(value: float) -> None:
    async def story(house: House, rate: HistoryRate) -> None:
        with pytest.raises(BadArguments):
            await rate.set(wish(items_per_s=value))
        assert (house.store.durable, FakeUplink.made[-1].rate) == ([], 2000.0)

    told(story)


def test_what_a_restart_would_forget_is_refused() -> None:
    async def story(house: House, rate: HistoryRate) -> None:
        house.store.refusal = StoreError("the disk is full")
        with pytest.raises(CommandRefused, match="would forget"):
            await rate.set(wish(items_per_s=50))
        assert FakeUplink.made[-1].rate == 2000.0

    told(story)


def test_what_becomes_durable_after_it_was_given_up_does_not_count_after_a_restart_either() -> None:
    async def story(house: House, rate: HistoryRate) -> None:
        await rate.set(wish(items_per_s=70))
        house.store.gate.clear()
        with pytest.raises(CommandRefused, match="would forget"):
            await rate.set(wish(items_per_s=50))
        (end,) = house.store.bodies(Stream.EVENTS)[-1:]
        assert (end["result"], end["value"], end["old"]) == ("refused", 50.0, 70.0)
        assert house.store.submitted[-1].states[0].body == b"70.0", "behind the one that was given up"
        assert FakeUplink.made[-1].rate == 70.0

    told(story)


@pytest.mark.parametrize("body", [b"", b"7e9", b'"fast"', b"\xff", b"true"])
def test_what_is_kept_badly_was_not_chosen(body: bytes) -> None:
    async def story(house: House, rate: HistoryRate) -> None:
        rate.recall({"history-rate": body})
        assert house.gateway.chosen_history_rate is None

    told(story)


def test_without_an_uplink_there_is_nothing_to_choose() -> None:
    async def story(_: House, rate: HistoryRate) -> None:
        with pytest.raises(CommandRefused, match="no uplink"):
            await rate.set(wish(items_per_s=50))

    told(story, site(device("pump-1", "riser-a")))
