"""The outbox against a bare sqlite3 loop with the same group size, in one run: prints one JSON object.

Rates are events per second, times in ms, bytes as the kernel counts them for this process (`write_bytes` of /proc/self/io: what
went to the disk, journal of the file system left out). `ratio` is the store's rate by the floor's; `disk` is how often a second it
makes a commit's worth of appended bytes durable at all, and `ratio_to_disk` the store's rate by that times the producers: no
outbox can let so many producers wait, each for one event, and pass 1. `asyncio_floor` is the least that a future for each event and
a thread for the commits cost, without numbers, bounds, caps or what happens when the disk refuses.
"""

import argparse
import asyncio
import json
import os
import sqlite3
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edgeguard.core.clock import Stamp
from edgeguard.core.ids import BootId
from edgeguard.core.item import Item, Stream
from edgeguard.core.site import StoreSpec
from edgeguard.store import Batch, Store

BOOT = BootId("bench")


class MonotonicClock:
    """The machine's own time, without asking whether it is right."""

    def now(self) -> Stamp:
        return Stamp(time.time_ns() // 1_000_000, time.monotonic_ns() // 1_000_000, BOOT, synced=True)


@dataclass(frozen=True)
class Cost:
    """What a stretch of work took."""

    wall_s: float
    cpu_s: float
    written_bytes: int


class Meter:
    """From `start` to `stop`."""

    def start(self) -> None:
        self._written = self._count_written()
        self._cpu_s = time.process_time()
        self._wall_s = time.perf_counter()

    def stop(self) -> Cost:
        wall_s = time.perf_counter() - self._wall_s
        return Cost(wall_s, time.process_time() - self._cpu_s, self._count_written() - self._written)

    def _count_written(self) -> int:
        lines = Path("/proc/self/io").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))


def figures(events: int, cost: Cost) -> dict[str, float]:
    return {
        "events_per_s": round(events / cost.wall_s),
        "cpu_us_per_event": round(cost.cpu_s / events * 1e6, 1),
        "written_bytes_per_event": round(cost.written_bytes / events),
    }


