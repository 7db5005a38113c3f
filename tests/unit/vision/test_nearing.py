"""Throws towards the camera, as a pinhole shows them: spots are made from formulas, no picture is drawn."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeguard.core.facade import FacadeSpec, Mount
from edgeguard.testing.examples import examples
from edgeguard.vision.facade import Plane, plane_of
from edgeguard.vision.fall_signs import NAMES
from edgeguard.vision.falls import Fall, FallState, finish, same_throw, step
from edgeguard.vision.forest import Forest
from edgeguard.vision.gathering import Memory
from edgeguard.vision.nearing import Nearing, thrown_nearer
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


def told(pictures: list[list[list[float]]], plane: Plane | None = None, fps: float = FPS, unrest: float = 0.0) -> list[Fall]:
    state = FallState(Scene(WIDTH, HEIGHT, plane, learned=NO_FALL))
    falls: list[Fall] = []
    for n, spots in enumerate(pictures):
        busy = np.full(len(spots), 0.02)
        state, found = step(state, n / fps, Spots(np.array(spots)) if spots else Spots.none(), busy, unrest)
        falls += found
    return [*falls, *finish(state)[1]]


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
    falls = told(pictures, fps=fps)
    assert len(falls) == 1
    assert falls[0].path.start_s == pytest.approx(BEGINS_S, abs=0.15)
    assert math.dist(falls[0].path.marks[0][1:3], places[0][:2]) < 30


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


def test_among_much_else_nothing_is_told_of_what_nears() -> None:
    rng = np.random.default_rng(5)
    pictures = rows(TOWARDS[0])
    for spots in pictures:
        for x, y in rng.uniform((0, 0), (WIDTH, HEIGHT), (30, 2)):
            spots.append([x, y, x - 1, y - 1, 2, 2, 4, 20.0])
    assert not told(pictures)


def test_a_throw_that_hides_for_a_moment_is_told_from_both_parts() -> None:
    pictures = rows(TOWARDS[0])
    first = next(n for n, spots in enumerate(pictures) if spots)
    for spots in pictures[first + 8 : first + 13]:
        spots.clear()
    falls = told(pictures)
    assert len(falls) == 1
    assert falls[0].path.end_s - falls[0].path.start_s > 0.6


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
    path = thrown_nearer(marks, memory, Scene(WIDTH, HEIGHT), step_s)
    assert path is None or len(path.marks) >= 5
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
