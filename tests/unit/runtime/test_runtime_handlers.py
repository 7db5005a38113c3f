"""What the daemon answers on its control socket, and what a write leaves on record, whatever comes of it."""

import asyncio
import os
from collections.abc import Awaitable, Callable

import pytest
from runtime_kit import FakeUplink, House, bodies, call, device, living, site, uplink

from edgeguard import __version__
from edgeguard.bus import ExchangeFailed
from edgeguard.control import METHODS, UnknownName
from edgeguard.control.views import WriteView
from edgeguard.core.errors import ConfigError, StoreError, WriteRefused
from edgeguard.core.ids import BusName
from edgeguard.core.item import STREAMS, Backlog, Stream
from edgeguard.core.limits import AUDIT_WITHIN_S
from edgeguard.core.point import Value
from edgeguard.core.register import Table
from edgeguard.runtime import gateway as gateway_module
from edgeguard.testing.clock import FakeClock, run_virtual

ONE = site(device("pump-1", "riser-a"))
TWO = site(device("pump-1", "riser-a"), device("pump-2", "riser-b"))


def told(story: Callable[[House], Awaitable[None]], of: object = ONE, **how: object) -> None:
    """Run a story in a living house in virtual time."""
    clock = FakeClock()

    async def main() -> None:
        async with living(clock, of, **how) as house:  # type: ignore[arg-type]
            await story(house)

    run_virtual(main(), clock)


def write(house: House, value: Value, point: str = "pressure", name: str = "pump-1") -> Awaitable[WriteView]:
    return house.handlers.write(call("write", by="technician", device=name, point=point, value=value))


def test_every_method_of_the_socket_has_a_handler_and_no_other_exists() -> None:
    async def story(house: House) -> None:
        assert set(house.handlers.table()) == set(METHODS)

    told(story)


# --- views


def test_status_counts_what_is_there() -> None:
    async def story(house: House) -> None:
        house.clock.advance(90)
        status = await house.handlers.status(call("status"))
        assert (status.site, status.gateway, status.version, status.pid) == ("lakeside", "b07", __version__, os.getpid())
        assert (status.devices, status.devices_online, status.points, status.points_bad) == (2, 2, 6, 0)
        assert status.alarms_active == 1
        assert 90.0 <= status.uptime_s < 91.0
        assert [task.name for task in status.tasks] == ["bus.riser-a", "device.pump-1", "bus.riser-b", "device.pump-2"]
        assert {task.state for task in status.tasks} == {"running"}
        assert status.uplink is None
        assert status.rss_mib > 1.0

    told(story, TWO, pressures={"riser-a": 1.0})


def test_acknowledged_alarms_still_count_as_active() -> None:
    async def story(house: House) -> None:
        await house.handlers.about_alarms.ack(call("ack", by="li", alarm="pump-1.low"))
        assert (await house.handlers.status(call("status"))).alarms_active == 1

    told(story, pressures={"riser-a": 1.0})


def test_an_old_error_of_the_store_is_not_shown_once_its_trouble_is_over() -> None:
    async def story(house: House) -> None:
        house.store.trouble, house.store.last_error = "disk-full", "no space left"
        assert (await house.handlers.status(call("status"))).store_error == "no space left"
        assert (await house.handlers.outbox(call("outbox"))).error == "no space left"
        house.store.trouble = None
        assert (await house.handlers.status(call("status"))).store_error == ""
        assert (await house.handlers.outbox(call("outbox"))).error == ""

    told(story)


