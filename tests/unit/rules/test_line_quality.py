"""The score of a line: what lowers it, what must not, and the day in its hours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeguard.core.limits import QUALITY_HOURS
from edgeguard.core.quality import Reason
from edgeguard.rules.line_quality import Day, LineCounts, LineWork, add_to_day, score, work_between


def test_what_was_done_between_two_looks() -> None:
    before = LineCounts(100.0, 10, 9, {Reason.CHECKSUM: 1}, 0, 5, 0, 1, 2.0)
    now = LineCounts(105.0, 30, 27, {Reason.CHECKSUM: 2, Reason.GARBAGE: 1, Reason.WRONG_UNIT: 4}, 2, 8, 1, 1, 4.5)

    work = work_between(before, now)

    assert (work.requests, work.answers, work.spoilt, work.strange, work.lost, work.junk_bytes) == (20, 18, 2, 4, 2, 3)
    assert (work.late_answers, work.reconnects) == (1, 0)
    assert work.load == pytest.approx(0.5)
    assert work.requests_per_s == pytest.approx(4.0)


def test_nothing_is_said_of_a_line_on_which_little_was_asked() -> None:
    assert score(LineWork(seconds=60, requests=9, spoilt=9)).value is None


@pytest.mark.parametrize(
    ("work", "value", "words"),
    [
        (LineWork(requests=1000), 100, ""),
        (LineWork(requests=1000, spoilt=10), 90, "10 answers spoilt (1.0 %)"),
        (LineWork(requests=1000, lost=20), 90, "20 requests lost by devices that live (2.0 %)"),
        (LineWork(requests=1000, junk_bytes=100), 90, "100 junk bytes"),
        (LineWork(requests=1000, strange=5), 90, "5 answers that nobody asked for"),
        (LineWork(requests=1000, reconnects=2), 90, "opened anew 2 times"),
        (LineWork(requests=1000, late_answers=10), 90, "10 answers came too late"),
    ],
)
def test_what_lowers_the_score_is_said(work: LineWork, value: int, words: str) -> None:
    found = score(work)

    assert found.value == value
    assert [reason.en for reason in found.reasons] == ([words] if words else [])


def test_the_heaviest_reason_comes_first() -> None:
    found = score(LineWork(requests=1000, spoilt=50, junk_bytes=20))

    assert [reason.en.split()[1] for reason in found.reasons] == ["answers", "junk"]


@given(st.builds(LineWork, st.floats(0, 100), *[st.integers(0, 10_000)] * 8, st.floats(0, 1000)))
def test_a_score_is_between_0_and_100(work: LineWork) -> None:
    value = score(work).value

    assert value is None or 0 <= value <= 100
    assert 0 <= work.load <= 1


def test_a_day_has_its_hours_and_no_more() -> None:
    day = Day()
    for minute in range(0, 60 * 40, 10):
        day = add_to_day(day, LineWork(seconds=600, requests=7), minute * 60.0)

    assert [hour.number for hour in day.hours] == list(range(40 - QUALITY_HOURS, 40))
    assert {hour.work.requests for hour in day.hours} == {42}
    assert day.work.requests == 42 * QUALITY_HOURS


def test_hours_without_a_look_are_left_out() -> None:
    day = add_to_day(add_to_day(Day(), LineWork(requests=1), 0.0), LineWork(requests=2), 5 * 3600.0)

    assert [hour.number for hour in day.hours] == [0, 5]
    assert add_to_day(day, LineWork(), 100 * 3600.0).hours[0].number == 100
