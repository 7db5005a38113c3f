"""Readings that metering leaves out change nothing of what was consumed: the same seconds, with and without leaving out."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
from runtime_kit import FakeStore

from edgeguard.config import load_site
from edgeguard.core.ids import DeviceName
from edgeguard.core.item import Stream
from edgeguard.core.point import Outcome
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.site import Site
from edgeguard.core.snapshot import Snapshot
from edgeguard.rules.meter import step_meter
from edgeguard.runtime import energy_watch
from edgeguard.runtime.energy_watch import EnergyWatch
from edgeguard.runtime.pipeline import Pipeline
from edgeguard.testing.clock import FakeClock
from edgeguard.testing.shipped import shipped_profiles

TEXT = """\
[gateway]
site = "lakeside"
id = "b07"
[[bus]]
name = "plant"
url = "tcp://10.0.0.7:502"
[[device]]
name = "meter"
bus = "plant"
address = 20
profile = "generic-water-meter-modbus"
every = "1s"
points = ["volume"]
[[meter]]
name = "water"
source = "meter.volume"
max_rate = 60.0
"""
METER = DeviceName("meter")


class Tap:
    """Keeps what metering says of rounds a second apart; counts the readings that were looked at."""

    def __init__(self, site: Site) -> None:
        self.told: list[dict[str, Any]] = []
        self.clock = FakeClock(wall_ms=497_247 * 3_600_000)
        self.watch = EnergyWatch(site.energy)
        self.pipeline = Pipeline(FakeStore(), self.clock)
        self.pipeline.add(site.devices[0], {})
        self.watch.begin(self.pipeline.records, {}, self.clock.now())

    def live(self, shown: Sequence[Outcome]) -> None:
        record = self.pipeline.records[METER]
        for outcome in shown:
            self.clock.advance(1.0)
            said = self.watch.take(record, Snapshot(METER, self.clock.now(), record.rules.points, (outcome,), answered=True))
            self.told += [orjson.loads(item.body) for item in said.items if item.stream is Stream.EVENTS]

    def amounts(self) -> dict[str, float]:
        return {body["from"]: body["value"] for body in self.told if "value" in body}

    def incidents(self) -> list[str]:
        return [body["incident"] for body in self.told if "incident" in body]


def a_day_in_short() -> tuple[list[Outcome], float]:
    """A tap that opens and closes, a reset, readings far off, some that look like consumption, a silence; and the truth."""
    rng = random.Random(5)
    shown: list[Outcome] = []
    volume, flow, flowed = 500.0, 0.0, 0.0
    for second in range(2000):
        if rng.random() < 0.03:
            flow = rng.choice((0.0, 0.0, 0.3, 6.0, 20.0)) / 3600
        volume, flowed = volume + flow, flowed + flow
        if second == 800:
            volume = 0.0
        outcome: Outcome = round(volume, 3)
        if second in (400, 1100):
            outcome = 99_000.0
        if second in (503, 1300, 1301):
            outcome = round(volume + 0.03, 3)
        if 1500 <= second < 1570 or rng.random() < 0.02:
            outcome = Fault(Reason.TIMEOUT)
        shown.append(outcome)
    return [*shown, *[round(volume, 3)] * 20], flowed


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    path: Path = tmp_path_factory.mktemp("site") / "site.toml"
    path.write_text(TEXT, encoding="utf-8")
    return load_site(path, shipped_profiles())


def test_what_is_left_out_changes_no_amount(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    shown, flowed = a_day_in_short()
    lazy, busy = Tap(site), Tap(site)
    looked: list[int] = []
    step = step_meter

    def counting(*given: Any) -> Any:
        looked.append(1)
        return step(*given)

    monkeypatch.setattr(energy_watch, "step_meter", counting)
    lazy.live(shown)
    few = len(looked)
    monkeypatch.setattr(energy_watch._Running, "rests", lambda *_: False)
    busy.live(shown)

    assert few < (len(looked) - few) / 3
    assert lazy.watch.states() == busy.watch.states(), "all that was counted, minute by minute, to the last millionth"
    assert lazy.told == busy.told
    assert len(lazy.amounts()) == 2
    total = orjson.loads(next(s.body for s in lazy.watch.states() if s.name == "water/meter.volume"))["total"]
    assert total / 1e6 == pytest.approx(flowed, abs=0.01), "up to the very last second before the reset"
    assert lazy.incidents().count("reset") == 1
    assert lazy.incidents().count("glitch") >= 2, "what is far off is seen, whenever it comes"
