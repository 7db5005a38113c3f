"""The recipe of the judge of falls: `python tests/falling/fall_learn.py [--films N] [--folder DIR] [--write]`, with scikit-learn.

From films with known throws and from real clips without any, each clip in eight turns, every path is taken that the detector would
have to judge. A forest learns which of them are throws. How well it does is measured on films and clips that the forest in question
has not learned from (grouped by what is behind them), through all that follows a verdict in the product. `--write` fits it to
everything and writes `models/fall_judge.json` with its entry in the manifest.

What stood out in each picture is kept beside the films, so that a second run takes minutes; `--part K --parts N` only collects that
of one in N, so that N processes share the work.
"""

import argparse
import hashlib
import inspect
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from fall_film import VISIBLE_LEVELS, Film, Plan, made
from fall_plans import empty_plans, idle_plans, plans
from fall_report import real_clips, set_up
from fall_scene import REAL_REPORT
from fall_score import Said, Tally, matches, report, score
from numpy.typing import NDArray

from edgeguard.camera.motion import MotionField
from edgeguard.camera.shipped import MANIFEST
from edgeguard.camera.video import open_video
from edgeguard.vision.facade import Plane, plane_of
from edgeguard.vision.fall_signs import NAMES, signs
from edgeguard.vision.falls import FallState, finish, step
from edgeguard.vision.forest import Forest, forest_of
from edgeguard.vision.gathering import Memory
from edgeguard.vision.spots import Spots
from edgeguard.vision.trajectory import Path as Way
from edgeguard.vision.verdict import Learned, Scene

MODELS: Final = Path(__file__).parents[2] / "models"
VERSION: Final = "1.2"
_SEEDS: Final = (7, 36)
_ROUNDS: Final = 150
_LEAVES: Final = 10
_LEAST_IN_LEAF: Final = 40
_RATE: Final = 0.08
_FOLDS: Final = 6
_NARROW: Final = 0.1
"""For each film of the wide set so many of the narrow one, in which things are drawn larger or smaller than they are."""
_IDLE: Final = 0.175
"""For each so many without a throw."""
_OTHERS: Final = (0.7, 0.9)
"""Thresholds to compare with the one that is asked for."""
_TURNED_AWAY: Final = 0.1
"""So likely that nothing calls it a fall, and not so far from one that the detector gives it up in a crowd."""
_TOGETHER: Final = 12
"""Pictures that are looked at at once."""
_UP: Final = ("marks", "seen", "bend_sigmas", "fall_sizes")
_DOWN: Final = ("chance", "ragged", "gap_pictures", "unrest", "side_bend", "rise")
"""Of these more, or less, never speaks against a fall: what is seen better is not less likely one."""

Turn = tuple[int, bool]
"""Quarter turns, and whether mirrored after them."""


Looked = tuple[float, NDArray[np.float64], NDArray[np.float64], float]


@dataclass(frozen=True, slots=True)
class Reel:
    """What stood out in a film, a picture: second, spots, how often something stands out where they are, the share in unrest."""

    width: int
    height: int
    pictures: tuple[Looked, ...]


@dataclass(frozen=True, slots=True)
class Shot:
    """A film or a turned clip, what stood out in it, and what is behind: those of one background are learned from together."""

    film: Film
    reel: Reel
    background: str
    turned: bool = False


@dataclass(frozen=True, slots=True)
class Recorder(Learned):
    """Turns every path away and keeps what it was asked."""

    paths: list[tuple[tuple[float, ...], Way]] = field(default_factory=list)

    def likelihood(self, path: Way, height: int, period_s: float, crowd: float, memory: Memory | None) -> float:
        self.paths.append((signs(path, height, period_s, crowd, memory), path))
        return _TURNED_AWAY


@dataclass(frozen=True, slots=True)
class Table:
    """Every path: its numbers, whether it is a throw, which shot it is of, what it weighs."""

    values: NDArray[np.float64]
    falls: NDArray[np.bool_]
    shots: NDArray[np.intp]
    weights: NDArray[np.float64]


