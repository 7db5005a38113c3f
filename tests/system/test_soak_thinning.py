"""A store near its caps, killed while it thins, drops and commits: a consumer finds every number, or the record that names it."""

import asyncio
import contextlib
import json
import math
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from soak_rig import LONG, chance, scaled, tell
from uplink_rig import QUICK, ROOT

from edgeguard.core.health import Health
from edgeguard.core.ids import BootId, GatewayId, SiteId
from edgeguard.core.item import STREAMS, Item, Stream
from edgeguard.core.site import StoreSpec, UplinkSpec
from edgeguard.rules.thinning import Extremes
from edgeguard.simulator.broker import Broker
from edgeguard.store import Batch, Store
from edgeguard.testing.clock import FakeClock
from edgeguard.testing.items import sample_body, sample_catalog
from edgeguard.uplink import Page, Uplink
from edgeguard.uplink.completeness import Completeness, Report

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2 * 3600 if LONG else 180)]

KILLS, LIVES = scaled((3, 3), (200, 20))
"""Kills, and how many of them one store lives through: in so small a one records of losses would take all room in the end."""
CAP_BYTES = 1 << 20
ALARM_EVERY = scaled(10, 50)
"""So seldom that those of all lives stay far below the cap: alarms are the last to go, and none shall."""


async def open_store(directory: Path, boot: str, news: list[Health]) -> tuple[Store, FakeClock]:
    """A store so small that a few seconds of the child fill it."""
    clock = FakeClock()
    clock.boot = BootId(boot)
    spec = StoreSpec(directory, CAP_BYTES, 1_000_000, None, 200, 100)
    return await Store.open(spec, clock, news.append, free_bytes=lambda _: 1 << 30, survey=Extremes), clock


async def produce(directory: Path, life: int) -> None:
    """The child: hours of telemetry in seconds, an alarm now and then, of which it prints the number; some is acknowledged."""
    store, clock = await open_store(directory, f"boot-{life}", [])
    writer = asyncio.create_task(store.run())
    luck = random.Random(life)
    for number in range(1, 1_000_000):
        items = []
        for each in range(100):
            clock.advance(0.5)
            value = round(math.sin((number * 100 + each) / 300) + luck.random() / 50, 3)
            body = {"device": f"d{each % 5}", "values": {"p": value, "life": life, "n": number, "pad": "x" * 150}}
            items.append(Item(Stream.TELEMETRY, clock.now(), json.dumps(body).encode()))
        await store.put(Batch(tuple(items)))
        if number % ALARM_EVERY == 0:
            (seq,) = await store.put(Batch((Item(Stream.ALARMS, clock.now(), sample_body(Stream.ALARMS)),)))
            print(json.dumps({"epoch": store.epoch, "alarms": seq, "thinned": (await store.figures()).thinned}), flush=True)
        if luck.random() < 0.1 and (rows := await store.read(Stream.TELEMETRY, 0, 20, 1 << 20)):
            await store.acknowledge(Stream.TELEMETRY, rows[0].seq, rows[0].seq)
    writer.cancel()


async def bring_out(directory: Path) -> tuple[str, Report, list[Health]]:
    """Everything that is left, to a platform that was not there before."""
    news: list[Health] = []
    store, clock = await open_store(directory, "boot-last", news)
    judge = Completeness("b07")

    def take(topic: str, payload: bytes, _: object = None) -> None:
        lane = topic.removeprefix(f"{ROOT}/")
        judge.take(lane, payload, lane == "status", clock.now().wall_ms, asyncio.get_running_loop().time())

    async with Broker(on_publish=take) as broker:
        link = UplinkSpec("127.0.0.1", broker.port, tls=False, history_items_per_s=1e6)
        names = SiteId("lakeside"), GatewayId("b07"), "0.1.0"
        pages = (Page("catalog", sample_catalog()),)
        uplink = Uplink(link, *names, store, clock, lambda: pages, news.append, random.Random(3), QUICK)
        tasks = [asyncio.create_task(store.run()), asyncio.create_task(uplink.run())]
        while any([(await store.backlog(stream)).rows for stream in STREAMS]):
            await asyncio.sleep(0.05)
        await uplink.close(2.0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    epoch = store.epoch
    await store.close()
    return epoch, judge.report(0.0, final=True), [each for each in news if each.source == "store" and each.code == "damaged"]


def live_and_die(state: Path, life: int, more_s: float) -> dict[str, object]:
    """One life of the child, killed so long after it has begun to thin; the last that it told."""
    told: dict[str, object] = {}
    command = [sys.executable, __file__, str(state), str(life)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            told = json.loads(line)
            if told["thinned"]:
                break
        time.sleep(more_s)
        child.send_signal(signal.SIGKILL)
        for line in child.stdout:
            with contextlib.suppress(json.JSONDecodeError):
                told = json.loads(line)
    return told


def test_killed_while_it_thins_and_drops(tmp_path: Path) -> None:
    luck = chance()
    for store in range(KILLS // LIVES):
        state = tmp_path / str(store)
        for life in range(LIVES):
            told = live_and_die(state, life, luck.uniform(0.0, 1.0))
        epoch, report, damage = asyncio.run(bring_out(state))
        streams = {stream.stream: stream for stream in report.streams}
        items = {name: stream.items for name, stream in streams.items()}
        tell("thinning-kills", store=store, kills=LIVES, gaps=dict(report.gaps), items=items)
        assert (damage, epoch) == ([], told["epoch"])
        assert report.sound, report
        assert report.gaps["thinned"] > 0
        assert (streams["alarms"].first, streams["alarms"].items) == (1, streams["alarms"].last)
        assert streams["alarms"].last >= int(str(told["alarms"]))
        shutil.rmtree(state)


if __name__ == "__main__":
    asyncio.run(produce(Path(sys.argv[1]), int(sys.argv[2])))
