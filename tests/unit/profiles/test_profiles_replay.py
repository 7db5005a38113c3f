"""Every shipped profile against its recording: what the registers hold is what the points read."""

import pytest
from profile_kit import LIBRARY, MODBUS, RECORDINGS, device_on, recording

from edgeguard.core.point import Outcome
from edgeguard.core.profile import ModbusLimits
from edgeguard.core.quality import Fault
from edgeguard.core.register import Table
from edgeguard.testing.recording import ReplayBus

READS = {1: Table.COIL, 2: Table.DISCRETE, 3: Table.HOLDING, 4: Table.INPUT}


def same(outcome: Outcome, expected: Outcome) -> bool:
    """Numbers within what float32 can hold; truth values and texts exactly; faults by their reason."""
    if isinstance(expected, Fault):
        return isinstance(outcome, Fault) and outcome.reason is expected.reason
    if isinstance(outcome, Fault):
        return False
    if isinstance(expected, bool | str) or isinstance(outcome, bool | str):
        return outcome is expected or (isinstance(outcome, str) and outcome == expected)
    return outcome == pytest.approx(expected, rel=1e-6)


def test_every_profile_has_a_recording_and_every_recording_a_profile() -> None:
    assert sorted(path.stem for path in RECORDINGS.glob("*.json")) == list(LIBRARY.names())


@pytest.mark.parametrize("name", LIBRARY.names())
def test_the_recording_speaks_of_every_point(name: str) -> None:
    found = recording(name)
    assert found.profile == name
    assert "not recorded in the field" in found.origin
    assert set(found.expected) == {point.name for point in LIBRARY.get(name).points}


@pytest.mark.parametrize("name", MODBUS)
async def test_the_points_read_what_the_map_says(name: str) -> None:
    found = recording(name)
    bus = ReplayBus(found)
    device = device_on(bus, name)
    await device.poll()
    snapshot = await device.poll()  # a refused block is split in the first round
    read = {point.name: outcome for point, outcome in zip(snapshot.points, snapshot.outcomes, strict=True)}
    wrong = {point: (read[point], expected) for point, expected in found.expected.items() if not same(read[point], expected)}
    assert wrong == {}
    assert not device.refused


@pytest.mark.parametrize("name", MODBUS)
async def test_nothing_is_asked_that_the_profile_forbids_or_that_writes(name: str) -> None:
    bus = ReplayBus(recording(name))
    limits = LIBRARY.get(name).limits
    assert isinstance(limits, ModbusLimits)
    await device_on(bus, name).poll()
    for request in bus.requests:
        table = READS[request.pdu[0]]
        first, count = int.from_bytes(request.pdu[1:3], "big"), int.from_bytes(request.pdu[3:5], "big")
        assert count <= (limits.max_bits if table.is_bits else limits.max_registers)
        assert not any(area.table is table and area.first < first + count and area.last >= first for area in limits.forbidden)


@pytest.mark.parametrize(
    ("name", "point", "value", "table", "address", "raw"),
    [
        ("grundfos-cim200", "setpoint", 42.5, Table.HOLDING, 103, 4250),
        ("waveshare-relay8", "relay_3", True, Table.COIL, 2, 1),
        ("wellpro-wp8028adam", "output_1", False, Table.COIL, 0, 0),
        ("wellpro-wp8027adam", "relay_16", True, Table.COIL, 15, 1),
        ("kmtronic-relay8", "relay_8", False, Table.COIL, 7, 0),
    ],
)
async def test_what_may_be_written_arrives(
    name: str, point: str, value: float | bool, table: Table, address: int, raw: int
) -> None:
    bus = ReplayBus(recording(name))
    device = device_on(bus, name)
    known = {p.name: p for p in device.points}
    assert bus.cells[table, address] != raw
    result = await device.write(next(known[n].name for n in known if n == point), value)
    assert result.verified
    assert bus.cells[table, address] == raw
