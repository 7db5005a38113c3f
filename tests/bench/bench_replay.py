"""How fast a recorded day of a house goes through all of its rules, beside merely reading it: CPU time of one process.

The devices of the shipped example site, each at its own pace, in a house that lives (house_life.py): lifts travel, pumps start and
stop, counters grow, every measurement is another number at each round, and nothing is wrong. So many hours of it are written as
the daemon writes its history, and read back. The floor is what any replay has to do: read the rounds, and make snapshots of them.
Runs alternate, the lowest of each counts; prints one JSON object. `--devices N`: N devices of bench_rules' house at a round every
`--every` seconds instead. `--profile` prints where the time goes.
use: bench_replay.py [--hours 3] [--runs 2] [--devices N --every 10]
"""

import argparse
import asyncio
import cProfile
import json
import pstats
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import structlog
from bench_rules import house
from house_life import life_of

from edgeguard.config import load_site, shipped_configs
from edgeguard.core.health import Health
from edgeguard.core.site import HistorySpec, Site
from edgeguard.core.snapshot import Snapshot
from edgeguard.runtime.recordings import Heard, read_recording
from edgeguard.runtime.rule_replay import replay, replay_recording
from edgeguard.store import TrendStore
from edgeguard.testing.clock import FakeClock

BEGUN_MS = 1_790_000_000_000
ALWAYS = (0, 1 << 52)
TRIP_S = 240
"""360 trips a day: the lift of a house of a dozen floors."""


def deaf(_: Health) -> None:
    """Hears nothing."""


async def record(site: Site, folder: Path, hours: float) -> int:
    """Write the history of so many hours as the daemon does; how many rounds there are."""
    clock, count = FakeClock(wall_ms=BEGUN_MS), 0
    store = TrendStore(folder, HistorySpec(), clock, deaf)
    lives = [(spec, life_of(spec.profile, number, TRIP_S), spec.period_ms // 1000) for number, spec in enumerate(site.devices)]
    for second in range(round(hours * 3600)):
        for spec, life, every_s in lives:
            if second % every_s == 0:
                store.take(Snapshot(spec.name, clock.now(), spec.profile.points, life.at(second), True))
                count += 1
        clock.advance(1)
        await store._pack()
        if second % 60 == 59:
            await store.flush()
            await store._keep_small()
    await store.close()
    return count


def merely_read(site: Site, rounds: Iterator[Heard]) -> int:
    """What any replay does: every round as a snapshot at its moment."""
    points, clock, count = {spec.name: spec.profile.points for spec in site.devices}, FakeClock(), 0
    for heard in rounds:
        clock.wall_ms = heard.wall_ms
        count += len(Snapshot(heard.device, clock.now(), points[heard.device], heard.outcomes, heard.answered).outcomes)
    return count


def cost_s(work: Callable[[], object]) -> float:
    """CPU seconds."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=3.0)
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--devices", type=int)
    parser.add_argument("--every", type=int, default=10)
    parser.add_argument("--profile", action="store_true")
    args = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    site = load_site(shipped_configs() / "site.example.toml")
    if args.devices:
        big = house(args.devices * 40)
        few = tuple(replace(spec, period_ms=args.every * 1000, stale_after_ms=args.every * 3000) for spec in big.devices)
        site = replace(big, devices=few[: args.devices])
    with tempfile.TemporaryDirectory() as folder:
        rounds = asyncio.run(record(site, Path(folder), args.hours))

        def again() -> Iterator[Heard]:
            return read_recording(Path(folder), *ALWAYS)

        if args.profile:
            profile = cProfile.Profile()
            profile.runcall(replay_recording, site, Path(folder), *ALWAYS)
            pstats.Stats(profile).sort_stats("tottime").print_stats(45)
        read, played, by_rounds = [], [], []
        for _ in range(args.runs):
            read.append(cost_s(lambda: merely_read(site, again())))
            played.append(cost_s(lambda: replay_recording(site, Path(folder), *ALWAYS)))
            by_rounds.append(cost_s(lambda: replay(site, again())))
        told = len(replay(site, again()).told)
    day = 24.0 / args.hours
    print(
        json.dumps(
            {
                "devices": len(site.devices),
                "rounds_per_day": round(rounds * day),
                "points_per_day": round(day * sum(len(s.profile.points) * args.hours * 3.6e6 / s.period_ms for s in site.devices)),
                "told": told,
                "read_s_per_day": round(min(read) * day, 2),
                "replay_s_per_day": round(min(played) * day, 2),
                "round_by_round_s_per_day": round(min(by_rounds) * day, 2),
                "us_per_round": round(min(played) / rounds * 1e6, 1),
                "ratio_to_reading": round(min(played) / min(read), 2),
            }
        )
    )


if __name__ == "__main__":
    main()
