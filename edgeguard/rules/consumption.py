"""From the readings of one counter to what flowed between them. Nothing is invented: what cannot be known is an incident.

A reading that does not fit is not believed at once, and not thrown away: it waits until CONFIRM readings in a row go on from it
(then the counter has rolled over, been reset, or jumped) or the old line goes on (then it was a glitch). While it waits nothing is
counted; what is decided later is counted from the last reading that was believed, so that nothing is lost and nothing twice.

A reading that fits is held until the next one has not taken it back: a wrong one that looks like consumption counts nothing, makes
no peak of demand, and no interval is told with it. What comes behind a pause is counted at once: the next one may be far.

The counter's bookkeeping, whatever happens: all amounts together are the last believed reading less the first, plus what roll-overs
and declared exchanges add, less the steps of resets and jumps.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from edgeguard.core.clock import Stamp
from edgeguard.core.metering import Incident, MeterEvent, MeterSpec, Replacement, Step
from edgeguard.core.metering_limits import METER_CONFIRM_READINGS, METER_LATE_STEP_MS

HOUR_MS: Final = 3_600_000
_AT_LEAST_MS: Final = 60_000
"""A counter that shows its steps late may step by what flows in so long."""
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
    """

    last: Counted | None = None
    changed: Stamp | None = None
    before: int | None = None
    waiting: tuple[Counted, ...] = ()
    held: Counted | None = None
    marked: Counted | None = None


Outcome = tuple[CounterState, tuple[Step, ...], tuple[MeterEvent, ...]]


def step_counter(meter: MeterSpec, state: CounterState, reading: Counted) -> Outcome:
    """One good reading. Readings that are not later than the last one change nothing."""
    last = state.last
    if last is None:
        event = MeterEvent(Incident.BEGIN, reading.at, reading.value, reading.value)
        return CounterState(reading, reading.at), (), (event,)
    newest = (state.waiting[-1] if state.waiting else state.held or last).at
    if newest.boot == reading.at.boot and reading.at.boot_ms <= newest.boot_ms:
        return state, (), ()
    return _stepped(meter, state, reading) if state.held is None else _confirmed(meter, state, state.held, reading)


def _confirmed(meter: MeterSpec, state: CounterState, held: Counted, reading: Counted) -> Outcome:
    """What was held is counted, unless the next reading goes on from the one before it: then it was a glitch."""
    last, free = state.last, replace(state, held=None)
    assert last is not None  # noqa: S101 (nothing is held without)
    counted, steps, told = _went_on(free, held)
    taken_back = not _follows(meter, held.value, held.at, reading) and _follows(
        meter, last.value, state.changed or last.at, reading
    )
    if taken_back and _exchange(meter, counted, reading) is None:
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
        return _exchanged(meter, state, reading, exchange)
    if _follows(meter, last.value, state.changed or last.at, reading):
        if reading.value - last.value > meter.resolution and elapsed_ms(last.at, reading.at) <= METER_LATE_STEP_MS:
            return replace(state, waiting=(), held=reading), (), _glitches(state)
        return _went_on(state, reading)
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
    return CounterState(Counted(at, value), changed, before, (), held, marked), tuple(steps)


def _in_one_minute(one: Stamp, other: Stamp) -> bool:
    return one.wall_ms // _MINUTE_MS == other.wall_ms // _MINUTE_MS


def elapsed_ms(start: Stamp, end: Stamp) -> int:
    """Time between two moments: by the boot clock within a boot, else by the wall, never negative."""
    if start.boot == end.boot:
        return max(end.boot_ms - start.boot_ms, 0)
    return max(end.wall_ms - start.wall_ms, 0)


def _follows(meter: MeterSpec, value: int, since: Stamp, reading: Counted) -> bool:
    """Whether a reading can come after another by nothing but consumption; the last digit may flicker."""
    return -meter.resolution <= reading.value - value <= _possible(meter, since, reading.at)


