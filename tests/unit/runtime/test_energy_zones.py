"""Zones of water in the daemon: an alarm after two nights, over restarts."""

from pathlib import Path

import orjson
import pytest
from runtime_kit import FakeStore

from edgeguard.config import load_site
from edgeguard.core.ids import DeviceName
from edgeguard.core.item import Stream
from edgeguard.core.site import Site
from edgeguard.core.snapshot import Snapshot
from edgeguard.runtime.families import watches_of
from edgeguard.runtime.pipeline import Pipeline
from edgeguard.testing.clock import FakeClock
from edgeguard.testing.shipped import shipped_profiles

DEVICE = """\
[[device]]
name = "{name}"
bus = "plant"
address = {address}
profile = "generic-water-meter-modbus"
every = "10s"
points = ["volume"]
[[meter]]
name = "{name}"
source = "{name}.volume"
"""
TEXT = """\
[gateway]
site = "lakeside"
id = "b07"
[[bus]]
name = "plant"
url = "tcp://10.0.0.7:502"
"""
NAMES = ("house", "flat-1", "flat-2")
MIDNIGHT_MS = 1_790_092_800_000
"""In Shanghai."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    path: Path = tmp_path_factory.mktemp("site") / "site.toml"
    rows = [DEVICE.format(name=name, address=i + 1) + ('parent = "house"\n' if i else "") for i, name in enumerate(NAMES)]
    rows.append('[[energy.zone]]\nname = "house"\ninflow = ["house"]\nbehind = ["flat-1", "flat-2"]\n')
    path.write_text(TEXT + "".join(rows), encoding="utf-8")
    return load_site(path, shipped_profiles())


class House:
    """A main meter and two flats, read each quarter of an hour at night; `leak` flows between them, all day and night."""

    def __init__(self, site: Site) -> None:
        self.site, self.store = site, FakeStore()
        self.clock = FakeClock(wall_ms=MIDNIGHT_MS)
        self.volumes = dict.fromkeys(NAMES, 100.0)
        self.begin({})

    def begin(self, states: dict[str, bytes]) -> None:
        self.pipeline = Pipeline(self.store, self.clock)
        for device in self.site.devices:
            self.pipeline.add(device, {})
        self.pipeline.watch(watches_of(self.site), {"energy": states})

    def restart(self) -> None:
        kept = {s.name: s.body for batch in self.store.submitted for s in batch.states if s.owner == "energy" and s.body}
        self.begin(kept)

    def days(self, count: int, leak_m3h: float) -> None:
        """Each day until a quarter past its midnight. Nothing is read by day, as if the line were down."""
        for quarter in range(count * 96):
            for name, drawn in zip(NAMES, (0.02 + leak_m3h, 0.01, 0.01), strict=True):
                self.volumes[name] = round(self.volumes[name] + drawn / 4, 6)
            self.clock.advance(900)
            if not 24 <= quarter % 96 < 93:
                self.round()

    def round(self) -> None:
        """All meters are read."""
        for name in NAMES:
            points = self.pipeline.records[DeviceName(name)].rules.points
            shown = round(self.volumes[name], 3)
            self.pipeline.take(Snapshot(DeviceName(name), self.clock.now(), points, (shown,), answered=True))

    def alarms(self) -> list[str]:
        items = [item for batch in self.store.submitted for item in batch.items if item.stream is Stream.ALARMS]
        bodies = [orjson.loads(item.body) for item in items]
        return [body["state"] for body in bodies if body["alarm"] == "house.night-loss"]


def test_a_leak_between_the_main_meter_and_the_flats_is_an_alarm_after_two_nights_and_goes(site: Site) -> None:
    (zone,) = site.energy.zones
    assert (zone.name, zone.inflow, zone.behind) == ("house", ("house",), ("flat-1", "flat-2"))
    house = House(site)
    house.days(1, 0.0)
    house.days(1, 0.3)
    assert house.alarms() == []
    house.restart()
    house.days(2, 0.3)
    assert house.alarms() == ["active"]
    house.days(2, 0.0)
    assert house.alarms() == ["active", "returned"]
