"""Throws towards the camera, as a pinhole shows them: spots are made from formulas, no picture is drawn."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeguard.core.camera_limits import FALL_SECOND_LOOKS
from edgeguard.core.facade import FacadeSpec, Mount
from edgeguard.testing.examples import examples
from edgeguard.vision import falls
from edgeguard.vision.facade import Plane, plane_of
from edgeguard.vision.fall_signs import NAMES
from edgeguard.vision.falls import Fall, FallState, finish, same_throw, step
from edgeguard.vision.forest import Forest, forest_of
from edgeguard.vision.gathering import Memory
from edgeguard.vision.nearing import Nearing, is_thrown_nearer, may_near, whole_way
from edgeguard.vision.spots import Spots
from edgeguard.vision.tracks import Mark
from edgeguard.vision.trajectory import fit
from edgeguard.vision.verdict import Learned, Scene

WIDTH, HEIGHT, FPS = 1280, 720, 25.0
FOCAL = 720.0
PITCH = 0.28
DISTANCE_M, CAMERA_M = 16.0, 3.0
BEGINS_S = 2.0
NO_FALL = Learned(Forest(NAMES, -5.0, ()), 0.7)
"""Takes nothing for a fall: what is told all the same is told as a throw towards the camera."""
DOUBTS = Learned(Forest(NAMES, -2.5, ()), 0.7)
"""Takes nothing for a fall, and nothing for something else."""

Place = tuple[float, float, float]
"""To the right, out of the facade, up; m."""
World = Callable[[float], Place]


def seen(place: Place) -> tuple[float, float, float] | None:
    """x, y and how many px a metre is there; None outside of the picture."""
    ahead, up = DISTANCE_M - place[1], place[2] - CAMERA_M
    depth = ahead * math.cos(PITCH) + up * math.sin(PITCH)
    if depth < 0.5:
        return None
    scale = FOCAL / depth
    x, y = WIDTH / 2 + place[0] * scale, HEIGHT / 2 - (up * math.cos(PITCH) - ahead * math.sin(PITCH)) * scale
    return (x, y, scale) if 3 < x < WIDTH - 3 and 3 < y < HEIGHT - 3 else None


def moving(start: Place, speed: Place, g: float = 9.81) -> World:
    def at(t_s: float) -> Place:
        x, out, up = (p + v * t_s for p, v in zip(start, speed, strict=True))
        return x, out, up - 0.5 * g * t_s * t_s

    return at


def rows(
    way: World, seconds: float = 2.5, fps: float = FPS, size_m: float = 0.15, noise_px: float = 0.4
) -> list[list[list[float]]]:
    """What stands out in each picture; the thing is there from BEGINS_S on until it leaves the picture or lands."""
    rng = np.random.default_rng(3)
    pictures: list[list[list[float]]] = []
    gone = False
    for n in range(int((BEGINS_S + seconds) * fps)):
        t_s = n / fps - BEGINS_S
        place = seen(way(t_s)) if t_s >= 0 and not gone and way(t_s)[2] > 0 else None
        gone = gone or (t_s >= 0 and place is None)
        pictures.append([])
        if place is not None:
            size = max(2.0, size_m * place[2])
            x, y = place[0] + rng.normal(0, noise_px), place[1] + rng.normal(0, noise_px)
            pictures[-1].append([x, y, x - size / 2, y - size / 2, size, size, 0.8 * size * size, 40.0])
    return pictures


def told(
    pictures: list[list[list[float]]], plane: Plane | None = None, fps: float = FPS, unrest: float = 0.0, judge: Learned = NO_FALL
) -> list[Fall]:
    state = FallState(Scene(WIDTH, HEIGHT, plane, learned=judge))
    found: list[Fall] = []
    for n, spots in enumerate(pictures):
        busy = np.full(len(spots), 0.02)
        state, now = step(state, n / fps, Spots(np.array(spots)) if spots else Spots.none(), busy, unrest)
        found += now
    return [*found, *finish(state)[1]]


TOWARDS = [
    moving((1.5, 0.3, 12.0), (2.0, 5.0, 1.0)),
    moving((-2.0, 0.3, 12.0), (-2.5, 6.0, 2.0)),
    moving((2.5, 0.3, 13.0), (1.0, 6.5, 2.0)),
    moving((-1.0, 0.3, 12.0), (-4.0, 5.0, 1.5)),
]


@pytest.mark.parametrize("way", TOWARDS)
@pytest.mark.parametrize("fps", [20.0, 25.0])
def test_what_is_thrown_towards_the_camera_is_told_once_though_it_hardly_goes_down(way: World, fps: float) -> None:
    pictures = rows(way, fps=fps)
    places = [spots[0] for spots in pictures if spots]
    found = told(pictures, fps=fps)
    assert len(found) == 1
    assert found[0].path.start_s == pytest.approx(BEGINS_S, abs=0.15)
    assert math.dist(found[0].path.marks[0][1:3], places[0][:2]) < 30


@pytest.mark.parametrize("way", TOWARDS)
def test_where_much_is_in_motion_or_the_camera_itself_nothing_nears(way: World) -> None:
    assert not told(rows(way), unrest=0.1)


@pytest.mark.parametrize(("start", "speed"), [((1.5, 2.0, 1.2), (1.0, 4.0, 5.0)), ((1.5, 2.0, 1.2), (-2.0, 4.0, 6.5))])
def test_a_ball_that_comes_from_below_is_none(start: Place, speed: Place) -> None:
    pictures = rows(moving(start, speed), size_m=0.22)
    assert sum(map(bool, pictures)) > 12
    assert not told(pictures)


def test_two_beside_each_other_that_bend_upwards_in_the_picture_are_one() -> None:
    def beside(x_px: float) -> tuple[Mark, ...]:
        return tuple(Mark(2 + n / 25, x_px + 4 * n + n * n, 300 + 3 * n - 0.2 * n * n, 6.0, 40.0, 6.0, 0.02) for n in range(12))

    one, two = fit(beside(500)), fit(beside(760))
    assert one.bend < 0
    assert same_throw(one, two, Scene(WIDTH, HEIGHT))


@pytest.mark.parametrize("up_m_s2", [0.0, 0.4, 9.81 + 1.0])
@pytest.mark.parametrize(
    ("start", "speed"),
    [((1.5, 0.3, 9.0), (2.0, 6.0, 0.0)), ((-2.0, 0.3, 10.0), (-2.5, 8.0, -1.0)), ((3.0, 1.0, 8.0), (1.0, 7.0, 0.5))],
)
def test_what_nears_and_is_held_by_wings_is_none(start: Place, speed: Place, up_m_s2: float) -> None:
    assert not told(rows(moving(start, speed, g=-up_m_s2 if up_m_s2 < 9 else up_m_s2 - 9.81)))


def test_a_bird_that_swings_as_it_nears_is_none() -> None:
    def way(t_s: float) -> Place:
        return 1.5 + 2.0 * t_s, 0.3 + 6.0 * t_s, 9.0 + 0.25 * math.sin(9.0 * t_s)

    assert not told(rows(way))


def among(pictures: list[list[list[float]]], others: int) -> list[list[list[float]]]:
    """The same with so many spots in each picture that are of nothing."""
    rng = np.random.default_rng(5)
    places = rng.uniform((0, 0), (WIDTH, HEIGHT), (len(pictures), others, 2))
    return [
        [*spots, *([x, y, x - 1, y - 1, 2, 2, 4, 20.0] for x, y in beside)]
        for spots, beside in zip(pictures, places.tolist(), strict=True)
    ]


@pytest.mark.parametrize("way", TOWARDS)
@pytest.mark.parametrize("fps", [12.0, 25.0])
def test_among_much_else_what_looks_like_a_throw_is_looked_at_again(way: World, fps: float) -> None:
    found = told(among(rows(way, fps=fps), 26), fps=fps, judge=DOUBTS)
    assert len(found) == 1
    assert found[0].path.start_s == pytest.approx(BEGINS_S, abs=0.2)


@pytest.mark.parametrize("way", TOWARDS)
def test_in_a_flood_nothing_is_told_of_what_nears(way: World) -> None:
    assert not told(among([[]] * 75 + rows(way), 79), judge=DOUBTS)


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize(("x_m", "up_m_s", "is_told"), [(9.0, 2.6, True), (9.0, 6.0, False), (2.0, 2.6, False)])
def test_what_is_thrown_up_and_out_of_the_picture_is_told(side: int, x_m: float, up_m_s: float, is_told: bool) -> None:
    """A ball goes up faster, or is still in the picture when it is lost."""
    way = moving((side * x_m, 0.3, 12.0), (side * 6.0, 6.5, up_m_s))
    pictures = rows(way, seconds=0.56, fps=30.0)
    assert sum(map(bool, pictures)) > 12
    assert bool(told(pictures, fps=30.0)) is is_told


@pytest.mark.parametrize("fps", [12.0, 25.0])
def test_the_forest_is_asked_once_more_of_the_whole_way(fps: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """It doubts what few marks show, and takes for a fall what more of them do."""
    monkeypatch.setattr(falls, "is_thrown_nearer", lambda *_: False)
    trees = [[[NAMES.index("marks"), 12.5, 1, 2], [-1, -2.5, 0, 0], [-1, 3.0, 0, 0]]]
    forest = Learned(forest_of({"signs": list(NAMES), "base": 0.0, "trees": trees}), 0.7)
    found = [fall for way in TOWARDS for fall in told(among(rows(way, fps=fps), 26), fps=fps, judge=forest)]
    monkeypatch.setattr(falls, "FALL_SECOND_LOOKS", 0)
    before = [fall for way in TOWARDS for fall in told(among(rows(way, fps=fps), 26), fps=fps, judge=forest)]
    assert len(found) > len(before)
    assert all(fall.confidence == pytest.approx(0.953, abs=0.001) for fall in found)


def test_at_few_tracks_a_picture_is_looked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []

    def counted(marks: tuple[Mark, ...], memory: Memory, scene: Scene) -> Nearing | None:
        looks.append(len(memory.pictures))
        return whole_way(marks, memory, scene)

    monkeypatch.setattr(falls, "whole_way", counted)
    ways = [moving((-8.0 + 1.4 * n, 0.3, 12.0), (-4.0 + n, 5.0, 1.0)) for n in range(12)]
    together = [rows(way, seconds=0.6) for way in ways]
    told([[spot for spots in beside for spot in spots] for beside in zip(*together, strict=True)])
    assert 0 < max(looks.count(n) for n in looks) <= FALL_SECOND_LOOKS


@pytest.mark.parametrize(("gains", "nears"), [(3.0, True), (0.0, False), (-3.0, False)])
def test_only_what_gains_speed_sideways_may_near(gains: float, nears: bool) -> None:
    marks = tuple(Mark(n / 25, 200 + 20 * n + gains * n * n, 300.0, 6.0, 40.0, 6.0, 0.02) for n in range(8))
    astray = (*marks[:-1], marks[-1]._replace(x=marks[-2].x))
    assert may_near(marks, HEIGHT) is nears
    assert may_near(astray, HEIGHT) is nears


def test_from_a_part_of_a_throw_the_whole_is_found() -> None:
    pictures = among(rows(TOWARDS[1], fps=12.0), 20)
    memory, own = Memory(), []
    for n, spots in enumerate(pictures):
        seen_now = Spots(np.array(spots)).sightings(n / 12, np.full(len(spots), 0.02))
        memory = memory.with_picture(n / 12, seen_now)
        own += [Mark(*seen_now[0].tolist())] if len(spots) > 20 else []
    way = whole_way(tuple(own[:6]), memory, Scene(WIDTH, HEIGHT))
    assert way is not None
    assert [mark[:3] for mark in way.path.marks] == [mark[:3] for mark in own]


def test_a_throw_that_hides_for_a_moment_is_told_from_both_parts() -> None:
    pictures = rows(TOWARDS[0])
    first = next(n for n, spots in enumerate(pictures) if spots)
    for spots in pictures[first + 8 : first + 13]:
        spots.clear()
    found = told(pictures)
    assert len(found) == 1
    assert found[0].path.end_s - found[0].path.start_s > 0.6


@pytest.mark.parametrize(("nearer", "is_told"), [(1.0, True), (4.0, False)])
def test_with_floor_lines_it_must_fall_as_the_earth_lets_it(nearer: float, is_told: bool) -> None:
    mount = Mount(math.degrees(PITCH), FOCAL, DISTANCE_M / nearer, CAMERA_M)
    assert bool(told(rows(TOWARDS[0]), plane_of(FacadeSpec(mount=mount), (WIDTH, HEIGHT)))) is is_told


def test_what_was_on_its_way_when_the_video_began_is_none() -> None:
    assert not told(rows(TOWARDS[0])[int((BEGINS_S - 0.4) * FPS) :])


@given(
    st.lists(st.tuples(st.floats(0, WIDTH), st.floats(0, HEIGHT), st.floats(1, 200)), min_size=5, max_size=30),
    st.floats(0.01, 0.2),
)
@settings(max_examples=examples(200), deadline=None)
def test_whatever_the_marks_there_is_an_answer(places: list[tuple[float, float, float]], step_s: float) -> None:
    marks = tuple(Mark(n * step_s, x, y, size, 20.0, size, 0.01) for n, (x, y, size) in enumerate(places))
    memory = Memory()
    for mark in marks:
        memory = memory.with_picture(mark.t_s, np.array([mark]))
    scene = Scene(WIDTH, HEIGHT)
    way = whole_way(marks, memory, scene)
    assert way is None or (len(way.path.marks) >= 5 and is_thrown_nearer(way, scene, step_s) in (True, False))
    assert may_near(marks, HEIGHT) in (True, False)
    found = Nearing.of(np.array(marks), WIDTH, HEIGHT)
    assert np.isfinite(found.numbers).all()
    assert np.isfinite(found.way(found.marks[:, 0])).all()


def test_the_numbers_of_a_way_are_those_of_the_throw() -> None:
    way = TOWARDS[1]
    places = [(n / FPS, *place[:2], 4.0, 40.0, 4.0, 0.01) for n in range(16) if (place := seen(way(n / FPS))) is not None]
    found = Nearing.of(np.array(places), WIDTH, HEIGHT)
    _, out, up = way(0.0)
    depth_m = (DISTANCE_M - out) * math.cos(PITCH) + (up - CAMERA_M) * math.sin(PITCH)
    per_m = FOCAL / HEIGHT / depth_m
    assert found.numbers[1] == pytest.approx(-2.5 * per_m, rel=0.03)
    assert 2 * found.numbers[4] == pytest.approx(9.81 * math.cos(PITCH) * per_m, rel=0.05)
    nears = -6.0 * math.cos(PITCH) + 2.0 * math.sin(PITCH)
    assert found.numbers[5] == pytest.approx(nears / depth_m, rel=0.05)
    assert np.abs(found.way(found.marks[:, 0])[:, 1:3] - found.marks[:, 1:3]).max() < 0.3