def _possible(meter: MeterSpec, since: Stamp, at: Stamp) -> int:
    """The most that can have flowed since the counter last moved. Another boot whose clock is not known: there is no bound."""
    if since.boot != at.boot and not (since.synced and at.synced):
        return 24 * 366 * meter.max_rate
    return meter.max_rate * max(elapsed_ms(since, at), _AT_LEAST_MS) // HOUR_MS + 2 * meter.resolution


def _went_on(state: CounterState, reading: Counted) -> Outcome:
    """The ordinary case. A counter whose last digit flickers back is held at the higher one: it is owed the difference."""
    last = state.last
    assert last is not None  # noqa: S101 (the caller has looked)
    value = max(reading.value, last.value)
    step = Step(last.at, reading.at, value - last.value)
    changed, before, marked = state.changed, state.before, state.marked
    if value != last.value:
        changed = reading.at
        if marked is None or elapsed_ms(marked.at, reading.at) >= _MARKED_MS:
            before = last.value if marked is None else marked.value
            marked = Counted(reading.at, last.value)
    kept = CounterState(Counted(reading.at, value), changed, before, marked=marked)
    return kept, (step,), _glitches(state)


def _glitches(state: CounterState) -> tuple[MeterEvent, ...]:
    """The old line goes on: what waited to be believed was none, and the farthest of it is told."""
    last = state.last
    if last is None or not state.waiting:
        return ()
    worst = max(state.waiting, key=lambda one: abs(one.value - last.value))
    return (MeterEvent(Incident.GLITCH, worst.at, last.value, worst.value, 0, last.at.wall_ms),)


def _exchange(meter: MeterSpec, state: CounterState, reading: Counted) -> Replacement | None:
    """A declared exchange that lies between the last believed reading and this one, if both have a trusted time."""
    last = state.last
    if last is None or not (last.at.synced and reading.at.synced):
        return None
    return next((one for one in meter.replacements if last.at.wall_ms < one.at_ms <= reading.at.wall_ms), None)


def _exchanged(meter: MeterSpec, state: CounterState, reading: Counted, exchange: Replacement) -> Outcome:
    last = state.last
    assert last is not None  # noqa: S101
    old, new = exchange.old_last - last.value, reading.value - exchange.new_first
    most = _possible(meter, state.changed or last.at, reading.at)
    fits = -meter.resolution <= old <= most and -meter.resolution <= new <= most
    amount = max(old, 0) + max(new, 0) if fits else 0
    kind = Incident.REPLACEMENT if fits else Incident.MISMATCH
    event = MeterEvent(kind, reading.at, last.value, reading.value, amount, last.at.wall_ms)
    kept = CounterState(reading, reading.at)
    return kept, (Step(last.at, reading.at, amount),) if fits else (), (event,)


def _settled(meter: MeterSpec, state: CounterState) -> Outcome:
    """The readings that waited are the counter's: what happened is decided by the first of them, the others go on from it."""
    last, first = state.last, state.waiting[0]
    assert last is not None  # noqa: S101
    kind, amount = _what_happened(meter, state, first)
    events = [MeterEvent(kind, first.at, last.value, first.value, amount, last.at.wall_ms)]
    steps = [Step(last.at, first.at, amount)] if kind in (Incident.ROLLOVER, Incident.CORRECTION) else []
    kept = CounterState(first, first.at)
    for reading in state.waiting[1:]:
        kept, more, _ = _went_on(kept, reading)
        steps += more
    return kept, tuple(steps), tuple(events)


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
        if 0 <= wrapped <= min(_possible(meter, since, first.at), meter.modulus // _WRAP_PARTS):
            return Incident.ROLLOVER, wrapped
    if state.before is not None and state.before - meter.resolution <= first.value:
        # what was believed last stood above the line that goes on: it was wrong, and is taken back
        return Incident.CORRECTION, step
    return Incident.RESET, 0
