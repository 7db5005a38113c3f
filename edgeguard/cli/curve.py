"""A point's history as something to draw: as many columns as there is room for, cut where nothing is known. Pure.

A gap is never drawn through: two readings are joined only if nothing failed between them and no more time lies between them than
readings of this point usually have.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Final

from edgeguard.core.trend import Sample

_USUAL_TIMES: Final = 2.5
"""So many usual distances apart two readings still belong together."""
_WATCHED: Final = 512


@dataclass(frozen=True, slots=True)
class Spot:
    """What is to be drawn at one place: when, between which bounds, about where."""

    at_ms: int
    low: float
    high: float
    mean: float


@dataclass(frozen=True, slots=True)
class Curve:
    """Stretches without a gap inside, in the order of time, and the figures of all of it. No stretches: nothing was known."""

    from_ms: int
    to_ms: int
    stretches: tuple[tuple[Spot, ...], ...]
    count: int = 0
    bad: int = 0
    low: float = 0.0
    high: float = 0.0
    mean: float = 0.0
    last: float = 0.0


@dataclass(slots=True)
class _Column:
    """Readings that share a place. `joined`: no gap lies between the last of them and those of the place before."""

    at_ms: int
    low: float
    high: float
    sum: float
    count: int
    joined: bool


def curve_of(samples: Iterable[Sample], from_ms: int, to_ms: int, columns: int) -> Curve:
    """Fold readings, given in the order of their time, into at most so many columns. Texts have no place on a curve."""
    held = list(samples)
    joins_within_ms = _USUAL_TIMES * _usual_ms(held)
    span = max(to_ms - from_ms, 1)
    folded: dict[int, _Column] = {}
    count = bad = 0
    failed, before_ms, last = True, from_ms, 0.0
    for sample in held:
        of = sample.of
        bad += of.bad
        if not of.count or of.mean is None or of.minimum is None or of.maximum is None:
            failed = failed or of.bad > 0
            continue
        place = min(max((sample.at_ms - from_ms) * columns // span, 0), columns - 1)
        joined = not failed and sample.at_ms - before_ms <= joins_within_ms
        column = folded.get(place)
        if column is None:
            folded[place] = _Column(sample.at_ms, of.minimum, of.maximum, of.mean * of.count, of.count, joined)
        else:
            column.low, column.high = min(column.low, of.minimum), max(column.high, of.maximum)
            column.sum, column.count = column.sum + of.mean * of.count, column.count + of.count
        count += of.count
        failed, before_ms = False, sample.at_ms + sample.width_ms
        last = float(of.last) if isinstance(of.last, int | float) else of.mean
    if not folded:
        return Curve(from_ms, to_ms, (), 0, bad)
    made = [folded[place] for place in sorted(folded)]
    low, high = min(column.low for column in made), max(column.high for column in made)
    return Curve(from_ms, to_ms, tuple(_stretches(made)), count, bad, low, high, sum(c.sum for c in made) / count, last)


def _usual_ms(samples: Sequence[Sample]) -> float:
    """The usual distance between the beginnings of good readings."""
    times = [sample.at_ms for sample in samples if sample.of.count]
    step = max(len(times) // _WATCHED, 1)
    distances = [later - earlier for earlier, later in pairwise(times)]
    return median(distances[::step]) if distances else 0.0


def _stretches(columns: Sequence[_Column]) -> Iterator[tuple[Spot, ...]]:
    run: list[Spot] = []
    for column in columns:
        if run and not column.joined:
            yield tuple(run)
            run = []
        run.append(Spot(column.at_ms, column.low, column.high, column.sum / column.count))
    yield tuple(run)


_NOUGHT: Final = 0.02
"""Marks have twelve places: what is nearer together than a billionth of this is one number."""


def ticks(low: float, high: float, wanted: int) -> tuple[float, ...]:
    """Round numbers from below `low` to above `high`, about so many."""
    if high - low <= max(abs(low), abs(high), _NOUGHT) * 1e-9:
        pad = max(abs(low) * 0.05, 1e-3)
        low, high = low - pad, high + pad
    rough = (high - low) / max(wanted - 1, 1)
    power = 10.0 ** _floor_log10(rough)
    step = next(unit * power for unit in (1.0, 2.0, 2.5, 5.0, 10.0) if unit * power >= rough * 0.999)
    first = _floor(low / step)
    count = 1
    while (first + count) * step < high - step * 1e-9:
        count += 1
    return tuple(round((first + i) * step, 12) for i in range(count + 1))


def _floor(value: float) -> int:
    return int(value // 1)


def _floor_log10(value: float) -> int:
    return int(f"{value:e}".partition("e")[2])
