"""Vehicles before a gate: who is let in, by which relay, what is counted, and what is left to people when something fails."""

import asyncio
import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path, PurePath

import pytest
from gate_house import CAMERA, OUT, RULE, Gateway, entries, site_of, told
from runtime_kit import call

from edgeguard.control import BadArguments
from edgeguard.core.camera import PlateShape
from edgeguard.core.errors import CommandRefused, StoreError, WriteRefused
from edgeguard.core.gate import OpensAt
from edgeguard.core.gate_limits import GATE_READ_OLD_MS
from edgeguard.core.gate_list import Entry, ListKind
from edgeguard.core.plate_shape import shaped
from edgeguard.core.register import Table
from edgeguard.rules import stays
from edgeguard.rules.gate_change import Change
from edgeguard.runtime.gate_stays import GateStays
from edgeguard.testing.clock import FakeClock

KNOWN, OTHER = "浙A12345", "苏E99999"


def states(gateway: Gateway) -> list[str]:
    return [state for (state,) in gateway.told("gate", "state")]


def test_a_resident_is_let_in_counted_and_let_out_with_the_time_inside() -> None:
    async def story(at: Gateway) -> None:
        at.read(KNOWN)
        await at.drive_through()
        assert at.barrier.openings == 1
        assert states(at) == ["decided", "opened", "passed"]
        at.house.clock.advance(600)
        await asyncio.sleep(1)
        at.read(KNOWN, OUT)
        await at.drive_through()
        assert at.barrier.openings == 2
        stays = at.told("stay", "state", "zone", "plate", "count")
        assert stays == [("entered", "yard", "浙A****5", 1), ("left", "yard", "浙A****5", 0)]
        lasted = [duration for (duration,) in at.told("stay", "duration_s") if duration is not None]
        assert lasted == [pytest.approx(604, abs=3)]

    told(story)


def test_strangers_near_misses_doubts_and_the_unread_open_nothing() -> None:
    async def story(at: Gateway) -> None:
        for text, confidence in ((None, 0.0), ("京B11111", 1.0), ("浙AD8888B", 1.0), ("浙A1234S", 1.0), ("浙A12345", 0.7)):
            at.read(text, confidence=confidence)
        await asyncio.sleep(5)
        assert at.barrier.openings == 0
        assert at.told("gate", "reason", "verdict", "near") == [
            ("unread", "ask", None),
            ("unknown", "refused", None),
            ("near-miss", "ask", "浙A*****8"),  # 浙AD88888 with its last character read as B
            ("near-miss", "ask", "浙A****5"),
            ("doubtful", "ask", "浙A****5"),
        ]

    told(story, site_of(replace(RULE, loop=None)))


@pytest.mark.parametrize("confirmed", [False, True])
def test_who_stands_there_unread_is_told_at_once_and_opens_once_when_it_is_read(confirmed: bool) -> None:
    async def story(at: Gateway) -> None:
        one = at.read(None, stage="waits")
        assert at.told("gate", "id", "verdict", "reason") == [(one, "ask", "unread")]
        if confirmed:
            await at.handlers.act(call("gate-act", gate="north", **{"pass": one}))
        at.read(KNOWN, id=one)
        await at.drive_through()
        await asyncio.sleep(25)
        assert at.barrier.openings == 1
        at.read(None, id=one)
        decided = [told for told in at.told("gate", "state", "verdict") if told[0] == "decided"]
        assert [verdict for _, verdict in decided] == (["ask"] if confirmed else ["ask", "open"])

    told(story)


@pytest.mark.parametrize("opens_at", OpensAt)
def test_who_is_let_in_by_hand_and_read_on_the_way_is_that_vehicle(opens_at: OpensAt) -> None:
    async def story(at: Gateway) -> None:
        await at.handlers.act(call("gate-act", gate="north"))
        one = at.read(KNOWN)
        at.barrier.loop(True)
        await asyncio.sleep(1)
        at.read(KNOWN, id=one, stage="line")
        await asyncio.sleep(1)
        at.barrier.loop(False)
        await asyncio.sleep(60)
        assert at.barrier.openings == 1, "opened once more, for nobody"
        assert at.told("stay", "state", "plate", "count") == [("entered", "浙A****5", 1)]

    told(story, site_of(replace(RULE, opens_at=opens_at)))


def test_a_person_confirms_a_near_miss_for_the_listed_plate() -> None:
    async def story(at: Gateway) -> None:
        identity = at.read("浙A1234S")
        await asyncio.sleep(1)
        view = await at.handlers.act(call("gate-act", gate="north", action="open", **{"pass": identity}))
        assert view.verified
        await at.drive_through()
        assert list(at.keeper.inside.zone("yard").stays) == [KNOWN]
        with pytest.raises(CommandRefused, match="let in already"):
            await at.handlers.act(call("gate-act", gate="north", **{"pass": identity}))
        with pytest.raises(CommandRefused, match="lately"):
            await at.handlers.act(call("gate-act", gate="north", **{"pass": "v99"}))

    told(story)


