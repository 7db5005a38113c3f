"""Rounds that change nothing are left out by the families: nobody can tell it from what they say."""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from edgeguard.config import load_site
from edgeguard.core.ids import DeviceName
from edgeguard.core.item import Stream
from edgeguard.core.point import Labels, Outcome
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.site import Site
from edgeguard.core.snapshot import Snapshot
from edgeguard.rules.power import power_edges, unbalance_percent
from edgeguard.rules.sights import NEVER_MS
from edgeguard.rules.still import still
from edgeguard.runtime import domain_watch, families, hints_watch
from edgeguard.runtime.pipeline import Pipeline
from edgeguard.runtime.record import DeviceRecord
from edgeguard.runtime.watches import Findings
from edgeguard.store import Batch
from edgeguard.testing.clock import FakeClock
from edgeguard.testing.shipped import shipped_profiles

TEXT = """\
[gateway]
site = "lakeside"
id = "b07"
[[bus]]
name = "plant"
url = "tcp://10.0.0.7:502"
"""
PROFILES = ("eastron-sdm630", "grundfos-cim200", "inovance-nice3000plus")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    path: Path = tmp_path_factory.mktemp("site") / "site.toml"
    devices = (
        f'[[device]]\nname = "d{i}"\nbus = "plant"\nprofile = "{name}"\naddress = {i + 1}\nevery = "1s"\n'
        for i, name in enumerate(PROFILES)
    )
    path.write_text(TEXT + "".join(devices), encoding="utf-8")
    return load_site(path, shipped_profiles())


class Sink:
    """Keeps what is told but for telemetry, and the states with their last bodies."""

    def __init__(self) -> None:
        self.told: list[tuple[int, bytes]] = []
        self.states: dict[tuple[str, str], bytes] = {}

    def submit(self, batch: Batch) -> None:
        self.told += [(item.at.boot_ms, item.body) for item in batch.items if item.stream is not Stream.TELEMETRY]
        self.states |= {(state.owner, state.name): state.body for state in batch.states}


def wild_rounds(site: Site, seconds: int) -> list[tuple[DeviceName, tuple[Outcome, ...]]]:
    """Devices that do everything they can, in fits: numbers far beyond every limit, states that jump, points that fail."""
    chance = random.Random(11)
    shown = {
        spec.name: [wild(chance, spec.profile.points[i].choices) for i in range(len(spec.profile.points))] for spec in site.devices
    }
    rounds = []
    for second in range(seconds):
        for spec in site.devices:
            column = shown[spec.name]
            for i, point in enumerate(spec.profile.points):
                if isinstance(column[i], float) and chance.random() < 0.7:
                    column[i] = float(column[i]) * (1 + chance.uniform(-0.001, 0.001))  # type: ignore[arg-type]
                elif second % 40 < 4 and chance.random() < 0.2:
                    low, high = point.minimum or 0.0, point.maximum or 100.0
                    number = chance.choice((0.0, 2.0, chance.uniform(max(low, 0.0), high), chance.uniform(215.0, 245.0)))
                    column[i] = (
                        number
                        if point.kind.value == "number"
                        else chance.random() < 0.5
                        if not point.choices
                        else wild(chance, point.choices)
                    )
                elif second % 40 == 5 and chance.random() < 0.05:
                    column[i] = Fault(Reason.TIMEOUT)
            rounds.append((spec.name, tuple(column)))
    return rounds


def wild(chance: random.Random, choices: Mapping[int, Labels]) -> Outcome:
    """Some first value."""
    texts = [labels.en for labels in choices.values()]
    return chance.choice(texts) if texts else 0.0


def played(site: Site, rounds: Sequence[tuple[DeviceName, tuple[Outcome, ...]]]) -> Sink:
    sink, clock = Sink(), FakeClock()
    pipeline = Pipeline(sink, clock)
    for spec in site.devices:
        pipeline.add(spec, {})
    pipeline.oversee(site.alarms)
    pipeline.watch(families.watches_of(site), {})
    for number, (name, outcomes) in enumerate(rounds):
        if number % len(site.devices) == 0:
            clock.advance(1.0)
            pipeline.sweep()
        points = pipeline.records[name].rules.points
        pipeline.take(Snapshot(name, clock.now(), points, outcomes, answered=True))
    return sink


@pytest.mark.slow
def test_left_out_rounds_change_nothing_that_is_told(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = wild_rounds(site, 160)
    lazy = played(site, rounds)
    monkeypatch.setattr(domain_watch.DomainWatch, "_rests", lambda *_: False)
    monkeypatch.setattr(families, "HintsWatch", Restless)
    busy = played(site, rounds)
    assert lazy.told == busy.told
    assert len(lazy.told) > 15
    assert any(b"phase-loss" in body for _, body in lazy.told)


class Restless(hints_watch.HintsWatch):
    """Looks at every round."""

    def take(self, record: DeviceRecord, snapshot: Snapshot) -> Findings:
        """The same, with nothing left out."""
        if snapshot.device in self._memory:
            self._memory[snapshot.device].until_ms = NEVER_MS
        return super().take(record, snapshot)


def test_what_wakes() -> None:
    outcomes: tuple[Outcome, ...] = (1.0, True, "on", 5.0, Fault(Reason.TIMEOUT))
    rest = still(outcomes, [(0, (0.5, 2.0)), (1, None), (2, ()), (3, ()), (4, (1.0,))])
    assert rest.holds(outcomes)
    assert rest.holds((1.9, True, "on", -7.0, Fault(Reason.TIMEOUT)))
    for other in (
        (2.0, True, "on", 5.0, outcomes[4]),
        (0.5, True, "on", 5.0, outcomes[4]),
        (1.0, False, "on", 5.0, outcomes[4]),
        (1.0, 1, "on", 5.0, outcomes[4]),
        (1.0, True, "off", 5.0, outcomes[4]),
        (1.0, True, "on", Fault(Reason.TIMEOUT), outcomes[4]),
        (1.0, True, "on", 5.0, 3.0),
    ):
        assert not rest.holds(other), other


@pytest.mark.parametrize("names", [("l1", "l2", "l3"), ("l1-l2", "l2-l3", "l3-l1")])
def test_voltages_within_their_edges_are_never_unbalanced(names: tuple[str, ...]) -> None:
    chance = random.Random(3)
    roles = [f"electric.voltage.{name}" for name in names]
    around = 230.0 if names[0] == "l1" else 400.0
    limits = {"voltage-unbalance": 2.0, "voltage-unbalance-high": 4.0}
    tried = 0
    for _ in range(400):
        known = {role: around + chance.uniform(-3.0, 3.0) for role in roles}
        if (unbalance_percent(known) or 0.0) > 2.0:
            continue
        edges = power_edges(known, limits)
        rest = still(tuple(known.values()), list(enumerate(edges[role] for role in roles)))
        (_, low, high), *_others = rest.bands
        for values in ((low, low, high), (low, high, high), (low, (low + high) / 2, high)):
            found = unbalance_percent(dict(zip(roles, values, strict=True)))
            assert found is not None
            if all(band[1:] == (low, high) for band in rest.bands):
                tried += 1
                assert found <= 2.0
    assert tried > 100
