"""Transactions with one slave: our bus and driver against a bare pymodbus client and libmodbus' own client, on libmodbus' slave.

Reads 100 holding registers again and again on one connection, each client in a process of its own, one after the other: over
TCP, then as RTU through a pseudo-terminal without byte times (`rtu-…`, a slave of our own at its far end).
`poll` decodes and judges 100 points as well (a whole ModbusDevice round); `exchange` is the bus alone; `pipelined` keeps 8
requests outstanding. Prints one JSON object; `cpu_us` is the client's CPU per transaction, `ours_to` the ratios to either peer of
the same run: transactions a second, and CPU of one. On the pseudo-terminal ours keeps the silence that the line needs between two
frames, a timer each time; `spaced` is pymodbus' client with such a pause after each answer.
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
from bench_line import at_the_far_end, leave

COUNTERS = ("libmodbus", "pymodbus", "exchange", "poll", "pipelined")
PEERS = ("libmodbus", "pymodbus")
ON_A_LINE = ("libmodbus", "pymodbus", "spaced", "exchange")
LINE_PEERS = (*PEERS, "spaced")
BAUDRATE = 115_200
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


async def with_pymodbus(where: str, seconds: float, spaced: bool) -> tuple[int, float, float]:
    """The bare library; `spaced`: with the silence of the line after each answer."""
    from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient

    from edgeguard.core.line import LineSettings

    client: AsyncModbusSerialClient | AsyncModbusTcpClient
    if where.startswith("/"):
        client = AsyncModbusSerialClient(where, baudrate=BAUDRATE)
    else:
        client = AsyncModbusTcpClient("127.0.0.1", port=int(where))
    silence_s = LineSettings(BAUDRATE).silence_s

    async def ask() -> None:
        await client.read_holding_registers(0, count=POINTS, device_id=1)
        if spaced:
            await asyncio.sleep(silence_s)

    await client.connect()
    try:
        return await hammer(ask, seconds)
    finally:
        client.close()


async def with_edgeguard(where: str, seconds: float, what: str) -> tuple[int, float, float]:
    """Our bus, or a whole device on it."""
    from edgeguard.bus import Request, open_bus
    from edgeguard.config import load_profile
    from edgeguard.core.ids import BusName, DeviceName
    from edgeguard.core.line import LineSettings
    from edgeguard.core.point import Labels
    from edgeguard.core.site import BusSpec, DeviceSpec, Wire
    from edgeguard.driver import build_device
    from edgeguard.runtime.clock import SystemClock

    parallel = 8 if what == "pipelined" else 1
    if where.startswith("/"):
        bus_spec = BusSpec(BusName("bench"), Wire.SERIAL_RTU, device=Path(where), line=LineSettings(BAUDRATE))
    else:
        bus_spec = BusSpec(BusName("bench"), Wire.TCP, "127.0.0.1", int(where), parallel)
    bus = open_bus(bus_spec, random.Random(1))
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


def count(what: str, client: Path, where: str, seconds: float) -> tuple[int, float, float]:
    """Run one counter in a fresh process."""
    if what == "libmodbus":
        command = [str(client), where, str(POINTS), str(seconds)]
    else:
        command = [sys.executable, __file__, "--child", what, "--where", where, "--seconds", str(seconds)]
    done, wall, cpu = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1].split()
    return int(done), float(wall), float(cpu)


def better(what: str, client: Path, where: str, seconds: float) -> dict[str, float]:
    """The better of two runs: transactions a second, and CPU of one."""
    done, wall, cpu = max((count(what, client, where, seconds) for _ in range(2)), key=lambda one: one[0] / one[1])
    return {"per_s": round(done / wall), "cpu_us": round(cpu / done * 1e6, 1)}


def against(ours: dict[str, float], peer: dict[str, float]) -> dict[str, float]:
    """Ours as a multiple of the peer's."""
    return {key: round(ours[key] / peer[key], 2) for key in ours}


def main() -> int:
    """Measure every counter twice and keep the better run of each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--child")
    parser.add_argument("--where", default="", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        run = with_pymodbus(asked.where, asked.seconds, asked.child == "spaced")
        if asked.child not in LINE_PEERS:
            run.close()
            run = with_edgeguard(asked.where, asked.seconds, asked.child)
        print(*asyncio.run(run))
        return 0
    if words := native.missing():
        print(words, file=sys.stderr)
        return 2
    measured: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="eg-native-") as folder:
        slave, client = (native.build(name, Path(folder)) for name in ("slave", "client"))
        port = free_port()
        with running([str(slave), str(port)]):
            time.sleep(0.3)
            for what in COUNTERS:
                measured[what] = better(what, client, str(port), asked.seconds)
        process, device, descriptors = at_the_far_end(0.0, 0.0)
        try:
            for what in ON_A_LINE:
                measured[f"rtu-{what}"] = better(what, client, device, asked.seconds)
        finally:
            leave(process, descriptors)
    ratios = {
        f"{wire}{what}": {peer: against(measured[f"{wire}{what}"], measured[f"{wire}{peer}"]) for peer in peers}
        for wire, counters, peers in (("", COUNTERS, PEERS), ("rtu-", ON_A_LINE, LINE_PEERS))
        for what in counters
        if what not in peers
    }
    print(json.dumps({"bench": "transactions", "registers": POINTS, **measured, "ours_to": ratios}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
