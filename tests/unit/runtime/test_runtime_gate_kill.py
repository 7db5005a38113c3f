"""The daemon dies while a vehicle is before, under or behind the barrier: nobody is hit, let in twice, or counted twice."""

import asyncio
from collections import Counter
from dataclasses import replace

import pytest
from gate_house import LOOP, OUT, RULE, Gateway, site_of, told
from runtime_kit import call

from edgeguard.core.errors import CommandRefused, Retryable
from edgeguard.core.gate import PlateRule
from edgeguard.core.ids import DeviceName
from edgeguard.core.interlock import PointRef
from edgeguard.core.register import Table
from edgeguard.core.site import Site

KNOWN, OTHER = "浙A12345", "苏E99999"


def arm_held_up(at: Gateway) -> bool:
    """Whether the relay is closed."""
    return bool(at.barrier.get(Table.COIL, 0)[0])


def states(at: Gateway) -> list[str]:
    return [state for (state,) in at.told("gate", "state")]


def slow(pulse_ms: int, rule: PlateRule = RULE) -> Site:
    """A barrier that is up for as long as its relay is closed."""
    site = site_of(rule)
    return replace(site, gates=tuple(replace(gate, pulse_ms=pulse_ms) for gate in site.gates))


async def drive_onto_the_loop(at: Gateway) -> None:
    await asyncio.sleep(1.5)
    at.barrier.loop(True)
    await asyncio.sleep(0.6)


def test_a_vehicle_under_the_barrier_is_counted_once_and_no_second_one_slips_in() -> None:
    async def story(at: Gateway) -> None:
        at.read(KNOWN)
        await drive_onto_the_loop(at)
        await at.kill()
        await asyncio.sleep(1)
        at.read(KNOWN)  # the camera has begun anew as well, and reads it once more
        at.read("浙A1234S")
        at.read("京B11111")  # a stranger behind it
        await asyncio.sleep(2)
        at.barrier.loop(False)
        await asyncio.sleep(3)
        at.read(KNOWN)
        await asyncio.sleep(3)
        assert at.barrier.openings == 1
        assert at.told("stay", "state", "count") == [("entered", 1)]
        assert Counter(states(at)) == {"decided": 2, "opened": 1, "passed": 1}  # of the resident, and of the stranger: refused
        assert at.told("gate", "state", "plate")[-1] == ("passed", "浙A****5")

    told(story)


def test_who_waits_behind_is_let_in_afterwards() -> None:
    async def story(at: Gateway) -> None:
        at.read(KNOWN)
        await drive_onto_the_loop(at)
        at.read(OTHER)
        await asyncio.sleep(0.3)
        await at.kill()
        await asyncio.sleep(3)
        assert at.barrier.openings == 1
        at.barrier.loop(False)
        await asyncio.sleep(1)
        assert at.barrier.openings == 2
        await at.drive_through()
        assert [plate for (plate,) in at.told("stay", "plate")] == ["浙A****5", "苏E****9"]

    told(story)


def test_one_that_left_the_loop_meanwhile_is_counted_and_said_to_be_unseen() -> None:
    async def story(at: Gateway) -> None:
        at.read(KNOWN)
        await drive_onto_the_loop(at)
        at.barrier.loop(False)
        at.barrier.set(Table.COIL, 3, 0)
        await at.kill()
        await asyncio.sleep(3)
        assert states(at)[-1] == "passed-unseen"
        assert at.told("stay", "state", "count") == [("entered", 1)]
        await at.kill()
        await asyncio.sleep(3)
        assert at.told("stay", "state", "count") == [("entered", 1)]

    told(story)


def test_one_that_was_let_in_and_not_seen_since_is_said_to_be_unknown() -> None:
    async def story(at: Gateway) -> None:
        at.read(KNOWN)
        await asyncio.sleep(0.9)
        await at.kill()
        await asyncio.sleep(15)
        assert states(at)[-1] == "unseen"
        assert at.told("stay", "state") == []
        at.read(OTHER)
        await at.drive_through()
        assert at.barrier.openings == 2

    told(story)


@pytest.mark.parametrize("passback", [False, True])
def test_one_that_still_stands_there_is_opened_for_once_more_and_counted_once(passback: bool) -> None:
    async def story(at: Gateway) -> None:
        at.barrier.deaf = True
        at.read(KNOWN)
        await asyncio.sleep(0.1)
        await at.kill()
        await asyncio.sleep(1)
        at.read(KNOWN)
        at.read(KNOWN)
        await at.drive_through()
        assert at.barrier.openings == 1
        assert at.told("stay", "state", "count") == [("entered", 1)]

    told(story, site_of(replace(RULE, anti_passback=passback)))


def test_after_a_power_cut_too_a_vehicle_under_the_barrier_is_counted() -> None:
    async def story(at: Gateway) -> None:
        at.read(KNOWN)
        await drive_onto_the_loop(at)
        at.house.clock.synced = False
        await at.kill(boot="boot-b")
        await asyncio.sleep(2)
        assert at.told("stay", "state") == []
        at.barrier.loop(False)
        await asyncio.sleep(2)
        assert at.told("stay", "state", "count") == [("entered", 1)]

    told(story)


