"""Could a person stepping through the pictures have seen a throw? Measured on the encoded film, where the thing is known to be.

In each picture the mean over the thing's disc, less that of a ring around it, is compared with the same at the same place in the
pictures of a second before and after in which the thing is elsewhere. A picture shows the thing when it differs by four deviations
of those and by three grey levels. Where the background itself turns or flickers a person sees a shape and this does not: the share
of what could not be seen is rather too large there.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from fall_film import Truth
from numpy.typing import NDArray

from edgeguard.camera.video import Luma, open_video

_DEVIATIONS: Final = 4.0
_LEVELS: Final = 3.0
_AROUND_S: Final = 1.0
_LEAST_OTHERS: Final = 6
_LEAST_DEVIATION: Final = 0.3
"""Grey levels: a codec that repeats a still picture leaves none at all."""
_SEEN_SHARE: Final = 1 / 3
"""Of its pictures, those that must show a thing for its fall to be seen."""


def could_be_seen(film: Path, truths: Sequence[Truth]) -> list[bool]:
    """For each throw, whether enough of its pictures show it."""
    if not truths:
        return []
    times, pictures = [], []
    with open_video(film) as video:
        for picture in video:
            times.append(picture.t_s)
            pictures.append(np.array(picture.luma))
    stamps = np.array(times)
    return [seen_share(truth, stamps, pictures) >= _SEEN_SHARE for truth in truths]


def seen_share(truth: Truth, times: NDArray[np.float64], pictures: Sequence[Luma]) -> float:
    """Of the pictures in which the thing is drawn, the share that shows it; what lies at the picture's border is left out."""
    period_s = float(np.median(np.diff(times)))
    shown = [shows for place in truth.track if (shows := _shows(truth, place, times, pictures, period_s)) is not None]
    return sum(shown) / len(shown) if shown else 0.0


def _shows(
    truth: Truth, place: tuple[float, float, float], times: NDArray[np.float64], pictures: Sequence[Luma], period_s: float
) -> bool | None:
    at_s, x, y = place
    here = int(np.argmin(np.abs(times - at_s)))
    disc = max(truth.size_px, 1.5)
    reach = math.ceil(disc + 2)
    left, top = round(x) - reach, round(y) - reach
    window = np.s_[top : top + 2 * reach + 1, left : left + 2 * reach + 1]
    height, width = pictures[here].shape
    if left < 0 or top < 0 or left + 2 * reach >= width or top + 2 * reach >= height:
        return None
    rows, columns = np.mgrid[window]
    far = np.hypot(columns - x, rows - y)
    inside, ring = np.clip(disc / 2 - far + 0.5, 0, 1), (far > disc / 2 + 1) & (far <= disc + 2)
    weights = inside / inside.sum() - ring / ring.sum()
    first, last = np.searchsorted(times, (at_s - _AROUND_S, at_s + _AROUND_S))
    clear = [n for n in range(first, last) if n != here and not _near(truth, float(times[n]), x, y, period_s)]
    if len(clear) < _LEAST_OTHERS:
        return None
    others = np.array([float((weights * pictures[n][window]).sum()) for n in clear])
    usual = float(np.median(others))
    deviation = max(1.4826 * float(np.median(np.abs(others - usual))), _LEAST_DEVIATION)
    off = abs(float((weights * pictures[here][window]).sum()) - usual)
    return off >= max(_LEVELS, _DEVIATIONS * deviation)


def _near(truth: Truth, t_s: float, x: float, y: float, period_s: float) -> bool:
    """The thing, or the streak that it draws from one picture to the next, is at this place then."""
    reach = 2 * truth.size_px + 6
    return any(
        abs(second - t_s) <= 1.5 * period_s and math.hypot(column - x, row - y) <= reach for second, column, row in truth.track
    )
