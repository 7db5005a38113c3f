"""From the readings of one counter to what flowed between them. Nothing is invented: what cannot be known is an incident.

A reading that does not fit is not believed at once, and not thrown away: it waits until CONFIRM readings in a row go on from it
(then the counter has rolled over, been reset, or jumped) or the old line goes on (then it was a glitch). While it waits nothing is
counted; what is decided later is counted from the last reading that was believed, so that nothing is lost and nothing twice.

A reading that fits is held until the next one has not taken it back: a wrong one that looks like consumption counts nothing, makes
no peak of demand, and no interval is told with it. What comes behind a pause is counted at once: the next one may be far.

The counter's bookkeeping, whatever happens: all amounts together are the last believed reading less the first, plus what roll-overs
and declared exchanges add, less the steps of resets and jumps. An exchange that is declared late changes none of this: what it
corrects is told beside it (`rules.exchange`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from edgeguard.core.clock import Stamp
from edgeguard.core.metering import Incident, MeterEvent, MeterSpec, Step
from edgeguard.core.metering_limits import METER_CONFIRM_READINGS, METER_LATE_STEP_MS
from edgeguard.rules.exchange import (
    NO_PAST,
    Break,
    Explained,
    Leap,
    Past,
    awaited,
    explained,
    in_time,
    largest,
    with_break,
    with_leap,
)
from edgeguard.rules.flow import elapsed_ms, possible

_MARKED_MS: Final = 60_000
"""Wrong readings in a row that are gone within this are known to have been wrong."""
_MINUTE_MS: Final = 60_000
_WRAP_PARTS: Final = 100
"""Without a declared rate a roll-over may skip so much of the counter's range, at most: one part in so many."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A reading: when, and what the counter showed."""

    at: Stamp
    value: int


@dataclass(frozen=True, slots=True)
class CounterState:
    """The last believed reading, since when the counter shows it, what it showed before, and readings that wait to be believed.

    `marked`: what it showed and when it moved on from there, renewed once a minute at most; `before`: what was marked before that.
    `held`: the newest reading, which goes on from the last one and is counted when the next one does not take it back.
    `past`: what an exchange that is declared later may have to explain.
    """

    last: Counted | None = None
    changed: Stamp | None = None
    before: int | None = None
    waiting: tuple[Counted, ...] = ()
    held: Counted | None = None
    marked: Counted | None = None
    past: Past = NO_PAST


Outcome = tuple[CounterState, tuple[Step, ...], tuple[MeterEvent, ...]]


def step_counter(meter: MeterSpec, state: CounterState, reading: Counted) -> Outcome:
    """One good reading. Readings that are not later than the last one change nothing."""
    last = state.last
    if last is None:
        event = MeterEvent(Incident.BEGIN, reading.at, reading.value, reading.value)
        begun = Past(reading.at.wall_ms if reading.at.synced else None)
        return CounterState(reading, reading.at, past=begun), (), (event,)
    if reading.at.synced and state.past.begun_ms is None:
        state = replace(state, past=replace(state.past, begun_ms=reading.at.wall_ms))
    if state.past.breaks and reading.at.synced and not state.past.breaks[-1].end.synced:
        state = replace(state, past=in_time(state.past, reading.at))
    newest = (state.waiting[-1] if state.waiting else state.held or last).at
    if newest.boot == reading.at.boot and reading.at.boot_ms <= newest.boot_ms:
        return state, (), ()
    return _stepped(meter, state, reading) if state.held is None else _confirmed(meter, state, state.held, reading)


def _confirmed(meter: MeterSpec, state: CounterState, held: Counted, reading: Counted) -> Outcome:
    """What was held is counted, unless the next reading goes on from the one before it: then it was a glitch."""
    last, free = state.last, replace(state, held=None)
    assert last is not None  # noqa: S101 (nothing is held without)
    counted, steps, told = _believed(meter, free, held)
    taken_back = not _follows(meter, held.value, held.at, reading) and _follows(
        meter, last.value, state.changed or last.at, reading
    )
    if taken_back and not (meter.replacements and _between(meter, counted, reading)):
        counted, steps = free, ()
        told = (MeterEvent(Incident.GLITCH, held.at, last.value, held.value, 0, last.at.wall_ms),)
    after, more, events = _stepped(meter, counted, reading)
    return after, (*steps, *more), (*told, *events)


