"""One site becomes another while running: only what differs is touched, and nothing that people rely on is lost."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import PurePath
from typing import Any

import pytest
from runtime_kit import PROFILE, FakeUplink, House, bus, call, changed, device, living, low, site, uplink
from structlog.testing import capture_logs

from edgeguard.core.alarm import Alarm, AlarmState
from edgeguard.core.errors import ConfigError, Permanent
from edgeguard.core.ids import AlarmName, BusName, DeviceName, GatewayId, SiteId
from edgeguard.core.item import Stream
from edgeguard.core.register import Table
from edgeguard.core.site import ControlSpec, Site
from edgeguard.runtime import gateway as gateway_module
from edgeguard.testing.clock import FakeClock, run_virtual

PUMP_1, PUMP_2 = device("pump-1", "riser-a"), device("pump-2", "riser-b")
TWO = site(PUMP_1, PUMP_2)


@pytest.fixture(autouse=True)
def _fake_uplink(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeUplink.made = []
    monkeypatch.setattr(gateway_module, "Uplink", FakeUplink)


def told(story: Callable[[House], Awaitable[None]], of: Site = TWO, **how: object) -> None:
    clock = FakeClock()

    async def main() -> None:
        async with living(clock, of, **how) as house:  # type: ignore[arg-type]
            await story(house)

    run_virtual(main(), clock)


def names(house: House) -> list[str]:
    return [child.name for child in house.gateway.supervisor.children]


# --- units


def test_what_did_not_change_keeps_running_untouched() -> None:
    async def story(house: House) -> None:
        field = house.gateway.field
        kept_bus, kept, gone = house.bus("riser-a"), field.pollers[DeviceName("pump-1")], field.pollers[DeviceName("pump-2")]
        tasks = {child.name: child.task for child in house.gateway.supervisor.children}
        outcomes = house.pipeline.records[DeviceName("pump-1")]
        await house.gateway.reload(site(PUMP_1, changed(PUMP_2, period_ms=1000), sha256="b" * 64))
        assert house.bus("riser-a") is kept_bus
        assert field.pollers[DeviceName("pump-1")] is kept
        assert house.pipeline.records[DeviceName("pump-1")] is outcomes
        after = {child.name: child.task for child in house.gateway.supervisor.children}
        assert after["device.pump-1"] is tasks["device.pump-1"]
        assert after["bus.riser-a"] is tasks["bus.riser-a"]
        assert field.pollers[DeviceName("pump-2")] is not gone
        assert [made.name for made in house.buses] == ["riser-a", "riser-b", "riser-b"]
        assert house.gateway.site.sha256 == "b" * 64

    told(story)


def test_a_changed_device_is_polled_as_it_is_now_configured() -> None:
    async def story(house: House) -> None:
        await house.gateway.reload(site(PUMP_1, changed(PUMP_2, period_ms=1000)))
        await asyncio.sleep(10.5)
        first, second = await house.handlers.devices(call("devices"))
        assert (first.polls, second.polls, second.period_s) == (1, 11, 1.0)

    told(story)


def test_a_device_that_is_gone_is_asked_no_more_and_one_that_is_new_is() -> None:
    async def story(house: House) -> None:
        gone = house.bus("riser-a")
        before = len(gone.sent)
        house.unit("riser-c").set(Table.HOLDING, 0, 70)
        await house.gateway.reload(site(PUMP_2, device("pump-3", "riser-c", period_ms=1000)))
        await asyncio.sleep(5)
        assert names(house) == ["bus.riser-b", "device.pump-2", "bus.riser-c", "device.pump-3"]
        assert len(gone.sent) == before
        assert [view.name for view in await house.handlers.devices(call("devices"))] == ["pump-2", "pump-3"]
        assert house.pipeline.records[DeviceName("pump-3")].good[0] == pytest.approx(7.0)

    told(story)


def test_a_device_may_move_to_another_bus() -> None:
    async def story(house: House) -> None:
        await house.gateway.reload(site(PUMP_2, changed(PUMP_1, bus=BusName("riser-b"), address=2)))
        assert names(house) == ["bus.riser-b", "device.pump-2", "device.pump-1"]
        assert house.states() == {"pump-2.low": "normal", "pump-1.low": "active"}

    told(story, pressures={"riser-a": 1.0})


def test_a_bus_without_devices_is_kept_open() -> None:
    async def story(house: House) -> None:
        await house.gateway.reload(replace(TWO, devices=(PUMP_1,)))
        assert names(house) == ["bus.riser-a", "device.pump-1", "bus.riser-b"]

    told(story)


def test_a_site_without_anything_runs_and_can_grow() -> None:
    async def story(house: House) -> None:
        assert names(house) == []
        await house.gateway.reload(TWO)
        assert len(names(house)) == 4
        await house.gateway.reload(site())
        assert names(house) == []
        assert house.states() == {}

    told(story, site())


def test_devices_are_shown_in_the_order_of_the_new_configuration() -> None:
    async def story(house: House) -> None:
        kept = house.gateway.field.pollers[DeviceName("pump-1")]
        await house.gateway.reload(site(device("pump-0", "riser-b", 3), PUMP_2, PUMP_1))
        assert list(house.pipeline.records) == ["pump-0", "pump-2", "pump-1"]
        assert house.gateway.field.pollers[DeviceName("pump-1")] is kept

    told(story)


def test_the_order_of_the_units_alone_restarts_nothing() -> None:
    async def story(house: House) -> None:
        await house.gateway.reload(site(PUMP_2, PUMP_1))
        assert len(house.buses) == 2
        assert list(house.pipeline.records) == ["pump-2", "pump-1"]

    told(story)


# --- alarms


def test_a_standing_alarm_survives_the_reload_of_its_device_and_is_not_raised_again() -> None:
    async def story(house: House) -> None:
        await house.handlers.about_alarms.ack(call("ack", by="li", alarm="pump-1.low"))
        before = house.store.bodies(Stream.ALARMS)
        await house.gateway.reload(site(changed(PUMP_1, period_ms=1000), PUMP_2))
        assert house.states()["pump-1.low"] == "acked"
        await asyncio.sleep(5)
        assert house.states()["pump-1.low"] == "acked"
        assert house.store.bodies(Stream.ALARMS) == before
        house.unit("riser-a").set(Table.HOLDING, 0, 50)
        await asyncio.sleep(2)
        assert house.states()["pump-1.low"] == "normal"

    told(story, pressures={"riser-a": 1.0})


def test_an_alarm_whose_definition_is_gone_is_retired() -> None:
    async def story(house: House) -> None:
        await house.gateway.reload(site(changed(PUMP_1, alarms=()), PUMP_2))
        assert house.store.bodies(Stream.ALARMS)[-1]["alarm"] == "pump-1.low"
        assert house.store.bodies(Stream.ALARMS)[-1]["state"] == "normal"
        assert house.store.submitted[-1].alarms[0][1].state is AlarmState.NORMAL
        assert house.states() == {"pump-2.low": "normal"}

    told(story, pressures={"riser-a": 1.0})


def test_alarms_of_a_device_that_is_gone_are_retired() -> None:
    async def story(house: House) -> None:
        await house.gateway.reload(site(PUMP_2))
        assert [(b["alarm"], b["state"]) for b in house.store.bodies(Stream.ALARMS)] == [
            ("pump-1.low", "active"),
            ("pump-1.low", "normal"),
        ]

    told(story, pressures={"riser-a": 1.0})


def test_a_normal_alarm_that_is_removed_is_no_news() -> None:
    async def story(house: House) -> None:
        await house.gateway.reload(site(PUMP_2))
        assert house.store.bodies(Stream.ALARMS) == []

    told(story)


def test_alarms_from_before_the_start_stand_or_are_retired() -> None:
    stood = {low("pump-1").name: Alarm(AlarmState.ACKED), AlarmName("old-pump.low"): Alarm(AlarmState.ACTIVE)}

    async def story(house: House) -> None:
        assert house.states()["pump-1.low"] == "acked"
        assert [b["alarm"] for b in house.store.bodies(Stream.ALARMS)] == ["old-pump.low"]

    told(story, known=stood, pressures={"riser-a": 1.0})


# --- what goes wrong half way


@pytest.mark.parametrize("where", ["building", "beginning"])
def test_a_reload_that_breaks_in_the_middle_leaves_the_field_as_it_was(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a bug: what can be wrong with a configuration is found before anything is stopped."""

    async def story(house: House) -> None:
        field, before = house.gateway.field, names(house)
        house.unit("riser-b").silent = True
        await asyncio.sleep(5)
        standing = house.states()
        of_kind = "build" if where == "building" else "begin"
        original = getattr(field, of_kind)

        def broken(what: Any) -> Any:
            if getattr(what, "bus", None) == bus("riser-c") or getattr(getattr(what, "spec", None), "bus", None) == bus("riser-c"):
                raise LookupError("a bug")
            return original(what)

        monkeypatch.setattr(field, of_kind, broken)
        wanted = site(
            changed(PUMP_1, period_ms=1000), changed(PUMP_2, period_ms=1000), device("pump-3", "riser-c"), sha256="b" * 64
        )
        with pytest.raises(LookupError):
            await house.gateway.reload(wanted)
        assert sorted(names(house)) == sorted(before)
        assert (house.gateway.site, list(house.pipeline.records)) == (TWO, [DeviceName("pump-1"), DeviceName("pump-2")])
        assert {unit.spec.devices[0].period_ms for unit in field.units} == {PUMP_1.period_ms}
        assert house.states() == standing
        rounds = field.pollers[DeviceName("pump-1")].figures.rounds
        await asyncio.sleep(2.5 * PUMP_1.period_ms / 1000)
        assert field.pollers[DeviceName("pump-1")].figures.rounds > rounds
        monkeypatch.undo()
        await house.gateway.reload(wanted)
        assert len(field.pollers) == 3

    told(story)


