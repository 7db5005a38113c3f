"""Trajectories in, decisions out: spots are made from formulas, no picture is drawn."""

import math
from collections.abc import Callable, Iterable

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edgeguard.core.camera_limits import FALL_MAX_HABITS, FALL_MAX_PENDING, FALL_MAX_TRACKS
from edgeguard.testing.examples import examples
from edgeguard.vision.fall_signs import NAMES
from edgeguard.vision.falls import Fall, FallState, finish, step
from edgeguard.vision.forest import Forest
from edgeguard.vision.gathering import Memory
from edgeguard.vision.habits import Event, Habits, habitual
from edgeguard.vision.spots import Spots
from edgeguard.vision.tracks import Mark
from edgeguard.vision.trajectory import fit
from edgeguard.vision.verdict import Learned, Scene, Veto, judge

Way = Callable[[float], tuple[float, float] | None]

WIDTH, HEIGHT, FPS = 1280, 720, 25.0
PX_PER_M = 20.0


def spot(x: float, y: float, size: float = 5.0, contrast: float = 40.0, wide: float = 1.0) -> list[float]:
    return [x, y, x - wide * size / 2, y - size / 2, wide * size, size, wide * size * size * 0.8, contrast]


def watch(
    ways: Iterable[Way],
    seconds: float = 8.0,
    fps: float = FPS,
    seed: int = 1,
    size: float = 5.0,
    slow: bool = False,
    wide: float = 1.0,
) -> list[Fall]:
    """Everything that is told of things that go these ways, `wide` times as wide as tall, half a pixel of noise."""
    rng = np.random.default_rng(seed)
    state = FallState(Scene(WIDTH, HEIGHT, slow=slow))
    told: list[Fall] = []
    ways = list(ways)
    for n in range(int(seconds * fps)):
        places = [place for way in ways if (place := way(n / fps)) is not None]
        rows = [spot(x + rng.normal(0, 0.4), y + rng.normal(0, 0.4), size, wide=wide) for x, y in places]
        spots = Spots(np.array(rows)) if rows else Spots.none()
        state, falls = step(state, n / fps, spots, np.full(len(rows), 0.02))
        told += falls
    state, falls = finish(state)
    return [*told, *falls]


def thrown(
    start_s: float, x: float = 600, y: float = 100, vx: float = 1.0, vy: float = 0.0, g: float = 9.2, px_per_m: float = PX_PER_M
) -> Way:
    """A throw: m/s sideways and downwards."""

    def way(t_s: float) -> tuple[float, float] | None:
        t = t_s - start_s
        place = x + px_per_m * vx * t, y + px_per_m * (vy * t + 0.5 * g * t * t)
        return place if t >= 0 and place[1] < HEIGHT - 10 else None

    return way


def steady(vx: float, vy: float, x: float = 100, y: float = 50) -> Way:
    def way(t_s: float) -> tuple[float, float] | None:
        place = x + vx * (t_s - 1), y + vy * (t_s - 1)
        return place if 0 <= place[0] < WIDTH and 0 <= place[1] < HEIGHT and t_s >= 1 else None

    return way


@pytest.mark.parametrize("fps", [12.0, 25.0])
@pytest.mark.parametrize(("vx", "vy", "g", "px_per_m"), [(0, 0, 9.5, 20), (5, -2, 8, 15), (-3, 2, 9.8, 30), (1, 1, 8, 15)])
def test_whatever_falls_freely_is_told_once_and_where_it_was(vx: float, vy: float, g: float, px_per_m: float, fps: float) -> None:
    way = thrown(2.0, vx=vx, vy=vy, y=150, g=g, px_per_m=px_per_m)
    (fall,) = watch([way], fps=fps, seconds=11.0)
    for mark in fall.path.marks:
        true = way(mark.t_s)
        assert true is not None
        assert math.hypot(mark.x - true[0], mark.y - true[1]) < 4
    assert fall.path.start_s == pytest.approx(2.0, abs=0.5)


@pytest.mark.slow
@given(speed=st.floats(20, 900), heading=st.floats(-3.1, 3.1))
@settings(max_examples=examples(4), deadline=None)
def test_nothing_that_goes_evenly_is_a_fall(speed: float, heading: float) -> None:
    """Aeroplanes, rain, headlights, glints."""
    x, y = WIDTH / 2 - speed * math.cos(heading), HEIGHT / 2 - speed * math.sin(heading)
    assert watch([steady(speed * math.cos(heading), speed * math.sin(heading), x, y)]) == []


