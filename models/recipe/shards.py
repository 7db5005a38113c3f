"""Strips rendered ahead into plain arrays on disk: `NNN.npz`-like pairs of pictures (uint8) and labels (int16)."""

import sys
import time
from pathlib import Path

import cv2
import numpy as np

from edgeguard.vision.plate_grammar import ALPHABET, LONGEST, Colour
from recipe.corpus import load, negatives
from recipe.glyphs import GlyphBank, font_bank
from recipe.reader_samples import STORE_H, STORE_W, StripMaker

COLOURS = tuple(Colour)
NO_PLATE = len(COLOURS)
"""The class of what is no Chinese plate."""


def encode(text: str) -> list[int]:
    """Class numbers of the characters (1-based; 0 is the blank), padded with 0."""
    numbers = [ALPHABET.index(char) + 1 for char in text]
    return numbers + [0] * (LONGEST - len(numbers))


def backdrops(limit: int, seed: int) -> list[np.ndarray]:
    """Real textures without plates, 48 x 160."""
    rng = np.random.default_rng(seed)
    paths = negatives()
    chosen = rng.permutation(len(paths))[:limit]
    return [cv2.resize(load(paths[i]), (160, 48)) for i in chosen]


def write_shard(folder: Path, number: int, count: int, bank: GlyphBank, scenes: list[np.ndarray], abroad: bool) -> None:
    """One shard, seeded by its number: the same number gives the same strips."""
    target = folder / f"{number:04d}.npy"
    if target.exists():
        return
    rng = np.random.default_rng((2019 if abroad else 2018, number))
    maker = StripMaker(bank, scenes)
    pictures = np.empty((count, STORE_H, STORE_W, 3), np.uint8)
    labels = np.empty((count, LONGEST + 1), np.int16)
    for i in range(count):
        if abroad:
            pictures[i], labels[i] = maker.make_abroad(rng), [*encode(""), NO_PLATE]
            continue
        strip = maker.make(rng)
        pictures[i] = strip.picture
        labels[i] = [*encode(strip.text), COLOURS.index(Colour(strip.kind.colour))]
    np.save(folder / f"{number:04d}.labels.npy", labels)
    draft = folder / f"{number:04d}.draft.npy"
    np.save(draft, pictures)
    draft.rename(target)


def main() -> None:
    """shards.py FOLDER FIRST LAST COUNT [abroad]: render shards FIRST..LAST-1, of plates from abroad where it says so."""
    cv2.setNumThreads(1)
    folder, first, last, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    folder.mkdir(parents=True, exist_ok=True)
    bank = font_bank()
    scenes = backdrops(2500, 7)
    for number in range(first, last):
        began = time.time()
        write_shard(folder, number, count, bank, scenes, sys.argv[5:] == ["abroad"])
        print(f"shard {number}: {count} strips in {time.time() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
