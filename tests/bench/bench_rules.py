"""What all rules cost: the same rounds through a pipeline with every default rule, and through one without any, in CPU time.

Devices of the shipped profiles, their values walking within their range, most of them far from any limit, as in a healthy house;
reports by exception and batches for the store are made in both. Runs alternate, the lowest of each counts; prints one JSON object.
use: bench_rules.py [--points 20000] [--seconds 20] [--runs 3]
"""

import argparse
import json
import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import structlog

from edgeguard.config import ProfileLibrary, load_site
from edgeguard.core.clock import Stamp
from edgeguard.core.ids import BootId
from edgeguard.core.point import Kind, Outcome, Point
from edgeguard.core.profile import AlarmTemplate
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


def healthy(point: Point, alarms: Sequence[AlarmTemplate]) -> Outcome:
    """A value that no alarm minds."""
    mine = [alarm for alarm in alarms if alarm.point == point.name]
    if point.kind is Kind.BOOLEAN:
        return next((not alarm.limit for alarm in mine), False)
    if point.kind is Kind.TEXT:
        refused = {alarm.limit for alarm in mine if alarm.condition.value == "equals"}
        kept = [alarm.limit for alarm in mine if alarm.condition.value == "differs"]
        texts = [labels.en for labels in point.choices.values()]
        return str(kept[0]) if kept else next((text for text in texts if text not in refused), "none")
    numbers = {alarm.condition.value: float(alarm.limit) for alarm in mine if isinstance(alarm.limit, int | float)}
    low = numbers.get("low", point.minimum if point.minimum is not None else 0.0)
    high = numbers.get("high", point.maximum if point.maximum is not None else low + 100.0)
    return (low + high) / 2


def rounds(specs: Sequence[DeviceSpec], seconds: int) -> Played:
    """Per second a round of every device; numbers walk a little around their place."""
    chance = random.Random(5)
    rest = {spec.name: [healthy(point, spec.profile.alarms) for point in spec.profile.points] for spec in specs}

    def walked(value: Outcome) -> Outcome:
        return value * (1.0 + chance.uniform(-0.001, 0.001)) if isinstance(value, float) else value

    return [[(spec, tuple(walked(value) for value in rest[spec.name])) for spec in specs] for _ in range(seconds)]


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
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--runs", type=int, default=3)
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
