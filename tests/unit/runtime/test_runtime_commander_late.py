"""Commands whose record the disk takes too late: not carried out, and their outcome stands behind it."""

import asyncio

from test_runtime_commander import Disk, Scene, settle, told

from edgeguard.core.afar_limits import COMMAND_REFUSALS_PER_MINUTE, COMMANDS_WAITING
from edgeguard.core.limits import AUDIT_WITHIN_S
from edgeguard.store import Batch


class Stuck(Disk):
    """Takes what it is given in order, as the store does, and says so to nobody: it becomes durable some time later."""

    async def put(self, batch: Batch) -> object:
        await super().put(batch)
        return await asyncio.Event().wait()


def outcomes(disk: Disk) -> dict[str, list[str]]:
    rows: dict[str, list[str]] = {}
    for row in disk.audit:
        rows.setdefault(row["id"], []).append(row["state"])
    return rows


def test_what_becomes_durable_after_it_was_given_up_has_its_outcome_on_record() -> None:
    """However many there are: the bound on notes of refusals is for what was never recorded as accepted."""
    scene = Scene(Stuck())
    ids = [f"c-{i}" for i in range(COMMAND_REFUSALS_PER_MINUTE + 2 * COMMANDS_WAITING)]

    async def story(scene: Scene) -> None:
        for i in range(0, len(ids), COMMANDS_WAITING):
            for command_id in ids[i : i + COMMANDS_WAITING]:
                scene.commander.take(scene.command(command_id))
            await asyncio.sleep(AUDIT_WITHIN_S + 0.1)

    told(scene, story)
    assert outcomes(scene.disk) == {command_id: ["accepted", "refused"] for command_id in ids}
    assert scene.done == []


def test_what_was_being_recorded_when_the_daemon_stops_has_its_outcome_on_record_and_is_answered() -> None:
    scene = Scene(Stuck())

    async def story(scene: Scene) -> None:
        scene.commander.take(scene.command())
        await settle()

    told(scene, story)
    assert outcomes(scene.disk) == {"c-1": ["accepted", "refused"]}
    assert scene.answers[-1][1]["error"]["code"] == "not-recorded"
    assert scene.done == []
