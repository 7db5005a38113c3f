"""The life of a hint: confirmed, raised once, updated seldom, put aside, withdrawn; and never two of one cause."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeguard.rules.hints import (
    CONFIRM_DAYS,
    QUIET_DAYS,
    UNSEEN_DAYS,
    UPDATE_DAYS,
    Gone,
    Hint,
    HintNews,
    Telling,
    age_hint,
    snooze,
    step_hint,
)
from edgeguard.rules.judgement import Finding, Seen
from edgeguard.rules.trend import Reach

TREND = Finding(Seen.TREND, 100, 80, False, 3.6, 0.4, 0.03, 0.02, 0.04, Reach(30.0, 22.0, 45.0), 0.99, 20)


def at(day: int, **changes: object) -> Finding:
    return replace(TREND, day=day, **changes)  # type: ignore[arg-type]


def live(findings: Sequence[Finding | None], hint: Hint | None = None, first_day: int = 101) -> tuple[Hint | None, list[HintNews]]:
    told: list[HintNews] = []
    for i, finding in enumerate(findings):
        hint, news = step_hint(hint, finding, first_day + i, (first_day + i) * 86_400_000)
        told += [news] if news is not None else []
    return hint, told


def raised() -> Hint:
    hint, _ = live([at(100)] * CONFIRM_DAYS)
    assert hint is not None
    return hint


def test_one_bad_day_is_no_hint_and_days_in_a_row_are_one() -> None:
    _, once = live([at(100), None, at(102), None])
    hint, told = live([at(100 + i) for i in range(CONFIRM_DAYS)])

    assert once == []
    assert [news.telling for news in told] == [Telling.RAISED]
    assert hint is not None
    assert hint.stands


def test_a_hint_that_says_the_same_every_day_is_silent_for_a_long_time() -> None:
    same = [at(100 + i, reach=Reach(30.0 - i, 22.0 - i, 45.0 - i)) for i in range(25)]
    _, told = live(same)

    assert [news.telling for news in told] == [Telling.RAISED]


def test_a_date_that_comes_much_nearer_is_told_at_once_and_once_a_day_at_most() -> None:
    hint, told = live([at(103, reach=Reach(8.0, 6.0, 11.0))], raised(), 104)

    assert [news.telling for news in told] == [Telling.UPDATED]
    assert step_hint(hint, at(103, reach=Reach(2.0, 1.0, 3.0)), 104, 0)[1] is None


def test_a_date_that_is_lost_again_is_told_after_a_week_only() -> None:
    lost = [at(102 + i, seen=Seen.DRIFT, reach=None) for i in range(UPDATE_DAYS)]
    _, told = live(lost, raised(), 103)

    assert [(news.telling, news.hint.told_day) for news in told] == [(Telling.UPDATED, 102 + UPDATE_DAYS)]


def test_passing_the_limit_is_told_at_once_and_does_not_flutter() -> None:
    shares = [1.0, 0.96, 1.02, 0.93, 1.01]
    findings = [at(103 + i, share=s, seen=Seen.PASSED if s >= 1 else Seen.TREND) for i, s in enumerate(shares)]
    hint, told = live(findings, raised(), 104)

    assert [news.hint.finding.seen for news in told] == [Seen.PASSED]
    back, _ = live([at(109, share=0.8)], hint, 110)
    assert back is not None
    assert back.finding.seen is Seen.TREND


def test_a_hint_keeps_the_day_it_began() -> None:
    hint, _ = live([at(104, onset_day=60, onset_open=True)], raised(), 105)

    assert hint is not None
    assert (hint.finding.onset_day, hint.finding.onset_open) == (80, False)


def test_the_cause_goes_and_so_does_the_hint_after_some_quiet_days() -> None:
    hint, told = live([None] * QUIET_DAYS, raised(), 104)

    assert hint is None
    assert [(news.telling, news.gone) for news in told] == [(Telling.WITHDRAWN, Gone.CAUSE_GONE)]
    again, _ = live([None] * (QUIET_DAYS - 1) + [at(106)], raised(), 104)
    assert again is not None
    assert again.quiet == 0


def test_a_hint_of_which_nothing_is_measured_any_more_goes() -> None:
    kept, _ = age_hint(raised(), 100, 100 + UNSEEN_DAYS - 1)
    gone, news = age_hint(raised(), 100, 100 + UNSEEN_DAYS)

    assert kept is not None
    assert gone is None
    assert news is not None
    assert news.gone is Gone.NOTHING_MEASURED


def test_one_that_was_only_suspected_goes_without_a_word() -> None:
    assert age_hint(Hint(TREND, confirmed=1), 100, 200) == (None, None)


def test_a_hint_that_was_put_aside_is_silent_until_its_day_and_then_says_how_things_are() -> None:
    aside = snooze(raised(), 120)
    hint, told = live([at(110, seen=Seen.PASSED, share=1.1, reach=None)], aside, 111)
    _, later = live([at(120, seen=Seen.PASSED, share=1.2, reach=None)], hint, 120)

    assert told == []
    assert [news.telling for news in later] == [Telling.UPDATED]
    assert later[0].hint.snoozed_until is None


def test_what_was_put_aside_is_withdrawn_all_the_same() -> None:
    _, told = live([None] * QUIET_DAYS, snooze(raised(), 300), 104)

    assert [news.telling for news in told] == [Telling.WITHDRAWN]


@settings(max_examples=30)
@given(st.lists(st.one_of(st.none(), st.floats(0.1, 1.5)), max_size=60), st.integers(1, 4))
def test_raised_and_withdrawn_take_turns(shares: list[float | None], confirm: int) -> None:
    hint: Hint | None = None
    told: list[Telling] = []
    for day, share in enumerate(shares, 200):
        finding = None if share is None else at(day, share=share, seen=Seen.PASSED if share >= 1 else Seen.TREND)
        hint, news = step_hint(hint, finding, day, 0, confirm)
        told += [news.telling] if news is not None else []
    ends = [one for one in told if one is not Telling.UPDATED]

    assert ends == [Telling.RAISED, Telling.WITHDRAWN] * (len(ends) // 2) + [Telling.RAISED] * (len(ends) % 2)
    assert not told or told[0] is Telling.RAISED


@pytest.mark.parametrize("seen", list(Seen))
def test_every_way_to_see_it_can_be_raised(seen: Seen) -> None:
    _, told = live([at(100 + i, seen=seen) for i in range(CONFIRM_DAYS)])

    assert told[0].hint.finding.seen is seen