# --- what needs a restart


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (replace(TWO, site=SiteId("elsewhere")), "gateway.site"),
        (replace(TWO, gateway=GatewayId("b08")), "gateway.id"),
        (replace(TWO, store=replace(TWO.store, max_rows=20_000)), "store"),
        (replace(TWO, control=ControlSpec(PurePath("/run/other.sock"))), "control"),
        (replace(TWO, site=SiteId("elsewhere"), gateway=GatewayId("b08")), "gateway.site, gateway.id"),
    ],
)
def test_what_cannot_change_while_running_is_refused_and_changes_nothing(wrong: Site, words: str) -> None:
    async def story(house: House) -> None:
        children = house.gateway.supervisor.children
        with pytest.raises(ConfigError) as raised:
            await house.gateway.reload(replace(wrong, devices=(PUMP_1,), buses=(bus("riser-a"),)))
        assert raised.value.mistakes == (
            f"/etc/edgeguard/site.toml: {words}: cannot change while running; restart edgeguard to apply it",
        )
        assert house.gateway.supervisor.children == children
        assert house.gateway.site is TWO

    told(story)


def test_a_refusal_is_told_and_so_is_the_next_configuration_without_mistakes() -> None:
    async def story(house: House) -> None:
        house.gateway.refuse(ConfigError(("a.toml:1: x", "a.toml:2: y")))
        assert (await house.handlers.status(call("status"))).config_error == "a.toml:1: x; a.toml:2: y"
        await house.gateway.reload(TWO)
        await house.gateway.reload(TWO)
        assert (await house.handlers.status(call("status"))).config_error == ""
        events = house.store.bodies(Stream.EVENTS)
        assert [(e["source"], e["code"], e["ok"]) for e in events] == [("config", "refused", False), ("config", "applied", True)]

    told(story)


