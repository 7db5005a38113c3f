"""Everything about the maintenance of one device in one step: (state, round, now) -> (state, news). Pure.

Figures belong to days of UTC. While the wall clock is not synchronised, days are counted on from the last one known by the time
since boot. A clock that goes back ends no day twice; when it leaps, the days that are known move along, for what matters is how far
they are apart.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from edgeguard.core.clock import Stamp
from edgeguard.core.ids import DeviceName
from edgeguard.core.limits import HINT_DAYS, HINT_KEEP_MS, HINT_SAMPLE_MS
from edgeguard.core.maintenance import Usage
from edgeguard.rules.gauge import Gauge, GaugeState, end_day, find, measure
from edgeguard.rules.hints import Gone, Hint, HintNews, Telling, age_hint, snooze, step_hint
from edgeguard.rules.judgement import STRICT, Strictness
from edgeguard.rules.sights import NEVER_MS, Counted, Memory, Round, Sight, edges_of_flag
from edgeguard.rules.still import Still, Turns, still
from edgeguard.rules.wear import Tally, add, count, follow, serviced, usage_finding
from edgeguard.rules.wear import end_day as end_wear_day

_K = TypeVar("_K")
_V = TypeVar("_V")
DAY_MS: Final = 86_400_000
_CLOCK_BACK_DAYS: Final = 2
"""A synchronised clock may differ by so much from what has passed since the day began: less than that is no leap."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A service interval: `usage` may grow by `length` from one service to the next. `counted_here`: the device has no counter.

    `serviced_day`: the last service, where the site says so. `assumed`: the length is ours, not the site's.
    """

    usage: Usage
    length: float
    sight: Sight
    counted_here: bool = False
    modulus: float | None = None
    serviced_day: int | None = None
    assumed: bool = True


@dataclass(frozen=True, slots=True)
class DeviceCare:
    """What is watched on a device."""

    device: DeviceName
    gauges: tuple[Gauge, ...] = ()
    intervals: tuple[Interval, ...] = ()
    strict: Strictness = STRICT


@dataclass(frozen=True, slots=True)
class Service:
    """What was done, by whom, when; the newest one of a device is remembered."""

    day: int
    by: str
    done: str


@dataclass(frozen=True, slots=True)
class CareState:
    """What is known of a device, by name of gauge or usage.

    `today`: the day that runs, None before the first round. The last five are of one boot and are not kept: which one, when the
    state was kept last, when the day began, whether anything was measured since the keeping, and whether a synchronised clock has
    said in this boot which day it is.
    """

    gauges: tuple[tuple[str, GaugeState], ...] = ()
    tallies: tuple[tuple[Usage, Tally], ...] = ()
    hints: tuple[tuple[str, Hint], ...] = ()
    service: Service | None = None
    today: int | None = None
    boot: str = ""
    kept_ms: int | None = None
    day_began_ms: int = 0
    changed: bool = False
    dated: bool = False

    def gauge(self, name: str) -> GaugeState:
        """What is known of a gauge; a fresh state if nothing is."""
        return next((state for key, state in self.gauges if key == name), GaugeState())

    def tally(self, usage: Usage) -> Tally:
        """What is known of a counter; a fresh tally if nothing is."""
        return next((tally for key, tally in self.tallies if key is usage), Tally())

    def hint(self, name: str) -> Hint | None:
        """The hint of a gauge or usage."""
        return next((hint for key, hint in self.hints if key == name), None)


@dataclass(frozen=True, slots=True)
class CareNews:
    """What a step wants told, and whether the state is to be kept now."""

    news: tuple[tuple[str, HintNews], ...] = ()
    keep: bool = False


NO_NEWS: Final = CareNews()


def usage_name(usage: Usage) -> str:
    """The second part of a wear hint's id: `wear-run-hours`."""
    return f"wear-{usage.value}"


def step(
    care: DeviceCare, state: CareState, memory: tuple[Memory, ...], seen: Round, now: Stamp
) -> tuple[CareState, tuple[Memory, ...], CareNews]:
    """One poll round of the device. `memory` is what the sights keep from round to round, () at first; nobody else needs it.

    Returns the same state and memory if nothing of them has changed.
    """
    news = NO_NEWS
    if state.boot != now.boot or not memory:
        memory = ((),) * (len(care.gauges) + len(care.intervals))
        state = replace(state, boot=now.boot, kept_ms=now.boot_ms, day_began_ms=now.boot_ms, dated=False)
    state = _by_the_calendar(state, now)
    day = _day_of(state, now)
    if day != state.today:
        state, news = _new_day(care, state, day, now)
    moved: list[Memory] | None = None
    after: Memory
    for place, gauge in enumerate(care.gauges):
        if gauge.void is not None and gauge.void.read(seen.holds) is True:
            after, measured = (), None
        else:
            after, measured = gauge.sight.look(memory[place], seen)
        if after is not memory[place]:
            moved = moved or list(memory)
            moved[place] = after
        if measured is not None:
            known = measure(gauge, state.gauge(gauge.name), measured, day)
            state = replace(state, gauges=_put(state.gauges, gauge.name, known), changed=True)
    for place, interval in enumerate(care.intervals, len(care.gauges)):
        after, measured = interval.sight.look(memory[place], seen)
        if after is not memory[place]:
            moved = moved or list(memory)
            moved[place] = after
        if measured is not None:
            state = _counted(state, interval, measured.value, now, day)
    if state.changed and not news.keep and now.boot_ms - (state.kept_ms or 0) >= HINT_KEEP_MS:
        news = CareNews(keep=True)
    if news.keep:
        state = replace(state, kept_ms=now.boot_ms, changed=False)
    return state, memory if moved is None else tuple(moved), news


