"""Exchanges of a meter that somebody has written down, and the place in its readings that each of them explains. Pure.

The figures decide, not the time, which may be off by hours: the old meter never showed more than its last reading, the new one
never less than its first. An exchange may be written down before it comes, or days later: what the counter did that was no plain
consumption (a `Break`), and the largest plain step of each of the last days (a `Leap`), are remembered, and what was counted there
is made good once somebody has said what it was. What was told stays; the correction is told beside it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from edgeguard.core.clock import Stamp
from edgeguard.core.metering import Incident, MeterEvent, MeterSpec, Replacement
from edgeguard.core.metering_limits import METER_BREAKS, METER_EXCHANGE_OFF_MS, METER_LATE_STEP_MS, METER_LEAP_DAYS
from edgeguard.rules.flow import possible_in

_DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class Break:
    """Two readings, `before` and `after`, between which the counter did not simply go on; `since`: when it had last moved.

    `counted`: what was counted from one to the other; `covered`: whether the time between them has its place in the intervals.
    `by`: the exchanges that explain it.
    """

    since: Stamp
    start: Stamp
    end: Stamp
    before: int
    after: int
    counted: int
    covered: bool
    by: tuple[Replacement, ...] = ()

    @property
    def is_step(self) -> bool:
        """It was taken for plain consumption."""
        return self.covered and not self.by and self.counted == self.after - self.before


@dataclass(frozen=True, slots=True)
class Leap:
    """The largest step of a day (of UTC) that was taken for consumption, or the largest behind a pause; times in ms.

    `since`: when the counter had last moved.
    """

    since_ms: int
    from_ms: int
    to_ms: int
    before: int
    after: int

    @property
    def kind(self) -> tuple[int, bool]:
        """The day, as a number, and whether a pause lay before it."""
        return self.to_ms // _DAY_MS, self.to_ms - self.from_ms > METER_LATE_STEP_MS


@dataclass(frozen=True, slots=True)
class Past:
    """What may have to be explained later. `begun_ms`: since when readings have a trusted time: earlier exchanges are not ours.

    `done`: exchanges that explain a break; `told`: those of which was told that they fit nothing.
    """

    begun_ms: int | None = None
    breaks: tuple[Break, ...] = ()
    leaps: tuple[Leap, ...] = ()
    done: tuple[Replacement, ...] = ()
    told: tuple[Replacement, ...] = ()


NO_PAST: Final = Past()


@dataclass(frozen=True, slots=True)
class Correction:
    """An amount to be added to what was told of a time (or taken from it); `covered`: that time has its place already."""

    from_ms: int
    to_ms: int
    amount: int
    covered: bool


@dataclass(frozen=True, slots=True)
class Explained:
    """Exchanges that lie between two readings, one after the other, and what flowed then."""

    by: tuple[Replacement, ...]
    amount: int

    def leaps_over(self, meter: MeterSpec) -> bool:
        """The new meter began above the old one's last reading: no consumption led from one to the other, whatever the time."""
        return len(self.by) == 1 and self.by[0].new_first - self.by[0].old_last > meter.resolution


def awaited(meter: MeterSpec, past: Past, now: Stamp) -> tuple[Replacement, ...]:
    """Exchanges that may show about now."""
    if not meter.replacements or not now.synced:
        return ()
    return tuple(one for one in meter.replacements if one not in past.done and _near(one, now.wall_ms, now.wall_ms))


def restless(meter: MeterSpec, past: Past, from_ms: int, to_ms: int) -> bool:
    """Whether something may have to be said of an exchange between two moments, so that every reading is to be looked at."""
    return any(
        one not in past.done and one.at_ms - METER_EXCHANGE_OFF_MS < to_ms and from_ms <= one.at_ms + METER_EXCHANGE_OFF_MS
        for one in meter.replacements
    )


