"""Maintenance hints in the daemon: kept with their news, known after a restart, shown, recorded as done, put aside."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from runtime_kit import POINTS, FakeStore, House, bodies, call, device, living, site

from edgeguard.control import BadArguments, UnknownName
from edgeguard.core.ids import DeviceName, PointName
from edgeguard.core.interlock import PointRef
from edgeguard.core.item import Stream
from edgeguard.core.maintenance import DeviceMaintenance, HintKind, MaintenanceSpec, WatchedQuantity
from edgeguard.core.point import Outcome, RoleUse
from edgeguard.core.register import RawType, RegisterField, Table
from edgeguard.core.site import DeviceSpec, Site
from edgeguard.core.snapshot import Snapshot
from edgeguard.rules.hint_memory import load
from edgeguard.rules.maintenance import DAY_MS
from edgeguard.rules.sights import AtRest
from edgeguard.runtime.hints_watch import HintsWatch, care_for, modulus_of
from edgeguard.runtime.pipeline import Pipeline
from edgeguard.testing.clock import FakeClock, run_virtual

PUMP = DeviceName("pump-1")
SPEC = MaintenanceSpec(devices={PUMP: DeviceMaintenance(watch=(WatchedQuantity(PointName("pressure"), 8.0),))})
RUNS = replace(POINTS[2], roles=(RoleUse("pump.running"),))


def pump(name: str = "pump-1") -> DeviceSpec:
    made = device(name, "riser-a")
    return replace(made, profile=replace(made.profile, points=(*POINTS[:2], RUNS)))


class Nobody:
    """Counts nothing."""

    def counted(self, device: DeviceName) -> Mapping[str, float]:
        del device
        return {}


class Plant:
    """A pump whose pressure is read every four hours; the process can end and begin anew."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = FakeStore()
        self.begin({})

    def begin(self, states: dict[str, bytes], spec: MaintenanceSpec = SPEC) -> None:
        self.watch = HintsWatch(spec, Nobody())
        self.pipeline = Pipeline(self.store, self.clock)
        self.pipeline.add(pump(), {})
        self.pipeline.watch((self.watch,), {"hints": states})

    def days(self, count: int, pressure: Callable[[int], Outcome]) -> None:
        for round_ in range(count * 24):
            self.clock.advance(3600.0)
            outcomes: tuple[Outcome, ...] = (pressure(round_ // 24), "auto", True)
            self.pipeline.take(Snapshot(PUMP, self.clock.now(), (*POINTS[:2], RUNS), outcomes, True))

    def hints(self) -> list[dict[str, Any]]:
        return [body for body in self.store.bodies(Stream.EVENTS) if body["type"] == "hint"]

    def kept(self) -> dict[str, bytes]:
        states = {state.name: state.body for batch in self.store.submitted for state in batch.states}
        return {name: body for name, body in states.items() if body}


def wavering(day: int) -> float:
    return 4.0 + 0.02 * ((day * 7) % 5 - 2)


@cache
def worn_plant() -> Plant:
    """A pump with a hint that stands. Only to be looked at."""
    plant = Plant()
    plant.days(14, wavering)
    plant.days(16, lambda day: wavering(day) + 0.12 * day)
    return plant


def worn() -> Mapping[str, bytes]:
    """What is kept of it."""
    return worn_plant().kept()


def test_a_hint_is_told_once_in_the_transaction_that_keeps_it() -> None:
    plant = worn_plant()
    raised = [hint for hint in plant.hints() if hint["state"] == "raised"]
    batch = next(b for b in plant.store.submitted if any(b"raised" in item.body and b'"hint"' in item.body for item in b.items))

    assert [hint["id"] for hint in raised] == ["pump-1.quantity-pressure"]
    assert raised[0]["evidence"]["limit"] == 8.0
    assert raised[0]["limit_date"] > raised[0]["onset"]
    (state,) = batch.states
    hint = load(state.body).hint("quantity-pressure")
    assert hint is not None
    assert hint.stands


def test_a_restart_goes_on_where_it_was_and_says_nothing_twice() -> None:
    plant = Plant()
    plant.clock.advance(30 * 86_400)
    plant.begin(dict(worn()))
    plant.pipeline.sweep()

    assert [report.id for report in plant.watch.reports()] == ["pump-1.quantity-pressure"]
    plant.days(1, lambda day: wavering(day) + 0.12 * 16)
    assert [hint["state"] for hint in plant.hints()] in ([], ["updated"])


def test_what_is_not_wanted_any_more_is_withdrawn_and_its_memory_taken_away() -> None:
    plant = Plant()
    plant.begin({**worn(), "gone-1": b"{}"}, MaintenanceSpec())
    for _ in range(3):
        plant.pipeline.sweep()

    assert (plant.hints()[-1]["state"], plant.hints()[-1]["gone"]) == ("withdrawn", "no-longer-watched")
    assert any(state.name == "gone-1" and not state.body for batch in plant.store.submitted for state in batch.states)


def test_the_hints_of_a_device_that_is_gone_are_withdrawn() -> None:
    plant = Plant()
    plant.begin({"pump-9": worn()["pump-1"]}, MaintenanceSpec(enabled=False))
    plant.pipeline.sweep()

    assert (plant.hints()[-1]["id"], plant.hints()[-1]["state"]) == ("pump-9.quantity-pressure", "withdrawn")
    assert [state.body for state in plant.store.submitted[-1].states] == [b""]


def test_a_day_to_which_the_clock_is_set_begins_at_the_next_round() -> None:
    """Rounds a second apart are left out for a minute; not so when somebody sets the clock."""
    plant = Plant()
    days = []
    for leap_s in (0.0, 0.0, 86_400.0, 0.0):
        plant.clock.step_wall(leap_s)
        plant.clock.advance(1.0)
        plant.pipeline.take(Snapshot(PUMP, plant.clock.now(), (*POINTS[:2], RUNS), (4.0, "auto", True), True))
        days.append(plant.watch.state(PUMP).today)
    assert days[0] is not None
    assert days == [days[0], days[0], days[0] + 1, days[0] + 1]


def test_a_site_that_wants_no_hints_has_none() -> None:
    assert care_for(pump(), MaintenanceSpec(enabled=False)).intervals == ()
    assert [interval.usage.value for interval in care_for(pump(), MaintenanceSpec()).intervals] == ["run-hours", "starts"]


def test_degrees_around_the_devices_are_those_of_the_last_hour() -> None:
    plant = Plant()
    plant.begin({}, replace(SPEC, outside=PointRef(PUMP, PointName("pressure"))))
    plant.days(1, lambda _: 21.5)
    now = plant.clock.now()
    assert plant.watch._outside(now) == 21.5
    assert plant.watch._outside(replace(now, boot_ms=now.boot_ms + 3_700_000)) is None


@pytest.mark.parametrize(
    ("kind", "scale", "modulus"), [(RawType.UINT16, 0.1, 6553.6), (RawType.UINT32, 1.0, 2.0**32), (RawType.FLOAT32, 1.0, None)]
)
def test_a_counter_begins_again_where_its_register_ends(kind: RawType, scale: float, modulus: float | None) -> None:
    assert modulus_of(RegisterField(Table.INPUT, 0, kind, scale=scale)) == (None if modulus is None else pytest.approx(modulus))


# --- on the control socket

SITE: Site = replace(site(pump()), maintenance=SPEC)


def told(story: Callable[[House], Awaitable[None]]) -> None:
    clock = FakeClock()

    async def main() -> None:
        async with living(clock, SITE) as house:
            await story(house)

    run_virtual(main(), clock)


def test_everything_that_is_watched_is_shown() -> None:
    async def story(house: House) -> None:
        view = await house.handlers.table()["hints"](call("hints", all=True))
        assert view.hints == ()  # type: ignore[attr-defined]
        assert [one.name for one in view.watched] == ["quantity-pressure", "wear-run-hours", "wear-starts"]  # type: ignore[attr-defined]
        assert view.watched[0].state == "learning"  # type: ignore[attr-defined]
        with pytest.raises(UnknownName, match="no device pump-9"):
            await house.handlers.table()["hints"](call("hints", device="pump-9"))

    told(story)


def test_a_service_is_on_record_with_who_and_what_and_begins_anew() -> None:
    async def story(house: House) -> None:
        service = house.handlers.table()["service"]
        view = await service(call("service", by="liwei", device="pump-1", done="bearings greased", about=("wear-run-hours",)))
        (record,) = [body for body in bodies(house.store.durable, Stream.EVENTS) if body.get("name") == "service"]
        assert (record["target"], record["result"]) == ("pump-1", "done")
        assert "liwei" in record["by"]
        assert record["detail"] == "bearings greased [wear-run-hours]"
        assert view.reset == ("wear-run-hours",)  # type: ignore[attr-defined]
        kept = json.loads(house.store.durable[-1].states[0].body)
        assert kept["service"][1:] == [record["by"], "bearings greased"]
        assert kept["tallies"]["run-hours"][3] == house.clock.now().wall_ms // DAY_MS

    told(story)


def test_what_cannot_be_serviced_or_put_aside_is_said() -> None:
    async def story(house: House) -> None:
        table = house.handlers.table()
        with pytest.raises(UnknownName, match="nothing is watched"):
            await table["service"](call("service", by="li", device="meter", done="x"))
        with pytest.raises(UnknownName, match="wear-run-hours"):
            await table["service"](call("service", by="li", device="pump-1", done="x", about=("rotor",)))
        with pytest.raises(BadArguments, match="what was done"):
            await table["service"](call("service", by="li", device="pump-1", done="  "))
        with pytest.raises(UnknownName, match="no hint"):
            await table["snooze-hint"](call("snooze-hint", by="li", hint="pump-1.quantity-pressure", days=7))
        with pytest.raises(BadArguments, match="1 to 365"):
            await table["snooze-hint"](call("snooze-hint", by="li", hint="pump-1.quantity-pressure", days=0))

    told(story)


def test_a_named_quantity_is_watched_while_the_pump_stands_or_runs() -> None:
    watched = WatchedQuantity(PointName("pressure"), 8.0, running=False, season_swing=2.0)
    site_spec = MaintenanceSpec(devices={PUMP: DeviceMaintenance(watch=(watched,), off=frozenset({HintKind.WEAR}))})
    care = care_for(pump(), site_spec)

    assert care.intervals == ()
    (gauge,) = care.gauges
    assert isinstance(gauge.sight, AtRest)
    assert gauge.sight.wanted is False
    assert gauge.season.swing == 2.0
