"""A vehicle over the loop without a pass: a pass without a text, and never a second one of a vehicle that has one."""

import asyncio

import pytest
from gate_house import CAMERA, RULE, Gateway, site_of, told
from runtime_kit import call

from edgeguard.core.gate import Eye, Way
from edgeguard.core.ids import CameraName
from edgeguard.core.register import Table

KNOWN = "浙A12345"
ONE_WAY = (Eye(CameraName(CAMERA.name), Way.IN),)


def unread(gateway: Gateway) -> list[tuple[object, ...]]:
    return [facts[1:] for facts in gateway.told("gate", "state", "plate", "id") if facts[0] == "passed-unread"]


async def rush(at: Gateway) -> None:
    """Over the loop with the arm up, which somebody has raised by hand."""
    at.barrier.set(Table.COIL, 2, 1)
    await asyncio.sleep(1)
    at.barrier.loop(True)
    await asyncio.sleep(1)
    at.barrier.loop(False)
    await asyncio.sleep(15)


def test_who_rushes_through_unread_is_a_pass_without_a_plate_and_is_not_counted() -> None:
    async def story(at: Gateway) -> None:
        await rush(at)
        assert unread(at) == [(None, None)]
        assert at.keeper.inside.zone("yard").count == 0

    told(story)


@pytest.mark.parametrize("direction", ["towards", "away", "unknown"])
def test_who_was_read_refused_or_went_the_other_way_gives_no_second_pass(direction: str) -> None:
    async def story(at: Gateway) -> None:
        at.read("京B11111", direction=direction)
        await rush(at)
        assert unread(at) == []

    told(story)


def test_who_noses_in_under_the_closed_arm_and_backs_out_is_nobody() -> None:
    async def story(at: Gateway) -> None:
        at.barrier.loop(True)
        await asyncio.sleep(4)
        at.barrier.loop(False)
        await asyncio.sleep(20)
        assert unread(at) == []

    told(story)


def test_a_resident_and_one_for_whom_a_person_opens_are_one_pass_each() -> None:
    async def story(at: Gateway) -> None:
        one = at.read(KNOWN)
        at.read(KNOWN, id=one, stage="line")
        await at.drive_through()
        await asyncio.sleep(20)
        await at.handlers.act(call("gate-act", gate="north"))
        await at.drive_through()
        await asyncio.sleep(20)
        assert unread(at) == []
        assert [state for (state,) in at.told("gate", "state") if state == "passed"] == ["passed", "passed"]

    told(story)


def test_at_a_gate_that_is_held_open_who_is_read_is_counted_once_and_the_unread_are_told() -> None:
    async def story(at: Gateway) -> None:
        await at.handlers.act(call("gate-act", gate="north", action="hold", minutes=5))
        for text in (KNOWN, "浙AD88888"):
            at.barrier.set(Table.COIL, 2, 1)
            at.read(text)
            await at.drive_through()
        await asyncio.sleep(20)
        assert at.keeper.inside.zone("yard").count == 2
        assert "tailgated" not in [state for (state,) in at.told("gate", "state")]
        assert unread(at) == []
        await rush(at)
        assert unread(at) == [(None, None)]

    told(story, site_of(RULE.__class__(eyes=ONE_WAY, zone=RULE.zone, loop=RULE.loop)))


@pytest.mark.parametrize(
    ("text", "confidence", "inside"), [("京B11111", 0.97, "京B11111"), ("浙A1234S", 0.97, ""), (KNOWN, 0.5, ""), (None, 0.0, "")]
)
def test_strangers_at_a_gate_that_is_held_open_are_counted_once(text: str | None, confidence: float, inside: str) -> None:
    async def story(at: Gateway) -> None:
        await at.handlers.act(call("gate-act", gate="north", action="hold", minutes=5))
        one = at.read(text, confidence=confidence, stage="waits" if text is None else "sure")
        assert at.keeper.inside.zone("yard").count == 0
        at.read(text, id=one, confidence=confidence, stage="end" if text is None else "line")
        at.read(text, id=one, confidence=confidence, stage="end")
        await at.drive_through()
        zone = at.keeper.inside.zone("yard")
        assert (zone.count, "".join(zone.stays)) == (1, inside)
        at.read("京B22222", stage="turned")
        at.read("京B33333", stage="line", direction="away")
        assert at.keeper.inside.zone("yard").count == 1

    told(story)


def test_a_stranger_at_a_gate_that_is_closed_is_not_counted() -> None:
    async def story(at: Gateway) -> None:
        at.read("京B11111", stage="line")
        await asyncio.sleep(1)
        assert at.keeper.inside.zone("yard").count == 0

    told(story)
