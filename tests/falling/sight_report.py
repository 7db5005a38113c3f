"""How well a camera's view is watched: `python tests/falling/sight_report.py [--views N] [--quick]`.

Covers, boards, defocus, turns and zooms are put before views (cars, roads, streets, facades), and it is counted which are told
and whether they end; then what is no trouble (fog, rain, snow, lorries, crowds, an emptied street, nights, lamps that go out), and
it is counted what is told of it. A look every two seconds, where the product has one each. The clips and pictures are those of
`EDGEGUARD_SHARED`. `OPENBLAS_NUM_THREADS=1`, which a camera's process has too, makes it several times faster.
"""

import argparse
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

import cv2
import numpy as np
from fall_weather import Canvas, rain, snow
from sight_scene import (
    BOARDS,
    COVERS,
    VIEWS,
    boarded,
    clocked,
    covered,
    cut,
    fog,
    fog_bank,
    glare,
    lamps,
    lorry,
    parked,
    settled,
    sunlit,
    turned,
    view,
    wrapped,
)

from edgeguard.camera.sight import look_at
from edgeguard.core.blindness import Blindness
from edgeguard.vision.blindness import Eyesight, Look, judge, troubles

Happening = Callable[[Canvas], Canvas]
Steps = Sequence[tuple[Sequence[Look], float]]
"""What is looked at, again and again, and for how many seconds."""

_LOOK_S: Final = 2.0
_LEARN_S: Final = 180.0
_PICTURES: Final = 6
_DAY_NOISE: Final = 1.6
_NIGHT_NOISE: Final = 4.0
"""Standard deviation, grey levels."""
_PATIENCE_S: Final = 370.0
"""Longer than any trouble may take until it is told."""
_ENDS_S: Final = 60.0
_TOLD: Final = (Blindness.COVERED, Blindness.BLURRED, Blindness.MOVED)


@dataclass(slots=True)
class Watcher:
    """One camera's eyesight over time."""

    eyes: Eyesight = field(default_factory=Eyesight)
    t_s: float = 0.0
    told: list[Blindness] = field(default_factory=list)

    def after(self) -> "Watcher":
        """One that goes on from here with nothing told yet."""
        return Watcher(self.eyes, self.t_s)

    def see(self, looks: Sequence[Look], last_s: float, done: Callable[[set[Blindness]], bool] = lambda standing: False) -> bool:
        """Look on for so long; True as soon as `done` says so of the troubles that stand."""
        for n in range(round(last_s / _LOOK_S)):
            before = set(troubles(self.eyes))
            self.t_s += _LOOK_S
            self.eyes = judge(self.eyes, replace(looks[n % len(looks)], t_s=self.t_s))
            standing = set(troubles(self.eyes))
            self.told += standing - before
            if done(standing):
                return True
        return False


class Place:
    """A view of VIEWS: `whole` with the margin that a turn needs, by day and by night, `pictures` as the camera sees it."""

    def __init__(self, name: str, has_clock: bool = False) -> None:
        scene = view(name)
        self._has_clock, self._looks = has_clock, 0
        self.seed = sum(map(ord, name))
        self.is_drawn = name.startswith("facade-")
        whole = [scene.picture(25 * n).astype(np.float32) for n in range(_PICTURES)]
        lit = lamps(whole[0].shape, self.seed, 4)
        self._fewer = cut(lamps(whole[0].shape, self.seed, 2))
        self.whole: Mapping[str, list[Canvas]] = {"day": whole, "night": [np.asarray(p * lit, np.float32) for p in whole]}
        self.pictures = [cut(picture) for picture in whole]
        self._lit = cut(lit)
        self._rng = np.random.default_rng(self.seed)

    def night(self, picture: Canvas) -> Canvas:
        return np.asarray(picture * self._lit, np.float32)

    def two_lamps(self, picture: Canvas) -> Canvas:
        """The night when the other two have gone out."""
        return np.asarray(picture * self._fewer, np.float32)

    def dusk(self, picture: Canvas, share: float = 0.5) -> Canvas:
        """Between day (0) and night (1)."""
        return np.asarray(picture * (1 - share + share * self._lit), np.float32)

    def looks(self, happening: Happening = lambda picture: picture, noise: float = _DAY_NOISE) -> list[Look]:
        return [self.look(happening(picture), noise) for picture in self.pictures]

    def look(self, picture: Canvas, noise: float = _DAY_NOISE) -> Look:
        self._looks += 1
        picture = picture + noise * self._rng.standard_normal(picture.shape, np.float32)
        picture = clocked(picture, self._looks) if self._has_clock else picture
        return look_at(0.0, np.clip(picture, 0, 255).astype(np.uint8))


