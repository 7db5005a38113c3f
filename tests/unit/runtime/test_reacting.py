"""Reactions through the whole gateway in memory: alarm, output, record; restarts, hands, faults of the write."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from runtime_kit import FIELDS, POINTS, PROFILE, House, call, device, living, low, site

from edgeguard.config.condition import parse_condition
from edgeguard.control import BadArguments, UnknownName
from edgeguard.core.alarm import Alarm, AlarmState
from edgeguard.core.errors import StoreError
from edgeguard.core.ids import DeviceName, PointName, ReactionName, alarm_name
from edgeguard.core.interlock import Interlock, PointRef, Requirement
from edgeguard.core.item import Stream
from edgeguard.core.point import Kind, Labels, Point, WriteRule
from edgeguard.core.reaction import Mode, Phase, ReactionSpec
from edgeguard.core.register import RawType, RegisterField, Table
from edgeguard.core.site import DeviceSpec, Site
from edgeguard.store import Batch
from edgeguard.testing.clock import FakeClock, run_virtual

RELAY = PointName("siren")
WITH_RELAY = replace(
    PROFILE,
    points=(*POINTS, Point(RELAY, Kind.BOOLEAN, Labels("警笛", "Siren"), write=WriteRule())),
    fields=(*FIELDS, RegisterField(Table.COIL, 8, RawType.BIT)),
)
SIREN = ReactionSpec(
    ReactionName("siren"),
    alarm_name(DeviceName("pump-1"), "low"),
    PointRef(DeviceName("panel"), RELAY),
    value=True,
    reset=False,
    mode=Mode.ON,
)
LOCK = Interlock((Requirement("pressure >= 0", parse_condition("pressure >= 0", DeviceName("panel"))),))


def place(*reactions: ReactionSpec) -> Site:
    """A pump whose pressure may be low, and a panel with a siren on another bus."""
    panel: DeviceSpec = replace(device("panel", "b", period_ms=5000, alarms=()), profile=WITH_RELAY, interlocks={RELAY: LOCK})
    pump = replace(device("pump-1", "a", period_ms=2000), alarms=(low("pump-1"),))
    return replace(site(pump, panel), reactions=reactions or (SIREN,))


class Story:
    """The house while its reactions run."""

    def __init__(self, house: House) -> None:
        self.house = house

    async def pressure(self, bar: float, wait_s: float = 4.0) -> None:
        self.house.unit("a").set(Table.HOLDING, 0, round(bar * 10))
        await asyncio.sleep(wait_s)

    @property
    def siren(self) -> int:
        return self.house.unit("b").get(Table.COIL, 8)[0]

    @property
    def writes(self) -> int:
        return len(self.house.writes("b"))

    @property
    def phase(self) -> Phase:
        ((_, state),) = self.house.handlers.reacting.all()
        return state.phase

    def record(self) -> list[str]:
        """`name result by` of every record, in the order of their making durable."""
        batches = (*self.house.store.durable, *self.house.store.submitted)
        items = [(item.at.boot_ms, json.loads(item.body)) for b in batches for item in b.items if item.stream is Stream.EVENTS]
        items.sort(key=lambda one: one[0])
        return [f"{body['name']} {body['result']}" for _, body in items if body["type"] == "command"]

    def states(self) -> dict[str, bytes]:
        kept = [state for b in (*self.house.store.submitted, *self.house.store.durable) for state in b.states]
        return {state.name: state.body for state in kept if state.owner == "reactions"}


@asynccontextmanager
async def story(
    clock: FakeClock, of: Site, states: dict[str, bytes] | None = None, standing: bool = False, siren: int = 0
) -> AsyncIterator[Story]:
    known = {SIREN.alarm: Alarm(AlarmState.ACTIVE, clock.now())} if standing else None
    async with living(clock, of, known, {"a": 1.0 if standing else 5.0}) as house:
        house.unit("b").set(Table.COIL, 8, siren)
        house.handlers.reacting.load(states or {})
        running = asyncio.create_task(house.handlers.reacting.run())
        try:
            yield Story(house)
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running


def told(tell: Callable[[Story], Coroutine[Any, Any, None]], of: Site | None = None, **more: Any) -> None:
    clock = FakeClock()

    async def main() -> None:
        async with story(clock, of or place(), **more) as told_to:
            await tell(told_to)

    run_virtual(main(), clock)


def test_an_alarm_sounds_the_siren_and_its_end_silences_it_and_all_is_on_record() -> None:
    async def tell(it: Story) -> None:
        await it.pressure(1.0)
        assert (it.siren, it.phase) == (1, Phase.ON)
        kept = len(it.house.store.submitted)
        await asyncio.sleep(60)
        assert it.writes == 1
        states = [state for batch in it.house.store.submitted[kept:] for state in batch.states if state.owner == "reactions"]
        assert states == [], "what does not change is not kept again"
        await it.pressure(5.0)
        assert (it.siren, it.writes) == (0, 2)
        expected = ["reaction started", "write accepted", "write done", "reaction on"]
        assert it.record() == [*expected, "reaction ending", "write accepted", "write done", "reaction ended"]
        first = it.house.store.durable[0]
        assert first.states, "what it is about to do is durable before it does it"
        assert b'"by":"reaction siren"' in first.items[0].body

    told(tell)


@pytest.mark.parametrize("mode", [Mode.OFF, Mode.TEST])
def test_nothing_is_written_unless_it_is_on(mode: Mode) -> None:
    async def tell(it: Story) -> None:
        await it.pressure(1.0, 30.0)
        assert it.writes == 0
        assert it.record() == ([] if mode is Mode.OFF else ["reaction test"])
        verdict: Any = await it.house.handlers.table()["reaction"](call("reaction", by="liwei", name="siren", action="test"))
        assert f"it is {mode.value}" in verdict.verdict

    told(tell, place(replace(SIREN, mode=mode)))


def test_a_person_who_switches_it_off_is_not_fought() -> None:
    async def tell(it: Story) -> None:
        await it.pressure(1.0)
        await it.house.handlers.write(call("write", by="liwei", device="panel", point="siren", value=False))
        await asyncio.sleep(20)
        assert (it.siren, it.writes, it.phase) == (0, 2, Phase.YIELDED)
        await it.pressure(5.0)
        assert it.writes == 2
        await it.pressure(1.0, 10.0)
        assert it.phase is Phase.YIELDED, "somebody is at work there"
        await it.pressure(5.0)
        it.house.clock.advance(600)
        await it.pressure(1.0)
        assert it.siren == 1

    told(tell)


def test_a_switch_turned_at_the_panel_is_not_fought_either() -> None:
    async def tell(it: Story) -> None:
        await it.pressure(1.0, 30.0)
        it.house.unit("b").set(Table.COIL, 8, 0)
        await asyncio.sleep(60)
        assert (it.siren, it.writes, it.phase) == (0, 1, Phase.YIELDED)

    told(tell)


def test_a_restart_neither_repeats_nor_forgets() -> None:
    kept: dict[str, bytes] = {}

    async def first(it: Story) -> None:
        await it.pressure(1.0)
        kept.update(it.states())

    async def goes_on(it: Story) -> None:
        await asyncio.sleep(60)
        assert (it.writes, it.phase) == (0, Phase.ON)
        await it.pressure(5.0)
        assert (it.siren, it.writes) == (0, 1)

    async def gone_meanwhile(it: Story) -> None:
        await asyncio.sleep(20)
        assert (it.siren, it.writes) == (0, 1)

    told(first)
    told(goes_on, states=kept, standing=True, siren=1)
    told(gone_meanwhile, states=kept, siren=1)


def test_a_kill_between_the_record_and_the_write_is_made_good_once() -> None:
    before: dict[str, bytes] = {}

    async def first(it: Story) -> None:
        it.house.store.gate.clear()
        task = asyncio.create_task(it.pressure(1.0))
        await asyncio.sleep(2.5)
        it.house.store.gate.set()
        await task
        before.update({s.name: s.body for s in it.house.store.durable[0].states})

    async def not_written(it: Story) -> None:
        await asyncio.sleep(60)
        assert (it.siren, it.writes, it.phase) == (1, 1, Phase.ON)

    async def written(it: Story) -> None:
        await asyncio.sleep(60)
        assert (it.siren, it.writes, it.phase) == (1, 0, Phase.ON)

    told(first)
    assert b'"phase":"starting"' in before["siren"]
    told(not_written, states=before, standing=True)
    told(written, states=before, standing=True, siren=1)


def test_one_that_was_taken_out_of_the_configuration_switches_off_and_is_forgotten() -> None:
    kept: dict[str, bytes] = {}

    async def first(it: Story) -> None:
        await it.pressure(1.0)
        kept.update(it.states())

    async def second(it: Story) -> None:
        await asyncio.sleep(40)
        assert (it.siren, it.writes) == (0, 1)
        assert any(state.name == "siren" and not state.body for b in it.house.store.submitted for state in b.states)

    told(first)
    told(second, replace(place(), reactions=()), states=kept, standing=True, siren=1)


@pytest.mark.parametrize(("state", "sounds"), [(AlarmState.SUPPRESSED, 1), (AlarmState.SHELVED, 0), (AlarmState.OUT_OF_SERVICE, 0)])
def test_what_only_keeps_an_alarm_from_people_does_not_silence_the_siren(state: AlarmState, sounds: int) -> None:
    async def tell(it: Story) -> None:
        await it.pressure(1.0)
        record = it.house.pipeline.records[DeviceName("pump-1")]
        (alarm,) = record.state.alarms
        record.state = replace(record.state, alarms=(replace(alarm, state=state, beneath=AlarmState.ACTIVE),))
        await asyncio.sleep(1.5)
        assert it.siren == sounds

    told(tell)


def test_an_alarm_from_before_a_restart_begins_nothing_until_its_device_is_heard() -> None:
    async def tell(it: Story) -> None:
        record = it.house.pipeline.records[DeviceName("pump-1")]
        heard, record.at = record.at, None
        it.house.handlers.reacting._stirred.set()
        await asyncio.sleep(0.5)
        assert it.writes == 0
        record.at = heard
        await asyncio.sleep(2.5)
        assert it.siren == 1

    told(tell, standing=True)


@pytest.mark.parametrize("refuses", [True, False])
def test_a_siren_does_not_wait_for_a_disk(refuses: bool) -> None:
    async def tell(it: Story) -> None:
        if refuses:
            it.house.store.refusal = StoreError("full")
        else:
            it.house.store.gate.clear()
        await it.pressure(1.0, 8.0)
        assert (it.siren, it.writes, it.phase) == (1, 1, Phase.ON)
        await it.pressure(5.0, 8.0)
        assert (it.siren, it.writes, it.phase) == (0, 2, Phase.IDLE)

    told(tell)


def test_a_disk_that_hangs_gets_every_record_once_and_in_order() -> None:
    async def tell(it: Story) -> None:
        it.house.store.gate.clear()
        await it.pressure(1.0, 60.0)
        assert (it.siren, it.writes, it.house.store.durable) == (1, 1, [])
        assert it.record() == ["write accepted", "write done", "reaction on"], "one record is asked after, the others stand in line"
        it.house.store.gate.set()
        await asyncio.sleep(20)
        assert it.record() == ["reaction started", "write accepted", "write done", "reaction on"]
        assert it.writes == 1
        it.house.store.gate.clear()
        begun = asyncio.get_running_loop().time()
        await it.house.handlers.writing.record_first.within(Batch(()))
        assert asyncio.get_running_loop().time() - begun == 1.0, "a disk that came back is waited for again"

    told(tell)


def test_what_people_ask_while_the_disk_hangs_is_carried_out_once() -> None:
    async def tell(it: Story) -> None:
        async def hold() -> Any:
            return await it.house.handlers.table()["reaction"](call("reaction", by="liwei", name="siren", action="hold"))

        it.house.store.gate.clear()
        await it.pressure(1.0)
        assert it.siren == 1
        for _ in range(3):
            await hold()
        await asyncio.sleep(30)
        assert (it.siren, it.writes) == (1, 1)
        it.house.store.gate.set()
        await asyncio.sleep(5)
        assert it.record().count("reaction held") == 1
        assert (await hold()).verdict == "nothing to do"

    told(tell)


def test_a_silent_panel_is_tried_a_few_times_and_told() -> None:
    async def tell(it: Story) -> None:
        it.house.unit("b").silent = True
        await it.pressure(1.0, 120.0)
        assert it.phase is Phase.FAILED
        assert it.record().count("write accepted") == 1 + SIREN.retries
        assert it.record()[-1] == "reaction gave-up"
        it.house.unit("b").silent = False
        await it.pressure(5.0, 30.0)
        assert it.siren == 0
        await it.pressure(1.0)
        news = [body["ok"] for body in it.house.store.bodies(Stream.EVENTS) if body.get("source") == "reaction.siren"]
        assert news == [False, True]

    told(tell)


def test_people_hold_release_stop_and_test() -> None:
    async def tell(it: Story) -> None:
        async def ask(action: str) -> Any:
            return await it.house.handlers.table()["reaction"](call("reaction", by="liwei", name="siren", action=action))

        assert "would write True to panel.siren" in (await ask("test")).verdict
        await ask("hold")
        await it.pressure(1.0, 20.0)
        assert (it.writes, (await ask("test")).held_by) == (0, "root (as liwei)")
        await ask("release")
        await it.pressure(5.0)
        await it.pressure(1.0)
        assert it.siren == 1
        assert (await ask("stop")).phase == "spent"
        await asyncio.sleep(60)
        assert (it.siren, it.writes) == (0, 2)
        assert {"reaction held", "reaction released"} <= set(it.record())
        with pytest.raises(BadArguments):
            await ask("dance")
        with pytest.raises(UnknownName):
            await it.house.handlers.table()["reaction"](call("reaction", by="liwei", name="sirene", action="hold"))

    told(tell)


def test_the_outputs_interlock_is_waited_for_as_long_as_the_alarm_stands() -> None:
    of = place()
    pump, panel = of.devices
    lock = Interlock((Requirement("running", parse_condition("running", panel.name)),))
    of = replace(of, devices=(pump, replace(panel, interlocks={RELAY: lock})))

    async def tell(it: Story) -> None:
        await it.pressure(1.0, 300.0)
        assert (it.writes, it.phase, it.record()) == (0, Phase.IDLE, ["reaction waiting"])
        it.house.unit("b").set(Table.COIL, 0, 1)
        await asyncio.sleep(12)
        assert it.siren == 1

    told(tell, of)


def test_its_own_condition_holds_it_back() -> None:
    text = "panel.running"
    spec = replace(SIREN, requires=(Requirement(text, parse_condition(text, DeviceName("panel"))),))

    async def tell(it: Story) -> None:
        await it.pressure(1.0, 20.0)
        assert (it.writes, it.record()) == (0, ["reaction waiting"])
        it.house.unit("b").set(Table.COIL, 0, 1)
        await asyncio.sleep(12)
        assert it.siren == 1

    told(tell, place(spec))
