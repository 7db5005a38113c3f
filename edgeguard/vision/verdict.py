"""Is this path a fall? What is asked of any, and who decides: the limits below, or a forest that has learned it from films.

Pure, on the numbers of one path. Why it is none is said by the first test that it fails; UNLIKE and FAR are the forest's words.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from edgeguard.vision.chance import chance_log10, sureness
from edgeguard.vision.facade import Plane
from edgeguard.vision.fall_signs import EXPOSURE_MOST_S, signs
from edgeguard.vision.forest import Forest
from edgeguard.vision.gathering import Memory
from edgeguard.vision.gravity import log_ratio, updated
from edgeguard.vision.trajectory import Path

_CROWDED: Final = 20.0
"""With so many spots a picture they make chance paths, and more is asked of one that counts."""
_FLOODED: Final = 50.0
"""So many are hard rain: nearly as many as are looked at."""
_FAR_FROM: Final = 0.03
"""What is less likely is far from a fall."""
_SUREST: Final = 0.999
"""Nothing is certain."""
_OPEN: Final = 0.4
_CLEAR: Final = 0.88
"""From that likelihood on, what the limits are so sure of is a fall: the next camera will show other falls than the films did."""
_AT_REST: Final = 0.02
"""With more of the picture in unrest lately the limits, which know nothing of it, have no say."""
_ASKED_MARKS: Final = 5
_ASKED_SPAN_S: Final = 0.16
_ASKED_FALL_PX: Final = 8.0
_ASKED_FALL_HEIGHT: Final = 0.05
_ASKED_SEEN: Final = 0.33
"""Marks per picture of its span."""
_ASKED_BEND_HEIGHT: Final = 0.06
"""Acceleration in picture heights a second squared: g where the picture shows 160 m."""
_ASKED_SIGMAS: Final = 4.0
_ASKED_GAIN: Final = 1.1
_ASKED_STEEP: Final = 0.35
_ASKED_RISE: Final = 0.8
_BALL_RISE: Final = 0.5
_FROM_BELOW: Final = 0.6
"""What is first seen below so much of the picture's height, and goes up for more than half of its way down, was thrown up from the
ground: a ball. From a window somebody would have to throw at 7 m/s straight up for as much, and it be caught 5 m further down."""


class Veto(StrEnum):
    """Why a track is no fall."""

    RAGGED = "ragged"
    SHORT = "short"
    GAPS = "gaps"
    SLOW = "slow"
    EVEN = "even"
    WEAK = "weak"
    SIDEWAYS = "sideways"
    RISES = "rises"
    CURVED = "curved"
    CHANCE = "chance"
    EARLY = "early"
    LONG = "long"
    GRAVITY = "gravity"
    HABIT = "habit"
    MANY = "many"
    UNLIKE = "unlike"
    FAR = "far"


_PAST_HELP: Final = frozenset({Veto.SHORT, Veto.EVEN, Veto.GAPS, Veto.FAR})
"""In a crowd no more is looked for of these: in 67 films of rain and snow not one more fall was told when it was."""
_NO_PIECE: Final = frozenset({Veto.EVEN, Veto.FAR})
"""In a flood these are not tried as pieces of a fall: in 43 films with that many spots the same of 52 throws were told without.
Where there are fewer, falls that went behind others were put together of them."""


@dataclass(frozen=True, slots=True)
class Learned:
    """A judge that has learned from films what falls look like, and how likely a path must be one to be told."""

    forest: Forest
    threshold: float

    def likelihood(self, path: Path, height: int, period_s: float, crowd: float, memory: Memory | None) -> float:
        """That `path`, in a picture of that `height`, is a fall: 0-1."""
        return self.forest.score(signs(path, height, period_s, crowd, memory))


@dataclass(frozen=True, slots=True)
class Scene:
    """What is known of the picture beforehand."""

    width: int
    height: int
    plane: Plane | None = None
    """Where floors are; with it gravity is measured in m/s2."""
    slow: bool = False
    """Whether things that sink are told too."""
    learned: Learned | None = None
    """Who judges; the limits where there is none."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The numbers of the tests; one setting for every camera."""

    least_marks: int = 6
    least_span_s: float = 0.2
    least_seen: tuple[float, float] = (0.5, 0.4)
    """Marks per picture of its span: of any path, and of one that is long and sharply bent."""
    least_fall_px: float = 12.0
    least_fall_height: float = 0.12
    """Of the picture's height."""
    least_fall_thickness: float = 1.5
    bend_height: tuple[float, float] = (0.14, 10.0)
    """Acceleration in picture heights a second squared: the second is g where the picture shows one metre."""
    bend_thickness: tuple[float, float] = (8.0, 1500.0)
    """Acceleration in diameters a second squared: g is 16 for 60 cm, 330 for 3 cm; the smallest look larger than they are."""
    bend_length: float = 8.0
    """Acceleration in lengths a second squared, the streak taken off: g is 8 for 1.2 m; cars that come nearer show 3 to 7."""
    bend_sigmas: float = 18.0
    ragged: float = 0.035
    """Distance from the fit over the way down."""
    gain: float = 1.4
    """Speed downwards at the end over that at the beginning."""
    steep: float = 0.6
    """Speed downwards over speed sideways at the end."""
    side_bend: float = 0.8
    """Acceleration sideways over that downwards."""
    rise: float = 0.4
    """Climb before the highest point over the fall after it."""
    gravity_m_s2: tuple[float, float] = (2.0, 30.0)
    """Where floors are known: drag takes from 9.8, a throw away from the wall adds to it."""
    chance_log10: float = -8.0
    least_confidence: float = 0.79
    """What passes each test barely is none: birds and cars do, now and then."""
    clear_fall_height: float = 0.2
    short_confidence: float = 2.5
    """So much more is asked of what falls through less than that of the picture's height, a height."""


