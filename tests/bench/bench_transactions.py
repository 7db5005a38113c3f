"""Transactions with one slave: our bus and driver against a bare pymodbus client and libmodbus' own client, on libmodbus' slave.

Reads 100 holding registers again and again on one connection, each client in a process of its own, one after the other.
`poll` decodes and judges 100 points as well (a whole ModbusDevice round); `exchange` is the bus alone; `pipelined` keeps 8
requests outstanding. Prints one JSON object; `cpu_us` is the client's CPU per transaction, ratios are to libmodbus and pymodbus.
use: bench_transactions.py [--seconds 3]
"""

import argparse
import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import native
from bench_gateway import POINTS, free_port, profile, running

COUNTERS = ("libmodbus", "pymodbus", "exchange", "poll", "pipelined")
PDU = bytes((3, 0, 0, 0, POINTS))


async def hammer(ask: Callable[[], Awaitable[object]], seconds: float, parallel: int = 1) -> tuple[int, float, float]:
    """Transactions done, wall seconds, CPU seconds of this process."""
    await ask()
    done = 0
    wall, cpu = time.perf_counter(), time.process_time()

    async def one() -> None:
        nonlocal done
        while time.perf_counter() - wall < seconds:
            await ask()
            done += 1

    await asyncio.gather(*(one() for _ in range(parallel)))
    return done, time.perf_counter() - wall, time.process_time() - cpu


async def with_pymodbus(port: int, seconds: float) -> tuple[int, float, float]:
    """The bare library."""
    from pymodbus.client import AsyncModbusTcpClient

    client = AsyncModbusTcpClient("127.0.0.1", port=port)
    await client.connect()
    try:
        return await hammer(lambda: client.read_holding_registers(0, count=POINTS, device_id=1), seconds)
    finally:
        client.close()


async def with_edgeguard(port: int, seconds: float, what: str) -> tuple[int, float, float]:
    """Our bus, or a whole device on it."""
    from edgeguard.bus import Request, open_bus
    from edgeguard.config import load_profile
    from edgeguard.core.ids import BusName, DeviceName
    from edgeguard.core.point import Labels
    from edgeguard.core.site import BusSpec, DeviceSpec, Wire
    from edgeguard.driver import build_device
    from edgeguard.runtime.clock import SystemClock

    parallel = 8 if what == "pipelined" else 1
    bus = open_bus(BusSpec(BusName("bench"), Wire.TCP, "127.0.0.1", port, parallel), random.Random(1))
    keeper = asyncio.create_task(bus.run())
    await asyncio.sleep(0.2)
    try:
        if what != "poll":
            return await hammer(lambda: bus.exchange(Request(1, PDU, 1.0)), seconds, parallel)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "bench-100.toml"
            path.write_text(profile())
            model = load_profile(path)
        labels = Labels("基准", "bench")
        spec = DeviceSpec(DeviceName("d"), BusName("bench"), 1, model, 1000, labels, (), 10_000)
        device = build_device(spec, bus, SystemClock())
        return await hammer(device.poll, seconds)
    finally:
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)


def count(what: str, client: Path, port: int, seconds: float) -> tuple[int, float, float]:
    """Run one counter in a fresh process."""
    if what == "libmodbus":
        command = [str(client), str(port), str(POINTS), str(seconds)]
    else:
        command = [sys.executable, __file__, "--child", what, "--port", str(port), "--seconds", str(seconds)]
    done, wall, cpu = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1].split()
    return int(done), float(wall), float(cpu)


def main() -> int:
    """Measure every counter twice and keep the better run of each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--child")
    parser.add_argument("--port", type=int, default=0)
    asked = parser.parse_args()
    if asked.child:
        run = with_pymodbus(asked.port, asked.seconds)
        if asked.child != "pymodbus":
            run.close()
            run = with_edgeguard(asked.port, asked.seconds, asked.child)
        print(*asyncio.run(run))
        return 0
    if words := native.missing():
        print(words, file=sys.stderr)
        return 2
    result: dict[str, object] = {"bench": "transactions", "registers": POINTS}
    rates: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="eg-native-") as folder:
        slave, client = (native.build(name, Path(folder)) for name in ("slave", "client"))
        port = free_port()
        with running([str(slave), str(port)]):
            time.sleep(0.3)
            for what in COUNTERS:
                runs = [count(what, client, port, asked.seconds) for _ in range(2)]
                done, wall, cpu = max(runs, key=lambda one: one[0] / one[1])
                rates[what] = done / wall
                result[what] = {"per_s": round(done / wall), "cpu_us": round(cpu / done * 1e6, 1)}
    result["poll_to_pymodbus"] = round(rates["poll"] / rates["pymodbus"], 2)
    result["exchange_to_libmodbus"] = round(rates["exchange"] / rates["libmodbus"], 2)
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
