"""kill -9 in the middle of commits: whatever was told to be durable is there, and numbers have no holes and no second content.

`make soak` kills a thousand times; test_soak_kills.py does so with the whole daemon.
"""

import asyncio
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from soak_rig import LONG, scaled, tell

from edgeguard.core.clock import Stamp
from edgeguard.core.health import Health
from edgeguard.core.ids import BootId
from edgeguard.core.item import STREAMS, Item, OutboxRow, Stream
from edgeguard.core.site import StoreSpec
from edgeguard.store import Batch, Store

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2 * 3600 if LONG else 120)]

KILLS = scaled(12, 1000)
NOW = Stamp(1_790_000_000_000, 1000, BootId("boot-a"), synced=True)


class Still:
    """A clock that stands."""

    def now(self) -> Stamp:
        return NOW


def spec_of(directory: Path) -> StoreSpec:
    return StoreSpec(directory, 1 << 30, 1 << 30, None, 5, 20)


async def open_store(directory: Path, news: list[Health]) -> Store:
    return await Store.open(spec_of(directory), Still(), news.append)


def body(life: int, producer: int, number: int) -> bytes:
    return b'{"life":%d,"producer":%d,"n":%d}' % (life, producer, number)


async def produce(directory: Path, life: int) -> None:
    """The child: eight producers put without end and print what is durable; a ninth acknowledges behind them."""
    store = await open_store(directory, [])
    print(f"epoch {store.epoch}", flush=True)

    async def producer(place: int) -> None:
        stream = STREAMS[place % 3]
        for number in range(1_000_000):
            content = body(life, place, number)
            (seq,) = await store.put(Batch((Item(stream, NOW, content),)))
            os.write(1, b"%s %d %s\n" % (stream.value.encode(), seq, content))

    async def acknowledger() -> None:
        while True:
            for row in await store.read(Stream.TELEMETRY, 0, 10, 1 << 20):
                await store.acknowledge(Stream.TELEMETRY, row.seq, row.seq)
            await asyncio.sleep(0.01)

    async with asyncio.TaskGroup() as group:
        group.create_task(store.run())
        group.create_task(acknowledger())
        for place in range(8):
            group.create_task(producer(place))


def live_and_die(directory: Path, life: int, seconds: float) -> tuple[str, dict[tuple[Stream, int], bytes]]:
    """Run a child for a while, kill it, and give its epoch and what it was told to be durable."""
    command = [sys.executable, __file__, str(directory), str(life)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        epoch = child.stdout.readline().decode().split()[1]
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
        told = child.stdout.read()
    durable: dict[tuple[Stream, int], bytes] = {}
    for line in told.splitlines(keepends=True):
        if line.endswith(b"\n"):
            stream, seq, content = line.rstrip().split(b" ", 2)
            durable[Stream(stream.decode()), int(seq)] = content
    return epoch, durable


async def everything(store: Store, stream: Stream) -> list[OutboxRow]:
    rows: list[OutboxRow] = []
    while found := await store.read(stream, rows[-1].seq if rows else 0, 1000, 1 << 24):
        rows.extend(found)
    return rows


async def test_nothing_durable_is_lost_by_kills(tmp_path: Path) -> None:
    chance = random.Random(20261123)
    ever: dict[tuple[Stream, int], bytes] = {}
    epochs = set()
    for life in range(KILLS):
        epoch, durable = await asyncio.to_thread(live_and_die, tmp_path, life, chance.uniform(0.05, 0.6))
        epochs.add(epoch)
        assert not ever.keys() & durable.keys()
        ever |= durable
    assert len(epochs) == 1
    assert len(ever) > KILLS
    tell("store-kills", kills=KILLS, durable_items=len(ever))
    news: list[Health] = []
    store = await open_store(tmp_path, news)
    try:
        assert news == []
        assert store.epoch in epochs
        for stream in STREAMS:
            rows = await everything(store, stream)
            found = {row.seq: row.body for row in rows}
            last = (await store.backlog(stream)).last_seq
            if stream is not Stream.TELEMETRY:
                assert [row.seq for row in rows] == list(range(1, last + 1))
            for (of, seq), content in ever.items():
                if of is stream:
                    assert seq <= last
                    assert found.get(seq, content) == content
                    assert stream is Stream.TELEMETRY or seq in found
    finally:
        await store.close()


if __name__ == "__main__":
    asyncio.run(produce(Path(sys.argv[1]), int(sys.argv[2])))
