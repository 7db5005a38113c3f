"""The reader's last lesson: whether what it read stands on a Chinese plate at all, and of which colour.

Nothing else is changed: what a column says stays what it was. (To teach the columns themselves to say nothing on plates from abroad was
tried in both phases and at their end: they then lose characters of Chinese plates, most without colours.) So that it tells plates from abroad
apart by the whole strip, they are a third of all strips here.
use: reader_judge.py --reader last.pt --shards FOLDER --abroad FOLDER --out judged.pt
"""

import argparse
import math
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.nn import functional

from recipe.corpus import CAMERAS, learned_sources
from recipe.export import averaged
from recipe.real_strips import NO_COLOUR, foreign_strips, split, strips_of
from recipe.reader_net import Reader
from recipe.reader_train import RealPool, Shards
from recipe.shards import NO_PLATE
from recipe.weathering import infrared

STEPS = 900
PEAK_RATE = 2e-3
RENDERED, REAL, FOREIGN, ABROAD = 30, 30, 14, 22
"""Strips of a batch: rendered plates, real ones, real strips without a Chinese plate, rendered plates from abroad."""
RARER = 10.0
"""So many times rarer than in this lesson is a plate from abroad taken to be where the reader is used. Chosen among 1, 5, 10 and 20 with
held-out pictures."""


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--reader", type=Path, required=True, help="checkpoint")
    parser.add_argument("--shards", type=Path, nargs="+", required=True)
    parser.add_argument("--abroad", type=Path, nargs="+", required=True, help="shards of plates from abroad")
    parser.add_argument("--out", type=Path, required=True, help="checkpoint")
    parser.add_argument("--without", choices=CAMERAS, help="learn nothing of this camera's pictures")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    net, read_steps = averaged(Reader(), asked.reader)
    net.requires_grad_(False)
    learning = [*net.colour.parameters(), *net.judge.parameters()]
    for parameter in learning:
        parameter.requires_grad_(True)
    first, added = learned_sources(asked.without)
    real = RealPool([strip for source in (*first, *added) for strip in split(strips_of(source))[0]])
    pools = ((Shards(asked.shards), RENDERED), (real, REAL), (RealPool(foreign_strips()), FOREIGN), (Shards(asked.abroad), ABROAD))
    optimiser = torch.optim.AdamW(learning, PEAK_RATE, weight_decay=0.01)
    for step in range(STEPS):
        rng = np.random.default_rng((37, step))
        parts = [pool.take(rng, count) for pool, count in pools]
        pictures = torch.from_numpy(np.stack([infrared(rng, picture) for part, _ in parts for picture in part]))
        colours = torch.from_numpy(np.array([row[-1] for _, rows in parts for row in rows], np.int64))
        for group in optimiser.param_groups:
            group["lr"] = PEAK_RATE * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * step / STEPS)))
        with torch.autocast("cpu", torch.bfloat16):
            _, told = net(pictures)
        loss = functional.nll_loss(told.float(), colours, ignore_index=NO_COLOUR)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step % 100 == 0:
            print(f"judging, step {step} loss {float(loss.detach()):.4f}", flush=True)
    with torch.no_grad():
        net.colour.bias[NO_PLATE] -= math.log(RARER)
    weights = {f"module.{name}": values for name, values in net.state_dict().items()}
    torch.save({"averaged": weights, "step": read_steps}, asked.out)


if __name__ == "__main__":
    main()
