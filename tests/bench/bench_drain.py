"""A backlog on its way out: items a second as a ratio to mosquitto_pub, flat from first to last, and what a new alarm waits.

The store is filled with telemetry of an outage; then store and uplink, put together as the daemon does, bring it to Mosquitto while
two hundred alarms a second are raised. `mosquitto_pub -l` publishes the same payloads to the same broker several times before and
after, of which the fastest counts, and so does paho alone (bare_paho.py). Tenths are cut where the PUBACKs for their items came;
`steady` is from the first to the last message, `ratio` that of the whole ways, from the dialling and from the start of the process.
Told besides: what a message costs the loop's thread, our other threads and the broker in CPU, memory of our process, bytes of the
file with the backlog in it, and after how long the rows are gone, which go while nothing is read. Prints one JSON object.
use: bench_drain.py [--items 100000] [--body-bytes 300] [--rate ITEMS_PER_S] [--rounds 4] [--messages 10000]; the bar's size is
--items 1000000.
"""

import argparse
import asyncio
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

from bench_store import MonotonicClock

from edgeguard.core.clock import Stamp
from edgeguard.core.ids import Epoch, GatewayId, SiteId
from edgeguard.core.item import Item, OutboxRow, Stream
from edgeguard.core.limits import BATCH_MAX_ITEMS, WINDOW_MAX_MESSAGES
from edgeguard.core.site import StoreSpec, UplinkSpec
from edgeguard.store import Batch, Store
from edgeguard.testing.items import sample_catalog
from edgeguard.uplink import Page, Uplink
from edgeguard.uplink.envelope import Envelope
from edgeguard.uplink.sync import Sync

ROOT = "edgeguard/v1/bench/g1"
ALARM_EVERY_S = 0.005
PUB_MIN_MESSAGES = 10_000
"""With fewer, starting and ending would be the greater part of what is measured."""
LOOK_S = 0.002
CONNECT_BYTES = 1000
"""What a client may say before its first message, at most."""
OUTAGE_MS = 3_600_000


def free_port() -> int:
    """A TCP port nobody listens on now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def peak_rss_mib() -> float:
    """The most memory that this process has had since `forget_peak`."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return round(int(line.split()[1]) / 1024, 1)


