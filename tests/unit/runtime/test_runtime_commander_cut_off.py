"""Commands that the end of a daemon cuts off: the next start answers them, once; and what an answer may name."""

import asyncio
from dataclasses import replace

from test_runtime_commander import TO, Disk, Scene, send, settle, told

from edgeguard.control import Call
from edgeguard.core.command import ReplyTo
from edgeguard.core.errors import WriteRefused


def test_what_a_kill_has_cut_off_is_answered_by_the_next_start_and_only_once() -> None:
    disk = Disk()
    seen: list[dict[str, bytes]] = []

    async def killed(_call: Call) -> object:
        seen.append(dict(disk.states))
        return {"fine": True}

    scene = Scene(disk)
    scene.commander.equip({"write": killed}, {})
    send(scene, scene.command("c-1"), replace(scene.command("c-2"), reply_to=ReplyTo("root/app", None)))
    assert [sorted(one) for one in seen] == [["c-1"], ["c-2"]]
    assert disk.states == {}, "what has ended is under way no more"

    after = Scene(disk)

    async def start(scene: Scene) -> None:
        scene.commander.end_cut_off({**seen[0], **seen[1], "c-3": b"spoilt", "trial": seen[0]["c-1"]}, besides="trial")
        await settle()

    told(after, start)
    assert [(to, body["id"], body["state"], body["error"]["code"]) for to, body in after.answers] == [
        (TO, "c-1", "failed", "broken-off"),
        (ReplyTo("root/app", None), "c-2", "failed", "broken-off"),
        (ReplyTo("", None), "c-3", "failed", "broken-off"),
    ]
    assert [(row["command"], row["state"]) for row in disk.audit[-3:]] == [
        ("write", "failed"),
        ("write", "failed"),
        ("?", "failed"),
    ]
    gone = [state for batch in disk.batches[-3:] for state in batch.states]
    assert [(state.name, state.body) for state in gone] == [("c-1", b""), ("c-2", b""), ("c-3", b"")]


def test_what_the_next_start_answers_is_not_answered_by_the_stop() -> None:
    scene = Scene()

    async def trial(call: Call) -> object:
        scene.commander.leave_to_start(call.command)  # type: ignore[attr-defined]
        return await asyncio.Event().wait()

    scene.commander.equip({"write": trial}, {})
    send(scene, scene.command())
    assert (scene.states, list(scene.disk.states)) == (["accepted"], ["c-1"])


def test_an_answer_names_no_folder_of_the_gateway() -> None:
    scene = Scene()
    scene.result = WriteRefused(
        "/var/lib/edgeguard/config/draft.toml: gateway.id (/etc/a.pem), mqtts://host:8883/x/y, edgeguard/v1/a/b, 1/2"
    )
    send(scene, scene.command())
    assert scene.answers[-1][1]["error"]["message"] == (
        "draft.toml: gateway.id (a.pem), mqtts://host:8883/x/y, edgeguard/v1/a/b, 1/2"
    )
    assert "/var/lib" in scene.disk.audit[-1]["error"], "the record is for those who are there"