def chained(first: Happening, second: Happening) -> Happening:
    """One after the other."""
    return lambda picture: second(first(picture))


def wrongs(seed: int, brightness: float) -> Iterator[tuple[Blindness, str, Happening]]:
    """What is put before a lens or done to a camera: trouble, name, the whole view as it is then seen."""
    for share in (0.25, 0.4, 0.6):
        for outline, level in COVERS:
            cover = partial(covered, outline=outline, share=share, level=level * brightness, seed=seed + round(100 * share))
            yield Blindness.COVERED, f"covered by {share:.0%}", chained(cut, cover)
        for outline, level in BOARDS:
            board = partial(boarded, outline=outline, share=share, level=level * brightness, seed=seed + round(100 * share))
            yield Blindness.COVERED, f"boarded by {share:.0%}", chained(cut, board)
    for level in (40, 90, 140):
        yield Blindness.COVERED, "wrapped", chained(cut, partial(wrapped, level=level * brightness, seed=seed + level))
        board = partial(boarded, outline="strip", share=0.95, level=level * brightness, seed=seed + level)
        yield Blindness.COVERED, "boarded by 95%", chained(cut, board)
    for sigma_px in (1.0, 1.5, 2.0):
        yield Blindness.BLURRED, f"out of focus by {sigma_px} px", chained(partial(_defocused, sigma_px=sigma_px), cut)
    for turn_deg, zoom in ((5, 1.0), (-8, 1.0), (12, 1.0), (0, 0.8), (0, 0.9), (0, 1.1), (0, 1.2), (7, 1.1)):
        name = "turned and zoomed" if turn_deg and zoom != 1 else "turned" if turn_deg else "zoomed"
        yield Blindness.MOVED, name, chained(partial(turned, turn_deg=turn_deg, zoom=zoom), cut)


def _tells(wanted: Blindness, standing: set[Blindness]) -> bool:
    return wanted in standing


def _defocused(picture: Canvas, sigma_px: float) -> Canvas:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma_px), np.float32)


def learned(place: Place) -> Watcher:
    """A camera that knows its view by day, dusk and night, and it is day again."""
    watcher = Watcher()
    lights = [place.looks(), place.looks(place.dusk, 2.5), place.looks(place.night, _NIGHT_NOISE)]
    for light in (0, 1, 2, 1, 0):
        watcher.see(lights[light], _LEARN_S)
    return watcher.after()


@dataclass(slots=True)
class Hits:
    """Of one kind of trouble in one light."""

    tried: int = 0
    told: int = 0
    ended: int = 0
    others: int = 0
    after_s: list[float] = field(default_factory=list)


def score_wrongs(place: Place, known: Watcher, every: int, tally: dict[tuple[str, str], Hits]) -> None:
    """By day, and before a drawn facade also by night."""
    for light in ("day", "night") if place.is_drawn else ("day",):
        dark, noise = light == "night", _NIGHT_NOISE if light == "night" else _DAY_NOISE
        usual = place.looks(place.night, noise) if dark else place.looks()
        for wanted, name, happening in list(wrongs(place.seed, 0.45 if dark else 1.0))[::every]:
            watcher = known.after()
            if dark:
                watcher.see(place.looks(place.dusk, 2.5), 30)
                watcher.see(usual, 30)
            hits, since_s = tally[light, name], watcher.t_s
            hits.tried += 1
            looks = [place.look(happening(picture), noise) for picture in place.whole[light]]
            if watcher.see(looks, _PATIENCE_S, partial(_tells, wanted)):
                hits.told += 1
                hits.after_s.append(watcher.t_s - since_s)
                hits.ended += watcher.see(usual, _ENDS_S, lambda standing: not standing)
            hits.others += sum(trouble is not wanted for trouble in watcher.told)


