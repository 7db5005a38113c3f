"""Whether polls keep their beat: 32 TCP buses with 500 devices, each polled once a second, in one loop as in the daemon.

The slaves are a process of their own. `jitter` is how far the time between two polls of a device is from its period; the memory is
that of this process at a quarter of the run and at its end. Prints one JSON object.
use: bench_poll.py [--seconds 30] [--buses 32] [--devices 500]
"""

import argparse
import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from bench_gateway import POINTS, cpu_s, profile

from edgeguard.bus import Priority, open_bus
from edgeguard.config import load_profile
from edgeguard.core.ids import BusName, DeviceName
from edgeguard.core.point import Labels
from edgeguard.core.site import BusSpec, DeviceSpec, Wire
from edgeguard.core.snapshot import Snapshot
from edgeguard.driver import Device, Shelf, build_device
from edgeguard.runtime.clock import SystemClock
from edgeguard.runtime.poller import Poller, start_offset_s

PERIOD_S = 1.0
LABELS = Labels("基准", "bench")


async def slaves(buses: int) -> None:
    """Modbus TCP servers that answer every read of holding registers; their ports go to standard output."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            while True:
                adu = await reader.readexactly(12)
                data = bytes(2 * adu[11])
                writer.write(adu[:4] + (3 + len(data)).to_bytes(2, "big") + adu[6:8] + bytes((len(data),)) + data)
        writer.close()

    servers = [await asyncio.start_server(serve, "127.0.0.1", 0) for _ in range(buses)]
    print(*(server.sockets[0].getsockname()[1] for server in servers), flush=True)
    await asyncio.get_running_loop().create_future()


def resident_mib() -> float:
    """Resident memory of this process now."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return round(int(line.split()[1]) / 1024, 1)


async def measure(ports: list[int], devices: int, seconds: float) -> dict[str, object]:
    """Poll for a while."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench-100.toml"
        path.write_text(profile())
        model = load_profile(path)
    loop, clock, shelf = asyncio.get_running_loop(), SystemClock(), Shelf()
    buses = [open_bus(BusSpec(BusName(f"b{i}"), Wire.TCP, "127.0.0.1", port), random.Random(i)) for i, port in enumerate(ports)]
    last_s: dict[str, float] = {}
    late_s: list[float] = []
    bad = 0

    def begun(device: Device) -> None:
        poll = device.poll

        async def timed(priority: Priority = Priority.ROUTINE) -> Snapshot:
            now_s = loop.time()
            if device.name in last_s:
                late_s.append(abs(now_s - last_s[device.name] - PERIOD_S))
            last_s[device.name] = now_s
            return await poll(priority)

        device.poll = timed  # type: ignore[method-assign]

    def sink(snapshot: Snapshot) -> None:
        nonlocal bad
        bad += not snapshot.answered

    tasks = [asyncio.create_task(bus.run()) for bus in buses]
    for index in range(devices):
        bus = index % len(buses)
        name = DeviceName(f"d{index}")
        spec = DeviceSpec(name, buses[bus].name, index // len(buses) + 1, model, 1000, LABELS, (), 10_000)
        device = build_device(spec, buses[bus], clock, shelf=shelf)
        begun(device)
        poller = Poller(device, sink, PERIOD_S, start_offset_s(index, PERIOD_S))
        tasks.append(asyncio.create_task(poller.run()))
    await asyncio.sleep(seconds / 4)
    early_mib, cpu, polls = resident_mib(), time.process_time(), len(late_s)
    await asyncio.sleep(seconds * 3 / 4)
    cpu, polls, end_mib = time.process_time() - cpu, len(late_s) - polls, resident_mib()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    ordered = sorted(late_s)
    return {
        "bench": "poll",
        "buses": len(buses),
        "devices": devices,
        "points": devices * POINTS,
        "polls": len(late_s),
        "unanswered": bad,
        "jitter_ms": {f"p{part}": round(1000 * ordered[int(len(ordered) * part / 100)], 2) for part in (50, 95, 99)},
        "cpu_us_per_poll": round(cpu / polls * 1e6, 1),
        "rss_mib": [early_mib, end_mib],
    }


def main() -> int:
    """Measure."""
    if "--slaves" in sys.argv:
        asyncio.run(slaves(int(sys.argv[2])))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--buses", type=int, default=32)
    parser.add_argument("--devices", type=int, default=500)
    asked = parser.parse_args()
    command = [sys.executable, __file__, "--slaves", str(asked.buses)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        ports = [int(port) for port in server.stdout.readline().split()]
        try:
            result = asyncio.run(measure(ports, asked.devices, asked.seconds))
            result["slaves_cpu_s"] = round(cpu_s(server.pid), 1)
        finally:
            server.terminate()
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
