"""What a meter must not forget, as JSON and back. The only place that knows its form; ValueError for anything else."""

from collections.abc import Sequence
from dataclasses import astuple, replace
from datetime import date
from typing import Any, Final

import orjson

from edgeguard.core.clock import Stamp
from edgeguard.core.ids import BootId
from edgeguard.core.metering import QUARTER_MS, Incident, MeterEvent, Replacement
from edgeguard.rules.baseline import CLASSES, Baseline
from edgeguard.rules.consumption import Counted, CounterState
from edgeguard.rules.demand import DemandState, Window
from edgeguard.rules.exchange import Break, Leap, Past
from edgeguard.rules.intervals import Gap, Slot, TimeLine, Unplaced
from edgeguard.rules.meter import DayRecord, Judged, MeterState

_FORMAT: Final = 1
_DAMAGE: Final = (orjson.JSONDecodeError, KeyError, TypeError, IndexError, ValueError, AttributeError, OverflowError)


def dump_state(state: MeterState) -> bytes:
    """A meter's state. `load_state` gives an equal one."""
    counter, line, demand = state.counter, state.line, state.demand
    return orjson.dumps(
        {
            "f": _FORMAT,
            "last": _counted(counter.last),
            "changed": _stamp(counter.changed),
            "before": counter.before,
            "waiting": [_counted(one) for one in counter.waiting],
            "held": _counted(counter.held),
            "marked": _counted(counter.marked),
            "past": _past(counter.past),
            "open": _slots(line.open),
            "edge": line.edge_ms,
            "unplaced": [[one.boot, one.from_boot_ms, one.to_boot_ms, one.amount] for one in line.unplaced],
            "minutes": [list(pair) for pair in demand.minutes],
            "flowed": demand.flowed,
            "until": demand.until_ms,
            "day": None if state.day is None else _day(state.day),
            "over": state.over,
            "addends": state.addends,
            "latest": None if state.latest is None else state.latest.isoformat(),
            "total": state.total,
        }
    )


def load_state(body: bytes) -> MeterState:
    """ValueError if it is not what `dump_state` makes."""
    try:
        raw = orjson.loads(body)
        if raw["f"] != _FORMAT:
            raise ValueError("another format")
        waiting = tuple(_surely(one) for one in raw["waiting"])
        counter = CounterState(
            _counted_of(raw["last"]),
            _stamp_of(raw["changed"]),
            raw["before"],
            waiting,
            _counted_of(raw.get("held")),
            _counted_of(raw.get("marked")),
        )
        counter = replace(counter, past=_past_of(raw.get("past"), counter.last))
        unplaced = tuple(Unplaced(BootId(boot), begin, end, amount) for boot, begin, end, amount in raw["unplaced"])
        line = TimeLine(_slots_of(raw["open"]), raw["edge"], unplaced)
        demand = DemandState(tuple((minute, passed) for minute, passed in raw["minutes"]), raw["flowed"], raw["until"])
        day = None if raw["day"] is None else _day_of(raw["day"])
        latest = None if raw["latest"] is None else date.fromisoformat(raw["latest"])
        return MeterState(counter, line, demand, day, raw["over"], raw["addends"], latest, raw["total"])
    except _DAMAGE as error:
        raise ValueError(f"the state of a meter cannot be read: {error!r}") from error


def dump_day(day: DayRecord) -> bytes:
    """A day's record."""
    return orjson.dumps(_day(day))


def load_day(body: bytes) -> DayRecord:
    """ValueError if it is not what `dump_day` makes."""
    try:
        return _day_of(orjson.loads(body))
    except _DAMAGE as error:
        raise ValueError(f"the record of a meter's day cannot be read: {error!r}") from error


def dump_baseline(baseline: Baseline) -> bytes:
    """A habit."""
    return orjson.dumps(baseline.classes)


def load_baseline(body: bytes) -> Baseline:
    """ValueError if it is not what `dump_baseline` makes."""
    try:
        classes = tuple(tuple(tuple(map(int, hour)) for hour in hours) for hours in orjson.loads(body))
        if len(classes) != CLASSES or any(len(hours) != 24 for hours in classes):
            raise ValueError("another form")
    except _DAMAGE as error:
        raise ValueError(f"the habit of a meter cannot be read: {error!r}") from error
    return Baseline(classes)


