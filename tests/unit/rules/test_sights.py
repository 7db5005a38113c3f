"""What poll rounds show of a quantity: doors, starts, stops, quantities at rest, counters; and what they must not make of gaps."""

import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence

import pytest

from edgeguard.core.point import Outcome
from edgeguard.core.quality import Fault, Reason
from edgeguard.rules.sights import (
    Amount,
    AtRest,
    AtStart,
    AtStop,
    BetweenEdges,
    Counter,
    Edges,
    Flag,
    HoursTrue,
    Measured,
    Memory,
    OnCurve,
    Round,
    Sight,
)

SILENT = Fault(Reason.TIMEOUT)
NOT_DUE = Fault(Reason.NOT_DUE)


def seen(sight: Sight, rounds: Iterable[tuple[float, Sequence[Outcome]]], outside: float | None = None) -> list[Measured]:
    """Rounds as (seconds, outcomes); a second list of outcomes is what holds."""
    memory: Memory = ()
    before: int | None = None
    found: list[Measured] = []
    for seconds, outcomes in rounds:
        at_ms = round(seconds * 1000)
        memory, measured = sight.look(memory, Round(outcomes, outcomes, at_ms, before, outside))
        before = at_ms
        if measured is not None:
            found.append(measured)
    return found


OPEN, CLOSED = Flag(0), Flag(1)


def door(period_s: float, phase_s: float, close_s: float) -> list[tuple[float, Sequence[Outcome]]]:
    """Open until 10 s, closed `close_s` later."""
    return [(t, (t < 10.0, t >= 10.0 + close_s)) for i in range(60) if (t := phase_s + i * period_s) < 25]


@pytest.mark.parametrize("period_s", [0.5, 1.0, 2.0])
def test_many_polled_door_closings_give_the_true_time(period_s: float) -> None:
    rng = random.Random(1)
    times = [seen(BetweenEdges(OPEN, CLOSED), door(period_s, rng.random() * period_s, 2.9))[0].value for _ in range(200)]

    assert sum(times) / 200 == pytest.approx(2.9, abs=0.1)


def test_a_door_that_opens_again_is_measured_from_its_last_closing() -> None:
    flags = [(True, False)] * 3 + [(False, False)] * 2 + [(True, False)] * 3 + [(False, False)] * 3 + [(False, True)] * 2
    (measured,) = seen(BetweenEdges(OPEN, CLOSED), [(float(i), pair) for i, pair in enumerate(flags)])

    assert measured.value == pytest.approx(3.0)


@pytest.mark.parametrize("hole", [3, 4, 5, 6])
def test_a_door_time_with_a_gap_or_a_fault_in_it_is_none(hole: int) -> None:
    rounds = [(float(i), (i < 4, i >= 7)) for i in range(10)]
    gap = [(t if t < hole else t + 20.0, flags) for t, flags in rounds]
    fault: list[tuple[float, Sequence[Outcome]]] = [
        (t, (SILENT, SILENT) if i == hole else pair) for i, (t, pair) in enumerate(rounds)
    ]

    assert [m.value for m in seen(BetweenEdges(OPEN, CLOSED), rounds)] == [3.0]
    assert seen(BetweenEdges(OPEN, CLOSED), fault) == []
    if hole in (4, 5):
        assert seen(BetweenEdges(OPEN, CLOSED), gap) == []


def test_a_door_that_stays_on_its_way_for_too_long_is_none() -> None:
    rounds = [(float(i), (i < 4, i >= 60)) for i in range(70)]

    assert seen(BetweenEdges(OPEN, CLOSED), rounds) == []


def test_where_one_end_is_told_the_whole_absence_is_measured() -> None:
    rounds = [(float(i), (not 5 <= i < 17,)) for i in range(25)]

    assert [m.value for m in seen(BetweenEdges(Flag(0), Flag(0), 60_000.0), rounds)] == [12.0]


def test_an_idle_door_leaves_its_memory_as_it_is() -> None:
    sight = BetweenEdges(OPEN, CLOSED)
    memory, _ = sight.look((), Round((False, True), (False, True), 1000))
    again, _ = sight.look(memory, Round((False, True), (False, True), 2000, 1000))

    assert again is memory


def starts(period_s: float, amps: float = 30.0) -> list[tuple[float, Sequence[Outcome]]]:
    times = [i * period_s for i in range(40)]
    return [(t, (t >= 10, amps * math.exp(-(t - 10) / 2) + 8 if t >= 10 else 0.0)) for t in times]


def test_the_highest_current_after_a_start_is_its_peak() -> None:
    (measured,) = seen(AtStart(Amount(1), Flag(0)), starts(0.5))

    assert measured.value == pytest.approx(38.0)


def test_a_device_that_runs_when_it_is_first_seen_has_not_started() -> None:
    assert seen(AtStart(Amount(1), Flag(0)), [(t, o) for t, o in starts(0.5) if t >= 11]) == []


