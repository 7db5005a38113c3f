"""Every device out of reach for ten minutes: told once each, not round after round."""

import asyncio
from collections import Counter

from runtime_kit import device, living, site
from structlog.testing import capture_logs

from edgeguard.core.item import Stream
from edgeguard.testing.clock import FakeClock, run_virtual

DEVICES = [(f"d{number}", f"bus-{number % 3}", number) for number in range(1, 10)]


def test_ten_minutes_of_silence_of_all_devices_are_no_storm_of_lines_nor_of_items() -> None:
    clock = FakeClock()
    of = site(*(device(name, bus, address=address, period_ms=5000) for name, bus, address in DEVICES))
    counts: dict[str, int] = {}

    async def main() -> None:
        async with living(clock, of) as house:
            await asyncio.sleep(30)
            before = len(house.store.bodies(Stream.EVENTS)) + len(house.store.bodies(Stream.ALARMS))
            buses = [house.bus(name) for name in {bus for _, bus, _ in DEVICES}]
            for bus in buses:
                bus.disconnect("no route to host")
            with capture_logs() as lines:
                await asyncio.sleep(600)
            events = Counter(line["event"] for line in lines)
            items = len(house.store.bodies(Stream.EVENTS)) + len(house.store.bodies(Stream.ALARMS)) - before
            counts.update(lines=len(lines), items=items, **{str(key): value for key, value in events.items()})
            for bus in buses:
                bus.connect()
            await asyncio.sleep(10)
            assert all(record.answered for record in house.pipeline.records.values()), "a reconnected bus is asked at once"

    run_virtual(main(), clock)
    assert counts["lines"] <= 5 * len(DEVICES), counts
    assert counts["items"] <= 3 * len(DEVICES), counts