@pytest.mark.slow
@given(amplitude=st.floats(5, 80), beat_hz=st.floats(0.3, 4), drift=st.floats(-120, 120))
@settings(max_examples=examples(4), deadline=None)
@example(59.0, 0.75, 5.0)
@example(69.4, 0.7715, 5.6)
@example(68.8, 0.7856, -9.7)
@example(60.35, 0.7724, -8.38)
def test_nothing_that_swings_or_flaps_is_a_fall(amplitude: float, beat_hz: float, drift: float) -> None:
    """Birds, laundry, leaves, insects."""

    def way(t_s: float) -> tuple[float, float]:
        return 640 + drift * (t_s - 4), 360 + 0.3 * drift * (t_s - 4) + amplitude * math.sin(2 * math.pi * beat_hz * t_s)

    assert watch([way]) == []


def test_a_leaf_sinks_too_slowly() -> None:
    assert watch([lambda t: (500 + 20 * math.sin(3 * t), 60 + 30 * t)]) == []


def sinking(start_s: float = 2.0, x: float = 500.0, pace: float = 80.0) -> Way:
    """A bag: evenly down, swinging."""

    def way(t_s: float) -> tuple[float, float] | None:
        t = t_s - start_s
        return (x + 25 * math.sin(3 * t), 150 + pace * t + 6 * math.sin(6 * t)) if 0 <= t < 4 else None

    return way


@pytest.mark.slow
def test_what_sinks_is_told_only_where_it_is_asked_for_and_as_a_class_of_its_own() -> None:
    assert watch([sinking()], size=9.0) == []
    (fall,) = watch([sinking()], size=9.0, slow=True)
    assert fall.slow
    assert fall.confidence < 0.65
    (thrown_one,) = watch([thrown(2.0)], slow=True)
    assert not thrown_one.slow


def test_what_sinks_by_the_dozen_was_not_thrown() -> None:
    leaves = [sinking(1.0 + 0.4 * n, 200.0 + 150 * n, 70.0 + 5 * n) for n in range(6)]
    assert watch(leaves, size=9.0, slow=True) == []


def test_who_walks_by_does_not_sink() -> None:
    assert watch([steady(120, 12, 100, 600)], size=12.0, slow=True) == []


def test_a_ball_from_below_comes_down_where_it_went_up() -> None:
    assert watch([thrown(2.0, y=700, vy=-12.0, g=9.6)]) == []


@pytest.mark.parametrize(("y", "told"), [(660.0, 0), (300.0, 1)])
def test_what_goes_far_up_is_a_ball_where_it_came_from_below(y: float, told: int) -> None:
    """Of a ball that rain hides at first the upper part alone may be seen, and its way down for longer than its way up. What is
    thrown up from a window goes down further than the view shows."""
    marks = [Mark(0.04 * n, 500.0, y - 240 * 0.04 * n + 200 * (0.04 * n) ** 2, 5.0, 40.0, 6.0, 0.01) for n in range(33)]
    path = fit(tuple(marks))
    assert 0.5 < path.rise_px / path.fall_px < 0.8
    sure = Learned(Forest(NAMES, 9.0, ()), 0.7)
    verdict = judge(path, Scene(WIDTH, HEIGHT, learned=sure), 0.04)
    assert (verdict is Veto.RISES) == (not told)


def test_a_car_that_comes_nearer_is_too_large_for_its_acceleration() -> None:
    def way(t_s: float) -> tuple[float, float] | None:
        near = 1 / max(0.1, 1 - t_s / 8)
        return 640 + 20 * near, 250 + 60 * near

    assert watch([way], seconds=7.0, size=34) == []


def test_a_bumper_is_too_long_for_its_acceleration() -> None:
    """Of a car that comes nearer only the edge may stand out, as thin as a thing that falls."""
    assert len(watch([thrown(2.0)], size=5.0, wide=4.0)) == 1
    assert watch([thrown(2.0)], size=5.0, wide=7.0) == []


def test_drops_from_a_gutter_give_themselves_away() -> None:
    drops = [thrown(1.5 + 1.1 * n, vx=0.0, y=200) for n in range(6)]
    assert watch(drops, seconds=10.0, size=2.0) == []


def test_a_mirror_image_is_the_same_throw_and_the_origin_is_the_upper_one() -> None:
    (fall,) = watch([thrown(2.0), thrown(2.0, x=640, y=180)])
    assert fall.merged >= 1
    assert fall.path.marks[0].y < 110