def _stepped(meter: MeterSpec, state: CounterState, reading: Counted) -> Outcome:
    """A later reading while none is held."""
    last = state.last
    assert last is not None  # noqa: S101 (the caller has looked)
    exchange = _exchange(meter, state, reading)
    if exchange is not None:
        return _exchanged(state, reading, exchange)
    if _follows(meter, last.value, state.changed or last.at, reading):
        if reading.value - last.value > meter.resolution and elapsed_ms(last.at, reading.at) <= METER_LATE_STEP_MS:
            return replace(state, waiting=(), held=reading), (), _glitches(state)
        return _believed(meter, state, reading)
    if state.waiting and not _follows(meter, state.waiting[-1].value, state.waiting[-1].at, reading):
        # neither the old line nor the one that seemed to begin: only the newest reading may still begin one
        return replace(state, waiting=(reading,)), (), ()
    waiting = (*state.waiting, reading)
    if len(waiting) < METER_CONFIRM_READINGS:
        return replace(state, waiting=waiting), (), ()
    return _settled(meter, replace(state, waiting=waiting))


def step_run(meter: MeterSpec, state: CounterState, run: Sequence[Counted]) -> tuple[CounterState, tuple[Step, ...]]:
    """Readings of which each goes on from the one before, and the first from the newest known, as `step_counter` takes them.

    None of them may be far off, behind a pause, or on the other side of a declared exchange; nothing may wait to be believed. What
    flowed within a minute of the wall clock is one step, and what flowed from one minute into another.
    """
    begun = state.last
    assert begun is not None  # noqa: S101 (the caller has looked)
    at, value, held = begun.at, begun.value, state.held
    changed, before, marked = state.changed, state.before, state.marked
    past, most = state.past, max(largest(state.past, run[0].at.wall_ms, paused=False), meter.resolution)
    steps: list[Step] = []
    for reading in run:
        for one in (held, reading):
            if one is None:
                continue
            if one is reading and reading.value - value > meter.resolution:
                held = reading
                break
            held, moved = None, one.value > value
            if moved:
                if one.value - value > most:
                    past, most = with_leap(past, _leap(changed, at, one, value)), one.value - value
                changed = one.at
                if marked is None or elapsed_ms(marked.at, one.at) >= _MARKED_MS:
                    before = value if marked is None else marked.value
                    marked = Counted(one.at, value)
            shown = max(one.value, value)
            if begun.at is not at and not _in_one_minute(begun.at, one.at):
                steps.append(Step(begun.at, at, value - begun.value))
                begun = Counted(at, value)
            at, value = one.at, shown
            if not _in_one_minute(begun.at, at):
                steps.append(Step(begun.at, at, value - begun.value))
                begun = Counted(at, value)
    if begun.at is not at:
        steps.append(Step(begun.at, at, value - begun.value))
    return CounterState(Counted(at, value), changed, before, (), held, marked, past), tuple(steps)


def _in_one_minute(one: Stamp, other: Stamp) -> bool:
    return one.wall_ms // _MINUTE_MS == other.wall_ms // _MINUTE_MS


def _follows(meter: MeterSpec, value: int, since: Stamp, reading: Counted) -> bool:
    """Whether a reading can come after another by nothing but consumption; the last digit may flicker."""
    return -meter.resolution <= reading.value - value <= possible(meter, since, reading.at)


def _believed(meter: MeterSpec, state: CounterState, reading: Counted) -> Outcome:
    """A reading that goes on from the last one is counted, unless an exchange led to it."""
    last = state.last
    assert last is not None  # noqa: S101
    if meter.replacements and (found := _between(meter, state, reading)) is not None and found.leaps_over(meter):
        return _exchanged(state, reading, found)
    return _went_on(meter, state, reading)


def _went_on(meter: MeterSpec, state: CounterState, reading: Counted) -> Outcome:
    """The ordinary case. A counter whose last digit flickers back is held at the higher one: it is owed the difference."""
    last = state.last
    assert last is not None  # noqa: S101 (the caller has looked)
    value = max(reading.value, last.value)
    step = Step(last.at, reading.at, value - last.value)
    changed, before, marked, past = state.changed, state.before, state.marked, state.past
    if value != last.value:
        if step.amount > meter.resolution:
            past = _with_step(past, changed or last.at, last, reading)
        changed = reading.at
        if marked is None or elapsed_ms(marked.at, reading.at) >= _MARKED_MS:
            before = last.value if marked is None else marked.value
            marked = Counted(reading.at, last.value)
    kept = CounterState(Counted(reading.at, value), changed, before, marked=marked, past=past)
    return kept, (step,), _glitches(state)


def _with_step(past: Past, since: Stamp, last: Counted, reading: Counted) -> Past:
    """What may turn out to have been an exchange: a day's largest step, and one over a reboot whose clock is not known yet."""
    if last.at.synced and reading.at.synced:
        paused = elapsed_ms(last.at, reading.at) > METER_LATE_STEP_MS
        is_most = reading.value - last.value > largest(past, reading.at.wall_ms, paused=paused)
        return with_leap(past, _leap(since, last.at, reading, last.value)) if is_most else past
    if last.at.boot == reading.at.boot:
        return past
    amount = reading.value - last.value
    return with_break(past, Break(since, last.at, reading.at, last.value, reading.value, amount, covered=True))


