"""A lens that is covered in part, a little out of focus, turned or zoomed: pictures of a drawn street in, troubles out."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edgeguard.camera.sight import Sight

pytestmark = pytest.mark.slow

Canvas = NDArray[np.float32]
Change = Callable[[Canvas, int], Canvas]
WIDTH, HEIGHT = 640, 360
LEARN_S = 70
NOISE = 1.6


@cache
def street() -> Canvas:
    """Things of all sizes and shades with sharp edges, larger than the picture so that it may be turned."""
    rng = np.random.default_rng(4)
    shown = np.full((HEIGHT + 240, WIDTH + 240), 120, np.float32)
    for _ in range(1500):
        x, y, wide, tall = rng.integers(0, WIDTH + 240), rng.integers(0, HEIGHT + 240), rng.integers(3, 60), rng.integers(3, 40)
        shown[y : y + tall, x : x + wide] = rng.uniform(30, 220)
    return np.asarray(cv2.GaussianBlur(shown, (0, 0), 0.7), np.float32)


@cache
def view(turn_deg: float = 0.0, zoom: float = 1.0) -> Canvas:
    rows, columns = street().shape
    turn = cv2.getRotationMatrix2D((columns / 2, rows / 2), turn_deg, zoom)
    turned = cv2.warpAffine(street(), turn, (columns, rows), flags=cv2.INTER_AREA)
    return np.asarray(turned[120:-120, 120:-120], np.float32)


@cache
def grain(number: int) -> Canvas:
    return np.random.default_rng(number).standard_normal((HEIGHT, WIDTH), np.float32)


def grainy(shown: Canvas, second: int, noise: float = NOISE) -> NDArray[np.uint8]:
    return np.asarray(np.clip(shown + noise * grain(second % 9), 0, 255), np.uint8)


class Camera:
    """Its eyesight, a look a second."""

    def __init__(self, file: Path | None = None) -> None:
        self.file = file
        self.sight = Sight(file, "setup")
        self.second = 0

    def sees(self, seconds: int, change: Change = lambda shown, _: shown, noise: float = NOISE) -> set[str]:
        """What is wrong after so long."""
        for _ in range(seconds):
            self.second += 1
            self.sight.see(float(self.second), grainy(change(view(), self.second), self.second, noise))
        return {trouble.value for trouble in self.sight.troubles}

    def restarts(self) -> None:
        self.sight, self.second = Sight(self.file, "setup"), 0


@pytest.fixture
def camera(tmp_path: Path) -> Camera:
    """One that knows its view by day."""
    camera = Camera(tmp_path / "view.npz")
    assert camera.sees(LEARN_S) == set()
    return camera


def lit(shown: Canvas, light: float) -> Canvas:
    return np.asarray(shown * light, np.float32)


def covered(share: float, level: float, soft_px: float = 20.0, light: float = 1.0) -> Change:
    """From the left; near the lens, so that it ends softly."""
    edge = np.zeros((HEIGHT, WIDTH), np.float32)
    edge[:, : int(share * WIDTH)] = 1
    cover = cv2.GaussianBlur(edge, (0, 0), soft_px)
    return lambda shown, _: np.asarray(lit(shown, light) * (1 - cover) + level * cover, np.float32)


def blurred(sigma: float, light: float = 1.0) -> Change:
    return lambda shown, _: lit(np.asarray(cv2.GaussianBlur(shown, (0, 0), sigma), np.float32), light)


def turned(turn_deg: float, zoom: float = 1.0) -> Change:
    return lambda *_: view(turn_deg, zoom)


@pytest.mark.parametrize(("share", "level"), [(0.3, 20.0), (0.45, 90.0), (0.6, 200.0)])
def test_a_part_of_the_view_that_is_covered_is_told_and_ends(camera: Camera, share: float, level: float) -> None:
    cover = covered(share, level)
    assert camera.sees(140, cover) == set()
    assert camera.sees(30, cover) == {"covered"}
    assert camera.sees(45) == set()


@pytest.mark.parametrize(("light", "noise"), [(0.55, 2.5), (0.3, 3.5)])
def test_covered_by_dusk_and_by_night(camera: Camera, light: float, noise: float) -> None:
    assert camera.sees(LEARN_S, lambda shown, _: lit(shown, light), noise) == set()
    assert camera.sees(170, covered(0.4, 60 * light, light=light), noise) == {"covered"}
    assert camera.sees(45, lambda shown, _: lit(shown, light), noise) == set()


def test_a_cover_stays_told_over_nightfall_and_a_restart(camera: Camera) -> None:
    assert camera.sees(170, covered(0.45, 60.0)) == {"covered"}
    assert camera.sees(60, covered(0.45, 15.0, light=0.25)) == {"covered"}, "no night was ever seen"
    camera.restarts()
    assert camera.sees(30, covered(0.45, 15.0, light=0.25)) == {"covered"}
    assert camera.sees(45) == set()


def test_a_cover_that_creeps_over_the_lens_is_not_learned(camera: Camera) -> None:
    for step in range(120):
        camera.sees(5, covered(0.004 * step, 60.0))
    assert camera.sees(100, covered(0.48, 60.0)) == {"covered"}


def boarded(level: float, light: float = 1.0, outline: tuple[slice, slice] = np.s_[90:330, 150:500]) -> Change:
    """Something plain with an edge of its own: a board, the side of a lorry."""

    def change(shown: Canvas, _: int) -> Canvas:
        shown = lit(shown, light).copy()
        shown[outline] = level
        return shown

    return change


@pytest.mark.parametrize("level", [3.0, 60.0, 190.0])
def test_what_stands_before_the_view_is_told_when_it_stays(camera: Camera, level: float) -> None:
    assert camera.sees(300, boarded(level)) == set(), "a lorry drives on"
    assert camera.sees(40, boarded(level)) == {"covered"}
    camera.restarts()
    assert camera.sees(30, boarded(level)) == {"covered"}
    assert camera.sees(45) == set()


def test_a_board_that_comes_while_nobody_looks_is_told(camera: Camera) -> None:
    assert camera.sees(130) == set()
    camera.restarts()
    assert camera.sees(340, boarded(80.0)) == {"covered"}


@pytest.mark.parametrize("damaged", [np.full((36, 64), np.inf, np.float32), np.full((36, 64), -1e30, np.float32), np.ones(3), None])
def test_what_was_seen_last_may_be_missing_or_damaged(camera: Camera, damaged: NDArray[np.float32] | None) -> None:
    """A board that stands there already is then taken for snow; one that comes later is told."""
    assert camera.sees(60) == set()
    assert camera.file is not None
    with np.load(camera.file) as kept:
        arrays = {name: kept[name] for name in kept if name not in ("left", "light")}
    np.savez(camera.file, allow_pickle=False, **arrays, **({} if damaged is None else {"left": damaged, "light": damaged}))
    camera.restarts()
    assert camera.sees(20) == set()
    assert camera.sees(345, boarded(80.0)) == {"covered"}


def test_a_board_put_up_in_an_unlit_night_is_told_in_the_morning(camera: Camera) -> None:
    unlit = boarded(6.0, light=0.12)
    assert camera.sees(LEARN_S, lambda shown, _: lit(shown, 0.12), 3.5) == set()
    assert camera.sees(400, unlit, 3.5) <= {"covered"}
    for light in (0.2, 0.3, 0.45, 0.6, 0.8):
        camera.sees(40, boarded(60 * light, light), 2.5)
    assert camera.sees(340, boarded(60.0)) == {"covered"}
    assert camera.sees(45) == set()


def wrapped(level: float) -> Canvas:
    shade = np.linspace(0.6, 1.4, WIDTH, dtype=np.float32) * np.ones((HEIGHT, 1), np.float32)
    return np.asarray(level * shade, np.float32)


@pytest.mark.parametrize("level", [60.0, 90.0, 180.0])
def test_a_lens_that_is_wrapped_up_is_told_though_it_is_not_evenly_dark(camera: Camera, level: float) -> None:
    assert camera.sees(160, lambda *_: wrapped(level)) == {"covered"}
    assert camera.sees(45) == set()


def noisy(change: Change, noise: float = NOISE) -> Change:
    """With noise that is never twice the same: in the dark nothing else is there to be compared."""

    def noised(shown: Canvas, second: int) -> Canvas:
        return change(shown, second) + noise * np.random.default_rng(second).standard_normal(shown.shape, np.float32)

    return noised


@pytest.mark.parametrize("level", [24.0, 40.0])
@pytest.mark.parametrize("unlit", [None, 0.06])
def test_one_that_is_wrapped_up_by_day_is_told_though_it_is_as_dark_as_a_night(
    camera: Camera, level: float, unlit: float | None
) -> None:
    if unlit is not None:  # such a night is known
        assert camera.sees(LEARN_S, lambda shown, _: lit(shown, unlit) + 16, 3.5) <= {"covered"}
        assert camera.sees(LEARN_S) == set()
    for _ in range(4):  # what is soon taken off teaches nothing
        assert camera.sees(25, noisy(lambda *_: wrapped(level)), 0.0) == set()
        assert camera.sees(30) == set()
    assert camera.sees(150, noisy(lambda *_: wrapped(level)), 0.0) == {"covered"}
    camera.restarts()
    assert camera.sees(30, noisy(lambda *_: wrapped(level)), 0.0) == {"covered"}
    assert camera.sees(45) == set()


def test_one_that_is_wrapped_up_while_nobody_looks_is_told_and_a_night_that_has_come_is_none(camera: Camera) -> None:
    camera.restarts()
    assert camera.sees(150, noisy(lambda *_: wrapped(30.0)), 0.0) == {"covered"}
    assert camera.sees(130) == set()
    camera.restarts()
    assert camera.sees(200, noisy(lambda shown, _: lit(shown, 0.03) + wrapped(24.0), 3.5), 0.0) == set()


def clock(shown: Canvas, second: int) -> Canvas:
    """As the camera writes it, and its name, over whatever it sees."""
    shown = shown.copy()
    for text, place in ((f"2026-11-27 Fri 10:{second // 60 % 60:02}:{second % 60:02}", (12, 24)), ("Gate 01", (500, 345))):
        for grey, wide in ((0.0, 4), (255.0, 2)):
            cv2.putText(shown, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.55, (grey,), wide, cv2.LINE_AA)
    return shown


def clocked(change: Change, noise: float = NOISE) -> Change:
    return lambda shown, second: clock(noisy(change, noise)(shown, second), second)


def test_a_clock_in_the_picture_makes_no_view_of_a_cover_and_no_cover_of_a_night() -> None:
    camera = Camera()

    def sees(seconds: int, change: Change, noise: float = NOISE) -> set[str]:
        return camera.sees(seconds, clocked(change, noise), 0.0)

    day, dark = dimmed(1.0), dimmed(0.02)
    assert sees(LEARN_S, day) == set()
    assert sees(150, lambda shown, _: lit(shown, 0.0) + 5) == {"covered"}
    assert sees(LEARN_S, day) == set()
    assert sees(150, lambda *_: wrapped(30.0)) == {"covered"}
    assert sees(LEARN_S, day) == set()
    for light in np.geomspace(0.9, 0.02, 12):
        assert sees(45, dimmed(float(light)), 2.5) == set()
    assert sees(100, dark, 3.5) == set()
    assert sees(5, dimmed(0.6), 3.5) == set(), "headlights"
    assert sees(200, dark, 3.5) == set()


def dimmed(light: float) -> Change:
    return lambda shown, _: lit(shown, light)


@pytest.mark.parametrize(("level", "after_s"), [(8.0, 340), (120.0, 175)])
def test_a_strip_that_is_left_free_does_not_help(camera: Camera, level: float, after_s: int) -> None:
    assert camera.sees(after_s, boarded(level, outline=np.s_[:, : WIDTH * 19 // 20])) == {"covered"}


def test_the_first_night_and_an_unlit_one_hide_nothing(camera: Camera) -> None:
    """A lamp at the end of the yard is all that is seen."""
    lamp = np.exp(-(((np.arange(WIDTH) - 500) / 40.0) ** 2)) * np.ones((HEIGHT, 1))

    def night(light: float) -> Change:
        return lambda shown, _: np.asarray(shown * (light + 0.7 * lamp), np.float32)

    for light in np.geomspace(0.9, 0.02, 18):
        assert camera.sees(45, night(light), 2.5) == set()
    assert camera.sees(200, night(0.0), 3.5) == set()


@pytest.mark.parametrize("light", [0.55, 1.0])
@pytest.mark.parametrize("is_known", [False, True])
@pytest.mark.parametrize("left", [0.01, 0.05])
def test_lamps_that_go_out_hide_nothing(camera: Camera, light: float, is_known: bool, left: float) -> None:
    """As bright as dusk or as day before; what is left is the glow of the sky. `is_known`: it was seen before."""
    glow = np.linspace(36, 4, HEIGHT, dtype=np.float32)[:, None]

    def out(shown: Canvas, _: int) -> Canvas:
        return np.asarray(left * shown + glow, np.float32)

    if is_known:
        camera.sees(LEARN_S, noisy(out, 3.5), 0.0)
    camera.sees(LEARN_S, lambda shown, _: lit(shown, light), 2.5)
    assert camera.sees(340, noisy(out, 3.5), 0.0) == set()


@pytest.mark.parametrize("places", [((12, 303),), ((12, 303), (17, 471), (333, 55), (41, 118))])
def test_lamps_that_are_left_in_a_dark_hall_are_no_writing(camera: Camera, places: tuple[tuple[int, int], ...]) -> None:
    def out(shown: Canvas, _: int) -> Canvas:
        shown = wrapped(14.0)
        for row, column in places:
            shown[row : row + 9, column : column + 27] = 230
        return np.asarray(cv2.GaussianBlur(shown, (0, 0), 1.0), np.float32)

    assert camera.sees(340, noisy(out, 2.0), 0.0) == set()


def test_white_that_is_drawn_at_235_says_nothing(camera: Camera) -> None:
    """Concrete in the sun."""

    def sun(shown: Canvas, _: int) -> Canvas:
        shown = shown.copy()
        shown[150:, 100:] = np.clip(shown[150:, 100:] + 200, 0, 235)
        return shown

    assert camera.sees(340, sun) == set()


def test_snow_on_the_ground_is_no_cover(camera: Camera) -> None:
    def snow(depth: float) -> Change:
        def change(shown: Canvas, _: int) -> Canvas:
            lies = np.zeros((HEIGHT, 1), np.float32)
            lies[150:] = depth
            return np.asarray(shown + lies * (215 - shown), np.float32)

        return change

    for depth in np.linspace(0, 1, 60):
        assert camera.sees(25, snow(depth)) == set()
    assert camera.sees(340, snow(1.0)) == set()


def crowd(shown: Canvas, second: int) -> Canvas:
    rng = np.random.default_rng(second)
    shown = shown.copy()
    for x, y in zip(rng.integers(0, WIDTH - 20, 60), rng.integers(120, HEIGHT - 60, 60), strict=True):
        shown[y : y + 60, x : x + 20] = rng.uniform(20, 200)
    return np.asarray(cv2.GaussianBlur(shown, (0, 0), 0.7), np.float32)


def fog(shown: Canvas, _: int) -> Canvas:
    clear = np.linspace(0.1, 0.7, HEIGHT, dtype=np.float32)[:, None]
    return 180 + (shown - 180) * clear


@pytest.mark.parametrize("weather", [crowd, fog, lambda shown, _: lit(shown, 0.6), lambda shown, _: lit(shown, 1.3)])
def test_crowd_fog_and_exposure_are_no_trouble(camera: Camera, weather: Change) -> None:
    assert camera.sees(250, weather) == set()


def test_a_street_that_has_emptied_is_no_trouble() -> None:
    camera = Camera()
    assert camera.sees(LEARN_S, lambda shown, _: crowd(shown, 1)) == set()
    assert camera.sees(250) == set()


def test_a_coarser_codec_is_no_blur(camera: Camera) -> None:
    for second in range(250):
        _, coded = cv2.imencode(".jpg", grainy(view(), second), [cv2.IMWRITE_JPEG_QUALITY, 25])
        camera.sight.see(100.0 + second, np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), np.uint8))
    assert not camera.sight.troubles


@pytest.mark.parametrize("sigma", [1.5, 2.0])
def test_slightly_out_of_focus(camera: Camera, sigma: float) -> None:
    assert camera.sees(170, blurred(sigma)) == set()
    assert camera.sees(20, blurred(sigma)) == {"blurred"}
    assert camera.sees(30, blurred(sigma, light=0.25), 3.5) == {"blurred"}, "night does not make it sharp"
    camera.restarts()
    assert camera.sees(30, blurred(sigma, light=0.25), 3.5) == {"blurred"}
    assert camera.sees(20) == set()


def test_focus_that_is_lost_slowly_is_not_learned(camera: Camera) -> None:
    assert camera.sees(600) == set()
    for step in range(60):
        camera.sees(6, blurred(0.3 + 0.03 * step))
    assert camera.sees(190, blurred(2.1)) == {"blurred"}


@pytest.mark.parametrize(("turn_deg", "zoom"), [(5, 1.0), (-9, 1.0), (15, 1.0), (0, 1.1), (0, 1.2), (0, 0.85), (6, 1.1)])
def test_turned_or_zoomed(camera: Camera, turn_deg: float, zoom: float) -> None:
    assert camera.sees(80, turned(turn_deg, zoom)) == set()
    assert camera.sees(20, turned(turn_deg, zoom)) == {"moved"}
    camera.restarts()
    assert not camera.sight.knows_place
    assert camera.sees(10) == set()


@pytest.mark.parametrize(("turn_deg", "zoom"), [(-9, 1.0), (0, 1.1)])
def test_turned_or_zoomed_under_a_clock_that_stays(turn_deg: float, zoom: float) -> None:
    camera = Camera()
    assert camera.sees(LEARN_S, clocked(dimmed(1.0)), 0.0) == set()
    assert camera.sees(100, clocked(turned(turn_deg, zoom)), 0.0) == {"moved"}
    assert camera.sees(10, clocked(dimmed(1.0)), 0.0) == set()


def test_another_view_that_is_brighter_than_any_before_is_told() -> None:
    camera = Camera()
    assert camera.sees(LEARN_S, lambda shown, _: lit(shown, 0.6), 2.0) == set()
    assert camera.sees(110, lambda shown, _: lit(np.flipud(shown), 1.1)) == {"moved"}
    assert camera.sees(10, lambda shown, _: lit(shown, 0.6), 2.0) == set()


def dawn(light: float) -> Change:
    return lambda shown, _: lit(shown, light)


def test_the_first_day_is_no_move() -> None:
    camera = Camera()
    for light in np.linspace(0.4, 1.2, 40):
        assert camera.sees(10, dawn(float(light)), 2.0) == set()
    assert camera.sees(100, lambda shown, _: lit(shown, 1.2), 2.0) == set()


def test_a_mount_that_gives_way_slowly_is_not_learned(camera: Camera) -> None:
    for step in range(80):
        camera.sees(8, turned(0.1 * step))
    assert camera.sees(95, turned(8.0)) == {"moved"}
