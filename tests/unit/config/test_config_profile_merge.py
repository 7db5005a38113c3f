"""A profile with learned limits differs from the one it was made of in these, and in its name, and in nothing else."""

from dataclasses import replace
from pathlib import Path

import pytest

from edgeguard.config import examine_profile
from edgeguard.config.profile_merge import with_limits
from edgeguard.core.ids import ProfileName
from edgeguard.core.profile import AddressRange, DeviceProfile, ModbusLimits
from edgeguard.core.register import Table
from edgeguard.driver.learned import Hole, LearnedLimits, profile_lines, section_of
from edgeguard.testing.shipped import shipped_profiles

LIBRARY = shipped_profiles()
LEARNED = LearnedLimits(largest=60, too_large=80, holes=(Hole(Table.HOLDING, 65000, 65001),), gap_ms=35.0, turnaround_ms=12.0)


def merged(profile: DeviceProfile, text: str) -> DeviceProfile:
    lines = profile_lines(LEARNED, profile.limits)
    return examine_profile(Path("mine.toml"), with_limits(text, section_of(profile.limits), lines, "mine"))


@pytest.mark.parametrize(
    "name",
    [
        *("generic-ats", "apc-nmc2-ups", "abb-b23", "inovance-nice3000plus", "wellpro-wp8028adam"),
        *("generic-water-meter-modbus", "generic-dlt645-2007-three", "generic-cjt188-water"),
    ],
)
def test_profiles_with_and_without_such_a_section_can_be_told_what_was_learned(name: str) -> None:
    before = LIBRARY.get(ProfileName(name))
    after = merged(before, LIBRARY.path(name).read_text(encoding="utf-8"))

    limits = replace(before.limits, delay_ms=max(before.limits.delay_ms, 35))
    if isinstance(limits, ModbusLimits):
        forbidden = (*limits.forbidden, AddressRange(Table.HOLDING, 65000, 65001))
        limits = replace(limits, max_registers=min(limits.max_registers, 60), forbidden=forbidden)
    assert after == replace(before, name=ProfileName("mine"), sha256=after.sha256, limits=limits)


def test_values_of_several_lines_are_replaced_as_a_whole_and_comments_stay() -> None:
    text = LIBRARY.path("inovance-nice3000plus").read_text(encoding="utf-8")
    spread = text.replace("forbidden = [", "forbidden = [  # of the maker\n", 1)
    assert spread != text
    after = merged(LIBRARY.get("inovance-nice3000plus"), spread)
    assert isinstance(after.limits, ModbusLimits)
    assert len(after.limits.forbidden) == 3
    first = text.splitlines()[0]
    assert with_limits(spread, "modbus", ["max_registers = 60"], "mine").startswith(first)
