"""The schedule of one device: fixed rate, staggered starts, patience with the dead."""

import asyncio
from collections.abc import Mapping
from itertools import pairwise
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeguard.core.clock import Clock
from edgeguard.core.ids import DeviceName, PointName
from edgeguard.core.limits import PROBE_MAX_S
from edgeguard.core.line_limits import FIRST_ROUNDS_S
from edgeguard.core.point import Kind, Labels, Point
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.snapshot import Snapshot
from edgeguard.driver import Device
from edgeguard.runtime.poller import Poller, probe_delay_s, start_offset_s
from edgeguard.testing.clock import FakeClock, run_virtual

POINT = Point(PointName("p"), Kind.NUMBER, Labels("点", "point"))


class ScriptedDevice:
    """Answers while `alive`; a dead one costs `timeout_s` per request. Notes the loop time of every request."""

    def __init__(self, clock: Clock, took_s: float = 0.01, timeout_s: float = 0.5) -> None:
        self.name = DeviceName("d")
        self.alive = True
        self.asked: list[tuple[str, float]] = []
        self.refused: Mapping[PointName, Fault] = {}
        self.requests_per_round = 1
        self._clock = clock
        self._took_s = took_s
        self._timeout_s = timeout_s

    async def poll(self) -> Snapshot:
        return await self._ask("poll")

    async def probe(self) -> Snapshot:
        return await self._ask("probe")

    async def _ask(self, kind: str) -> Snapshot:
        self.asked.append((kind, asyncio.get_running_loop().time()))
        await asyncio.sleep(self._took_s if self.alive else self._timeout_s)
        outcome = 1 if self.alive else Fault(Reason.TIMEOUT)
        return Snapshot(self.name, self._clock.now(), (POINT,), (outcome,), self.alive)


async def watch(poller: Poller, seconds: float) -> float:
    """The loop time at which it began."""
    begun_s = asyncio.get_running_loop().time()
    task = asyncio.create_task(poller.run())
    await asyncio.sleep(seconds)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return begun_s


def test_hours_of_polling_do_not_drift() -> None:
    clock = FakeClock()
    device = ScriptedDevice(clock, took_s=0.123)
    poller = Poller(cast(Device, device), lambda _: None, period_s=5.0, offset_s=1.0)
    run_virtual(watch(poller, 21_600.0), clock)
    starts = [at for _, at in device.asked]
    assert len(starts) == 4_320
    assert max(abs((at - starts[0]) - 5.0 * i) for i, at in enumerate(starts)) < 1e-6
    assert poller.figures.skipped == 0


def test_a_slow_device_is_polled_soon_after_the_start_and_then_at_its_own_place() -> None:
    clock = FakeClock()
    device = ScriptedDevice(clock)
    poller = Poller(cast(Device, device), lambda _: None, period_s=900.0, offset_s=start_offset_s(1, 900.0))
    begun_s = run_virtual(watch(poller, 4_000.0), clock)
    starts = [at - begun_s for _, at in device.asked]
    assert starts[0] < FIRST_ROUNDS_S
    assert starts[1:] == pytest.approx([start_offset_s(1, 900.0) + 900.0 * i for i in range(4)])
    assert poller.figures.skipped == 0
    assert poller.figures.every_s == pytest.approx(900.0)


