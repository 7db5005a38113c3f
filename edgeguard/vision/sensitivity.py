"""How far a pixel must leave its recent range to count, tile by tile: learnt from the noise there and from what always moves there.

Foliage, water, flags, laundry and flicker raise their own tiles' margin until they are quiet; a thing that passes once does not.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

Tiles = NDArray[np.float64]

MARGIN_LEAST: Final = 5.0
"""Grey levels: below it lies what a codec does to a still picture."""
_MARGIN_MOST: Final = 60.0
_NOISE_WEIGHT: Final = 1.5
"""Margin per level of temporal noise (standard deviation), on top of the range, which holds about 2.5 deviations itself."""
_RISE_PER_S: Final = 10.0
_FALL_PER_S: Final = 1.5
_BUSY_SHARE: Final = 0.25
"""A tile hit in more than this share of recent pictures is busy, not visited."""
_MEMORY_S: Final = 4.0
_CALM_SHARE: Final = 0.06
_EASE_MOST: Final = 2.0
"""So many levels of the least margin are given up where nothing stands out."""
_FINE_MEMORY_S: Final = 3.0
_FINE_SHARE: Final = (0.12, 0.3)
"""A tile becomes fine below the first share of samples that left their range, and is no more above the second."""


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """State: one number a tile."""

    noise: Tiles
    """Temporal noise, grey levels."""
    hits: Tiles
    """Share of recent pictures in which something stood out, 0-1."""
    raised: Tiles
    """What persistent activity adds to the margin, grey levels; below zero where nothing has stood out for long."""
    loose: Tiles
    """Share of recent samples in which a pixel left its own range, 0-1: edges that tremble, leaves, codec."""
    fine: NDArray[np.bool_]
    """Where pixels are compared with their own range only, not with their neighbours'."""

    @classmethod
    def fresh(cls, shape: tuple[int, int]) -> "Sensitivity":
        """Before anything was seen."""
        return cls(np.full(shape, 2.0), np.zeros(shape), np.zeros(shape), np.full(shape, 0.5), np.zeros(shape, np.bool_))

    @property
    def margins(self) -> Tiles:
        """Grey levels beyond the range that a pixel must reach, tile by tile."""
        learnt = MARGIN_LEAST + _NOISE_WEIGHT * np.maximum(self.noise - 0.7, 0.0) + self.raised
        return np.asarray(np.minimum(learnt, _MARGIN_MOST), dtype=np.float64)


def watch(state: Sensitivity, hit: NDArray[np.bool_], dt_s: float) -> Sensitivity:
    """After a picture `dt_s` after the last one, in whose `hit` tiles something stood out."""
    hits = state.hits + min(dt_s / _MEMORY_S, 0.5) * (hit - state.hits)
    visited, busy = (hits > _CALM_SHARE) & (state.raised < 0), hits > _BUSY_SHARE
    per_s = np.where(busy, _RISE_PER_S, np.where(visited, _FALL_PER_S, -_FALL_PER_S))
    raised = state.raised + dt_s * per_s
    np.maximum(raised, -_EASE_MOST, out=raised)
    np.minimum(raised, _MARGIN_MOST, out=raised)
    return Sensitivity(state.noise, hits, raised, state.loose, state.fine)


def learn_fine(state: Sensitivity, left: NDArray[np.bool_], dt_s: float) -> Sensitivity:
    """After a sample in whose `left` tiles a pixel left its own range. A tile is fine once that has been rare for long."""
    loose = state.loose + min(dt_s / _FINE_MEMORY_S, 0.5) * (left - state.loose)
    fine = np.where(state.fine, loose < _FINE_SHARE[1], loose < _FINE_SHARE[0])
    return replace(state, loose=loose, fine=fine)


def learn_noise(state: Sensitivity, measured: Tiles, dt_s: float) -> Sensitivity:
    """After a measurement of the noise: quickly at first sight of more of it, slowly back."""
    share = np.where(measured > state.noise, min(dt_s / 1.0, 0.5), min(dt_s / 5.0, 0.3))
    return replace(state, noise=state.noise + share * (measured - state.noise))
