"""Each fault shows in the gateway as exactly what it is: the real bus and driver on a simulated line, in virtual time."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from memory_bus import line_bus
from site_kit import site_of

from edgeguard.core.ids import DeviceName
from edgeguard.core.quality import Fault, Reason
from edgeguard.driver import Device, build_device
from edgeguard.simulator.ailing_station import AilingStation
from edgeguard.simulator.ailment import Ailment, GluedFrame, HalfFrame, Noisy, Refusing, Silent, Slow, Stuck
from edgeguard.simulator.modbus_station import RtuStation
from edgeguard.simulator.site import SimulatedSite
from edgeguard.testing.clock import FakeClock, run_virtual


class Scene:
    """A meter on a line, its gateway, and a way to make it ill."""

    def __init__(self, clock: FakeClock) -> None:
        self.house = SimulatedSite(site_of(["eastron-sdm120"]), 1)
        (appliance,) = self.house.appliances.values()
        assert appliance.unit is not None
        self.station = AilingStation(RtuStation(appliance.unit, serve=appliance.answer))
        self.bus, self.line = line_bus([self.station])
        self.device: Device = build_device(appliance.spec, self.bus, clock)

    def afflict(self, ailment: Ailment | None) -> None:
        (name,) = self.house.appliances
        self.house.afflict(DeviceName(name), ailment)
        self.station.ailment = ailment

    async def seen(self) -> Counter[Reason | None]:
        """Reasons in a round; None for good values."""
        outcomes = (await self.device.poll()).outcomes
        return Counter(outcome.reason if isinstance(outcome, Fault) else None for outcome in outcomes)


def play(act: Callable[[Scene], Coroutine[Any, Any, None]]) -> None:
    clock = FakeClock()

    async def scene() -> None:
        made = Scene(clock)
        running = asyncio.get_running_loop().create_task(made.bus.run())
        await asyncio.sleep(0.5)
        assert set(await made.seen()) == {None}
        await act(made)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    run_virtual(scene(), clock)


@pytest.mark.parametrize(
    ("ailment", "reasons"),
    [
        (Silent(), {Reason.TIMEOUT}),
        (Slow(5.0), {Reason.TIMEOUT}),
        (Refusing(), {Reason.EXCEPTION}),
        (HalfFrame(), {Reason.TIMEOUT, Reason.SHORT_ANSWER, Reason.CHECKSUM, Reason.GARBAGE}),
        (Noisy(0.2), {Reason.TIMEOUT, Reason.CHECKSUM, Reason.GARBAGE, Reason.WRONG_UNIT, Reason.WRONG_FUNCTION}),
    ],
    ids=["dead", "slow", "exception", "half-frame", "noisy"],
)
def test_no_value_comes_of_a_fault_and_the_next_round_after_it_is_good(ailment: Ailment, reasons: set[Reason]) -> None:
    async def act(scene: Scene) -> None:
        scene.afflict(ailment)
        for _ in range(3):
            assert set(await scene.seen()) - {Reason.NOT_POLLED} <= reasons
        scene.afflict(None)
        await asyncio.sleep(10.0)
        await scene.seen()
        assert set(await scene.seen()) == {None}

    play(act)


def test_a_glued_answer_is_taken_at_most_once_and_a_stuck_device_answers_well() -> None:
    async def act(scene: Scene) -> None:
        scene.afflict(GluedFrame())
        # the second copy falls into the next request, which then has garbage before it and no value
        told = [reason for _ in range(3) for reason in await scene.seen()]
        assert {None} <= set(told) <= {None, Reason.GARBAGE}
        scene.afflict(Stuck())
        await asyncio.sleep(10.0)
        assert set(await scene.seen()) == {None}
        before = (await scene.device.poll()).outcomes
        scene.house.advance(600.0)
        assert (await scene.device.poll()).outcomes == before
        scene.afflict(None)
        assert (await scene.device.poll()).outcomes != before

    play(act)