def explained(
    meter: MeterSpec, exchanges: Sequence[Replacement], span_ms: tuple[int, int], before: int, after: int, most: int
) -> Explained | None:
    """The exchanges in a row that lead from one reading to another with an amount of at most `most`: none, or the likeliest.

    All whose times lie between the readings come first, then single ones, then others; then what is nearest in time.
    """
    from_ms, to_ms = span_ms
    inside = tuple(one for one in exchanges if from_ms < one.at_ms <= to_ms)
    best: tuple[tuple[bool, int, int], Explained] | None = None
    for chain in _chains(exchanges):
        amount = _amount(meter, chain, before, after)
        if amount is None or amount > most:
            continue
        off_ms = sum(_off_ms(one, from_ms, to_ms) for one in chain)
        rank = (chain != inside, len(chain), off_ms)
        if best is None or rank < best[0]:
            best = rank, Explained(chain, amount)
    return None if best is None else best[1]


def _chains(exchanges: Sequence[Replacement]) -> Iterator[tuple[Replacement, ...]]:
    for first in range(len(exchanges)):
        for until in range(first + 1, len(exchanges) + 1):
            yield tuple(exchanges[first:until])


def _amount(meter: MeterSpec, chain: Sequence[Replacement], before: int, after: int) -> int | None:
    """What every meter of the chain counted from where it began to where it ended; None if one would have run backwards."""
    amount, shown = 0, before
    for showed_last, next_first in (*((one.old_last, one.new_first) for one in chain), (after, 0)):
        if showed_last - shown < -meter.resolution:
            return None
        amount += max(showed_last - shown, 0)
        shown = next_first
    return amount


def _off_ms(one: Replacement, from_ms: int, to_ms: int) -> int:
    return max(from_ms - one.at_ms, one.at_ms - to_ms, 0)


def _near(one: Replacement, from_ms: int, to_ms: int) -> bool:
    return _off_ms(one, from_ms, to_ms) <= METER_EXCHANGE_OFF_MS


# --- what is remembered


def with_break(past: Past, one: Break) -> Past:
    """A break more; beyond the bound the oldest is forgotten."""
    done = past.done + tuple(exchange for exchange in one.by if exchange not in past.done)
    return replace(past, breaks=(*past.breaks, one)[-METER_BREAKS:], done=done)


def with_leap(past: Past, leap: Leap) -> Past:
    """A day's largest step, in the place of what was that day's until now."""
    kept = tuple(one for one in past.leaps if one.kind != leap.kind)
    return replace(past, leaps=(*kept, leap)[-2 * METER_LEAP_DAYS :])


def largest(past: Past, wall_ms: int, *, paused: bool) -> int:
    """The largest step of the day so far."""
    kind = wall_ms // _DAY_MS, paused
    return next((one.after - one.before for one in reversed(past.leaps) if one.kind == kind), 0)


def in_time(past: Past, now: Stamp) -> Past:
    """Breaks of this boot from before its clock was set, with their time: it is known now, and may not be after another boot."""

    def known(at: Stamp) -> Stamp:
        wall_ms = wall_of(at, now)
        return at if at.synced or wall_ms is None else replace(at, wall_ms=wall_ms, synced=True)

    breaks = tuple(replace(b, since=known(b.since), start=known(b.start), end=known(b.end)) for b in past.breaks)
    return replace(past, breaks=breaks)


# --- what is made good later


