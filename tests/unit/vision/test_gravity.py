"""What floor lines say of a path: ways of things before a pinhole, from formulas, judged by forests that say what they are told."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeguard.core.facade import FacadeSpec, Mount
from edgeguard.testing.examples import examples
from edgeguard.vision.facade import Plane, plane_of
from edgeguard.vision.fall_signs import NAMES
from edgeguard.vision.forest import Forest
from edgeguard.vision.gathering import Memory
from edgeguard.vision.gravity import log_ratio, updated
from edgeguard.vision.tracks import Mark
from edgeguard.vision.trajectory import Path, fit
from edgeguard.vision.verdict import Learned, Scene, Veto, judge

SIZE = WIDTH, HEIGHT = 1280, 720
FPS, G = 25.0, 9.81
MOUNT = Mount(pitch_deg=26.0, focal_px=720.0, distance_m=18.0, height_m=3.0)


def plane(mount: Mount = MOUNT) -> Plane:
    found = plane_of(FacadeSpec(mount=mount), SIZE)
    assert found is not None
    return found


def fallen(
    out_m_s: float, gravity_m_s2: float = G, from_m: float = 20.0, seconds: float = 1.4, off_px: float = 0.0, chance: float = 0.9
) -> Path:
    """Of what is thrown straight away from the wall, as the camera of MOUNT sees it, each mark `off_px` off by turns."""
    pitch, marks = math.radians(MOUNT.pitch_deg), []
    for n in range(int(seconds * FPS)):
        t = n / FPS
        ahead, up = MOUNT.distance_m - out_m_s * t, from_m - 0.5 * gravity_m_s2 * t * t - MOUNT.height_m
        depth = ahead * math.cos(pitch) + up * math.sin(pitch)
        row = HEIGHT / 2 - (up * math.cos(pitch) - ahead * math.sin(pitch)) / depth * MOUNT.focal_px
        if 0 < row < HEIGHT:
            marks.append(Mark(2.0 + t, WIDTH / 2, row + off_px * (-1) ** n, 4.0, 60.0, 4.0, chance))
    return fit(tuple(marks))


def judged(path: Path, likelihood: float, floors: Plane | None) -> Veto | float:
    """By the forest alone: in a view that moves the limits have no say."""
    forest = Forest(NAMES, math.log(likelihood / (1 - likelihood)), ())
    return judge(path, Scene(WIDTH, HEIGHT, plane=floors, learned=Learned(forest, 0.8)), 1 / FPS, memory=Memory(unrest=0.1))


@pytest.mark.parametrize("out_m_s", [0.0, 2.0, 4.0, 6.0])
def test_what_is_thrown_away_from_the_wall_is_told_as_what_drops_along_it(out_m_s: float) -> None:
    """The facade behind what comes nearer makes it fall faster than anything falls."""
    path = fallen(out_m_s)
    assert not isinstance(judged(path, 0.93, plane()), Veto), plane().gravity_m_s2(path)


def test_the_fastest_of_them_seem_to_fall_faster_than_anything_does() -> None:
    assert plane().gravity_m_s2(fallen(6.0)) > 1.25 * G


def test_floors_make_a_likely_fall_sure_and_an_unlikely_one_likely() -> None:
    path = fallen(0.0)
    assert judged(path, 0.6, None) is Veto.UNLIKE
    doubted, believed = judged(path, 0.6, plane()), judged(path, 0.8, plane())
    assert not isinstance(doubted, Veto)
    assert not isinstance(believed, Veto)
    assert 0.8 <= doubted < believed
    assert believed > 0.93
    assert judged(path, 0.15, plane()) is Veto.UNLIKE, "the form has to say something, too"


@pytest.mark.parametrize("gravity_m_s2", [2.5, 45.0])
def test_what_falls_as_on_another_planet_is_no_likely_fall(gravity_m_s2: float) -> None:
    """A bird that stoops, an insect close to the lens."""
    path = fallen(0.0, gravity_m_s2, from_m=24.0, seconds=2.4 if gravity_m_s2 < G else 0.9)
    assert not isinstance(judged(path, 0.9, None), Veto)
    assert judged(path, 0.9, plane()) is Veto.UNLIKE
    assert not isinstance(judged(path, 0.99, plane()), Veto), "floors that are wrong must not make the detector blind"


def test_what_falls_as_nothing_on_earth_is_hardly_told_however_it_looks() -> None:
    path = fallen(0.0, 80.0, from_m=24.0, seconds=0.7)
    assert judged(path, 0.98, None) == 0.98
    assert judged(path, 0.98, plane()) is Veto.UNLIKE
    assert log_ratio(plane(), path) == log_ratio(plane(), fallen(0.0, 1.2, from_m=24.0, seconds=3.0)) < -3.5


def test_a_path_of_which_little_is_known_is_moved_little() -> None:
    sharp, blurred = fallen(0.0, 25.0, seconds=0.8), fallen(0.0, 25.0, seconds=0.8, off_px=12.0)
    assert blurred.bend_error > 5 * sharp.bend_error
    assert log_ratio(plane(), sharp) < log_ratio(plane(), blurred)
    sharp, blurred = fallen(0.0, seconds=0.8), fallen(0.0, seconds=0.8, off_px=12.0)
    assert log_ratio(plane(), sharp) > log_ratio(plane(), blurred) + 0.1


def test_where_floors_give_no_acceleration_they_say_nothing() -> None:
    three = fit(fallen(0.0).marks[:3])
    assert math.isnan(plane().gravity_m_s2(three))
    assert log_ratio(plane(), three) == 0.0


@settings(max_examples=examples(100), deadline=None)
@given(st.floats(0.001, 0.999), st.floats(-3, 3), st.floats(-3, 3))
def test_log_ratios_add_up_and_keep_the_order(likelihood: float, one: float, two: float) -> None:
    assert updated(updated(likelihood, one), two) == pytest.approx(updated(likelihood, one + two))
    assert updated(likelihood, 0.0) == pytest.approx(likelihood)
    assert 0 < updated(likelihood, one) < 1
    assert (updated(likelihood, one) > likelihood) == (one > 1e-9) or abs(one) < 1e-6


@pytest.mark.parametrize(("gravity_m_s2", "is_heavy"), [(G, True), (20.0, True), (45.0, False)])
def test_the_limits_by_themselves_take_what_nothing_on_earth_does_for_no_fall(gravity_m_s2: float, is_heavy: bool) -> None:
    path = fallen(0.0, gravity_m_s2, seconds=1.4 if gravity_m_s2 < 2 * G else 0.9, chance=0.01)
    alone, with_floors = (judge(path, Scene(WIDTH, HEIGHT, plane=floors), 1 / FPS) for floors in (None, plane()))
    assert not isinstance(alone, Veto)
    assert with_floors == (alone if is_heavy else Veto.GRAVITY)
