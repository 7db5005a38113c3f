"""A disk that fails: errors, short and lying writes, and a process killed at its N-th write, sync, rename or unlink.

The calls pass through tests/native/baddisk.c. A child puts without end and says what it was told to be durable; whatever befalls
it, that is there afterwards, numbers have no holes, and it goes on by itself within seconds of the disk's recovery.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from bad_disk import Action, Op, Plan, preloaded
from soak_rig import LONG, chance, scaled, tell, wait_until

from edgeguard.core.clock import Stamp
from edgeguard.core.health import Health
from edgeguard.core.ids import BootId
from edgeguard.core.item import STREAMS, Item, OutboxRow, Stream
from edgeguard.core.site import StoreSpec
from edgeguard.store import Batch, Store

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600 if LONG else 180)]

KILLS = scaled(4, 200)
RECOVERS_S = 20.0
"""The bar: so soon after the disk's recovery items are durable again."""


class Still:
    def now(self) -> Stamp:
        return Stamp(1_790_000_000_000, 1000, BootId("boot-a"), synced=True)


def spec_of(directory: Path) -> StoreSpec:
    return StoreSpec(directory, 1 << 30, 1 << 30, None, 5, 20)


async def produce(directory: Path, life: int) -> None:
    """The child: producers that print the epoch, stream, number and content of what is durable; one acknowledges behind them."""

    def hear(news: Health) -> None:
        os.write(2, f"{news.code} {news.ok}\n".encode())

    store = await Store.open(spec_of(directory), Still(), hear)

    async def producer(place: int) -> None:
        for number in range(1_000_000):
            content = b'{"life":%d,"producer":%d,"n":%d}' % (life, place, number)
            with contextlib.suppress(Exception):
                (seq,) = await store.put(Batch((Item(STREAMS[place % 3], Still().now(), content),)))
                os.write(1, b"%s %s %d %s\n" % (store.epoch.encode(), STREAMS[place % 3].encode(), seq, content))
            await asyncio.sleep(0.001)

    async def acknowledger() -> None:
        while True:
            with contextlib.suppress(Exception):
                for row in await store.read(Stream.TELEMETRY, 0, 10, 1 << 20):
                    await store.acknowledge(Stream.TELEMETRY, row.seq, row.seq)
            await asyncio.sleep(0.01)

    async with asyncio.TaskGroup() as group:
        group.create_task(store.run())
        group.create_task(acknowledger())
        for place in range(6):
            group.create_task(producer(place))


