"""Writes through the whole daemon: interlocks on fresh values, rates, several at once, and exactly what became of each."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any

import pytest
from runtime_kit import FIELDS, HOUR_MS, MODE, POINTS, PRESSURE, PROFILE, RUNNING, House, call, device, living, site

from edgeguard.bus import ExchangeFailed
from edgeguard.config.condition import parse_condition
from edgeguard.control import BadArguments, UnknownName
from edgeguard.control.views import WritesView, WriteView
from edgeguard.core.errors import WriteRefused
from edgeguard.core.ids import DeviceName, PointName
from edgeguard.core.interlock import Interlock, Requirement
from edgeguard.core.item import Stream
from edgeguard.core.point import Kind, Labels, Point, WriteRule
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.register import RawType, RegisterField, Table
from edgeguard.core.site import DeviceSpec, Site
from edgeguard.core.snapshot import Snapshot
from edgeguard.testing.bus import FakeUnit
from edgeguard.testing.clock import FakeClock, run_virtual

VALVE, LIMIT = PointName("valve"), PointName("limit")
WITH_VALVE = replace(
    PROFILE,
    points=(
        *POINTS,
        Point(VALVE, Kind.BOOLEAN, Labels("阀", "Valve"), write=WriteRule()),
        Point(LIMIT, Kind.NUMBER, Labels("限", "Limit"), write=WriteRule(0, 100, harmless=True)),
    ),
    fields=(*FIELDS, RegisterField(Table.COIL, 8, RawType.BIT), RegisterField(Table.HOLDING, 9, RawType.UINT16)),
)


def lock(*texts: str, **more: int) -> Interlock:
    return Interlock(tuple(Requirement(text, parse_condition(text, DeviceName("pump-1"))) for text in texts), **more)


def pump(name: str, bus: str, interlocks: Mapping[PointName, Interlock] | None = None) -> DeviceSpec:
    return replace(device(name, bus, period_ms=60_000), profile=WITH_VALVE, interlocks=interlocks or {})


def house_of(interlock: Interlock | None = None, **more: Interlock) -> Site:
    locks = {PointName(name): of for name, of in more.items()}
    if interlock is not None:
        locks[VALVE] = interlock
    return site(pump("pump-1", "riser-a", locks), pump("tank", "riser-b"))


def told(of: Site, story: Callable[[House], Coroutine[Any, Any, None]]) -> None:
    clock = FakeClock()

    async def main() -> None:
        async with living(clock, of) as house:
            await story(house)

    run_virtual(main(), clock)


async def write(house: House, value: float | bool | str = True, point: str = "valve") -> WriteView:
    return await house.handlers.write(call("write", by="liwei", device="pump-1", point=point, value=value))


async def several(house: House, **values: str) -> WritesView:
    targets = tuple(name.replace("__", ".").replace("_1", "-1") for name in values)
    return await house.handlers.write_several(call("write-several", by="liwei", targets=targets, values=tuple(values.values())))


def fates(view: WritesView) -> list[str]:
    return [write.fate for write in view.writes]


def test_what_can_do_harm_is_refused_without_a_second_condition() -> None:
    async def story(house: House) -> None:
        with pytest.raises(WriteRefused, match=r"pump-1.valve can do harm and has no second condition.*\[device.interlock.valve\]"):
            await write(house)
        assert house.writes("riser-a") == []
        assert house.store.commands() == ["accepted", "refused"]

    told(house_of(), story)
    told(house_of(lock(min_interval_ms=5)), story)


def test_a_write_passes_when_the_other_device_shows_what_is_required() -> None:
    async def story(house: House) -> None:
        view = await write(house)
        assert (view.fate, view.read_back, view.old) == ("done", True, False)
        record = house.store.bodies(Stream.EVENTS)[-1]
        assert (record["result"], record["old"], record["by"].endswith("(as liwei)")) == ("done", False, True)

    told(house_of(lock("tank.pressure > 2", "mode == 'auto'")), story)


def test_a_condition_that_is_not_met_refuses_and_is_on_record_with_its_value() -> None:
    async def story(house: House) -> None:
        words = "pump-1.valve: the interlock requires tank.pressure > 6, but tank.pressure is 5"
        with pytest.raises(WriteRefused) as caught:
            await write(house)
        assert str(caught.value) == words
        assert house.writes("riser-a") == []
        record = house.store.bodies(Stream.EVENTS)[-1]
        assert (record["result"], record["detail"]) == ("refused", words)

    told(house_of(lock("tank.pressure > 6")), story)


def test_an_old_value_is_read_anew_and_the_new_one_counts() -> None:
    async def story(house: House) -> None:
        await asyncio.sleep(30)
        house.unit("riser-b").set(Table.HOLDING, 0, 10)
        before = len(house.bus("riser-b").sent)
        with pytest.raises(WriteRefused, match=r"but tank\.pressure is 1"):
            await write(house)
        assert len(house.bus("riser-b").sent) == before + 1
        house.unit("riser-b").set(Table.HOLDING, 0, 90)
        assert (await write(house)).fate == "done"

    told(house_of(lock("tank.pressure > 2")), story)


def test_a_value_that_was_not_asked_for_in_the_last_round_is_as_old_as_its_reading() -> None:
    async def story(house: House) -> None:
        await asyncio.sleep(30)
        points = house.pipeline.records[DeviceName("tank")].rules.points
        not_due = (Fault(Reason.NOT_DUE),) * len(points)
        house.pipeline.take(Snapshot(DeviceName("tank"), house.clock.now(), points, not_due, answered=True))
        house.unit("riser-b").set(Table.HOLDING, 0, 10)
        with pytest.raises(WriteRefused, match=r"but tank\.pressure is 1"):
            await write(house)
        assert house.writes("riser-a") == []

    told(house_of(lock("tank.pressure > 2")), story)


def test_the_first_values_of_a_long_round_are_older_than_its_last() -> None:
    """A round of 12 s on a slow line: what was asked for at its beginning is 12 s old when it ends, and is read anew."""

    async def story(house: House) -> None:
        await asyncio.sleep(30)
        record = house.pipeline.records[DeviceName("tank")]
        now = house.clock.now()
        asked_at = tuple(now.before(12.0 - i) for i in range(len(record.rules.points)))
        house.pipeline.take(Snapshot(DeviceName("tank"), now, record.rules.points, record.outcomes, True, asked_at))
        house.unit("riser-b").set(Table.HOLDING, 0, 10)
        with pytest.raises(WriteRefused, match=r"but tank\.pressure is 1"):
            await write(house)
        house.pipeline.take(Snapshot(DeviceName("tank"), now, record.rules.points, record.outcomes, True, (now,) * len(asked_at)))
        assert (await write(house)).fate == "done"

    told(house_of(lock("tank.pressure > 2")), story)


def test_a_value_that_comes_too_late_to_be_fresh_refuses_even_if_it_was_read_anew() -> None:
    async def story(house: House) -> None:
        await asyncio.sleep(30)
        house.unit("riser-b").response_s = 0.4
        with pytest.raises(WriteRefused, match=r"tank\.pressure is 0\.4 s old, 0\.2 s are allowed"):
            await write(house)
        house.unit("riser-b").response_s = 0.1
        assert (await write(house)).fate == "done"

    told(house_of(lock("tank.pressure > 2", max_age_ms=200)), story)


@pytest.mark.parametrize("changes", ["old", "other"])
def test_a_write_that_waits_for_its_turn_is_judged_again_when_it_comes(changes: str) -> None:
    """The wire of the write is busy with an answer of 0.4 s; what the interlock was judged by is on another wire."""

    async def story(house: House) -> None:
        await asyncio.sleep(30)
        house.unit("riser-a").response_s = 0.4
        reading = asyncio.ensure_future(house.gateway.field.device(DeviceName("pump-1")).read([LIMIT]))
        await asyncio.sleep(0.01)
        writing = asyncio.ensure_future(write(house))
        await asyncio.sleep(0.1)
        if changes == "other":
            house.unit("riser-b").set(Table.HOLDING, 0, 10)
            house.pipeline.take(await house.gateway.field.device(DeviceName("tank")).poll())
        with pytest.raises(WriteRefused, match=r"0\.4 s old, 0\.3 s are" if changes == "old" else r"but tank\.pressure is 1"):
            await writing
        await reading
        assert house.writes("riser-a") == []
        assert house.store.commands() == ["accepted", "refused"]
        house.unit("riser-b").set(Table.HOLDING, 0, 90)
        house.unit("riser-a").response_s = 0.001
        await asyncio.sleep(6)
        assert (await write(house)).fate == "done"

    told(house_of(lock("tank.pressure > 2", max_age_ms=300 if changes == "old" else 5000)), story)


def test_what_was_read_first_is_judged_by_its_age_when_the_last_has_come() -> None:
    """Two interlocks of one command, on two wires: the quick one's value has grown too old while the slow one's was fetched."""

    async def story(house: House) -> None:
        await asyncio.sleep(30)
        house.unit("riser-b").response_s = 0.4
        ends = await several(house, **{"pump-1__valve": "true", "pump-1__limit": "3"})
        assert fates(ends) == ["not-sent", "refused"]
        assert "pump-1.mode is 0.4 s old, 0.3 s are allowed" in ends.writes[1].detail
        assert house.writes("riser-a") == []

    told(house_of(lock("tank.pressure > 2"), limit=lock("mode == 'auto'", max_age_ms=300)), story)


def test_what_a_command_itself_has_changed_counts_for_the_rest_of_it() -> None:
    """The second device's interlock held when the command began, and does not when its turn comes."""
    site_of_two = site(pump("pump-1", "riser-a"), pump("tank", "riser-b", {VALVE: lock("pump-1.limit < 5")}))

    async def story(house: House) -> None:
        ends = await several(house, **{"pump-1__limit": "7", "tank__valve": "true"})
        assert fates(ends) == ["done", "refused"]
        assert "the interlock requires pump-1.limit < 5, but pump-1.limit is 7" in ends.writes[1].detail
        assert house.writes("riser-b") == []
        await write(house, 3, "limit")
        ends = await several(house, **{"pump-1__limit": "4", "tank__valve": "true"})
        assert fates(ends) == ["done", "done"]

    told(site_of_two, story)


