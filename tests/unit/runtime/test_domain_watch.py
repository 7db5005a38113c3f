"""The simulator's faults through the whole pipeline: exactly the right alarms, and counters that no restart takes back."""

from pathlib import Path

import pytest
from domain_house import Clock, Kept, WatchedHouse, example

from edgeguard.config import load_site
from edgeguard.core.ids import DeviceName
from edgeguard.core.item import Stream
from edgeguard.core.point import Outcome
from edgeguard.core.snapshot import Snapshot
from edgeguard.runtime.domain_watch import DomainWatch
from edgeguard.runtime.families import watches_of
from edgeguard.runtime.pipeline import Pipeline
from edgeguard.simulator.faults import BUILDING, Kind
from edgeguard.simulator.faults import Fault as Trouble


def figures(store: Kept, device: str) -> list[dict[str, float]]:
    """What was counted, in the order of telling."""
    told = [body["values"] for body in store.bodies(Stream.TELEMETRY) if body["device"] == device]
    return [values for values in told if any(name.endswith("_counted") for name in values)]


def test_a_trapped_passenger_is_found_and_let_out() -> None:
    house = WatchedHouse(example(), start_s=3 * 3600.0, faults=(Trouble("lift-1", Kind.TRAPPED, 2.0, 45.0),), only=("lift",))
    house.live(56)
    assert house.raised() == {"lift-1.trapped", "lift-1.fault"}, "and its own door alarm has come up beneath it, unseen"
    states = [body["state"] for body in house.store.bodies(Stream.ALARMS) if body["alarm"] == "lift-1.trapped"]
    assert states == ["active", "returned"]


def test_a_dry_tank_is_one_cause() -> None:
    house = WatchedHouse(example(), faults=(Trouble("pump-1", Kind.DRY_RUN, 2.0),), only=("pump", "tank"))
    house.live(20)
    raised = house.raised()
    assert raised == {"pump-1.dry-run", "pump-2.dry-run", "tank-level.level-low"}


def test_a_lost_phase_is_told_as_that() -> None:
    house = WatchedHouse(example(), start_s=3 * 3600.0, faults=(Trouble(BUILDING, Kind.PHASE_LOST, 2.0),), only=("main", "plant"))
    house.live(14)
    raised = house.raised()
    assert raised == {"main-meter.phase-loss", "plant-meter.phase-loss"}


@pytest.mark.slow
def test_counters_go_on_after_a_kill() -> None:
    house = WatchedHouse(example(), start_s=7.6 * 3600.0, only=("lift",))
    house.live(80)
    before = figures(house.store, "lift-1")[-1]
    assert before["trips_counted"] >= 2
    house.clock.boot = "boot-2"
    house.boot(house.store.states())
    house.live(40)
    told = figures(house.store, "lift-1")
    for name in ("trips_counted", "door_cycles_counted", "run_hours_counted"):
        row = [values[name] for values in told]
        assert row == sorted(row), f"{name} only grows"
    assert told[-1]["trips_counted"] > before["trips_counted"]


def test_what_is_remembered_of_devices_that_are_gone_is_taken_away() -> None:
    house = WatchedHouse(example(), start_s=3 * 3600.0, only=("lift",))
    house.boot({"domain": {"lift-9.lift": b'{"trips":[7,0,false]}', "lift-1.lift": b"junk"}})
    house.live(2)
    gone = [state.name for batch in house.store.batches for state in batch.states if not state.body]
    assert gone == ["lift-9.lift"]
    assert figures(house.store, "lift-1")[-1]["trips_counted"] == 0.0


@pytest.mark.slow
@pytest.mark.parametrize("start_s", [0.5 * 3600.0, 7.2 * 3600.0], ids=["night", "morning"])
def test_a_healthy_building_is_quiet(start_s: float) -> None:
    """Fifteen minutes each."""
    house = WatchedHouse(example(), seed=11, start_s=start_s)
    house.live(900, step_s=2.0)
    assert house.raised() == set()


