"""How well the exported models do, through the run-time path alone: per set the whole plate right at the first try, with a 95 % interval.

Only what training never saw counts, unless --all is asked for (which is honest for checkpoints of phase 1 and the sets they never saw).
"""

import argparse
import json
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import cv2
import numpy as np

from edgeguard.camera.plates import PlateReader
from edgeguard.vision.plate_geometry import homography
from edgeguard.vision.plate_grammar import ALPHABET
from recipe.corpus import ABROAD_HELD, ABROAD_TRAIN, CROPS, NEGATIVES, PHOTOS, SHARED, held_out, labelled, load, rows_of
from recipe.glyphs import font_bank
from recipe.reader_samples import FAINTEST
from recipe.render import draw_plate
from recipe.texts import KINDS, draw_text
from recipe.weathering import lens, light, sensor, wear

Image = np.ndarray

SHOWS_ONE = frozenset({"openlpr_00582.jpg", "rf_lp350_00136.jpg", "rf_lp350_00333.jpg"})
"""Photos from abroad that do show a Chinese plate, found by looking at what was read in them: 京YYM399, 沪B1E727, 川AE8V04."""


def interval(hits: int, count: int) -> tuple[float, float]:
    """Wilson's 95 % interval."""
    if not count:
        return 0.0, 1.0
    z, share = 1.96, hits / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return max(0.0, middle - half), min(1.0, middle + half)


def share(hits: int, count: int) -> dict[str, object]:
    """A share with its interval, in percent."""
    low, high = interval(hits, count)
    return {"n": count, "right": hits, "percent": round(100 * hits / max(1, count), 1), "from": round(100 * low, 1), "to": round(100 * high, 1)}


def judge(reader: PlateReader, pictures: Iterable[tuple[str, Callable[[], Image]]]) -> dict[str, object]:
    """First reading right; any reading right; what was read instead."""
    first = anyone = count = places = 0
    misses, times = [], []
    for plate, open_picture in pictures:
        picture = open_picture()
        began = time.process_time()
        reads = [(one.reading.text, round(one.reading.confidence, 2)) for one in reader.see(picture)]
        times.append(time.process_time() - began)
        count += 1
        first += bool(reads) and reads[0][0] == plate
        anyone += any(text == plate for text, _ in reads)
        if not reads or reads[0][0] != plate:
            misses.append((plate, reads[:2]))
            places += bool(reads) and reads[0][0][1:] == plate[1:]
    result = {**share(first, count), "any": share(anyone, count)["percent"], "only province wrong": places}
    result["unread"] = sum(not reads for _, reads in misses)
    result["ms"] = round(1000 * float(np.median(times)), 1) if times else 0.0
    result["misses"] = misses[:25]
    return result


def labelled_pictures(source: str, everything: bool) -> list[tuple[str, Callable[[], Image]]]:
    """Held-out pictures (or all) of one set with their plates."""
    rows = [row for row in labelled(source) if everything or held_out(row.plate)]
    return [(row.shown, lambda path=row.path: load(path)) for row in rows]


def colourless(picture: Image) -> Image:
    """The picture as a camera without colours would give it."""
    return cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)


def false_reads(reader: PlateReader, paths: list[Path]) -> dict[str, object]:
    """Pictures without a Chinese plate in which one is read all the same."""
    read, paths = [], [path for path in paths if path.name not in SHOWS_ONE]
    for path in paths:
        for one in reader.see(load(path)):
            read.append((path.name, one.reading.text, round(one.reading.confidence, 3)))
    files = {name for name, _, _ in read}
    return {**share(len(files), len(paths)), "reads": read[:20]}