@pytest.mark.parametrize("trouble", ["silent", "refused", "gone"])
def test_a_value_that_cannot_be_known_refuses(trouble: str) -> None:
    async def story(house: House) -> None:
        await asyncio.sleep(30)
        if trouble == "silent":
            house.unit("riser-b").silent = True
        elif trouble == "refused":
            house.unit("riser-b").refused.add((Table.HOLDING, 0))
        else:
            house.bus("riser-b").disconnect()
        with pytest.raises(WriteRefused, match=r"requires tank.pressure > 2, but tank.pressure has no good value"):
            await write(house)
        assert house.writes("riser-a") == []

    told(house_of(lock("tank.pressure > 2")), story)


def test_writes_are_not_repeated_too_soon_and_one_that_was_refused_does_not_count() -> None:
    async def story(house: House) -> None:
        house.unit("riser-a").refused.add((Table.COIL, 8))
        with pytest.raises(WriteRefused, match="the device refuses"):
            await write(house)
        house.unit("riser-a").refused.clear()
        assert (await write(house)).fate == "done"
        with pytest.raises(WriteRefused, match=r"pump-1.valve: the last write is 0\.\d s ago; wait"):
            await write(house, False)
        await asyncio.sleep(10)
        assert (await write(house, False)).fate == "done"
        await asyncio.sleep(10)
        with pytest.raises(WriteRefused, match="2 writes within the last hour, 2 are allowed"):
            await write(house)
        await asyncio.sleep(HOUR_MS / 1000)
        assert (await write(house)).fate == "done"

    told(house_of(lock("tank.pressure > 2", min_interval_ms=10_000, per_hour=2)), story)