def test_a_thousand_mistakes_still_fit_an_item() -> None:
    async def story(house: House) -> None:
        house.gateway.refuse(ConfigError(tuple(f"site.toml:{n}: 设备: 写错了" for n in range(500))))
        assert len(house.store.bodies(Stream.EVENTS)[0]["detail"]) == 2000

    told(story)


# --- uplink


def test_an_unchanged_uplink_keeps_its_session_and_publishes_the_new_catalog() -> None:
    link = uplink()

    async def story(house: House) -> None:
        (kept,) = FakeUplink.made
        await house.gateway.reload(site(PUMP_1, link=link))
        assert house.gateway.uplink is kept  # type: ignore[comparison-overlap]
        assert (kept.running, dict(kept.told)) == (True, {"catalog": 1, "credentials": 1})
        published = b"".join(page.payload for page in kept.catalog())
        assert (b"pump-1" in published, b"pump-2" in published) == (True, False)

    told(story, site(PUMP_1, PUMP_2, link=link))


def test_a_changed_uplink_says_goodbye_and_another_takes_its_place() -> None:
    async def story(house: House) -> None:
        await house.gateway.reload(site(PUMP_1, PUMP_2, link=uplink("b")))
        await asyncio.sleep(0)
        old, new = FakeUplink.made
        assert (old.running, old.told["close"], old.spec.host) == (False, 1, "a")
        assert (new.running, new.spec.host) == (True, "b")
        assert names(house).count("uplink") == 1
        assert len(house.buses) == 2

    told(story, site(PUMP_1, PUMP_2, link=uplink("a")))


def test_an_uplink_can_be_taken_away_and_come_back() -> None:
    async def story(house: House) -> None:
        await house.gateway.reload(TWO)
        assert house.gateway.uplink is None
        assert "uplink" not in names(house)
        for wake in house.store.wakes:
            wake()
        await house.gateway.reload(site(PUMP_1, PUMP_2, link=uplink()))
        await asyncio.sleep(0)
        old, new = FakeUplink.made
        for wake in house.store.wakes:
            wake()
        assert (old.told["wake"], new.told["wake"], new.running) == (0, 1, True)

    told(story, site(PUMP_1, PUMP_2, link=uplink()))


