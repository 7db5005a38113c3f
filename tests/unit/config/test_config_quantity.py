"""Durations and sizes: what is taken, what is refused, and that both directions agree."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeguard.config.quantity import duration_ms, say_ms, size_bytes


@pytest.mark.parametrize(
    ("written", "ms"),
    [
        ("500ms", 500),
        ("2s", 2000),
        ("15m", 900_000),
        ("1h", 3_600_000),
        ("30d", 2_592_000_000),
        ("0.5s", 500),
        (" 2 s ", 2000),
        ("0s", 0),
    ],
)
def test_durations(written: str, ms: int) -> None:
    assert duration_ms(written) == ms


@pytest.mark.parametrize(
    ("written", "size"), [("256MiB", 268_435_456), ("2GiB", 2_147_483_648), ("64 KiB", 65_536), ("1.5kB", 1500), ("1MB", 10**6)]
)
def test_sizes(written: str, size: int) -> None:
    assert size_bytes(written) == size


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        (5, 'needs its unit in quotes, such as "500ms"'),
        (0.5, "needs its unit in quotes"),
        ("5", "is not a duration"),
        ("-1s", "is not a duration"),
        ("1 fortnight", "is not a duration"),
        ("5S", '"S" is not a unit of a duration; use one of ms, s, m, h, d'),
        ("0.5ms", "finer than a millisecond"),
        (True, "must be a duration"),
        (["1s"], "must be a duration"),
        ("1e3s", "is not a duration"),
        ("٣s", "is not a duration"),
    ],
)
def test_refused_durations_say_why(written: object, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        duration_ms(written)


def test_a_bare_size_is_refused() -> None:
    with pytest.raises(ValueError, match="unit in quotes"):
        size_bytes(1024)


@given(st.integers(0, 10**10))
def test_what_is_said_is_understood(ms: int) -> None:
    assert duration_ms(say_ms(ms)) == ms