def test_who_is_let_in_though_blocked_stands_inside_as_what_else_it_is() -> None:
    """Its bay is taken from then on: a block says nothing of where it stands."""

    async def story(at: Gateway) -> None:
        plate = "浙B00001"
        both = (Entry(plate, ListKind.BLOCKED), Entry(plate, ListKind.RESIDENT, bay="B-30"))
        await at.keeper.book.change(Change(put=both), "somebody")
        identity = at.read(plate)
        await asyncio.sleep(1)
        assert at.told("gate", "reason", "verdict") == [("blocked", "refused")]
        await at.handlers.act(call("gate-act", gate="north", action="open", **{"pass": identity}))
        await at.drive_through()
        stay = at.keeper.inside.zone("yard").stays[plate]
        assert (stay.list_name, stay.bay) == ("resident", "B-30")

    told(story)


def test_two_cameras_and_two_readings_of_one_vehicle_open_once() -> None:
    async def story(at: Gateway) -> None:
        at.read(KNOWN)
        at.read(KNOWN)
        at.read("浙A12346")  # a second camera misreads it by one
        await at.drive_through()
        at.read(KNOWN)
        await asyncio.sleep(5)
        assert at.barrier.openings == 1
        assert at.told("stay", "state") == [("entered",)]
        assert [state for state in states(at) if state == "decided"] == ["decided"]

    told(story)


def test_the_next_vehicle_waits_until_the_loop_has_cleared() -> None:
    async def story(at: Gateway) -> None:
        at.read(KNOWN)
        await asyncio.sleep(1.5)
        at.barrier.loop(True)
        await asyncio.sleep(0.5)
        at.read(OTHER)
        await asyncio.sleep(3)
        assert at.barrier.openings == 1
        at.barrier.loop(False)
        await at.drive_through()
        assert at.barrier.openings == 2
        assert at.keeper.inside.zone("yard").count == 2

    told(story)


@pytest.mark.parametrize("bay", ["B7", ""])
def test_two_that_follow_each_other_do_not_both_get_the_last_place(bay: str) -> None:
    """One bay for both, or one place left in the zone: the second is read while the first is still under the barrier."""

    async def story(at: Gateway) -> None:
        shared = tuple(Entry(plate, ListKind.SHARED, bay=bay) for plate in (KNOWN, OTHER))
        await at.keeper.book.change(Change(whole=frozenset({ListKind.RESIDENT, ListKind.SHARED}), put=shared), "test")
        if not bay:
            at.keeper.take_step("yard", stays.corrected(at.keeper.inside.zone("yard"), 49, at.house.clock.now()))
        at.read(KNOWN)
        await asyncio.sleep(1.5)
        at.barrier.loop(True)
        at.read(OTHER)
        await asyncio.sleep(2)
        at.barrier.loop(False)
        await at.drive_through()
        assert at.barrier.openings == 1
        assert ("refused", "bay-taken" if bay else "full") in at.told("gate", "verdict", "reason")

    told(story)


def test_who_turns_back_leaves_the_place_to_the_next() -> None:
    async def story(at: Gateway) -> None:
        shared = tuple(Entry(plate, ListKind.RESIDENT, bay="B7") for plate in (KNOWN, OTHER))
        await at.keeper.book.change(Change(put=shared), "test")
        at.read(KNOWN)
        await asyncio.sleep(8)
        at.read(OTHER)
        await at.drive_through()
        assert at.barrier.openings == 2

    told(story)


def test_who_follows_without_being_let_in_is_told_and_counted_on_a_one_way_gate() -> None:
    async def story(at: Gateway) -> None:
        at.read(KNOWN)
        await at.drive_through()
        at.barrier.loop(True)
        await asyncio.sleep(1)
        at.barrier.loop(False)
        await asyncio.sleep(1)
        assert "tailgated" in states(at)
        assert at.keeper.inside.zone("yard").count == 2

    told(story, site_of(replace(RULE, eyes=RULE.eyes[:1])))


def test_a_vehicle_that_turns_back_is_not_inside() -> None:
    async def story(at: Gateway) -> None:
        at.read(KNOWN)
        await asyncio.sleep(8)
        assert states(at)[-1] == "not-passed"
        assert at.keeper.inside.zone("yard").count == 0
        at.read(KNOWN)
        await asyncio.sleep(2)
        assert at.barrier.openings == 2

    told(story)


