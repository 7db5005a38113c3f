"""Which films there are: every set a list of plans that follow from its seeds and its own backgrounds.

`tuning` and `report` are the narrow world in which the detector grew up; `tuning-wide` and `report-wide` vary everything a camera
may differ in: background, size, noise, compression, exposure, swing of the pole. Only the tuning sets may be looked into.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from fall_film import WEATHERS, Plan
from fall_scene import REAL_MORE, REAL_REPORT, REAL_TUNING, Scene, clips, facade, held, part_of, real
from fall_weather import DISTRACTORS, OTHERS

SETS: Final = ("tuning", "report", "tuning-wide", "report-wide")
_FIRST_SEED: Final = {"tuning": 1000, "report": 50_000, "tuning-wide": 200_000, "report-wide": 500_000}
_BACKGROUNDS: Final = {
    "tuning": REAL_TUNING,
    "report": REAL_REPORT,
    "tuning-wide": REAL_TUNING + REAL_MORE,
    "report-wide": REAL_REPORT,
}
_SIZES: Final = ((1.2, 2.0), (2.0, 4.0), (4.0, 8.0), (8.0, 20.0), (20.0, 45.0))
_ODDS: Final = (0.06, 0.26, 0.3, 0.28, 0.1)
_WEATHER_ODDS: Final = (0.4, 0.1, 0.1, 0.15, 0.08, 0.17)
_PICTURES: Final = ((640, 360), (640, 512), (960, 540), (1280, 720), (1920, 1080))
_RATES: Final = (12.0, 15.0, 20.0, 25.0, 30.0)


def plans(chosen: str, count: int) -> Iterator[Plan]:
    """Films with throws."""
    paths, first = list(clips(_BACKGROUNDS[chosen])), _FIRST_SEED[chosen]
    for n in range(count):
        yield (_wide if chosen.endswith("wide") else _narrow)(chosen, n, paths, first)


def _narrow(chosen: str, n: int, paths: Sequence[Path], first: int) -> Plan:
    """Two of three before real clips, every sixth drawn at 1080p."""
    rng = np.random.default_rng(first + n)
    weather = str(rng.choice(WEATHERS, p=_WEATHER_ODDS))
    sizes = tuple(_SIZES[i] for i in rng.choice(len(_SIZES), size=3, p=_ODDS))
    others = tuple(str(kind) for kind in rng.choice(DISTRACTORS, size=rng.integers(0, 3), replace=False))
    return Plan(
        f"{chosen}-{n:03d}",
        _scene(n, paths, first),
        first + n,
        weather,
        0.0,
        sizes,
        others,
        codec="libx265" if n % 8 == 7 else "libx264",
        crf=int(rng.integers(21, 29)),
        fps=12.0 if n % 10 == 9 else None,
    )


def _scene(n: int, paths: Sequence[Path], first: int) -> Callable[[], Scene]:
    if n % 6 == 5:
        return lambda: facade(first + n, 1920, 1080)
    if n % 3 == 0 or not paths:
        return lambda: facade(first + n, 640, 360)
    return lambda: real(paths[n % len(paths)])


def _wide(chosen: str, n: int, paths: Sequence[Path], first: int) -> Plan:
    """Half before a real picture that stands still, a third before a real clip in motion, the rest before a drawn facade."""
    rng = np.random.default_rng(first + n)
    weather = str(rng.choice(WEATHERS, p=_WEATHER_ODDS))
    night = weather == "night"
    swing = {"shake": rng.uniform(0.8, 4.0), "wind": rng.uniform(0.3, 1.5)}.get(weather, rng.choice([0.0, 0.0, 0.2]))
    return Plan(
        f"{chosen}-{n:03d}",
        _wide_scene(rng, paths, first + n),
        first + n,
        weather,
        0.0,
        tuple(_SIZES[i] for i in rng.choice(len(_SIZES), size=3, p=_ODDS)),
        tuple(str(kind) for kind in rng.choice(OTHERS, size=rng.integers(0, 3), replace=False)),
        codec="libx265" if rng.random() < 0.04 else "libx264",
        crf=int(rng.integers(20, 31)),
        fps=float(rng.choice(_RATES, p=(0.1, 0.15, 0.15, 0.4, 0.2))),
        noise=float(rng.uniform(3.0, 7.0) if night else rng.uniform(0.7, 3.0)),
        exposure_s=float(1 / rng.choice([25, 30, 50]) if night else 1 / rng.choice([100, 250, 500])),
        shake_px=float(swing),
        gop_s=float(rng.choice([1.0, 2.0, 4.0])),
        is_wide=True,
        kbit_s=int(rng.choice([2000, 3000, 4000, 6000])),
    )


def _wide_scene(rng: np.random.Generator, paths: Sequence[Path], seed: int) -> Callable[[], Scene]:
    kind = rng.random()
    size = _PICTURES[int(rng.choice(len(_PICTURES), p=(0.7, 0.2, 0.06, 0.03, 0.01)))]
    if kind < 0.2 or not paths:
        return lambda: facade(seed, *size)
    path = paths[int(rng.integers(len(paths)))]
    if kind < 0.7:
        return lambda: held(path, seed, size)
    return lambda: part_of(path, seed, size if size[0] <= 1280 else (1280, 720))


def empty_plans(chosen: str, seconds: float) -> Iterator[Plan]:
    """Films without a throw: each distractor by itself, and each weather."""
    wide = chosen.endswith("wide")
    first = {"tuning": 3000, "report": 70_000, "tuning-wide": 300_000, "report-wide": 700_000}[chosen]
    paths = list(clips(_BACKGROUNDS[chosen]))
    for n, kind in enumerate(OTHERS if wide else DISTRACTORS):
        for again in range(2):
            seed = first + 2 * n + again
            yield Plan(
                f"{chosen}-no-{kind}-{again}", _empty_scene(seed, paths, wide and again == 1), seed, "day", seconds, (), (kind,)
            )
    for n, weather in enumerate(WEATHERS):
        seed = first + 100 + n
        yield Plan(f"{chosen}-no-{weather}", _empty_scene(seed, paths, wide and n % 2 == 1), seed, weather, seconds)


def idle_plans(chosen: str, count: int, seconds: float) -> Iterator[Plan]:
    """Films of a wide set's cameras and weathers without a throw, with up to three distractors each."""
    paths, first = list(clips(_BACKGROUNDS[chosen])), _FIRST_SEED[chosen] + 40_000
    for n in range(count):
        rng = np.random.default_rng([first, n])
        kinds = tuple(str(kind) for kind in rng.choice(OTHERS, size=rng.integers(1, 4), replace=False))
        like = _wide(chosen, n, paths, first)
        yield replace(like, name=f"{chosen}-idle-{n:03d}", seconds=seconds, sizes=(), distractors=kinds)


def _empty_scene(seed: int, paths: Sequence[Path], is_real: bool) -> Callable[[], Scene]:
    if is_real and paths:
        return lambda: held(paths[seed % len(paths)], seed, (640, 360))
    return lambda: facade(seed, 640, 360)