TERMINAL = """
[gateway]
site = "lakeside"
id = "b07"
[[bus]]
name = "lift"
url = "tcp://10.0.0.7"
[[device]]
name = "lift-1"
bus = "lift"
address = 1
profile = "gbt24476-lift-terminal"
every = "1s"
"""


def test_a_terminal_of_the_standard_finds_the_trapped_passenger_too(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text(TERMINAL, "utf-8")
    house = WatchedHouse(load_site(path), start_s=3 * 3600.0, faults=(Trouble("lift-1", Kind.TRAPPED, 2.0),))
    house.live(50)
    assert house.raised() == {"lift-1.trapped", "lift-1.door-open-fault"}
    assert not any("trips" in name or "run_hours" in name for values in figures(house.store, "lift-1") for name in values), (
        "it counts these itself"
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", [Kind.STUCK, Kind.DRIFTING])
def test_a_device_that_shows_wrong_values_raises_no_wrong_alarm(kind: Kind) -> None:
    house = WatchedHouse(example(), start_s=3 * 3600.0, faults=(Trouble("lift-1", kind, 2.0),), only=("lift",))
    house.live(60)
    assert house.raised() == set()


def test_what_was_counted_is_there_for_other_families() -> None:
    house = WatchedHouse(example(), start_s=3 * 3600.0, only=("pump",))
    house.live(4)
    (watch,) = (one for one in watches_of(example()) if isinstance(one, DomainWatch))
    watch.begin(house.pipeline.records, house.store.states()["domain"], house.clock.now())
    taken = house.pipeline.records[DeviceName("pump-1")]
    watch.take(taken, Snapshot(taken.spec.name, house.clock.now(), taken.rules.points, taken.outcomes, answered=True))
    assert watch.counted(DeviceName("pump-1"))["starts_counted"] == 0.0


def shown_by(path: Path, message: str, *, occupied: bool, seconds: int = 45) -> list[set[str]]:
    """The alarms that stand and are told, second by second, of a terminal whose car stops off its floor."""
    path.write_text(TERMINAL, "utf-8")
    site = load_site(path)
    clock, store = Clock(), Kept()
    pipeline = Pipeline(store, clock)
    (spec,) = site.devices
    pipeline.add(spec, {})
    pipeline.watch(watches_of(site), {})
    usual: dict[str, Outcome] = {"service_mode": "normal", "direction": "none", "floor": 3.0, "running_time": 1.0, "trips": 1.0}
    here: dict[str, Outcome] = {"car_status": "stopped", "door_zone": False, "door_closed": True}
    here |= {"passenger": occupied, "message": message}
    states: dict[str, str] = {}
    seen = []
    for _ in range(seconds):
        clock.second += 1
        row = tuple((usual | here)[str(point.name)] for point in spec.profile.points)
        pipeline.take(Snapshot(spec.name, clock.now(), spec.profile.points, row, answered=True))
        pipeline.sweep()
        states = {body["alarm"].partition(".")[2]: body["state"] for body in store.bodies(Stream.ALARMS)}
        seen.append({name for name, state in states.items() if state == "active"})
    return seen


@pytest.mark.parametrize(
    ("message", "own"),
    [
        ("stopped outside the unlocking zone", {"stopped-outside-zone"}),
        ("safety circuit open while running", {"safety-circuit"}),
        ("motor run-time limiter", {"run-time-limiter"}),
        ("none", set[str]()),
    ],
)
def test_one_cause_of_a_lift_is_one_alarm(tmp_path: Path, message: str, own: set[str]) -> None:
    empty = shown_by(tmp_path / "site.toml", message, occupied=False)
    assert all(len(told) <= 1 for told in empty)
    assert empty[0] == own, "at once"
    graver = {"stopped-between-floors"} if message in ("motor run-time limiter", "none") else own
    assert empty[-1] == graver
    full = shown_by(tmp_path / "site.toml", message, occupied=True)
    assert all(len(told) <= 1 for told in full)
    assert full[0] == own, "nobody waits for a trapped passenger to be proved"
    assert full[-1] == {"trapped"}
