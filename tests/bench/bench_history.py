"""What the local history costs a memory card and the CPU, and what a meter costs: prints JSON lines.

Bytes as the kernel counts them for this process (`write_bytes` of /proc/self/io); CPU of the whole process, our own clock. The
values are those of a plant (voltages that wander, counters that count, states that stand) or noise, the worst there is.
"""

import argparse
import asyncio
import json
import math
import random
import tempfile
import time
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from edgeguard.core.clock import Stamp
from edgeguard.core.health import Health
from edgeguard.core.ids import BootId, DeviceName, PointName
from edgeguard.core.metering import MICRO, Medium, MeterName, MeterSpec
from edgeguard.core.point import Kind, Labels, Outcome, Point
from edgeguard.core.site import HistorySpec
from edgeguard.core.snapshot import Snapshot
from edgeguard.rules.baseline import Baseline
from edgeguard.rules.consumption import Counted
from edgeguard.rules.meter import Calendar, MeterState, step_meter
from edgeguard.store import TrendStore
from edgeguard.testing.clock import FakeClock

LABELS: Final = Labels("x", "x")
HOUR0: Final = 497_222 * 3_600_000


def deaf(_: Health) -> None:
    """Hears nothing."""


def written() -> int:
    """Bytes that this process has sent to a disk."""
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return next(int(line.split(": ")[1]) for line in lines if line.startswith("write_bytes"))


def rounds(points: int, kind: str) -> list[tuple[Outcome, ...]]:
    """Ten minutes of rounds."""
    chance = random.Random(1)

    def value(i: int, second: int) -> Outcome:
        if kind == "noise":
            return round(chance.uniform(0, 1000), 1)
        wandering = round(230 + 3 * math.sin(second / 50 + i) + chance.uniform(-0.3, 0.3), 1)
        counting = round(1000 + second * 0.0031 * (i + 1), 2)
        return (wandering, counting, True, round(12 + chance.gauss(0, 0.05), 2), 50.0)[i % 5]

    return [tuple(value(i, second) for i in range(points)) for second in range(600)]


async def history(folder: Path, devices: int, points: int, seconds: int, kind: str) -> dict[str, object]:
    """A poll a second of every device, written every minute."""
    clock = FakeClock(wall_ms=HOUR0)
    store = TrendStore(folder, HistorySpec(), clock, deaf)
    known = tuple(Point(PointName(f"p{i}"), Kind.NUMBER, LABELS) for i in range(points))
    names, rows = [DeviceName(f"d{i}") for i in range(devices)], rounds(points, kind)
    bytes_before, cpu_before, taking = written(), time.process_time(), 0.0
    for second in range(seconds):
        began = time.process_time()
        for name in names:
            store.take(Snapshot(name, clock.now(), known, rows[second % 600], True))
        taking += time.process_time() - began
        clock.advance(1)
        await store._pack()
        if second % 60 == 59:
            await store.flush()
            await store._keep_small()
    await store.close()
    count = devices * points * seconds
    return {
        "bench": "history",
        "values": kind,
        "readings_per_s": devices * points,
        "readings": count,
        "written_bytes_each": round((written() - bytes_before) / count, 2),
        "file_bytes_each": round((folder / "trends.db").stat().st_size / count, 2),
        "cpu_us_each": round((time.process_time() - cpu_before) / count * 1e6, 3),
        "take_us_each": round(taking / count * 1e6, 3),
    }


def meter(every_s: int, readings: int = 20_000) -> dict[str, object]:
    """One counter through its meter."""
    spec = MeterSpec(MeterName("m"), DeviceName("d"), PointName("p"), Medium.ELECTRICITY, "kWh", MICRO, 10**10, LABELS, 10_000)
    calendar, state, batches = Calendar(ZoneInfo("Asia/Shanghai")), MeterState(), 0
    began = time.process_time()
    for i in range(readings):
        at = Stamp(HOUR0 + i * every_s * 1000, i * every_s * 1000, BootId("a"), True)
        state, output = step_meter(spec, calendar, 25.0, state, Baseline(), Counted(at, i * 1000))
        batches += bool(output)
    cpu_us = (time.process_time() - began) / readings * 1e6
    return {"bench": "meter", "every_s": every_s, "cpu_us_each": round(cpu_us, 1), "readings": readings, "batches": batches}


def main() -> None:
    """Print a line for each."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=1800)
    seconds = parser.parse_args().seconds
    for devices, points, kind in ((20, 50, "plant"), (20, 50, "noise"), (10, 10, "plant"), (200, 100, "plant")):
        with tempfile.TemporaryDirectory(dir=Path.home()) as folder:
            wanted = seconds if devices < 200 else seconds // 10
            print(json.dumps(asyncio.run(history(Path(folder), devices, points, wanted, kind))), flush=True)
    for every_s in (1, 60):
        print(json.dumps(meter(every_s)), flush=True)


if __name__ == "__main__":
    main()
