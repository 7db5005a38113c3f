"""Everything that may happen to a gate camera, picture by picture through the process that reads plates: what is told of it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import cast

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from test_seek_plates import Sleeper, picture, spec
from test_worker import Script, Time

from edgeguard.camera.live import Happening, LiveCamera, Lost, Waiting
from edgeguard.camera.seek_plates import PlateSeeker
from edgeguard.camera.sight import Sight
from edgeguard.camera.video import Picture, VideoSource
from edgeguard.camera.worker import Worker
from edgeguard.core.camera import PlateShape
from edgeguard.testing.lane_camera import lane_picture

pytestmark = pytest.mark.slow

Shown = NDArray[np.uint8]
WELL_S = 70
"""So long the view is learned."""


class Source:
    """A stream as far as the worker looks at it."""

    codec = "h264"

    class counts:  # noqa: N801 (VideoSource's word)
        broken = 0


def gate_lane(size: tuple[int, int] = (320, 180)) -> Shown:
    """A way with a kerb, a wall with windows and a barrier's post."""
    shown = lane_picture(size)
    for x in range(20, 300, 40):
        cv2.rectangle(shown, (x, 30), (x + 18, 60), (200, 210, 190), -1)
    cv2.rectangle(shown, (240, 70), (252, 170), (20, 20, 220), -1)
    cv2.line(shown, (10, 178), (120, 75), (230, 230, 230), 3)
    return shown


LANE = gate_lane()
GRAIN = tuple(np.random.default_rng(5).integers(0, 6, (5, 180, 320, 3), dtype=np.uint8))


def grainy(shown: Shown, number: int) -> Shown:
    """With the noise that every sensor has."""
    return np.asarray(cv2.add(shown, GRAIN[number % 5]), np.uint8)


def dimmed(share: float) -> Shown:
    return np.asarray(LANE * share, np.uint8)


UNSHARP = np.asarray(cv2.GaussianBlur(LANE, (0, 0), 6), np.uint8)
"""As a lens out of focus shows it; the sensor behind it has its noise as ever."""
ELSEWHERE = np.asarray(cv2.flip(LANE, 0), np.uint8)


def after(change: Callable[[int], Shown], seconds: int) -> Worker:
    """A camera that was well, and then shows this, a picture a second."""
    shown = [grainy(LANE, number) for number in range(WELL_S)] + [change(number) for number in range(seconds)]
    return told((float(n), (n, one)) for n, one in enumerate(shown))


def told(steps: Iterator[tuple[float, tuple[int, Shown] | Lost | Waiting | Picture]]) -> Worker:
    time, source = Time(), cast(VideoSource, Source())
    happenings: list[tuple[float, Happening]] = []
    for at_s, one in steps:
        if isinstance(one, tuple):
            one = replace(picture(one[0], one[1]), t_s=at_s)
        happenings.append((at_s, (source, one) if isinstance(one, Picture) else one))
    seeker = PlateSeeker(spec(PlateShape.MASKED), Sleeper(), lambda _: None)
    worker = Worker(cast(LiveCamera, Script(time, happenings)), seeker, Sight(None, ""), time, lambda _: None, time)
    worker.run(lambda: False)
    return worker


def troubles(worker: Worker) -> list[str]:
    return [trouble.code for trouble in worker.beat().troubles]


@pytest.mark.parametrize(
    ("code", "change", "seconds"),
    [
        ("frozen", lambda _: grainy(LANE, WELL_S - 1), 25),
        ("black", lambda n: grainy(np.zeros_like(LANE), n), 10),
        ("covered", lambda n: grainy(np.full_like(LANE, 90), n), 12),
        ("blurred", lambda n: grainy(UNSHARP, n), 65),
        ("moved", lambda n: grainy(ELSEWHERE, n), 95),
    ],
)
def test_each_trouble_of_a_gate_camera_is_told(code: str, change: Callable[[int], Shown], seconds: int) -> None:
    assert troubles(after(change, seconds)) == [code]


def paved(size: tuple[int, int] = (320, 180)) -> Shown:
    """The way with its stones, each of its own shade, as a lens that is in focus shows it."""
    rng = np.random.default_rng(8)
    shown = gate_lane(size)
    for x, y in zip(rng.integers(0, size[0], 900), rng.integers(0, size[1], 900), strict=True):
        cv2.rectangle(shown, (int(x), int(y)), (int(x) + 9, int(y) + 5), [int(rng.integers(40, 200))] * 3, -1)
    return np.asarray(shown, np.uint8)


def test_a_bag_before_a_part_of_a_gate_camera_is_told_and_a_lorry_beside_it_is_not() -> None:
    lane = paved()
    bag = np.zeros(lane.shape, np.float32)
    bag[:, :130] = 1
    bag = np.asarray(cv2.GaussianBlur(bag, (0, 0), 8), np.float32)
    bagged = np.asarray(lane * (1 - bag) + 70 * bag, np.uint8)
    lorry = lane.copy()
    lorry[40:170, 100:260] = 180
    for after_it, codes in ((bagged, ["covered"]), (lorry, [])):
        shown = [lane] * WELL_S + [after_it] * 170
        assert troubles(told((float(n), (n, grainy(one, n))) for n, one in enumerate(shown))) == codes


def test_nightfall_and_morning_are_no_trouble() -> None:
    night, dusk = dimmed(0.25), dimmed(0.6)
    assert troubles(after(lambda n: grainy(dusk if n < 10 else night if n < 75 else LANE, n), 85)) == []


def test_a_stream_that_ends_is_lost() -> None:
    steps: list[tuple[float, tuple[int, Shown] | Lost | Waiting]] = [(float(n), (n, grainy(LANE, n))) for n in range(10)]
    steps += [(10.0, Lost("gate: Connection timed out")), *((11.0 + n, Waiting()) for n in range(12))]
    assert troubles(told(iter(steps))) == ["lost"]


def test_another_size_is_counted_and_lanes_follow_it() -> None:
    large = np.asarray(cv2.resize(LANE, (640, 360)), np.uint8)
    worker = told((float(n), (n, grainy(LANE, n) if n < 5 else large)) for n in range(10))
    assert (worker.beat().resized, worker.beat().width) == (1, 640)


@pytest.mark.parametrize(("damaged_every", "codes"), [(4, ["damaged"]), (25, [])])
def test_a_damaged_stream_is_told_and_a_lost_packet_now_and_then_is_not(damaged_every: int, codes: list[str]) -> None:
    shown = [replace(picture(n, grainy(LANE, n)), t_s=float(n), damaged=n % damaged_every == 0) for n in range(60)]
    assert troubles(told((one.t_s, one) for one in shown)) == codes
