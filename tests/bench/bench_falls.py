"""What looking for falls costs on top of decoding, at 1080p25: CPU of both together over CPU of decoding alone, and memory.

Films of a facade at the bit rate of a common camera are made on the spot: quiet, with things that move, in rain; the quiet one also
tagged as bt709 and as HLG, which must cost no more. Decoding alone and with the search alternate, the lowest of each counts, in
one process. Prints one JSON object a film.
use: bench_falls.py [--seconds 6] [--runs 3] [--width 1920 --height 1080] [--codec libx264]
"""

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

from edgeguard.camera.fall_judge import fall_judge
from edgeguard.camera.falling import FallWatch
from edgeguard.camera.video import open_video

Grey = NDArray[np.uint8]
FPS = 25
BIT_RATE = 4_000_000
TAGS = {"plain": (2, 2, 2), "bt709": (1, 1, 1), "hlg": (9, 18, 9)}
"""Primaries, transfer, matrix."""


@dataclass(frozen=True, slots=True)
class Case:
    """One film: what moves in it, and how it is tagged."""

    name: str
    movers: int = 0
    drops: int = 0
    tag: str = "plain"


CASES = (Case("quiet"), Case("quiet", tag="bt709"), Case("quiet", tag="hlg"), Case("busy", movers=12), Case("rain", drops=250))


def pictures(case: Case, width: int, height: int, seconds: float) -> Iterator[Grey]:
    """A wall with windows and sensor noise, and what the case asks for."""
    rng = np.random.default_rng(5)
    wall = np.full((height, width), 140, np.int16)
    for top in range(20, height - 60, 90):
        for left in range(20, width - 60, 110):
            wall[top : top + 50, left : left + 64] = rng.integers(40, 110)
    noises = [np.rint(rng.normal(0, 1.6, wall.shape)).astype(np.int16) for _ in range(5)]
    noisy = [np.clip(wall + noise, 0, 255).astype(np.uint8) for noise in noises]
    places = rng.uniform((0, 0), (width, height), (max(case.movers, case.drops), 2))
    speeds = rng.uniform(0.8, 1.6, len(places)) * height
    for n in range(round(seconds * FPS)):
        picture = noisy[n % len(noisy)].copy()
        for i, (x, y) in enumerate(places[: case.movers]):
            centre = int(x + 90 * n / FPS) % width, int(y + 25 * np.sin(n / 5 + i)) % height
            cv2.circle(picture, centre, 4 + i % 5, (230,), -1)
        for i, (x, y) in enumerate(places[: case.drops]):
            top = int(y + speeds[i] * n / FPS) % height
            cv2.line(picture, (int(x), top), (int(x) + 1, top + 14), (190,), 1)
        yield picture


def film(case: Case, path: Path, width: int, height: int, seconds: float, codec: str) -> None:
    """Encode it as a camera does."""
    with av.open(str(path), "w") as container:
        options = {"preset": "veryfast", "tune": "zerolatency", "threads": "2", "x265-params": "log-level=none"}
        stream = container.add_stream(codec, rate=FPS, options=options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt, stream.gop_size, stream.bit_rate = width, height, "yuv420p", 2 * FPS, BIT_RATE
        context = stream.codec_context
        context.color_primaries, context.color_trc, context.colorspace = TAGS[case.tag]
        grey = np.full((height // 2, width), 128, np.uint8)
        for picture in pictures(case, width, height, seconds):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.vstack([picture, grey]), format="yuv420p")))
        container.mux(stream.encode(None))


def cpu_s(path: Path, looks: bool) -> float:
    """CPU seconds of one pass."""
    watch, began_s = FallWatch(fall_judge()), time.process_time()
    with open_video(path) as video:
        for picture in video:
            if looks:
                watch.see(picture)
    return time.process_time() - began_s


def main() -> None:
    """Measure and print."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--seconds", type=float, default=6.0)
    asked.add_argument("--runs", type=int, default=3)
    asked.add_argument("--width", type=int, default=1920)
    asked.add_argument("--height", type=int, default=1080)
    asked.add_argument("--codec", default="libx264")
    told = asked.parse_args()
    cv2.setNumThreads(1)
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "film.mp4"
            film(case, path, told.width, told.height, told.seconds, told.codec)
            mbit_s = path.stat().st_size * 8 / told.seconds / 1e6
            runs = [(cpu_s(path, looks=False), cpu_s(path, looks=True)) for _ in range(told.runs)]
        pictures_all = told.seconds * FPS
        alone, both = (1000 * min(run[i] for run in runs) / pictures_all for i in (0, 1))
        facts = {"bench": "falls", "film": case.name, "tag": case.tag, "codec": told.codec, "size": f"{told.width}x{told.height}"}
        costs = {"mbit_s": round(mbit_s, 1), "decode_ms": round(alone, 2), "all_ms": round(both, 2)}
        peak = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        print(
            json.dumps(
                {
                    **facts,
                    **costs,
                    "ratio": round(both / alone, 2),
                    "x_real_time": round(1000 / FPS / both, 1),
                    "peak_mb_with_making": peak,
                }
            ),
            flush=True,
        )


if __name__ == "__main__":
    main()
