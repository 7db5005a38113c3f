"""What is said of a path in numbers: of paths that are known, and the same in every picture."""

import math

import numpy as np
import pytest

from edgeguard.vision.chance import chance_log10
from edgeguard.vision.fall_signs import NAMES, signs
from edgeguard.vision.forest import Forest, forest_of
from edgeguard.vision.gathering import Memory
from edgeguard.vision.tracks import Mark
from edgeguard.vision.trajectory import Path, fit
from edgeguard.vision.verdict import Learned, Scene, Veto, judge

HEIGHT, FPS = 400, 25.0
N = 16
SEEN = [n for n in range(N) if n not in {5, 6}]


def path(scale: float = 1.0, bend: float = 600.0, down: float = 40.0, contrast: float = -30.0) -> Path:
    """Of 16 pictures 14 show it, 4 px thick and 8 long, 100 px/s to the side; `scale`: px per px."""
    marks = []
    for n in SEEN:
        t = n / FPS
        x, y = 50.0 + 100.0 * t, 20.0 + down * t + bend / 2 * t * t
        marks.append(Mark(7.0 + t, scale * x, scale * y, scale * 4.0, contrast, scale * 8.0, 0.01))
    return fit(tuple(marks))


def said(of: Path, height: int = HEIGHT) -> dict[str, float]:
    return dict(zip(NAMES, signs(of, height, 1 / FPS, 3.0, None), strict=True))


def test_of_a_known_path() -> None:
    span_s = 15 / FPS
    fall_px = 40.0 * span_s + 300.0 * span_s**2
    end_px_s = 40.0 + 600.0 * span_s
    expected = {
        "marks": 14,
        "seen": 14 / 16,
        "span_s": span_s,
        "gap_s": 3 / FPS,
        "gap_pictures": 3.0,
        "crowd": math.log(4.0),
        "unrest": 0.0,
        "fall_heights": fall_px / HEIGHT,
        "fall_sizes": math.log(fall_px / 4),
        "size_heights": math.log(4.0 / HEIGHT),
        "bend_heights": math.log(600.0 / HEIGHT),
        "bend_sizes": math.log(150.0),
        "bend_change": 0.0,
        "gain": (end_px_s - 40.0) / (end_px_s + 40.0),
        "start_heights_s": 0.1,
        "end_heights_s": end_px_s / HEIGHT,
        "side_heights_s": 0.25,
        "slant": 100.0 / end_px_s,
        "side_bend": 0.0,
        "rise": 0.0,
        "alike": 1.0,
        "busy": -2.0,
        "contrast": math.log(30.0),
        "contrast_spread": 0.0,
        "one_sign": 1.0,
        "size_spread": 0.0,
        "swells": 0.0,
        "fades": 0.0,
        "length_sizes": math.log(2.0),
    }
    found = said(path())
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-4)
    assert found["chance"] == pytest.approx(chance_log10(path(), 1 / FPS, 1.0), abs=1e-4)


def test_in_a_picture_twice_as_large_the_same_is_said() -> None:
    """But for how closely the marks lie, and how they are drawn out, which is a matter of the picture."""
    once, twice = said(path()), said(path(2.0), 2 * HEIGHT)
    in_px = {"chance", "rms_px", "bend_sigmas", "ragged", "rms_sizes", "aside", "trend", "bend_lengths", "streak"}
    assert {name: twice[name] for name in NAMES if name not in in_px} == pytest.approx(
        {name: once[name] for name in NAMES if name not in in_px}, abs=1e-4
    )


def test_every_number_is_finite_whatever_the_path() -> None:
    """Random marks, marks on one spot, at one moment: a judge is asked of whatever a hostile stream draws."""
    rng = np.random.default_rng(5)
    for _ in range(200):
        n = int(rng.integers(3, 20))
        table = rng.normal(0, 10.0 ** rng.uniform(-6, 6), (n, 7))
        table[:, 0] = np.cumsum(rng.uniform(0, 10.0 ** rng.uniform(-3, 1), n))
        table[:, 6] = np.abs(table[:, 6])
        marks = tuple(Mark(*row) for row in table.tolist())
        assert all(math.isfinite(number) for number in signs(fit(marks), HEIGHT, 0.04, 5.0, None))
    still = tuple(Mark(n / FPS, 5.0, 5.0, 1.0, 0.0, 0.0, 0.0) for n in range(6))
    assert all(math.isfinite(number) for number in signs(fit(still), HEIGHT, 0.04, 0.0, None))


def more_marks_than(least: float) -> Forest:
    """Nine in ten that it is a fall from so many marks on, one in ten below."""
    leaf = math.log(9.0)
    tree = [[NAMES.index("marks"), least, 1, 2], [-1, -leaf, 0, 0], [-1, leaf, 0, 0]]
    return forest_of({"signs": list(NAMES), "base": 0.0, "trees": [tree]})


def test_a_learned_judge_has_the_word() -> None:
    """What it says is the confidence; what it is not asked of is told by name."""
    few, many = (Scene(640, HEIGHT, learned=Learned(more_marks_than(least), 0.7)) for least in (13.0, 14.0))
    assert judge(path(), few, 1 / FPS) == pytest.approx(0.9)
    assert judge(path(), many, 1 / FPS) is Veto.UNLIKE
    assert judge(path(down=9000.0), few, 1 / FPS) is Veto.EVEN
    assert judge(path(bend=-600.0, down=400.0), few, 1 / FPS) is Veto.EVEN


def test_what_the_limits_are_sure_of_needs_less() -> None:
    """A likelihood of one half is told, with no more confidence than the threshold, where the way is clear; one third is not."""

    def of(likelihood: float) -> Scene:
        return Scene(640, HEIGHT, learned=Learned(Forest(NAMES, math.log(likelihood / (1 - likelihood)), ()), 0.7))

    scene = of(0.5)
    limits = Scene(640, HEIGHT)
    assert judge(path(), limits, 1 / FPS) > 0.9  # type: ignore[operator]
    assert judge(path(), scene, 1 / FPS) == 0.7
    assert judge(path(), of(0.33), 1 / FPS) is Veto.UNLIKE
    barely = path(bend=110.0, down=60.0)
    assert isinstance(judge(barely, limits, 1 / FPS), Veto)
    assert judge(barely, scene, 1 / FPS) is Veto.UNLIKE
    restless = Memory().with_picture(7.0, np.empty((0, 7)), 0.1)
    assert judge(path(), scene, 1 / FPS, 0.0, restless) is Veto.UNLIKE
    assert judge(path(), scene, 1 / FPS, pieced=True) is Veto.UNLIKE


def test_unrest_is_known_for_about_a_second() -> None:
    nothing = np.empty((0, 7))
    memory = Memory().with_picture(0.0, nothing)
    for n in range(1, 26):
        memory = memory.with_picture(n / FPS, nothing, 0.5)
    after_a_second = dict(zip(NAMES, signs(path(), HEIGHT, 1 / FPS, 3.0, memory), strict=True))["unrest"]
    assert after_a_second == pytest.approx(0.5 * (1 - math.exp(-1.0)), abs=0.01)
    for n in range(26, 130):
        memory = memory.with_picture(n / FPS, nothing)
    assert memory.unrest < 0.01
