"""A recording made by `edgeguard capture` on a line of the simulator, dropped into a test: the driver reads its devices."""

import asyncio
from pathlib import Path

import pytest

from edgeguard.bus import ExchangeFailed, Request
from edgeguard.core.ids import BusName, DeviceName
from edgeguard.core.quality import Reason
from edgeguard.core.site import DeviceSpec
from edgeguard.driver import build_device
from edgeguard.testing.clock import FakeClock, run_virtual
from edgeguard.testing.shipped import shipped_profiles
from edgeguard.testing.wire_recording import RecordedBus, load_wire_recording

RECORDING = Path(__file__).resolve().parents[2] / "recordings" / "wires" / "water-meter-line.json"


def test_the_driver_reads_what_was_recorded() -> None:
    recording = load_wire_recording(RECORDING)
    profile = shipped_profiles().get("generic-water-meter-modbus")
    spec = DeviceSpec(DeviceName("water-1"), BusName("recorded"), 7, profile, 2000, profile.labels, (), 10_000)
    clock = FakeClock()

    async def main() -> None:
        bus = RecordedBus(recording)
        device = build_device(spec, bus, clock)
        snapshot = await device.poll()
        values = dict(zip((str(point.name) for point in snapshot.points), snapshot.outcomes, strict=True))
        assert values["volume"] == pytest.approx(123.456)
        # The time that the device took on the recorded line is that of its replay: 20 ms to think, and the frames' own.
        assert 20 < device.stats.response_p50_ms < 80
        assert bus.replay.unknown == 0
        with pytest.raises(ExchangeFailed) as failed:
            await bus.exchange(Request(8, bytes.fromhex("0300000001"), 0.5))
        assert failed.value.fault.reason is Reason.TIMEOUT

    run_virtual(main(), clock)


def test_requests_take_their_turns_as_on_the_recorded_line() -> None:
    recording = load_wire_recording(RECORDING)
    pdu = next(frame for frame in recording.frames if frame.way.value == "out").data[1:-2]

    async def main() -> None:
        bus, loop = RecordedBus(recording), asyncio.get_running_loop()
        begun_s = loop.time()
        answers = await asyncio.gather(*(bus.exchange(Request(7, pdu, 1.0)) for _ in range(3)))
        assert {answer[0] for answer in answers} == {3}
        assert loop.time() - begun_s > 3 * 0.020

    run_virtual(main())
