"""How well a reader does before a camera of which it has learned nothing: all labelled strips of that camera, read by the reader alone.

`--reader` is a checkpoint of a run `reader_train.py --without CAMERA`. Strips are cut as at run time and decoded with the plate
grammar; any text counts, sure or not. By the labels as given; held-out pictures once more by what they plainly show, and those also by
the reader that ships, which has learned of that camera from other plates.
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
from recipe.corpus import CAMERAS, PHOTOS, held_out, labelled
from recipe.evaluate import SHOWN, share
from recipe.export import averaged
from recipe.reader_net import Reader
from recipe.real_strips import straight, strips_of

BATCH = 128


def texts(run: Callable[[np.ndarray], Sequence[np.ndarray]], strips: list[np.ndarray]) -> list[str | None]:
    """What each strip says."""
    found: list[str | None] = []
    for start in range(0, len(strips), BATCH):
        characters, colours = run(np.stack(strips[start : start + BATCH]))
        readings = [read(*one) for one in zip(characters, colours, strict=True)]
        found += [None if reading is None else reading.text for reading in readings]
    return found


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
        rows = [row for row in labelled(source) if source != PHOTOS or row.corners is not None]
        strips = [straight(strip) for strip in strips_of(source)]
        said = texts(run, strips)
        right = [text == row.plate for row, text in zip(rows, said, strict=True)]
        results[f"{source} (reader alone, {step} steps)"] = share(sum(right), len(right))
        held = [(SHOWN.get((source, row.path.name), row.plate), text) for row, text in zip(rows, said, strict=True) if held_out(row.plate)]
        told = f"{source} (held-out pictures by what they show, reader alone, {step} steps)"
        results[told] = share(sum(plate == text for plate, text in held), len(held))
        theirs = texts(shipped.run, [strip for row, strip in zip(rows, strips, strict=True) if held_out(row.plate)])
        told = f"{source} (the same held-out pictures by the shipped reader alone, which knows that camera)"
        results[told] = share(sum(plate == text for (plate, _), text in zip(held, theirs, strict=True)), len(held))
    print(json.dumps(results, ensure_ascii=False, indent=1))
    if asked.out:
        asked.out.write_text(json.dumps(results, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