def test_a_start_behind_a_gap_or_a_fault_is_not_measured() -> None:
    gap = [(t if t < 9 else t + 60, o) for t, o in starts(1.0) if not 9 < t < 14]
    faulty: list[tuple[float, Sequence[Outcome]]] = [(t, (SILENT, SILENT) if 9 <= t < 14 else o) for t, o in starts(1.0)]

    assert seen(AtStart(Amount(1), Flag(0)), gap) == []
    assert seen(AtStart(Amount(1), Flag(0)), faulty) == []


def test_a_start_has_the_load_as_its_operating_point() -> None:
    rounds = [(t, (*o, 40.0)) for t, o in starts(0.5)]

    assert seen(AtStart(Amount(1), Flag(0), Amount(2)), rounds)[0].point == 41.0


def test_a_quantity_at_rest_is_taken_once_a_minute_after_it_has_settled() -> None:
    sight = AtRest(Amount(1), Flag(0), settle_ms=600_000)
    rounds = [(float(t), (t >= 300, 20.0 + t)) for t in range(0, 3000, 10)]
    found = seen(sight, rounds)

    assert len(found) == pytest.approx((3000 - 900) / 60, abs=2)
    assert found[0].value >= 920.0


def test_a_quantity_above_its_surroundings_waits_until_somebody_tells_them() -> None:
    sight = AtRest(Amount(0), less_outside=True)

    assert seen(sight, [(0.0, (50.0,))]) == []
    assert seen(sight, [(0.0, (50.0,))], outside=20.0) == [Measured(30.0)]
    assert seen(AtRest(Amount(0), less=Amount(1)), [(0.0, (50.0, 12.0))]) == [Measured(38.0)]


def test_a_slow_quantity_goes_with_a_smoothed_load() -> None:
    sight = AtRest(Amount(0), load=Amount(1), smooth_ms=600_000.0)
    rounds = [(float(t), (30.0, 10.0 if t < 600 else 20.0)) for t in range(0, 1300, 60)]
    loads = [m.point for m in seen(sight, rounds) if m.point is not None]

    assert loads[0] == 10.0
    assert 13.0 < loads[-1] < 18.0


def test_a_pump_is_brought_to_one_speed_by_the_affinity_laws() -> None:
    sight = OnCurve(Amount(1), Amount(0), 2, Flag(3), Amount(2), reference=2900.0)
    slow, fast = [(0.0, (3.0, 25.0, 2030.0, True)), (61.0, (2.1, 24.5, 2030.0, True))], [(122.0, (3.0, 50.0, 2900.0, True))]
    low, high = seen(sight, [*slow, *fast])

    assert low.point == pytest.approx(3.0)
    assert low.value == pytest.approx(50.0)
    assert (high.point, high.value) == (3.0, 50.0)


def test_a_pump_that_has_just_started_or_crawls_is_not_measured() -> None:
    sight = OnCurve(Amount(1), Amount(0), 2, Flag(3), Amount(2))

    assert seen(sight, [(0.0, (3.0, 50.0, 2900.0, True))]) == []
    assert seen(sight, [(0.0, (3.0, 50.0, 2900.0, False)), (61.0, (3.0, 50.0, 2900.0, True))]) == []
    crawling = [(0.0, (3.0, 50.0, 2900.0, True)), (61.0, (1.0, 8.0, 1200.0, True))]
    assert seen(sight, crawling) == []
    standing = [(0.0, (3.0, 50.0, 0.0, True)), (61.0, (3.0, 50.0, 0.0, True))]
    assert seen(sight, standing) == [], "a register of the speed that has stayed at nothing is no speed"


def test_where_a_lift_stops_is_read_when_it_has_stopped() -> None:
    rounds: list[tuple[float, Sequence[Outcome]]] = [
        (0.0, (0.5, False)), (1.0, (7.0, True)), (2.0, (9.0, True)), (3.0, (-4.0, False)), (4.0, (-3.0, False)),
    ]  # fmt: skip

    assert seen(AtStop(Amount(0), Flag(1)), rounds) == [Measured(-4.0)]


def test_edges_are_counted_and_silence_is_no_edge() -> None:
    flags: list[Outcome] = [False, True, True, SILENT, True, False, NOT_DUE, True]

    assert len(seen(Edges(Flag(0)), [(float(i), (flag,)) for i, flag in enumerate(flags)])) == 2


def test_hours_are_counted_but_not_over_a_gap() -> None:
    whole = [(float(t), (True,)) for t in range(0, 3601, 30)]
    torn = [(t, o) for t, o in whole if not 600 < t < 3000]

    assert sum(m.value for m in seen(HoursTrue(Flag(0)), whole)) == pytest.approx(1.0, abs=0.02)
    assert sum(m.value for m in seen(HoursTrue(Flag(0)), torn)) == pytest.approx(0.33, abs=0.04)


