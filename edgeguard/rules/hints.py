"""The life of a hint: raised when a finding has held for some days, told anew when it has become another one, withdrawn. Pure.

A hint is told as an event three ways: raised, updated (once a day at most, and only if what people would do changes), withdrawn
(the cause has gone, nothing has been measured for long, or a service was done).
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Self

from edgeguard.rules.judgement import Finding, Seen

CONFIRM_DAYS: Final = 2
"""Days in a row with a figure that must all speak of wear."""
QUIET_DAYS: Final = 3
"""Days in a row without a finding after which a hint goes."""
UNSEEN_DAYS: Final = 30
"""A hint of which nothing has been measured for so long goes: nobody knows whether it is still true."""
UPDATE_DAYS: Final = 7
"""So long a hint that changes little stays silent, and one whose date is lost again."""
STILL_PASSED: Final = 0.9
"""A limit that was passed counts as passed until the quantity is back by more than a tenth of the way."""


class Telling(StrEnum):
    """What is told of a hint; the words of the platform."""

    RAISED = "raised"
    UPDATED = "updated"
    WITHDRAWN = "withdrawn"


class Gone(StrEnum):
    """Why a hint is withdrawn."""

    CAUSE_GONE = "cause-gone"
    NOTHING_MEASURED = "nothing-measured"
    SERVICED = "serviced"
    UNDEFINED = "no-longer-watched"


@dataclass(frozen=True, slots=True)
class Hint:
    """A hint that stands, or is about to (`raised_ms` None). `told` is the finding as people were told it, on `told_day`.

    `confirmed` and `quiet`: days in a row with and without a finding. `snoozed_until`: the first day on which it may speak again.
    """

    finding: Finding
    raised_ms: int | None = None
    told: Finding | None = None
    told_day: int = 0
    confirmed: int = 0
    quiet: int = 0
    snoozed_until: int | None = None

    @property
    def stands(self) -> bool:
        """Whether people have been told of it."""
        return self.raised_ms is not None

    def moved(self, days: int) -> Self:
        """The same by a calendar that is so many days ahead of the one before."""
        told = None if self.told is None else self.told.moved(days)
        until = None if self.snoozed_until is None else self.snoozed_until + days
        return replace(self, finding=self.finding.moved(days), told=told, told_day=self.told_day + days, snoozed_until=until)


@dataclass(frozen=True, slots=True)
class HintNews:
    """Something to tell people; `gone` says why, where it is withdrawn."""

    telling: Telling
    hint: Hint
    gone: Gone | None = None


def step_hint(
    hint: Hint | None, finding: Finding | None, today: int, now_ms: int, confirm: int = CONFIRM_DAYS
) -> tuple[Hint | None, HintNews | None]:
    """A day with a figure has ended, and this is what the days speak of now. `now_ms` is the wall clock."""
    if finding is None:
        if hint is None or not hint.stands:
            return None, None
        hint = replace(hint, quiet=hint.quiet + 1)
        return (hint, None) if hint.quiet < QUIET_DAYS else (None, HintNews(Telling.WITHDRAWN, hint, Gone.CAUSE_GONE))
    if hint is None or not hint.stands:
        days = 1 if hint is None else hint.confirmed + 1
        if days < confirm:
            return Hint(finding, confirmed=days), None
        raised = Hint(finding, now_ms, finding, today, days)
        return raised, HintNews(Telling.RAISED, raised)
    kept = replace(finding, onset_day=hint.finding.onset_day, onset_open=hint.finding.onset_open)
    if hint.finding.seen is Seen.PASSED and finding.share >= STILL_PASSED:
        kept = replace(kept, seen=Seen.PASSED, reach=None)
    hint = replace(hint, finding=kept, quiet=0)
    if not _is_news(hint, today):
        return hint, None
    hint = replace(hint, told=kept, told_day=today, snoozed_until=None)
    return hint, HintNews(Telling.UPDATED, hint)


def age_hint(hint: Hint, last_measured_day: int, today: int) -> tuple[Hint | None, HintNews | None]:
    """A day without a figure has passed."""
    if today - last_measured_day < UNSEEN_DAYS:
        return hint, None
    return None, HintNews(Telling.WITHDRAWN, hint, Gone.NOTHING_MEASURED) if hint.stands else None


def snooze(hint: Hint, until_day: int) -> Hint:
    """A person knows of it: it is silent until that day, unless it is withdrawn before."""
    return replace(hint, snoozed_until=until_day)


def _is_news(hint: Hint, today: int) -> bool:
    """Whether what is seen now would make people do something else than what they were told."""
    told, now = hint.told, hint.finding
    if told is None or today <= hint.told_day or (hint.snoozed_until is not None and today < hint.snoozed_until):
        return False
    if hint.snoozed_until is not None or (now.seen is not told.seen and Seen.PASSED in (now.seen, told.seen)):
        return True
    if told.reach is None and now.reach is not None:
        return True
    if today - hint.told_day < UPDATE_DAYS:
        return now.reach is not None and _date_moved(told, now)
    step = 0.5 if now.seen is Seen.PASSED else 0.1
    further = now.seen is not Seen.USAGE and abs(now.share - told.share) >= step
    return now.seen is not told.seen or _date_moved(told, now) or further


def _date_moved(told: Finding, now: Finding) -> bool:
    """The expected day has moved by more than a quarter of the time left, and by more than three days."""
    if told.reach is None or now.reach is None:
        return (told.reach is None) != (now.reach is None)
    moved = abs((now.day + now.reach.expected) - (told.day + told.reach.expected))
    return moved > 3.0 and moved > 0.25 * max(now.reach.expected, 1.0)