def syncs_per_s(directory: Path, group: int, body: bytes) -> float:
    """How often bytes of one group, appended to a file as a write-ahead log appends them, become durable."""
    pages = bytes(4096 * (2 + group * (len(body) + 50) // 4096))
    count = 100
    descriptor = os.open(directory / "syncs", os.O_CREAT | os.O_WRONLY)
    try:
        os.write(descriptor, pages * count)
        os.fsync(descriptor)
        os.lseek(descriptor, 0, os.SEEK_SET)
        begun = time.perf_counter()
        for _ in range(count):
            os.write(descriptor, pages)
            os.fdatasync(descriptor)
        return count / (time.perf_counter() - begun)
    finally:
        os.close(descriptor)


def bare_table(path: Path) -> sqlite3.Connection:
    """A table of rows under the same durability."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE rows (seq INTEGER PRIMARY KEY, at INTEGER, body BLOB)")
    return connection


def floor(directory: Path, events: int, group: int, body: bytes) -> dict[str, float]:
    """The least that the same durability costs: one thread, one table, nothing but inserts."""
    connection = bare_table(directory / "floor.db")
    meter = Meter()
    meter.start()
    for first in range(0, events, group):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO rows VALUES (?, ?, ?)", [(first + n + 1, first, body) for n in range(group)])
        connection.execute("COMMIT")
    cost = meter.stop()
    connection.close()
    return figures(events, cost)


async def asyncio_floor(directory: Path, producers: int, events: int, body: bytes) -> dict[str, float]:
    """The same for coroutines that wait: a future for each event, one thread that commits whatever has come, and nothing else."""
    loop, stirred = asyncio.get_running_loop(), asyncio.Event()
    came: list[tuple[bytes, asyncio.Future[int]]] = []
    desk = ThreadPoolExecutor(1)
    connection = await loop.run_in_executor(desk, lambda: bare_table(directory / "asyncio-floor.db"))

    def commit(first: int, bodies: list[bytes]) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO rows VALUES (?, ?, ?)", [(first + n, first, body) for n, body in enumerate(bodies)])
        connection.execute("COMMIT")

    async def work() -> None:
        seq = 1
        while True:
            await stirred.wait()
            await asyncio.sleep(0)
            stirred.clear()
            group, came[:] = list(came), []
            await loop.run_in_executor(desk, commit, seq, [body for body, _ in group])
            for n, (_, waiter) in enumerate(group):
                waiter.set_result(seq + n)
            seq += len(group)

    async def producer() -> None:
        for _ in range(events // producers):
            came.append((body, waiter := loop.create_future()))
            stirred.set()
            await waiter

    worker = asyncio.create_task(work())
    meter = Meter()
    meter.start()
    await asyncio.gather(*(producer() for _ in range(producers)))
    cost = meter.stop()
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)
    await loop.run_in_executor(desk, connection.close)
    desk.shutdown()
    return figures(events, cost)


async def durable_puts(store: Store, producers: int, events: int, body: bytes) -> tuple[dict[str, float], dict[str, float]]:
    """Producers that put one event and wait until it is durable before they put the next."""
    clock = MonotonicClock()
    waits_ms: list[float] = []

    async def producer() -> None:
        for _ in range(events // producers):
            begun = time.perf_counter()
            await store.put(Batch((Item(Stream.EVENTS, clock.now(), body),)))
            waits_ms.append((time.perf_counter() - begun) * 1000)

    meter = Meter()
    meter.start()
    await asyncio.gather(*(producer() for _ in range(producers)))
    cost = meter.stop()
    waits_ms.sort()
    at = {"p50": 0.5, "p99": 0.99, "p999": 0.999}
    return figures(events, cost), {name: round(waits_ms[int(len(waits_ms) * part)], 2) for name, part in at.items()}


async def telemetry(store: Store, events: int, per_batch: int, body: bytes) -> dict[str, float]:
    """Batches submitted as fast as they are taken, never more than a few groups ahead."""
    clock = MonotonicClock()
    meter = Meter()
    meter.start()
    for _ in range(events // per_batch):
        now = clock.now()
        store.submit(Batch(tuple(Item(Stream.TELEMETRY, now, body) for _ in range(per_batch))))
        await asyncio.sleep(0)
        while store.pending_items > 2000:
            await asyncio.sleep(0.0005)
    await store.flush()
    return figures(events, meter.stop())


async def drain(store: Store, events: int, per_message: int) -> dict[str, float]:
    """Read in messages and acknowledge, as the uplink does."""
    meter = Meter()
    meter.start()
    seq = 0
    while rows := await store.read(Stream.TELEMETRY, seq, per_message, 64 * 1024):
        seq = rows[-1].seq
        await store.acknowledge(Stream.TELEMETRY, rows[0].seq, seq)
    await store.flush()
    return figures(events, meter.stop())


async def measure(options: argparse.Namespace, directory: Path) -> dict[str, object]:
    body = b'{"device":"pump-1","values":{"pad":"%s"}}' % (b"x" * max(options.body_bytes - 40, 0))
    spec = StoreSpec(directory / "state", 4 << 30, 100_000_000, None, 200, 100)
    store = await Store.open(spec, MonotonicClock(), print)
    loop = asyncio.create_task(store.run())
    disk = syncs_per_s(directory, options.producers, body)
    small = floor(directory, options.events, options.producers, body)
    waiting = await asyncio_floor(directory, options.producers, options.events, body)
    puts, waits_ms = await durable_puts(store, options.producers, options.events, body)
    disk = (disk + syncs_per_s(directory, options.producers, body)) / 2
    lone, lone_ms = await durable_puts(store, 1, max(options.events // 20, 20), body)
    bulk = await telemetry(store, options.events, 20, body)
    drained = await drain(store, options.events, 50)
    loop.cancel()
    with suppress(asyncio.CancelledError):
        await loop
    await store.close()
    return {
        "events": options.events,
        "body_bytes": len(body),
        "disk": {"syncs_per_s": round(disk), "events_per_s": round(disk * options.producers)},
        "floor": {"group": options.producers, **small},
        "asyncio_floor": {"producers": options.producers, **waiting},
        "durable_put": {
            "producers": options.producers,
            **puts,
            "wait_ms": waits_ms,
            "ratio": round(puts["events_per_s"] / small["events_per_s"], 2),
            "ratio_to_asyncio_floor": round(puts["events_per_s"] / waiting["events_per_s"], 2),
            "ratio_to_disk": round(puts["events_per_s"] / (disk * options.producers), 2),
        },
        "lone_put": {**lone, "wait_ms": lone_ms},
        "telemetry": bulk,
        "read_and_acknowledge": drained,
    }


def main() -> None:
    """Measure in a directory that is removed afterwards."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=40_000)
    parser.add_argument("--producers", type=int, default=20)
    parser.add_argument("--body-bytes", type=int, default=300)
    parser.add_argument("--directory", type=Path, default=None, help="where to write; a temporary directory if left out")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        print(json.dumps(asyncio.run(measure(options, Path(directory))), indent=1))


if __name__ == "__main__":
    main()
