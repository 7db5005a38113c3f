"""What stands of a command in log and audit log: nothing that tells of residents."""

import asyncio
import json

import pytest
from structlog.testing import capture_logs
from test_runtime_commander import TO, Scene, send

from edgeguard.control import BadArguments, Call
from edgeguard.control.views import WriteView
from edgeguard.core.command import Command
from edgeguard.core.json_value import JsonValue
from edgeguard.testing.clock import run_virtual


def test_plates_of_a_list_stand_in_no_record() -> None:
    scene = Scene()

    async def main() -> None:
        taken: list[Call] = []

        async def take(call: Call) -> WriteView:
            taken.append(call)
            return WriteView("a", "b", 1.0, 1.0, verified=True, detail="", took_ms=1.0)

        scene.commander.equip({"gate.list": take})
        scene.commander.allowed = frozenset({"gate.list"})
        work = asyncio.create_task(scene.commander.run())
        args: dict[str, JsonValue] = {
            "transfer": "t1",
            "list": "resident",
            "version": 3,
            "entries": "plate\n浙A12345\n",
            "remove": "浙A12346",
        }
        now_ms = scene.clock.now().wall_ms
        scene.commander.take(Command("gate.list", "c1", now_ms, 30_000, args, TO))
        await asyncio.sleep(1)
        work.cancel()
        assert taken[0].text("entries") == "plate\n浙A12345\n"

    with capture_logs() as logs:
        run_virtual(main(), scene.clock)
    assert scene.disk.audit[0]["args"] == {
        "transfer": "t1",
        "list": "resident",
        "version": 3,
        "entries": {"chars": 14},
        "remove": {"chars": 7},
    }
    assert "1234" not in json.dumps([scene.disk.audit, logs], ensure_ascii=False, default=str)


@pytest.mark.parametrize("name", ["barrier", "gate.list"])
def test_a_plate_that_an_argument_or_a_refusal_quotes_stands_in_no_record(name: str) -> None:
    scene = Scene()

    async def main() -> None:
        async def refuse(_: Call) -> WriteView:
            raise BadArguments("there is no gate 浙A12345")

        scene.commander.equip({name: refuse})
        scene.commander.allowed = frozenset({name})
        work = asyncio.create_task(scene.commander.run())
        argument = "gate" if name == "barrier" else "transfer"
        scene.commander.take(Command(name, "c1", scene.clock.now().wall_ms, 30_000, {argument: "浙A12345"}, TO))
        await asyncio.sleep(1)
        work.cancel()

    run_virtual(main(), scene.clock)
    assert scene.states == ["accepted", "refused"]
    records = json.dumps(scene.disk.audit, ensure_ascii=False)
    assert ("1234" in records, records.count("浙*****5")) == (False, 2)


def test_an_argument_that_is_misspelt_is_not_kept_in_clear() -> None:
    """Nobody can say of whom it tells."""
    scene = Scene()
    send(scene, scene.command(device="pump-1", point="setpoint", vaule="浙A12345"))
    assert scene.states == ["accepted", "refused"]
    assert scene.disk.audit[0]["args"] == {"device": "pump-1", "point": "setpoint", "vaule": {"chars": 7}}
