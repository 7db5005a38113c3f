"""What one look a second at a camera's picture says of the camera: black, frozen, covered, blurred, moved. Pure, numbers only.

A reference of how the view should look is learned while it looks well, apart for day, dusk and night, and kept for a restart; a
view that no longer fits any of it for a while is another view.
"""

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edgeguard.core.blindness import Blindness

GRID: Final = (36, 64)
"""Rows and columns of the small picture that is judged."""
_BLACK_LEVEL: Final = 20.0
_BLACK_SPREAD: Final = 4.0
_FLAT_SPREAD: Final = 5.0
"""Standard deviation of brightness over the small picture; a lens with a cap, a bag or a hand before it shows hardly any."""
_SAME_LEVELS: Final = 2
"""Between a picture and any after it, at most, while a camera is frozen. Of a camera that is not, some pixel of any key frame was
further off, with noise of half a level and the coarsest codec."""
_BLURRED_SHARE: Final = 0.45
"""A scene that has this share of the sharpness it should have is blurred."""
_ALIKE: Final = 0.5
_CLEARLY_SHIFTED: Final = 0.2
"""By so much another place of the reference fits better than its own."""
_REACH: Final = 5
"""Cells in every direction in which a moved view is looked for."""
_LEARN: Final = 0.02
_LEARN_FROM: Final = 60
"""Looks at a new light before what is seen is taken for what should be seen."""
_CRISP_FROM: Final = 600
"""Looks over which it is averaged how crisp a view is; from then on it rises and falls slowly."""
_CRISPER: Final = 2.5e-5
"""Half a day of looks: a storm or a crowd is no measure of how a view should look."""
_DULLER: Final = 1e-6
"""Some weeks of days: a lens that goes out of focus or is spun over is slower than clouds and quicker than the seasons."""
_NIGHT: Final = 0
_BANDS: Final = (45.0, 90.0)
"""Mean brightness that parts night from dusk and dusk from day."""
_PATIENCE_S: Final = MappingProxyType(
    {
        Blindness.BLACK: 5.0,
        Blindness.FROZEN: 20.0,
        Blindness.COVERED: 8.0,
        Blindness.BLURRED: 60.0,
        Blindness.MOVED: 90.0,
    }
)
"""A lorry that waits at the gate may fill the view for a minute."""
_RELIEF_S: Final = 5.0

Small = NDArray[np.float32]
"""GRID numbers."""


@dataclass(frozen=True, slots=True)
class Look:
    """One look: mean brightness of each cell, mean gradient of each cell at full size, how sharp the edges are (root of the mean
    squared gradient, two by two px as one: blur widens edges, noise is halved), some of the pixels themselves."""

    t_s: float
    levels: Small
    detail: Small
    sharpness: float
    pixels: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Reference:
    """How the view looks well in one light: `edges` has zero mean and unit norm."""

    edges: Small
    sharpness: float
    looks: int = 1
    crisp: float = 0.0
    """Sharpness by mean brightness: slowly follows what is sharper, hardly at all what is less so. 0: not known yet."""


@dataclass(frozen=True, slots=True)
class Eyesight:
    """What is remembered from look to look. `standing` are the troubles that hold, with the second of their first sign."""

    references: tuple[Reference | None, Reference | None, Reference | None] = (None, None, None)
    signs: tuple[tuple[Blindness, float], ...] = ()
    """Signs that have not yet lasted long enough."""
    standing: tuple[tuple[Blindness, float], ...] = ()
    well_since: tuple[tuple[Blindness, float], ...] = ()
    pixels: NDArray[np.uint8] | None = field(default=None, compare=False)
    """Of the picture that those after it are still the same as."""
    same_since_s: float = 0.0
    reference_kept: bool = field(default=True, compare=False)
    """False when a reference has been learned that is worth keeping over a restart."""


def judge(eyes: Eyesight, look: Look) -> Eyesight:
    """One look more. The troubles of the result are those that have lasted; they end after five good seconds."""
    if eyes.pixels is None or not _is_same(eyes.pixels, look):
        eyes = replace(eyes, pixels=look.pixels, same_since_s=look.t_s)
    band = _band(look)
    signs, unknown = _signs(eyes, look, eyes.references[band])
    eyes = _lasting(eyes, signs, unknown, look.t_s)
    if not signs and not eyes.standing:
        eyes = _learned(eyes, look, band)
    return eyes


def moved_before(eyes: Eyesight, t_s: float) -> Eyesight:
    """The camera was known to have been moved when its process last ended: it still counts as moved at `t_s`."""
    moved = (Blindness.MOVED, t_s)
    return replace(eyes, signs=(*eyes.signs, moved), standing=(*eyes.standing, moved))


def knows_place(eyes: Eyesight) -> bool:
    """What is seen lies where it lay when the view was set up: nothing says, not even for a moment, that the camera was moved."""
    return all(trouble is not Blindness.MOVED for trouble, _ in (*eyes.signs, *eyes.standing))


def _is_same(before: NDArray[np.uint8], look: Look) -> bool:
    """A codec that is given the same picture for ever draws it a little otherwise at each key frame, and noise more than that: so
    much is forgiven where there is something to see. What is black or flat may be quiet."""
    if before.shape != look.pixels.shape:
        return False
    off = np.maximum(before, look.pixels) - np.minimum(before, look.pixels)
    return int(off.max(initial=0)) <= (0 if _is_black(look) or _is_flat(look) else _SAME_LEVELS)


def _is_black(look: Look) -> bool:
    return float(look.levels.mean()) < _BLACK_LEVEL and float(look.levels.std()) < _BLACK_SPREAD