def _day(day: DayRecord) -> Any:
    return {
        "d": day.day.isoformat(),
        "q": _slots(day.slots),
        "p": None if day.peak is None else [day.peak.end_min, day.peak.amount],
        "e": [[e.incident.value, _stamp(e.at), e.before, e.after, e.counted, e.since_ms] for e in day.events],
        "g": [[gap.from_ms, gap.to_ms, gap.amount] for gap in day.gaps],
        "j": [day.judged.expected, day.judged.actual, day.judged.excess, day.judged.hours],
    }


def _day_of(raw: Any) -> DayRecord:
    events = tuple(
        MeterEvent(Incident(kind), _stamp_surely(at), before, after, counted, since)
        for kind, at, before, after, counted, since in raw["e"]
    )
    return DayRecord(
        date.fromisoformat(raw["d"]),
        _slots_of(raw["q"]),
        None if raw["p"] is None else Window(*raw["p"]),
        events,
        tuple(Gap(*gap) for gap in raw["g"]),
        Judged(*raw["j"]),
    )


def _past(past: Past) -> Any:
    return {
        "begun": past.begun_ms,
        "breaks": [_break(one) for one in past.breaks],
        "leaps": [astuple(leap) for leap in past.leaps],
        "done": _exchanges(past.done),
        "told": _exchanges(past.told),
    }


def _past_of(raw: Any, last: Counted | None) -> Past:
    """Of a state that was kept before any of this was: it begins with the last reading."""
    if raw is None:
        return Past(last.at.wall_ms if last is not None and last.at.synced else None)
    breaks = tuple(_break_of(one) for one in raw["breaks"])
    leaps = tuple(Leap(*map(int, leap)) for leap in raw["leaps"])
    return Past(raw["begun"], breaks, leaps, _exchanges_of(raw["done"]), _exchanges_of(raw["told"]))


def _break(one: Break) -> list[Any]:
    stamps = [_stamp(one.since), _stamp(one.start), _stamp(one.end)]
    return [*stamps, one.before, one.after, one.counted, one.covered, _exchanges(one.by)]


def _break_of(raw: Any) -> Break:
    since, start, end, before, after, counted, covered, by = raw
    stamps = _stamp_surely(since), _stamp_surely(start), _stamp_surely(end)
    return Break(*stamps, int(before), int(after), int(counted), bool(covered), _exchanges_of(by))


def _exchanges(exchanges: Sequence[Replacement]) -> list[list[int]]:
    return [[one.at_ms, one.old_last, one.new_first] for one in exchanges]


def _exchanges_of(raw: Any) -> tuple[Replacement, ...]:
    return tuple(Replacement(int(at_ms), int(old), int(new)) for at_ms, old, new in raw)


def _slots(slots: Sequence[Slot]) -> list[list[Any]]:
    """[[first quarter, [amounts]], ...] by runs without a hole; a quarter that is not plain is [amount, spread, covered]."""
    runs: list[list[Any]] = []
    for slot in slots:
        plain = not slot.spread and slot.covered_ms == QUARTER_MS
        cell = slot.amount if plain else [slot.amount, slot.spread, slot.covered_ms]
        if runs and runs[-1][0] + len(runs[-1][1]) == slot.quarter:
            runs[-1][1].append(cell)
        else:
            runs.append([slot.quarter, [cell]])
    return runs


def _slots_of(runs: Any) -> tuple[Slot, ...]:
    made: list[Slot] = []
    for first, cells in runs:
        for i, cell in enumerate(cells):
            amount, spread, covered = cell if isinstance(cell, list) else (cell, 0, QUARTER_MS)
            made.append(Slot(int(first) + i, int(amount), int(spread), int(covered)))
    return tuple(made)


def _stamp(at: Stamp | None) -> list[Any] | None:
    return None if at is None else [at.wall_ms, at.boot_ms, at.boot, at.synced]


def _stamp_of(raw: Any) -> Stamp | None:
    return None if raw is None else _stamp_surely(raw)


def _stamp_surely(raw: Any) -> Stamp:
    wall_ms, boot_ms, boot, synced = raw
    return Stamp(int(wall_ms), int(boot_ms), BootId(boot), bool(synced))


def _counted(one: Counted | None) -> list[Any] | None:
    return None if one is None else [one.value, _stamp(one.at)]


def _counted_of(raw: Any) -> Counted | None:
    return None if raw is None else _surely(raw)


def _surely(raw: Any) -> Counted:
    value, at = raw
    return Counted(_stamp_surely(at), int(value))