def test_a_goodbye_that_does_not_end_holds_nothing_up() -> None:
    async def story(house: House) -> None:
        (old,) = FakeUplink.made
        old.never_ends = True
        begun_s = asyncio.get_running_loop().time()
        await house.gateway.reload(TWO)
        assert asyncio.get_running_loop().time() - begun_s <= 1.1
        assert not old.running

    told(story, site(PUMP_1, PUMP_2, link=uplink()))


def test_polling_stops_before_the_uplink_says_goodbye() -> None:
    async def story(house: House) -> None:
        (link,) = FakeUplink.made
        link.never_ends = True
        stopping = asyncio.create_task(house.gateway.stop(1.5))
        await asyncio.sleep(1.0)
        assert link.told["close"] == 1
        assert names(house) == ["uplink"]
        await stopping
        assert names(house) == []

    told(story, site(PUMP_1, PUMP_2, link=uplink()))


# --- the watchdog's evidence


def test_parked_parts_are_no_evidence_and_running_ones_are() -> None:
    async def story(house: House) -> None:
        house.store.beat_s = 1000.0
        (link,) = FakeUplink.made
        assert house.gateway.beats_s() == {"store": 1000.0}
        link.beat_s = 1001.0
        assert house.gateway.beats_s() == {"store": 1000.0, "uplink": 1001.0}
        assert set(house.gateway.poll_figures()) == {"device.pump-1", "device.pump-2"}

    told(story, site(PUMP_1, PUMP_2, link=uplink()))


def test_an_uplink_that_is_parked_does_not_starve_the_watchdog() -> None:
    clock = FakeClock()

    async def main() -> None:
        house = House(clock, site(PUMP_1, link=uplink()))
        house.gateway.start({})
        (link,) = FakeUplink.made
        link.failure, link.beat_s = Permanent("the certificate is missing"), 1.0
        await asyncio.sleep(0.1)
        status = await house.handlers.status(call("status"))
        assert [(t.name, t.state) for t in status.tasks if t.state == "failed"] == [("uplink", "failed")]
        assert house.gateway.beats_s() == {}
        assert set(house.gateway.poll_figures()) == {"device.pump-1"}
        await house.gateway.stop(0.1)

    run_virtual(main(), clock)


def test_a_poller_that_is_parked_does_not_starve_the_watchdog() -> None:
    async def story(house: House) -> None:
        async def broken() -> None:
            raise Permanent("the profile is missing")

        await house.gateway.supervisor.stop("device.pump-1")
        house.gateway.supervisor.start("device.pump-1", broken)
        await asyncio.sleep(0.1)
        assert set(house.gateway.poll_figures()) == {"device.pump-2"}

    told(story)


def test_an_unchanged_profile_is_the_same_unit_even_if_it_was_read_again() -> None:
    async def story(house: House) -> None:
        again = replace(PROFILE, points=tuple(replace(point) for point in PROFILE.points))
        await house.gateway.reload(site(changed(PUMP_1, profile=again), PUMP_2))
        assert len(house.buses) == 2
        await house.gateway.reload(site(changed(PUMP_1, profile=replace(again, sha256="d" * 64)), PUMP_2))
        assert len(house.buses) == 3

    told(story)


# --- all down


@pytest.mark.slow
def test_thirty_devices_that_are_down_for_ten_minutes_fill_neither_log_nor_store() -> None:
    units = range(1, 11)
    many = site(*(device(f"d-{bus}-{unit}", bus, unit, period_ms=10_000) for bus in ("a", "b", "c") for unit in units))

    async def story(house: House) -> None:
        await asyncio.sleep(15)
        before = len(house.store.taken)
        for bus_name in ("a", "b", "c"):
            for unit in units:
                house.unit(bus_name, unit).silent = True
        with capture_logs() as log:
            await asyncio.sleep(600)
        events = [entry["event"] for entry in log]
        assert events.count("device.silent") == 30
        assert len(events) <= 4 * 30, Counter(events)
        items = [item for batch in house.store.taken[before:] for item in batch.items]
        assert len(items) <= 6 * 30, Counter(str(item.stream) for item in items)
        for bus_name in ("a", "b", "c"):
            for unit in units:
                house.unit(bus_name, unit).silent = False
        with capture_logs() as log:
            await asyncio.sleep(60)
        assert [entry["event"] for entry in log].count("device.revived") == 30

    told(story, many)
