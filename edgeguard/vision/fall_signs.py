"""What can be said of a path in numbers that mean nearly the same in every picture: the questions that a learned judge may ask.

Lengths in picture heights or in diameters of the thing, times in seconds, ratios of anything that has no bounds as logarithms.
Where in the picture it was is none of them: that would be learned of the films, not of falling.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean, median
from typing import Final

import numpy as np

from edgeguard.vision.chance import chance_log10
from edgeguard.vision.gathering import Memory
from edgeguard.vision.trajectory import Path

EXPOSURE_MOST_S: Final = 0.04
_LEAST: Final = 1e-4
_MOST: Final = 1e6

NAMES: Final = (
    "marks",
    "seen",  # marks a picture
    "span_s",
    "gap_s",  # the longest between two marks
    "gap_pictures",
    "crowd",  # log of things that stand out in a picture
    "unrest",  # share of the picture that could not be looked at lately
    "fall_heights",
    "fall_sizes",
    "size_heights",
    "bend_heights",  # acceleration in heights a second squared
    "bend_sizes",
    "bend_lengths",
    "bend_sigmas",
    "bend_change",  # of the acceleration from the beginning to the end, over itself
    "ragged",  # distance from the fit over the way down
    "rms_px",
    "rms_sizes",
    "aside",  # distance from the fit sideways over that downwards
    "trend",  # of distances from the fit: 1 where each is as the one before
    "gain",  # of speed downwards from the beginning to the end, over the sum of both
    "start_heights_s",
    "end_heights_s",
    "side_heights_s",
    "slant",  # speed sideways over that downwards, at the end
    "side_bend",  # acceleration sideways over that downwards
    "rise",  # climb before the highest point over the fall after it
    "chance",
    "alike",
    "busy",  # log of how often something stands out where it was
    "contrast",
    "contrast_spread",
    "one_sign",  # marks that are brighter, or darker, than what is behind, whichever are more
    "size_spread",
    "swells",  # last third over the first
    "fades",
    "length_sizes",
    "streak",  # length over what its speed draws it out to
)


def signs(path: Path, height: int, period_s: float, crowd: float, memory: Memory | None) -> tuple[float, ...]:
    """One number for each of NAMES, to four places.

    `height` of the picture, px; `crowd`: things that stand out in a picture; `memory`: which.
    """
    alike = 1.0 if memory is None else memory.alike(path)
    values = (
        *_seen(path, period_s, crowd),
        0.0 if memory is None else memory.unrest,
        *_way(path, height, period_s),
        *_off_the_way(path),
        *_speeds(path, height),
        chance_log10(path, period_s, alike),
        alike,
        *_looks(path, period_s),
    )
    return tuple((np.rint(np.array(values).clip(-_MOST, _MOST) * 1e4) / 1e4).tolist())


def _seen(path: Path, period_s: float, crowd: float) -> tuple[float, ...]:
    gap_s = max(later.t_s - earlier.t_s for earlier, later in pairwise(path.marks))
    pictures = path.span_s / period_s + 1
    n = len(path.marks)
    return n, n / pictures, path.span_s, gap_s, gap_s / period_s, math.log1p(max(0.0, crowd))


def _way(path: Path, height: int, period_s: float) -> tuple[float, ...]:
    size, bend, fall = max(1.0, path.thickness), max(_LEAST, path.bend), max(_LEAST, path.fall_px)
    return (
        fall / height,
        math.log(fall / size),
        math.log(size / height),
        math.log(bend / height),
        math.log(bend / size),
        math.log(bend / path.length_px(min(period_s, EXPOSURE_MOST_S))),
        math.log(bend / max(_LEAST, path.bend_error)),
        6 * path.down[3] * path.span_s / bend,
    )


def _off_the_way(path: Path) -> tuple[float, ...]:
    across, along = [], []
    for mark in path.marks:
        x, y = path.at(mark.t_s)
        across.append(mark.x - x)
        along.append(mark.y - y)
    squares = sum(off * off for off in along)
    trend = sum(one * two for one, two in pairwise(along)) / max(_LEAST, squares)
    rms_px = max(_LEAST, path.rms_px)
    sideways = math.sqrt(sum(off * off for off in across) / max(_LEAST, squares))
    return (
        math.log(rms_px / max(_LEAST, path.fall_px)),
        math.log(rms_px),
        math.log(rms_px / max(1.0, path.thickness)),
        math.log(max(_LEAST, sideways)),
        trend,
    )


def _speeds(path: Path, height: int) -> tuple[float, ...]:
    first, last = path.velocity(path.start_s), path.velocity(path.end_s)
    down = max(_LEAST, last[1])
    return (
        (last[1] - first[1]) / max(_LEAST, abs(last[1]) + abs(first[1])),
        first[1] / height,
        down / height,
        abs(path.marks[-1].x - path.marks[0].x) / max(_LEAST, path.span_s) / height,
        abs(last[0]) / down,
        abs(2 * path.side[2]) / max(_LEAST, path.bend),
        path.rise_px / max(_LEAST, path.fall_px),
    )


def _looks(path: Path, period_s: float) -> tuple[float, ...]:
    marks, exposure_s = path.marks, min(period_s, EXPOSURE_MOST_S)
    thick = [max(1.0, mark.thickness) for mark in marks]
    contrasts, sizes = [max(1.0, abs(mark.contrast)) for mark in marks], [math.log(size) for size in thick]
    brighter = sum([mark.contrast > 0 for mark in marks]) / len(marks)
    third = max(1, len(marks) // 3)
    drawn = [mark.length / (mark.thickness + exposure_s * math.hypot(*path.velocity(mark.t_s))) for mark in marks]
    return (
        fmean([math.log10(max(_LEAST, mark.chance)) for mark in marks]),
        math.log(median(contrasts)),
        _deviation(contrasts) / fmean(contrasts),
        max(brighter, 1.0 - brighter),
        _deviation(sizes),
        _last_over_first(sizes, third),
        _last_over_first([math.log(contrast) for contrast in contrasts], third),
        math.log(median([max(1.0, mark.length) / size for mark, size in zip(marks, thick, strict=True)])),
        math.log(max(_LEAST, median(drawn))),
    )


def _deviation(values: Sequence[float]) -> float:
    """In plain numbers, which a library takes fifty times as long for."""
    mean = fmean(values)
    return math.sqrt(fmean([(value - mean) ** 2 for value in values]))


def _last_over_first(logs: Sequence[float], third: int) -> float:
    return median(logs[-third:]) - median(logs[:third])
