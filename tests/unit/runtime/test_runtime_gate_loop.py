"""A loop that is unknown, stuck, or was last heard too long ago: the gate is left to people."""

import asyncio

import pytest
from gate_house import Gateway, told
from runtime_kit import call

from edgeguard.core.gate_limits import GATE_INPUT_OLD_MS, GATE_LOOP_STUCK_MS
from edgeguard.core.register import Table
from edgeguard.runtime.gate_loop import loop_shown

KNOWN, OTHER = "浙A12345", "苏E99999"


def test_a_loop_that_is_unknown_or_stuck_leaves_the_gate_to_people() -> None:
    async def story(at: Gateway) -> None:
        at.barrier.silent = True
        await asyncio.sleep(5)
        at.read(KNOWN)
        assert at.told("gate", "reason") == [("loop",)]
        at.barrier.silent = False
        await asyncio.sleep(20)  # until none of what it did not answer can come any more
        at.barrier.loop(True)
        await asyncio.sleep(3)
        await asyncio.sleep(GATE_LOOP_STUCK_MS / 1000)
        assert ("loop-stuck", False) in at.told("health", "code", "ok")
        at.read(OTHER)
        await asyncio.sleep(1)
        assert at.told("gate", "reason")[-1] == ("loop",)
        assert at.barrier.openings == 0
        assert (await at.handlers.act(call("gate-act", gate="north"))).verified
        at.barrier.loop(False)
        await asyncio.sleep(2)
        assert ("loop-stuck", True) in at.told("health", "code", "ok")

    told(story)


def test_what_a_loop_showed_some_seconds_ago_opens_nothing_and_lets_no_arm_down() -> None:
    async def story(at: Gateway) -> None:
        gate = at.keeper.gates()[0]
        assert loop_shown(at.house.gateway, gate) is False
        at.house.clock.advance(GATE_INPUT_OLD_MS / 1000 + 1)  # the bus is held up, and no round has failed yet
        assert loop_shown(at.house.gateway, gate) is None
        at.read(KNOWN)
        assert at.told("gate", "state", "reason") == [("decided", "loop")]
        await asyncio.sleep(3)
        assert at.barrier.openings == 0
        at.read(OTHER)
        await asyncio.sleep(3)
        assert at.barrier.openings == 1, "the loop is known again"

    told(story)


async def flap(at: Gateway, seconds: int, coil: int = 3) -> None:
    for _ in range(seconds // 2):
        at.barrier.set(Table.COIL, coil, 1)
        await asyncio.sleep(1)
        at.barrier.set(Table.COIL, coil, 0)
        await asyncio.sleep(1)


@pytest.mark.parametrize("arm_is_up", [False, True])
def test_a_loop_that_flaps_is_told_once_and_no_traffic(arm_is_up: bool) -> None:
    async def story(at: Gateway) -> None:
        at.barrier.set(Table.COIL, 2, int(arm_is_up))
        await flap(at, 600)
        assert at.told("health", "code", "ok").count(("loop-flaps", False)) == 1
        assert len([state for (state,) in at.told("gate", "state") if state == "passed-unread"]) <= 24
        at.read(KNOWN)
        await asyncio.sleep(1)
        assert (at.told("gate", "reason")[-1], at.barrier.openings) == (("loop",), 0)
        await asyncio.sleep(70)
        assert [ok for code, ok in at.told("health", "code", "ok") if code == "loop-flaps"] == [False, True]
        at.read(OTHER)
        await asyncio.sleep(1)
        assert at.barrier.openings == 1

    told(story)


def test_a_feedback_that_flaps_makes_no_events_and_opens_nothing() -> None:
    async def story(at: Gateway) -> None:
        await flap(at, 600, coil=2)
        assert (at.told("gate", "state"), at.told("health", "code"), at.barrier.openings) == ([], [], 0)

    told(story)


def test_a_loop_that_shows_nobody_of_three_who_were_let_in_is_told_until_it_shows_one() -> None:
    async def story(at: Gateway) -> None:
        for n, plate in enumerate((KNOWN, KNOWN, KNOWN, OTHER, KNOWN)):  # one who dawdles is one
            one = at.read(plate)
            at.read(plate, id=one, stage="line")
            await asyncio.sleep(60)
            assert at.told("health", "code", "ok") == [("loop-silent", False)] * (n >= 4)
        one = at.read(OTHER)
        at.read(OTHER, id=one, stage="line")
        await at.drive_through()
        assert at.told("health", "code", "ok") == [("loop-silent", False), ("loop-silent", True)]

    told(story)


def test_a_jam_before_a_barrier_that_is_held_open_is_no_flapping_loop() -> None:
    async def story(at: Gateway) -> None:
        at.barrier.set(Table.COIL, 2, 1)
        for _ in range(60):
            at.barrier.set(Table.COIL, 3, 1)
            await asyncio.sleep(1.5)
            at.barrier.set(Table.COIL, 3, 0)
            await asyncio.sleep(1.5)
        assert at.told("health", "code") == []

    told(story)
