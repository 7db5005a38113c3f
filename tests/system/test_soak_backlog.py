"""A day offline: the backlog comes out fast and evenly, and new alarms do not wait for it (tests/bench/bench_drain.py).

The long form has 24 hours at 50 items a second.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from soak_rig import LONG, scaled, tell

pytestmark = [pytest.mark.slow, pytest.mark.timeout(6 * 3600 if LONG else 300), pytest.mark.usefixtures("needs_mosquitto")]

BENCH = Path(__file__).resolve().parent.parent / "bench" / "bench_drain.py"
ITEMS = scaled(10_000, 24 * 3600 * 50)


def test_a_day_offline_is_brought_out_while_new_alarms_go_first(tmp_path: Path) -> None:
    compared = ["--rounds", str(scaled(1, 4)), "--messages", str(scaled(100, 10_000))]
    command = [sys.executable, str(BENCH), "--items", str(ITEMS), *compared, "--directory", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    figures = json.loads(done.stdout.splitlines()[-1])
    tell("backlog", **figures)
    assert figures["undelivered"] == 0
    assert figures["alarms"] == figures["alarms_raised"]
    assert not LONG or figures["items_per_s"] >= 2000
