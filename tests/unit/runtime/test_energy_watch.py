"""Metering before the pipeline: one batch a closed interval, a kill at every batch, reloads, and alarms on excess."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from edgeguard.config import load_site
from edgeguard.core.alarm import Alarm
from edgeguard.core.ids import DeviceName
from edgeguard.core.item import Stream
from edgeguard.core.metering import MICRO, Replacement
from edgeguard.core.metering_limits import BASELINE_LEAST
from edgeguard.core.point import Outcome
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.rule_state import ENERGY_DAYS
from edgeguard.core.site import Site
from edgeguard.core.snapshot import Snapshot
from edgeguard.rules.baseline import Baseline, learn
from edgeguard.rules.meter_json import dump_baseline, load_day, load_state
from edgeguard.runtime.families import watches_of
from edgeguard.runtime.pipeline import Pipeline
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
[[device]]
name = "meter"
bus = "plant"
address = 20
profile = "generic-water-meter-modbus"
every = "60s"
points = ["volume"]
"""
METER = DeviceName("meter")
HOUR0 = 497_247 * 3_600_000
"""An hour before midnight in Shanghai."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    path: Path = tmp_path_factory.mktemp("site") / "site.toml"
    path.write_text(TEXT, encoding="utf-8")
    return load_site(path, shipped_profiles())


class Ledger:
    """What was committed: batches in order, and the states as a store would have them."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.dead = False

    def submit(self, batch: Batch) -> None:
        if not self.dead:
            self.batches.append(batch)

    def states(self) -> dict[str, dict[str, bytes]]:
        found: dict[str, dict[str, bytes]] = {}
        for batch in self.batches:
            for state in batch.states:
                held = found.setdefault(state.owner, {})
                held[state.name] = state.body
                if not state.body:
                    held.pop(state.name)
        return found

    def told(self) -> list[dict[str, object]]:
        items = [item for batch in self.batches for item in batch.items if item.stream is Stream.EVENTS]
        return [orjson.loads(item.body) for item in items]


class Gateway:
    """A pipeline on a ledger, born anew after every kill."""

    def __init__(self, site: Site) -> None:
        self.site, self.ledger, self.clock = site, Ledger(), FakeClock(wall_ms=HOUR0, boot_ms=5_000_000)
        self.pipeline = self.born()

    def born(self) -> Pipeline:
        pipeline = Pipeline(self.ledger, self.clock)
        for device in self.site.devices:
            pipeline.add(device, dict[object, Alarm]())  # type: ignore[arg-type]
        states = self.ledger.states()
        pipeline.watch(watches_of(self.site), {owner: held for owner, held in states.items() if owner != ENERGY_DAYS})
        return pipeline

    def kill(self) -> None:
        self.pipeline = self.born()

    def round(self, volume: Outcome) -> None:
        points = self.pipeline.records[METER].rules.points
        self.pipeline.take(Snapshot(METER, self.clock.now(), points, (volume,), answered=not isinstance(volume, Fault)))
        self.pipeline.sweep()
        self.clock.advance(60)

    def amounts(self) -> list[float]:
        return [float(str(body["value"])) for body in self.ledger.told() if "value" in body]


