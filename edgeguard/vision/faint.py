"""Falls among faint spots: short rows of them that go downwards are looked along once the thing has had time to land.

Dozens of faint spots are in every picture, and no track is kept of them: noise would start one at each. Three spots some pictures
apart on one way, with others in between, are a seed; what has been gathered along it a moment later is judged as any other path.
"""

import math
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeguard.core.camera_limits import FAINT_MAX_DONE, FAINT_MAX_ROWS, FAINT_MAX_SEEDS
from edgeguard.vision.gathering import Memory, gathered
from edgeguard.vision.spots import Column, Sightings, Spots
from edgeguard.vision.tracks import Mark
from edgeguard.vision.trajectory import Path, fit

Faint = tuple[Spots, NDArray[np.float64]]
"""What hardly stands out in a picture, and for each how many of the kind are in its tile."""

NOTHING_FAINT: Final[Faint] = (Spots.none(), np.empty(0))
QUIET_S: Final = 2.0
"""Means are learnt in the first second, and where something came from in the next."""
_STEP_S: Final = 0.08
"""From one spot of a seed to the next."""
_PLACE_PX: Final = 2.0
_SPEED_SLACK: Final = 0.06
"""What a place is off for each px that it moves between two spots."""
_SPEED: Final = (0.02, 2.3)
"""Slowest and fastest downwards, picture heights a second."""
_BEND: Final = 4.0
"""Largest acceleration, picture heights a second squared."""
_ASIDE: Final = 2.0
_LEAST_WAY_PX: Final = 3.0
_BETWEEN_PX: Final = 2.5
_CLEAR_PX: Final = 3.0
_WAIT_S: Final = 0.5
PACE_S: Final = 0.08
"""From one seed that is looked along to the next, at least."""
_ENDED_S: Final = 0.3
"""What has shown nothing for so long has landed, or gone."""
_SPENT_S: Final = 3.6
_STALE_S: Final = 1.5
_LEAST_MARKS: Final = 7
_KNOWN_PX: Final = 6.0
_KNOWN_S: Final = 0.6
_REMEMBERED_S: Final = 2.0
_AT_ONCE: Final = 3
_WEIGHED: Final = 30
"""Sightings of one picture that are compared with known ways, those that speed up most."""


class Seed(NamedTuple):
    """A row of spots, when it is looked along next, and how much it speeds up for what it may be off."""

    path: Path
    due_s: float
    hope: float


@dataclass(frozen=True, slots=True)
class FaintState:
    """State: the faint spots of the last seconds, and the seeds in them."""

    memory: Memory = field(default_factory=Memory)
    seeds: tuple[Seed, ...] = ()
    done: tuple[Path, ...] = ()
    """Ways that have lately come to their end."""
    next_s: float = 0.0


def look(state: FaintState, t_s: float, faint: Faint, clear: Spots, height: int, period_s: float) -> tuple[FaintState, Path | None]:
    """After a picture: the state, and a way that has come to its end. What is `clear` starts nothing: tracks are kept of that.
    `height` of the picture gives the scale of speeds."""
    memory = state.memory.with_picture(t_s, faint[0].sightings(t_s, faint[1]))
    known = (*(seed.path for seed in state.seeds), *state.done)
    sown = _sown(memory.pictures, t_s, clear, height, period_s, known) if len(faint[0]) else []
    fresh = (seed for seed in (*state.seeds, *sown) if t_s - seed.due_s < _STALE_S)
    seeds = sorted(fresh, key=lambda seed: -seed.hope)[:FAINT_MAX_SEEDS]
    due = next((seed for seed in seeds if seed.due_s <= t_s), None)
    if due is None or t_s < state.next_s:
        return FaintState(memory, tuple(seeds), state.done, state.next_s), None
    seeds.remove(due)
    way = gathered(due.path, memory, height)
    done, ended = tuple(path for path in state.done if t_s - path.end_s < _REMEMBERED_S), None
    if way is not None and len(way.marks) >= _LEAST_MARKS:
        seeds = [seed for seed in seeds if not _on(way, seed.path.marks[-1])]
        if t_s - way.end_s < _ENDED_S and way.span_s < _SPENT_S:
            seeds.append(Seed(way, t_s + _WAIT_S, due.hope + len(way.marks)))
        else:
            ended, done = way, (*done, way)[-FAINT_MAX_DONE:]
    return FaintState(memory, tuple(seeds), done, t_s + PACE_S), ended


