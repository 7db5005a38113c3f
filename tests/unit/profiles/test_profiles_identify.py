"""Each recorded device is recognised as what it is, from what a scan would ask, among all shipped profiles."""

import pytest
from profile_kit import LIBRARY, MODBUS, recording

from edgeguard.codec.identify import questions, score
from edgeguard.core.identify import Cell, Evidence, Score
from edgeguard.core.profile import DeviceProfile
from edgeguard.testing.recording import Recording

PROFILES = tuple(LIBRARY.get(name) for name in MODBUS)
ALIKE = (
    {"kmtronic-relay8", "waveshare-relay8"},
    {"generic-level-transmitter", "generic-pressure-transmitter"},
)
"""Models that registers alone cannot tell apart: the person at the device can."""


def seen_by(profile: DeviceProfile, device: Recording) -> Evidence:
    """What a device gives when it is asked a profile's questions, twice; a field is refused as a whole."""
    cells: dict[Cell, int] = {}
    refused: set[Cell] = set()
    for field in questions(profile):
        places = [(field.table, field.address + i) for i in range(field.words)]
        if all(place in device.cells for place in places):
            cells.update((place, device.cells[place]) for place in places)
        else:
            refused.update(places)
    return Evidence(rounds=(cells, cells), refused=frozenset(refused))


def ranked(device: Recording) -> list[Score]:
    scores = [score(profile, seen_by(profile, device)) for profile in PROFILES]
    return sorted(scores, key=lambda found: -found.value)


@pytest.mark.parametrize("name", MODBUS)
def test_the_device_fits_its_own_profile_best(name: str) -> None:
    best, *others = ranked(recording(name))
    alike = next((group for group in ALIKE if name in group), {name})
    assert best.profile in alike
    rivals = [other for other in others if other.profile not in alike]
    assert best.value > rivals[0].value, (best, rivals[0])


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_every_rule_asks_something_and_little(profile: DeviceProfile) -> None:
    asked = questions(profile)
    assert not profile.identify.is_empty
    assert 2 <= len(asked) <= 12
    assert sum(field.words for field in asked) <= 40