LIMITS: Final = Limits()
CROWDED: Final = Limits(gain=1.9, least_fall_height=0.18, bend_sigmas=20.0, least_seen=(0.67, 0.67))
"""In rain and snow, where chance has more to draw from: flakes that take each other's place were never seen in more than 0.65 of
the pictures, throws never in less than 0.71."""


def judge(
    path: Path, scene: Scene, period_s: float, crowd: float = 0.0, memory: Memory | None = None, *, pieced: bool = False
) -> Veto | float:
    """The confidence that `path` is a fall, or why it is none; `crowd`: how many things stand out in a picture; `memory`: which;
    `pieced`: put together of what lies as in a fall; the limits, which ask for little else, have no say beside the forest then."""
    learned = scene.learned
    if learned is None:
        return _by_limits(path, scene, period_s, crowd, memory)
    veto = asked_of(path, scene, period_s)
    if veto is not None:
        return veto
    by_form = learned.likelihood(path, scene.height, period_s, crowd, memory)
    likelihood = by_form
    if scene.plane is not None and by_form >= _FAR_FROM:
        likelihood = updated(by_form, log_ratio(scene.plane, path))
    if likelihood >= learned.threshold:
        return min(_SUREST, round(likelihood, 3))
    is_open = min(by_form, likelihood) >= _OPEN and not pieced and is_at_rest(memory)
    if is_open and _is_clear(_by_limits(path, scene, period_s, crowd, memory)):
        return learned.threshold
    return Veto.UNLIKE if by_form >= _FAR_FROM else Veto.FAR


def _is_clear(verdict: Veto | float) -> bool:
    return not isinstance(verdict, Veto) and verdict >= _CLEAR


def is_at_rest(memory: Memory | None) -> bool:
    """So little of the view is in motion that limits made by hand have a say."""
    return memory is None or memory.unrest < _AT_REST


def is_crowded(crowd: float) -> bool:
    """So many spots a picture that they make chance paths."""
    return crowd > _CROWDED


def is_flooded(crowd: float) -> bool:
    """Nearly as many spots a picture as are looked at."""
    return crowd > _FLOODED


def is_past_help(verdict: Veto | float, crowd: float) -> bool:
    """In a crowd no more marks are looked for of a path that was turned away for this."""
    return is_crowded(crowd) and verdict in _PAST_HELP


def is_no_piece(verdict: Veto | float, crowd: float) -> bool:
    """In a flood of spots a path that was turned away for this is no part of a fall either."""
    return is_flooded(crowd) and verdict in _NO_PIECE


