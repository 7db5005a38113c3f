"""The relations between the bounds of history and metering."""

import pytest

from edgeguard.core import history_limits, limits, metering_limits
from edgeguard.core.metering import QUARTER_MS
from edgeguard.core.site import HistorySpec

BOUNDS = {name: value for room in (history_limits, metering_limits) for name, value in vars(room).items() if name.isupper()}


@pytest.mark.parametrize("name", BOUNDS)
def test_every_bound_is_a_positive_number(name: str) -> None:
    assert isinstance(BOUNDS[name], int | float)
    assert BOUNDS[name] > 0


def test_what_waits_fits_and_an_hour_is_aggregated_after_its_rounds_are_written() -> None:
    assert history_limits.TREND_CHUNK_VALUES < history_limits.TREND_BUFFER_VALUES
    assert history_limits.TREND_GRACE_MS >= 2 * 1000 * history_limits.TREND_FLUSH_S - 1
    assert history_limits.TREND_BLOCK_SPAN_MS < 3_600_000
    assert HistorySpec().max_bytes >= history_limits.TREND_MIN_BYTES


def test_a_habit_can_be_learnt_and_amounts_before_the_clock_was_set_are_those_of_days() -> None:
    assert metering_limits.BASELINE_LEAST <= metering_limits.BASELINE_WEEKS
    assert metering_limits.METER_UNPLACED * QUARTER_MS >= 4 * 86_400_000
    assert metering_limits.METERS_MAX <= limits.MAX_DEVICES
    assert metering_limits.METER_DAYS_KEPT > 2 * 366