class Child:
    """A child under the shim; `durable` is what it has told, by epoch, stream and number."""

    def __init__(self, shim: Path, plan: Path, directory: Path, life: int) -> None:
        environment = {**os.environ, **preloaded(shim, directory, plan)}
        self.durable: dict[tuple[str, str, int], bytes] = {}
        self.process = subprocess.Popen(
            [sys.executable, __file__, str(directory), str(life)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            parts = line.rstrip().split(b" ", 3)
            if line.endswith(b"}\n") and len(parts) == 4 and parts[2].isdigit():  # else a line of the log
                self.durable[parts[0].decode(), parts[1].decode(), int(parts[2])] = parts[3]

    def goes_on(self, seconds: float) -> float | None:
        """Seconds until more became durable than there is now; None if nothing did in time."""
        known = len(self.durable)
        return wait_until(lambda: len(self.durable) > known + 20 or self.process.poll() is not None, seconds)

    def end(self) -> bytes:
        """Kill it and give what it said of its health."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self._reader.join(10)
        assert self.process.stderr is not None
        return self.process.stderr.read()


@contextlib.contextmanager
def child(shim: Path, folder: Path, life: int = 0) -> Iterator[tuple[Child, Plan]]:
    plan = Plan(folder / "plan")
    made = Child(shim, folder / "plan", folder / "state", life)
    try:
        yield made, plan
    finally:
        made.end()


async def rows_of(directory: Path) -> tuple[str, list[Health], dict[tuple[str, int], bytes], dict[str, int]]:
    news: list[Health] = []
    store = await Store.open(spec_of(directory), Still(), news.append)
    try:
        found: dict[tuple[str, int], bytes] = {}
        last = {}
        for stream in STREAMS:
            rows: list[OutboxRow] = []
            while some := await store.read(stream, rows[-1].seq if rows else 0, 5000, 1 << 24):
                rows.extend(some)
            backlog = await store.backlog(stream)
            last[stream.value] = backlog.last_seq
            found |= {(stream.value, row.seq): row.body for row in rows}
            numbers = [row.seq for row in rows]
            assert numbers == sorted(set(numbers))
            if stream is not Stream.TELEMETRY:
                assert numbers == list(range(1, backlog.last_seq + 1)), f"{stream} has holes"
        return store.epoch, news, found, last
    finally:
        await store.close()


def check(directory: Path, durable: dict[tuple[str, str, int], bytes]) -> str:
    """Everything that was told to be durable in the epoch that stands is there under its number; gives the epoch."""
    epoch, news, found, last = asyncio.run(rows_of(directory))
    assert [each for each in news if not each.ok] == []
    for (of, stream, seq), content in durable.items():
        if of == epoch:
            assert seq <= last[stream]
            assert found.get((stream, seq), content) == content
            assert stream == "telemetry" or (stream, seq) in found
    with contextlib.closing(sqlite3.connect(f"file:{directory}/outbox.db?mode=ro", uri=True)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    return epoch


LATEST = {Op.WRITE: scaled(60, 300), Op.FSYNC: scaled(20, 100), Op.RENAME: 3, Op.UNLINK: 4}
"""A kill comes at one of the first so many calls of its kind."""

FAULTS = (
    (Op.WRITE, Action.EIO, 3),
    (Op.FSYNC, Action.EIO, 1),
    (Op.FSYNC, Action.EIO, -1),
    (Op.WRITE, Action.ENOSPC, -1),
    (Op.WRITE, Action.HALF, 50),
    (Op.WRITE, Action.EROFS, -1),
    (Op.FSYNC, Action.LIE, 50),
    (Op.OPEN, Action.EIO, 5),
)


def test_errors_of_the_disk_cost_nothing_that_was_durable_and_no_person(tmp_path: Path, shim: Path) -> None:
    recoveries_s = []
    for turn in range(scaled(1, 12)):
        folder = tmp_path / str(turn)
        folder.mkdir()
        with child(shim, folder) as (made, plan):
            assert made.goes_on(60) is not None
            for op, action, times in FAULTS:
                plan.set(op, action, 1 + turn, times)
                wait_until(lambda plan=plan: plan.hits > 0, 3.0)  # type: ignore[misc]
                time.sleep(0.3)
                plan.clear()
                took_s = made.goes_on(RECOVERS_S * scaled(1, 10))
                assert made.process.poll() is None, (op, action, made.end())
                assert took_s is not None, f"nothing was durable for so long after {op.name} {action.name}"
                recoveries_s.append(took_s)
            made.end()
        check(folder / "state", made.durable)
        assert len({epoch for epoch, _, _ in made.durable}) == 1
    tell("disk-errors", faults=len(recoveries_s), recovery_worst_s=round(max(recoveries_s), 2))


def test_a_write_that_never_happened_is_noticed_and_survived(tmp_path: Path, shim: Path) -> None:
    """What the disk says it has written and has not: at worst a new epoch, never a daemon that stands."""
    for turn in range(scaled(1, 20)):
        folder = tmp_path / str(turn)
        folder.mkdir()
        with child(shim, folder) as (made, plan):
            assert made.goes_on(60) is not None
            plan.set(Op.WRITE, Action.LIE, 1 + 7 * turn, 3)
            wait_until(lambda plan=plan: plan.hits >= 3, 3.0)  # type: ignore[misc]
            assert made.goes_on(RECOVERS_S * scaled(1, 10)) is not None
            assert made.process.poll() is None
            made.end()
        epoch, _, found, last = asyncio.run(rows_of(folder / "state"))
        assert epoch
        assert all(seq <= last[stream] for stream, seq in found)


def test_killed_at_its_nth_write_sync_rename_or_unlink(tmp_path: Path, shim: Path) -> None:
    luck = chance()
    killed = total = 0
    epochs: set[str] = set()
    durable: dict[tuple[str, str, int], bytes] = {}
    (tmp_path / "home").mkdir()
    ops = (Op.WRITE, Op.FSYNC, Op.RENAME, Op.UNLINK)
    for life in range(KILLS):
        folder = tmp_path / "home"
        if life % 20 == 0:
            shutil.rmtree(folder / "state", ignore_errors=True)
            durable, epochs = {}, set()
        plan = Plan(folder / "plan")
        op = ops[life % 4]
        plan.set(op, Action.KILL, luck.randrange(1, LATEST[op]))
        made = Child(shim, folder / "plan", folder / "state", life)
        # It dies before it says anything, or begins well and dies then; renames and removals are few, so it may not die at all.
        wait_until(lambda made=made: made.durable or made.process.poll() is not None, 120.0)  # type: ignore[misc]
        patience_s = 20.0 if op in (Op.WRITE, Op.FSYNC) else 0.5
        wait_until(lambda made=made: made.process.poll() is not None, patience_s)  # type: ignore[misc]
        killed += made.process.poll() is not None
        made.end()
        durable |= made.durable
        total += len(made.durable)
        epochs.add(check(folder / "state", durable))
        assert len(epochs) == 1
        assert {epoch for epoch, _, _ in durable} <= epochs
    tell("kill-at-call", lives=KILLS, killed_by_the_shim=killed, durable_items=total)
    assert killed


if __name__ == "__main__":
    asyncio.run(produce(Path(sys.argv[1]), int(sys.argv[2])))
