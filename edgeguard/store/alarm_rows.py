"""Alarm states as rows: what has been since the first version in columns of its own, the rest as JSON."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import orjson

from edgeguard.core.alarm import Alarm, AlarmState, Hold, HoldKind
from edgeguard.core.clock import Stamp
from edgeguard.core.ids import AlarmName, BootId

SELECT: Final = (
    "SELECT name, state, since_wall_ms, since_boot_ms, since_boot, since_synced, pending_since_ms, value, more FROM alarm_states"
)
INSERT: Final = "INSERT OR REPLACE INTO alarm_states VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"

TrueTime = Callable[[Stamp], Stamp]
"""A stamp with its true wall time, if that has become known since."""


def row_of(name: AlarmName, alarm: Alarm) -> tuple[object, ...]:
    """What INSERT binds."""
    since = alarm.since
    at = (since.wall_ms, since.boot_ms, since.boot, since.synced) if since else (None, None, None, None)
    value = None if alarm.value is None else orjson.dumps(alarm.value).decode()
    return (name, alarm.state, *at, alarm.pending_since_ms, value, _more(alarm))


def alarm_of(row: tuple[Any, ...], true_time: TrueTime) -> tuple[AlarmName, Alarm]:
    """What SELECT gave."""
    name, state, wall_ms, boot_ms, boot, synced, pending, value, more = row
    since = None if boot is None else true_time(Stamp(wall_ms, boot_ms, BootId(boot), bool(synced)))
    held = None if value is None else orjson.loads(value)
    alarm = Alarm(AlarmState(state), since, pending, value=held)
    return AlarmName(name), alarm if more is None else _with_rest(alarm, more, true_time)


def _more(alarm: Alarm) -> str | None:
    kept: dict[str, object] = {
        "beneath": alarm.beneath,
        "quiet": alarm.quiet,
        "raised": None if alarm.raised is None else _stamp(alarm.raised),
        "first_out": alarm.first_out,
        "escalated": alarm.escalated,
        "gone": alarm.gone,
        "holds": [[hold.kind, _stamp(hold.at), hold.by, hold.reason, hold.lasts_ms] for hold in alarm.holds],
    }
    told = {key: value for key, value in kept.items() if value}
    return orjson.dumps(told).decode() if told else None


def _with_rest(alarm: Alarm, more: str, true_time: TrueTime) -> Alarm:
    kept = orjson.loads(more)
    return replace(
        alarm,
        beneath=AlarmState(kept["beneath"]) if "beneath" in kept else None,
        quiet="quiet" in kept,
        raised=true_time(_stamp_of(kept["raised"])) if "raised" in kept else None,
        first_out="first_out" in kept,
        escalated="escalated" in kept,
        gone="gone" in kept,
        holds=tuple(Hold(HoldKind(kind), true_time(_stamp_of(at)), *rest) for kind, at, *rest in kept.get("holds", ())),
    )


def _stamp(at: Stamp) -> list[object]:
    return [at.wall_ms, at.boot_ms, at.boot, at.synced]


def _stamp_of(kept: list[Any]) -> Stamp:
    wall_ms, boot_ms, boot, synced = kept
    return Stamp(wall_ms, boot_ms, BootId(boot), synced)