def test_neighbours_and_strangers_in_one_command() -> None:
    async def story(house: House) -> None:
        view = await several(house, pump_1__pressure="4.5", pump_1__mode='"manual"', tank__limit="7")
        assert (view.fate, fates(view)) == ("done", ["done"] * 3)
        assert [pdu.hex() for pdu in house.writes("riser-a")] == ["10000000020400" + "2d0001"]
        assert [pdu.hex() for pdu in house.writes("riser-b")] == ["0600090007"]
        assert house.store.commands() == ["accepted"] * 3 + ["done"] * 3

    told(house_of(), story)


def test_one_refusal_and_nothing_of_the_command_is_sent() -> None:
    async def story(house: House) -> None:
        view = await several(house, tank__limit="7", pump_1__valve="true", pump_1__pressure="4.5")
        assert (view.fate, fates(view)) == ("refused", ["not-sent", "refused", "not-sent"])
        assert house.writes("riser-a") == house.writes("riser-b") == []
        over = await several(house, tank__limit="7", pump_1__pressure="99")
        assert fates(over) == ["not-sent", "refused"]
        assert over.writes[1].detail == "pump-1.pressure: 99 is above 10 bar"
        assert house.writes("riser-b") == []

    told(house_of(), story)


def test_what_was_half_done_is_told_as_such() -> None:
    async def story(house: House) -> None:
        house.unit("riser-a").refused.add((Table.HOLDING, 9))
        view = await several(house, pump_1__pressure="4.5", pump_1__limit="7", tank__limit="8")
        assert (view.fate, fates(view)) == ("half-done", ["done", "refused", "not-sent"])
        assert house.unit("riser-a").get(Table.HOLDING, 0) == [45]
        assert house.writes("riser-b") == []
        assert house.store.commands()[3:] == ["done", "refused", "not-sent"]

    told(house_of(), story)