def test_a_dead_device_a_stuck_arm_and_a_lost_write_are_told_and_nobody_is_counted() -> None:
    async def story(at: Gateway) -> None:
        at.barrier.moves = False
        at.read(KNOWN)
        await asyncio.sleep(8)
        assert "not-opened" in states(at)
        assert ("not-opened", False) in at.told("health", "code", "ok")
        at.barrier.deaf = True
        at.read(OTHER)
        await asyncio.sleep(12)
        assert states(at)[-1] == "not-opened"
        at.barrier.deaf, at.barrier.moves = False, True
        at.read("浙AD88888")
        await at.drive_through()
        assert ("not-opened", True) in at.told("health", "code", "ok")
        assert at.keeper.inside.zone("yard").count == 1

    told(story)


def test_the_interlock_holds_it_back_as_it_does_a_person() -> None:
    async def story(at: Gateway) -> None:
        at.barrier.set(Table.COIL, 1, 0)
        await asyncio.sleep(1)
        at.read(KNOWN)
        await asyncio.sleep(5)
        assert at.barrier.openings == 0
        assert states(at) == ["decided", "not-opened"]
        with pytest.raises(WriteRefused):
            await at.handlers.act(call("gate-act", gate="north"))

    told(story)


def test_who_has_gone_before_the_line_opens_for_nobody_else() -> None:
    """A resident who waited behind a stranger and gave up, or was hidden for a moment."""

    async def story(at: Gateway) -> None:
        at.read(KNOWN, stage="turned")
        await asyncio.sleep(2)
        assert at.barrier.openings == 0
        at.read(KNOWN, stage="sure")
        await asyncio.sleep(2)
        assert at.barrier.openings == 1

    told(story)


def test_what_comes_late_goes_away_or_waits_for_the_line_opens_nothing() -> None:
    async def story(at: Gateway) -> None:
        now = at.house.clock.now()
        at.read(KNOWN, boot_ms=now.boot_ms - GATE_READ_OLD_MS - 1)
        at.read(KNOWN, boot="another")
        at.read(KNOWN, direction="away")
        at.read(KNOWN, stage="sure")
        at.read(KNOWN, stage="turned")
        await asyncio.sleep(2)
        assert at.barrier.openings == 0
        at.read(KNOWN, stage="line")
        await asyncio.sleep(2)
        assert at.barrier.openings == 1

    told(story, site_of(replace(RULE, opens_at=OpensAt.LINE)))


def test_stays_survive_a_restart() -> None:
    async def story(at: Gateway) -> None:
        at.read(KNOWN)
        await at.drive_through()
        kept = await at.house.store.load_states()
        again = GateStays(at.house.gateway.store)
        again.recall(kept["gate-stays"])
        assert again.zone("yard") == at.keeper.inside.zone("yard")
        book = type(at.keeper.book)(at.house.gateway.store, at.house.clock)
        book.recall(kept["gate-lists"] | {"resident xx": b"{", "odd 浙A00000": b"{}"})
        assert set(book.entries()) == set(at.keeper.book.entries())
        assert book.heads == at.keeper.book.heads

    told(story)


def test_a_held_gate_is_open_to_all_and_lets_go_when_its_time_is_over() -> None:
    async def story(at: Gateway) -> None:
        await at.handlers.act(call("gate-act", gate="north", action="hold", minutes=0.1))
        at.read(KNOWN)
        await asyncio.sleep(1)
        assert at.barrier.get(Table.COIL, 0) == [1]
        assert (at.barrier.openings, at.keeper.inside.zone("yard").count) == (1, 1)
        with pytest.raises(CommandRefused, match="held open"):
            await at.handlers.act(call("gate-act", gate="north"))
        await asyncio.sleep(10)
        assert at.barrier.get(Table.COIL, 0) == [0]
        with pytest.raises(CommandRefused, match="not held"):
            await at.handlers.act(call("gate-act", gate="north", action="release"))
        await at.handlers.act(call("gate-act", gate="north", action="hold"))
        await at.handlers.act(call("gate-act", gate="north", action="release"))
        assert at.barrier.get(Table.COIL, 0) == [0]
        with pytest.raises(CommandRefused, match="12 h"):
            await at.handlers.act(call("gate-act", gate="north", action="hold", minutes=9000))

    told(story)


