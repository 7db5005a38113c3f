"""Lists that come in parts: in force together or not at all, and never over what has overtaken them."""

import asyncio

import pytest
from gate_house import Gateway, told
from runtime_kit import call

from edgeguard.control import BadArguments
from edgeguard.control.gate_views import GateListView
from edgeguard.core.errors import CommandRefused

KNOWN = "浙A12345"


async def take(at: Gateway, **args: object) -> GateListView:
    """One part, as a person or the platform sends it."""
    return await at.handlers.transfers.take(call("gate-put", **args))  # type: ignore[arg-type]


def test_a_list_comes_in_parts_and_in_force_as_a_whole() -> None:
    async def story(at: Gateway) -> None:
        async def put(**args: object) -> GateListView:
            return await take(at, **args)

        head = {"transfer": "t1", "parts": 2, "list": "resident", "version": 7}
        assert (await put(**head, part=2, entries="plate\n京A00002\n")).state == "staged"
        assert KNOWN in {entry.plate for entry in at.keeper.book.entries()}
        done = await put(**head, part=1, entries="plate\n京A00001\n浙A1234超\n")
        assert (done.state, done.added, done.removed, done.unreadable) == ("in-force", 3, 3, 1)
        assert {entry.plate for entry in at.keeper.book.entries()} == {"京A00001", "京A00002", "浙A1234超"}
        one = {"transfer": "t2", "list": "resident", "version": 8}
        with pytest.raises(CommandRefused, match="has version 7, not 6"):
            await put(**one, base=6, entries="plate\n京A00003\n")
        done = await put(**one, base=7, entries="plate\n京A00003\n", remove="京A00001\n")
        assert (done.added, done.removed) == (1, 1)
        with pytest.raises(BadArguments, match="line 3: plate"):
            await put(transfer="t3", list="resident", entries="plate\n京A00009\n12\n")
        assert "京A00009" not in {entry.plate for entry in at.keeper.book.entries()}
        dry = await put(transfer="t4", list="resident", whole=True, dry=True, entries="plate\n京A00009\n")
        assert (dry.state, dry.added, dry.removed) == ("dry", 1, 3)
        assert at.told("gate-list", "list", "entries", "version", "local")[-1] == ("resident", 3, 8, 0)

    told(story)


def plates_of(at: Gateway) -> set[str]:
    return {entry.plate for entry in at.keeper.book.entries()}


def test_a_list_that_was_overtaken_on_its_way_does_not_come_into_force_over_the_newer_one() -> None:
    async def story(at: Gateway) -> None:
        async def put(**args: object) -> GateListView:
            return await take(at, list="resident", **args)

        old = {"transfer": "old", "parts": 2, "version": 7}
        await put(**old, part=1, entries="plate\n京A00001\n")
        await put(transfer="new", version=8, entries="plate\n京A00003\n")
        with pytest.raises(CommandRefused, match="has version 8, not none") as refused:
            await put(**old, part=2, entries="plate\n京A00002\n")
        assert (refused.value.code, plates_of(at)) == ("other-version", {"京A00003"})
        assert (await put(**(old | {"parts": 1}), entries="plate\n京A00002\n")).state == "in-force", "asked for anew it is wanted"

    told(story)


def test_a_part_that_comes_again_with_other_rows_is_refused_and_the_transfer_with_it() -> None:
    async def story(at: Gateway) -> None:
        async def put(**args: object) -> GateListView:
            return await take(at, list="resident", transfer="t", parts=2, version=7, **args)

        before = plates_of(at)
        for _ in range(2):
            assert (await put(part=1, entries="plate\n京A00001\n")).missing == 1
        with pytest.raises(CommandRefused, match="part 1 of transfer t came before with other rows"):
            await put(part=1, entries="plate\n京A00009\n")
        assert (await put(part=2, entries="plate\n京A00002\n")).missing == 1, "begun again"
        assert plates_of(at) == before
        assert (await put(part=1, entries="plate\n京A00009\n")).state == "in-force"
        assert plates_of(at) == {"京A00009", "京A00002"}

    told(story)


def test_two_senders_that_call_their_transfers_alike_do_not_meet() -> None:
    async def story(at: Gateway) -> None:
        async def put(by: str, **args: object) -> GateListView:
            return await take(at, list="resident", transfer="t", parts=2, version=7, by=by, **args)

        assert (await put("one", part=1, entries="plate\n京A00001\n")).missing == 1
        assert (await put("two", part=1, entries="plate\n京A00005\n")).missing == 1
        assert (await put("one", part=2, entries="plate\n京A00002\n")).state == "in-force"
        assert plates_of(at) == {"京A00001", "京A00002"}

    told(story)


def test_of_two_changes_of_one_version_that_wait_for_the_disk_one_comes_into_force() -> None:
    async def story(at: Gateway) -> None:
        async def put(**args: object) -> GateListView:
            return await take(at, list="resident", **args)

        await put(transfer="t", version=7, entries="plate\n京A00001\n")
        at.house.store.gate.clear()
        one = asyncio.create_task(put(transfer="a", version=8, base=7, entries="plate\n京A00002\n"))
        two = asyncio.create_task(put(transfer="b", version=9, base=7, remove="京A00001\n"))
        await asyncio.sleep(0.1)
        at.house.store.gate.set()
        assert (await one).state == "in-force"
        with pytest.raises(CommandRefused, match="has version 8, not 7"):
            await two
        assert plates_of(at) == {"京A00001", "京A00002"}

    told(story)
