"""Commands over a real broker, asked by Debian's mosquitto_rr, which knows only MQTT 5's request and response."""

import asyncio
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from test_uplink_mosquitto import mosquitto
from uplink_rig import ROOT, Rig, Running, make_rig, until

from edgeguard.control import Call
from edgeguard.control.views import ReloadView
from edgeguard.core.command import Command, CommandName, Refusal
from edgeguard.runtime.commander import Commander
from edgeguard.store import Batch

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (shutil.which("mosquitto") and shutil.which("mosquitto_rr")), reason="needs mosquitto and its clients"),
]


class Disk:
    """Takes everything."""

    def __init__(self) -> None:
        self.audit: list[dict[str, Any]] = []

    async def put(self, batch: Batch) -> object:
        self.audit += [json.loads(body) for body in batch.audit]
        return ()

    def submit(self, batch: Batch) -> None:
        self.audit += [json.loads(body) for body in batch.audit]

    async def load_commands(self) -> dict[str, int]:
        return {}


class House:
    """A gateway's uplink and commander, with one command that counts how often it was carried out."""

    def __init__(self, port: int) -> None:
        self.carried_out = 0
        self.disk = Disk()
        self.rig: Rig = make_rig(port, commands=self._take)
        self.commander = Commander(self.disk, self.rig.clock, self.rig.uplink.answer)
        self.commander.allowed = frozenset(CommandName)
        self.commander.equip({"reload": self._reload}, {})

    def _take(self, arrived: Command | Refusal) -> None:
        self.commander.take(arrived)

    async def _reload(self, _: Call) -> ReloadView:
        self.carried_out += 1
        return ReloadView("abc")


def body(command_id: str, ttl_s: float = 30, issued_at: str | None = None, **more: object) -> str:
    at = issued_at or datetime.now(UTC).isoformat()
    return json.dumps({"id": command_id, "issued_at": at, "ttl_s": ttl_s, "args": {}, **more})


async def run(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    async with asyncio.timeout(60):
        out, _ = await process.communicate()
    return out.decode()


async def ask(port: int, name: str, payload: str, answer_to: str = f"{ROOT}/answers/desk") -> dict[str, Any]:
    """The first answer, by mosquitto_rr."""
    where = ("-h", "127.0.0.1", "-p", str(port), "-V", "5", "-q", "1", "-W", "50")
    out = await run("mosquitto_rr", *where, "-t", f"{ROOT}/commands/{name}", "-e", answer_to, "-m", payload)
    answer: dict[str, Any] = json.loads(out.splitlines()[0])
    return answer


async def test_a_command_is_carried_out_once_and_answered_where_was_asked_for(tmp_path: Path) -> None:
    async with mosquitto(tmp_path, "allow_anonymous true") as port:
        house = House(port)
        work = asyncio.create_task(house.commander.run())
        async with Running(house.rig):
            await until(lambda: house.rig.uplink.view.state == "online", what="the session")
            accepted = await ask(port, "reload", body("c-1"))
            assert (accepted["id"], accepted["ok"], accepted["state"]) == ("c-1", True, "accepted")
            await until(lambda: house.carried_out == 1, what="the command")
            again = await ask(port, "reload", body("c-1"))
            assert (again["state"], again["error"]["code"]) == ("refused", "repeated")
            stale = await ask(port, "reload", body("c-2", issued_at="2020-01-01T00:00:00Z"))
            assert stale["state"] == "expired"
            bomb = await ask(port, "reload", "[" * 9000)
            assert bomb["error"]["code"] == "malformed"
            large = await ask(port, "reload", "x" * 20_000)
            assert large["error"]["code"] == "too-large"
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        assert house.carried_out == 1
        assert [row["state"] for row in house.disk.audit if row["id"] == "c-1"] == ["accepted", "done", "refused"]


async def test_a_retained_command_waiting_at_the_broker_is_refused_at_each_connection(tmp_path: Path) -> None:
    async with mosquitto(tmp_path, "allow_anonymous true") as port:
        where = ("-h", "127.0.0.1", "-p", str(port), "-q", "1", "-r", "-t", f"{ROOT}/commands/reload")
        await run("mosquitto_pub", *where, "-m", body("c-9"))
        house = House(port)
        work = asyncio.create_task(house.commander.run())
        async with Running(house.rig):
            await until(lambda: house.commander.counts["retained"] == 1, what="the refusal")
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        assert house.carried_out == 0


async def test_a_retained_command_is_refused_also_by_a_gateway_that_is_there_when_it_is_sent(tmp_path: Path) -> None:
    async with mosquitto(tmp_path, "allow_anonymous true") as port:
        house = House(port)
        work = asyncio.create_task(house.commander.run())
        async with Running(house.rig):
            await until(lambda: house.rig.uplink.view.state == "online", what="the session")
            first = await ask(port, "reload", body("c-1"))
            assert first["state"] == "accepted"
            where = ("-h", "127.0.0.1", "-p", str(port), "-q", "1", "-r", "-t", f"{ROOT}/commands/reload")
            await run("mosquitto_pub", *where, "-m", body("c-2"))
            await until(lambda: house.commander.counts["retained"] == 1, what="the refusal")
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        assert house.carried_out == 1
