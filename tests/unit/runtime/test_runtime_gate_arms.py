"""Arms that do not do what they are told: news of the gateway's health, until they are right again."""

import asyncio
from dataclasses import replace
from datetime import datetime

import pytest
from gate_house import Gateway, site_of, told
from runtime_kit import call

from edgeguard.core.register import Table


def test_an_arm_that_stays_up_is_told_with_since_when_and_ends_when_it_is_down() -> None:
    async def story(at: Gateway) -> None:
        at.barrier.set(Table.COIL, 2, 1)  # somebody has raised it, by the button of the guard
        await asyncio.sleep(2)
        since_ms = at.house.clock.now().wall_ms
        await asyncio.sleep(100)
        at.barrier.loop(True)
        await asyncio.sleep(30)
        at.barrier.set(Table.COIL, 3, 0)
        await asyncio.sleep(115)
        assert at.told("health", "code") == [], "a vehicle was under it"
        await asyncio.sleep(8)
        (told_,) = at.told("health", "source", "code", "ok", "detail")
        assert told_[:3] == ("gate.north", "stays-up", False)
        seen_ms = datetime.fromisoformat(told_[3].removeprefix("since ")).timestamp() * 1000
        assert seen_ms - since_ms == pytest.approx(130_000, abs=3000)
        at.barrier.set(Table.COIL, 2, 0)
        await asyncio.sleep(2)
        assert at.told("health", "code", "ok") == [("stays-up", False), ("stays-up", True)]

    told(story)


def test_a_gate_that_is_held_open_or_unknown_does_not_stay_up() -> None:
    async def story(at: Gateway) -> None:
        await at.handlers.act(call("gate-act", gate="north", action="hold", minutes=5))
        await asyncio.sleep(250)
        at.barrier.silent = True
        await asyncio.sleep(250)
        assert not [code for (code,) in at.told("health", "code") if code == "stays-up"]

    told(story)


def test_an_arm_that_does_not_move_for_a_person_is_told_until_it_is_seen_to_rise() -> None:
    async def story(at: Gateway) -> None:
        at.barrier.moves = False
        assert not (await at.handlers.act(call("gate-act", gate="north"))).verified
        assert at.told("health", "code", "ok") == [("not-opened", False)]
        await asyncio.sleep(30)
        at.barrier.set(Table.COIL, 2, 1)
        await asyncio.sleep(2)
        assert at.told("health", "code", "ok") == [("not-opened", False), ("not-opened", True)]

    told(story, replace(site_of(), gates=(replace(site_of().gates[0], plates=None),)))