def shown(i: int) -> float:
    """What the counter shows in round i: a little more, now and then much more."""
    return round(100 + i * 0.013 + (i // 50) * 0.2, 3)


def test_every_closed_quarter_is_one_batch_with_the_state_it_left(site: Site) -> None:
    gateway = Gateway(site)
    for i in range(242):
        gateway.round(shown(i))
    energy = [batch for batch in gateway.ledger.batches if any(b'"energy"' in item.body for item in batch.items)]
    assert len(energy) == 1 + 16
    assert all(any(state.owner == "energy" for state in batch.states) for batch in energy)
    assert sum(gateway.amounts()) == pytest.approx(shown(240) - shown(0))
    assert {body.get("quality") for body in gateway.ledger.told() if "value" in body} == {"measured"}
    assert gateway.ledger.told()[0]["incident"] == "begin"


def test_an_exchange_that_is_written_down_a_day_later_is_made_good_beside_what_was_told(site: Site) -> None:
    gateway = Gateway(site)
    for i in range(50):
        gateway.round(round(100 + i * 0.013, 3))
    for i in range(110):
        gateway.round(round(3 + i * 0.013, 3))
    told = gateway.ledger.told()
    assert [body["incident"] for body in told if "incident" in body] == ["begin", "reset"]
    written = Replacement(HOUR0 + 8 * 3_600_000, round(100.642 * MICRO), round(2.995 * MICRO))
    (meter,) = site.energy.meters
    gateway.site = replace(site, energy=replace(site.energy, meters=(replace(meter, replacements=(written,)),)))
    for kill in range(3):
        gateway.kill()
        # the first write after the start is lost, as when the power goes
        gateway.ledger.dead = not kill
        for i in range(2 * kill, 2 * kill + 2):
            gateway.round(round(3 + (110 + i) * 0.013, 3))
        gateway.ledger.dead = False
    (late,) = [body for body in gateway.ledger.told() if body.get("incident") == "late-replacement"]
    assert (late["before"], late["after"], late["counted"]) == (100.637, 3.0, 0.01)
    for i in range(116, 131):
        gateway.round(round(3 + i * 0.013, 3))
    (kept,) = [load_state(body) for name, body in gateway.ledger.states()["energy"].items() if not name.endswith("habit")]
    assert kept.counter.last is not None
    assert kept.total == round(0.642 * MICRO) + kept.counter.last.value - round(2.995 * MICRO)
    still_open = sum(slot.amount for slot in kept.line.open)
    assert sum(gateway.amounts()) == pytest.approx((kept.total - still_open) / MICRO)


def test_a_reading_that_no_counter_shows_is_left_out_and_can_be_kept(site: Site) -> None:
    gateway = Gateway(site)
    for i in range(63):
        gateway.round(3.4e38 if i in (20, 29) else -1e308 if i == 40 else shown(i))
    assert [body["incident"] for body in gateway.ledger.told() if "incident" in body] == ["begin", "glitch", "glitch", "glitch"]
    assert sum(gateway.amounts()) == pytest.approx(shown(60) - shown(0), abs=0.02)


@pytest.mark.slow
def test_a_kill_at_any_round_and_any_write_counts_nothing_twice_and_loses_nothing(site: Site) -> None:
    plain = Gateway(site)
    for i in range(122):
        plain.round(shown(i))
    for kill_at in (0, *range(2, 115, 7), 15, 16, 46):
        gateway = Gateway(site)
        for i in range(122):
            # the write of this very round is lost, as when the power goes before the commit
            gateway.ledger.dead = i == kill_at
            gateway.round(shown(i))
            gateway.ledger.dead = False
            if i == kill_at:
                gateway.kill()
        # what the first reading of all showed is known only once it is written
        begun = shown(1) - shown(0) if kill_at == 0 else 0
        assert sum(gateway.amounts()) == pytest.approx(sum(plain.amounts()) - begun), kill_at
        starts = [body["from"] for body in gateway.ledger.told() if "value" in body]
        assert len(starts) == len(set(starts)), kill_at


def test_a_silent_hour_is_counted_when_it_ends_and_marked(site: Site) -> None:
    gateway = Gateway(site)
    for i in range(60):
        gateway.round(shown(i))
    for _ in range(100):
        gateway.round(Fault(Reason.TIMEOUT))
    told = len(gateway.amounts())
    for i in range(160, 200):
        gateway.round(shown(i))
    qualities = [body["quality"] for body in gateway.ledger.told()[told:] if "value" in body]
    assert qualities.count("spread") == 2
    assert sum(gateway.amounts()) == pytest.approx(shown(195) - shown(0), abs=0.02)


def test_days_are_kept_and_a_reload_goes_on_where_it_was(site: Site) -> None:
    gateway = Gateway(site)
    for i in range(1440 + 600):
        gateway.round(shown(i))
        if i % 700 == 0:
            gateway.pipeline.watch(watches_of(site))
    days = {name: load_day(body) for name, body in gateway.ledger.states()[ENERGY_DAYS].items()}
    assert len(days) == 2
    assert sum(gateway.amounts()) == pytest.approx(shown(1440 + 585) - shown(0), abs=0.3)
    assert all(name == f"meter/{day.day.isoformat()}" for name, day in days.items())
    assert sum(len(day.slots) for day in days.values()) >= 96
    gateway.pipeline.keep_alarms()
    kept = [state.name for state in gateway.ledger.batches[-1].states if state.owner == "energy"]
    assert kept == ["meter/meter.volume", "meter/habit"]


def test_what_is_not_configured_any_more_and_what_cannot_be_read_is_forgotten(site: Site) -> None:
    gateway = Gateway(site)
    states = {"energy": {"gone/x.y": b"{}", "meter/meter.volume": b"nonsense", "meter/habit": b"[]"}}
    gateway.pipeline.watch(watches_of(site), states)
    gateway.round(5.0)
    removed = [state.name for batch in gateway.ledger.batches for state in batch.states if not state.body]
    assert removed == ["gone/x.y"]
    assert gateway.ledger.told()[0]["incident"] == "begin"


def test_an_excess_is_an_alarm_and_goes_when_it_ends(site: Site) -> None:
    gateway = Gateway(site)
    volume = 0.0
    habit = Baseline()
    for _ in range(BASELINE_LEAST):
        for group in range(7):
            habit = learn(habit, group, dict.fromkeys(range(24), 120_000))
    gateway.pipeline.watch(watches_of(site), {"energy": {"meter/habit": dump_baseline(habit)}})
    for minute in range(12 * 60):
        volume += 0.02 if 3 * 60 <= minute < 7 * 60 else 0.002
        gateway.round(round(volume, 3))
    states = [orjson.loads(item.body) for batch in gateway.ledger.batches for item in batch.items if item.stream is Stream.ALARMS]
    excess: Sequence[str] = [body["state"] for body in states if body["alarm"] == "meter.consumption-excess"]
    assert excess[:2] == ["active", "returned"]


def test_a_clock_that_nobody_synchronises_counts_only_where_the_site_says_so(site: Site) -> None:
    for trusted in (False, True):
        gateway = Gateway(replace(site, energy=replace(site.energy, trust_clock=trusted)))
        gateway.clock.synced = False
        for i in range(62):
            gateway.round(shown(i))
        assert len(gateway.amounts()) == (4 if trusted else 0)