def test_a_thing_behind_mullions_is_one_fall() -> None:
    way = thrown(2.0)
    (fall,) = watch([lambda t: None if int(t * FPS) % 12 in (3, 4, 5) else way(t)])
    assert fall.path.fall_px > 500


def test_a_thing_that_is_lost_behind_a_car_is_not_lost_with_its_track() -> None:
    """The car has been there for longer and comes to where the thing must be next: one way for both from there on."""
    way = thrown(2.0)
    x, y = way(3.24) or (0.0, 0.0)
    car = steady(60.0, 150.0, x - 60.0 * 2.24, y - 150.0 * 2.24)
    (fall,) = watch([lambda t: way(t) if t < 3.1 else None, car], seconds=4.5)
    assert fall.path.start_s < 2.2


def test_from_a_window_near_by_a_fall_is_over_in_half_a_second() -> None:
    """The picture shows 1.6 m: more than 5 of its heights a second squared."""
    (fall,) = watch([thrown(2.0, y=40, px_per_m=440)], size=25.0, seconds=4.5)
    assert fall.path.bend > 5 * HEIGHT


def test_few_are_as_thick_as_a_ball_among_drops() -> None:
    """Its own marks do not count; and of what has hardly been seen nothing is said."""
    marks = tuple(Mark(n / FPS, 600.0, 100.0 + n * n, 20.0, 40.0, 20.0, 0.1) for n in range(8))
    ball, drops = [0.0, 600.0, 100.0, 20.0, 40.0, 20.0, 0.1], [[0.0, 50.0 * n, 300.0, 1.0 + n % 2, 9.0, 2.0, 0.1] for n in range(9)]
    lonely, among = Memory(), Memory()
    for mark in marks:
        row = [mark.t_s, mark.x, mark.y, *ball[3:]]
        lonely = lonely.with_picture(mark.t_s, np.array([row]))
        among = among.with_picture(mark.t_s, np.array([row, *([mark.t_s, *drop[1:]] for drop in drops)]))
    assert lonely.alike(fit(marks)) == 1.0
    assert among.alike(fit(marks)) == pytest.approx(0.1)
    assert among.alike(fit(tuple(mark._replace(thickness=1.5) for mark in marks))) > 0.8


def test_what_falls_not_far_must_be_clear() -> None:
    """The lights of a car that comes nearer bend downwards through a seventh of the picture: passed barely, that is none."""
    rng = np.random.default_rng(4)
    times = np.arange(14) / FPS
    scene = Scene(WIDTH, HEIGHT)

    def verdict(height: float) -> Veto | float:
        way = 0.3 * times + 0.7 * times * times
        rows = 100 + height * HEIGHT * way / way[-1] + rng.normal(0, 1.2, len(times))
        marks = tuple(Mark(float(t), 600.0, float(y), 9.0, 40.0, 9.0, 0.05) for t, y in zip(times, rows, strict=True))
        return judge(fit(marks), scene, 1 / FPS)

    assert verdict(0.14) is Veto.WEAK
    assert not isinstance(verdict(0.24), Veto)


def test_marks_that_lie_close_to_the_way_are_less_likely_chance() -> None:
    """Ten marks of a fast thing of which the first half was not seen, in a busy place."""
    scene, times = Scene(WIDTH, HEIGHT), np.arange(10) / FPS

    def verdict(scatter_px: float) -> Veto | float:
        off = scatter_px * np.where(np.arange(10) % 2, 1.0, -1.0)
        rows = 100 + 500 * times + 1800 * times * times + off
        marks = tuple(Mark(float(t), 600.0, float(y), 5.0, 40.0, 9.0, 0.3) for t, y in zip(times, rows, strict=True))
        return judge(fit(marks), scene, 1 / FPS)

    assert verdict(2.0) is Veto.CHANCE
    assert not isinstance(verdict(0.3), Veto)


def test_in_snow_a_place_where_as_much_begins_as_elsewhere_is_no_gutter() -> None:
    """The upper border of the picture, where flakes come in."""

    def beginning(t_s: float, x: float) -> Event:
        return Event(t_s, x, 20.0, 180.0, 180.0, 3.0)

    marks = tuple(Mark(30 + n / FPS, 600.0, 20 + 80 * (n / FPS) ** 2 * 1.1, 3.0, 40.0, 3.0, 0.05) for n in range(40))
    path = fit(marks)
    flakes = tuple(beginning(10.0 + n, 560.0 + 10 * (n % 9)) for n in range(18))
    assert habitual(Habits((beginning(10.0, 600.0), beginning(12.0, 601.0))), path, ())
    assert not habitual(Habits(flakes), path, ())
    assert habitual(Habits(tuple(beginning(10.0 + n, 600.0) for n in range(18))), path, ())