@pytest.mark.parametrize(("tls", "url"), [(True, "mqtts://mqtt.example:8883"), (False, "mqtt://mqtt.example:1883")])
def test_status_shows_the_session_with_the_platform(tls: bool, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    FakeUplink.made = []
    monkeypatch.setattr(gateway_module, "Uplink", FakeUplink)

    async def story(house: House) -> None:
        view = (await house.handlers.status(call("status"))).uplink
        assert view is not None
        assert (view.url, view.state, view.protocol, view.acked_items, view.inflight) == (url, "online", "5", 17, 3)

    told(story, site(device("pump-1", "riser-a"), link=uplink("mqtt.example", tls)))


def test_devices_come_in_the_order_of_the_configuration_with_their_figures() -> None:
    async def story(house: House) -> None:
        first, second = await house.handlers.devices(call("devices"))
        assert (first.name, first.bus, first.state, first.polls, first.failures) == ("pump-1", "riser-a", "online", 1, 0)
        assert (first.points, first.points_bad, first.requests_per_round) == (3, 0, 2)
        assert 3598.0 < first.next_try_s <= 3600.0
        assert second.name == "pump-2"

    told(story, TWO)


def test_a_device_that_is_just_not_polled_is_still_shown() -> None:
    async def story(house: House) -> None:
        await house.gateway.field.stop([BusName("riser-a")])
        (view,) = await house.handlers.devices(call("devices"))
        assert (view.name, view.polls, view.next_try_s, view.points) == ("pump-1", 0, 0.0, 3)

    told(story)


def test_points_of_all_devices_or_of_one() -> None:
    async def story(house: House) -> None:
        everything = await house.handlers.points(call("points"))
        assert [(view.device, view.point) for view in everything][::3] == [("pump-1", "pressure"), ("pump-2", "pressure")]
        one = await house.handlers.points(call("points", device="pump-2"))
        assert [(view.point, view.value, view.quality) for view in one] == [
            ("pressure", 5.0, "good"),
            ("mode", "auto", "good"),
            ("running", False, "good"),
        ]
        with pytest.raises(UnknownName, match="no device pump-9"):
            await house.handlers.points(call("points", device="pump-9"))

    told(story, TWO)


def test_alarms_are_those_that_are_not_normal_unless_all_are_asked_for() -> None:
    async def story(house: House) -> None:
        standing = await house.handlers.about_alarms.alarms(call("alarms"))
        assert [(view.alarm, view.state, view.value, view.limit) for view in standing] == [("pump-1.low", "active", 1.0, 2.0)]
        everything = await house.handlers.about_alarms.alarms(call("alarms", all=True))
        assert [(view.alarm, view.state) for view in everything] == [("pump-1.low", "active"), ("pump-2.low", "normal")]

    told(story, TWO, pressures={"riser-a": 1.0})


def test_the_outbox_stream_by_stream() -> None:
    async def story(house: House) -> None:
        oldest = house.clock.now()
        house.clock.advance(120)
        house.store.backlogs = tuple(Backlog(stream, 5, 500, 8, 12, oldest, 1) for stream in STREAMS)
        house.store.holds_s = 43_200.0
        house.store.dropped = ((Stream.EVENTS, 2), (Stream.TELEMETRY, 40))
        view = await house.handlers.outbox(call("outbox"))
        assert (view.epoch, view.path, view.holds_days, view.dropped) == (
            "0123456789abcdef",
            "/var/lib/edgeguard",
            0.5,
            42,
        )
        assert [stream.stream for stream in view.streams] == ["alarms", "events", "telemetry"]
        alarms = view.streams[0]
        assert (alarms.rows, alarms.first_seq, alarms.last_seq, alarms.oldest_age_s, alarms.dead) == (5, 8, 12, 120.0, 1)

    told(story)


def test_an_empty_outbox_has_no_oldest_item_and_holds_for_nobody_knows_how_long() -> None:
    async def story(house: House) -> None:
        view = await house.handlers.outbox(call("outbox"))
        assert view.holds_days is None
        assert {(s.oldest_at, s.oldest_age_s, s.first_seq) for s in view.streams} == {("", 0.0, None)}

    told(story)


def test_top_holds_everything_but_only_the_points_that_are_wanted() -> None:
    async def story(house: House) -> None:
        whole = await house.handlers.top(call("top"))
        assert {view.device for view in whole.points} == {"pump-1", "pump-2"}
        part = await house.handlers.top(call("top", devices=("pump-2",)))
        assert {view.device for view in part.points} == {"pump-2"}
        assert [view.name for view in part.devices] == ["pump-1", "pump-2"]
        assert [view.alarm for view in part.alarms] == ["pump-1.low"]
        assert any("pump-1.low active" in event for event in part.events)
        nobody = await house.handlers.top(call("top", devices=("ghost",)))
        assert nobody.points == ()

    told(story, TWO, pressures={"riser-a": 1.0})


def test_reload_gives_the_digest_of_what_is_in_force_or_the_mistakes() -> None:
    wrong: list[ConfigError] = []

    async def reload() -> str:
        if wrong:
            raise wrong[0]
        return "c" * 64

    async def story(house: House) -> None:
        assert (await house.handlers.reload(call("reload"))).config_sha256 == "c" * 64
        wrong.append(ConfigError(("site.toml:3: gateway.id: is missing",)))
        with pytest.raises(ConfigError, match="is missing"):
            await house.handlers.reload(call("reload"))

    told(story, reload=reload)


# --- acknowledging


def test_an_acknowledgement_is_durable_before_it_is_answered() -> None:
    async def story(house: House) -> None:
        house.store.gate.clear()
        asked = asyncio.create_task(house.handlers.about_alarms.ack(call("ack", by="li", alarm="pump-1.low")))
        await asyncio.sleep(AUDIT_WITHIN_S / 2)
        assert not asked.done()
        house.store.gate.set()
        view = await asked
        assert (view.alarm, view.state) == ("pump-1.low", "acked")
        (batch,) = house.store.durable
        assert [(name, alarm.state.value) for name, alarm in batch.alarms] == [("pump-1.low", "acked")]
        (event,) = bodies([batch], Stream.EVENTS)
        assert (event["name"], event["target"], event["result"]) == ("ack", "pump-1.low", "done")
        assert event["by"].endswith("(as li)")
        assert [body["state"] for body in bodies([batch], Stream.ALARMS)] == ["acked"]

    told(story, pressures={"riser-a": 1.0})


def test_an_acknowledgement_that_cannot_be_recorded_says_so() -> None:
    async def story(house: House) -> None:
        house.store.gate.clear()
        with pytest.raises(StoreError, match=r"pump-1\.low is acknowledged, but that cannot be recorded yet"):
            await house.handlers.about_alarms.ack(call("ack", by="li", alarm="pump-1.low"))
        assert house.states() == {"pump-1.low": "acked"}

    told(story, pressures={"riser-a": 1.0})


def test_acknowledging_what_is_normal_changes_nothing() -> None:
    async def story(house: House) -> None:
        view = await house.handlers.about_alarms.ack(call("ack", by="li", alarm="pump-1.low"))
        assert view.state == "normal"
        assert house.store.durable == []

    told(story)


@pytest.mark.parametrize("name", ["pump-1.high", "ghost.low", "pump-1", "", 'pump-1.lo .did you mean "pump-1.low"'])
def test_an_unknown_alarm_is_named(name: str) -> None:
    async def story(house: House) -> None:
        with pytest.raises(UnknownName, match=f"there is no alarm {name}"):
            await house.handlers.about_alarms.ack(call("ack", by="li", alarm=name.partition(" ")[0]))
        assert house.store.durable == []

    told(story)


# --- reading


def test_reading_goes_to_several_devices_at_once() -> None:
    async def story(house: House) -> None:
        for riser in ("riser-a", "riser-b"):
            house.unit(riser).response_s = 0.4
        begun_s = asyncio.get_running_loop().time()
        views = await house.handlers.read(call("read", targets=("pump-2.pressure", "pump-1.pressure")))
        assert asyncio.get_running_loop().time() - begun_s == pytest.approx(0.4)
        assert [(view.device, view.value) for view in views] == [("pump-2", 5.0), ("pump-1", 5.0)]

    told(story, TWO)


def test_reading_shows_what_the_device_says_now_and_not_what_was_known() -> None:
    async def story(house: House) -> None:
        house.unit("riser-a").set(Table.HOLDING, 0, 61)
        (fresh,) = await house.handlers.read(call("read", targets=("pump-1.pressure",)))
        assert fresh.value == pytest.approx(6.1)
        assert (fresh.quality, fresh.age_s) == ("good", 0.0)
        house.unit("riser-a").silent = True
        (lost,) = await house.handlers.read(call("read", targets=("pump-1.pressure",)))
        assert (lost.value, lost.quality) == (None, "bad")
        assert lost.reason.startswith("timeout")

    told(story)


def test_reading_a_device_gives_all_its_points() -> None:
    async def story(house: House) -> None:
        views = await house.handlers.read(call("read", targets=("pump-1",)))
        assert [view.point for view in views] == ["pressure", "mode", "running"]

    told(story)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("ghost", "no device ghost"),
        ("pum-1", 'no device pum-1 .did you mean "pump-1"'),
        ("pump-1.flow", "pump-1 has no point flow .known: "),
        ("pump-1.presure", 'pump-1 has no point presure .did you mean "pressure"'),
    ],
)
def test_reading_nothing_that_is_unknown(target: str, words: str) -> None:
    async def story(house: House) -> None:
        before = len(house.bus("riser-a").sent)
        with pytest.raises(UnknownName, match=words):
            await house.handlers.read(call("read", targets=("pump-1.pressure", target)))
        assert len(house.bus("riser-a").sent) == before

    told(story)