def test_a_relay_is_not_let_go_over_a_vehicle() -> None:
    async def story(at: Gateway) -> None:
        at.read(KNOWN)
        await drive_onto_the_loop(at)
        assert arm_held_up(at)
        await at.kill()
        await asyncio.sleep(20)
        assert arm_held_up(at)
        at.barrier.loop(False)
        await asyncio.sleep(2)
        assert not arm_held_up(at)
        await at.kill()
        assert (await at.house.store.load_states()).get("gates", {}) == {}

    told(story, slow(4000))


@pytest.mark.parametrize("end", ["pulse", "hold", "release"])
def test_neither_a_pulse_nor_holding_ends_over_a_vehicle(end: str) -> None:
    async def story(at: Gateway) -> None:
        if end == "pulse":
            at.read(KNOWN)
        else:
            await at.handlers.act(call("gate-act", gate="north", action="hold", minutes=0.1 if end == "hold" else 60))
        await drive_onto_the_loop(at)
        if end == "release":
            with pytest.raises(Retryable, match="vehicle stands under"):
                await at.handlers.act(call("gate-act", gate="north", action="release"))
        await asyncio.sleep(15)
        assert arm_held_up(at)
        at.barrier.loop(False)
        await asyncio.sleep(8)
        assert not arm_held_up(at)
        assert "relay-closed" not in [code for (code,) in at.told("health", "code")]
        if end == "pulse":
            assert (states(at), at.told("stay", "count")) == (["decided", "opened", "passed"], [(1,)])

    told(story, slow(4000))


@pytest.mark.parametrize("opened", ["pulse", "hold"])
def test_a_stuck_loop_keeps_the_arm_up_and_only_somebody_who_stands_there_may_bring_it_down(opened: str) -> None:
    async def story(at: Gateway) -> None:
        if opened == "pulse":
            at.read(KNOWN)
        else:
            await at.handlers.act(call("gate-act", gate="north", action="hold", minutes=60))
        await drive_onto_the_loop(at)
        over = call("gate-act", gate="north", action="release", over_loop=True, by="li")
        with pytest.raises(CommandRefused, match="has not been stuck"):
            await at.handlers.act(over)
        await asyncio.sleep(32)
        assert arm_held_up(at)
        assert at.told("health", "code", "ok") == [("loop-stuck", False)], "told after the time that the site has set"
        before = len(at.told("command", "name"))
        view = await at.handlers.act(over)
        assert (view.verified, arm_held_up(at)) == (True, False)
        name, by = at.told("command", "name", "by")[before]
        assert (name, "li" in by) == ("gate.release", True), "on record before anything moved"
        at.barrier.loop(False)
        await asyncio.sleep(2)
        assert at.told("stay", "state") == ([("entered",)] if opened == "pulse" else [])
        await at.handlers.act(call("gate-act", gate="north", action="hold", minutes=60))
        await drive_onto_the_loop(at)
        with pytest.raises(Retryable, match="vehicle stands under"):
            await at.handlers.act(call("gate-act", gate="north", action="release"))
        assert arm_held_up(at), "what somebody saw then is no word on the next vehicle"

    told(story, slow(4000, replace(RULE, loop_stuck_ms=30_000)))


def test_a_loop_that_nobody_knows_keeps_the_arm_up_for_two_minutes_and_no_longer() -> None:
    async def story(at: Gateway) -> None:
        await at.handlers.act(call("gate-act", gate="north", action="hold", minutes=0.1))
        await asyncio.sleep(2)
        assert arm_held_up(at)
        await asyncio.sleep(10)
        at.house.clock.advance(100)
        await asyncio.sleep(2)
        assert arm_held_up(at)
        at.house.clock.advance(20)
        await asyncio.sleep(2)
        assert not arm_held_up(at)

    told(story, site_of(replace(RULE, loop=PointRef(DeviceName("elsewhere"), LOOP))))


def test_what_was_erased_is_no_longer_under_way() -> None:
    async def story(at: Gateway) -> None:
        at.read(KNOWN)
        await drive_onto_the_loop(at)
        at.keeper.forget(KNOWN)
        assert KNOWN not in repr(at.keeper.course(at.keeper.gates()[0].name))
        at.barrier.loop(False)
        await asyncio.sleep(2)
        assert (at.told("stay", "plate", "count"), list(at.keeper.inside.zone("yard").stays)) == ([(None, 1)], [])

    told(story)


def test_no_plate_stays_behind_when_a_passage_is_over() -> None:
    async def story(at: Gateway) -> None:
        at.read(KNOWN, OUT)
        await at.drive_through()
        await asyncio.sleep(60)
        kept = await at.house.store.load_states()
        assert not [
            body for owner, bodies in kept.items() if owner != "gate-lists" for body in bodies.values() if KNOWN in body.decode()
        ]

    told(story, site_of(replace(RULE, zone=None)))