def reel_of(path: Path, kept: Path, turn: Turn = (0, False)) -> Reel:
    """From `kept`, or looked at now."""
    if kept.exists():
        return _unrolled(kept)
    motion: MotionField | None = None
    waiting: list[tuple[float, NDArray[np.uint8]]] = []
    pictures: list[Looked] = []
    size = (0, 0)
    with open_video(path) as video:
        for picture in video:
            luma = np.rot90(picture.luma, turn[0])
            luma = np.ascontiguousarray(np.fliplr(luma) if turn[1] else luma)
            if motion is None:
                size = luma.shape[1], luma.shape[0]
                motion = MotionField(*size)
            waiting.append((picture.t_s, motion.reduced(luma)))
            if len(waiting) == _TOGETHER:
                pictures += _looked_at(motion, waiting)
    if motion is not None:
        pictures += _looked_at(motion, waiting)
    reel = Reel(*size, tuple(pictures))
    _rolled(reel, kept)
    return reel


def _rolled(reel: Reel, kept: Path) -> None:
    times, unrest = (np.array([picture[n] for picture in reel.pictures]) for n in (0, 3))
    ends = np.cumsum([len(picture[1]) for picture in reel.pictures])
    rows, busy = (np.concatenate([picture[n] for picture in reel.pictures]) for n in (1, 2))
    with kept.open("wb") as file:
        np.savez_compressed(file, size=(reel.width, reel.height), times=times, ends=ends, rows=rows, busy=busy, unrest=unrest)


def _unrolled(kept: Path) -> Reel:
    with np.load(kept) as held:
        cuts = held["ends"][:-1]
        times, unrest = held["times"].tolist(), held["unrest"].tolist()
        parts = zip(times, np.split(held["rows"], cuts), np.split(held["busy"], cuts), unrest, strict=True)
        width, height = held["size"].tolist()
        return Reel(width, height, tuple(parts))


def _looked_at(motion: MotionField, waiting: list[tuple[float, NDArray[np.uint8]]]) -> list[Looked]:
    found = [(t_s, one.spots.rows, one.busy, one.unrest) for (t_s, _), one in zip(waiting, motion.steps(waiting), strict=True)]
    waiting.clear()
    return found


def shots(films: int, empty_seconds: float, folder: Path, part: int = 0, parts: int = 1) -> Iterator[Shot]:
    """All that is learned from; of a `part` only its share."""
    sets = (
        _by_many_cameras(plans("tuning-wide", films), 6),
        _by_many_cameras(plans("tuning", int(_NARROW * films)), 7),
        _by_many_cameras(empty_plans("tuning-wide", empty_seconds), 7),
        _by_many_cameras(idle_plans("tuning-wide", int(_IDLE * films), empty_seconds / 2), 6),
    )
    wanted: list[tuple[Plan | Film, Turn]] = [(plan, (0, False)) for each in sets for plan in each]
    clips = [film for film in real_clips() if film.path.name not in REAL_REPORT]
    wanted += [(film, (quarter, mirrored)) for film in clips for quarter in range(4) for mirrored in (False, True)]
    for what, turn in wanted[part::parts]:
        if isinstance(what, Plan):
            film = made(what, folder / f"empty-{what.seconds:.0f}" if what.seconds else folder)
            yield Shot(film, reel_of(film.path, film.path.with_suffix(".reel")), _background(what))
        else:
            kept = folder / "clips" / f"{what.plan_name}-{turn[0]}{'m' if turn[1] else ''}.reel"
            kept.parent.mkdir(parents=True, exist_ok=True)
            yield Shot(what, reel_of(what.path, kept, turn), what.path.name, turn != (0, False))


def _by_many_cameras(wanted: Iterator[Plan], every: int) -> Iterator[Plan]:
    """One film in `every` with noise reduction, and one with pictures that refer to later ones. In sets whose scenes come by turns
    `every` and the turns have no common divisor, so that each scene has its share."""
    for n, plan in enumerate(wanted):
        match n % every:
            case 2:
                yield replace(plan, name=f"{plan.name}-denoised", denoises=True)
            case 5:
                yield replace(plan, name=f"{plan.name}-b-frames", b_frames=2)
            case _:
                yield plan


def _background(plan: Plan) -> str:
    """The clip behind a film; a drawn facade is its own."""
    known = inspect.getclosurevars(plan.scene).nonlocals
    if "path" in known:
        return str(known["path"].name)
    number = known["n"] if "n" in known else known["seed"]
    return str(known["paths"][number % len(known["paths"])].name) if "paths" in known else plan.name


