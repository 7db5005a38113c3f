"""The pace of acknowledgements and the token bucket, in virtual seconds."""

from hypothesis import given
from hypothesis import strategies as st

from edgeguard.core import limits
from edgeguard.uplink.pace import Bucket, Pace


def test_quick_acknowledgements_open_the_window_of_bytes() -> None:
    pace = Pace()
    for tick in range(200):
        pace.acknowledged(tick, tick + 0.01)
    assert pace.bytes == limits.WINDOW_MAX_MESSAGES * limits.MESSAGE_MAX_BYTES
    assert pace.message_bytes == limits.MESSAGE_MAX_BYTES


def test_a_slow_line_is_not_filled_for_longer_than_seconds() -> None:
    """8 kB/s: what is in flight must come down to a few seconds' worth, so that an alarm is not stuck behind it."""
    pace, free_s, now_s = Pace(), 0.0, 0.0
    pace.acknowledged(0.0, 0.4)
    for _ in range(40):
        now_s = max(now_s, free_s)
        free_s = now_s + pace.bytes / 8000
        pace.acknowledged(now_s, free_s)
    assert pace.bytes / 8000 <= 4.0


def test_a_long_but_wide_path_is_not_taken_for_a_narrow_one() -> None:
    pace = Pace()
    for tick in range(50):
        pace.acknowledged(tick * 10.0, tick * 10.0 + 5.0)
    assert pace.bytes >= limits.PACE_START_BYTES


def test_what_is_under_way_at_first_delays_an_alarm_on_a_narrow_line_by_seconds_only() -> None:
    pace = Pace()
    assert pace.bytes / (64_000 / 8) < 5.0
    acks = 0
    while pace.bytes < 512 * 1024:
        pace.acknowledged(acks * 0.001, acks * 0.001 + 0.001)
        acks += 1
    assert acks < 30, "a wide one is filled soon"


def test_one_flight_shrinks_once() -> None:
    pace = Pace()
    pace.acknowledged(0.0, 0.1)
    for late_s in (10.0, 10.1, 10.2):
        pace.acknowledged(1.0, late_s)
    assert pace.bytes >= limits.PACE_START_BYTES // 2


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100), st.booleans()), max_size=100))
def test_it_stays_within_bounds(acks: list[tuple[float, float, bool]]) -> None:
    pace, now_s = Pace(), 0.0
    for gap_s, took_s, starved in acks:
        now_s += gap_s
        pace.acknowledged(now_s - took_s, now_s)
        if starved:
            pace.starved(now_s)
        assert limits.PACE_MIN_BYTES <= pace.bytes <= limits.WINDOW_MAX_MESSAGES * limits.MESSAGE_MAX_BYTES
        assert limits.PACE_MIN_MESSAGE_BYTES <= pace.message_bytes <= limits.MESSAGE_MAX_BYTES


@given(st.floats(0.1, 5000), st.lists(st.floats(0, 3), max_size=60))
def test_the_bucket_never_gives_more_than_its_rate(rate_per_s: float, gaps: list[float]) -> None:
    bucket, now_s, taken = Bucket(rate_per_s), 0.0, 0
    for gap_s in gaps:
        now_s += gap_s
        available = bucket.available(now_s)
        bucket.take(available)
        taken += available
    assert taken <= now_s * rate_per_s + bucket.depth + 1e-6


def test_the_bucket_says_when_it_will_be_ready() -> None:
    bucket = Bucket(100.0)
    bucket.take(bucket.available(0.0))
    ready_s = bucket.ready_at_s(0.0, 10)
    assert bucket.available(ready_s - 0.02) < 10
    assert bucket.available(ready_s + 1e-9) >= 10