def made_good(meter: MeterSpec, past: Past, now: Stamp, shown: int) -> tuple[Past, tuple[Correction, ...], tuple[MeterEvent, ...]]:
    """Exchanges that explain what has been counted already: what is to be added or taken back, and which of them fit nothing."""
    if past.begun_ms is None:
        return past, (), ()
    ours_ms = past.begun_ms - METER_EXCHANGE_OFF_MS
    pending = [one for one in meter.replacements if one not in past.done and one.at_ms > ours_ms]
    if not pending:
        return past, (), ()
    corrections: list[Correction] = []
    events: list[MeterEvent] = []
    for one in _candidates(meter, past, now):
        since_ms, from_ms, to_ms = (wall_of(at, now) for at in (one.since, one.start, one.end))
        if since_ms is None or from_ms is None or to_ms is None:
            continue
        near = [exchange for exchange in pending if _near(exchange, from_ms, to_ms)]
        most = possible_in(meter, max(to_ms - since_ms, 0))
        found = explained(meter, near, (from_ms, to_ms), one.before, one.after, most) if near else None
        if found is None or (one.is_step and not _could_leap(meter, found, from_ms, to_ms)):
            continue
        amount = found.amount - one.counted
        corrections.append(Correction(from_ms, to_ms, amount, one.covered))
        events.append(MeterEvent(Incident.LATE_REPLACEMENT, now, one.before, one.after, amount, from_ms))
        pending = [exchange for exchange in pending if exchange not in found.by]
        past = _explain(past, one, replace(one, counted=found.amount, covered=True, by=found.by))
    unfit = [one for one in pending if one not in past.told and _is_wrong(meter, past, one, now)]
    events += [MeterEvent(Incident.MISMATCH, now, shown, shown, 0, one.at_ms) for one in unfit]
    return replace(past, told=(*past.told, *unfit)), tuple(corrections), tuple(events)


def _candidates(meter: MeterSpec, past: Past, now: Stamp) -> list[Break]:
    """Breaks that no declared exchange explains, the newest first; then steps that were taken for consumption."""
    leaps = [_as_break(leap, now) for leap in past.leaps]
    breaks = [one for one in past.breaks if not _is_explained(meter, one)]
    return sorted([*breaks[::-1], *leaps[::-1]], key=lambda one: one.is_step)


def _is_explained(meter: MeterSpec, one: Break) -> bool:
    """By an exchange that is still written down: one that was corrected since is another."""
    return bool(one.by) and all(exchange in meter.replacements for exchange in one.by)


def _as_break(leap: Leap, now: Stamp) -> Break:
    since, start, end = (Stamp(ms, ms, now.boot, synced=True) for ms in (leap.since_ms, leap.from_ms, leap.to_ms))
    return Break(since, start, end, leap.before, leap.after, leap.after - leap.before, covered=True)


def _could_leap(meter: MeterSpec, found: Explained, from_ms: int, to_ms: int) -> bool:
    """A step that looked like consumption was an exchange only if it leaps over what neither meter showed, or behind a pause."""
    return found.leaps_over(meter) or to_ms - from_ms > METER_LATE_STEP_MS


def _explain(past: Past, one: Break, by: Break) -> Past:
    if one in past.breaks:
        breaks = tuple(by if other == one else other for other in past.breaks)
        done = tuple(exchange for exchange in past.done if exchange not in one.by)
        return replace(past, breaks=breaks, done=(*done, *by.by))
    leaps = tuple(leap for leap in past.leaps if (leap.from_ms, leap.to_ms) != (one.start.wall_ms, one.end.wall_ms))
    return with_break(replace(past, leaps=leaps), by)


def _is_wrong(meter: MeterSpec, past: Past, one: Replacement, now: Stamp) -> bool:
    """It can explain nothing any more, or does not fit what happened about its time."""
    if past.begun_ms is None or one.at_ms <= past.begun_ms:
        return False
    if now.wall_ms > one.at_ms + METER_EXCHANGE_OFF_MS:
        return True
    if now.wall_ms < one.at_ms:
        return False
    spans = [(wall_of(brk.start, now), wall_of(brk.end, now)) for brk in past.breaks if not _is_explained(meter, brk)]
    return any(from_ms is not None and to_ms is not None and _near(one, from_ms, to_ms) for from_ms, to_ms in spans)


def wall_of(at: Stamp, now: Stamp) -> int | None:
    """When it was by the wall clock, which is trusted now; None where nobody can know."""
    if at.synced:
        return at.wall_ms
    return now.wall_ms - (now.boot_ms - at.boot_ms) if at.boot == now.boot else None