def told(reel: Reel, learned: Learned | None, plane: Plane | None = None) -> list[Said]:
    """What the product tells of a reel when `learned` judges, with floors where `plane` says them."""
    state = FallState(Scene(reel.width, reel.height, plane=plane, learned=learned))
    found = []
    last_s = 0.0
    for t_s, rows, busy, unrest in reel.pictures:
        state, falls = step(state, t_s, Spots(rows), busy, unrest)
        found += [(fall, t_s) for fall in falls]
        last_s = t_s
    _, falls = finish(state)
    found += [(fall, last_s) for fall in falls]
    return [Said(tuple((m.t_s, m.x, m.y) for m in fall.path.marks), told_s, fall.confidence) for fall, told_s in found]


def table(seen: Sequence[Shot]) -> Table:
    """Of all paths; those of throws that nobody could see are left out. However many guesses there are at one throw, they weigh as
    much as ten."""
    values: list[tuple[float, ...]] = []
    falls: list[bool] = []
    places: list[int] = []
    weights: list[float] = []
    for place, shot in enumerate(seen):
        recorder = Recorder(Forest(NAMES, 0.0, ()), 1.0)
        told(shot.reel, recorder)
        hits: list[int] = []
        for numbers, path in recorder.paths:
            said = Said(tuple((m.t_s, m.x, m.y) for m in path.marks), path.end_s)
            hit = [i for i, truth in enumerate(shot.film.truths) if matches(said, truth)]
            if any(shot.film.truths[i].contrast < VISIBLE_LEVELS for i in hit):
                continue
            values.append(numbers)
            falls.append(bool(hit))
            places.append(place)
            hits.append(hit[0] if hit else -1)
        counts = {hit: hits.count(hit) for hit in hits}
        weights += [1.0 if hit < 0 else min(1.0, 10.0 / counts[hit]) for hit in hits]
    return Table(np.array(values), np.array(falls), np.array(places), np.array(weights))


