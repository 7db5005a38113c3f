"""An output that is not as this gateway has last written it, through the whole daemon: told, put right, remembered."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from runtime_kit import PROFILE, House, call, device, site

from edgeguard.config.output_alarms import output_alarms
from edgeguard.config.overrides import rule_of
from edgeguard.control.views import WriteView
from edgeguard.core.errors import StoreError
from edgeguard.core.ids import AlarmName, DeviceName, PointName
from edgeguard.core.point import Kind, Labels, Point, WriteRule
from edgeguard.core.register import RawType, RegisterField, Table
from edgeguard.core.site import Site
from edgeguard.testing.clock import FakeClock, run_virtual

NAME = DeviceName("relay")
ALARM = AlarmName("relay.output-changed")
LABELS = (Labels("继电器1", "Relay 1"), Labels("继电器2", "Relay 2"))
BOARD = replace(
    PROFILE,
    points=tuple(
        Point(PointName(f"relay_{n}"), Kind.BOOLEAN, labels, write=WriteRule(harmless=True)) for n, labels in enumerate(LABELS, 1)
    ),
    fields=tuple(RegisterField(Table.COIL, n, RawType.BIT) for n in (0, 1)),
)


def board(period_ms: int = 2000) -> Site:
    alarms = tuple(rule_of(NAME, template) for template in output_alarms(BOARD))
    return site(replace(device("relay", "riser", period_ms=period_ms, alarms=alarms), profile=BOARD))


@asynccontextmanager
async def on(of: Site, clock: FakeClock, before: House | None = None) -> AsyncIterator[House]:
    """A house; `before`: the one that has been killed, whose store and device are found again."""
    house = House(clock, of)
    states: Mapping[str, Mapping[str, bytes]] = {}
    known = {}
    house.unit("riser")
    if before is not None:
        states = await before.store.load_states()
        known = {name: alarm for batch in before.store.taken for name, alarm in batch.alarms}
        house.unit("riser").words = before.unit("riser").words
    house.gateway.start(known, states)

    async def sweep() -> None:
        while True:
            await asyncio.sleep(1.0)
            house.pipeline.sweep()

    sweeping = asyncio.create_task(sweep())
    await asyncio.sleep(3.0)
    try:
        yield house
    finally:
        sweeping.cancel()
        await house.gateway.stop(0.1)


def told(story: Callable[[House], Coroutine[Any, Any, None]], period_ms: int = 2000) -> None:
    clock = FakeClock()

    async def main() -> None:
        async with on(board(period_ms), clock) as house:
            await story(house)

    run_virtual(main(), clock)


async def write(house: House, value: bool, point: str = "relay_1") -> WriteView:
    return await house.handlers.write(call("write", by="liwei", device="relay", point=point, value=value))


def standing(house: House) -> tuple[str, object]:
    alarm = house.pipeline.records[NAME].state.alarms[0]
    return alarm.state.value, alarm.value


def test_an_output_that_drops_is_told_with_its_name_and_a_write_puts_it_right() -> None:
    async def story(house: House) -> None:
        assert (await write(house, True)).fate == "done"
        await asyncio.sleep(60.0)
        assert standing(house) == ("normal", None)
        house.unit("riser").set(Table.COIL, 0, 0)
        await asyncio.sleep(8.0)
        assert standing(house) == ("normal", None)
        await asyncio.sleep(8.0)
        assert standing(house) == ("active", "relay_1 off")
        await write(house, False)
        await asyncio.sleep(2.0)
        assert standing(house)[0] == "returned"

    told(story)


def test_what_somebody_else_switches_counts_where_we_have_written_only() -> None:
    async def story(house: House) -> None:
        house.unit("riser").set(Table.COIL, 0, 1, 1)
        await asyncio.sleep(60.0)
        assert standing(house) == ("normal", None)
        await write(house, False, "relay_2")
        house.unit("riser").set(Table.COIL, 0, 0, 1)
        await asyncio.sleep(20.0)
        assert standing(house) == ("active", "relay_2 on")
        house.unit("riser").set(Table.COIL, 1, 0)
        await asyncio.sleep(4.0)
        assert standing(house)[0] == "returned"

    told(story)


def test_a_board_that_has_begun_anew_while_nobody_looked_is_found_after_a_restart() -> None:
    clock = FakeClock()

    async def main() -> None:
        async with on(board(), clock) as house:
            await write(house, True)
            await write(house, True, "relay_2")
        house.unit("riser").set(Table.COIL, 0, 0, 0)
        async with on(board(), clock, house) as again:
            await asyncio.sleep(12.0)
            assert standing(again) == ("active", "relay_1 off, relay_2 off")
        again.unit("riser").set(Table.COIL, 0, 1, 1)
        async with on(board(), clock, again) as third:
            assert standing(third)[0] == "returned"

    run_virtual(main(), clock)


def test_of_a_write_whose_end_nobody_knows_nothing_is_expected() -> None:
    """The device takes it and its answer is lost, and so is every answer to the reading back."""
    clock = FakeClock()

    async def main() -> None:
        async with on(board(), clock) as house:
            await write(house, True)
            states = await house.store.load_states()
            assert states["outputs"] == {"relay": b'{"relay_1":true}'}
            house.unit("riser").silent = True
            assert (await write(house, False)).fate in ("lost", "unverified")
            assert (await house.store.load_states()).get("outputs", {}) == {}
            house.unit("riser").silent = False
            house.unit("riser").set(Table.COIL, 0, 0)
            await asyncio.sleep(60.0)
            assert standing(house) == ("normal", None)

    run_virtual(main(), clock)


def test_a_power_cut_in_the_middle_of_a_write_leaves_no_false_alarm() -> None:
    async def story(house: House) -> None:
        await write(house, True)
        seen = len(house.store.taken)
        await write(house, False)
        first = next(batch for batch in house.store.taken[seen:] if any(state.owner == "outputs" for state in batch.states))
        assert [state.body for state in first.states if state.owner == "outputs"] == [b""]
        assert first in house.store.durable

    told(story)


def test_a_write_that_the_disk_does_not_take_changes_nothing() -> None:
    async def story(house: House) -> None:
        await write(house, True)
        house.store.refusal = StoreError("full")
        with pytest.raises(StoreError):
            await write(house, False)
        house.store.refusal = None
        assert (await house.store.load_states())["outputs"] == {"relay": b'{"relay_1":true}'}
        house.unit("riser").set(Table.COIL, 0, 0)
        await asyncio.sleep(20.0)
        assert standing(house) == ("active", "relay_1 off")

    told(story)


def test_a_reading_older_than_the_write_says_nothing_of_it() -> None:
    async def story(house: House) -> None:
        for value in (True, False, True):
            await asyncio.sleep(100.0)
            await write(house, value)
            await asyncio.sleep(100.0)
            assert standing(house) == ("normal", None)

    told(story, period_ms=900_000)


def test_several_in_one_command_count_each() -> None:
    async def story(house: House) -> None:
        both = call("write-several", by="liwei", targets=("relay.relay_1", "relay.relay_2"), values=("true", "true"))
        assert (await house.handlers.write_several(both)).fate == "done"
        house.unit("riser").set(Table.COIL, 0, 0, 1)
        await asyncio.sleep(20.0)
        assert standing(house) == ("active", "relay_1 off")

    told(story)


def test_a_reload_in_between_forgets_nothing() -> None:
    async def story(house: House) -> None:
        await write(house, True)
        await house.gateway.reload(replace(board(3000), sha256="c" * 64))
        house.unit("riser").set(Table.COIL, 0, 0)
        await asyncio.sleep(20.0)
        assert standing(house) == ("active", "relay_1 off")
        await house.gateway.reload(replace(site(device("pump-1", "other")), sha256="d" * 64))
        await asyncio.sleep(2.0)
        assert (await house.store.load_states()).get("outputs", {}) == {}

    told(story)
