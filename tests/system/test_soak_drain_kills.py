"""A backlog on its way out, killed again and again: between reading ahead and sending, between PUBACK and mark, while rows go.

Store and uplink as the daemon puts them together, with a clock that is trusted, so that telemetry is kept as it leaves and comes
out in whole messages. Who judges is a consumer that knows the public faces alone. `make soak` has the long form.
"""

import asyncio
import random
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from harness import free_port, mosquitto
from soak_rig import LONG, Judge, chance, median, scaled, tell, wait_until

from edgeguard.core.clock import Stamp
from edgeguard.core.ids import BootId, GatewayId, SiteId
from edgeguard.core.item import Item, Stream
from edgeguard.core.limits import BATCH_MAX_ITEMS
from edgeguard.core.site import StoreSpec, UplinkSpec
from edgeguard.store import Batch, Store
from edgeguard.uplink import Page, Uplink

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3 * 3600 if LONG else 300), pytest.mark.usefixtures("needs_mosquitto")]

KILLS = scaled(4, 300)
ITEMS = scaled(20_000, 1_000_000)
WINDOW = 50
OUTAGE_MS = 3_600_000


class Real:
    """The machine's clocks, trusted, all of one boot."""

    def now(self) -> Stamp:
        return Stamp(time.time_ns() // 1_000_000, time.monotonic_ns() // 1_000_000 + OUTAGE_MS, BootId("boot"), synced=True)


async def opened(folder: Path) -> Store:
    return await Store.open(StoreSpec(folder / "state", 4 << 30, 1 << 40, None, 200, 100), Real(), lambda _: None)


async def fill(folder: Path) -> None:
    """Telemetry of an outage."""
    store = await opened(folder)
    now = Real().now()
    for first in range(0, ITEMS, 500):
        at = Stamp(now.wall_ms - OUTAGE_MS + first, now.boot_ms - OUTAGE_MS, now.boot, synced=True)
        store.submit(
            Batch(tuple(Item(Stream.TELEMETRY, at, b'{"device":"p","values":{"n":%d}}' % n) for n in range(first, first + 500)))
        )
        if store.pending_items > 5000:
            await store.flush()
    await store.close()


async def live(folder: Path, port: int) -> None:
    """The child: brings it out, raises an alarm now and then, until it is killed."""
    store = await opened(folder)
    spec = UplinkSpec("127.0.0.1", port, tls=False, window=WINDOW, history_items_per_s=ITEMS / KILLS * 4)
    pages = (Page("catalog", b'{"v":1}'),)
    uplink = Uplink(spec, SiteId("test"), GatewayId("g1"), "0", store, Real(), lambda: pages, lambda _: None, random.Random(1))
    store.on_commit(uplink.wake)
    parts = [asyncio.create_task(store.run()), asyncio.create_task(uplink.run())]
    while not any(part.done() for part in parts):
        await store.put(Batch((Item(Stream.ALARMS, Real().now(), b'{"alarm":"p.dry","state":"active"}'),)))
        print((await store.backlog(Stream.TELEMETRY)).rows, flush=True)
        await asyncio.sleep(0.05)


def test_a_backlog_that_is_killed_on_its_way_comes_out_whole_and_in_order(tmp_path: Path) -> None:
    luck = chance()
    port = free_port()
    asyncio.run(fill(tmp_path))
    command = [sys.executable, __file__, str(tmp_path), str(port)]
    recoveries_s: list[float] = []
    with mosquitto(tmp_path, port, "max_queued_messages 0"), Judge(port) as judge:
        for kill in range(KILLS + 1):
            before, begun = judge.arrivals, time.monotonic()
            child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            try:
                assert wait_until(lambda before=before: judge.arrivals > before, 60) is not None  # type: ignore[misc]
                recoveries_s.append(time.monotonic() - begun)
                if kill < KILLS:
                    time.sleep(luck.uniform(0.0, 0.5))
                else:
                    assert wait_until(lambda: whole(judge), 300) is not None, judge.report(final=True)
                assert child.poll() is None
            finally:
                child.kill()
                child.communicate()
        report = judge.report(final=True)
    streams = {stream.stream: stream for stream in report.streams}
    figures = {
        name: sum(getattr(stream, name) for stream in report.streams) for name in ("lost_items", "reorders", "conflicts", "repeats")
    }
    tell("drain-kills", kills=KILLS, items=ITEMS, recovery_median_s=round(median(recoveries_s), 2), **figures)
    assert report.sound, report
    assert report.epochs == 1
    assert streams["telemetry"].last == ITEMS
    assert streams["telemetry"].repeats <= WINDOW * BATCH_MAX_ITEMS * KILLS


def whole(judge: Judge) -> bool:
    """All of the backlog has arrived."""
    return any(s.stream == "telemetry" and s.last == ITEMS and not s.lost_items for s in judge.report(final=True).streams)


if __name__ == "__main__":
    with suppress(BrokenPipeError):
        asyncio.run(live(Path(sys.argv[1]), int(sys.argv[2])))
