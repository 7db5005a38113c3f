"""What one look a second at a camera's picture says of the camera: black, frozen, covered, blurred, moved. Pure, numbers only.

A reference of how the view should look is learned while it looks well, apart for day, dusk and night, and kept for a restart; a
view that no longer fits any of it for a while is another view. Beside the last minute it holds the last days, so that what comes
over a lens or turns it little by little is not learned as normal.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edgeguard.core.blindness import Blindness
from edgeguard.vision.lens_cover import Cover, Edge, has_much_to_see, has_trace, left_of, look_for_cover, writing_in, written
from edgeguard.vision.long_view import LongView, first_view, followed, softer
from edgeguard.vision.view_fit import best_shifted, best_turned

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
_CLEARLY_TURNED: Final = 0.15
_SURELY: Final = 0.6
"""So well a turned, zoomed or shifted reference fits when it is the same view."""
_SOFTER: Final = 0.25
"""A logarithm: edges a quarter wider than they should be, whatever their contrast. A lens out of focus by 1.5 px (sigma) widens
them by a third and more, a codec with a third of its bits by a fifth at most, fog, rain, exposure and noise by a fourteenth."""
_NOT_SOFT: Final = 0.12
"""Edges as fine as this are in focus, and what has dulled is the air."""
_LATELY: Final = 0.1
"""What hides a part of the view is looked for in the mean of some ten looks, as traffic is no part of it."""
_DARKER: Final = 0.75
"""Of the brightness of the last looks: what has become dark at once is not averaged with what was seen before."""
_COVERED_SHARE: Final = 0.15
_STILL_COVERED_SHARE: Final = 0.1
"""Of the picture and of what has something to see in it, without the soft edge: a quarter of the picture that is covered."""
_LEARN: Final = 0.02
_LEARN_FROM: Final = 60
"""Looks at a new light before what is seen is taken for what should be seen."""
_MINUTES: Final = 1 / 300
"""Of each look in the mean of the last minutes."""
_CRISP_FROM: Final = 600
"""Looks over which it is averaged how crisp a view is; from then on it rises and falls slowly."""
_CRISPER: Final = 2.5e-5
"""Half a day of looks: a storm or a crowd is no measure of how a view should look."""
_DULLER: Final = 1e-6
"""Some weeks of days: a lens that goes out of focus or is spun over is slower than clouds and quicker than the seasons."""
_NIGHT: Final = 0
_DAY: Final = 2
_UNLIT: Final = 16.0
"""Levels: what is as dark as this by dusk or night may be where a lamp has gone out."""
_BANDS: Final = (45.0, 90.0)
"""Mean brightness that parts night from dusk and dusk from day."""


class Sign(StrEnum):
    """What a look may show; some tell of the same trouble, each with a patience of its own."""

    BLACK = "black"
    FROZEN = "frozen"
    COVERED = "covered"
    PARTLY_COVERED = "partly-covered"
    HIDDEN = "hidden"
    BLURRED = "blurred"
    SOFT = "soft"
    MOVED = "moved"


TROUBLES: Final = MappingProxyType(
    {
        Sign.BLACK: Blindness.BLACK,
        Sign.FROZEN: Blindness.FROZEN,
        Sign.COVERED: Blindness.COVERED,
        Sign.PARTLY_COVERED: Blindness.COVERED,
        Sign.HIDDEN: Blindness.COVERED,
        Sign.BLURRED: Blindness.BLURRED,
        Sign.SOFT: Blindness.BLURRED,
        Sign.MOVED: Blindness.MOVED,
    }
)
_PATIENCE_S: Final = MappingProxyType(
    {
        Sign.BLACK: 5.0,
        Sign.FROZEN: 20.0,
        Sign.COVERED: 8.0,
        Sign.PARTLY_COVERED: 135.0,
        Sign.HIDDEN: 300.0,
        Sign.BLURRED: 60.0,
        Sign.SOFT: 180.0,
        Sign.MOVED: 90.0,
    }
)
"""A lorry that waits at the gate may fill the view for a minute, and hide a part of it for two. What ends at an edge may be one: it
is told when it stays."""
_GAP_S: Final = MappingProxyType({Sign.PARTLY_COVERED: 10.0, Sign.HIDDEN: 10.0, Sign.SOFT: 10.0})
"""For so long a sign that has not yet lasted may be away, as somebody walks through the picture."""
_RELIEF_S: Final = 5.0
_LONG_RELIEF_S: Final = 15.0
"""Of signs that may be away for a moment."""

Small = NDArray[np.float32]
"""GRID numbers."""


@dataclass(frozen=True, slots=True)
class Look:
    """One look: mean brightness of each cell, mean gradient of each cell at full size, how sharp the edges are (root of the mean
    squared gradient, two by two px as one: blur widens edges, noise is halved), some of the pixels themselves.

    `relief`: mean gradient of each cell, a quarter of it as one; `fineness`: how much of the height of its finest clear edge lies
    between two px at half size, 0 where it has none.
    """

    t_s: float
    levels: Small
    detail: Small
    sharpness: float
    pixels: NDArray[np.uint8]
    relief: Small
    fineness: Small


@dataclass(frozen=True, slots=True)
class Reference:
    """How the view looks well in one light: `edges` has zero mean and unit norm."""

    edges: Small
    sharpness: float
    looks: int = 1
    crisp: float = 0.0
    """Sharpness by mean brightness: slowly follows what is sharper, hardly at all what is less so. 0: not known yet."""
    long: LongView | None = None
    """None: not known yet."""


@dataclass(frozen=True, slots=True)
class Eyesight:
    """What is remembered from look to look. `standing` are the signs that have lasted, with the second at which each began."""

    references: tuple[Reference | None, Reference | None, Reference | None] = (None, None, None)
    signs: tuple[tuple[Sign, float], ...] = ()
    """With those that have not yet lasted long enough."""
    standing: tuple[tuple[Sign, float], ...] = ()
    away_since: tuple[tuple[Sign, float], ...] = ()
    pixels: NDArray[np.uint8] | None = field(default=None, compare=False)
    """Of the picture that those after it are still the same as."""
    same_since_s: float = 0.0
    lately: tuple[Small, Small] | None = field(default=None, compare=False)
    """Mean relief and levels of the last looks."""
    left: Small | None = field(default=None, compare=False)
    """Mean of the last minutes that were well: the share of its relief that each cell has, NaN where that was never known."""
    light: float = field(default=0.0, compare=False)
    """Mean brightness of the same looks, levels."""
    reference_kept: bool = field(default=True, compare=False)
    """False when a reference has been learned that is worth keeping over a restart."""


def judge(eyes: Eyesight, look: Look) -> Eyesight:
    """One look more. The signs of the result are those that have lasted; they end after some good seconds."""
    if eyes.pixels is None or not _is_same(eyes.pixels, look):
        eyes = replace(eyes, pixels=look.pixels, same_since_s=look.t_s)
    now = (look.relief, look.levels)
    before = now if eyes.lately is None or _is_dark_at_once(look, eyes.lately[1]) else eyes.lately
    relief, levels = (np.asarray(old + _LATELY * (new - old), np.float32) for old, new in zip(before, now, strict=True))
    eyes = replace(eyes, lately=(relief, levels))
    band = _band(float(look.levels.mean()))
    signs, unknown = _signs(eyes, look, eyes.references[band])
    eyes = _lasting(eyes, signs, unknown, look.t_s)
    if not eyes.signs:
        eyes = _learned(eyes, look, band)
    return eyes


def troubles(eyes: Eyesight) -> Mapping[Blindness, float]:
    """What is wrong with the view, and since which second."""
    found: dict[Blindness, float] = {}
    for sign, since_s in eyes.standing:
        found[TROUBLES[sign]] = min(since_s, found.get(TROUBLES[sign], since_s))
    return found


KEPT: Final = frozenset({Sign.PARTLY_COVERED, Sign.HIDDEN, Sign.BLURRED, Sign.SOFT, Sign.MOVED})
"""Signs that a start in the dark could not find again: they stand until the view is seen to be right."""


def stood_before(eyes: Eyesight, signs: Iterable[Sign], t_s: float) -> Eyesight:
    """The camera was known to show these when its process last ended: they still stand at `t_s`."""
    stood = tuple((sign, t_s) for sign in signs)
    return replace(eyes, signs=(*eyes.signs, *stood), standing=(*eyes.standing, *stood))


def knows_place(eyes: Eyesight) -> bool:
    """What is seen lies where it lay when the view was set up: nothing says, not even for a moment, that the camera was moved."""
    return all(sign is not Sign.MOVED for sign, _ in (*eyes.signs, *eyes.standing))


def _is_same(before: NDArray[np.uint8], look: Look) -> bool:
    """A codec that is given the same picture for ever draws it a little otherwise at each key frame, and noise more than that: so
    much is forgiven where there is something to see. What is black or flat may be quiet."""
    if before.shape != look.pixels.shape:
        return False
    off = np.maximum(before, look.pixels) - np.minimum(before, look.pixels)
    return int(off.max(initial=0)) <= (0 if _is_black(look) or _is_flat(look) else _SAME_LEVELS)


def _is_black(look: Look) -> bool:
    return float(look.levels.mean()) < _BLACK_LEVEL and float(look.levels.std()) < _BLACK_SPREAD


def _is_dark_at_once(look: Look, lately: Small) -> bool:
    light = float(look.levels.mean())
    return _band(light) == _NIGHT and light < _DARKER * float(lately.mean())


def _is_flat(look: Look) -> bool:
    return float(look.levels.std()) < _FLAT_SPREAD


def _band(light: float) -> int:
    return sum(light > border for border in _BANDS)


_UNSEEN: Final = KEPT
_NOTHING: Final[frozenset[Sign]] = frozenset()
_ALL_COVERED: Final = frozenset({Sign.PARTLY_COVERED, Sign.HIDDEN})
"""Surely by something close: the shorter patience holds. The other one goes on where its edge is once taken for a sharp one."""


def _signs(eyes: Eyesight, look: Look, reference: Reference | None) -> tuple[frozenset[Sign], frozenset[Sign]]:
    """What this one picture looks like, and what it says nothing of.

    A dark or flat picture tells nothing of sharpness and place, and neither does a light that was never seen before: a camera
    that was moved by day is not right again because night has come.
    """
    signs = {Sign.FROZEN} if look.t_s > eyes.same_since_s else set()
    if _is_black(look):
        return frozenset(signs | {Sign.BLACK}), _UNSEEN
    if _is_flat(look):
        return frozenset(signs | {Sign.COVERED}), _UNSEEN
    band = _band(float(look.levels.mean()))
    turned = reference is not None and reference.looks >= _LEARN_FROM and _is_turned(reference, look)
    # What is the same view for sure, and turned, is not covered.
    lately, levels = eyes.lately or (look.relief, look.levels)
    covers = None if turned else _covers(eyes, look, lately, levels)
    if covers:
        return frozenset(signs | covers), _UNSEEN - covers
    unknown = {Sign.PARTLY_COVERED, Sign.HIDDEN} if covers is None else set()
    if reference is None or reference.looks < _LEARN_FROM:
        return frozenset(signs | {Sign.MOVED} if _is_suddenly_elsewhere(eyes, look, band) else signs), _UNSEEN
    night = band == _NIGHT
    if _is_dull(reference, look, night):
        return frozenset(signs | {Sign.BLURRED}), _UNSEEN - {Sign.BLURRED}
    view = _long(reference)
    by = None if view is None else softer(view, look.fineness)
    # By night noise passes for edges, and how bright lamps are says nothing: what has dulled is seen by day alone.
    if night and any(known is not None and known.looks >= _LEARN_FROM for known in eyes.references[_NIGHT + 1 :]):
        unknown |= {Sign.BLURRED, Sign.SOFT}
    elif by is None:
        unknown.add(Sign.SOFT)
    elif by > _SOFTER:
        signs.add(Sign.SOFT)
    if turned or _is_elsewhere(reference.edges, edges_of(look)):
        # A picture of noise is never like the one before.
        is_seen = turned or not night or has_much_to_see(lately, writing_in(look.detail))
        (signs if is_seen else unknown).add(Sign.MOVED)
    return frozenset(signs), frozenset(unknown)


def _is_dull(reference: Reference, look: Look, night: bool) -> bool:
    """Out of focus by much: less sharp than half of what it should be, and not for fog, which leaves what it leaves as fine."""
    if look.sharpness >= _BLURRED_SHARE * reference.sharpness and (night or _crisp(look) >= _BLURRED_SHARE * reference.crisp):
        return False
    view = _long(reference)
    by = None if view is None else softer(view, look.fineness, by_few=True)
    return by is None or by > _NOT_SOFT


def _covers(eyes: Eyesight, look: Look, relief: Small, levels: Small) -> frozenset[Sign] | None:
    """Whether something hides a part of the view, or all of it; None where that cannot be said. `relief` and `levels`: lately.

    What is dark or bright before the lens makes another light of the whole picture: the light beside it says what to compare with.
    """
    band = _band(float(look.levels.mean()))
    longs = [(n, _long(reference)) for n, reference in enumerate(eyes.references) if reference is not None]
    views = {n: view for n, view in longs if view is not None}
    found = {n: look_for_cover(relief, levels, view.relief, view.levels) for n, view in views.items()}
    before = _band(eyes.light)
    if band == _NIGHT and before in found and found[before].is_rich:
        # Lamps that go out, and nightfall, leave a trace of what was seen minutes ago, or nothing but black.
        writing = written(look.detail, relief, views[before].relief)
        if not any(has_trace(relief, levels, view.levels, writing) for view in views.values()):
            return _ALL_COVERED
    wholly = [cover.is_whole for cover in found.values() if cover.is_rich]
    if wholly and all(wholly) and band != _NIGHT:
        return _ALL_COVERED
    least = _STILL_COVERED_SHARE if any(TROUBLES[sign] is Blindness.COVERED for sign, _ in eyes.standing) else _COVERED_SHARE
    for n, cover in found.items():
        if cover.edge is not None and cover.share >= least and _band(cover.light) == n:
            signs = _ALL_COVERED if cover.edge is Edge.SOFT else _NOTHING
            # Snow on the ground ends at an edge, too, and comes little by little; where a lamp has gone out it is dark at once.
            is_known = _came_at_once(eyes, cover) and (cover.level > _UNLIT or n == _DAY)
            signs = signs | {Sign.HIDDEN} if is_known else signs - {Sign.HIDDEN}
            if signs:
                return signs
    return _NOTHING if band in found and found[band].is_clear and found[band].share < _STILL_COVERED_SHARE else None


def _came_at_once(eyes: Eyesight, cover: Cover) -> bool:
    is_known = any(sign is Sign.HIDDEN for sign, _ in eyes.signs)
    return is_known or (eyes.left is not None and cover.was_seen(eyes.left))


def _long(reference: Reference) -> LongView | None:
    return None if reference.long is None or reference.long.looks < _LEARN_FROM else reference.long


def _crisp(look: Look) -> float:
    """A picture twice as bright has edges twice as steep."""
    return look.sharpness / float(look.levels.mean())


def _is_elsewhere(reference: Small, seen: Small) -> bool:
    """Another view, or the same a few cells aside; a crowd, a parked lorry or fog only make it less alike."""
    here = float((reference * seen).sum())
    return here < _ALIKE / 2 or (here < _ALIKE and best_shifted(reference, seen) > here + _CLEARLY_SHIFTED)


def _is_suddenly_elsewhere(eyes: Eyesight, look: Look, band: int) -> bool:
    """In a light that is not known, and unlike what was seen minutes ago: no day comes so quickly. By night lamps do."""
    lately = _band(eyes.light)
    before = eyes.references[lately]
    if before is None or before.looks < _LEARN_FROM or min(band, lately) == _NIGHT:
        return False
    return _is_elsewhere(before.edges, edges_of(look))


def _is_turned(reference: Reference, look: Look) -> bool:
    """The same view for sure, and turned, zoomed or shifted for sure, beside the last minute or the last days."""
    seen = edges_of(look)
    aspect = look.pixels.shape[1] / GRID[1] / (look.pixels.shape[0] / GRID[0])
    view = _long(reference)
    for edges in (reference.edges,) if view is None else (reference.edges, view.edges):
        least = max(_SURELY, float((edges * seen).sum()) + _CLEARLY_TURNED)
        if least < 1 and best_turned(edges, seen, aspect) >= least:
            return True
    return False


def _lasting(eyes: Eyesight, signs: frozenset[Sign], unknown: frozenset[Sign], t_s: float) -> Eyesight:
    begun = dict(eyes.signs)
    standing, away = dict(eyes.standing), dict(eyes.away_since)
    for sign in signs:
        begun.setdefault(sign, eyes.same_since_s if sign is Sign.FROZEN else t_s)
        away.pop(sign, None)
        if t_s - begun[sign] >= _PATIENCE_S[sign]:
            standing.setdefault(sign, begun[sign])
    for sign in tuple(begun):
        if sign in signs or (sign in unknown and sign in standing):
            continue
        relief_s = _GAP_S.get(sign, 0.0) if sign not in standing else _LONG_RELIEF_S if sign in _GAP_S else _RELIEF_S
        if t_s - away.setdefault(sign, t_s) >= relief_s:
            begun.pop(sign)
            standing.pop(sign, None)
            away.pop(sign, None)
    return replace(eyes, signs=tuple(begun.items()), standing=tuple(standing.items()), away_since=tuple(away.items()))


def edges_of(look: Look) -> Small:
    """Where the detail is, whatever the light: zero mean, unit norm. None where the camera writes: that stays when it is moved."""
    strength, rest = np.log1p(look.detail), ~writing_in(look.detail)
    strength = np.where(rest, strength - strength[rest].mean(), np.float32(0))
    norm = float(np.linalg.norm(strength))
    return np.asarray(strength / norm if norm > 1e-6 else strength, np.float32)


def _learned(eyes: Eyesight, look: Look, band: int) -> Eyesight:
    """The view looks well: let the reference follow it, slowly."""
    before = eyes.references[band]
    edges = edges_of(look)
    long = before.long if before is not None else None
    maps = (edges, look.relief, look.levels, look.fineness)
    long = first_view(*maps) if long is None else followed(long, *maps)
    if before is None:
        after = Reference(edges, look.sharpness, crisp=_crisp(look), long=long)
    else:
        share = max(_LEARN, 1.0 / (before.looks + 1))
        mixed = (1 - share) * before.edges + share * edges
        after = Reference(
            np.asarray(mixed / max(1e-6, float(np.linalg.norm(mixed))), np.float32),
            (1 - share) * before.sharpness + share * look.sharpness,
            before.looks + 1,
            _aged(before, _crisp(look)),
            long,
        )
    references = list(eyes.references)
    references[band] = after
    kept = eyes.reference_kept and after.looks % _LEARN_FROM != 0
    left = eyes.left
    if before is not None and (view := _long(before)) is not None:
        left = _followed(left, left_of(look.relief, look.levels, view.relief, view.levels))
    light = float(look.levels.mean())
    light = eyes.light + _MINUTES * (light - eyes.light) if eyes.light else light
    return replace(eyes, references=(references[0], references[1], references[2]), reference_kept=kept, left=left, light=light)


def _followed(left: Small | None, now: Small) -> Small:
    """The mean of the last minutes with one look more; what cannot be seen now stays as it was last seen."""
    if left is None:
        return now
    return np.asarray(np.where(np.isnan(left), now, left + np.nan_to_num(_MINUTES * (now - left))), np.float32)


def _aged(before: Reference, crisp: float) -> float:
    if before.crisp <= 0:
        return crisp
    share = 1.0 / (before.looks + 1) if before.looks < _CRISP_FROM else _CRISPER if crisp > before.crisp else _DULLER
    return before.crisp + share * (crisp - before.crisp)
