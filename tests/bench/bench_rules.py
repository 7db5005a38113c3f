"""What all rules cost: the same rounds through a pipeline with every default rule, and through one without any, in CPU time.

Devices of shipped profiles in a house that lives (house_life.py): every measurement is another number each second, counters grow,
lifts travel, pumps start and stop, and nothing is wrong. What is compared is the CPU of the pipeline alone, from snapshot to
batch: reports by exception and batches are made in both; polling, decoding, the store and the uplink, which are the same for
both, are left out, so that the ratio is the hardest one that can be asked for. A minute is the least that shows everything,
for some of it is done once a minute. Runs alternate, the lowest of each counts; prints one JSON object.
use: bench_rules.py [--points 20000] [--seconds 60] [--runs 2]
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import structlog
from house_life import life_of

from edgeguard.config import ProfileLibrary, load_site
from edgeguard.core.clock import Stamp
from edgeguard.core.ids import BootId
from edgeguard.core.point import Outcome
from edgeguard.core.site import DeviceSpec, Site
from edgeguard.core.snapshot import Snapshot
from edgeguard.runtime.families import watches_of
from edgeguard.runtime.pipeline import Pipeline
from edgeguard.store import Batch

PROFILES = ("eastron-sdm630", "grundfos-cim200", "inovance-nice3000plus", "generic-level-transmitter", "danfoss-fc51")


WARM = 2
"""Rounds that are not counted: the first of each device, and what is compiled then."""
Played = list[list[tuple[DeviceSpec, tuple[Outcome, ...]]]]
"""Per second a round of every device."""


class Clock:
    """Moved by hand."""

    def __init__(self) -> None:
        self.ms = 0

    def now(self) -> Stamp:
        return Stamp(1_790_000_000_000 + self.ms, self.ms, BootId("bench"), synced=True)


class Sink:
    """Counts what is submitted."""

    def __init__(self) -> None:
        self.items = 0

    def submit(self, batch: Batch) -> None:
        self.items += len(batch.items)


def house(points: int) -> Site:
    """A site file with so many points, loaded as the daemon does it: so it has every rule that is on by default."""
    library = ProfileLibrary.shipped()
    lines = ["[gateway]", 'site = "bench"', 'id = "b1"']
    lines += [f'[[bus]]\nname = "riser-{bus}"\nurl = "tcp://127.0.0.1:{5000 + bus}"' for bus in range(10)]
    count = 0
    for number in range(2000):
        name = PROFILES[number % len(PROFILES)]
        bus, address = divmod(number, 200)
        lines += ["[[device]]", f'name = "d{number}"', f'bus = "riser-{bus}"', f'profile = "{name}"', f"address = {address + 1}"]
        lines += ['every = "1s"']
        count += len(library.get(name).points)
        if count >= points:
            break
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "site.toml"
        path.write_text("\n".join(lines), encoding="utf-8")
        return load_site(path, library)


def rounds(specs: Sequence[DeviceSpec], seconds: int) -> Played:
    """Per second a round of every device."""
    lives = [(spec, life_of(spec.profile, number)) for number, spec in enumerate(specs)]
    return [[(spec, life.at(second)) for spec, life in lives] for second in range(seconds)]


def run(site: Site, played: Played, *, alarms: bool, families: bool) -> tuple[float, int]:
    """CPU seconds, and how many items were made."""
    clock, sink = Clock(), Sink()
    pipeline = Pipeline(sink, clock)
    for spec in site.devices:
        pipeline.add(spec if alarms else replace(spec, alarms=()), {})
    if alarms:
        pipeline.oversee(site.alarms)
    if families:
        pipeline.watch(watches_of(site), {})
    begun = 0.0
    for number, second in enumerate(played):
        if number == WARM:
            begun = time.process_time()
        clock.ms += 1000
        for spec, outcomes in second:
            pipeline.take(Snapshot(spec.name, clock.now(), spec.profile.points, outcomes, True))
        pipeline.sweep()
    return time.process_time() - begun, sink.items


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=20_000)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--runs", type=int, default=2)
    args = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    site = house(args.points)
    played = rounds(site.devices, args.seconds + WARM)
    ways = {"none": (False, False), "alarms": (True, False), "all": (True, True)}
    costs: dict[str, list[float]] = {way: [] for way in ways}
    items = dict.fromkeys(ways, 0)
    for _ in range(args.runs):
        for way, (alarms, families) in ways.items():
            cost, items[way] = run(site, played, alarms=alarms, families=families)
            costs[way].append(cost)
    points = sum(len(spec.profile.points) for spec in site.devices)
    us = {way: min(found) / points / args.seconds * 1e6 for way, found in costs.items()}
    told = {
        "devices": len(site.devices),
        "points_per_round": points,
        "alarms": sum(len(spec.alarms) for spec in site.devices),
        "us_per_point": {way: round(cost, 3) for way, cost in us.items()},
        "core_percent_at_20000_per_s": {way: round(cost * 2, 2) for way, cost in us.items()},
        "ratio_alarms": round(us["alarms"] / us["none"], 3),
        "ratio_all": round(us["all"] / us["none"], 3),
        "items": items,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