def rest(care: DeviceCare, state: CareState, memory: tuple[Memory, ...], seen: Round, now: Stamp) -> tuple[float, Still]:
    """Which rounds may be left out after this one, and until when (boot time): none of them would change state or memory.

    Without a synchronised clock nobody knows when the day ends, and every round is looked at.
    """
    until_ms = now.boot_ms + min(HINT_SAMPLE_MS, DAY_MS - now.wall_ms % DAY_MS) if now.synced else NEVER_MS
    if state.changed:
        until_ms = min(until_ms, (state.kept_ms or 0) + HINT_KEEP_MS)
    columns: list[tuple[int, Turns | None]] = []
    sights = (*(gauge.sight for gauge in care.gauges), *(interval.sight for interval in care.intervals))
    for sight, remembered in zip(sights, memory, strict=True):
        next_ms, flags = sight.rest(remembered)
        until_ms = min(until_ms, next_ms)
        columns += ((flag.index, edges_of_flag(flag)) for flag in flags)
    columns += ((gauge.void.index, edges_of_flag(gauge.void)) for gauge in care.gauges if gauge.void is not None)
    return until_ms, still(seen.fresh, columns)


def timed_columns(care: DeviceCare) -> frozenset[int]:
    """The truths whose turning is timed: how long ago each was read before has to be known."""
    sights = (*(gauge.sight for gauge in care.gauges), *(interval.sight for interval in care.intervals))
    return frozenset(flag.index for sight in sights for flag in sight.rest(())[1])


def _counted(state: CareState, interval: Interval, value: float, now: Stamp, day: int) -> CareState:
    """The state after something was counted; a device's counter says nothing while nobody knows what time it is."""
    before = state.tally(interval.usage)
    if isinstance(interval.sight, Counted):
        after = follow(before, value, day)
    elif interval.counted_here:
        after = add(before, value, day)
    elif now.synced:
        after = count(before, interval.usage, value, now, day, interval.modulus)
    else:
        after = before
    return state if after is before else replace(_with_tally(state, interval.usage, after), changed=True)


def _by_the_calendar(state: CareState, now: Stamp) -> CareState:
    """The state with its days moved, where the synchronised clock has leapt: nothing that was learned is lost by it.

    Within a boot it is known how long ago the day began. From one boot to the next a longer absence than any figure is kept for is
    taken for a leap, and so is a day that is over already.
    """
    day = now.wall_ms // DAY_MS
    if not now.synced or (state.dated and state.today == day):
        return state
    if state.today is None:
        return replace(state, dated=True)
    passed = (now.boot_ms - state.day_began_ms) // DAY_MS
    ahead = day - state.today - passed
    if ahead < -_CLOCK_BACK_DAYS or (state.dated and ahead > _CLOCK_BACK_DAYS + 1):
        state = _moved(state, ahead, day)
    elif not state.dated and ahead > HINT_DAYS:
        state = _moved(state, ahead - 1, day)
    return state if state.dated else replace(state, dated=True)


def _moved(state: CareState, days: int, today: int) -> CareState:
    return replace(
        state,
        gauges=tuple((name, gauge.moved(days)) for name, gauge in state.gauges),
        tallies=tuple((usage, tally.moved(days, today)) for usage, tally in state.tallies),
        hints=tuple((name, hint.moved(days)) for name, hint in state.hints),
        today=None if state.today is None else state.today + days,
    )


def _day_of(state: CareState, now: Stamp) -> int:
    """The day that runs: by the wall clock, while it is synchronised; else the last one known, and one more after each 24 hours.

    A clock that goes back a little goes on with the day that was.
    """
    day = now.wall_ms // DAY_MS
    if state.today is None:
        return day
    if not now.synced:
        return state.today + int(now.boot_ms - state.day_began_ms >= DAY_MS)
    return max(state.today, day)


