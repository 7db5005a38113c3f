"""What a lift does not count itself is counted once, by the domain rules, and maintenance goes by that; doors with slow ends."""

from pathlib import Path

import pytest

from edgeguard.config import load_site
from edgeguard.core.ids import DeviceName
from edgeguard.core.item import Stream
from edgeguard.core.maintenance import Usage
from edgeguard.core.point import Outcome
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.site import Site
from edgeguard.core.snapshot import Snapshot
from edgeguard.runtime.domain_watch import DomainWatch
from edgeguard.runtime.families import watches_of
from edgeguard.runtime.hints_watch import HintsWatch
from edgeguard.runtime.pipeline import Pipeline
from edgeguard.store import Batch
from edgeguard.testing.clock import FakeClock
from edgeguard.testing.shipped import shipped_profiles

LIFT = DeviceName("lift-1")
TEXT = """\
[gateway]
site = "lakeside"
id = "b07"
[[bus]]
name = "lift"
url = "tcp://10.0.0.7"
[[device]]
name = "lift-1"
bus = "lift"
profile = "inovance-nice3000plus"
address = 1
every = "1s"
"""
NOT_DUE = Fault(Reason.NOT_DUE)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    path: Path = tmp_path_factory.mktemp("site") / "site.toml"
    path.write_text(TEXT, encoding="utf-8")
    return load_site(path, shipped_profiles())


class Shaft:
    """A lift that goes once a minute: 20 s on its way, then its door opens within 3 s, stands open, and closes within 4 s."""

    def __init__(self, site: Site, slow_ends: int = 1) -> None:
        self.site, self.slow_ends = site, slow_ends
        self.clock = FakeClock()
        self.states: dict[str, dict[str, bytes]] = {}
        self.told: list[bytes] = []
        self.boot()

    def boot(self) -> None:
        self.pipeline = Pipeline(self, self.clock)
        self.pipeline.add(self.site.devices[0], {})
        self.pipeline.watch(watches_of(self.site), self.states)
        self.domain, self.hints, _ = self.pipeline.watches

    def submit(self, batch: Batch) -> None:
        for state in batch.states:
            self.states.setdefault(state.owner, {})[state.name] = state.body
        self.told += [item.body for item in batch.items if item.stream is Stream.TELEMETRY]

    def minutes(self, count: int) -> None:
        for second in range(count * 60):
            self.clock.advance(1.0)
            self.pipeline.take(Snapshot(LIFT, self.clock.now(), self.points, self._outcomes(second), answered=True))

    @property
    def points(self) -> tuple:  # type: ignore[type-arg]
        return self.site.devices[0].profile.points

    def _outcomes(self, second: int) -> tuple[Outcome, ...]:
        phase = second % 60
        slow = phase % self.slow_ends != 0
        shown: dict[str, Outcome] = {
            "speed": 1.0 if phase < 20 else 0.0,
            "car_state": "running" if phase < 20 else "waiting",
            "door_fully_open_1": NOT_DUE if slow else 24 <= phase < 40,
            "door_fully_closed_1": NOT_DUE if slow else not 21 <= phase < 44,
            "mode": "automatic",
        }
        return tuple(shown.get(str(point.name), 0.0 if point.kind.value == "number" else False) for point in self.points)


def counts(shaft: Shaft) -> tuple[dict[str, float], dict[str, float]]:
    """What the domain rules have counted, and what maintenance has."""
    assert isinstance(shaft.domain, DomainWatch)
    assert isinstance(shaft.hints, HintsWatch)
    figures = shaft.domain.counted(LIFT)
    state = shaft.hints.state(LIFT)
    used = {"trips_counted": Usage.TRIPS, "door_cycles_counted": Usage.DOOR_CYCLES}
    return {name: figures[name] for name in used}, {name: state.tally(usage).used for name, usage in used.items()}


def test_trips_and_doors_are_counted_by_one_and_used_by_both(site: Site) -> None:
    shaft = Shaft(site)
    shaft.minutes(3)
    counted, used = counts(shaft)
    assert counted == {"trips_counted": 2.0, "door_cycles_counted": 3.0}
    assert used == {"trips_counted": 2.0, "door_cycles_counted": 2.0}, "looked at once a minute"
    shaft.clock.advance(90.0)
    shaft.boot()
    shaft.minutes(2)
    again, later = counts(shaft)
    assert again["trips_counted"] in (3.0, 4.0)
    assert all(0 <= again[name] - later[name] <= 1 for name in again), "no restart counts anything twice, or loses it"


def test_a_door_whose_ends_are_asked_for_each_other_second_is_timed(site: Site) -> None:
    shaft = Shaft(site, slow_ends=2)
    shaft.minutes(2)
    assert isinstance(shaft.hints, HintsWatch)
    closing = shaft.hints.state(LIFT).gauge("door-close-time").sample.values
    assert closing == (4.0, 4.0)
