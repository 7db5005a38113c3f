"""What a picture costs the plate reader, stage by stage, and what an empty lane costs: CPU time of one thread, decoding left out.

1080p pages with one car's rear (tests/pictures) at a gate's distance, so that a plate is about 150 px wide. Stages are told apart
by clocks around the reader's own steps. `floor` is what the two networks alone take for such a picture (a look, a close look, a
strip); `ratio` is the whole by that. The lane is a still 1080p picture with a camera's noise, at 25 pictures/s. The lowest quarter
of the runs counts, since other work on the machine only ever adds. Prints JSON lines.
use: bench_plates.py [--rounds 60]
"""

import argparse
import functools
import json
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeguard.camera import plates
from edgeguard.camera.lane_gate import LaneGate
from edgeguard.camera.model import load_model
from edgeguard.camera.pictures import load_picture
from edgeguard.camera.plates import PlateReader

PICTURES = Path(__file__).resolve().parents[1] / "pictures"
Picture = NDArray[np.uint8]


def pages() -> list[Picture]:
    """One 1080p page for every rear."""
    found = []
    for at, path in enumerate(sorted(PICTURES.glob("*.jpg"))):
        page = np.full((1080, 1920, 3), 90, np.uint8)
        rear = load_picture(path)
        top, left = 380 + 60 * at % 240, 300 + 170 * at % 900
        page[top : top + rear.shape[0], left : left + rear.shape[1]] = rear
        found.append(page)
    return found


def cpu_ms(act: Callable[[], object], rounds: int) -> float:
    """CPU time of one `act` in ms: the median of the lowest quarter of `rounds`."""
    spent = []
    for _ in range(rounds):
        began = time.thread_time()
        act()
        spent.append(1000 * (time.thread_time() - began))
    return float(np.median(sorted(spent)[: max(1, rounds // 4)]))


def measured(spent: dict[str, float], name: str, act: Callable[..., object]) -> Callable[..., object]:
    """`act`, its CPU time added up under `name`."""

    @functools.wraps(act)
    def timed(*words: object) -> object:
        began = time.thread_time()
        try:
            return act(*words)
        finally:
            spent[name] += 1000 * (time.thread_time() - began)

    return timed


def stages(looked: list[Picture], rounds: int) -> dict[str, float]:
    """Mean CPU ms a picture of every stage; stages lie within each other as their indentation says."""
    spent: dict[str, float] = defaultdict(float)
    reader = PlateReader.shipped()
    kept = plates._resized
    for name, step in (
        ("find", "_detect"),
        ("mend corners", "_closer"),
        ("read", "_read"),
        ("  straighten and network", "_read_views"),
    ):
        setattr(reader, step, measured(spent, name, getattr(reader, step)))
    plates._resized = measured(spent, "  shrink", kept)  # type: ignore[assignment]
    try:
        for _ in range(rounds):
            for page in looked:
                reader.look(page)
    finally:
        plates._resized = kept
    return {name: round(value / rounds / len(looked), 2) for name, value in sorted(spent.items(), key=lambda one: -one[1])}


def floor_ms(rounds: int) -> float:
    """What the networks alone take for a picture with one plate."""
    detector, reader = load_model("plate_detector"), load_model("plate_reader")
    look, close, strip = (np.full((1, *size, 3), 90, np.uint8) for size in ((256, 448), (96, 192), (32, 128)))
    return cpu_ms(lambda: (detector.run(look), detector.run(close), reader.run(strip)), rounds)


def lane_ms(rounds: int) -> tuple[float, float]:
    """CPU ms a picture of an empty lane, and the share of pictures that woke the reader."""
    rng = np.random.default_rng(25)
    still = cv2.GaussianBlur(rng.integers(0, 255, (1080, 1920), np.uint8), (0, 0), 5)
    noisy = [np.clip(still + rng.normal(0, 2, still.shape), 0, 255).astype(np.uint8) for _ in range(8)]
    gate, woken, spent = LaneGate(), 0, []
    for at in range(25 + 4 * rounds):
        began = time.thread_time()
        moves = gate.moves(at / 25, noisy[at % 8])
        if at >= 25:
            spent.append(1000 * (time.thread_time() - began))
            woken += moves
    return float(np.median(sorted(spent)[:rounds])), woken / len(spent)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=60)
    rounds = parser.parse_args().rounds
    cv2.setNumThreads(1)
    looked, reader = pages(), PlateReader.shipped()
    right = sum(any(seen.reading for seen in reader.look(page)) for page in looked)
    whole = float(np.mean([cpu_ms(lambda page=page: reader.look(page), rounds) for page in looked]))  # type: ignore[misc]
    floor = floor_ms(rounds)
    print(
        json.dumps(
            {
                "picture": "1080p, one plate",
                "pictures": len(looked),
                "read": right,
                "cpu_ms": round(whole, 2),
                "floor_ms": round(floor, 2),
                "ratio": round(whole / floor, 2),
            }
        )
    )
    print(json.dumps({"stages_ms": stages(looked, max(1, rounds // 4))}))
    lane, woken = lane_ms(rounds)
    print(
        json.dumps(
            {
                "lane": "empty, 1080p25",
                "cpu_ms": round(lane, 3),
                "share_of_a_core": round(lane * 25 / 1000, 4),
                "woken": round(woken, 3),
            }
        )
    )


if __name__ == "__main__":
    main()
