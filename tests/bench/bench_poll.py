"""Whether polls keep their beat: 32 TCP buses with 500 devices, each polled once a second, in one loop as in the daemon.

The slaves are a process of their own. `jitter` is how far the time between two polls of a device is from its period; `bare_ms` is
how late bare asyncio timers are in a process of their own at the same time. `waited_for_cpu` is the share of the time in which the
polling process could have run and others did: where it is large, the figures tell of the machine. The memory is that of the
polling process at a quarter of the run and at its end. A quarter and half of the devices come first, on as many buses, in processes
of their own: a JSON object each, and one that says how CPU per poll and memory grow with the devices.
use: bench_poll.py [--seconds 20] [--buses 32] [--devices 500]
"""

import argparse
import asyncio
import json
import logging
import random
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog
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
        with suppress(asyncio.IncompleteReadError, ConnectionResetError):
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


def quantiles_ms(late_s: list[float]) -> dict[str, float]:
    """p50, p95 and p99."""
    ordered = sorted(late_s)
    return {f"p{part}": round(1000 * ordered[int(len(ordered) * part / 100)], 2) for part in (50, 95, 99)}


def waited_s() -> float:
    """How long this process has waited for a processor, by the kernel's account."""
    return int(Path("/proc/self/schedstat").read_text(encoding="ascii").split()[1]) / 1e9


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
    waited, since_s = waited_s(), time.perf_counter()
    await asyncio.sleep(seconds * 3 / 4)
    waited = (waited_s() - waited) / (time.perf_counter() - since_s)
    cpu, polls, end_mib = time.process_time() - cpu, len(late_s) - polls, resident_mib()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return {
        "bench": "poll",
        "buses": len(buses),
        "devices": devices,
        "points": devices * POINTS,
        "polls": len(late_s),
        "unanswered": bad,
        "jitter_ms": quantiles_ms(late_s),
        "waited_for_cpu": round(waited, 3),
        "cpu_us_per_poll": round(cpu / polls * 1e6, 1),
        "rss_mib": [early_mib, end_mib],
    }


async def bare(seconds: float) -> list[float]:
    """How late (s) timers of a loop are that does nothing else: twenty of a second each, spread over it."""
    loop = asyncio.get_running_loop()
    until_s = loop.time() + seconds
    late_s: list[float] = []

    async def beat(offset_s: float) -> None:
        due_s = loop.time() + offset_s
        while due_s < until_s:
            await asyncio.sleep(due_s - loop.time())
            late_s.append(loop.time() - due_s)
            due_s += PERIOD_S

    await asyncio.gather(*(beat(start_offset_s(index, PERIOD_S)) for index in range(20)))
    return late_s


def one_size(buses: int, devices: int, seconds: float) -> dict[str, object]:
    """Measure so many devices, in this process."""
    logging.disable(logging.CRITICAL)
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    command = [sys.executable, __file__, "--slaves", str(buses)]
    beside = [sys.executable, __file__, "--bare", str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        ports = [int(port) for port in server.stdout.readline().split()]
        try:
            with subprocess.Popen(beside, stdout=subprocess.PIPE, text=True) as timers:
                result = asyncio.run(measure(ports, devices, seconds))
                result["bare_ms"] = json.loads(timers.communicate()[0])
            result["slaves_cpu_s"] = round(cpu_s(server.pid), 1)
        finally:
            server.terminate()
    return result


def growth(sizes: list[dict[str, Any]]) -> dict[str, object]:
    """What is between the smallest and the largest size."""
    first, last = sizes[0], sizes[-1]
    more = last["devices"] - first["devices"]
    return {
        "bench": "poll-growth",
        "devices": [one["devices"] for one in sizes],
        "cpu_us_per_poll": [one["cpu_us_per_poll"] for one in sizes],
        "cpu_per_poll_last_to_first": round(last["cpu_us_per_poll"] / first["cpu_us_per_poll"], 2),
        "kib_per_device": round(1024 * (last["rss_mib"][1] - first["rss_mib"][1]) / more, 1),
        "rss_end_to_quarter": [round(one["rss_mib"][1] / one["rss_mib"][0], 3) for one in sizes],
    }


def main() -> int:
    """Measure each size in a process of its own."""
    if "--slaves" in sys.argv:
        asyncio.run(slaves(int(sys.argv[2])))
    if "--bare" in sys.argv:
        print(json.dumps(quantiles_ms(asyncio.run(bare(float(sys.argv[2]))))))
        return 0
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--buses", type=int, default=32)
    parser.add_argument("--devices", type=int, default=500)
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.alone:
        print(json.dumps(one_size(asked.buses, asked.devices, asked.seconds)))
        return 0
    sizes = []
    for devices in (asked.devices // 4, asked.devices // 2, asked.devices):
        words = ["--alone", "--seconds", str(asked.seconds), "--buses", str(asked.buses), "--devices", str(devices)]
        told = subprocess.run([sys.executable, __file__, *words], check=True, stdout=subprocess.PIPE, text=True).stdout
        print(told, end="", flush=True)
        sizes.append(json.loads(told.splitlines()[-1]))
    print(json.dumps(growth(sizes)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
