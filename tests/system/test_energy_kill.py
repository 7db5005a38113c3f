"""A daemon's pipeline and store, killed with SIGKILL again and again: what the meters counted adds up to the last digit."""

import json
import random
import signal
import sqlite3
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest

pytestmark = pytest.mark.slow

KILLS: Final = 4
ROUND_MS: Final = 60_000
BASE_MS: Final = 1_790_000_000_000 // 900_000 * 900_000

CHILD = """
import asyncio, sys
from pathlib import Path
from edgeguard.config import load_site
from edgeguard.core.ids import BootId
from edgeguard.core.snapshot import Snapshot
from edgeguard.runtime.families import watches_of
from edgeguard.runtime.pipeline import Pipeline
from edgeguard.store import Store
from edgeguard.testing.clock import FakeClock

async def main(config, first):
    site = load_site(Path(config))
    clock = FakeClock(wall_ms={base} + first * {round}, boot_ms=10_000_000 + first * {round})
    store = await Store.open(site.store, clock, print)
    pipeline = Pipeline(store, clock)
    device = site.devices[0]
    pipeline.add(device, await store.load_alarms())
    pipeline.watch(watches_of(site), await store.load_states())
    writing = asyncio.create_task(store.run())
    points = device.profile.points
    for i in range(first, 10**9):
        print(i, flush=True)
        pipeline.take(Snapshot(device.name, clock.now(), points, (round(i * 0.137, 3),), True))
        clock.advance({round} / 1000)
        await asyncio.sleep(0.0005)

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""
SITE = """\
[gateway]
site = "lakeside"
id = "b07"
[store]
directory = "{folder}/state"
[[bus]]
name = "plant"
url = "tcp://10.0.0.7:502"
[[device]]
name = "meter"
bus = "plant"
address = 20
profile = "generic-water-meter-modbus"
every = "60s"
points = ["volume"]
"""


def test_kill_9_at_any_moment_counts_nothing_twice_and_loses_nothing(tmp_path: Path) -> None:
    config, script = tmp_path / "site.toml", tmp_path / "child.py"
    config.write_text(SITE.format(folder=tmp_path), encoding="utf-8")
    script.write_text(CHILD.format(base=BASE_MS, round=ROUND_MS), encoding="utf-8")
    chance, first = random.Random(5), 0
    for _ in range(KILLS):
        child = subprocess.Popen([sys.executable, str(script), str(config), str(first)], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        for _ in range(chance.randint(110, 300)):
            first = int(child.stdout.readline())
        time.sleep(chance.uniform(0.0, 0.02))
        child.send_signal(signal.SIGKILL)
        rest = child.stdout.read().split("\n")[:-1]
        child.wait()
        # what was shown may be in the store or not; the next life goes on behind it, as a counter does
        first = int(rest[-1]) + 1 if rest else first + 1
    assert first > 100 * KILLS
    with sqlite3.connect(tmp_path / "state" / "outbox.db") as connection:
        bodies = [json.loads(body) for (body,) in connection.execute("SELECT body FROM events ORDER BY seq")]
        states = dict(connection.execute("SELECT name, body FROM rule_states WHERE owner = 'energy'"))
    intervals = [body for body in bodies if body.get("type") == "energy" and "value" in body]
    assert [body["incident"] for body in bodies if "incident" in body] == ["begin"]
    ends = sorted((body["from"], body["to"]) for body in intervals)
    assert len(ends) > 20
    assert all(earlier[1] == later[0] for earlier, later in pairwise(ends))
    state = json.loads(states["meter/meter.volume"])
    counted = round(sum(body["value"] for body in intervals), 6)
    still_open = sum(cell if isinstance(cell, int) else cell[0] for _, cells in state["open"] for cell in cells) / 1e6
    begun = next(body["after"] for body in bodies if body.get("incident") == "begin")
    assert counted + still_open == pytest.approx(state["last"][0] / 1e6 - begun, abs=1e-6)
    assert counted + still_open == pytest.approx(state["total"] / 1e6, abs=1e-6)
