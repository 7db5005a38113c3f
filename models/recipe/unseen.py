"""How well a reader does before a camera of which it has learned nothing: all labelled strips of that camera, read by the reader alone.

`--reader` is a checkpoint of a run `reader_train.py --without CAMERA`. Strips are cut as at run time and decoded with the plate
grammar; any text counts, sure or not. What counts is what the pictures show. The held-out ones are read once more by the reader that
ships, which has learned of that camera from other plates.
use: unseen.py --reader last.pt --without CAMERA [--out FILE]
"""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch

from edgeguard.camera.model import load_model
from edgeguard.vision.plate_decoding import read
from recipe.corpus import CAMERAS, held_out
from recipe.evaluate import share
from recipe.export import averaged
from recipe.reader_net import Reader
from recipe.real_strips import RealStrip, straight, strips_of

BATCH = 128


def texts(run: Callable[[np.ndarray], Sequence[np.ndarray]], strips: list[np.ndarray]) -> list[str | None]:
    """What each strip says."""
    found: list[str | None] = []
    for start in range(0, len(strips), BATCH):
        characters, colours = run(np.stack(strips[start : start + BATCH]))
        readings = [read(*one) for one in zip(characters, colours, strict=True)]
        found += [None if reading is None else reading.text for reading in readings]
    return found


def right(run: Callable[[np.ndarray], Sequence[np.ndarray]], strips: list[RealStrip]) -> dict[str, object]:
    """How many say what they show."""
    said = texts(run, [straight(strip) for strip in strips])
    return share(sum(text == strip.shown for strip, text in zip(strips, said, strict=True)), len(strips))


def main() -> None:
    """Print, and keep where asked."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--reader", type=Path, required=True)
    parser.add_argument("--without", choices=CAMERAS, required=True)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    net, step = averaged(Reader(), asked.reader)
    shipped = load_model("plate_reader", None)

    def run(strips: np.ndarray) -> Sequence[np.ndarray]:
        with torch.no_grad():
            return [out.numpy() for out in net(torch.from_numpy(strips))]

    results: dict[str, object] = {}
    for source in CAMERAS[asked.without]:
        strips = [strip for strip in strips_of(source) if strip.shown]
        held = [strip for strip in strips if held_out(strip.plate)]
        results[f"{source} (reader alone, {step} steps)"] = right(run, strips)
        results[f"{source} (held-out pictures, reader alone, {step} steps)"] = right(run, held)
        results[f"{source} (the same held-out pictures by the shipped reader alone, which knows that camera)"] = right(shipped.run, held)
    print(json.dumps(results, ensure_ascii=False, indent=1))
    if asked.out:
        asked.out.write_text(json.dumps(results, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
