"""How far a device's part of a history may be passed over: every reason to stop, one by one."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from runtime_kit import PRESSURE, FakeStore, device, low

from edgeguard.core.clock import Stamp
from edgeguard.core.ids import BootId, DeviceName, PointName
from edgeguard.core.point import Kind, Outcome
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.snapshot import Snapshot
from edgeguard.core.trend import TrendBlock, TrendPoint
from edgeguard.rules.still import Still
from edgeguard.runtime.pipeline import Pipeline
from edgeguard.runtime.record import DeviceRecord
from edgeguard.runtime.replay_track import NEVER_KEY, Key, Track, may_rest, rests_until
from edgeguard.runtime.watches import CounterRest, Rest
from edgeguard.testing.clock import FakeClock

PUMP, TANK = DeviceName("pump-1"), DeviceName("tank")
NAMES = (PRESSURE, PointName("mode"), PointName("running"))
START_MS = 1_000_000
NOT_DUE = Fault(Reason.NOT_DUE)
Rows = list[tuple[Outcome, ...]]
CALM: Rows = [(5.0 + k / 100, "auto", True) for k in range(10)]
"""Ten rounds, a second apart; the first of them is taken, the others are asked about."""


def moment(k: float) -> Stamp:
    ms = round(k * 1000)
    return Stamp(START_MS + ms, ms, BootId("replay"), synced=True)


def record_of(name: DeviceName) -> DeviceRecord:
    pipeline = Pipeline(FakeStore(), FakeClock())
    pipeline.add(replace(device(str(name), "riser-a", alarms=(low(str(name)),)), stale_after_ms=3000), {})
    return pipeline.records[name]


def track(name: DeviceName, rows: Rows, walls: list[int] | None = None) -> Track:
    """A device whose first round has been taken."""
    record = record_of(name)
    pipeline = Pipeline(FakeStore(), FakeClock())
    pipeline.add(record.spec, {})
    for _ in range(2):
        pipeline.take(Snapshot(name, moment(0), record.rules.points, rows[0], answered=True))
    made = Track(name, pipeline.records[name])
    points = tuple(TrendPoint(point, Kind.NUMBER, "") for point in NAMES)
    made.add(
        7, TrendBlock(name, points, tuple(walls or (START_MS + 1000 * k for k in range(len(rows)))), tuple(zip(*rows, strict=True)))
    )
    assert made.open() is not None
    made.next = made.rests = 1
    return made


def until(of: Track, *rests: Rest | None, beside: Mapping[DeviceName, Track] | None = None, horizon: Key = NEVER_KEY) -> int:
    assert may_rest(of)
    return rests_until(of, rests, beside or {}, START_MS, horizon)


def with_row(k: int, *outcomes: Outcome) -> Rows:
    return [*CALM[:k], outcomes, *CALM[k + 1 :]]


def test_nothing_stops_it() -> None:
    assert until(track(PUMP, CALM), Rest(), Rest()) == 10


@pytest.mark.parametrize(
    ("rows", "rest", "expected"),
    [
        (with_row(6, 1.9, "auto", True), Rest(), 6),
        (with_row(6, Fault(Reason.TIMEOUT), "auto", True), Rest(), 6),
        (with_row(6, NOT_DUE, NOT_DUE, NOT_DUE), Rest(), 10),
        (with_row(6, NOT_DUE, NOT_DUE, NOT_DUE), Rest(known=((PUMP, Still(((1, "auto"), (2, True)), ((0, 4.0, 6.0),))),)), 10),
        (with_row(6, NOT_DUE, "auto", True), Rest(fresh=(Still((), ((0, 4.0, 6.0),)),)), 6),
        (with_row(6, 5.0, "manual", True), Rest(fresh=(Still(((1, "auto"),), ()),)), 6),
        (with_row(6, 5.0, "manual", True), Rest(known=((PUMP, Still(((1, "auto"),), ())),)), 6),
        (with_row(6, 5.0, "auto", 1), Rest(known=((PUMP, Still(((2, True),), ())),)), 6),
        (with_row(6, 6.0, "auto", True), Rest(known=((PUMP, Still((), ((0, 4.0, 6.0),))),)), 6),
        (CALM, Rest(until_ms=6000.0), 6),
        (CALM, Rest(counters=(CounterRest(0, 5.0, 6.0, START_MS + 6000, 100),)), 6),
        (CALM, Rest(counters=(CounterRest(0, 5.0, 6.0, START_MS + 60_000, 5),)), 6),
        (CALM, Rest(counters=(CounterRest(0, 5.0, 5.055, START_MS + 60_000, 100),)), 6),
        (with_row(6, 4.9, "auto", True), Rest(counters=(CounterRest(0, 5.0, 6.0, START_MS + 60_000, 100),)), 6),
    ],
)
def test_what_stops_it(rows: Rows, rest: Rest, expected: int) -> None:
    assert until(track(PUMP, rows), Rest(), rest) == expected


def test_a_family_that_cannot_rest_a_horizon_and_a_pause() -> None:
    assert until(track(PUMP, CALM), Rest(), None) == 1
    assert until(track(PUMP, CALM), horizon=(START_MS + 6000, 3)) == 6
    assert until(track(PUMP, CALM), horizon=(START_MS + 6000, 9)) == 7, "of one moment what was written first comes first"
    walls = [START_MS + 1000 * k + (2500 if k >= 6 else 0) for k in range(10)]
    assert until(track(PUMP, CALM, walls)) == 6, "values would have become stale"
    assert until(track(PUMP, CALM, [START_MS + 4000 * (k > 0) + k for k in range(10)])) == 1


@pytest.mark.parametrize(
    ("tank", "expected"), [(CALM, 10), (with_row(6, 3.0, "auto", True), 7), (with_row(1, 3.0, "auto", True), 2)]
)
def test_a_neighbour_that_shows_something_else(tank: Rows, expected: int) -> None:
    """Its block was written first, so that of one moment its round comes first; and the first row is not asked about."""
    beside = track(TANK, tank, [START_MS + 1000 * k + 500 for k in range(10)])
    rest = Rest(known=((TANK, Still((), ((0, 4.0, 6.0),))),))
    assert until(track(PUMP, CALM), rest, beside={TANK: beside}) == expected
    assert until(track(PUMP, CALM), rest) == 1, "of a neighbour that is not there nothing is known"


def test_what_is_known_behind_a_stretch_and_how_old_it_is() -> None:
    made = track(PUMP, [*with_row(8, NOT_DUE, "auto", True)[:9], (NOT_DUE, "auto", False)])
    record = made.record
    assert record is not None
    made.refresh(10, moment(9))
    assert record.outcomes == (5.07, "auto", False)
    assert record.good == [5.07, "auto", False]
    assert record.good_at == [moment(7), moment(9), moment(9)]
    assert record.at == moment(9)


def test_who_may_not_rest() -> None:
    for change in ({"answered": False}, {"stale": True}, {"at": None}, {"outcomes": (Fault(Reason.TIMEOUT), "auto", True)}):
        made = track(PUMP, CALM)
        for name, value in change.items():
            setattr(made.record, name, value)
        assert not may_rest(made)
