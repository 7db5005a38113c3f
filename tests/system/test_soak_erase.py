"""`edgeguard erase` in the real daemon, killed at any of its writes, syncs and removals: nothing is half done and called done.

What is judged, by every byte of every file: once the audit log or an event says `done`, no trace is left; before, the note of what
is to be erased is there, and the next start goes on by itself until no trace is left, which is told once.
"""

import asyncio
import json
import shutil
import sqlite3
import subprocess
import sys
import zlib
from contextlib import closing, suppress
from pathlib import Path

import orjson
import pytest
from bad_disk import Action, Op, Plan, build, preloaded
from harness import daemon, site_text, wait_for
from soak_rig import LONG, scaled, tell

from edgeguard.core.clock import Stamp
from edgeguard.core.ids import BootId, DeviceName, PointName
from edgeguard.core.item import Item, Stream
from edgeguard.core.point import Kind, Labels, Point
from edgeguard.core.site import HistorySpec, StoreSpec
from edgeguard.core.snapshot import Snapshot
from edgeguard.store import Batch, Store, TrendStore, pending_job, read_audit, verify_audit
from edgeguard.testing.clock import FakeClock

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600 if LONG else 300)]

PLATE, OTHER = "皖AD11212", "皖AD11213"
POINTS = (Point(PointName("card"), Kind.TEXT, Labels("", "")),)
STEPS = {
    Op.WRITE: scaled((1, 9, 40), range(1, 400)),
    Op.FSYNC: scaled((2, 7), range(1, 60)),
    Op.UNLINK: scaled((1, 3), range(1, 20)),
}
"""The daemon dies at so many calls of each kind after it was asked; the long form goes on until it does not die any more."""


def bodies(text: str, number: int) -> bytes:
    return orjson.dumps({"type": "plate", "text": text, "camera": "gate-in", "n": number, "pad": "x" * (number % 300)})


async def lived_in(state: Path) -> None:
    """The state directory of a gateway that knows the resident everywhere: rows that wait, rows that went, log, history, files."""
    clock = FakeClock()
    spec = StoreSpec(state, 1 << 30, 1_000_000, None, 200, 100)
    store = await Store.open(spec, clock, lambda _: None)
    running = asyncio.create_task(store.run())
    for number in range(400):
        stream = (Stream.EVENTS, Stream.TELEMETRY, Stream.EVENTS, Stream.ALARMS)[number % 4]
        store.submit(Batch((Item(stream, clock.now(), bodies(PLATE if number % 5 == 0 else OTHER, number)),)))
    deed = {"type": "command", "name": "barrier", "target": PLATE, "by": "amy", "result": "done"}
    await store.flush()
    await store.put(Batch((Item(Stream.EVENTS, clock.now(), orjson.dumps(deed)),)))
    await store.acknowledge(Stream.TELEMETRY, 1, 60)
    await store.park(Stream.EVENTS, 1, 1, "refused")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await store.close()
    history = TrendStore(state, HistorySpec(), clock, lambda _: None)
    for number in range(400):
        clock.advance(60.0)
        at = Stamp(clock.now().wall_ms, clock.now().boot_ms, BootId("boot-a"), True)
        history.take(Snapshot(DeviceName("door"), at, POINTS, (PLATE if number % 3 == 0 else OTHER,), True))
        if number % 40 == 0:
            await history.flush()
    await history.close()
    passes = state / "evidence" / "gate-in" / "passes"
    passes.mkdir(parents=True)
    for stem, text in (("20261124T215501123Z", PLATE), ("20261124T215502000Z", OTHER)):
        (passes / f"{stem}.jpg").write_bytes(b"picture")
        (passes / f"{stem}.json").write_text(json.dumps({"event": {"text": text}}), encoding="utf-8")
    aside = state / "quarantine" / "20261124T000000Z-1"
    aside.mkdir(parents=True)
    shutil.copy(state / "outbox.db", aside / "outbox.db")