class _Deaf(FakeUnit):
    """Neither takes writes nor answers them, but can be read."""

    def answer(self, pdu: bytes) -> bytes | None:
        return super().answer(pdu) if pdu[0] <= 4 else None


class _Mute(FakeUnit):
    """Takes writes without a word."""

    def answer(self, pdu: bytes) -> bytes | None:
        answer = super().answer(pdu)
        return answer if pdu[0] <= 4 else None


@pytest.mark.parametrize(("unit", "fate", "read_back"), [(_Deaf, "lost", 0), (_Mute, "done", 7)])
def test_a_lost_answer_is_lost_unless_the_device_shows_that_it_acted(unit: type[FakeUnit], fate: str, read_back: int) -> None:
    async def story(house: House) -> None:
        house._units[site_bus(house)][1] = unit()
        house.bus("riser-a").units = house._units[site_bus(house)]
        view = await write(house, 7, "limit")
        assert (view.fate, view.read_back, view.verified) == (fate, read_back, fate == "done")
        assert "the answer was lost" in view.detail
        assert house.store.commands()[-1] == fate

    told(house_of(), story)


def site_bus(house: House) -> Any:
    return house.gateway.site.devices[0].bus


def test_without_a_connection_nothing_is_sent_and_that_is_said() -> None:
    async def story(house: House) -> None:
        house.bus("riser-b").disconnect()
        with pytest.raises(ExchangeFailed):
            await house.handlers.write(call("write", by="w", device="tank", point="limit", value=3))
        view = await several(house, tank__limit="3", pump_1__limit="4")
        assert (view.fate, fates(view)) == ("not-sent", ["not-sent", "not-sent"])
        assert house.writes("riser-a") == []

    told(house_of(), story)


