"""A whole scan of a mixed line with true byte times: everything is found, nothing is written.

In virtual time, but a line of a dozen stations takes seconds of processor: all but the smallest are for the slow lane.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from functools import cache

import pytest
from mixed_line import E2400, E9600, N9600, N19200, Line, electricity, other_meter, recorded, water

from edgeguard.bus import Priority, Request
from edgeguard.codec.modbus import read_request
from edgeguard.core.ids import BusName, DeviceName
from edgeguard.core.line import LineSettings, Protocol, Station
from edgeguard.core.point import Labels
from edgeguard.core.profile import DeviceProfile
from edgeguard.core.quality import Fault
from edgeguard.core.register import Table
from edgeguard.core.site import DeviceSpec
from edgeguard.core.snapshot import Snapshot
from edgeguard.discovery import Explorer, Progress, line_walk
from edgeguard.driver import build_device
from edgeguard.runtime.poller import Poller
from edgeguard.simulator.unit import Identity
from edgeguard.simulator.wire import Station as OnLine
from edgeguard.testing.clock import FakeClock, run_virtual
from edgeguard.testing.shipped import shipped_profiles


@cache
def profiles() -> list[DeviceProfile]:
    library = shipped_profiles()
    return [library.get(name) for name in library.names()]


MODELS = {
    (1, N9600): "eastron-sdm630",
    (2, N9600): "chint-dtsu666",
    (3, N9600): "grundfos-cim200",
    (7, N9600): "inovance-nice3000plus",
    (12, N9600): "eastron-sdm120",
    (2, E9600): "schneider-iem3155",
    (20, E9600): "abb-b23",
    (5, N19200): "danfoss-fc51",
}


METERS = {
    "003411001043": "generic-dlt645-2007-three",
    "000006605518": "generic-dlt645-2007-single",
    "151800161485": "generic-dlt645-1997",
    "1000924040000018": "generic-cjt188-water",
}


def mixed() -> list[OnLine]:
    named = {"abb-b23": Identity("ABB", "B23 112-100", "1.0")}
    stations: list[OnLine] = [recorded(name, unit, line, named.get(name)) for (unit, line), name in MODELS.items()]
    return [
        *stations,
        electricity("003411001043", edition="2007-three"),
        electricity("000006605518", turnaround_s=0.15),
        electricity("151800161485", edition="1997"),
        water("1000924040000018"),
    ]


def scanned(
    stations: Sequence[OnLine],
    lines: dict[Protocol, list[LineSettings]],
    units: Sequence[int] = range(1, 33),
    busy: float = 0.0,
    beside: Callable[[Line], Coroutine[None, None, None]] | None = None,
    look: Callable[[Progress], None] = lambda _: None,
) -> tuple[Progress, Line]:
    """`beside`: what else goes on on the line; `look` sees the progress once a second."""

    async def main() -> tuple[Progress, Line]:
        line = Line(stations)
        tasks = [asyncio.create_task(line.bus.run())]
        await asyncio.sleep(0.01)
        explorer = Explorer(line.bus, line_walk(lines, units), profiles(), busy=busy)
        tasks += [asyncio.create_task(beside(line))] if beside else []
        walking = asyncio.create_task(explorer.run())
        while not walking.done():
            look(explorer.progress)
            await asyncio.wait({walking}, timeout=1.0)
        walking.result()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return explorer.progress, line

    return run_virtual(main())


ALL_LINES = {Protocol.MODBUS: [N9600, E9600, N19200], Protocol.DLT645: [E2400, E9600], Protocol.CJT188: [E2400, E9600]}


@pytest.mark.slow
def test_twelve_mixed_devices_are_found_and_named_without_a_write_while_polls_keep_their_beat() -> None:
    """A thirteenth device is configured and polled: it waits for one question at most, a call to all meters at 2400 baud."""
    period_s = 5.0

    async def main() -> tuple[Progress, Line, Poller, list[float]]:
        line = Line([*mixed(), recorded("eastron-sdm120", 31)])
        at_s: list[float] = []

        def sink(snapshot: Snapshot) -> None:
            assert snapshot.answered
            assert all(not isinstance(outcome, Fault) for outcome in snapshot.outcomes)
            at_s.append(asyncio.get_running_loop().time())

        profile = next(profile for profile in profiles() if profile.name == "eastron-sdm120")
        labels = Labels("表", "meter")
        spec = DeviceSpec(DeviceName("m"), BusName("riser"), 31, profile, int(period_s * 1000), labels, (), 60_000)
        poller = Poller(build_device(spec, line.bus, FakeClock()), sink, period_s, 0.0)
        owner, polling = asyncio.create_task(line.bus.run()), asyncio.create_task(poller.run())
        await asyncio.sleep(period_s + 1)
        explorer = Explorer(line.bus, line_walk(ALL_LINES, range(1, 33)), profiles(), [(Protocol.MODBUS, 31)])
        await explorer.run()
        for task in (polling, owner):
            task.cancel()
        await asyncio.gather(polling, owner, return_exceptions=True)
        return explorer.progress, line, poller, at_s

    progress, line, poller, at_s = run_virtual(main())
    assert progress.ended == "complete"
    assert progress.noises == ()
    found = {found.station if isinstance(found.station, str) else (found.station, found.line): found for found in progress.found}
    assert set(found) == {*MODELS, *METERS}
    named = {place: one.profile for place, one in found.items()}
    assert {place: named[place] for place in MODELS} == MODELS
    assert {place: named[place] for place in METERS} == METERS
    assert found["1000924040000018"].variant == "1F90"
    assert found["1000924040000018"].doubtful, "a water meter may have a valve that is open"
    assert found["000006605518"].said.en == "forward active energy 230.93 kWh, voltage A 229.7 V, frequency 50.03 Hz"
    assert line.writes == []
    assert progress.asking_s < progress.expected_s
    assert progress.elapsed_s == pytest.approx(progress.expected_s, rel=0.15)
    assert poller.figures.skipped == 0
    beats = [round((at - at_s[0]) / period_s) for at in at_s]
    assert beats == list(range(len(at_s)))
    assert len(at_s) > progress.elapsed_s / period_s
    assert max(at - at_s[0] - beat * period_s for at, beat in zip(at_s, beats, strict=True)) < 1.3


@pytest.mark.parametrize(
    ("station", "profile", "said"),
    [
        (water("1100924040000018", status=b"\x01\x00"), "generic-cjt188-valve-water", "hot-water meter, Volume 123.45 m3"),
        (other_meter("generic-cjt188-heat", "2000924040000019"), "generic-cjt188-heat", "heat meter, Energy"),
        (other_meter("generic-cjt188-gas", "3000924040000019"), "generic-cjt188-gas", "gas meter, Volume"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_meters_of_water_heat_and_gas_are_named(station: OnLine, profile: str, said: str) -> None:
    progress, line = scanned([station], {Protocol.CJT188: [E2400]})
    (found,) = progress.found
    assert (found.profile, found.doubtful) == (profile, False)
    assert found.said.en.startswith(said)
    assert line.writes == []


@pytest.mark.slow
def test_meters_that_answer_over_each_other_are_told_apart() -> None:
    numbers = ["003411001043", "003411001042", "113411001043", "000006605518"]
    progress, line = scanned([electricity(number) for number in numbers], {Protocol.DLT645: [E2400]})
    assert sorted(str(found.station) for found in progress.found) == sorted(numbers)
    assert line.writes == []


@pytest.mark.slow
def test_two_water_meters_of_both_orders_and_two_that_collide() -> None:
    numbers = ["1000924040000018", "1000924040000019", "1100924040000018"]
    stations = [water(number, high_first=i == 1, turnaround_s=0.06) for i, number in enumerate(numbers)]
    progress, _ = scanned(stations, {Protocol.CJT188: [E2400]})
    assert {found.station: found.variant for found in progress.found} == dict(zip(numbers, ("1F90", "901F", "1F90"), strict=True))


@pytest.mark.slow
def test_two_devices_at_one_address_are_noticed() -> None:
    progress, _ = scanned([recorded("eastron-sdm120", 4), recorded("grundfos-cim200", 4)], {Protocol.MODBUS: [N9600]}, range(1, 6))
    assert [noise.station for noise in progress.noises] == [4] or [found.station for found in progress.found] == [4]


def test_an_empty_line_takes_as_long_as_was_expected() -> None:
    progress, _ = scanned([], {Protocol.MODBUS: [N9600, E9600], Protocol.DLT645: [E2400], Protocol.CJT188: [E2400]})
    assert progress.found == ()
    assert progress.ended == "complete"
    assert progress.elapsed_s == pytest.approx(progress.asking_s, rel=0.03)


@pytest.mark.parametrize("told", [True, False], ids=["the plan is known", "nobody has told it"])
def test_what_polls_need_of_the_line_is_expected_and_the_rest_is_known_on_the_way(told: bool) -> None:
    rounds: list[float] = []

    async def polls(line: Line) -> None:
        loop = asyncio.get_running_loop()
        while True:
            begun_s = loop.time()
            await line.bus.exchange(Request(40, read_request(Table.INPUT, 0, 30), 0.3, Priority.ROUTINE))
            rounds.append(begun_s)
            await asyncio.sleep(0.25 - (loop.time() - begun_s))

    seen: list[Progress] = []
    busy = (13 + 60 + 3.5) * N9600.character_s + 0.02
    stations = [recorded("eastron-sdm630", 40)]
    progress, _ = scanned(stations, {Protocol.MODBUS: [N9600]}, range(1, 40), told * busy / 0.25, polls, seen.append)
    assert len(rounds) > 20
    if told:
        assert progress.elapsed_s == pytest.approx(progress.expected_s, rel=0.15)
    half = next(one for one in seen if one.asked > one.questions / 2)
    assert half.elapsed_s + half.rest_s == pytest.approx(progress.elapsed_s, rel=0.25)


@pytest.mark.slow
def test_devices_are_told_as_they_are_found_and_what_is_left_is_never_promised_too_short() -> None:
    seen: list[Progress] = []
    stations: list[OnLine] = [recorded("eastron-sdm120", 1), electricity("000006605518")]
    progress, _ = scanned(stations, {Protocol.MODBUS: [N9600], Protocol.DLT645: [E2400]}, range(1, 16), look=seen.append)
    assert progress.elapsed_s == pytest.approx(progress.expected_s, rel=0.15)
    assert [len(one.found) for one in seen] == sorted(len(one.found) for one in seen)
    assert {len(one.found) for one in seen} == {0, 1, 2}, "each as soon as it is known"
    later = [one.elapsed_s + one.rest_s for one in seen if len(one.found) == 2]
    assert later
    assert min(later) > 0.85 * progress.elapsed_s


@pytest.mark.slow
def test_it_can_be_left_with_what_it_has() -> None:
    async def main() -> Progress:
        line = Line(mixed())
        owner = asyncio.create_task(line.bus.run())
        await asyncio.sleep(0.01)
        explorer = Explorer(line.bus, line_walk(ALL_LINES, range(1, 33)), profiles())
        walking = asyncio.create_task(explorer.run())
        while not explorer.progress.found:
            await asyncio.sleep(0.1)
        explorer.stop()
        await walking
        owner.cancel()
        await asyncio.gather(owner, return_exceptions=True)
        return explorer.progress

    progress = run_virtual(main())
    assert progress.ended == "stopped"
    assert 1 <= len(progress.found) < 12
    assert 0 < progress.asked < progress.questions


def test_known_devices_are_not_asked_and_a_dead_wire_ends_the_scan() -> None:
    async def main() -> tuple[Progress, Progress, Line]:
        line = Line([recorded("eastron-sdm120", 1), electricity("003411001043")])
        owner = asyncio.create_task(line.bus.run())
        await asyncio.sleep(0.01)
        known: list[tuple[Protocol, Station]] = [(Protocol.MODBUS, 1), (Protocol.DLT645, "003411001043")]
        lines = {Protocol.MODBUS: [N9600], Protocol.DLT645: [E2400]}
        explorer = Explorer(line.bus, line_walk(lines, range(1, 4)), profiles(), known)
        await explorer.run()
        owner.cancel()
        await asyncio.gather(owner, return_exceptions=True)
        broken = Explorer(line.bus, line_walk(lines, range(1, 4)), profiles())
        await broken.run()
        return explorer.progress, broken.progress, line

    seen, broken, line = run_virtual(main())
    assert seen.found == ()
    assert {frame[0] for frame in line.sent if len(frame) == 8} == {2, 3}
    assert "stopped" in broken.ended
    assert broken.found == ()