def asked_of(path: Path, scene: Scene, period_s: float) -> Veto | None:
    """What is asked of any path before anybody judges it: that it was seen, and goes downwards ever faster."""
    n = len(path.marks)
    if n < _ASKED_MARKS or path.span_s < _ASKED_SPAN_S:
        return Veto.SHORT
    if path.fall_px < max(_ASKED_FALL_PX, _ASKED_FALL_HEIGHT * scene.height, path.thickness):
        return Veto.SHORT
    if n < _ASKED_SEEN * (path.span_s / period_s + 1):
        return Veto.GAPS
    if path.bend < max(_ASKED_BEND_HEIGHT * scene.height, _ASKED_SIGMAS * path.bend_error):
        return Veto.EVEN
    first, last = path.velocity(path.start_s), path.velocity(path.end_s)
    if last[1] < _ASKED_GAIN * first[1]:
        return Veto.EVEN
    if last[1] < _ASKED_STEEP * abs(last[0]):
        return Veto.SIDEWAYS
    rise = _BALL_RISE if path.marks[0].y > _FROM_BELOW * scene.height else _ASKED_RISE
    return Veto.RISES if path.rise_px > rise * path.fall_px else None


def _by_limits(path: Path, scene: Scene, period_s: float, crowd: float, memory: Memory | None) -> Veto | float:
    limits = CROWDED if is_crowded(crowd) else LIMITS
    veto = _too_little(path, scene, period_s, limits) or _not_gravity(path, scene, period_s, limits)
    if veto is not None:
        return veto
    chance = chance_log10(path, period_s, 1.0 if memory is None else memory.alike(path))
    if chance > limits.chance_log10:
        return Veto.CHANCE
    confidence = sureness(path, period_s, chance)
    short = max(0.0, limits.clear_fall_height - path.fall_px / scene.height)
    return confidence if confidence >= limits.least_confidence + limits.short_confidence * short else Veto.WEAK


def _too_little(path: Path, scene: Scene, period_s: float, limits: Limits) -> Veto | None:
    """Not enough was seen to say anything."""
    n = len(path.marks)
    if n < limits.least_marks and not (n >= 5 and period_s > 0.07):
        return Veto.SHORT
    least_px = max(limits.least_fall_px, limits.least_fall_height * scene.height, limits.least_fall_thickness * path.thickness)
    if path.span_s < limits.least_span_s or path.fall_px < least_px:
        return Veto.SHORT
    sharp = path.fall_px >= 0.4 * scene.height and path.bend >= 20.0 * path.bend_error
    if n < limits.least_seen[sharp] * (path.span_s / period_s + 1):
        return Veto.GAPS
    return None


def _not_gravity(path: Path, scene: Scene, period_s: float, limits: Limits) -> Veto | None:
    """Something else than a free fall explains the way it went."""
    veto = next((veto for veto, holds in _vetoes(path, scene, period_s, limits) if holds), None)
    return veto if veto is not None or _is_heavy(path, scene, limits) else Veto.GRAVITY


def _is_heavy(path: Path, scene: Scene, limits: Limits) -> bool:
    """Where floors are known, that its acceleration is that of the earth."""
    least, most = limits.gravity_m_s2
    return scene.plane is None or least <= scene.plane.gravity_m_s2(path) <= most


def _vetoes(path: Path, scene: Scene, period_s: float, limits: Limits) -> Iterator[tuple[Veto, bool]]:
    """The tests of the way alone, and whether it fails them."""
    bend = path.bend
    yield Veto.EVEN, bend < limits.bend_height[0] * scene.height
    yield Veto.CURVED, bend > limits.bend_height[1] * scene.height
    yield Veto.SLOW, not limits.bend_thickness[0] <= bend / path.thickness <= limits.bend_thickness[1]
    yield Veto.LONG, bend < limits.bend_length * path.length_px(min(period_s, EXPOSURE_MOST_S))
    yield Veto.WEAK, bend < limits.bend_sigmas * path.bend_error
    yield Veto.RAGGED, path.rms_px > limits.ragged * path.fall_px
    first, last = path.velocity(path.start_s), path.velocity(path.end_s)
    yield Veto.EVEN, last[1] < limits.gain * first[1]
    yield Veto.SIDEWAYS, last[1] < limits.steep * abs(last[0])
    yield Veto.RISES, path.rise_px > limits.rise * path.fall_px
    yield Veto.CURVED, abs(2 * path.side[2]) > limits.side_bend * bend