def test_two_throws_are_two_falls() -> None:
    falls = watch([thrown(2.0, x=300), thrown(6.0, x=900)], seconds=12.0)
    assert len(falls) == 2


def test_a_window_from_which_things_are_thrown_again_and_again_is_no_gutter() -> None:
    throws = [thrown(2.0 + 4.0 * n, vx=0.5, y=200) for n in range(2)]
    assert len(watch(throws, seconds=11.0, size=9.0)) == 2


@pytest.mark.slow
def test_a_second_thing_as_thick_as_no_drop_is_told_the_third_is_a_habit() -> None:
    throws = [thrown(2.0 + 4.0 * n, vx=0.0, y=200) for n in range(3)]
    assert len(watch(throws[:2], seconds=11.0, size=4.5)) == 2
    assert len(watch(throws, seconds=15.0, size=4.5)) == 2


def test_ghosts_on_the_way_do_not_lead_a_throw_astray() -> None:
    """A codec leaves a thing's picture where it was; the ghosts of every fourth picture stay on for three more."""
    way = thrown(2.0, vx=2.0)
    ghosts = [lambda t, n=n: way(n / FPS) if 0 < t * FPS - n < 3.5 and n % 4 == 0 else None for n in range(50, 120)]
    falls = watch([lambda t: None if int(t * FPS) % 4 == 1 else way(t), *ghosts])
    assert len(falls) == 1
    assert falls[0].path.fall_px > 400


def test_a_throw_is_told_within_two_seconds_of_its_end() -> None:
    way, state = thrown(2.0), FallState(Scene(WIDTH, HEIGHT))
    last_s = max(n / FPS for n in range(300) if way(n / FPS) is not None)
    for n in range(300):
        place = way(n / FPS)
        rows = np.array([spot(*place)]) if place else np.empty((0, 8))
        state, falls = step(state, n / FPS, Spots(rows), np.zeros(len(rows)))
        if falls:
            assert n / FPS - last_s < 2.0
            return
    pytest.fail("nothing was told")


@pytest.mark.slow
def test_a_throw_is_seen_through_a_shower_of_steady_drops() -> None:
    rng = np.random.default_rng(5)
    drops = [steady(0.0, float(rng.uniform(500, 900)), float(x), float(rng.uniform(-4000, 0))) for x in rng.uniform(0, WIDTH, 60)]
    falls = watch([thrown(2.0), *drops])
    assert [fall.path.marks[0].y < 130 for fall in falls] == [True]


@pytest.mark.parametrize(("drops", "kept"), [(4, True), (120, False)], ids=["a few", "a flood"])
def test_in_a_flood_of_spots_steady_drops_are_not_kept_as_pieces_of_a_fall(drops: int, kept: bool) -> None:
    rng = np.random.default_rng(5)
    nothing_falls = Learned(Forest(NAMES, -9.0, ()), 0.7)
    columns, rows_0 = rng.uniform(0, WIDTH, drops), rng.uniform(0, HEIGHT, drops)
    state = FallState(Scene(WIDTH, HEIGHT, learned=nothing_falls))
    for n in range(100):
        rows = np.array([spot(x, (y + 500.0 * n / FPS) % HEIGHT) for x, y in zip(columns, rows_0, strict=True)])
        state, _ = step(state, n / FPS, Spots(rows), np.full(drops, 0.01))
    assert dict(state.vetoes)[Veto.EVEN] >= 1
    assert any(piece.fall_px > 0.2 * HEIGHT for piece in state.pieces) == kept


@pytest.mark.slow
def test_noise_alone_is_never_a_fall_and_the_work_stays_bounded() -> None:
    rng = np.random.default_rng(3)
    state = FallState(Scene(WIDTH, HEIGHT))
    for n in range(150):
        rows = np.array([spot(*rng.uniform((0, 0), (WIDTH, HEIGHT))) for _ in range(30)])
        state, falls = step(state, n / FPS, Spots(rows), np.full(30, 0.05))
        assert falls == ()
        assert len(state.tracks.live) <= FALL_MAX_TRACKS
        assert len(state.pieces) <= FALL_MAX_PENDING
        assert len(state.habits.starts) <= FALL_MAX_HABITS


def test_the_same_numbers_give_the_same_falls() -> None:
    assert watch([thrown(2.0)]) == watch([thrown(2.0)])