def forget_peak() -> None:
    """Begin to look for the most memory anew."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def cpu_of(pid: int) -> float:
    """CPU seconds that a process has used, to the hundredth."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def broker(folder: Path) -> Iterator[tuple[int, int]]:
    """Mosquitto on a loopback port; the port, and its process."""
    port = free_port()
    conf = folder / "mosquitto.conf"
    conf.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n")
    child = subprocess.Popen(["mosquitto", "-c", str(conf)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with socket.socket() as sock:
                if sock.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        yield port, child.pid
    finally:
        child.terminate()
        child.wait(10)


def body_of(number: int, size: int) -> bytes:
    """Telemetry as a pump would give it, padded to about `size` bytes."""
    head = b'{"device":"pump-1","values":{"pressure":%d.%02d,"running":true,"pad":"' % (number % 10, number % 100)
    return head + b"x" * max(size - len(head) - 3, 0) + b'"}}'


async def fill(store: Store, options: argparse.Namespace) -> None:
    """The outage: telemetry that is an hour old."""
    now = MonotonicClock().now()
    for first in range(0, options.items, 500):
        at = Stamp(now.wall_ms - OUTAGE_MS + first, now.boot_ms - OUTAGE_MS, now.boot, synced=True)
        batch = (Item(Stream.TELEMETRY, at, body_of(number, options.body_bytes)) for number in range(first, first + 500))
        store.submit(Batch(tuple(batch)))
        while store.pending_items > 2000:
            await asyncio.sleep(0.001)
    await store.flush()


def publish_lines(port: int, broker_pid: int, folder: Path, options: argparse.Namespace) -> dict[str, float]:
    """mosquitto_pub, and then paho alone, with payloads of as many items as ours have; messages a second, best of a few rounds.

    mosquitto_pub sleeps 0.1 s before its first message and up to 0.1 s behind its last: `steady` is what the broker saw between.
    """
    envelope = Envelope(GatewayId("g1"), Epoch("00112233445566aa"), Stream.TELEMETRY)
    at = MonotonicClock().now()
    messages = max(options.items // BATCH_MAX_ITEMS, options.messages)
    path = folder / "lines"
    with path.open("wb") as file:
        for message in range(messages):
            first = message * BATCH_MAX_ITEMS + 1
            rows = [OutboxRow(Stream.TELEMETRY, first + i, at, body_of(i, options.body_bytes)) for i in range(BATCH_MAX_ITEMS)]
            file.write(envelope.message(first, [envelope.item(row) for row in rows]).payload + b"\n")
    rounds = [publish_once(port, broker_pid, path) for _ in range(options.rounds)]
    bare = [sys.executable, str(Path(__file__).with_name("bare_paho.py")), str(port), f"{ROOT}/lines", str(path)]
    paho = subprocess.run([*bare, str(WINDOW_MAX_MESSAGES)], check=True, capture_output=True, text=True)
    path.unlink()
    whole_s, steady_s = (min(took_s) for took_s in zip(*rounds, strict=True))
    return {"whole": messages / whole_s, "steady": messages / steady_s, "paho": float(paho.stdout)}


def publish_once(port: int, broker_pid: int, path: Path) -> tuple[float, float]:
    """Seconds that mosquitto_pub took, and seconds from the first to the last bytes that the broker read of it."""
    command = ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(port), "-V", "5", "-q", "1", "-t", f"{ROOT}/lines", "-l"]
    begun, before = time.perf_counter(), read_by(broker_pid)
    seen, at, first, last = before, begun, None, begun
    with path.open("rb") as file, subprocess.Popen(command, stdin=file) as child:
        while child.poll() is None:
            time.sleep(LOOK_S)
            earlier, at = at, time.perf_counter()
            if (now := read_by(broker_pid)) - seen > len(b"DISCONNECT"):
                first, last = (earlier if first is None and now - before > CONNECT_BYTES else first), at
            seen = now
        took_s = time.perf_counter() - begun
    if child.returncode or first is None:
        raise RuntimeError(f"mosquitto_pub ended with {child.returncode}")
    return took_s, last - first


def read_by(pid: int) -> int:
    """Bytes that a process has read so far, from files and sockets."""
    return int(Path(f"/proc/{pid}/io").read_text().split()[1])


class Alarms:
    """mosquitto_sub on the alarms topic with the time of arrival; what each took since it was raised."""

    def __init__(self, port: int) -> None:
        self.waits_s: list[float] = []
        command = ["mosquitto_sub", "-h", "127.0.0.1", "-p", str(port), "-V", "5", "-q", "1", "-t", f"{ROOT}/alarms"]
        self._command = (*command, "-F", "%U %p")

    async def listen(self) -> None:
        """Until cancelled."""
        child = await asyncio.create_subprocess_exec(*self._command, stdout=asyncio.subprocess.PIPE, limit=1 << 20)
        assert child.stdout is not None
        try:
            async for line in child.stdout:
                at, _, payload = line.partition(b" ")
                self.waits_s += [float(at) - item["raised"] for item in json.loads(payload)["items"]]
        finally:
            child.terminate()
            await child.wait()


async def raise_alarms(store: Store, raised: list[int]) -> None:
    """Two hundred a second, until cancelled; notes each."""
    clock = MonotonicClock()
    while True:
        raised.append(1)
        store.submit(Batch((Item(Stream.ALARMS, clock.now(), b'{"alarm":"pump-1.dry-run","raised":%.6f}' % time.time()),)))
        await asyncio.sleep(ALARM_EVERY_S)


class Acks:
    """What the broker had confirmed when: (items, wall seconds, CPU seconds of our process) at each reading of PUBACKs."""

    def __init__(self) -> None:
        self.marks: list[tuple[int, float, float]] = []

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Watch every uplink of this process."""
        settle = Sync.settle

        def watched(sync: Sync, acks: list[tuple[int, int]]) -> None:
            settle(sync, acks)
            self.marks.append((sync.acked_items, time.perf_counter(), time.process_time()))

        Sync.settle = watched  # type: ignore[method-assign,assignment]
        try:
            yield
        finally:
            Sync.settle = settle  # type: ignore[method-assign]

    def tenths(self, items: int) -> list[tuple[float, float]]:
        """Wall and CPU seconds of each tenth of the way; what one reading confirmed is spread over the time before it."""
        cuts, after = [self.marks[0][1:]], 1
        for tenth in range(1, 11):
            wanted = self.marks[0][0] + (items - self.marks[0][0]) * tenth / 10
            while after < len(self.marks) - 1 and self.marks[after][0] < wanted:
                after += 1
            (low, *begun), (high, *ended) = self.marks[after - 1 : after + 1]
            share = min((wanted - low) / max(high - low, 1), 1.0)
            cuts.append((begun[0] + share * (ended[0] - begun[0]), begun[1] + share * (ended[1] - begun[1])))
        return [(later[0] - sooner[0], later[1] - sooner[1]) for sooner, later in pairwise(cuts)]


async def drain(store: Store, port: int, broker_pid: int, acks: Acks, options: argparse.Namespace) -> dict[str, Any]:
    """Bring it out; rates of each tenth of the way."""
    spec = UplinkSpec("127.0.0.1", port, tls=False, history_items_per_s=options.rate)
    uplink = Uplink(
        spec,
        SiteId("bench"),
        GatewayId("g1"),
        "0",
        store,
        MonotonicClock(),
        lambda: (Page("catalog", sample_catalog()),),
        lambda _: None,
        random.Random(1),
    )
    store.on_commit(uplink.wake)
    alarms, raised = Alarms(port), list[int]()
    helpers = [asyncio.create_task(alarms.listen())]
    await asyncio.sleep(0.5)
    helpers += [asyncio.create_task(uplink.run()), asyncio.create_task(raise_alarms(store, raised))]
    held_bytes = (await store.figures()).file_bytes
    forget_peak()
    loop_cpu_s, broker_cpu_s = time.thread_time(), cpu_of(broker_pid)
    cpu_s, begun = time.process_time(), time.perf_counter()
    while (await store.backlog(Stream.TELEMETRY)).rows > 0:
        await asyncio.sleep(0.05)
    took_s, cpu_s = time.perf_counter() - begun, time.process_time() - cpu_s
    loop_cpu_s, broker_cpu_s = time.thread_time() - loop_cpu_s, cpu_of(broker_pid) - broker_cpu_s
    peak_mib = peak_rss_mib()
    helpers.pop().cancel()
    while len(alarms.waits_s) < len(raised) and time.perf_counter() - begun < took_s + 10:
        await asyncio.sleep(0.05)
    undelivered = (await store.backlog(Stream.TELEMETRY)).rows + (await store.backlog(Stream.ALARMS)).rows
    await uplink.close(2.0)
    for helper in helpers:
        helper.cancel()
    await asyncio.gather(*helpers, return_exceptions=True)
    waits = sorted(alarms.waits_s) or [float("nan")]
    tenth, tenths = options.items / 10, acks.tenths(options.items)
    return {
        "items_per_s": round(options.items / took_s),
        "steady_items_per_s": round(options.items / sum(spent_s for spent_s, _ in tenths)),
        "cpu_us_per_item": round(cpu_s / options.items * 1e6, 1),
        "cpu_us_per_message": {
            part: round(spent_s / (options.items / BATCH_MAX_ITEMS) * 1e6)
            for part, spent_s in (("loop", loop_cpu_s), ("other threads", cpu_s - loop_cpu_s), ("broker", broker_cpu_s))
        },
        "tenths_items_per_s": [round(tenth / spent_s) for spent_s, _ in tenths],
        "tenths_cpu_us_per_item": [round(spent_s / tenth * 1e6, 1) for _, spent_s in tenths],
        "peak_rss_mib": peak_mib,
        "file_bytes_per_item": round(held_bytes / options.items),
        "undelivered": undelivered,
        "alarms_raised": len(raised),
        "alarms": len(alarms.waits_s),
        "alarm_wait_s": {
            "p50": round(waits[len(waits) // 2], 3),
            "p99": round(waits[int(len(waits) * 0.99)], 3),
            "max": round(waits[-1], 3),
        },
    }


async def rows_gone(store: Store, options: argparse.Namespace) -> float:
    """Wait until what was sent takes up no room any more; the store's own pages tell."""
    begun = time.perf_counter()
    while (await store.figures()).used_bytes > options.body_bytes * 10_000 and time.perf_counter() - begun < 1200:
        await asyncio.sleep(0.2)
    return round(time.perf_counter() - begun, 1)


async def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Fill once, publish by the C client, drain, publish again: the broker's speed is the best that was seen."""
    spec = StoreSpec(folder / "state", 16 << 30, 1 << 40, None, 200, 100)
    store = await Store.open(spec, MonotonicClock(), lambda _: None)
    loop = asyncio.create_task(store.run())
    begun = time.perf_counter()
    await fill(store, options)
    filled_s = time.perf_counter() - begun
    with broker(folder) as (port, broker_pid):
        before = await asyncio.to_thread(publish_lines, port, broker_pid, folder, options)
        with (acks := Acks()).noted():
            drained = await drain(store, port, broker_pid, acks, options)
        after = await asyncio.to_thread(publish_lines, port, broker_pid, folder, options)
        drained["rows_gone_after_s"] = await rows_gone(store, options)
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)
    await store.close()
    whole, steady, paho = (round(max(before[name], after[name])) for name in ("whole", "steady", "paho"))
    return {
        "bench": "drain",
        "items": options.items,
        "body_bytes": options.body_bytes,
        "filled_items_per_s": round(options.items / filled_s),
        "items_per_message": BATCH_MAX_ITEMS,
        "mosquitto_pub_messages_per_s": {"whole": whole, "steady": steady},
        "paho_alone_messages_per_s": paho,
        **drained,
        "ratio": round(drained["items_per_s"] / BATCH_MAX_ITEMS / whole, 2),
        "ratio_steady": round(drained["steady_items_per_s"] / BATCH_MAX_ITEMS / steady, 2),
        "ratio_to_paho_alone": round(drained["items_per_s"] / BATCH_MAX_ITEMS / paho, 2),
    }


def main() -> int:
    """Measure in a directory that is removed afterwards."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--body-bytes", type=int, default=300)
    parser.add_argument("--rate", type=float, default=1e9, help="history_rate; unbounded if left out")
    parser.add_argument("--rounds", type=int, default=4, help="of mosquitto_pub, before and again after")
    parser.add_argument("--messages", type=int, default=PUB_MIN_MESSAGES, help="of mosquitto_pub in a round, at least")
    parser.add_argument("--directory", type=Path, default=None)
    options = parser.parse_args()
    if shutil.which("mosquitto") is None or shutil.which("mosquitto_pub") is None:
        print("mosquitto and mosquitto-clients are needed", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(dir=options.directory, prefix="eg-drain-") as folder:
        print(json.dumps(asyncio.run(measure(options, Path(folder)))), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