def test_reading_a_device_whose_bus_is_just_being_replaced_says_so() -> None:
    async def story(house: House) -> None:
        await house.gateway.field.stop([BusName("riser-a")])
        with pytest.raises(UnknownName, match="pump-1 is not polled at this moment"):
            await house.handlers.read(call("read", targets=("pump-1",)))

    told(story)


# --- writing


def test_a_write_is_on_record_before_the_device_is_touched() -> None:
    async def story(house: House) -> None:
        house.store.gate.clear()
        asked = asyncio.ensure_future(write(house, 4.5))
        await asyncio.sleep(AUDIT_WITHIN_S / 2)
        assert house.writes("riser-a") == []
        house.store.gate.set()
        view = await asked
        assert (view.device, view.point, view.written, view.verified) == ("pump-1", "pressure", 4.5, True)
        assert view.read_back == pytest.approx(4.5)
        assert house.unit("riser-a").get(Table.HOLDING, 0) == [45]
        assert house.store.commands() == ["accepted", "done"]
        (accepted,) = bodies(house.store.durable, Stream.EVENTS)
        assert (accepted["target"], accepted["value"], accepted["read_back"]) == ("pump-1.pressure", 4.5, None)
        assert house.store.bodies(Stream.EVENTS)[-1]["read_back"] == pytest.approx(4.5)

    told(story)


