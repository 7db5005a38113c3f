"""Many readings of a point as few figures, and few figures as fewer. Pure; the same readings give the same figures."""

from collections.abc import Iterable, Sequence
from math import fsum

from edgeguard.core.point import Outcome
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.trend import Aggregate

NOTHING = Aggregate(0)


def aggregate(outcomes: Sequence[Outcome]) -> Aggregate:
    """The figures of readings in the order of their time. What was not asked for on purpose is neither good nor bad."""
    good = [outcome for outcome in outcomes if outcome.__class__ is not Fault]
    bad = 0
    if len(good) < len(outcomes):
        bad = sum(1 for outcome in outcomes if isinstance(outcome, Fault) and outcome.reason is not Reason.NOT_DUE)
    if not good:
        return Aggregate(0, bad)
    last = good[-1]
    assert not isinstance(last, Fault)  # noqa: S101 (for the type checker)
    if isinstance(last, str):
        return Aggregate(len(good), bad, last=last)
    numbers = [float(value) for value in good if not isinstance(value, str | Fault)]
    # fsum rounds once: by no order of adding can the mean of equal values differ from them
    return Aggregate(len(good), bad, min(numbers), max(numbers), fsum(numbers) / len(numbers), last)


def merge(parts: Iterable[Aggregate]) -> Aggregate:
    """The figures of several stretches in the order of their time."""
    count = bad = 0
    least: float | None = None
    most: float | None = None
    last = None
    means: list[tuple[float, int]] = []
    for part in parts:
        bad += part.bad
        if not part.count:
            continue
        count += part.count
        last = part.last
        if part.minimum is None or part.maximum is None or part.mean is None:
            continue
        least = part.minimum if least is None else min(least, part.minimum)
        most = part.maximum if most is None else max(most, part.maximum)
        means.append((part.mean, part.count))
    if not count:
        return Aggregate(0, bad)
    if least is None or most is None:
        return Aggregate(count, bad, last=last)
    mean = fsum(value * counted for value, counted in means) / sum(counted for _, counted in means)
    return Aggregate(count, bad, least, most, min(max(mean, least), most), last)