def grown(data: Table, rows: NDArray[np.bool_]) -> Forest:
    """A forest from some rows of the table: as many trees of each seed, halved, so that their sums are a mean."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    never = [1 if name in _UP else -1 if name in _DOWN else 0 for name in NAMES]
    trees: list[list[list[float]]] = []
    base = 0.0
    for seed in _SEEDS:
        model = HistGradientBoostingClassifier(
            learning_rate=_RATE,
            max_iter=_ROUNDS,
            max_leaf_nodes=_LEAVES,
            min_samples_leaf=_LEAST_IN_LEAF,
            l2_regularization=1.0,
            max_features=0.5,
            monotonic_cst=never,
            early_stopping=False,
            random_state=seed,
        )
        model.fit(data.values[rows], data.falls[rows], sample_weight=data.weights[rows])
        start = float(model._baseline_prediction.ravel()[0])
        own = [_tree(predictors[0].nodes) for predictors in model._predictors]
        _check(model, start, own, data.values[rows][:400])
        base += start / len(_SEEDS)
        trees += own
    halved = [[[s, v / len(_SEEDS) if s < 0 else v, a, m] for s, v, a, m in tree] for tree in trees]
    return forest_of({"signs": list(NAMES), "base": base, "trees": halved})


def _tree(nodes: NDArray[Any]) -> list[list[float]]:
    """As `forest_of` takes it."""
    return [
        [-1, float(f"{node['value']:.6g}"), 0, 0]
        if node["is_leaf"]
        else [int(node["feature_idx"]), float(f"{node['num_threshold']:.9g}"), int(node["left"]), int(node["right"])]
        for node in nodes
    ]


def _check(model: Any, base: float, trees: list[list[list[float]]], values: NDArray[np.float64]) -> None:
    """The trees as they are written say what the library says of the same rows."""
    ours = forest_of({"signs": list(NAMES), "base": base, "trees": trees})
    off = [abs(ours.score(row) - theirs) for row, theirs in zip(values, model.predict_proba(values)[:, 1], strict=True)]
    assert max(off) < 1e-3, max(off)


def by_folds(seen: Sequence[Shot], data: Table) -> list[Forest]:
    """For each shot the forest that has not learned from its background."""
    names = sorted({shot.background for shot in seen})
    order = np.random.default_rng(_SEEDS[0]).permutation(len(names))
    fold = {name: int(order[n]) % _FOLDS for n, name in enumerate(names)}
    folds = np.array([fold[shot.background] for shot in seen])
    forests = [grown(data, folds[data.shots] != k) for k in range(_FOLDS)]
    return [forests[k] for k in folds]


def tallied(seen: Sequence[Shot], judges: Sequence[Learned | None], with_floors: bool = False) -> tuple[Tally, Tally, Tally]:
    """Films; clips turned; clips as they are, of which nobody knows the cameras."""
    films, turned, upright = Tally(), Tally(), Tally()
    for shot, judge in zip(seen, judges, strict=True):
        knows = with_floors and shot.film.camera.width > 1
        plane = plane_of(set_up(shot.film.camera), (shot.reel.width, shot.reel.height)) if knows else None
        said = told(shot.reel, judge, plane)
        if shot.film.camera.width > 1:
            score(films, shot.film, said)
        else:
            score(turned if shot.turned else upright, shot.film, said)
    return films, turned, upright


def _line(label: str, tallies: tuple[Tally, Tally, Tally]) -> str:
    films, turned, upright = tallies
    found = {group: films.found.get(group, [0, 0]) for group in ("day 4-20 px", "day 2-4 px", *_WEATHERS)}
    total = [sum(films.found[f"{weather} all"][n] for weather in _SEEN_IN) for n in (0, 1)]
    false = " + ".join(f"{sum(tally.false.values())} in {sum(tally.hours.values()):.2f} h" for tally in (films, upright, turned))
    told_false = f"false {false}, twice {films.duplicates}"
    shares = ", ".join(f"{group} {one}/{of}" for group, (one, of) in found.items())
    return f"{label:8s} {total[0]}/{total[1]}; {told_false}; {shares}"


_SEEN_IN: Final = ("day", "shake", "wind", "rain", "snow", "night")
_WEATHERS: Final = tuple(f"{weather} all" for weather in _SEEN_IN)


def main() -> None:
    """Collect, measure, write."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--films", type=int, default=690)
    asked.add_argument("--empty-seconds", type=float, default=60.0)
    asked.add_argument("--folder", type=Path, default=Path(".bench/falling"))
    asked.add_argument("--part", type=int)
    asked.add_argument("--parts", type=int, default=1)
    asked.add_argument("--threshold", type=float, default=0.8)
    asked.add_argument("--write", action="store_true")
    asked_for = asked.parse_args()
    cv2.setNumThreads(1)
    if asked_for.part is not None:
        for _ in shots(asked_for.films, asked_for.empty_seconds, asked_for.folder, asked_for.part, asked_for.parts):
            pass
        return
    seen = list(shots(asked_for.films, asked_for.empty_seconds, asked_for.folder))
    data = table(seen)
    print(f"{len(seen)} shots, {len(data.falls)} paths, {int(data.falls.sum())} of them of throws")
    print(_line("limits", tallied(seen, [None] * len(seen))))
    forests = by_folds(seen, data)
    for threshold in _OTHERS:
        print(_line(f"{threshold}", tallied(seen, [Learned(forest, threshold) for forest in forests])))
    judges = [Learned(forest, asked_for.threshold) for forest in forests]
    for name, with_floors in (("", False), (" with floor lines", True)):
        tallies = tallied(seen, judges, with_floors)
        print(_line(f"{asked_for.threshold}{name}", tallies))
        print(report(tallies[0], f"films at {asked_for.threshold}{name}"))
    if asked_for.write:
        _write(grown(data, np.ones(len(data.falls), np.bool_)), asked_for.threshold)


def _write(forest: Forest, threshold: float) -> None:
    trees = [[list(node) for node in tree] for tree in forest.trees]
    text = json.dumps({"signs": list(forest.signs), "base": forest.base, "trees": trees}, separators=(",", ":")) + "\n"
    path = MODELS / "fall_judge.json"
    path.write_text(text, encoding="ascii")
    manifest = json.loads((MODELS / MANIFEST).read_text(encoding="utf-8"))
    manifest["models"]["fall_judge"] = {
        "file": path.name,
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "bytes": len(text),
        "version": VERSION,
        "training_steps": _ROUNDS * len(_SEEDS),
        "threshold": threshold,
        "input": f"{len(NAMES)} numbers that say how a path went",
        "outputs": {"likelihood": "that it is a fall, 0-1"},
        "seed": _SEEDS[0],
    }
    (MODELS / MANIFEST).write_text(json.dumps(manifest, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