def test_a_write_that_the_device_confirms_but_does_not_keep_is_unverified() -> None:
    async def story(house: House) -> None:
        house.unit("riser-a").script.append(bytes((6, 0, 0, 0, 45)))
        view = await write(house, 4.5)
        assert (view.verified, view.read_back) == (False, 5.0)
        assert "wrote 4.5, read back 5.0" in view.detail
        assert house.store.commands() == ["accepted", "unverified"]

    told(story)


def test_a_write_whose_answer_is_lost_is_lost_and_not_failed() -> None:
    async def story(house: House) -> None:
        house.unit("riser-a").silent = True
        view = await write(house, 4.5)
        assert (view.verified, view.read_back) == (False, None)
        assert "may or may not have taken" in view.detail
        assert view.fate == "lost"
        assert house.store.commands() == ["accepted", "lost"]

    told(story)


@pytest.mark.parametrize(("point", "value"), [("pressure", 99.0), ("running", True), ("mode", "sideways")])
def test_what_the_rules_forbid_is_refused_and_never_sent(point: str, value: Value) -> None:
    async def story(house: House) -> None:
        with pytest.raises(WriteRefused):
            await write(house, value, point)
        assert house.writes("riser-a") == []
        assert house.store.commands() == ["accepted", "refused"]

    told(story)


def test_what_the_device_refuses_is_refused() -> None:
    async def story(house: House) -> None:
        house.unit("riser-a").refused.add((Table.HOLDING, 0))
        with pytest.raises(WriteRefused, match="the device refuses"):
            await write(house, 4.5)
        assert house.store.commands() == ["accepted", "refused"]

    told(story)


def test_a_write_that_cannot_go_out_is_not_sent() -> None:
    async def story(house: House) -> None:
        house.bus("riser-a").disconnect()
        with pytest.raises(ExchangeFailed):
            await write(house, 4.5)
        assert house.store.commands() == ["accepted", "not-sent"]

    told(story)


def test_a_write_broken_off_on_the_wire_leaves_an_end_on_record() -> None:
    async def story(house: House) -> None:
        house.unit("riser-a").silent = True
        asked = asyncio.ensure_future(write(house, 4.5))
        await asyncio.sleep(0.1)
        assert len(house.writes("riser-a")) == 1
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert house.store.commands() == ["accepted", "lost"]

    told(story)


def test_a_write_broken_off_before_the_wire_leaves_an_end_on_record_too() -> None:
    async def story(house: House) -> None:
        house.store.gate.clear()
        asked = asyncio.ensure_future(write(house, 4.5))
        await asyncio.sleep(0.1)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert house.writes("riser-a") == []
        assert house.store.commands() == ["failed"]

    told(story)


@pytest.mark.parametrize("refusal", [None, StoreError("input/output error")], ids=["no answer in time", "refused"])
def test_without_a_record_nothing_is_written(refusal: StoreError | None) -> None:
    async def story(house: House) -> None:
        house.store.refusal = refusal
        house.store.gate.clear()
        with pytest.raises(StoreError) as raised:
            await write(house, 4.5)
        silent = "pump-1.pressure was not written: the disk takes nothing, so nobody would know"
        assert str(raised.value) == (str(refusal) if refusal else silent)
        assert house.writes("riser-a") == []
        assert house.store.commands() == ["failed"]

    told(story)


@pytest.mark.parametrize(
    ("name", "point", "words"),
    [("ghost", "pressure", "no device ghost"), ("pump-1", "presure", 'pump-1 has no point presure .did you mean "pressure"')],
)
def test_writing_to_the_unknown_is_not_even_recorded(name: str, point: str, words: str) -> None:
    async def story(house: House) -> None:
        with pytest.raises(UnknownName, match=words):
            await write(house, 1.0, point, name)
        assert house.store.commands() == []

    told(story)


def test_writing_to_a_device_that_is_just_not_polled_is_not_recorded() -> None:
    async def story(house: House) -> None:
        await house.gateway.field.stop([BusName("riser-a")])
        with pytest.raises(UnknownName, match="pump-1 is not polled at this moment"):
            await write(house, 1.0)
        assert house.store.commands() == []

    told(story)
