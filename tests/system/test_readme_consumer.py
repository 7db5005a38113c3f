"""The consumer of the README, word for word, against a real Mosquitto: alone, and as members of a group one of which dies."""

import asyncio
import contextlib
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from test_uplink_mosquitto import PATIENT, mosquitto
from uplink_rig import Rig, Running, make_rig, until

from edgeguard.core.item import STREAMS, Stream

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("mosquitto"), reason="needs mosquitto"),
]

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
GROUP = re.search(r"`(\$share/[a-z]+/)edgeguard/v1/", (ROOT / "edgeguard/docs/mqtt.md").read_text(encoding="utf-8"))
ITEMS = {Stream.ALARMS: 50, Stream.EVENTS: 300, Stream.TELEMETRY: 3000}


def block(language: str) -> str:
    """The one block of code in this language that speaks of a table of items."""
    found = [code for code in re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL) if "FROM item" in code or "item (" in code]
    assert len(found) == 1, "the README has lost its consumer"
    return str(found[0])


def changed(code: str, old: str, new: str) -> str:
    """What somebody who uses it has to write otherwise: it must be there."""
    assert old in code, f"the README's consumer has no {old} any more"
    return code.replace(old, new)


@contextlib.contextmanager
def consumer(
    folder: Path, port: int, name: str = "platform", group: str = "", keeps: bool = True
) -> Iterator[subprocess.Popen[bytes]]:
    """The README's program in a process of its own, with this broker and, in a group, with a filter and a name of its own.

    `keeps`: the broker keeps its session while it is away.
    """
    code = changed(block("python"), 'client.connect("localhost")', f'client.connect("127.0.0.1", {port})')
    code = changed(code, 'client_id="platform"', f'client_id="{name}"')
    code = changed(code, "clean_session=False", f"clean_session={not keeps}")
    code = changed(code, 'f"edgeguard/v1/', f'f"{group}edgeguard/v1/')
    (folder / f"consumer_{name}.py").write_text(code, encoding="utf-8")
    child = subprocess.Popen([sys.executable, f"consumer_{name}.py"], cwd=folder)
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def kept(folder: Path) -> dict[str, int]:
    """How many items of each stream the table holds."""
    with contextlib.closing(sqlite3.connect(folder / "items.db", timeout=20)) as db:
        with contextlib.suppress(sqlite3.OperationalError):  # it has not been made yet
            return dict(db.execute("SELECT stream, count(*) FROM item GROUP BY stream").fetchall())
        return {}


def holes(folder: Path) -> list[tuple[object, ...]]:
    """What the README's question to the table finds missing."""
    with contextlib.closing(sqlite3.connect(folder / "items.db", timeout=20)) as db:
        return db.execute(block("sql")).fetchall()


def fill(rig: Rig, part: int) -> None:
    for stream, count in ITEMS.items():
        rig.put(stream, count // part, age_ms=70_000 if stream is Stream.TELEMETRY else 0)


async def subscribed(rig: Rig, folder: Path) -> None:
    """Tell events until some arrive."""
    for _ in range(400):
        rig.put(Stream.EVENTS, 1)
        await asyncio.sleep(0.1)
        if kept(folder).get("events", 0) >= 10:
            return
    raise AssertionError("the README's consumer gets nothing")


def put(rig: Rig) -> dict[str, int]:
    """The newest number of each stream."""
    return {stream.value: len(rig.outbox._rows[stream]) for stream in STREAMS}


async def everything(rig: Rig, folder: Path) -> None:
    """Wait until the table holds it; alarms and telemetry from the first on, events from when the consumer stood."""
    wanted = put(rig)

    def is_there() -> bool:
        found = kept(folder)
        return all(found.get(name) == wanted[name] for name in ("alarms", "telemetry")) and newest_event(folder)

    def newest_event(folder: Path) -> bool:
        with contextlib.closing(sqlite3.connect(folder / "items.db", timeout=20)) as db:
            return bool(db.execute("SELECT max(seq) FROM item WHERE stream = 'events'").fetchone()[0] == wanted["events"])

    try:
        await until(is_there)
    except AssertionError:
        raise AssertionError(f"{kept(folder)} of {wanted}, holes {holes(folder)[:5]}") from None
    assert holes(folder) == []


async def test_the_consumer_of_the_readme_keeps_every_item_once_over_its_own_death(tmp_path: Path) -> None:
    async with mosquitto(tmp_path, "allow_anonymous true", "max_queued_messages 0") as port:
        rig = make_rig(port, PATIENT)
        async with Running(rig):
            with consumer(tmp_path, port) as child:
                await subscribed(rig, tmp_path)
                fill(rig, 2)
                child.kill()
                child.wait()
            fill(rig, 2)
            await until(lambda: rig.drained)
            with consumer(tmp_path, port):
                await everything(rig, tmp_path)


@pytest.mark.parametrize("keeps", [True, False], ids=["who comes back gets its share", "the others get the share of who does not"])
async def test_members_of_a_group_share_the_work_and_lose_nothing_when_one_dies(tmp_path: Path, keeps: bool) -> None:
    assert GROUP is not None, "the page has lost its pattern of a group"
    async with mosquitto(tmp_path, "allow_anonymous true", "max_queued_messages 0") as port:
        rig = make_rig(port, PATIENT)
        member = partial(consumer, tmp_path, port, group=GROUP[1], keeps=keeps)
        async with Running(rig):
            with member(name="one") as one, member(name="two"):
                await subscribed(rig, tmp_path)
                fill(rig, 2)
                one.kill()
                one.wait()
                fill(rig, 2)
                await until(lambda: rig.drained)
                with member(name="one") if keeps else contextlib.nullcontext():
                    await everything(rig, tmp_path)
