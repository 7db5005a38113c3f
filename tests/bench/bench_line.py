"""How much of a serial line is used: a saturated 9600 8E1 line with true byte times, against what frames and turnarounds allow.

The slave is a process at the far end of a pseudo-terminal. It answers when the request, its own turnaround and the answer would
have passed on a wire; the ideal adds the silence of 3.5 characters. `utilisation` is ideal time by wall time.
Prints one JSON object. use: bench_line.py [--seconds 20] [--turnaround-ms 10] [--baudrate 9600]
"""

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import time
import tty
from pathlib import Path

from edgeguard.bus import Request, open_bus
from edgeguard.codec.modbus import read_request
from edgeguard.codec.rtu import crc16
from edgeguard.core.ids import BusName
from edgeguard.core.line import LineSettings, Parity
from edgeguard.core.register import Table
from edgeguard.core.site import BusSpec, Wire

REQUEST_CHARACTERS = 8
MIX = (1, 10, 30, 60)
"""Registers of the reads, in turn."""


def slave(far: int, character_s: float, turnaround_s: float) -> None:
    """Answer reads of holding registers for ever, at the pace of a line."""
    buffer = b""
    while True:
        buffer += os.read(far, 256)
        if len(buffer) < REQUEST_CHARACTERS:
            continue
        came_s = time.monotonic()
        request, buffer = buffer[:REQUEST_CHARACTERS], b""
        count = request[5]
        body = bytes((request[0], 3, 2 * count)) + bytes(2 * count)
        answer = body + crc16(body).to_bytes(2, "little")
        due_s = came_s + (len(request) + len(answer)) * character_s + turnaround_s
        time.sleep(max(0.0, due_s - time.monotonic()))
        os.write(far, answer)


async def saturate(port: str, line: LineSettings, turnaround_s: float, seconds: float) -> dict[str, float]:
    """Our bus: four devices always have a read waiting."""
    bus = open_bus(BusSpec(BusName("bench"), Wire.SERIAL_RTU, device=Path(port), line=line), random.Random(1))
    keeper = asyncio.create_task(bus.run())
    await bus.exchange(Request(1, read_request(Table.HOLDING, 0, 1), 5.0))
    ideal_s = done = 0.0
    cpu_s, begun_s = time.process_time(), time.monotonic()

    async def device(unit: int, registers: int) -> None:
        nonlocal ideal_s, done
        request = Request(unit, read_request(Table.HOLDING, 0, registers), 5.0)
        while time.monotonic() - begun_s < seconds:
            await bus.exchange(request)
            done += 1
            characters = REQUEST_CHARACTERS + 5 + 2 * registers
            ideal_s += characters * line.character_s + turnaround_s + (line.silence_s if line.character_s else 0.0)

    await asyncio.gather(*(device(unit, registers) for unit, registers in enumerate(MIX, 1)))
    wall_s, cpu_s = time.monotonic() - begun_s, time.process_time() - cpu_s
    keeper.cancel()
    await asyncio.gather(keeper, return_exceptions=True)
    return {
        "utilisation": round(ideal_s / wall_s, 4),
        "per_s": round(done / wall_s, 1),
        "cpu_us": round(cpu_s / done * 1e6, 1),
        "junk_bytes": bus.stats.junk_bytes,
        "failed": sum(bus.stats.faults.values()),
    }


def at_the_far_end(character_s: float, turnaround_s: float) -> tuple[subprocess.Popen[bytes], str, tuple[int, int]]:
    """A slave in a process of its own, ready to answer, the port's name, and the descriptors that keep it alive."""
    far, near = os.openpty()
    tty.setraw(near)
    command = [sys.executable, __file__, "--far", str(far), str(character_s), str(turnaround_s)]
    process = subprocess.Popen(command, pass_fds=(far,), stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    return process, os.ttyname(near), (far, near)


def leave(process: subprocess.Popen[bytes], descriptors: tuple[int, int]) -> None:
    """The end of such a slave."""
    process.terminate()
    process.wait(10)
    for descriptor in descriptors:
        os.close(descriptor)


def measure(seconds: float, line: LineSettings, turnaround_s: float) -> dict[str, object]:
    """The line."""
    process, port, descriptors = at_the_far_end(line.character_s, turnaround_s)
    try:
        figures = asyncio.run(saturate(port, line, turnaround_s, seconds))
    finally:
        leave(process, descriptors)
    return {"bench": "line", "line": str(line), "turnaround_ms": turnaround_s * 1000, **figures}


def main() -> int:
    """Measure."""
    if "--far" in sys.argv:
        far, character_s, turnaround_s = sys.argv[2:5]
        print("ready", flush=True)
        slave(int(far), float(character_s), float(turnaround_s))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--turnaround-ms", type=float, default=10.0)
    parser.add_argument("--baudrate", type=int, default=9600)
    asked = parser.parse_args()
    print(json.dumps(measure(asked.seconds, LineSettings(asked.baudrate, Parity.EVEN), asked.turnaround_ms / 1000)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