def traces(state: Path) -> list[str]:
    """Files that hold the text in any spelling, as it is or packed; the note of what is to be erased is none."""
    needles = [PLATE.encode(), orjson.dumps(PLATE)[1:-1], json.dumps(PLATE)[1:-1].encode()]
    found = []
    for path in sorted(path for path in state.rglob("*") if path.is_file() and path != state / "erasing"):
        data, texts = path.read_bytes(), [path.read_bytes()]
        at = -1
        while path.name.startswith("trends.db") and (at := data.find(b"\x78\x9c", at + 1)) >= 0:
            with suppress(zlib.error):
                texts.append(zlib.decompressobj().decompress(data[at:]))
        if any(needle in text for needle in needles for text in texts):
            found.append(str(path.relative_to(state)))
    return found


def told(state: Path) -> list[str]:
    """What the audit log and the events that wait say has become of the erasing, the log's words first."""
    log = [orjson.loads(row.body) for row in read_audit(state, 100)]
    with closing(sqlite3.connect(f"file:{state}/outbox.db?mode=ro", uri=True)) as database:
        rows = database.execute("SELECT CAST(body AS BLOB) FROM events ORDER BY seq").fetchall()
    events = [orjson.loads(body) for (body,) in rows if body]
    return [one["result"] for one in (*log, *events) if one.get("name") == "erase"]


def killed_while_erasing(folder: Path, site: str, library: Path, op: Op, step: int) -> bool:
    """Ask for it and have the daemon die at that call; False if it was done before."""
    plan = Plan(folder / "plan")
    with daemon(folder, site, preloaded(library, folder / "state", folder / "plan")) as running:
        plan.set(op, Action.KILL, step)
        words = ("--socket", f"{folder}/control.sock", "erase", PLATE, "--yes")
        asked = subprocess.run([sys.executable, "-m", "edgeguard", *words], capture_output=True, text=True, timeout=60, check=False)
        plan.clear()
        died = asked.returncode != 0
        if died:
            wait_for(lambda: running.child.poll() is not None, f"its death: {asked}")
        else:
            assert running.child.poll() is None, running.log()
            running.child.kill()
            running.child.wait(10)
    return died


async def test_killed_at_any_step_it_is_finished_by_the_next_start(tmp_path: Path) -> None:
    library, made = build(tmp_path), tmp_path / "made"
    await lived_in(made)
    assert {"outbox.db", "trends.db", "quarantine/20261124T000000Z-1/outbox.db"} <= set(traces(made))
    kills, resumed = 0, 0
    for op, steps in STEPS.items():
        for step in steps:
            folder = tmp_path / f"{op.name}-{step}"
            shutil.copytree(made, folder / "state")
            state, site = folder / "state", site_text(folder, None, {}, "")
            died = killed_while_erasing(folder, site, library, op, step)
            kills += died
            if "done" in told(state) or not died:
                assert traces(state) == []
            elif pending_job(state) is None:
                assert (told(state), set(traces(made)) - set(traces(state))) == ([], set()), "it had not begun"
            else:
                resumed += 1
            (folder / "control.sock").unlink()  # of whoever was killed
            begun = pending_job(state) is not None or "done" in told(state)
            with daemon(folder, site) as running:
                wait_for(lambda state=state: not (state / "erasing").exists(), "the end of the note")  # type: ignore[misc]
                assert running.stop() == 0
            verdict = verify_audit(state)
            assert verdict.broken is None, verdict
            assert (traces(state) == []) == begun
            assert told(state).count("done") == 2 * begun, "once in the log, once for the platform"
            assert len(list((state / "evidence" / "gate-in" / "passes").iterdir())) == (2 if begun else 4)
            shutil.rmtree(folder)
            if not died:
                break
    tell("erase-kills", kills=kills, resumed=resumed)
    assert kills >= resumed > 0
