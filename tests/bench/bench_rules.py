"""What all rules cost: the same rounds through a pipeline with every default rule, and through one without any, in CPU time.

Devices of the shipped profiles, their values walking within their range, most of them far from any limit, as in a healthy house;
reports by exception and batches for the store are made in both. Runs alternate, the lowest of each counts; prints one JSON object.
use: bench_rules.py [--points 20000] [--seconds 20] [--runs 3]
"""

import argparse
import json
import random
import time
from collections.abc import Sequence
from dataclasses import replace

import structlog

from edgeguard.config import ProfileLibrary
from edgeguard.config.alarm_check import comms_lost
from edgeguard.config.common_alarms import own_alarms
from edgeguard.core.alarm import AlarmRule
from edgeguard.core.clock import Stamp
from edgeguard.core.ids import BootId, BusName, DeviceName, alarm_name
from edgeguard.core.point import Kind, Labels, Outcome, Point
from edgeguard.core.profile import AlarmTemplate, DeviceProfile
from edgeguard.core.site import BusSpec, DeviceSpec, Wire
from edgeguard.core.snapshot import Snapshot
from edgeguard.runtime.pipeline import Pipeline
from edgeguard.store import Batch

PROFILES = ("eastron-sdm630", "grundfos-cim200", "inovance-nice3000plus", "generic-level-transmitter", "danfoss-fc51")
BUS = BusSpec(BusName("riser"), Wire.TCP, "127.0.0.1", 502)


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


def rule_of(name: DeviceName, made: AlarmTemplate) -> AlarmRule:
    return AlarmRule(
        name=alarm_name(name, made.name),
        device=name,
        condition=made.condition,
        severity=made.severity,
        text=made.text,
        point=made.point,
        limit=made.limit,
        hysteresis=made.hysteresis,
        on_delay_ms=made.on_delay_ms,
        off_delay_ms=made.off_delay_ms,
    )


def device(number: int, profile: DeviceProfile) -> DeviceSpec:
    name = DeviceName(f"{profile.name[:40]}-{number}")
    alarms = tuple(rule_of(name, made) for made in (comms_lost(), *profile.alarms))
    labels = Labels(name, name)
    return DeviceSpec(name, BUS.name, number % 240 + 1, profile, 1000, labels, alarms, 10_000)


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


def run(
    specs: Sequence[DeviceSpec], played: list[list[tuple[DeviceSpec, tuple[Outcome, ...]]]], with_rules: bool
) -> tuple[float, int]:
    """CPU seconds, and how many items were made."""
    clock, sink = Clock(), Sink()
    pipeline = Pipeline(sink, clock)
    for spec in specs:
        pipeline.add(spec if with_rules else replace(spec, alarms=()), {})
    if with_rules:
        pipeline.oversee(own_alarms((BUS,), specs))
    begun = time.process_time()
    for second in played:
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
    library = ProfileLibrary.shipped()
    specs: list[DeviceSpec] = []
    while sum(len(spec.profile.points) for spec in specs) < args.points:
        specs.append(device(len(specs), library.get(PROFILES[len(specs) % len(PROFILES)])))
    played = rounds(specs, args.seconds)
    bare, ruled = [], []
    items = (0, 0)
    for _ in range(args.runs):
        cost, without = run(specs, played, with_rules=False)
        bare.append(cost)
        cost, having = run(specs, played, with_rules=True)
        ruled.append(cost)
        items = (without, having)
    points = sum(len(spec.profile.points) for spec in specs)
    told = {
        "devices": len(specs),
        "points_per_round": points,
        "alarms": sum(len(spec.alarms) for spec in specs),
        "us_per_point_without": round(min(bare) / points / args.seconds * 1e6, 3),
        "us_per_point_with": round(min(ruled) / points / args.seconds * 1e6, 3),
        "core_percent_at_20000_per_s": round(min(ruled) / points / args.seconds * 20_000 * 100, 2),
        "ratio": round(min(ruled) / min(bare), 3),
        "items": items,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
