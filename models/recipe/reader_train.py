"""Trains the reader: rendered strips from shards, real ones shaken on the fly. Resumes from its last checkpoint.

Phase 1 learns from rendered strips and the CCPD crops alone, so that the gate camera (lyl_train) and the street photos measure an
unseen source. Phase 2 adds their training sides, and rendered plates from abroad. What is held out by plate is never learned in either. A run --without a camera
learns nothing of its sources at all, neither phase: they say how well the whole recipe does before a camera it has never seen.
"""

import argparse
import json
import math
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.nn import functional

from edgeguard.vision.plate_grammar import ALPHABET
from recipe.corpus import CAMERAS, CROPS, PHOTOS, learned_sources
from recipe.reader_net import INPUT_H, INPUT_W, Reader
from recipe.real_strips import NO_COLOUR, RealStrip, foreign_strips, shaken, split, straight, strips_of
from recipe.weathering import infrared

BATCH = 96
PEAK_RATE = 2.5e-3
EVALUATE_EVERY = 250
ABROAD = 6
"""Rendered plates from abroad in a batch of phase 2. They teach the colour's `no plate` alone: their letters are drawn from the fonts of
the Chinese ones, and a column sees too little of the strip to know that it must not read what it reads elsewhere."""


class Shards:
    """The rendered strips on disk; looks for new shards now and then, since rendering may go on beside training."""

    def __init__(self, folders: list[Path]) -> None:
        self.folders = folders
        self.pictures: list[np.ndarray] = []
        self.labels: list[np.ndarray] = []
        self.known: set[Path] = set()
        self.look()

    def look(self) -> None:
        """Take up shards that have appeared."""
        for folder in self.folders:
            for path in sorted(folder.glob("[0-9][0-9][0-9][0-9].npy")):
                if path not in self.known:
                    self.known.add(path)
                    self.pictures.append(np.load(path, mmap_mode="r"))
                    self.labels.append(np.load(path.with_suffix(".labels.npy")))

    def take(self, rng: np.random.Generator, count: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """`count` strips, each shifted and zoomed a little."""
        pictures, labels = [], []
        for _ in range(count):
            shard = int(rng.integers(len(self.pictures)))
            index = int(rng.integers(len(self.labels[shard])))
            stored = self.pictures[shard][index]
            zoom = np.array([INPUT_W / stored.shape[1], INPUT_H / stored.shape[0]]) * rng.uniform(0.97, 1.04, 2)
            shift = (np.array([INPUT_W, INPUT_H]) - zoom * (stored.shape[1], stored.shape[0])) / 2 + rng.normal(0, (1.2, 0.7))
            matrix = np.array([[zoom[0], 0, shift[0]], [0, zoom[1], shift[1]]])
            seen = cv2.warpAffine(stored, matrix, (INPUT_W, INPUT_H), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            gains = rng.uniform(0.8, 1.2, 3)
            pictures.append(np.clip(seen * gains, 0, 255).astype(np.uint8))
            labels.append(self.labels[shard][index])
        return pictures, labels


class RealPool:
    """Real strips, the rare provinces drawn more often."""

    def __init__(self, strips: list[RealStrip]) -> None:
        self.strips = strips
        counts: dict[str, int] = {}
        for strip in strips:
            counts[strip.shown[:1]] = counts.get(strip.shown[:1], 0) + 1
        weights = np.array([1 / math.sqrt(counts[strip.shown[:1]]) for strip in strips])
        self.weights = np.cumsum(weights / weights.sum())

    def take(self, rng: np.random.Generator, count: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """`count` shaken strips."""
        chosen = np.minimum(np.searchsorted(self.weights, rng.random(count)), len(self.strips) - 1)
        return [shaken(rng, self.strips[i]) for i in chosen], [self.strips[i].labels for i in chosen]


def greedy(logits: torch.Tensor) -> list[str]:
    """Best class per column, repeats and blanks taken out."""
    texts = []
    for row in logits.argmax(dim=2).tolist():
        text, last = "", 0
        for number in row:
            if number not in (0, last):
                text += ALPHABET[number - 1]
            last = number
        texts.append(text)
    return texts


def measure(net: Reader, strips: list[RealStrip]) -> tuple[float, list[tuple[str, str]]]:
    """Share of whole plates read, and the misses."""
    net.eval()
    misses = []
    with torch.no_grad():
        for start in range(0, len(strips), 128):
            part = strips[start : start + 128]
            logits, _ = net(torch.from_numpy(np.stack([straight(strip) for strip in part])))
            misses += [(s.shown, read) for s, read in zip(part, greedy(logits), strict=True) if s.shown != read]
    net.train()
    return 1 - len(misses) / max(1, len(strips)), misses


def rate_at(step: int, steps: int, time_share: float) -> float:
    """Warm up over 300 steps, then fall as a cosine to a hundredth, by steps or by time, whichever has come further."""
    if step < 300:
        return PEAK_RATE * (step + 1) / 300
    share = max((step - 300) / max(1, steps - 300), time_share)
    return PEAK_RATE * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, share))))