def _sown(
    pictures: tuple[Sightings, ...], t_s: float, clear: Spots, height: int, period_s: float, known: tuple[Path, ...]
) -> list[Seed]:
    """The seeds that end in the newest picture, except on ways that are known."""
    stride = max(1, round(_STEP_S / period_s))
    step_s = stride * period_s
    late, middle, early = (_at(pictures, t_s - n * step_s, period_s) for n in range(3))
    if late is None or middle is None or early is None or not len(late := _unclear(late, clear)):
        return []
    rows, hope = _rows(early, middle, late, height)
    between = [_at(pictures, t_s - (n + 0.5) * step_s, period_s) for n in range(2)] if stride > 1 else []
    rows, hope = _borne_out(rows, hope, [one for one in between if one is not None]) if stride > 1 else (rows, hope)
    seeds: list[Seed] = []
    for n in np.argsort(-hope, kind="stable")[:_WEIGHED].tolist():
        marks = tuple(Mark(*row) for row in rows[n].tolist())
        if not any(_on(path, marks[-1]) for path in (*known, *(seed.path for seed in seeds))):
            seeds.append(Seed(fit(marks), t_s + _WAIT_S, float(hope[n])))
            if len(seeds) == _AT_ONCE:
                break
    return seeds


def _at(pictures: tuple[Sightings, ...], t_s: float, period_s: float) -> Sightings | None:
    for rows in reversed(pictures):
        if rows[0, 0] < t_s + 0.4 * period_s:
            return rows if rows[0, 0] > t_s - 0.4 * period_s else None
    return None


def _unclear(late: Sightings, clear: Spots) -> Sightings:
    """Those spots of a picture that only show faintly."""
    if not len(clear):
        return late
    off = np.hypot(late[:, None, 1] - clear.centres[None, :, 0], late[:, None, 2] - clear.centres[None, :, 1])
    return late[(off > _CLEAR_PX + clear.thickness[None, :]).all(axis=1)]


def _rows(early: Sightings, middle: Sightings, late: Sightings, height: int) -> tuple[Sightings, Column]:
    """n by 3 by columns: one spot of each picture, on one way downwards; and how much each speeds up for what it may be off."""
    first_s, second_s = middle[0, 0] - early[0, 0], late[0, 0] - middle[0, 0]
    dx, dy = (middle[None, :, axis] - early[:, None, axis] for axis in (1, 2))
    slowest, fastest = (speed * height * first_s for speed in _SPEED)
    i, j = np.nonzero((dy >= slowest - 1) & (dy >= 0) & (dy <= fastest + 2) & (np.abs(dx) <= _ASIDE * dy + 3))
    i, j = i[:FAINT_MAX_ROWS], j[:FAINT_MAX_ROWS]
    dx, dy, ratio = dx[i, j], dy[i, j], second_s / first_s
    slack = _PLACE_PX + _SPEED_SLACK * np.hypot(dx, dy)
    aside = late[None, :, 1] - (middle[j, 1] + dx * ratio)[:, None]
    gain = late[None, :, 2] - (middle[j, 2] + dy * ratio)[:, None]
    near = (np.abs(aside) <= slack[:, None]) & (gain >= -slack[:, None])
    near &= gain <= slack[:, None] + _BEND * height * first_s * second_s
    near &= late[None, :, 2] - early[i, 2][:, None] >= _LEAST_WAY_PX
    n, k = np.nonzero(near)
    n, k = n[:FAINT_MAX_ROWS], k[:FAINT_MAX_ROWS]
    return np.stack([early[i[n]], middle[j[n]], late[k]], axis=1), gain[n, k] / slack[n]


def _borne_out(rows: Sightings, hope: Column, between: list[Sightings]) -> tuple[Sightings, Column]:
    """Those rows on whose way spots of the pictures in `between` lie."""
    seen = np.zeros(len(rows), np.bool_)
    t, x, y = (rows[:, :, column] for column in range(3))
    for picture in between:
        at_s = picture[0, 0]
        weights = [np.prod([(at_s - t[:, b]) / (t[:, a] - t[:, b]) for b in range(3) if b != a], axis=0) for a in range(3)]
        place_x, place_y = (sum(weight * axis[:, a] for a, weight in enumerate(weights)) for axis in (x, y))
        off = np.hypot(picture[None, :, 1] - place_x[:, None], picture[None, :, 2] - place_y[:, None])
        seen |= off.min(axis=1) <= _BETWEEN_PX
    return rows[seen], hope[seen]


def _on(path: Path, mark: Mark) -> bool:
    """Whether a mark lies on a way that is known already, or straight on from it."""
    beyond_s = max(0.0, mark.t_s - path.end_s)
    if beyond_s > _KNOWN_S or mark.t_s < path.start_s:
        return False
    x, y = path.at(mark.t_s)
    return math.hypot(mark.x - x, mark.y - y) <= _KNOWN_PX + 0.2 * math.hypot(*path.velocity(path.end_s)) * beyond_s