def test_a_slow_device_that_was_silent_at_the_start_has_its_place_later() -> None:
    clock = FakeClock()
    device = ScriptedDevice(clock)
    device.alive = False
    poller = Poller(cast(Device, device), lambda _: None, period_s=900.0, offset_s=600.0)

    async def story() -> None:
        task = asyncio.create_task(poller.run())
        await asyncio.sleep(30.0)
        device.alive = True
        await asyncio.sleep(4_000.0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run_virtual(story(), clock)
    starts = [at for kind, at in device.asked if kind == "poll"]
    assert starts[1] - starts[0] < 60.0
    assert [b - a for a, b in pairwise(starts[2:])] == pytest.approx([900.0] * (len(starts) - 3))


def test_one_lost_frame_does_not_cost_a_slow_device_its_period() -> None:
    clock = FakeClock()
    device = ScriptedDevice(clock)
    poller = Poller(cast(Device, device), lambda _: None, period_s=900.0, offset_s=0.0)

    async def story() -> None:
        task = asyncio.create_task(poller.run())
        await asyncio.sleep(890.0)
        device.alive = False
        await asyncio.sleep(15.0)
        device.alive = True
        await asyncio.sleep(2_000.0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run_virtual(story(), clock)
    starts = [at - device.asked[0][1] for _, at in device.asked]
    assert starts == pytest.approx([0.0, 900.0, 900.0 + FIRST_ROUNDS_S, 1800.0 + FIRST_ROUNDS_S, 2700.0 + FIRST_ROUNDS_S])


def test_an_overrun_skips_rounds_and_keeps_the_beat() -> None:
    clock = FakeClock()
    device = ScriptedDevice(clock, took_s=2.5)
    poller = Poller(cast(Device, device), lambda _: None, period_s=1.0, offset_s=0.0)
    run_virtual(watch(poller, 31.0), clock)
    starts = [at - device.asked[0][1] for _, at in device.asked]
    assert starts[:4] == pytest.approx([0.0, 3.0, 6.0, 9.0])
    assert poller.figures.skipped >= 18


def test_a_dead_device_is_knocked_at_ever_more_rarely_and_comes_back_at_full_rate() -> None:
    clock = FakeClock()
    device = ScriptedDevice(clock)
    device.alive = False
    told: list[bool] = []
    poller = Poller(cast(Device, device), lambda snapshot: told.append(snapshot.answered), period_s=1.0, offset_s=0.0)

    async def story() -> None:
        task = asyncio.create_task(poller.run())
        await asyncio.sleep(3600.0)
        dead_requests = len(device.asked)
        assert dead_requests < 50
        assert device.asked[0][0] == "poll"
        assert {kind for kind, _ in device.asked[1:]} == {"probe"}
        device.alive = True
        await asyncio.sleep(PROBE_MAX_S + 1.0)
        assert told[-1]
        before = len(told)
        await asyncio.sleep(10.0)
        assert len(told) - before == 10
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run_virtual(story(), clock)


def test_a_device_that_dies_has_two_rounds_before_it_is_knocked_at() -> None:
    clock = FakeClock()
    device = ScriptedDevice(clock)
    poller = Poller(cast(Device, device), lambda _: None, period_s=1.0, offset_s=0.0)

    async def story() -> None:
        task = asyncio.create_task(poller.run())
        await asyncio.sleep(0.5)
        device.alive = False
        await asyncio.sleep(10.0)
        assert [kind for kind, _ in device.asked[:4]] == ["poll", "poll", "poll", "probe"]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run_virtual(story(), clock)


def test_one_lost_round_does_not_change_the_rate() -> None:
    clock = FakeClock()
    device = ScriptedDevice(clock, timeout_s=0.3)
    poller = Poller(cast(Device, device), lambda _: None, period_s=1.0, offset_s=0.0)

    async def story() -> None:
        task = asyncio.create_task(poller.run())
        await asyncio.sleep(2.5)
        device.alive = False
        await asyncio.sleep(1.0)
        device.alive = True
        await asyncio.sleep(3.0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run_virtual(story(), clock)
    starts = [at - device.asked[0][1] for _, at in device.asked]
    assert starts == pytest.approx([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0])


@given(st.integers(1, 60), st.floats(0.05, 900.0))
def test_the_pause_between_knocks_grows_and_is_bounded(failures: int, period_s: float) -> None:
    pause, later = probe_delay_s(failures, period_s), probe_delay_s(failures + 1, period_s)
    assert period_s <= pause <= later <= max(PROBE_MAX_S, period_s)


def test_the_pause_follows_the_documented_ladder() -> None:
    ladder = [probe_delay_s(n, 0.1) for n in (1, 2, 3, 4, 21, 22, 23, 26, 27, 99)]
    assert ladder == pytest.approx([0.1, 0.5, 1.0, 1.5, 10.0, 20.0, 40.0, 300.0, 300.0, 300.0])


def test_starts_are_spread_over_the_period() -> None:
    offsets = sorted(start_offset_s(i, 1.0) for i in range(50))
    gaps = [b - a for a, b in zip(offsets, [*offsets[1:], offsets[0] + 1.0], strict=True)]
    assert max(gaps) < 3 / 50
