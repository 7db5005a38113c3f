"""The uplink over lines that are slow and far, lose packets, or go down for a while: nothing is lost, nothing reordered."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from soak_rig import LONG, scaled, tell

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600 if LONG else 300)]

LINES = {
    # loss in percent, round trip in ms, bits/s, seconds down, items, bytes of each
    "64-kbit": (0, 400, 64_000, 0, scaled(80, 1500), 200),
    "lossy": (30, 50, 1_000_000, 0, scaled(80, 1000), 100),
    "down": (0, 50, 1_000_000, scaled(4, 60), 300, 200),
}


def test_a_bad_line_costs_neither_items_nor_their_order() -> None:
    """All at once, since they wait: who is at the ends judges what came through, and that alarms came between."""
    script = str(Path(__file__).with_name("lossy_line.py"))
    started = {
        name: subprocess.Popen(
            [sys.executable, script, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for name, words in LINES.items()
    }
    for name, child in started.items():
        said, complaint = child.communicate(timeout=500 if LONG else 250)
        if "Operation not permitted" in complaint or "/dev/net/tun" in complaint or "'ip'" in complaint:
            pytest.skip("root, /dev/net/tun and ip are needed")
        assert child.returncode == 0, f"{name}: {complaint[-2000:]}"
        told = json.loads(said.splitlines()[-1])
        tell(f"line-{name}", **told)
        assert len(told["alarms_s"]) == 3
        if name == "64-kbit":
            assert (told["duplicates"], told["reconnects"]) == (0, 0), "slow is not dead"
            assert not LONG or max(told["alarms_s"]) < 20, "an alarm does not wait for the whole backlog, which takes 50 s"
