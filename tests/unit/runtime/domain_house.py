"""A simulated building seen by the whole pipeline, without a wire: registers, codec, rules, families, batches for the store."""

import json
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from edgeguard.codec.block import Block, compile_block
from edgeguard.codec.plan import PlanRules, Span, plan_reads
from edgeguard.config import load_site, shipped_configs
from edgeguard.core.clock import Stamp
from edgeguard.core.ids import BootId, DeviceName
from edgeguard.core.item import Stream
from edgeguard.core.point import Outcome
from edgeguard.core.profile import ModbusLimits
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.site import Site
from edgeguard.core.snapshot import Snapshot
from edgeguard.runtime.families import watches_of
from edgeguard.runtime.pipeline import Pipeline
from edgeguard.simulator.appliance import ModbusAppliance
from edgeguard.simulator.faults import Fault as Trouble
from edgeguard.simulator.faults import Faults
from edgeguard.simulator.site import SimulatedSite
from edgeguard.store import Batch

BEGUN_MS = 1_790_000_000_000


@cache
def example() -> Site:
    return load_site(shipped_configs() / "site.example.toml")


def site_with(folder: Path, more: str) -> Site:
    """The shipped example and more tables behind it."""
    text = (shipped_configs() / "site.example.toml").read_text("utf-8")
    path = folder / "site.toml"
    path.write_text(text + "\n" + more, "utf-8")
    return load_site(path)


class Clock:
    """Boot time and wall time in step."""

    def __init__(self) -> None:
        self.second = 0.0
        self.boot = "boot-1"

    def now(self) -> Stamp:
        ms = round(self.second * 1000)
        return Stamp(BEGUN_MS + ms, 1_000_000 + ms, BootId(self.boot), synced=True)


@dataclass
class Kept:
    """A store that keeps what it gets."""

    batches: list[Batch] = field(default_factory=list)

    def submit(self, batch: Batch) -> None:
        self.batches.append(batch)

    def bodies(self, stream: Stream) -> Iterator[dict[str, Any]]:
        return (json.loads(item.body) for batch in self.batches for item in batch.items if item.stream is stream)

    def states(self) -> dict[str, dict[str, bytes]]:
        """Rule states as the table has them."""
        kept: dict[str, dict[str, bytes]] = {}
        for state in (state for batch in self.batches for state in batch.states):
            kept.setdefault(state.owner, {})[state.name] = state.body
        return {owner: {name: body for name, body in named.items() if body} for owner, named in kept.items()}


class WatchedHouse:
    """The building and the gateway, which hears the devices whose names begin so."""

    def __init__(
        self, site: Site, seed: int = 1, start_s: float = 7.5 * 3600.0, faults: tuple[Trouble, ...] = (), only: tuple[str, ...] = ()
    ) -> None:
        self.house = SimulatedSite(site, seed, start_s=start_s)
        self.faults = Faults(self.house, faults)
        self.clock, self.store = Clock(), Kept()
        self.devices = {
            name: one
            for name, one in self.house.appliances.items()
            if isinstance(one, ModbusAppliance) and (not only or name.startswith(only))
        }
        self._blocks = {name: _blocks(one) for name, one in self.devices.items()}
        self.pipeline = self.boot()

    def boot(self, states: dict[str, dict[str, bytes]] | None = None) -> Pipeline:
        """The gateway begins (anew)."""
        pipeline = Pipeline(self.store, self.clock)
        known = {name: alarm for batch in self.store.batches for name, alarm in batch.alarms}
        for spec in self.house.site.devices:
            if spec.name in self.devices:
                pipeline.add(spec, known)
        pipeline.watch(watches_of(self.house.site), states or {})
        self.pipeline = pipeline
        return pipeline

    def live(self, seconds: int, step_s: float = 1.0) -> None:
        """So much time, a round of every device at its pace."""
        for _ in range(round(seconds / step_s)):
            self.house.advance(step_s)
            self.clock.second += step_s
            for name, one in self.devices.items():
                if self.clock.second % (one.spec.period_ms / 1000) < step_s:
                    outcomes = self.outcomes(name)
                    points = one.spec.profile.points
                    self.pipeline.take(Snapshot(DeviceName(name), self.clock.now(), points, outcomes, answered=True))
            self.pipeline.sweep()

    def outcomes(self, name: DeviceName) -> tuple[Outcome, ...]:
        """What a device shows now."""
        one = self.devices[name]
        image = one.image()
        column: list[Outcome] = [Fault(Reason.NOT_POLLED)] * len(one.spec.profile.points)
        for span, block in self._blocks[name]:
            words = image.read(span.table, span.first, span.count)
            data = _packed(words) if span.table.is_bits else struct.pack(f">{len(words)}H", *words)
            found = block.decode(block.head + data)
            for i, index in enumerate(span.members):
                column[index] = found if isinstance(found, Fault) else found[i]
        return tuple(column)

    def raised(self) -> set[str]:
        """Alarms that have ever become active."""
        return {body["alarm"] for body in self.store.bodies(Stream.ALARMS) if body["state"] == "active"}


def _blocks(one: ModbusAppliance) -> list[tuple[Span, Block]]:
    profile = one.spec.profile
    assert isinstance(profile.limits, ModbusLimits)
    spans = plan_reads(profile.fields, PlanRules.of(profile.limits, 8.0)).spans
    return [(span, compile_block(span, profile.points, profile.fields)) for span in spans]


def _packed(bits: Sequence[int]) -> bytes:
    return bytes(sum(bit << i for i, bit in enumerate(bits[k : k + 8])) for k in range(0, len(bits), 8))