def rendered(kind_name: str, count: int) -> list[tuple[str, Callable[[], Image]]]:
    """Pictures of rendered plates of one kind, seeded apart from training."""
    kind = next(kind for kind in KINDS if kind.name == kind_name)
    rng = np.random.default_rng((777, KINDS.index(kind)))
    bank = font_bank()
    scene_paths = [SHARED / "plates_abroad" / "openlpr_web" / row["file"] for row in rows_of(SHARED / "plates_abroad" / "openlpr_web", "corners_pseudo.csv")]
    quads = [np.array([[float(row[f"x{i}"]), float(row[f"y{i}"])] for i in (1, 2, 3, 4)]) for row in rows_of(SHARED / "plates_abroad" / "openlpr_web", "corners_pseudo.csv")]
    made = []
    while len(made) < count:
        text = draw_text(rng, kind)
        plate = draw_plate(rng, bank, kind, text, 0.6)
        wear(rng, plate.picture)
        index = int(rng.integers(len(quads)))
        picture = load(scene_paths[index])
        middle, width = quads[index].mean(0), max(110.0, float(np.ptp(quads[index][:, 0])))
        turn = float(np.clip(rng.normal(0, 0.06), -0.2, 0.2))
        high, wide = plate.picture.shape[:2]
        quad = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]]) * (width, width * high / wide)
        quad = quad @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]) + middle
        lit = light(rng, plate.picture)
        if lit.std() < 3 * FAINTEST:
            continue
        there = homography(np.array([[0, 0], [wide, 0], [wide, high], [0, high]], float) - 0.5, quad)
        flat = cv2.GaussianBlur(lit, (0, 0), max(0.3, 0.35 * wide / width))
        cv2.warpPerspective(flat.astype(np.uint8), there, picture.shape[1::-1], picture, cv2.INTER_LINEAR, cv2.BORDER_TRANSPARENT)
        final = sensor(rng, lens(rng, picture.astype(np.float32), 0.6))
        made.append((text, lambda final=final: final))
    return made


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, help="folder of the exported models (the shipped ones)")
    parser.add_argument("--all", nargs="*", default=[], help="sets that training never saw: use all of their pictures")
    parser.add_argument("--sets", nargs="*", help="only these")
    parser.add_argument("--rendered", type=int, default=0, help="so many rendered pictures of every kind")
    parser.add_argument("--negatives", type=int, default=0, help="at most so many pictures without a Chinese plate per set")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    reader = PlateReader.shipped(asked.models)
    results: dict[str, object] = {}
    for source in asked.sets if asked.sets is not None else (*CROPS, PHOTOS):
        results[source] = judge(reader, labelled_pictures(source, source in asked.all))
        print(source, json.dumps(results[source], ensure_ascii=False), flush=True)
        grey = [(plate, lambda given=given: colourless(given())) for plate, given in labelled_pictures(source, source in asked.all)]
        results[f"{source}, turned grey"] = judge(reader, grey)
        print(source, "grey", json.dumps(results[f"{source}, turned grey"], ensure_ascii=False), flush=True)
    if asked.negatives:
        for source in (*ABROAD_HELD, *ABROAD_TRAIN):
            folder = SHARED / "plates_abroad" / source
            files = sorted({row["file"] for row in rows_of(folder)})
            paths = [folder / name for name in files if source in ABROAD_HELD or held_out(name)]
            results[f"without a Chinese plate: {source}"] = false_reads(reader, paths[: asked.negatives])
            print(source, json.dumps(results[f"without a Chinese plate: {source}"], ensure_ascii=False), flush=True)
        folder = SHARED / "plates" / NEGATIVES
        paths = [folder / row["file"] for row in rows_of(folder) if held_out(row["file"])]
        results[f"without a Chinese plate: {NEGATIVES}"] = false_reads(reader, paths[: asked.negatives])
        print(NEGATIVES, json.dumps(results[f"without a Chinese plate: {NEGATIVES}"], ensure_ascii=False), flush=True)
    for kind in KINDS if asked.rendered else ():
        results[f"rendered: {kind.name}"] = judge(reader, rendered(kind.name, asked.rendered))
        print(kind.name, json.dumps(results[f"rendered: {kind.name}"], ensure_ascii=False), flush=True)
    held = Counter(plate[0] for source in CROPS for plate, _ in labelled_pictures(source, False))
    print("held-out crops by province", {char: held[char] for char in ALPHABET if held[char]})
    if asked.out:
        asked.out.write_text(json.dumps(results, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
