"""A throw in a picture of 3840 x 2160, and what it takes of memory: a process of its own looks at the film."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgeguard.testing import film

pytestmark = pytest.mark.slow

WIDTH, HEIGHT, FPS = 3840, 2160, 12
RADIUS_PX = 9
LEFT, ASIDE_PX_S, TOP, FALL_PX_S2 = 1500.0, 160.0, 250.0, 560.0
MEMORY_MIB = 420
"""300 were found: pictures of the decoder are four times as large as those of 1920 x 1080, for which 250 are enough."""
LOOK = """import re, sys
from pathlib import Path
from edgeguard.cli.main import main
sys.argv = sys.argv[1:]
try:
    main()
finally:
    # Not getrusage: its peak begins with that of the process that started this one.
    print(int(re.search("VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024, file=sys.stderr)
"""


def pictures() -> Iterator[film.Grey]:
    """A wall of windows with grain, from which something of 18 px falls at 2 s."""
    rng = np.random.default_rng(4)
    wall = cv2.resize(film.wall(), (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST).astype(np.int16)
    noisy = [np.clip(wall + rng.normal(0, 1.5, (HEIGHT, WIDTH)).astype(np.int16), 0, 255).astype(np.uint8) for _ in range(3)]
    for n in range(round(3.8 * FPS)):
        picture, t = noisy[n % 3].copy(), n / FPS - 2.0
        if t >= 0:
            x, y = LEFT + ASIDE_PX_S * t, TOP + FALL_PX_S2 * t * t
            cv2.circle(picture, (round(x * 16), round(y * 16)), RADIUS_PX * 16, (235,), -1, cv2.LINE_AA, 4)
        yield picture


def test_a_throw_is_found_in_a_picture_of_eight_million_pixels(tmp_path: Path) -> None:
    path = film.write(tmp_path / "large.mp4", pictures(), fps=FPS, crf=26, gop=FPS)
    command = [sys.executable, "-c", LOOK, "edgeguard", "falling", str(path), "--json"]
    done = subprocess.run(command, capture_output=True, check=True)

    (fall,) = json.loads(done.stdout)["falls"]
    assert fall["origin"] == pytest.approx([LEFT, TOP], abs=60)
    near = [np.hypot(x - LEFT - ASIDE_PX_S * (t - 2), y - TOP - FALL_PX_S2 * (t - 2) ** 2) < 12 for t, x, y in fall["track"]]
    assert sum(near) > 0.9 * len(near)
    assert fall["size_px"] == pytest.approx(2 * RADIUS_PX, abs=4)
    assert int(done.stderr.split()[-1]) < MEMORY_MIB