def test_writes_of_one_device_wait_for_each_other() -> None:
    """Else two could pass an interlock that the first of them makes untrue."""

    async def story(house: House) -> None:
        first, second = asyncio.ensure_future(write(house, True)), asyncio.ensure_future(write(house, True))
        assert (await first).fate == "done"
        with pytest.raises(WriteRefused, match=r"not valve, but pump-1\.valve is true"):
            await second

    told(house_of(lock("not valve")), story)


def test_a_device_that_a_reload_takes_away_before_the_turn_of_its_write_is_named() -> None:
    of = house_of(lock("tank.pressure > 2"))

    async def story(house: House) -> None:
        house.unit("riser-a").silent = True
        first, second = asyncio.ensure_future(write(house)), asyncio.ensure_future(write(house, 7, "limit"))
        await asyncio.sleep(0.1)
        await house.gateway.reload(replace(of, devices=of.devices[1:], buses=of.buses[1:]))
        await asyncio.gather(first, return_exceptions=True)
        with pytest.raises(UnknownName, match="there is no device pump-1"):
            await second
        assert house.store.commands()[-1] == "not-sent"

    told(of, story)


def test_a_reload_in_the_middle_of_a_command_leaves_it_half_done_and_that_is_said() -> None:
    of = house_of()

    async def story(house: House) -> None:
        house.unit("riser-a").response_s = 0.2
        writing = asyncio.ensure_future(several(house, pump_1__limit="7", tank__limit="7"))
        await asyncio.sleep(0.1)
        await house.gateway.reload(replace(of, devices=of.devices[:1], buses=of.buses[:1]))
        view = await writing
        assert fates(view) == ["done", "not-sent"]
        assert "tank is not polled at this moment" in view.writes[1].detail
        assert sorted(house.store.commands()) == ["accepted", "accepted", "done", "not-sent"]

    told(of, story)


def test_a_round_that_was_under_way_at_a_write_says_nothing_of_what_came_of_it() -> None:
    """Its first points were read before the write, and it ends after it."""

    async def story(house: House) -> None:
        record = house.pipeline.records[DeviceName("pump-1")]
        before = record.outcomes
        assert (await write(house)).fate == "done"
        await asyncio.sleep(0.5)
        house.pipeline.take(Snapshot(record.spec.name, house.clock.now(), record.rules.points, before, answered=True))
        with pytest.raises(WriteRefused, match=r"not valve, but pump-1\.valve is true"):
            await write(house)

    told(house_of(lock("not valve")), story)


@pytest.mark.parametrize(
    ("targets", "values", "error", "words"),
    [
        (("pump-1.limit", "pump-1.limit"), ("1", "2"), BadArguments, "stands twice"),
        (("pump-1.limit",), ("1", "2"), BadArguments, "1 targets and 2 values"),
        (("pump-1.limit",), ("[1]",), BadArguments, "neither a number nor a text"),
        (("pump-1.limit",), ("NaN",), BadArguments, "is no value"),
        ((), (), BadArguments, "0 writes in one command"),
        (("pump-1.limit",) * 33, ("1",) * 33, BadArguments, "33 writes in one command"),
        (("pump-1.x",), ("1",), UnknownName, "pump-1 has no point x"),
        (("ghost.x",), ("1",), UnknownName, "there is no device ghost"),
    ],
)
def test_a_command_that_makes_no_sense_is_not_even_recorded(
    targets: tuple[str, ...], values: tuple[str, ...], error: type[Exception], words: str
) -> None:
    async def story(house: House) -> None:
        with pytest.raises(error, match=words):
            await house.handlers.write_several(call("write-several", by="w", targets=targets, values=values))
        assert house.store.commands() == []

    told(house_of(), story)


def test_the_points_of_the_kit_are_the_ones_that_are_meant() -> None:
    assert [point.name for point in WITH_VALVE.points] == [PRESSURE, MODE, RUNNING, VALVE, LIMIT]
