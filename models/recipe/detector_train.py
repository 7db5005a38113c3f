"""Trains the detector on scenes drawn on the fly. Resumes from its last checkpoint.

Phase 1 sees no Chinese photo: rendered plates in pictures from abroad alone, so that the street photos measure an unseen source.
Phase 2 adds the training side of the street photos, their own plates and rendered ones in their place, and the real crops.
"""

import argparse
import json
import math
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from recipe.corpus import CAMERAS, CROPS, PHOTOS, held_out, labelled, learned_sources, load
from recipe.detector_net import STRIDE, UNIT_PX, Detector, targets
from recipe.glyphs import font_bank
from recipe.scenes import Scene, SceneMaker, abroad_photos, chinese_photos

BATCH = 16
PEAK_RATE = 2e-3
EVALUATE_EVERY = 400


def collate(scenes: list[Scene]) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Pictures, heat maps, offsets, weights of the offsets, and 0/1 masks of the heat loss."""
    pictures = torch.from_numpy(np.stack([scene.picture for scene in scenes]))
    height, width = pictures.shape[1:3]
    heats, offsets, weights, masks = [], [], [], []
    for scene in scenes:
        plates = [(torch.from_numpy(quad).float(), is_exact) for quad, is_exact in scene.plates]
        heat, offset, weight = targets(plates, height, width)
        mask = torch.ones_like(heat)
        for box in scene.unsure:
            x1, y1 = np.maximum(box.min(axis=0) / STRIDE, 0).astype(int)
            x2, y2 = np.ceil(box.max(axis=0) / STRIDE).astype(int)
            mask[y1 : max(y2, 0), x1 : max(x2, 0)] = 0.0
        heats.append(heat)
        offsets.append(offset)
        weights.append(weight)
        masks.append(torch.where(heat > 0.99, torch.ones(()), mask))
    return pictures, torch.stack(heats), torch.stack(offsets), torch.stack(weights), torch.stack(masks)


def losses(out: Tensor, heat: Tensor, offsets: Tensor, weights: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Penalty-reduced focal loss of the centres; corner error as a share of the plate's width."""
    logits = out[:, 0]
    score = logits.sigmoid()
    peak = heat > 0.99
    missed = -functional.logsigmoid(logits) * (1 - score) ** 2
    false = -functional.logsigmoid(-logits) * score**2 * (1 - heat) ** 4
    found = (torch.where(peak, missed, false) * mask).sum() / peak.sum().clamp(min=1)
    error = (out[:, 1:] - offsets).abs() * weights[:, None]
    corners = error.sum() / (8 * (weights > 0).sum().clamp(min=1))
    return found, corners


class Training:
    """One run: network, averaged network, optimiser, checkpoints."""

    def __init__(self, folder: Path, phase_two_at: int, steps: int, without: str | None = None) -> None:
        self.folder, self.steps, self.phase_two_at = folder, steps, phase_two_at
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(440)
        self.net = Detector().to(memory_format=torch.channels_last)
        self.averaged = torch.optim.swa_utils.AveragedModel(
            self.net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.997), use_buffers=True
        )
        self.optimiser = torch.optim.AdamW(self.net.parameters(), PEAK_RATE, weight_decay=0.01)
        self.step = 0
        bank = font_bank()
        abroad = abroad_photos()
        known = {source for part in learned_sources(without) for source in part}
        crops = [load(row.path) for source in CROPS[:3] if source in known for row in labelled(source) if not held_out(row.plate)]
        self.first = SceneMaker(bank, abroad, [])
        self.second = SceneMaker(bank, abroad + (chinese_photos() if PHOTOS in known else []), crops)
        rng = np.random.default_rng(99)
        self.check = collate([self.first.make(rng) for _ in range(96)])
        self._resume()

    def _resume(self) -> None:
        last = self.folder / "last.pt"
        if last.exists():
            state = torch.load(last, weights_only=True)
            self.net.load_state_dict(state["net"])
            self.averaged.load_state_dict(state["averaged"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.step = state["step"]

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

    def rate(self, time_share: float) -> float:
        """Warm up over 200 steps, then fall as a cosine to a hundredth, by steps or by time, whichever has come further."""
        if self.step < 200:
            return PEAK_RATE * (self.step + 1) / 200
        share = max((self.step - 200) / max(1, self.steps - 200), time_share)
        return PEAK_RATE * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, share))))

    def advance(self, time_share: float) -> tuple[float, float]:
        """One step; both losses."""
        rng = np.random.default_rng((440, self.step))
        maker = self.first if self.step < self.phase_two_at else self.second
        pictures, *wanted = collate([maker.make(rng) for _ in range(BATCH)])
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate(time_share)
        found, corners = losses(self.net(pictures), *wanted)
        self.optimiser.zero_grad()
        (found + 4.0 * corners).backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 10.0)
        self.optimiser.step()
        self.averaged.update_parameters(self.net)
        self.step += 1
        return float(found.detach()), float(corners.detach())

    def report(self, began: float) -> None:
        """How well fixed rendered scenes are found, to the log and the run's history."""
        net = self.averaged.module
        net.eval()
        pictures, heat, offsets, weights, mask = self.check
        with torch.no_grad():
            out = torch.cat([net(part) for part in pictures.split(16)])
        net.train()
        score = out[:, 0].sigmoid()
        peaks = heat > 0.99
        far = (heat < 0.05) & (mask > 0)
        error = ((out[:, 1:] - offsets).abs() * UNIT_PX).mean(dim=1)[weights > 0]
        line = {
            "step": self.step,
            "minutes": round((time.time() - began) / 60, 1),
            "found at 0.3": round(float((score[peaks] > 0.3).float().mean()), 4),
            "false cells at 0.3": int((score[far] > 0.3).sum()),
            "corner error px": round(float(error.median()), 2),
        }
        print(json.dumps(line), flush=True)
        with (self.folder / "history.jsonl").open("a") as history:
            history.write(json.dumps(line) + "\n")

    def run(self, minutes: float) -> None:
        """Until all steps are done or the minutes are over."""
        began, found, corners = time.time(), 0.0, 0.0
        while self.step < self.steps and time.time() - began < minutes * 60:
            a, b = self.advance((time.time() - began) / (minutes * 60))
            found, corners = (0.98 * found + 0.02 * a, 0.98 * corners + 0.02 * b) if found else (a, b)
            if self.step % 50 == 0:
                print(f"step {self.step} centre {found:.3f} corner {corners:.4f} {time.time() - began:.0f} s", flush=True)
            if self.step % EVALUATE_EVERY == 0:
                self.report(began)
                self.save("last.pt")
            if self.step == self.phase_two_at:
                self.save("phase-one.pt")
        self.report(began)
        self.save("last.pt")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=4500)
    parser.add_argument("--phase-two-at", type=int, default=1800)
    parser.add_argument("--minutes", type=float, default=600)
    parser.add_argument("--without", choices=CAMERAS, help="learn nothing of this camera's pictures")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    Training(asked.folder, asked.phase_two_at, asked.steps, asked.without).run(asked.minutes)


if __name__ == "__main__":
    main()
