"""How long a silent device is waited for, and what that costs its neighbours."""

import asyncio
import math

import pytest
from driver_site import Site, number, reasons, row, virtual
from hypothesis import given
from hypothesis import strategies as st

from edgeguard.bus import LineCost, Priority
from edgeguard.codec.modbus import read_request
from edgeguard.core.fate import Fate
from edgeguard.core.ids import DeviceName, PointName
from edgeguard.core.limits import (
    FIRST_LOOK_METER_S,
    FIRST_LOOK_S,
    FIRST_TRIES,
    KNOCK_SHARE,
    KNOCK_WHOLE_AFTER_S,
    PROBE_TIMEOUT_MIN_S,
)
from edgeguard.core.line import LineSettings
from edgeguard.core.line_limits import PROBE_WINDOW_S
from edgeguard.core.point import WriteRule
from edgeguard.core.quality import Reason
from edgeguard.core.register import Table
from edgeguard.driver.line import DeviceLine
from edgeguard.driver.patience import first_look_s, knock_timeout_s, look_s
from edgeguard.testing.bus import FakeBus
from edgeguard.testing.clock import run_virtual


def test_the_wait_goes_by_what_is_usual_and_by_what_has_passed() -> None:
    assert knock_timeout_s(3.0, usual_s=0.0, since_s=1.0) == 3.0
    assert knock_timeout_s(3.0, usual_s=0.001, since_s=1.0) == PROBE_TIMEOUT_MIN_S
    assert knock_timeout_s(3.0, usual_s=0.2, since_s=1.0) == pytest.approx(0.8)
    assert knock_timeout_s(3.0, usual_s=2.0, since_s=1.0) == 3.0
    assert knock_timeout_s(0.05, usual_s=0.001, since_s=1.0) == 0.05
    assert knock_timeout_s(3.0, usual_s=0.001, since_s=50.0) == pytest.approx(0.5)
    assert knock_timeout_s(3.0, usual_s=0.001, since_s=KNOCK_WHOLE_AFTER_S) == 3.0


@given(st.floats(0.01, 30.0), st.floats(0.0, 30.0), st.floats(0.0, 1000.0))
def test_a_knock_never_waits_longer_than_a_poll(timeout_s: float, usual_s: float, since_s: float) -> None:
    assert 0.0 < knock_timeout_s(timeout_s, usual_s, since_s) <= timeout_s


def test_a_look_goes_by_the_worst_answer_and_takes_no_time_from_a_device_that_has_given_none() -> None:
    assert look_s(0.0) == math.inf
    assert look_s(0.01) == PROBE_TIMEOUT_MIN_S
    assert look_s(0.3) == 0.6


def test_while_others_are_silent_a_read_has_a_look_and_a_write_with_its_reading_back_all_its_time() -> None:
    """Two neighbours have just died, and wait for their next turns; this device is slower than it ever was."""
    site = Site([number("r0", 0, write=WriteRule())], timeout_ms=1000)
    first, second, living = (site.another(DeviceName(f"unit-{unit}"), unit) for unit in (7, 8, 9))
    units = [site.bus.unit(unit) for unit in (7, 8, 9)]

    async def story() -> None:
        for device in (site.device, first, second, living):
            await device.poll()
        units[0].silent = units[1].silent = True
        await asyncio.gather(first.poll(), second.poll())
        assert (await living.poll()).answered
        site.unit.response_s = 0.4
        _, read, _ = await asyncio.gather(first.poll(), site.device.poll(), second.poll())
        assert reasons(read) == [Reason.TIMEOUT]
        write = site.device.write(PointName("r0"), 5.0, Priority.ALARM)
        _, written, _ = await asyncio.gather(first.poll(), write, second.poll())
        assert (written.fate, written.read_back) == (Fate.DONE, 5.0)

    virtual(site, story)


def test_a_slow_stranger_among_quick_neighbours_is_found_after_its_first_look() -> None:
    site = Site(row(0, 100), timeout_ms=2000)

    async def story() -> None:
        loop = asyncio.get_running_loop()
        await site.device.poll()
        slow = site.another(DeviceName("meter-2"), address=9)
        site.bus.unit(9).response_s = 1.5
        start_s = loop.time()
        assert not (await slow.poll()).answered
        assert loop.time() - start_s == pytest.approx(PROBE_TIMEOUT_MIN_S)
        assert (await slow.probe()).answered
        assert (await slow.poll()).answered

    virtual(site, story)


