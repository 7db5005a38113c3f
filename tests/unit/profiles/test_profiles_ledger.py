"""What the ledger of a shipped profile claims is there: recordings, line faults that make no false value, and nothing more."""

import pytest
from profile_kit import LIBRARY, MODBUS, RECORDINGS, device_on, readings, recording

from edgeguard.core.ledger import Claim
from edgeguard.core.quality import Fault
from edgeguard.driver import Shelf
from edgeguard.testing.line_faults import FaultyLine, LineFault
from edgeguard.testing.recording import ReplayBus

TESTED = tuple(name for name in MODBUS if LIBRARY.get(name).ledger.entry(Claim.LINE_FAULTS))


def test_every_modbus_profile_claims_the_tests_that_run_over_it_here() -> None:
    assert TESTED == MODBUS


@pytest.mark.parametrize("name", LIBRARY.names())
def test_a_profile_claims_a_recording_where_there_is_one_and_says_how_it_was_made(name: str) -> None:
    entry = LIBRARY.get(name).ledger.entry(Claim.RECORDED)
    assert (RECORDINGS / f"{name}.json").exists() == (entry is not None)
    assert entry is not None
    assert entry.composed == recording(name).origin.startswith("composed")


@pytest.mark.parametrize("name", LIBRARY.names())
def test_nobody_claims_a_field_that_nobody_has_been_in(name: str) -> None:
    """A device that was seen has been recorded; a write that was seen has a point that can be written."""
    profile = LIBRARY.get(name)
    composed = recording(name).origin.startswith("composed")
    if profile.ledger.entry(Claim.FIELD):
        assert not composed
        assert not profile.template
    if profile.ledger.entry(Claim.WRITES):
        assert profile.ledger.entry(Claim.FIELD)
        assert any(point.write for point in profile.points)


@pytest.mark.parametrize("name", TESTED)
async def test_no_fault_of_the_line_leaves_a_value_standing(name: str) -> None:
    recorded, shelf = recording(name), Shelf()
    for fault in LineFault:
        device = device_on(FaultyLine(recorded, fault=fault), name, shelf)
        standing = {point: value for point, value in readings(await device.poll()).items() if not isinstance(value, Fault)}
        assert standing == {}, fault


@pytest.mark.parametrize("name", TESTED)
async def test_one_spoiled_answer_takes_only_its_own_points(name: str) -> None:
    """The others are what they are without it, and all are back in the next round."""
    recorded, shelf = recording(name), Shelf()
    whole = readings(await device_on(ReplayBus(recorded), name, shelf).poll())
    for fault in (LineFault.BAD_CRC, LineFault.EXCEPTION, LineFault.SHORT):
        device = device_on(FaultyLine(recorded, fault=fault, hits=lambda number: number == 0), name, shelf)
        spoiled = readings(await device.poll())
        assert any(isinstance(spoiled[point], Fault) and not isinstance(value, Fault) for point, value in whole.items())
        assert all(isinstance(outcome, Fault) or outcome == whole[point] for point, outcome in spoiled.items())
        assert readings(await device.poll()) == whole
