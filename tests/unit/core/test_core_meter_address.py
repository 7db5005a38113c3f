"""Which addresses more than one meter may hear."""

import pytest

from edgeguard.core.line import Station
from edgeguard.core.meter import calls_many


@pytest.mark.parametrize(
    ("station", "many"),
    [
        (0, False),
        (7, False),
        ("003411001043", False),
        ("A" * 12, True),
        ("0034110010A3", True),
        ("9" * 12, True),
        ("1078330011223344", False),
        ("10783300A1A23344", False),
        ("10" + "A" * 14, True),
        ("AA78330011223344", True),
    ],
)
def test_wildcards_and_broadcast(station: Station, many: bool) -> None:
    assert calls_many(station) is many
