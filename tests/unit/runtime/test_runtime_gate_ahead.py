"""A resident behind a stranger who is below the picture already, between the line and the barrier."""

import asyncio

import pytest
from gate_house import OUT, Gateway, told
from runtime_kit import call

KNOWN, STRANGER = "浙A12345", "京B11111"


@pytest.mark.parametrize("text", [STRANGER, None, "浙A1234S"])
def test_a_stranger_at_the_barrier_is_not_let_in_by_the_resident_behind(text: str | None) -> None:
    async def story(at: Gateway) -> None:
        one = at.read(text, stage="waits" if text is None else "sure")
        at.read(text, id=one, stage="end" if text is None else "line")
        resident = at.read(KNOWN)
        await asyncio.sleep(5)
        assert at.barrier.openings == 0
        at.read(KNOWN, id=resident, stage="line")
        await at.drive_through()
        assert at.barrier.openings == 1, "who has come to the line himself is let in"
        assert at.keeper.inside.zone("yard").count == 1

    told(story)


@pytest.mark.parametrize("boot", ["", "another"])
def test_a_stranger_at_the_barrier_is_remembered_over_a_restart_of_the_daemon(boot: str) -> None:
    async def story(at: Gateway) -> None:
        one = at.read(STRANGER)
        at.read(STRANGER, id=one, stage="line")
        await asyncio.sleep(0)
        await at.kill(boot)
        await asyncio.sleep(2)  # the box has told of its loop again
        resident = at.read(KNOWN)
        await asyncio.sleep(5)
        assert at.barrier.openings == 0, "it would rise for the stranger"
        at.read(KNOWN, id=resident, stage="line")
        await at.drive_through()
        assert at.barrier.openings == 1

    told(story)


def test_who_was_let_in_by_hand_or_left_long_ago_holds_nobody_after_a_restart() -> None:
    async def story(at: Gateway) -> None:
        one = at.read(STRANGER, stage="line")
        await asyncio.sleep(1)
        await at.handlers.act(call("gate-act", gate="north", **{"pass": one}))
        await at.drive_through()
        await at.kill()
        await asyncio.sleep(2)
        at.read(KNOWN)
        await at.drive_through()
        at.read(STRANGER, stage="line")
        await asyncio.sleep(1.5)
        await at.kill()
        await asyncio.sleep(301)
        at.read("苏E99999")
        await at.drive_through()
        assert at.barrier.openings == 3
        states = await at.house.store.load_states()
        assert STRANGER.encode() not in b"".join(states.get("gate-passages", {}).values())

    told(story)


def test_nobody_is_held_by_one_who_was_let_in_by_hand_or_has_gone_through() -> None:
    async def story(at: Gateway) -> None:
        one = at.read(STRANGER, stage="line")
        await asyncio.sleep(1)
        await at.handlers.act(call("gate-act", gate="north", **{"pass": one}))
        await at.drive_through()
        at.read(KNOWN)
        await at.drive_through()
        at.read("京B22222", stage="line")
        await at.handlers.act(call("gate-act", gate="north"))
        await at.drive_through()
        at.read("苏E99999")
        await at.drive_through()
        assert at.barrier.openings == 4

    told(story)


def test_nobody_is_held_by_a_resident_by_who_goes_the_other_way_or_by_who_was_there_long_ago() -> None:
    async def story(at: Gateway) -> None:
        one = at.read("浙AD88888")
        at.read("浙AD88888", id=one, stage="line")
        await at.drive_through()
        at.read(STRANGER, OUT, stage="line")
        at.read(KNOWN)
        await at.drive_through()
        at.read("京B22222", stage="line")
        at.house.clock.advance(301)
        await asyncio.sleep(2)
        at.read("苏E99999")
        await at.drive_through()
        assert at.barrier.openings == 3

    told(story)


@pytest.mark.parametrize("slow_s", [2, 45])
def test_a_resident_who_stops_on_the_way_is_let_in_at_the_line_after_the_barrier_has_come_down(slow_s: int) -> None:
    async def story(at: Gateway) -> None:
        one = at.read(KNOWN)
        await asyncio.sleep(slow_s)
        at.read(KNOWN, id=one, stage="line")
        await at.drive_through()
        await asyncio.sleep(10)
        at.read(KNOWN, id=one, stage="line")
        await asyncio.sleep(5)
        assert at.barrier.openings == (1 if slow_s == 2 else 2)
        assert at.keeper.inside.zone("yard").count == 1
        assert [state for (state,) in at.told("gate", "state") if state in ("passed", "not-passed")] == (
            ["passed"] if slow_s == 2 else ["not-passed", "passed"]
        )

    told(story)
