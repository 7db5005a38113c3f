"""What a detector said against what was drawn: recall by size, speed and weather, false alarms, delay, floor error."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from fall_film import VISIBLE_LEVELS, Film, Truth

SIZES: Final = ((0, 2), (2, 4), (4, 8), (8, 20), (20, 1000))
STOREY_M: Final = 3.0
_SLOW_STEP_S: Final = 0.075
_FAR_M: Final = 12.0
_CAMERAS: Final = {"-denoised": "noise reduction", "-b-frames": "B-frames"}
_SIGMAS: Final = 1.96
_TAIL: Final = 0.05


@dataclass(frozen=True, slots=True)
class Said:
    """One fall as a detector reports it: seconds and px, and when the report came."""

    track: tuple[tuple[float, float, float], ...]
    told_s: float
    confidence: float = 1.0


@dataclass(slots=True)
class Tally:
    """Counts over many films."""

    found: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    """By group: found and all."""
    unseen: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    """Of these, the ones that nobody could see: found and all."""
    false: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    hours: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    duplicates: int = 0
    delays_s: list[float] = field(default_factory=list)
    floor_errors: list[float] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    mistaken: list[str] = field(default_factory=list)


def score(tally: Tally, film: Film, said: Sequence[Said], visible: Sequence[bool] = ()) -> None:
    """Add one film to the tally. Throws drawn with less than VISIBLE_LEVELS are neither asked for nor held against the detector;
    those that a person could not have seen in the film all the same (`visible`, see fall_sight) are counted beside the rest."""
    label = "+".join(film.distractors) or film.weather
    tally.hours[label] += film.seconds / 3600
    matched: set[int] = set()
    for one in said:
        hits = [i for i, truth in enumerate(film.truths) if matches(one, truth)]
        fresh = [i for i in hits if i not in matched]
        if fresh:
            truth = film.truths[fresh[0]]
            matched.add(fresh[0])
            tally.delays_s.append(one.told_s - truth.track[-1][0])
            drawn, seen = (film.camera.height_at(y) for y in (truth.track[0][2], one.track[0][2]))
            tally.floor_errors.append(abs(drawn - seen) / STOREY_M)
        elif hits:
            tally.duplicates += 1
            tally.mistaken.append(f"{film.plan_name} twice at {one.track[0][0]:.2f}")
        else:
            tally.false[label] += 1
            tally.mistaken.append(f"{film.plan_name} false at {one.track[0][0]:.2f} {one.track[0][1:]} to {one.track[-1]}")
    for i, truth in enumerate(film.truths):
        if truth.contrast >= VISIBLE_LEVELS:
            for group in groups(truth, film):
                tally.found[group][0] += i in matched
                tally.found[group][1] += 1
                if i < len(visible) and not visible[i]:
                    tally.unseen[group][0] += i in matched
                    tally.unseen[group][1] += 1
            if i not in matched:
                tally.missed.append(
                    f"{film.plan_name} {truth.thing} {truth.size_px:.1f} px, contrast {truth.contrast:.0f}, {truth.track[0]}"
                    f"{', invisible' if i < len(visible) and not visible[i] else ''}"
                )


def matches(one: Said, truth: Truth) -> bool:
    """They overlap in time, and most of what was said lies within three sizes and ten pixels of what was drawn."""
    near = total = 0
    for t, x, y in one.track:
        place = place_at(truth.track, t)
        if place is not None:
            total += 1
            near += math.hypot(x - place[0], y - place[1]) <= 3 * truth.size_px + 10
    return total > 0 and near >= 0.5 * max(total, 0.5 * len(one.track))


def place_at(track: Sequence[tuple[float, float, float]], t_s: float) -> tuple[float, float] | None:
    """Where a drawn thing was at a moment, between its pictures; None when it was not there."""
    for (t0, x0, y0), (t1, x1, y1) in pairwise(track):
        if t0 - 0.02 <= t_s <= t1 + 0.02:
            part = (t_s - t0) / (t1 - t0)
            return x0 + part * (x1 - x0), y0 + part * (y1 - y0)
    return None


def groups(truth: Truth, film: Film) -> Iterable[str]:
    """The lines of the report that a throw counts for."""
    size = next(f"{low}-{high} px" if high < 1000 else f">{low} px" for low, high in SIZES if low <= truth.size_px < high)
    weather = truth.weather
    yield f"{weather} {size}"
    yield f"{weather} all"
    if weather == "day" and 4 <= truth.size_px < 20:
        yield "day 4-20 px"
        if film.camera.distance_m >= _FAR_M:
            yield "day 4-20 px, cameras from 12 m on"
    for mark, kind in _CAMERAS.items():
        if film.plan_name.endswith(mark):
            yield kind
    height = film.camera.height
    pace = truth.speed_px_s / height
    if len(truth.track) > 2 and truth.track[-1][0] - truth.track[0][0] > _SLOW_STEP_S * (len(truth.track) - 1):
        yield f"{weather} at 12-13 pictures/s"
    yield f"speed {'<0.2' if pace < 0.2 else '0.2-0.5' if pace < 0.5 else '0.5-1' if pace < 1 else '>1'} heights/s"


def interval(found: int, all_of: int) -> tuple[float, float]:
    """Between which shares the true one lies with 95 % (Wilson)."""
    share, z2 = found / all_of, _SIGMAS * _SIGMAS / all_of
    middle = (share + z2 / 2) / (1 + z2)
    half = _SIGMAS / (1 + z2) * math.sqrt(share * (1 - share) / all_of + z2 / all_of / 4)
    return max(0.0, middle - half), min(1.0, middle + half)


def at_most(count: int) -> float:
    """How many are to be expected at most where `count` were seen, with 95 % (Poisson, one-sided)."""
    low, high = float(count), count + 10.0 + 5.0 * math.sqrt(count)
    for _ in range(60):
        middle = (low + high) / 2
        seen = sum(math.exp(-middle + i * math.log(middle) - math.lgamma(i + 1)) for i in range(count + 1)) if middle else 1.0
        low, high = (middle, high) if seen > _TAIL else (low, middle)
    return high


def report(tally: Tally, name: str) -> str:
    """The figures as text, worst things last."""
    lines = [f"== {name}"]
    for group in sorted(tally.found):
        found, all_of = tally.found[group]
        low, high = interval(found, all_of)
        share = f"{100 * found / all_of:5.1f} %  ({found}/{all_of}, 95 %: {100 * low:.0f}-{100 * high:.0f})"
        found_unseen, unseen = tally.unseen[group]
        could = f", {unseen} of them invisible: {found - found_unseen}/{all_of - unseen} of the rest" if unseen else ""
        lines.append(f"  recall {group:28s} {share}{could}")
    hours, false = sum(tally.hours.values()), sum(tally.false.values())
    bound = f" (95 %: at most {at_most(false + tally.duplicates) / hours:.1f} an hour)" if hours else ""
    lines.append(f"  false alarms {false} in {hours:.3f} camera-hours, twice told {tally.duplicates}{bound}")
    lines += [f"    {label}: {tally.false[label]} in {tally.hours[label]:.4f} h" for label in sorted(tally.false)]
    if tally.delays_s:
        delays = sorted(tally.delays_s)
        near = sum(error <= 1 for error in tally.floor_errors)
        lines.append(
            f"  told after landing: median {delays[len(delays) // 2]:.2f} s, p95 {delays[int(0.95 * (len(delays) - 1))]:.2f} s"
        )
        lines.append(f"  floor within one: {100 * near / len(tally.floor_errors):.1f} %")
    return "\n".join(lines)
