"""A loop that is unknown, stuck, or was last heard too long ago: the gate is left to people."""

import asyncio

from gate_house import Gateway, told
from runtime_kit import call

from edgeguard.core.gate_limits import GATE_INPUT_OLD_MS, GATE_LOOP_STUCK_MS
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
