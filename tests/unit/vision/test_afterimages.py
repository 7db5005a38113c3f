"""A camera that takes the mean over pictures shows a thing where it is and, weaker, where it was; it is told where it is."""

from collections.abc import Callable

import numpy as np
import pytest

from edgeguard.vision.afterimages import trails
from edgeguard.vision.falls import Fall, FallState, finish, joined, same_throw, step
from edgeguard.vision.spots import Spots
from edgeguard.vision.tracks import Mark
from edgeguard.vision.trajectory import Path, fit
from edgeguard.vision.verdict import Scene

WIDTH, HEIGHT, FPS = 1280, 720, 25.0
SCENE = Scene(WIDTH, HEIGHT)
Way = Callable[[float], tuple[float, float]]


def way(t_s: float, x: float = 500.0) -> tuple[float, float]:
    return x + 60 * t_s, 60 + 190 * t_s * t_s


def path(of: Way, start_s: float, end_s: float, lag_s: float = 0.0) -> Path:
    rng = np.random.default_rng(1)
    times = np.arange(start_s, end_s, 1 / FPS)
    marks = []
    for t_s in times.tolist():
        x, y = of(t_s - lag_s)
        marks.append(Mark(t_s, x + rng.normal(0, 0.4), y + rng.normal(0, 0.4), 4.0, 30.0, 5.0, 0.01))
    return fit(tuple(marks))


@pytest.mark.parametrize("lag_s", [0.04, 0.08, 0.2])
def test_what_goes_the_same_way_later_is_an_afterimage(lag_s: float) -> None:
    thing, behind = path(way, 0.1, 1.6), path(way, 0.4, 1.6, lag_s)
    assert trails(behind, thing)
    assert not trails(thing, behind)
    assert same_throw(thing, behind, SCENE)
    assert same_throw(behind, thing, SCENE)


@pytest.mark.parametrize(("x", "lag_s"), [(540.0, 0.0), (500.0, 0.6), (470.0, 0.1)])
def test_what_falls_beside_it_or_much_later_is_none(x: float, lag_s: float) -> None:
    assert not trails(path(lambda t_s: way(t_s, x), 0.7, 1.6, lag_s), path(way, 0.1, 1.6))


def test_the_same_way_at_the_same_time_is_no_afterimage() -> None:
    assert not trails(path(way, 0.2, 1.6), path(way, 0.2, 1.6))


def test_a_throw_and_its_afterimage_are_the_throw_from_its_first_mark_on() -> None:
    """The track that stays behind is longer, and was the first to be on the thing."""
    thing = path(way, 0.32, 1.6)
    behind = path(way, 0.12, 0.24).marks + path(way, 0.4, 1.84, 0.16).marks
    for one, two in ((thing, fit(behind)), (fit(behind), thing)):
        whole = joined(Fall(one, 0.8), Fall(two, 0.9)).path
        assert whole.start_s == pytest.approx(0.12)
        assert all(abs(mark.y - way(mark.t_s)[1]) < 3 for mark in whole.marks)


def test_a_thing_that_was_lost_on_its_way_is_told_as_far_as_its_afterimage_was_seen() -> None:
    thing, behind = path(way, 0.12, 1.0), path(way, 0.12, 1.6, 0.12)
    assert joined(Fall(thing, 0.8), Fall(behind, 0.9)).path.end_s == behind.end_s


@pytest.mark.parametrize("kept", [2, 4])
def test_a_thing_that_leaves_afterimages_is_told_once_and_where_it_is(kept: int) -> None:
    """Each picture shows what the last ones did, too, ever weaker; in every third the thing itself is lost to the codec."""
    state = FallState(SCENE)
    told: list[Fall] = []
    for n in range(150):
        rows = []
        for ago in range(kept + 1):
            t_s = (n - ago) / FPS - 2.0
            if t_s >= 0 and (ago or n % 3):
                x, y = way(t_s)
                if y < HEIGHT - 10:
                    rows.append([x, y, x - 2, y - 2, 4.0, 4.0, 13.0, 40.0 * 0.7**ago])
        spots = Spots(np.array(rows)) if rows else Spots.none()
        state, falls = step(state, n / FPS, spots, np.full(len(rows), 0.02))
        told += falls
    (fall,) = [*told, *finish(state)[1]]
    behind = [mark for mark in fall.path.marks if way(mark.t_s - 2.0)[1] - mark.y > 12]
    assert len(behind) < 0.2 * len(fall.path.marks)
