"""Seconds of pictures as the sensor took them, out of stamps that were put on later.

A sensor exposes at an even beat. Many cameras, phones and servers stamp a picture when it leaves the encoder instead, some 5 to
20 ms early or late, each by another amount; a thing that falls by 300 px a second is put up to 6 px beside its way by that. So the
beat is fitted to the last stamps by least squares, pictures that were left out counted in. Stamps that keep to a beat are left as
they are, to the last digit, and so are those that have none: a rate that drifts or is another now.
"""

import math
from collections import deque
from typing import Final

import numpy as np
from numpy.typing import NDArray

_WINDOW: Final = 64
_LEAST: Final = 32
"""So many stamps show a beat; the newest one's place is then a third as unsure as a stamp, and a quarter with the whole window."""
_EVEN_S: Final = 0.001
"""Nearer to the beat nothing is gained: containers that count milliseconds are as far from it. Where most steps are so like the
ones before them, what strays is a pause, a picture left out or another rate."""
_LOST: Final = (0.25, 0.32)
"""Scatter, in periods, in which no beat is found, and in which one is lost."""
_BENT: Final = 0.3
"""How alike successive distances from the beat are, 0-1: those of late stamps have nothing to do with each other, a rate that
changes bends them all."""
_PAUSE: Final = 20.0
"""After so many periods without a picture the beat may be another."""
_CLEAR: Final = 0.2
"""The shortest step, or that of which a quarter are shorter, is one beat where others are several: the scatter, in periods, that
shows it."""
_PARTS: Final = 12
_FASTEST_S: Final = 0.008
"""The shortest step may be as many beats, none shorter than that: of a sensor of which no two pictures in a row are sent."""
_SEEN_LATE: Final = 6
"""So many stamps after one that came late it shows at the latest that no picture had been left out."""
_RATHER_LATE: Final = 0.25
"""In beats: a stamp is sooner late than a picture left out."""
_STRAYS: Final = (0.5, 0.75)
"""A stamp further than this from its beat, in periods, is left as it is: where pictures are left out, and where none are."""
_SHORTEST: Final = 0.05
"""A picture is later than the one before by this share of their stamps' step at least."""

Column = NDArray[np.float64]
Fit = tuple[float, float, Column]
"""Period and place of the newest beat, s, and how far each stamp is from its beat, s."""


class Cadence:
    """The beat of one stream."""

    def __init__(self) -> None:
        self._stamps: deque[float] = deque(maxlen=_WINDOW)
        self._beats: deque[int] = deque(maxlen=_WINDOW)
        """Which beat each of the newest stamps is of; none while there is no beat."""
        self._changes: deque[float] = deque(maxlen=_LEAST)
        """By how much each step differed from the one before."""
        self._period_s = 0.0
        self._here_s = 0.0
        """Where the newest beat is."""
        self._step_s = 0.0
        self._told_s = -math.inf

    def even(self, t_s: float) -> float:
        """When the picture with this stamp was taken, s; more than for every picture before. Stamps must grow."""
        if self._stamps:
            step_s = t_s - self._stamps[-1]
            if self._period_s and step_s > _PAUSE * self._period_s:
                self._forget()
            elif len(self._stamps) > 1:
                self._changes.append(abs(step_s - self._step_s))
            self._step_s = step_s
        self._stamps.append(t_s)
        taken_s = self._fitted(t_s) if self._trembles() else self._as_it_is(t_s)
        self._told_s = max(taken_s, self._told_s + _SHORTEST * self._step_s)
        return self._told_s

    def _trembles(self) -> bool:
        return len(self._stamps) >= _LEAST and 2 * sum(change > _EVEN_S for change in self._changes) > len(self._changes)

    def _forget(self) -> None:
        self._stamps.clear()
        self._changes.clear()
        self._beats.clear()
        self._period_s = 0.0

    def _as_it_is(self, t_s: float) -> float:
        self._beats.clear()
        return t_s

    def _fitted(self, t_s: float) -> float:
        has_beat = bool(self._beats)
        if has_beat:
            self._count((t_s - self._here_s) / self._period_s)
            beats = np.array(self._beats, np.float64)
            fit = _line(beats, np.array(self._stamps)[-len(beats) :])
        else:
            beats, fit = _found(np.array(self._stamps)[-_LEAST:])
        period_s, here_s, off = fit
        scatter_s = _scatter_s(fit)
        bent = float(off[1:] @ off[:-1]) > _BENT * float(off @ off)
        if scatter_s > _EVEN_S and (scatter_s > _LOST[has_beat] * period_s or bent):
            return self._as_it_is(t_s)
        if not has_beat:
            self._beats.extend(int(beat) for beat in beats)
        self._period_s, self._here_s = period_s, here_s
        strays = _STRAYS[bool(beats[-1] - beats[0] < len(beats))] * period_s
        return t_s if scatter_s <= _EVEN_S or abs(t_s - here_s) > strays else here_s

    def _count(self, later: float) -> None:
        """The newest stamp is so many beats after the last; where that is none, that one was late, and no picture had been left out
        before it."""
        if later < 0.5:
            last = list(self._beats)
            left_out = (n for n in range(len(last) - 1, max(0, len(last) - _SEEN_LATE), -1) if last[n] - last[n - 1] > 1)
            if (n := next(left_out, None)) is not None:
                self._beats.clear()
                self._beats.extend([*last[:n], *(beat - 1 for beat in last[n:])])
        self._beats.append(self._beats[-1] + max(1, round(later - _RATHER_LATE)))


def _found(stamps: Column) -> tuple[Column, Fit]:
    """The beat of stamps of which nothing is known: each is one, or short steps are one and long ones several where that fits. All
    guesses are looked at at once: pictures that have no beat are looked at again and again."""
    steps = np.diff(stamps)
    ranked = np.sort(steps)
    parts = ranked[0] / np.arange(2, _PARTS + 1)
    short = ranked[[0, len(ranked) // 4]]
    guesses = np.concatenate([short, parts[parts >= _FASTEST_S]])
    most_s = np.concatenate([[math.inf], _CLEAR * short, np.full(len(guesses) - len(short), _EVEN_S)])
    beats = np.ones((len(most_s), len(stamps)))
    beats[1:, 1:] = np.maximum(1.0, np.rint(steps / np.maximum(_EVEN_S, guesses)[:, None] - _RATHER_LATE))
    beats = beats.cumsum(axis=1)
    at, on = beats - beats.mean(axis=1, keepdims=True), stamps - stamps.mean()
    off = on - ((at @ on) / (at * at).sum(axis=1))[:, None] * at
    scatter_s = np.sqrt((off * off).mean(axis=1))
    best = beats[np.where(scatter_s <= most_s, scatter_s, math.inf).argmin()]
    return best, _line(best, stamps)


def _scatter_s(fit: Fit) -> float:
    return math.sqrt(float(fit[2] @ fit[2]) / len(fit[2]))


def _line(beats: Column, stamps: Column) -> Fit:
    """By least squares: the period, the newest beat's second, and how far the stamps are from their beats, s."""
    at, on = beats - beats.mean(), stamps - stamps.mean()
    period_s = float(at @ on / (at @ at))
    off = on - period_s * at
    return period_s, float(stamps[-1] - off[-1]), off