def test_without_a_clock_visitors_wait_and_weeks_without_a_network_are_none() -> None:
    clock = FakeClock()

    async def story(at: Gateway) -> None:
        until = datetime.fromtimestamp(clock.wall_ms / 1000) + timedelta(days=30)  # noqa: DTZ006
        await at.keeper.book.change(Change(put=(Entry("浙C33333", ListKind.VISITOR, until=until),)), "test")
        clock.synced = False
        clock.step_wall(-3e8)
        clock.boot_ms += 20 * 86_400_000
        assert at.keeper.judge(RULE, RULE.eyes[0].way, read("浙C33333")).reason.value == "listed"
        clock.boot_ms += 50 * 86_400_000
        assert at.keeper.judge(RULE, RULE.eyes[0].way, read("浙C33333")).reason.value == "clock"

    told(story, clock=clock)


def read(text: str):  # type: ignore[no-untyped-def]
    from edgeguard.rules.gate import Read

    return Read(text, 1.0)


def test_plates_leave_hashed_where_the_site_says_so_and_erasing_reaches_everything(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_bytes(b"secret of the site\n")

    async def story(at: Gateway) -> None:
        at.read(KNOWN)
        await at.drive_through()
        hashed = shaped(KNOWN, PlateShape.HASHED, b"secret of the site")
        assert at.told("gate", "plate", "shape")[0] == (hashed, "hashed")
        assert at.keeper.aliases(KNOWN) == (hashed,)
        assert at.keeper.aliases("浙a·12345") == (KNOWN, hashed), "however a person writes it"
        everything = json.dumps([item.body.decode() for batch in at.house.store.taken for item in batch.items], ensure_ascii=False)
        assert KNOWN not in everything
        at.keeper.forget(KNOWN)
        assert KNOWN not in {entry.plate for entry in at.keeper.book.entries()}
        assert not at.keeper.inside.zone("yard").stays
        assert at.keeper.inside.zone("yard").count == 1
        assert not at.keeper.course(at.keeper.gates()[0].name).decisions

    told(story, site_of(shape=PlateShape.HASHED, key=PurePath(key)))


def test_what_people_are_shown_and_correct() -> None:
    async def story(at: Gateway) -> None:
        at.read(KNOWN)
        await at.drive_through()
        view = await at.handlers.gates(call("gates"))
        assert [(gate.name, gate.phase, gate.loop) for gate in view.gates] == [("north", "idle", False)]
        assert [(one.plate, one.verdict, one.came) for one in view.gates[0].decisions] == [("浙*****5", "open", "passed")]
        assert [(zone.count, zone.stays) for zone in view.zones] == [(1, 1)]
        assert next(one.entries for one in view.lists if one.list == "resident") == 3
        why = await at.handlers.why(call("gate-why", plate="浙A·12346"))
        assert [(one.way, one.verdict, one.near) for one in why] == [("in", "ask", KNOWN), ("out", "ask", KNOWN)]
        (stay,) = await at.handlers.stays(call("gate-stays"))
        assert (stay.plate, stay.list) == (KNOWN, "resident")
        assert (await at.handlers.correct(call("gate-correct", zone="yard", count=7))).count == 7
        assert (await at.handlers.correct(call("gate-correct", zone="yard", gone=KNOWN))).count == 6
        with pytest.raises(BadArguments):
            await at.handlers.correct(call("gate-correct", zone="yard"))
        assert [target for name, target in at.told("command", "name", "target") if name == "gate.why"] == ["浙*****6"]

    told(story)


def test_a_list_that_the_disk_does_not_take_is_not_in_force() -> None:
    async def story(at: Gateway) -> None:
        at.house.store.gate.clear()
        change = asyncio.create_task(at.keeper.book.change(entries("京A00001"), "test"))
        await asyncio.sleep(30)
        assert "later" in repr(change.exception()) or "when it does" in str(change.exception())
        assert len(at.keeper.book.entries()) == 3
        at.house.store.gate.set()
        await asyncio.sleep(1)
        assert len(at.keeper.book.entries()) == 4

    told(story)


def test_a_camera_that_is_not_at_the_gate_decides_nothing() -> None:
    async def story(at: Gateway) -> None:
        at.read(KNOWN, replace(CAMERA, name=CAMERA.name.__class__("street")))
        await asyncio.sleep(1)
        assert states(at) == []

    told(story)


def test_lists_that_a_busy_disk_could_not_give_at_the_start_are_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(at: Gateway) -> None:
        kept, asked = await at.house.store.load_states(), 0

        async def busy() -> dict[str, dict[str, bytes]]:
            nonlocal asked
            asked += 1
            if asked < 3:
                raise StoreError("the disk is busy")
            return kept

        monkeypatch.setattr(at.house.store, "load_states", busy)
        at.keeper.forget(KNOWN)
        at.keeper.recall(None)
        at.read(KNOWN)
        assert at.told("gate", "reason") == [("unknown",)]
        await asyncio.sleep(30)
        assert asked == 3
        at.read(KNOWN)
        assert at.told("gate", "reason")[-1] == ("listed",)

    told(story)