def _is_flat(look: Look) -> bool:
    return float(look.levels.std()) < _FLAT_SPREAD


def _band(look: Look) -> int:
    return sum(float(look.levels.mean()) > border for border in _BANDS)


_PLACE: Final = frozenset({Blindness.BLURRED, Blindness.MOVED})
_NOTHING: Final[frozenset[Blindness]] = frozenset()


def _signs(eyes: Eyesight, look: Look, reference: Reference | None) -> tuple[frozenset[Blindness], frozenset[Blindness]]:
    """What this one picture looks like, and what it says nothing of.

    A dark or flat picture tells nothing of sharpness and place, and neither does a light that was never seen before: a camera
    that was moved by day is not right again because night has come.
    """
    signs = set()
    if look.t_s > eyes.same_since_s:
        signs.add(Blindness.FROZEN)
    if _is_black(look):
        return frozenset(signs | {Blindness.BLACK}), _PLACE
    if _is_flat(look):
        return frozenset(signs | {Blindness.COVERED}), _PLACE
    if reference is None or reference.looks < _LEARN_FROM:
        return frozenset(signs), _PLACE
    night = _band(look) == _NIGHT
    if look.sharpness < _BLURRED_SHARE * reference.sharpness or (not night and _crisp(look) < _BLURRED_SHARE * reference.crisp):
        return frozenset(signs | {Blindness.BLURRED}), frozenset({Blindness.MOVED})
    if _is_elsewhere(reference.edges, edges_of(look)):
        signs.add(Blindness.MOVED)
    # By night noise passes for edges, and how bright lamps are says nothing: what has dulled slowly is seen by day alone.
    by_day = any(known is not None and known.looks >= _LEARN_FROM for known in eyes.references[_NIGHT + 1 :])
    return frozenset(signs), frozenset({Blindness.BLURRED}) if night and by_day else _NOTHING


def _crisp(look: Look) -> float:
    """A picture twice as bright has edges twice as steep."""
    return look.sharpness / float(look.levels.mean())


def _is_elsewhere(reference: Small, seen: Small) -> bool:
    """Another view, or the same a few cells aside; a crowd, a parked lorry or fog only make it less alike."""
    here = float((reference * seen).sum())
    if here >= _ALIKE:
        return False
    return here < _ALIKE / 2 or best_fit(reference, seen) > here + _CLEARLY_SHIFTED


def _lasting(eyes: Eyesight, signs: frozenset[Blindness], unknown: frozenset[Blindness], t_s: float) -> Eyesight:
    begun = dict(eyes.signs)
    standing, well = dict(eyes.standing), dict(eyes.well_since)
    for trouble in signs:
        begun.setdefault(trouble, eyes.same_since_s if trouble is Blindness.FROZEN else t_s)
        well.pop(trouble, None)
        if t_s - begun[trouble] >= _PATIENCE_S[trouble]:
            standing.setdefault(trouble, begun[trouble])
    for trouble in tuple(begun):
        if trouble in signs or (trouble in unknown and trouble in standing):
            continue
        if trouble not in standing or t_s - well.setdefault(trouble, t_s) >= _RELIEF_S:
            begun.pop(trouble)
            standing.pop(trouble, None)
            well.pop(trouble, None)
    return replace(eyes, signs=tuple(begun.items()), standing=tuple(standing.items()), well_since=tuple(well.items()))


def edges_of(look: Look) -> Small:
    """Where the detail is, whatever the light: zero mean, unit norm."""
    strength = np.log1p(look.detail)
    strength = strength - strength.mean()
    norm = float(np.linalg.norm(strength))
    return np.asarray(strength / norm if norm > 1e-6 else strength, np.float32)


def best_fit(reference: Small, seen: Small) -> float:
    """The best correlation of two edge pictures that lie up to _REACH cells apart; 1.0 is the same."""
    best = -1.0
    rows, columns = reference.shape
    for down in range(-_REACH, _REACH + 1):
        for across in range(-_REACH, _REACH + 1):
            a = reference[max(0, down) : rows + min(0, down), max(0, across) : columns + min(0, across)]
            b = seen[max(0, -down) : rows + min(0, -down), max(0, -across) : columns + min(0, -across)]
            norm = float(np.linalg.norm(a) * np.linalg.norm(b))
            if norm > 1e-6:
                best = max(best, float((a * b).sum()) / norm)
    return best


def _learned(eyes: Eyesight, look: Look, band: int) -> Eyesight:
    """The view looks well: let the reference follow it, slowly."""
    before = eyes.references[band]
    edges = edges_of(look)
    if before is None:
        after = Reference(edges, look.sharpness, crisp=_crisp(look))
    else:
        share = max(_LEARN, 1.0 / (before.looks + 1))
        mixed = (1 - share) * before.edges + share * edges
        after = Reference(
            np.asarray(mixed / max(1e-6, float(np.linalg.norm(mixed))), np.float32),
            (1 - share) * before.sharpness + share * look.sharpness,
            before.looks + 1,
            _aged(before, _crisp(look)),
        )
    references = list(eyes.references)
    references[band] = after
    kept = eyes.reference_kept and after.looks % _LEARN_FROM != 0
    return replace(eyes, references=(references[0], references[1], references[2]), reference_kept=kept)


def _aged(before: Reference, crisp: float) -> float:
    if before.crisp <= 0:
        return crisp
    share = 1.0 / (before.looks + 1) if before.looks < _CRISP_FROM else _CRISPER if crisp > before.crisp else _DULLER
    return before.crisp + share * (crisp - before.crisp)