def _leap(changed: Stamp | None, at: Stamp, reading: Counted, value: int) -> Leap:
    return Leap((changed or at).wall_ms, at.wall_ms, reading.at.wall_ms, value, reading.value)


def _glitches(state: CounterState) -> tuple[MeterEvent, ...]:
    """The old line goes on: what waited to be believed was none, and the farthest of it is told."""
    last = state.last
    if last is None or not state.waiting:
        return ()
    worst = max(state.waiting, key=lambda one: abs(one.value - last.value))
    return (MeterEvent(Incident.GLITCH, worst.at, last.value, worst.value, 0, last.at.wall_ms),)


def _between(meter: MeterSpec, state: CounterState, reading: Counted) -> Explained | None:
    """The declared exchanges that lead from the last believed reading to this one, if both have a trusted time."""
    last = state.last
    if last is None or not last.at.synced or not (near := awaited(meter, state.past, reading.at)):
        return None
    most = possible(meter, state.changed or last.at, reading.at)
    return explained(meter, near, (last.at.wall_ms, reading.at.wall_ms), last.value, reading.value, most)


def _exchange(meter: MeterSpec, state: CounterState, reading: Counted) -> Explained | None:
    """Exchanges that are to be believed at once: their time has come, and the old line does not go on or nobody has seen it to."""
    last = state.last
    if not meter.replacements or last is None or (found := _between(meter, state, reading)) is None:
        return None
    if not all(last.at.wall_ms < one.at_ms <= reading.at.wall_ms for one in found.by):
        return None
    goes_on = _follows(meter, last.value, state.changed or last.at, reading)
    return None if goes_on and elapsed_ms(last.at, reading.at) <= METER_LATE_STEP_MS else found


def _exchanged(state: CounterState, reading: Counted, found: Explained) -> Outcome:
    last = state.last
    assert last is not None  # noqa: S101
    since = state.changed or last.at
    event = MeterEvent(Incident.REPLACEMENT, reading.at, last.value, reading.value, found.amount, last.at.wall_ms)
    broken = Break(since, last.at, reading.at, last.value, reading.value, found.amount, covered=True, by=found.by)
    kept = CounterState(reading, reading.at, past=with_break(state.past, broken))
    return kept, (Step(last.at, reading.at, found.amount),), (event,)


def _settled(meter: MeterSpec, state: CounterState) -> Outcome:
    """The readings that waited are the counter's: what happened is decided by the first of them, the others go on from it."""
    last, first = state.last, state.waiting[0]
    assert last is not None  # noqa: S101
    found = _between(meter, state, first)
    if found is not None:
        kept, steps, events = _exchanged(replace(state, waiting=()), first, found)
    else:
        kept, steps, events = _broken(meter, state, first)
    for reading in state.waiting[1:]:
        kept, more, _ = _went_on(meter, kept, reading)
        steps = (*steps, *more)
    return kept, steps, events


def _broken(meter: MeterSpec, state: CounterState, first: Counted) -> Outcome:
    """The counter's line has ended, and another one begins; no declared exchange says why."""
    last, past = state.last, state.past
    assert last is not None  # noqa: S101
    kind, amount = _what_happened(meter, state, first)
    covered = kind in (Incident.ROLLOVER, Incident.CORRECTION)
    unfit = () if covered else tuple(one for one in awaited(meter, past, first.at) if one not in past.told)
    if unfit:
        kind, past = Incident.MISMATCH, replace(past, told=(*past.told, *unfit))
    broken = Break(state.changed or last.at, last.at, first.at, last.value, first.value, amount, covered)
    event = MeterEvent(kind, first.at, last.value, first.value, amount, last.at.wall_ms)
    steps = (Step(last.at, first.at, amount),) if covered else ()
    return CounterState(first, first.at, past=with_break(past, broken)), steps, (event,)


def _what_happened(meter: MeterSpec, state: CounterState, first: Counted) -> tuple[Incident, int]:
    """Which incident, and what it counts."""
    last = state.last
    assert last is not None  # noqa: S101
    since = state.changed or last.at
    step = first.value - last.value
    if step > 0:
        return Incident.JUMP, 0
    if meter.modulus is not None and first.value < meter.modulus:
        wrapped = step + meter.modulus
        if 0 <= wrapped <= min(possible(meter, since, first.at), meter.modulus // _WRAP_PARTS):
            return Incident.ROLLOVER, wrapped
    if state.before is not None and state.before - meter.resolution <= first.value:
        # what was believed last stood above the line that goes on: it was wrong, and is taken back
        return Incident.CORRECTION, step
    return Incident.RESET, 0
