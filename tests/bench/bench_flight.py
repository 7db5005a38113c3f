"""What the flight recorder costs: CPU per transaction of the bus in memory with and without it, and the memory it holds when full.

Each transaction reads 100 registers through the real turn-taking and framing; there is no socket, so that the difference is
not lost in the system's share. Runs alternate, the lowest of each counts. Prints one JSON object.
use: bench_flight.py [--transactions 4000] [--runs 5]
"""

import argparse
import asyncio
import json
import time

from edgeguard.bus import Request
from edgeguard.bus.flight import FlightRecorder
from edgeguard.testing.bus import FakeBus

PDU = bytes((3, 0, 0, 0, 100))


async def cost_us(transactions: int, recorder: FlightRecorder | None) -> float:
    """CPU per transaction in microseconds."""
    bus = FakeBus()
    bus.unit(1).response_s = 0.0
    if recorder is not None:
        bus.listen(recorder.note)
    await bus.exchange(Request(1, PDU, 1.0))
    begun_s = time.process_time()
    for _ in range(transactions):
        await bus.exchange(Request(1, PDU, 1.0))
    return (time.process_time() - begun_s) / transactions * 1e6


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser()
    options.add_argument("--transactions", type=int, default=4000)
    options.add_argument("--runs", type=int, default=5)
    given = options.parse_args()
    recorder = FlightRecorder()
    bare_us, recorded_us = [], []
    for _ in range(given.runs):
        bare_us.append(asyncio.run(cost_us(given.transactions, None)))
        recorded_us.append(asyncio.run(cost_us(given.transactions, recorder)))
    told = {
        "bench": "flight",
        "bare_us": round(min(bare_us), 1),
        "recorded_us": round(min(recorded_us), 1),
        "recorder_us": round(min(recorded_us) - min(bare_us), 1),
        "held_kib": round(recorder.held_bytes / 1024),
        "records": recorder.next - recorder.first,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
