"""A gate: opened past its interlock, let go whatever happens, and what its input shows is told."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest
from runtime_kit import PROFILE, House, device, living, site

from edgeguard.config.condition import parse_condition
from edgeguard.control import Call, UnknownName
from edgeguard.core.errors import CommandRefused, StoreError, WriteRefused
from edgeguard.core.gate import GateSpec
from edgeguard.core.ids import DeviceName, GateName, PointName
from edgeguard.core.interlock import Interlock, PointRef, Requirement
from edgeguard.core.item import Stream
from edgeguard.core.point import Kind, Labels, Point, WriteRule
from edgeguard.core.register import RawType, RegisterField, Table
from edgeguard.core.site import Site
from edgeguard.runtime.commander import PLATFORM
from edgeguard.runtime.gates import Gates
from edgeguard.testing.bus import FakeUnit
from edgeguard.testing.clock import FakeClock, run_virtual

RELAY, LOOP, ARM = PointName("relay"), PointName("loop_free"), PointName("arm_up")
BOX = replace(
    PROFILE,
    points=(
        Point(RELAY, Kind.BOOLEAN, Labels("继电器", "Relay"), write=WriteRule()),
        Point(LOOP, Kind.BOOLEAN, Labels("地感空闲", "Loop free")),
        Point(ARM, Kind.BOOLEAN, Labels("抬杆到位", "Arm up")),
    ),
    fields=tuple(RegisterField(Table.COIL, i, RawType.BIT) for i in range(3)),
)
IO = DeviceName("gate-io")


def gate(pulse_ms: int | None = 800, feedback: bool = True) -> GateSpec:
    shows = PointRef(IO, ARM) if feedback else None
    return GateSpec(GateName("north"), Labels("北门", "North gate"), PointRef(IO, RELAY), pulse_ms, 5000, shows, 3000)


def site_of(spec: GateSpec | None) -> Site:
    text = "loop_free"
    lock = Interlock((Requirement(text, parse_condition(text, IO)),), max_age_ms=2000)
    box = replace(device("gate-io", "riser-a", period_ms=1000, alarms=()), profile=BOX, interlocks={RELAY: lock})
    return replace(site(box), gates=() if spec is None else (spec,))


class Arm(FakeUnit):
    """A barrier: the arm goes up while, and after, the relay was closed; notes every change of the relay."""

    def __init__(self) -> None:
        super().__init__()
        self.relay: list[int] = []
        self.moves = True
        self.deaf = 0
        """So many writes that let go are not heard."""
        self.stuck = False
        """Confirms every write of its relay and leaves it open."""
        self.set(Table.COIL, 1, 1)

    def answer(self, pdu: bytes) -> bytes | None:
        if pdu[0] in (5, 15):
            off = pdu[3] == 0 if pdu[0] == 5 else pdu[6] == 0
            if off and self.deaf:
                self.deaf -= 1
                return None
        said = super().answer(pdu)
        if self.stuck:
            self.set(Table.COIL, 0, 0)
        if pdu[0] in (5, 15):
            self.relay.append(self.get(Table.COIL, 0)[0])
            if self.relay[-1] and self.moves:
                self.set(Table.COIL, 2, 1)
        return said


def told(story: Callable[[House, Gates, Arm], Coroutine[Any, Any, None]], spec: GateSpec | None = None, known: bool = True) -> None:
    clock = FakeClock()
    of = site_of(gate() if spec is None and known else spec)

    async def main() -> None:
        house_of: list[House] = []
        arm = Arm()
        original = House.unit

        def unit(self: House, bus_name: str, address: int = 1) -> FakeUnit:
            self._units.setdefault(of.buses[0].name, {})[address] = arm
            return original(self, bus_name, address)

        House.unit = unit  # type: ignore[method-assign]
        try:
            async with living(clock, of) as house:
                house_of.append(house)
                arm.set(Table.COIL, 0, 0, 1, 0)
                await asyncio.sleep(1.5)
                await story(house, Gates(house.gateway, house.handlers.writing), arm)
        finally:
            House.unit = original  # type: ignore[method-assign]

    run_virtual(main(), clock)


def wish(name: str = "north") -> Call:
    return Call("barrier", {"gate": name}, PLATFORM, may_write=True)


def kept(house: House) -> dict[str, bytes]:
    """What a restart would find."""
    found: dict[str, bytes] = {}
    for batch in (*house.store.durable, *house.store.submitted):
        found.update({state.name: state.body for state in batch.states if state.owner == "gates"})
    return {name: body for name, body in found.items() if body}


def results(house: House) -> list[tuple[object, str]]:
    events = [json.loads(item.body) for batch in (*house.store.durable, *house.store.submitted) for item in batch.items]
    return [(event["value"], event["result"]) for event in events if event.get("name") == "write" and event["result"] != "accepted"]


def test_the_relay_is_closed_for_a_moment_and_the_arm_is_seen_up() -> None:
    async def story(house: House, gates: Gates, arm: Arm) -> None:
        begun_ms = house.clock.now().boot_ms
        view = await gates.open(wish())
        assert (view.gate, view.feedback, view.verified, view.detail) == ("north", True, True, "opened")
        assert arm.relay == [1, 0]
        assert house.clock.now().boot_ms - begun_ms >= 800
        assert (results(house), kept(house)) == ([(True, "done"), (False, "done")], {})

    told(story)


def test_an_arm_that_is_not_seen_up_is_told_as_that() -> None:
    async def story(_: House, gates: Gates, arm: Arm) -> None:
        arm.moves = False
        view = await gates.open(wish())
        assert (view.feedback, view.verified, view.detail) == (False, False, "not seen open within 3 s")
        assert arm.relay == [1, 0]

    told(story)


def test_without_an_input_nobody_says_more_than_is_known() -> None:
    async def story(_: House, gates: Gates, arm: Arm) -> None:
        view = await gates.open(wish())
        assert (view.feedback, view.verified, view.detail) == (None, True, "the relay was closed")
        assert arm.relay == [1, 0]

    told(story, gate(feedback=False))


def test_a_relay_that_confirms_and_does_not_close_is_not_told_as_closed() -> None:
    async def story(house: House, gates: Gates, arm: Arm) -> None:
        arm.stuck = True
        view = await gates.open(wish())
        assert (view.feedback, view.verified) == (None, False)
        assert "shows the relay open" in view.detail
        assert (results(house)[0], kept(house)) == ((True, "unverified"), {})

    told(story, gate(feedback=False))


def test_a_box_that_lets_go_by_itself_is_not_told_to() -> None:
    async def story(house: House, gates: Gates, arm: Arm) -> None:
        await gates.open(wish())
        assert (arm.relay, kept(house)) == ([1], {})

    told(story, gate(pulse_ms=None))


def test_its_second_condition_holds_it_back() -> None:
    async def story(house: House, gates: Gates, arm: Arm) -> None:
        arm.set(Table.COIL, 1, 0)
        await asyncio.sleep(1.5)
        with pytest.raises(WriteRefused, match="loop_free"):
            await gates.open(wish())
        assert (arm.relay, kept(house)) == ([], {})

    told(story)


def test_letting_go_is_held_back_by_nothing() -> None:
    """The car that stands in the loop now is the one for which it opened."""

    async def story(_: House, gates: Gates, arm: Arm) -> None:
        opening = asyncio.create_task(gates.open(wish()))
        while not arm.relay:
            await asyncio.sleep(0.05)
        arm.set(Table.COIL, 1, 0)
        await opening
        assert arm.relay == [1, 0]

    told(story)


def test_too_soon_again_and_twice_at_once_are_refused() -> None:
    async def story(_: House, gates: Gates, arm: Arm) -> None:
        first, second = await asyncio.gather(gates.open(wish()), gates.open(wish()), return_exceptions=True)
        assert not isinstance(first, BaseException)
        assert isinstance(second, CommandRefused)
        assert second.code == "busy"
        with pytest.raises(CommandRefused) as refused:
            await gates.open(wish())
        assert refused.value.code == "too-soon"
        await asyncio.sleep(6)
        await gates.open(wish())
        assert arm.relay == [1, 0, 1, 0]

    told(story)


def test_an_unknown_gate_and_no_gate_at_all() -> None:
    async def unknown(_: House, gates: Gates, __: Arm) -> None:
        with pytest.raises(UnknownName, match="no gate south"):
            await gates.open(wish("south"))

    async def none(_: House, gates: Gates, __: Arm) -> None:
        with pytest.raises(CommandRefused) as refused:
            await gates.open(wish())
        assert refused.value.code == "no-gate"

    told(unknown)
    told(none, known=False)


@pytest.mark.parametrize("refuses", [True, False])
def test_a_barrier_does_not_wait_for_a_disk(refuses: bool) -> None:
    async def story(house: House, gates: Gates, arm: Arm) -> None:
        if refuses:
            house.store.refusal = StoreError("the disk is full")
        else:
            house.store.gate.clear()
        for _ in range(2):
            view = await gates.open(wish())
            assert (view.verified, arm.relay[-2:]) == (True, [1, 0])
            await asyncio.sleep(10)
        assert house.store.durable == []
        house.store.refusal = None
        house.store.gate.set()
        await asyncio.sleep(1)
        assert results(house) == [(True, "done"), (False, "done")] * 2
        assert kept(house) == {}

    told(story)


def test_a_relay_that_does_not_let_go_is_told_and_tried_again_until_it_does() -> None:
    async def story(house: House, gates: Gates, arm: Arm) -> None:
        arm.deaf = 12
        work = asyncio.create_task(gates.run())
        view = await gates.open(wish())
        assert (view.verified, "may still be closed" in view.detail) == (False, True)
        assert "relay-closed" in [body.get("code") for body in house.store.bodies(Stream.EVENTS)]
        assert list(kept(house)) == ["north"]
        await asyncio.sleep(120)
        assert (arm.relay[-1], kept(house)) == (0, {})
        told_of = [body["ok"] for body in house.store.bodies(Stream.EVENTS) if body.get("code") == "relay-closed"]
        assert told_of == [False, True], "it begins once and ends"
        work.cancel()

    told(story)


def test_being_stopped_in_the_middle_lets_go() -> None:
    async def story(house: House, gates: Gates, arm: Arm) -> None:
        opening = asyncio.create_task(gates.open(wish()))
        while not arm.relay:
            await asyncio.sleep(0.05)
        opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)
        assert (arm.relay, kept(house)) == ([1, 0], {})

    told(story)


def test_a_start_after_a_crash_lets_go() -> None:
    async def story(house: House, gates: Gates, arm: Arm) -> None:
        opening = asyncio.create_task(gates.open(wish()))
        while not arm.relay:
            await asyncio.sleep(0.05)
        left = kept(house)
        assert list(left) == ["north"]
        again = Gates(house.gateway, house.handlers.writing)
        again.recall(left | {"odd": b"\xff", "older": b"{}"})
        work = asyncio.create_task(again.run())
        await asyncio.sleep(0.5)
        assert arm.relay == [1, 0]
        work.cancel()
        await opening

    told(story)