def _new_day(care: DeviceCare, state: CareState, day: int, now: Stamp) -> tuple[CareState, CareNews]:
    """Another day has begun: what was measured until now becomes figures, and they are judged."""
    state = replace(state, day_began_ms=now.boot_ms)
    ended = state.today
    if ended is None:
        return replace(state, today=day), CareNews(keep=True)
    told: list[tuple[str, HintNews]] = []
    for gauge in care.gauges:
        before = state.gauge(gauge.name)
        after = end_day(gauge, before, ended)
        state, news = _judged(care, _with_gauge(state, gauge.name, after), gauge, before, after, day, now.wall_ms)
        told += news
    for interval in care.intervals:
        tally = end_wear_day(state.tally(interval.usage), ended)
        name = usage_name(interval.usage)
        hint = state.hint(name)
        finding = usage_finding(tally, interval.length, day, standing=hint is not None)
        hint, one = step_hint(hint, finding, day, now.wall_ms, confirm=1)
        state = _with_hint(_with_tally(state, interval.usage, tally), name, hint)
        told += [(name, one)] if one is not None else []
    return replace(state, today=day), CareNews(tuple(told), keep=True)


def _judged(
    care: DeviceCare, state: CareState, gauge: Gauge, before: GaugeState, after: GaugeState, today: int, now_ms: int
) -> tuple[CareState, list[tuple[str, HintNews]]]:
    hint = state.hint(gauge.name)
    news: HintNews | None = None
    if after.values is not before.values:
        standing = hint is not None and hint.stands
        hint, news = step_hint(hint, find(gauge, after, standing, care.strict), today, now_ms)
    elif hint is not None:
        hint, news = age_hint(hint, hint.finding.day, today)
    return _with_hint(state, gauge.name, hint), [] if news is None else [(gauge.name, news)]


def record_service(
    care: DeviceCare, state: CareState, service: Service, about: Callable[[str], bool]
) -> tuple[CareState, CareNews]:
    """A technician has done something about the gauges and usages that `about` names: counting and learning begin anew, and
    their hints go."""
    told: list[tuple[str, HintNews]] = []
    for gauge in filter(lambda gauge: about(gauge.name), care.gauges):
        state, news = _cleared(_with_gauge(state, gauge.name, GaugeState()), gauge.name)
        told += news
    for interval in filter(lambda interval: about(usage_name(interval.usage)), care.intervals):
        fresh = serviced(state.tally(interval.usage), service.day)
        state, news = _cleared(_with_tally(state, interval.usage, fresh), usage_name(interval.usage))
        told += news
    return replace(state, service=service, changed=False), CareNews(tuple(told), keep=True)


def _cleared(state: CareState, name: str) -> tuple[CareState, list[tuple[str, HintNews]]]:
    hint = state.hint(name)
    news = [(name, HintNews(Telling.WITHDRAWN, hint, Gone.SERVICED))] if hint is not None and hint.stands else []
    return _with_hint(state, name, None), news


def snooze_hint(state: CareState, name: str, until_day: int) -> CareState:
    """KeyError if no such hint stands."""
    hint = state.hint(name)
    if hint is None or not hint.stands:
        raise KeyError(name)
    return _with_hint(state, name, snooze(hint, until_day))


def resume(care: DeviceCare, kept: CareState) -> tuple[CareState, CareNews]:
    """What was kept, cut to what is watched now; hints of what is not watched any more are withdrawn."""
    names = {gauge.name for gauge in care.gauges} | {usage_name(interval.usage) for interval in care.intervals}
    gone = tuple(
        (name, HintNews(Telling.WITHDRAWN, hint, Gone.UNDEFINED)) for name, hint in kept.hints if name not in names and hint.stands
    )
    state = replace(
        kept,
        gauges=tuple(pair for pair in kept.gauges if pair[0] in names),
        tallies=tuple(pair for pair in kept.tallies if usage_name(pair[0]) in names),
        hints=tuple(pair for pair in kept.hints if pair[0] in names),
        boot="",
    )
    for interval in care.intervals:
        tally = state.tally(interval.usage)
        if interval.serviced_day is not None and tally.since_day is not None and interval.serviced_day > tally.since_day:
            state = _with_tally(state, interval.usage, serviced(tally, interval.serviced_day))
    return state, CareNews(gone, keep=bool(gone))


def _with_gauge(state: CareState, name: str, gauge: GaugeState) -> CareState:
    return replace(state, gauges=_put(state.gauges, name, gauge))


def _with_tally(state: CareState, usage: Usage, tally: Tally) -> CareState:
    return replace(state, tallies=_put(state.tallies, usage, tally))


def _with_hint(state: CareState, name: str, hint: Hint | None) -> CareState:
    if hint is None:
        return replace(state, hints=tuple(pair for pair in state.hints if pair[0] != name)) if state.hints else state
    return replace(state, hints=_put(state.hints, name, hint))


def _put(pairs: Sequence[tuple[_K, _V]], key: _K, value: _V) -> tuple[tuple[_K, _V], ...]:
    if any(k == key for k, _ in pairs):
        return tuple((k, value if k == key else v) for k, v in pairs)
    return (*pairs, (key, value))
