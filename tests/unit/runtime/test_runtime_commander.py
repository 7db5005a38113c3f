"""Commands from the platform: carried out once, only if allowed and fresh, on record before anything happens, and answered."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from edgeguard.control import Call, UnknownName
from edgeguard.control.views import ReloadView, WriteView
from edgeguard.core.afar_limits import COMMAND_IDS, COMMAND_REFUSALS_PER_MINUTE, COMMANDS_WAITING
from edgeguard.core.command import Command, CommandName, Refusal, ReplyTo
from edgeguard.core.errors import Retryable, StoreError, WriteRefused
from edgeguard.runtime.commander import Commander
from edgeguard.store import Batch
from edgeguard.testing.clock import FakeClock, run_virtual
from edgeguard.testing.examples import examples
from edgeguard.testing.messages import check_reply

TO = ReplyTo("root/replies", b"7")


@dataclass
class Disk:
    """What is durable; `full` makes it refuse."""

    batches: list[Batch] = field(default_factory=list)
    ids: dict[str, int] = field(default_factory=dict)
    full: bool = False
    states: dict[str, bytes] = field(default_factory=dict)

    async def put(self, batch: Batch) -> object:
        if self.full:
            raise StoreError("the disk is full")
        self.batches.append(batch)
        for state in batch.states:
            if state.body:
                self.states[state.name] = state.body
            else:
                self.states.pop(state.name, None)
        self.ids |= dict(batch.commands)
        return ()

    def submit(self, batch: Batch) -> None:
        if not self.full:
            self.batches.append(batch)

    async def load_commands(self) -> dict[str, int]:
        return dict(self.ids)

    @property
    def audit(self) -> list[dict[str, Any]]:
        return [json.loads(body) for batch in self.batches for body in batch.audit]


class Scene:
    """A commander with a disk, a clock, a handler for writes, and all that it answered."""

    def __init__(self, disk: Disk | None = None) -> None:
        self.clock = FakeClock()
        self.disk = disk or Disk()
        self.answers: list[tuple[ReplyTo, dict[str, Any]]] = []
        self.done: list[tuple[str, object]] = []
        self.result: object = WriteView("pump-1", "setpoint", 3.0, 3.0, verified=True, detail="", took_ms=1.0)
        self.commander = Commander(self.disk, self.clock, self._answer)
        self.commander.allowed = frozenset(CommandName)
        methods = dict.fromkeys(("write", "read", "reload", "ack"), self._write)
        self.commander.equip(methods, {"diag": self._diag})

    def _answer(self, to: ReplyTo, payload: bytes) -> bool:
        check_reply(payload)
        self.answers.append((to, json.loads(payload)))
        return True

    async def _write(self, call: Call) -> object:
        assert self.disk.audit, "nothing may happen before it is on record"
        self.done.append((call.author, dict(call.args)))
        if isinstance(self.result, Exception):
            raise self.result
        return self.result

    async def _diag(self, _: Call) -> object:
        self.done.append(("diag", None))
        return {"fine": True}

    def command(self, command_id: str = "c-1", name: str = "write", ttl_ms: int = 30_000, **args: Any) -> Command:
        given: dict[str, Any] = args or {"device": "pump-1", "point": "setpoint", "value": 3.0}
        return Command(name, command_id, self.clock.now().wall_ms, ttl_ms, given, TO)

    @property
    def states(self) -> list[str]:
        return [str(body["state"]) for _, body in self.answers]


def told(scene: Scene, story: Callable[[Scene], Awaitable[None]]) -> None:
    async def run() -> None:
        task = asyncio.create_task(scene.commander.run())
        await story(scene)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run_virtual(run())


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def send(scene: Scene, *commands: Command | Refusal) -> None:
    async def story(scene: Scene) -> None:
        for command in commands:
            scene.commander.take(command)
            await settle()

    told(scene, story)


def test_a_write_is_accepted_then_done_and_the_value_read_back_is_told() -> None:
    scene = Scene()
    send(scene, scene.command())
    assert scene.states == ["accepted", "done"]
    assert scene.answers[-1][0] == TO
    assert scene.answers[-1][1]["result"]["read_back"] == 3.0
    assert scene.done == [("platform", {"device": "pump-1", "point": "setpoint", "value": 3.0, "by": "platform"})]
    assert [row["state"] for row in scene.disk.audit] == ["accepted", "done"]
    assert scene.disk.audit[0]["args"] == {"device": "pump-1", "point": "setpoint", "value": 3.0}


def test_the_counts_can_be_told() -> None:
    """They go into `status`, `top` and `diag`, as keys of a JSON object."""
    scene = Scene()
    send(scene, scene.command(), scene.command("c-2", name="nothing"), replace(scene.command("c-3"), issued_ms=0))
    counts = json.loads(orjson.dumps(dict(scene.commander.counts)))
    assert counts == {"done": 1, "unknown-command": 1, "expired": 1}


def test_an_answer_that_cannot_be_written_is_answered_as_the_bug_that_it_is() -> None:
    scene = Scene()
    scene.result = {1: "JSON has no such keys"}
    send(scene, scene.command())
    assert (scene.states, scene.answers[-1][1]["error"]["code"]) == (["accepted", "failed"], "internal-error")


def test_what_is_not_read_back_as_written_is_verify_failed_with_the_value() -> None:
    scene = Scene()
    scene.result = WriteView("pump-1", "setpoint", 3.0, 2.5, verified=False, detail="wrote 3.0, read back 2.5", took_ms=1.0)
    send(scene, scene.command())
    answer = scene.answers[-1][1]
    assert (answer["ok"], answer["state"], answer["result"]["read_back"]) == (False, "verify-failed", 2.5)
    assert "read back 2.5" in answer["error"]["message"]


@pytest.mark.parametrize(
    ("error", "state", "code"),
    [
        (WriteRefused("pump-1.setpoint: 30 is above 6"), "refused", "write-refused"),
        (UnknownName("there is no device pump-9"), "refused", "unknown-name"),
        (Retryable("the line is dead"), "failed", "retryable"),
    ],
)
def test_a_command_that_cannot_be_carried_out(error: Exception, state: str, code: str) -> None:
    scene = Scene()
    scene.result = error
    send(scene, scene.command())
    assert scene.states == ["accepted", state]
    assert scene.answers[-1][1]["error"] == {"code": code, "message": str(error)}
    assert scene.disk.audit[-1]["state"] == state


def test_only_what_the_configuration_allows() -> None:
    scene = Scene()
    scene.commander.allowed = frozenset({"read"})
    send(scene, scene.command())
    assert (scene.states, scene.answers[0][1]["error"]["code"], scene.done) == (["refused"], "not-allowed", [])


def test_an_unknown_command_and_arguments_that_do_not_fit() -> None:
    scene = Scene()
    send(scene, scene.command(name="format-disk"), scene.command("c-2", device="pump-1"), scene.command("c-3", "diag", x=1))
    codes = [body["error"]["code"] for _, body in scene.answers if not body["ok"]]
    assert codes == ["unknown-command", "bad-arguments", "bad-arguments"]
    assert scene.done == []


def test_nobody_says_on_whose_behalf_he_asks() -> None:
    scene = Scene()
    send(scene, scene.command(device="pump-1", point="setpoint", value=3.0, by="root"))
    assert (scene.states, scene.answers[-1][1]["error"]["code"], scene.done) == (["accepted", "refused"], "bad-arguments", [])


def test_a_stale_command_is_expired_and_one_from_the_future_refused() -> None:
    scene = Scene()
    old = scene.command("old", ttl_ms=5000)
    scene.clock.advance(5)
    early = scene.command("early")
    scene.clock.step_wall(-120)
    send(scene, Command("write", "late", scene.clock.now().wall_ms - 5000, 5000, old.args, TO), early)
    assert [(body["state"], body["error"]["code"]) for _, body in scene.answers] == [("expired", "expired"), ("refused", "future")]
    assert scene.done == []


def test_without_a_clock_nothing_can_be_told_fresh() -> None:
    scene = Scene()
    scene.clock.synced = False
    send(scene, scene.command())
    assert (scene.answers[0][1]["error"]["code"], scene.done) == ("clock-unsynced", [])


def test_one_id_is_one_command_also_after_a_restart() -> None:
    scene = Scene()
    send(scene, scene.command(), scene.command())
    assert scene.states == ["accepted", "done", "refused"]
    again = Scene(scene.disk)
    send(again, again.command())
    assert (again.answers[0][1]["error"]["code"], again.done) == ("repeated", [])


def test_two_with_one_id_before_the_disk_has_told_what_it_remembers_are_one_command() -> None:
    """A broker that hands out again what was not confirmed does so at once after a start, and twice in one breath."""

    class Slow(Disk):
        async def load_commands(self) -> dict[str, int]:
            known = dict(self.ids)
            await asyncio.sleep(1.0)
            return known

    scene = Scene(Slow())

    async def story(scene: Scene) -> None:
        scene.commander.take(scene.command("c-1"))
        await asyncio.sleep(0.5)
        scene.commander.take(scene.command("c-1"))
        await asyncio.sleep(2.0)

    told(scene, story)
    assert len(scene.done) == 1
    assert sorted(scene.states) == ["accepted", "done", "refused"]


def test_what_cannot_be_put_on_record_is_not_done() -> None:
    scene = Scene(Disk(full=True))
    send(scene, scene.command())
    assert (scene.answers[0][1]["error"]["code"], scene.done) == ("not-recorded", [])


def test_a_command_that_was_not_recorded_may_be_sent_again() -> None:
    scene = Scene(Disk(full=True))

    async def story(scene: Scene) -> None:
        scene.commander.take(scene.command())
        await settle()
        scene.disk.full = False
        scene.commander.take(scene.command())
        await settle()

    told(scene, story)
    assert scene.states == ["refused", "accepted", "done"]


def test_too_many_at_once_are_refused_and_the_rest_is_carried_out() -> None:
    scene = Scene()
    gate = asyncio.Event()

    async def slow(call: Call) -> object:
        await gate.wait()
        return ReloadView("x")

    scene.commander.equip({"write": slow}, {})

    async def story(scene: Scene) -> None:
        for i in range(COMMANDS_WAITING + 3):
            scene.commander.take(scene.command(f"c-{i}"))
            await settle()
        gate.set()
        await settle()

    told(scene, story)
    assert scene.states.count("done") == COMMANDS_WAITING
    assert [body["error"]["code"] for _, body in scene.answers if not body["ok"]] == ["busy"] * 3


def test_a_command_that_waited_too_long_is_not_carried_out_any_more() -> None:
    scene = Scene()

    async def story(scene: Scene) -> None:
        put = scene.disk.put

        async def slowly(batch: Batch) -> object:
            scene.clock.advance(31)
            return await put(batch)

        scene.disk.put = slowly  # type: ignore[method-assign]
        scene.commander.take(scene.command())
        await settle()

    told(scene, story)
    assert (scene.states, scene.done) == (["accepted", "expired"], [])


def test_a_clock_that_leaps_ahead_and_back_makes_no_id_new() -> None:
    scene = Scene()

    async def story(scene: Scene) -> None:
        first = scene.command("c-1", ttl_ms=300_000)
        scene.commander.take(first)
        await settle()
        scene.clock.step_wall(3600)
        scene.commander.take(scene.command("c-2"))
        await settle()
        scene.clock.step_wall(-3600)
        scene.commander.take(first)
        await settle()

    told(scene, story)
    assert scene.states == ["accepted", "done", "accepted", "done", "refused"]
    assert len(scene.done) == 2


def test_what_is_broken_off_is_told_as_failed_and_stands_on_record() -> None:
    scene = Scene()

    async def run() -> None:
        never = asyncio.Event()

        async def stuck(_call: Call) -> object:
            await never.wait()
            return None

        scene.commander.equip({"write": stuck}, {})
        task = asyncio.create_task(scene.commander.run())
        scene.commander.take(scene.command())
        await settle()
        scene.commander.take(scene.command())
        await settle()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await settle()

    run_virtual(run())
    assert scene.states == ["accepted", "refused", "failed"]
    assert scene.answers[-1][1]["error"]["code"] == "broken-off"
    assert [row["state"] for row in scene.disk.audit] == ["accepted", "refused", "failed"]


def test_a_wall_clock_that_leaps_ahead_over_a_restart_and_comes_back_makes_no_id_new() -> None:
    disk = Disk()
    scene = Scene(disk)
    first = scene.command()
    send(scene, first)
    leapt = Scene(disk)
    leapt.clock.step_wall(86_400)
    other = leapt.command("c-2")

    async def story(scene: Scene) -> None:
        scene.commander.take(other)
        await settle()
        scene.clock.step_wall(-86_400)
        scene.commander.take(first)
        await settle()

    told(leapt, story)
    assert leapt.states == ["accepted", "done", "refused"]
    assert leapt.answers[-1][1]["error"]["code"] == "repeated"


def test_a_bug_in_one_command_ends_that_command_only() -> None:
    scene = Scene()

    async def run() -> None:
        go_on = asyncio.Event()

        async def slow(_call: Call) -> object:
            await go_on.wait()
            return {"fine": True}

        async def broken(_: Call) -> object:
            raise LookupError("a bug")

        scene.commander.equip({"write": slow}, {"diag": broken})
        task = asyncio.create_task(scene.commander.run())
        scene.commander.take(scene.command("c-1"))
        await settle()
        scene.commander.take(scene.command("c-2", "diag", device="pump-1"))
        scene.commander.take(Command("diag", "c-3", scene.clock.now().wall_ms, 30_000, {}, TO))
        await settle()
        assert not task.done()
        go_on.set()
        await settle()
        scene.commander.take(scene.command("c-4"))
        await settle()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with capture_logs() as logs:
        run_virtual(run())
    assert [line["command"] for line in logs if line["event"] == "command.bug"] == ["diag"]
    states = {body["id"]: (body["state"], body.get("error", {}).get("code")) for _, body in scene.answers}
    assert states == {
        "c-1": ("done", None),
        "c-2": ("refused", "bad-arguments"),
        "c-3": ("failed", "internal-error"),
        "c-4": ("done", None),
    }
    assert sorted(row["state"] for row in scene.disk.audit if row["id"] == "c-3") == ["accepted", "failed"]


def test_more_ids_than_can_be_remembered_are_refused_rather_than_forgotten() -> None:
    far = 10**15
    scene = Scene(Disk(ids={f"old-{i}": far for i in range(COMMAND_IDS)}))
    send(scene, scene.command())
    assert (scene.answers[0][1]["error"]["code"], scene.done) == ("busy", [])


def test_ids_whose_time_is_over_make_room() -> None:
    scene = Scene(Disk(ids={f"old-{i}": 1 for i in range(COMMAND_IDS)}))
    send(scene, scene.command())
    assert scene.states == ["accepted", "done"]


def test_a_flood_of_nonsense_is_counted_and_fills_neither_disk_nor_link() -> None:
    scene = Scene()
    send(scene, *(Refusal("malformed", "not JSON", "?", TO) for _ in range(500)))
    assert scene.commander.counts["malformed"] == 500
    assert len(scene.answers) == len(scene.disk.audit) == COMMAND_REFUSALS_PER_MINUTE


@settings(max_examples=examples(15), deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=12))
def test_no_order_of_repeats_and_full_disks_carries_an_id_out_twice(steps: list[tuple[str, bool]]) -> None:
    disk = Disk()
    done: list[str] = []
    for id_, full in steps:
        disk.full = full
        scene = Scene(disk)
        send(scene, scene.command(id_))
        done += [id_] * len(scene.done)
    assert len(done) == len(set(done))
    assert set(done) == {id_ for id_, full in steps if not full}