def test_a_counter_is_read_once_a_minute_and_only_when_it_was_asked() -> None:
    rounds: list[tuple[float, Sequence[Outcome]]] = [(0.0, (7.0,)), (30.0, (8.0,)), (61.0, (NOT_DUE,)), (122.0, (9.0,))]

    assert [m.value for m in seen(Counter(Amount(0, 0.5)), rounds)] == [3.5, 4.5]


def test_truths_are_values_texts_or_numbers_beyond_one() -> None:
    assert Flag(0, ("running", "stopping")).read(("stopping",)) is True
    assert Flag(0, ("running",)).read(("stopped",)) is False
    assert Flag(0, above=5.0).read((6.0,)) is True
    assert Flag(0).read((SILENT,)) is None


class Paced:
    """A device that is polled each second, some of whose points have slower paces: (column, seconds)."""

    def __init__(self, paces: dict[int, int]) -> None:
        self._paces = paces

    def seen(self, sight: Sight, outcomes: Callable[[float], Sequence[Outcome]], seconds: int, phase_s: float = 0.0) -> list[float]:
        memory: Memory = ()
        before: int | None = None
        waiting: Mapping[int, int | None] = {}
        holds: list[Outcome] = [NOT_DUE] * len(outcomes(0.0))
        found = []
        for number in range(seconds):
            read = outcomes(number + phase_s)
            due = [number % self._paces.get(column, 1) == 0 for column in range(len(read))]
            fresh = [value if is_due else NOT_DUE for value, is_due in zip(read, due, strict=True)]
            holds = [value if is_due else held for value, held, is_due in zip(read, holds, due, strict=True)]
            now = Round(holds, fresh, number * 1000, before, None, waiting)
            waiting, before = now.waiting_after(range(len(read))), now.at_ms
            memory, measured = sight.look(memory, now)
            if measured is not None:
                found.append(measured.value)
        return found


@pytest.mark.parametrize("paces", [{0: 2}, {1: 2}, {0: 2, 1: 3}, {0: 3, 1: 2}])
def test_a_door_of_whose_ends_one_is_polled_slower_than_its_device_is_still_timed(paces: dict[int, int]) -> None:
    """A round that has not asked for an end says nothing of it: it neither ends the way nor dates it."""
    rng = random.Random(3)
    times: list[float] = []
    for _ in range(150):
        start = 10.0 + rng.random() * 6
        times += Paced(paces).seen(BetweenEdges(OPEN, CLOSED), lambda t, at=start: (t < at, t >= at + 4.2), 30, rng.random())  # type: ignore[misc]

    assert len(times) == 150
    assert sum(times) / 150 == pytest.approx(4.2, abs=0.2)


def test_a_door_whose_ends_are_read_too_seldom_is_not_timed() -> None:
    assert Paced({1: 5}).seen(BetweenEdges(OPEN, CLOSED), lambda t: (t < 11, t >= 15), 30) == []
    assert Paced({0: 5}).seen(BetweenEdges(OPEN, CLOSED), lambda t: (t < 11, t >= 15), 30) == []


def test_a_start_is_seen_though_what_tells_it_has_a_slower_pace() -> None:
    def starting(t: float) -> Sequence[Outcome]:
        return (t >= 12, 30.0 * math.exp(-(t - 12) / 2) + 8 if t >= 12 else 0.0)

    assert Paced({0: 3}).seen(AtStart(Amount(1), Flag(0)), starting, 40) == [pytest.approx(38.0)]
    assert Paced({1: 3}).seen(AtStart(Amount(1), Flag(0)), starting, 40) == [pytest.approx(38.0)]
    assert Paced({0: 6}).seen(AtStart(Amount(1), Flag(0)), starting, 40) == [], "when it started nobody knows"
    assert Paced({1: 8}).seen(AtStart(Amount(1), Flag(0)), starting, 40) == [], "its peak nobody saw"


def test_where_a_lift_stopped_may_be_read_a_little_later_but_not_after_it_has_gone_on() -> None:
    def riding(t: float) -> Sequence[Outcome]:
        return (-4.0 if 10 <= t < 20 else 7.0, not 10 <= t < 20)

    assert Paced({0: 2, 1: 3}).seen(AtStop(Amount(0), Flag(1)), riding, 40) == [-4.0]
    assert Paced({0: 3}).seen(AtStop(Amount(0), Flag(1)), riding, 40) == [-4.0]
    assert Paced({0: 9}).seen(AtStop(Amount(0), Flag(1)), riding, 40) == []
    assert Paced({0: 3}).seen(AtStop(Amount(0), Flag(1)), lambda t: (7.0, not 10 <= t < 11), 40) == []