def test_a_first_look_goes_by_what_is_usual_and_gives_meters_the_time_of_their_standard() -> None:
    assert first_look_s(3.0, usual_s=0.0, meter=False) == FIRST_LOOK_S
    assert first_look_s(3.0, usual_s=0.01, meter=False) == PROBE_TIMEOUT_MIN_S
    assert first_look_s(3.0, usual_s=0.2, meter=False) == pytest.approx(0.4)
    assert first_look_s(3.0, usual_s=0.0, meter=True) == first_look_s(3.0, usual_s=0.01, meter=True) == FIRST_LOOK_METER_S
    assert first_look_s(0.05, usual_s=0.2, meter=True) == 0.05


def test_behind_a_network_endpoint_a_stranger_is_waited_for_as_for_its_neighbours() -> None:
    site = Site(row(0, 100), LineCost(), timeout_ms=2000)

    async def story() -> None:
        loop = asyncio.get_running_loop()
        await site.device.poll()
        start_s = loop.time()
        assert not (await site.another(DeviceName("meter-2"), address=9).poll()).answered
        assert loop.time() - start_s == pytest.approx(PROBE_TIMEOUT_MIN_S)

    virtual(site, story)


def test_a_stranger_that_is_silent_is_soon_waited_for_as_for_its_quick_neighbours() -> None:
    site = Site(row(0, 100), timeout_ms=2000)

    async def story() -> None:
        loop = asyncio.get_running_loop()
        await site.device.poll()
        stranger = site.another(DeviceName("meter-2"), address=9)
        waited_s = 0.0
        for expected_s in (PROBE_TIMEOUT_MIN_S,) + (2.0,) * FIRST_TRIES + (0.0,) * 3:
            start_s = loop.time()
            assert not (await stranger.poll()).answered
            knock_s = KNOCK_SHARE * (PROBE_WINDOW_S + waited_s)
            waited_s = loop.time() - start_s
            assert waited_s == pytest.approx(expected_s or knock_s)
            await asyncio.sleep(PROBE_WINDOW_S)  # so that the share of the dead puts none of them off

    virtual(site, story)


def test_one_that_answered_until_now_is_given_its_whole_time_once() -> None:
    site = Site(row(0), timeout_ms=2000)

    async def story() -> None:
        loop = asyncio.get_running_loop()
        await site.device.poll()
        site.unit.silent = True
        for expected_s in (2.0, PROBE_TIMEOUT_MIN_S):
            start_s = loop.time()
            await site.device.poll()
            assert loop.time() - start_s == pytest.approx(expected_s)

    virtual(site, story)


def test_after_the_first_answer_a_round_is_as_patient_as_ever() -> None:
    site = Site(row(0, 100), timeout_ms=2000)

    async def story() -> None:
        await site.device.poll()
        site.unit.silent = True
        await site.device.poll()
        site.unit.silent = False
        site.unit.script.append(b"\x03\x02\0\1")
        asyncio.get_running_loop().call_later(0.005, setattr, site.unit, "response_s", 1.0)
        site.unit.response_s = 0.01
        snapshot = await site.device.poll()
        assert snapshot.outcomes == (1, 0)

    virtual(site, story)


def test_a_device_that_has_become_slow_is_found_again() -> None:
    site = Site(row(0), timeout_ms=1000)

    async def story() -> None:
        await site.device.poll()
        site.unit.response_s = 0.6
        site.unit.script.append(None)
        assert not (await site.device.poll()).answered
        await asyncio.sleep(10.0)
        assert not (await site.device.probe()).answered
        await asyncio.sleep(80.0)
        assert (await site.device.probe()).answered

    virtual(site, story)


def test_a_person_is_given_the_whole_time_out() -> None:
    site = Site(row(0), timeout_ms=1000)

    async def story() -> None:
        await site.device.poll()
        site.unit.silent = True
        await site.device.poll()
        site.unit.silent, site.unit.response_s = False, 0.6
        site.unit.set(Table.HOLDING, 0, 5)
        assert (await site.device.read([PointName("r0")])).outcomes == (5,)

    virtual(site, story)


def test_a_turnaround_is_what_is_left_of_a_response_when_the_frames_have_had_their_time_however_they_are_written() -> None:
    """Digits take two characters a byte, also at a device's own speed."""
    bus = FakeBus(cost=LineCost.on_line(LineSettings(9600), ascii_frames=True))
    bus.unit(3).response_s = 0.5
    line = DeviceLine(bus, 3, 1.0, 0.0, LineSettings(2400))

    async def story() -> None:
        await line.exchange(read_request(Table.HOLDING, 0, 1), Priority.ROUTINE)
        assert line.turnarounds.worst_s == pytest.approx(0.5 - 2 * (5 + 4 + 6) * 10 / 2400)

    run_virtual(story())
