"""The same throw on several cameras of one wall is one event: joined by time and window column. Pure.

Cameras beside each other see the same floors at the same moment, cameras above each other the same thing one after the other. The
first sighting waits a little for the others; one that comes late (its camera was started anew, its line was slow) is told as a new
revision of the event that is out already, never as a second throw.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import orjson

from edgeguard.core.camera_limits import FALL_ALARM_S, THROW_MEMORY_MS, THROW_WAIT_MS, THROWS_REMEMBERED
from edgeguard.core.clock import Stamp, passed_ms
from edgeguard.core.ids import BootId
from edgeguard.core.item import Item, Stream
from edgeguard.core.json_value import JsonValue
from edgeguard.core.rule_state import RuleState
from edgeguard.core.throw import FallSighting, Throw

OWNER: Final = "throws"
_SLACK_MS: Final = 2_000
"""Between the end of one camera's sighting and the beginning of another's: streams lag, and views may leave a gap."""
_SLACK_UNPLACED_MS: Final = 500
"""The same where one of them knows no column: time alone must then prove more."""
_COLUMNS: Final = 1
_RISE_FLOORS: Final = 1
_LATER_MS: Final = 300
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_.-]")


@dataclass(frozen=True, slots=True)
class ThrowState:
    """The throws of the last minutes, oldest first."""

    throws: tuple[Throw, ...] = ()


def known(state: ThrowState, camera: str, identity: str) -> Throw | None:
    """The throw that has this sighting already: a camera tells again what it does not know to be on disk."""
    mine = (throw for throw in state.throws for one in throw.sightings if one.camera == camera and one.id == identity)
    return next(mine, None)


def take(state: ThrowState, side: str, seen: FallSighting, now: Stamp) -> tuple[ThrowState, Throw]:
    """One sighting more: it joins the throw that it fits best, or is one of its own. The throw as it is then."""
    fitting = [throw for throw in state.throws if throw.side == side and _is_same(throw, seen)]
    if not fitting:
        throw = Throw(side, f"{seen.camera}-{seen.id}" if _taken(state, seen.id) else seen.id, now, (seen,))
        return ThrowState((*state.throws, throw)), throw
    best = min(fitting, key=lambda throw: min(abs(_start_gap(one, seen)) for one in throw.sightings))
    joined = replace(best, sightings=(*best.sightings, seen), news=True)
    return ThrowState(tuple(joined if throw is best else throw for throw in state.throws)), joined


def _taken(state: ThrowState, identity: str) -> bool:
    return any(throw.id == identity for throw in state.throws)


def _is_same(throw: Throw, seen: FallSighting) -> bool:
    """No camera sees one throw twice, and every camera that has seen it must agree with one that has."""
    if any(one.camera == seen.camera for one in throw.sightings):
        return False
    return any(_fits(one, seen) for one in throw.sightings)


def _fits(one: FallSighting, two: FallSighting) -> bool:
    first, second = (one, two) if _start_gap(one, two) >= 0 else (two, one)
    gap_ms = _start_gap(first, second) - first.duration_ms
    if one.column is None or two.column is None:
        if gap_ms > _SLACK_UNPLACED_MS:
            return False
    elif gap_ms > _SLACK_MS or abs(one.column - two.column) > _COLUMNS:
        return False
    is_later = _start_gap(first, second) > _LATER_MS
    if is_later and first.floor is not None and second.floor is not None:
        return second.floor <= first.floor + _RISE_FLOORS
    return True


def _start_gap(one: FallSighting, two: FallSighting) -> int:
    """How much later `two` began, ms: by boot time within one boot, else by the wall clock."""
    if one.at.boot == two.at.boot:
        return two.at.boot_ms - one.at.boot_ms
    return two.at.wall_ms - one.at.wall_ms


def due(state: ThrowState, cameras: Mapping[str, int], now: Stamp) -> tuple[ThrowState, tuple[Throw, ...], tuple[Throw, ...]]:
    """What is to be told now, and what is forgotten; `cameras` is how many look at each side.

    A throw is told when its first sighting has waited long enough, or when every camera of its side has seen it.
    """
    told: list[Throw] = []
    kept: list[Throw] = []
    too_many = len(state.throws) - THROWS_REMEMBERED
    for i, throw in enumerate(state.throws):
        waited = passed_ms(throw.came, now) >= THROW_WAIT_MS or throw.came.boot != now.boot or throw.told > 0 or i < too_many
        if throw.news and (waited or len(throw.sightings) >= cameras.get(throw.side, 0)):
            alarm = throw.alarm or best_of(throw).camera
            throw = replace(throw, told=throw.told + 1, news=False, alarm=alarm)  # noqa: PLW2901 (what it has become)
            told.append(throw)
        kept.append(throw)
    fresh = [throw for throw in kept if throw.news or passed_ms(throw.came, now) < THROW_MEMORY_MS][-THROWS_REMEMBERED:]
    gone = tuple(throw for throw in kept if throw not in fresh)
    if not told and not gone:
        return state, (), ()
    return ThrowState(tuple(fresh)), tuple(told), gone


def best_of(throw: Throw) -> FallSighting:
    """The sighting that saw the beginning best."""
    return min(throw.sightings, key=_rank)


def alarm_at(state: ThrowState, camera: str, now: Stamp) -> str | None:
    """Where the newest throw came from whose alarm this camera holds, "" if that is not known; None when there is none lately."""
    mine = [throw for throw in state.throws if throw.alarm == camera and passed_ms(throw.came, now) < FALL_ALARM_S * 1000]
    return where(best_of(mine[-1]).facts) if mine else None


def where(facts: Mapping[str, JsonValue]) -> str:
    """The floor and the column that a fall came from, where they are known."""
    known = [f"{name} {facts[name]}" for name in ("floor", "column") if isinstance(facts.get(name), int)]
    return ", ".join(known)


def throw_item(throw: Throw) -> Item:
    """The event: the body of the camera that saw its beginning best, with what the others saw under `also`.

    `revision`, from 2 on, says that an event of the same id was told before and that this one takes its place.
    """
    best = best_of(throw)
    others = sorted((one for one in throw.sightings if one is not best), key=lambda one: one.camera)
    body: dict[str, JsonValue] = {"type": "fall", **best.facts, "id": throw.id}
    first = min(throw.sightings, key=lambda one: _start_gap(best, one))
    if others:
        body["also"] = [_short(one) for one in others]
        body["confidence"] = max(_confidence(one) for one in throw.sightings)
        end_ms = max(_start_gap(first, one) + one.duration_ms for one in throw.sightings)
        body["duration_s"] = round(end_ms / 1000, 3)
    if throw.told > 1:
        body["revision"] = throw.told
    return Item(Stream.EVENTS, first.at, orjson.dumps(body))


def _rank(one: FallSighting) -> tuple[bool, int, int, float]:
    """Who knows the floor goes first, then who saw it higher, earlier, and more surely."""
    return one.floor is None, -(one.floor or 0), one.at.wall_ms, -_confidence(one)


def _confidence(one: FallSighting) -> float:
    told = one.facts.get("confidence")
    return float(told) if isinstance(told, int | float) else 0.0


def _short(one: FallSighting) -> dict[str, JsonValue]:
    told: dict[str, JsonValue] = {"camera": one.camera, "id": one.id, "evidence": one.facts.get("evidence")}
    told |= {key: one.facts[key] for key in ("confidence", "floor", "column", "calibrated") if key in one.facts}
    return told


def state_of(throw: Throw, forgotten: bool = False) -> RuleState:
    """What must not be forgotten of a throw over a restart."""
    name = _UNSAFE.sub("-", throw.id)[:100]
    return RuleState(OWNER, name, b"" if forgotten else _body(throw))


def _body(throw: Throw) -> bytes:
    seen = [
        {
            "camera": one.camera,
            "id": one.id,
            "at": _stamp(one.at),
            "duration_ms": one.duration_ms,
            "column": one.column,
            "floor": one.floor,
            "facts": dict(one.facts),
        }
        for one in throw.sightings
    ]
    return orjson.dumps(
        {
            "side": throw.side,
            "id": throw.id,
            "came": _stamp(throw.came),
            "told": throw.told,
            "news": throw.news,
            "alarm": throw.alarm,
            "seen": seen,
        }
    )


def recall(bodies: Sequence[bytes]) -> ThrowState:
    """The throws as kept; one that cannot be read is none."""
    throws = [throw for body in bodies if body and (throw := _readable(body)) is not None]
    return ThrowState(tuple(sorted(throws, key=lambda throw: throw.came.wall_ms)))


def _readable(body: bytes) -> Throw | None:
    try:
        return _throw(body)
    except (ValueError, KeyError, TypeError):
        return None


def _throw(body: bytes) -> Throw:
    kept = orjson.loads(body)
    seen = tuple(
        FallSighting(one["camera"], one["id"], _moment(one["at"]), one["duration_ms"], one["column"], one["floor"], one["facts"])
        for one in kept["seen"]
    )
    return Throw(kept["side"], kept["id"], _moment(kept["came"]), seen, kept["told"], kept["news"], kept.get("alarm", ""))


def _stamp(at: Stamp) -> list[JsonValue]:
    return [at.wall_ms, at.boot_ms, at.boot, at.synced]


def _moment(kept: Sequence[object]) -> Stamp:
    wall_ms, boot_ms, boot, synced = kept
    return Stamp(int(str(wall_ms)), int(str(boot_ms)), BootId(str(boot)), bool(synced))