class Training:
    """One run: network, averaged network, optimiser, checkpoints."""

    def __init__(
        self, folder: Path, shards: list[Path], abroad: list[Path], phase_two_at: int, steps: int, without: str | None = None
    ) -> None:
        self.folder, self.steps, self.phase_two_at = folder, steps, phase_two_at
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(36)
        self.net = Reader().to(memory_format=torch.channels_last)
        self.net.judge.requires_grad_(False)
        self.averaged = torch.optim.swa_utils.AveragedModel(
            self.net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.998), use_buffers=True
        )
        self.optimiser = torch.optim.AdamW(self.net.parameters(), PEAK_RATE, weight_decay=0.01)
        self.step = 0
        self.shards, self.abroad = Shards(shards), Shards(abroad)
        sides = {source: split(strips_of(source)) for source in (*CROPS, PHOTOS)}
        first, added = learned_sources(without)
        self.phase_one = RealPool([s for source in first for s in sides[source][0]])
        self.phase_two = RealPool([s for source in (*first, *added) for s in sides[source][0]])
        self.foreign = RealPool(foreign_strips())
        self.held = {source: held for source, (_, held) in sides.items()}
        self.unseen = {source: train + held for source, (train, held) in sides.items() if source in added}
        self.never = {source: train + held for source, (train, held) in sides.items() if without and source in CAMERAS[without]}
        self._resume()

    def _resume(self) -> None:
        last = self.folder / "last.pt"
        if last.exists():
            state = torch.load(last, weights_only=True)
            self.net.load_state_dict(state["net"])
            self.averaged.load_state_dict(state["averaged"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.step = state["step"]
            if self.step == self.phase_two_at:
                self.net.load_state_dict(self.averaged.module.state_dict())

    def save(self, name: str) -> None:
        """Write a checkpoint whole or not at all."""
        state = {
            "net": self.net.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
        }
        torch.save(state, self.folder / "draft.pt")
        (self.folder / "draft.pt").rename(self.folder / name)

    def batch(self, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Rendered, real and foreign strips in one batch; in phase 2 its last ABROAD are rendered plates from abroad."""
        real = 16 if self.step < self.phase_two_at else 36
        real = 4 if self.step < 600 else real
        foreign = 4
        pool = self.phase_one if self.step < self.phase_two_at else self.phase_two
        abroad = 0 if self.step < self.phase_two_at else ABROAD
        parts = [self.shards.take(rng, BATCH - real - foreign - abroad), pool.take(rng, real), self.foreign.take(rng, foreign)]
        if abroad:
            parts.append(self.abroad.take(rng, abroad))
        pictures = np.stack([infrared(rng, p) for part, _ in parts for p in part])
        labels = np.stack([row for _, part in parts for row in part]).astype(np.int64)
        return torch.from_numpy(pictures), torch.from_numpy(labels)

    def advance(self, time_share: float) -> float:
        """One step; the loss."""
        rng = np.random.default_rng((36, self.step))
        pictures, labels = self.batch(rng)
        for group in self.optimiser.param_groups:
            group["lr"] = rate_at(self.step, self.steps, time_share)
        with torch.autocast("cpu", torch.bfloat16):
            characters, colours = self.net(pictures)
        characters, colours = characters.float(), colours.float()
        lettered = BATCH if self.step < self.phase_two_at else BATCH - ABROAD
        texts = labels[:lettered, :-1]
        columns = torch.full((lettered,), characters.shape[1])
        loss = functional.ctc_loss(characters[:lettered].transpose(0, 1), texts, columns, (texts > 0).sum(dim=1), zero_infinity=True)
        loss = loss + 0.15 * functional.nll_loss(colours, labels[:, -1], ignore_index=NO_COLOUR)
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
        self.optimiser.step()
        self.averaged.update_parameters(self.net)
        self.step += 1
        return float(loss.detach())

    def settle(self) -> None:
        """Phase 2 leaves the first layers as they are: they have learned what strokes are, and cost most of the time."""
        for parameter in self.net.near.parameters():
            parameter.requires_grad_(False)
        self.net.near.eval()

    def report(self, began: float, loss: float) -> None:
        """Accuracy so far, to the log and the run's history."""
        net = self.averaged.module
        sets = self.never | (self.unseen if self.step <= self.phase_two_at else {})
        line: dict[str, object] = {"step": self.step, "loss": round(loss, 4), "minutes": round((time.time() - began) / 60, 1)}
        for name, strips in (*self.held.items(), *((f"unseen {n}", s) for n, s in sets.items())):
            share, misses = measure(net, strips)
            line[name] = round(share, 4)
            line[f"{name} misses"] = misses[:6]
        print(json.dumps(line, ensure_ascii=False), flush=True)
        with (self.folder / "history.jsonl").open("a") as history:
            history.write(json.dumps(line, ensure_ascii=False) + "\n")

    def run(self, minutes: float) -> None:
        """Until all steps are done or the minutes are over."""
        began, recent = time.time(), 0.0
        while self.step < self.steps and time.time() - began < minutes * 60:
            if self.step >= self.phase_two_at:
                self.settle()
            loss = self.advance((time.time() - began) / (minutes * 60))
            recent = 0.98 * recent + 0.02 * loss if recent else loss
            if self.step % 100 == 0:
                print(f"step {self.step} loss {recent:.4f} {self.step * BATCH / 1000:.0f}k {time.time() - began:.0f} s", flush=True)
                self.shards.look()
                self.save("last.pt")
            if self.step % EVALUATE_EVERY == 0 or self.step == self.phase_two_at:
                self.report(began, recent)
                self.save("last.pt")
                if self.step == self.phase_two_at:
                    self.save("phase-one.pt")
                    self.net.load_state_dict(self.averaged.module.state_dict())
        self.report(began, recent)
        self.save("last.pt")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--shards", type=Path, nargs="+", required=True)
    parser.add_argument("--abroad", type=Path, nargs="+", required=True, help="shards of plates from abroad, for phase 2")
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--phase-two-at", type=int, default=2000)
    parser.add_argument("--minutes", type=float, default=600)
    parser.add_argument("--without", choices=CAMERAS, help="learn nothing of this camera's pictures")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    Training(asked.folder, asked.shards, asked.abroad, asked.phase_two_at, asked.steps, asked.without).run(asked.minutes)


if __name__ == "__main__":
    main()
