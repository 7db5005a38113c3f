"""Bytes written to the block device per event at a slow, steady rate, in groups of two seconds: what wears a memory card.

As root on a file system of its own (ext4 on a loop device), so that the kernel's counters of that device hold this and nothing
else, journal and metadata included; elsewhere by `write_bytes` of the process, which leaves the journal out. Prints a JSON object.
use: bench_wear.py [--rate 50] [--seconds 30] [--wait-ms 2000] [--body-bytes 300]
"""

import argparse
import asyncio
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench_store import MonotonicClock

from edgeguard.core.item import Item, Stream
from edgeguard.core.site import StoreSpec
from edgeguard.store import Batch, Store

_SECTOR = 512
_IMAGE_BYTES = 256 << 20


@contextmanager
def device(folder: Path) -> Iterator[tuple[Path, Callable[[], int], str]]:
    """A directory to write in, a count of the bytes written to its device so far, and what kind of count that is."""
    image, place = folder / "image", folder / "disk"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(_IMAGE_BYTES)
    made = subprocess.run(["mkfs.ext4", "-q", "-E", "lazy_itable_init=0", str(image)], capture_output=True).returncode == 0
    mount = ["mount", "-o", "loop", str(image), str(place)]
    if os.geteuid() == 0 and made and subprocess.run(mount, capture_output=True).returncode == 0:
        try:
            name = Path(f"/sys/dev/block/{os.major(place.stat().st_dev)}:{os.minor(place.stat().st_dev)}").resolve().name
            yield place, lambda: _sectors(name) * _SECTOR, "block device, ext4 on a loop device"
        finally:
            subprocess.run(["umount", str(place)], check=False)
    else:
        yield place, _process_bytes, "write_bytes of the process"


def _sectors(name: str) -> int:
    os.sync()
    return int(Path(f"/sys/block/{name}/stat").read_text().split()[6])


def _process_bytes() -> int:
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))


async def measure(options: argparse.Namespace, place: Path, written: Callable[[], int], how: str) -> dict[str, object]:
    """Telemetry one by one at the rate; what is delivered is acknowledged and pruned along the way, as it is when online."""
    clock = MonotonicClock()
    body = b'{"device":"pump-1","values":{"pad":"%s"}}' % (b"x" * max(options.body_bytes - 40, 0))
    spec = StoreSpec(place / "state", 64 << 20, 1_000_000, None, options.wait_ms, 1000)
    store = await Store.open(spec, clock, lambda _: None)
    loop = asyncio.create_task(store.run())
    before, begun, count = written(), time.monotonic(), 0
    while (gone_s := time.monotonic() - begun) < options.seconds:
        while count < gone_s * options.rate:
            count += 1
            store.submit(Batch((Item(Stream.TELEMETRY, clock.now(), body),)))
        if options.online:
            last = (await store.backlog(Stream.TELEMETRY)).last_seq
            await store.acknowledge(Stream.TELEMETRY, 1, last)
        await asyncio.sleep(1 / options.rate)
    loop.cancel()
    with suppress(asyncio.CancelledError):
        await loop
    await store.close()
    size = written() - before  # what the log still held has been moved into the database by now: nothing is left out
    return {
        "bench": "wear",
        "counted": how,
        "events": count,
        "events_per_s": options.rate,
        "group_ms": options.wait_ms,
        "body_bytes": len(body),
        "online": options.online,
        "written_bytes_per_event": round(size / count),
    }


def main() -> None:
    """Measure in a directory that is removed afterwards."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=50.0)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--wait-ms", type=int, default=2000)
    parser.add_argument("--body-bytes", type=int, default=300)
    parser.add_argument("--online", action="store_true", help="acknowledge behind, as while there is a broker")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="eg-wear-") as name, device(Path(name)) as (place, written, how):
        print(json.dumps(asyncio.run(measure(options, place, written, how))), flush=True)


if __name__ == "__main__":
    main()