def innocent(place: Place) -> Iterator[tuple[str, Steps]]:
    """What comes before a camera and is no trouble."""
    usual, seed = place.looks(), place.seed
    yield "nothing", [(usual, 300)]
    thicker = [(place.looks(partial(fog, far=1 - 0.95 * a, near=1 - 0.5 * a)), 20.0) for a in np.linspace(0.1, 1, 10)]
    yield "fog", [*thicker, (thicker[-1][0], 200)]
    yield "bank of fog", [(place.looks(fog_bank), 300)]
    height, width = place.pictures[0].shape
    rng, dense = np.random.default_rng(seed), (width * height / (640 * 360)) ** 0.5
    for name, layer in (
        ("rain", rain(rng, width, height, int(220 * dense), 0.01)),
        ("snow", snow(rng, width, height, int(150 * dense))),
    ):
        weather = [picture.copy() for picture in place.pictures]
        for n, picture in enumerate(weather):
            layer(picture, float(n))
        yield name, [([place.look(picture) for picture in weather], 300)]
    for share in (0.25, 0.4, 0.6):
        yield "lorry for two minutes", [(place.looks(partial(lorry, share=share, seed=seed)), 118)]
        yield "lorry that stays", [(place.looks(partial(lorry, share=share, seed=seed + 1)), 400)]
    crowd = [parked(picture, 0.3, seed + n) for n, picture in enumerate(place.pictures)]
    yield "crowd", [([place.look(picture) for picture in crowd], 300)]
    yield "filled street", [(place.looks(partial(parked, share=0.4, seed=seed)), 300)]
    yield "sun and shadow", [(place.looks(partial(sunlit, seed=seed + n)), 200) for n in range(2)]
    falls = [(place.looks(partial(place.dusk, share=a), 1.6 + 2.4 * a), 20.0) for a in np.linspace(0.1, 0.9, 12)]
    shines = chained(place.night, partial(glare, seed=seed))
    night, shone = place.looks(place.night, _NIGHT_NOISE), place.looks(shines, _NIGHT_NOISE)
    settling = [(place.looks(partial(settled, depth=a, seed=seed)), 75.0) for a in np.linspace(0.05, 1, 24)]
    yield "snow that settles", [*settling, (settling[-1][0], 340)]
    out = place.looks(place.two_lamps, _NIGHT_NOISE)
    yield "lamps that go out", [*falls, (night, 300), (out, 340), (night, 60), *falls[::-1]]
    yield "day, night, day", [*falls, (night, 300), (shone, 120), (night, 60), *falls[::-1], (usual, 100), *falls, (night, 200)]


def score_innocent(
    place: Place, known: Watcher, every: int, seconds: dict[str, float], told: dict[str, Counter[Blindness]]
) -> None:
    """Each is followed by the view as it was; an emptied street is one that was full when the view was learned."""
    usual = place.looks()
    full = Watcher()
    full.see(place.looks(partial(parked, share=0.35, seed=place.seed)), 2 * _LEARN_S)
    cases = [("emptied street", [(usual, 300)], full), *((name, steps, known) for name, steps in innocent(place))]
    for name, steps, before in cases[::every]:
        watcher = before.after()
        for looks, last_s in (*steps, (usual, 30.0)):
            watcher.see(looks, last_s)
        seconds[name] += watcher.t_s - before.t_s
        told[name].update(watcher.told)


def main() -> None:
    """Print both tables."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--views", type=int, default=5, help=f"the first so many of {len(VIEWS)}")
    asked.add_argument("--quick", action="store_true", help="every third thing that may happen")
    asked.add_argument("--clock", action="store_true", help="with a clock and a name written over all that the camera sees")
    told = asked.parse_args()
    cv2.setNumThreads(1)
    names, every = VIEWS[: told.views], 3 if told.quick else 1
    hits: dict[tuple[str, str], Hits] = defaultdict(Hits)
    seconds: dict[str, float] = defaultdict(float)
    false: dict[str, Counter[Blindness]] = defaultdict(Counter)
    for name in names:
        place = Place(name, told.clock)
        known = learned(place)
        score_wrongs(place, known, every, hits)
        score_innocent(place, known, every, seconds, false)
    print(f"{len(names)} views: {', '.join(names)}\n\n{'light':6} {'what':24} {'told':>9} {'ended':>6} {'others':>6} {'after':>6}")
    for (light, what), of in sorted(hits.items()):
        after = f"{float(np.median(of.after_s)):4.0f} s" if of.after_s else ""
        print(f"{light:6} {what:24} {of.told:3} of {of.tried:2} {of.ended:6} {of.others:6} {after:>6}")
    print(f"\n{'no trouble':24} {'hours':>6} " + " ".join(f"{sign:>8}" for sign in _TOLD))
    false["all"] = sum(false.values(), Counter())
    seconds["all"] = sum(seconds.values())
    for what, signs in false.items():
        print(f"{what:24} {seconds[what] / 3600:6.2f} " + " ".join(f"{signs[sign]:8}" for sign in _TOLD))
    print("an hour".ljust(31), " ".join(f"{false['all'][sign] * 3600 / seconds['all']:8.2f}" for sign in _TOLD))
    print(f"\n{time.process_time():.0f} s of one core")


if __name__ == "__main__":
    main()
