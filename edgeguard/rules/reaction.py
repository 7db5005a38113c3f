"""The life of one reaction: when it starts, ends, yields to a person, tries again or gives up. Pure.

It never writes what the output already shows, never begins a second time for one alarm, and what it has switched it switches back,
over a restart too. A person's hand on the output always wins.
"""

from dataclasses import replace

import orjson

from edgeguard.core.clock import Stamp
from edgeguard.core.fate import Fate
from edgeguard.core.ids import DeviceName, PointName
from edgeguard.core.interlock import PointRef
from edgeguard.core.json_value import JsonValue
from edgeguard.core.limits import HOUR_MS
from edgeguard.core.reaction import Act, Debt, Mode, Phase, ReactionSpec, ReactionState, Result, Seen, Since, Step, Told, Until
from edgeguard.core.rule_limits import REACTION_CHECK_MS, REACTION_END_TRIES, REACTION_FIRST_WAIT_MS, REACTION_WAIT_MAX_MS


def step_reaction(spec: ReactionSpec, state: ReactionState, seen: Seen, now: Stamp) -> Step:
    """One look. A reaction that a person holds does nothing whatever."""
    if state.held_by:
        return Step(state)
    match state.phase:
        case Phase.IDLE:
            return _idle(spec, state, seen, now) if seen.standing else Step(replace(state, why="") if state.why else state)
        case Phase.STARTING:
            return _starting(spec, state, seen, now)
        case Phase.ON:
            return _on(spec, state, seen, now)
        case Phase.ENDING:
            return _ending(state, seen, now)
        case Phase.FAILED if state.owes is not None:
            return _failed(spec, state, seen, now)
        case _:
            return Step(state if seen.standing else state.moved(Phase.IDLE, now))


def _idle(spec: ReactionSpec, state: ReactionState, seen: Seen, now: Stamp) -> Step:
    if spec.mode is Mode.OFF:
        return Step(state)
    why = _not_yet(spec, state, seen, now)
    if spec.mode is Mode.TEST:
        told = Told(Result.TEST, f"would write {spec.value!r}" + (f", if it were allowed: {why}" if why else ""))
        return Step(state.moved(Phase.SPENT, now, "test"), told=(told,))
    if seen.hand:
        return _yield(state, f"{seen.hand} has written the output", now)
    if why:
        is_news = why.split(":")[0] != state.why.split(":")[0]
        return Step(replace(state, why=why), told=(Told(Result.WAITING, why),)) if is_news else Step(state)
    if seen.shows is not None and seen.shows == spec.value:
        return Step(state.moved(Phase.SPENT, now, "already so"), told=(Told(Result.NOTHING_TO_DO, "the output shows it already"),))
    starts = tuple(at for at in state.starts if at.passed_ms(now) < HOUR_MS)
    begun = replace(state.moved(Phase.STARTING, now), starts=(*starts, Since.of(now)), touched=False, gone=False)
    return _attempt(begun, Act.WRITE, _debt(spec), now, (Told(Result.STARTED, f"{spec.alarm} stands"),))


def _debt(spec: ReactionSpec) -> Debt | None:
    return None if spec.reset is None else Debt(spec.target, spec.value, spec.reset)


def _not_yet(spec: ReactionSpec, state: ReactionState, seen: Seen, now: Stamp) -> str:
    """Why it must not start now, in words that begin with the kind of reason; empty if it may."""
    if state.ended is not None and state.ended.passed_ms(now) < spec.min_off_ms:
        return f"minimum pause: {spec.min_off_ms / 1000:g} s since its last end have not passed"
    lately = sum(1 for at in state.starts if at.passed_ms(now) < HOUR_MS)
    if lately >= spec.per_hour:
        return f"too often: it has started {lately} times within the last hour, {spec.per_hour} are allowed"
    return f"interlock: {seen.unmet}" if seen.unmet else ""


def _attempt(state: ReactionState, act: Act, owes: Debt | None, now: Stamp, told: tuple[Told, ...] = ()) -> Step:
    """One more write; counted before it is made."""
    wait_ms = min(REACTION_FIRST_WAIT_MS << min(state.tries, 10), REACTION_WAIT_MAX_MS)
    return Step(replace(state, tries=state.tries + 1, since=Since.of(now), wait_ms=wait_ms, owes=owes), act, told)


def _may_try(state: ReactionState, now: Stamp) -> bool:
    return state.since is None or state.since.passed_ms(now) >= state.wait_ms


def _starting(spec: ReactionSpec, state: ReactionState, seen: Seen, now: Stamp) -> Step:
    if seen.hand:
        return _yield(state, f"{seen.hand} has written the output", now)
    if state.tries and seen.shows is not None and seen.shows == spec.value:
        return Step(state.moved(Phase.ON, now), told=(Told(Result.ON, "the output shows the value"),))
    if not seen.standing or spec.mode is not Mode.ON:
        return _end(state, "the alarm is gone" if not seen.standing else "it was switched off", now, gone=not seen.standing)
    if not _may_try(state, now):
        return Step(state)
    if state.tries > spec.retries:
        gave_up = state.moved(Phase.FAILED, now, state.why)
        return Step(gave_up, told=(Told(Result.GAVE_UP, f"after {state.tries} tries: {state.why}"),))
    return _attempt(state, Act.WRITE, _debt(spec), now)


def _on(spec: ReactionSpec, state: ReactionState, seen: Seen, now: Stamp) -> Step:
    if seen.hand:
        return _yield(state, f"{seen.hand} has written the output", now)
    held_ms = 0 if state.since is None else state.since.passed_ms(now)
    if seen.shows is not None and seen.shows != spec.value and held_ms >= REACTION_CHECK_MS:
        return _yield(state, f"the output shows {seen.shows!r}: another hand has switched it", now)
    why = _over(spec, seen, held_ms)
    return _end(state, why, now, gone=not seen.standing) if why and held_ms >= spec.min_on_ms else Step(state)


def _over(spec: ReactionSpec, seen: Seen, held_ms: int) -> str:
    """Why it has to end; empty if it has not."""
    if not seen.standing:
        return "the alarm is gone"
    if spec.until is Until.ACKED and seen.acked:
        return "the alarm is acknowledged"
    if spec.longest_ms is not None and held_ms >= spec.longest_ms:
        return f"{spec.longest_ms / 1000:g} s have passed"
    return "" if spec.mode is Mode.ON else "it was switched off"


def _failed(spec: ReactionSpec, state: ReactionState, seen: Seen, now: Stamp) -> Step:
    """It has given up, and nobody knows whether the output took the value: it ends as one that is on."""
    if seen.hand:
        return _yield(state, f"{seen.hand} has written the output", now)
    why = _over(spec, seen, 0 if state.since is None else state.since.passed_ms(now))
    return _end(state, why, now, gone=not seen.standing) if why else Step(state)


def _end(state: ReactionState, why: str, now: Stamp, *, gone: bool) -> Step:
    if state.owes is None:
        return Step(replace(state.moved(Phase.SPENT, now, why), ended=Since.of(now)), told=(Told(Result.ENDED, why),))
    ending = replace(state.moved(Phase.ENDING, now, why), gone=gone)
    return _attempt(ending, Act.RESET, state.owes, now, (Told(Result.ENDING, why),))


def _ended(state: ReactionState, now: Stamp) -> ReactionState:
    """The output is switched back. The alarm that it was for may be over, and another one stand."""
    phase = Phase.IDLE if state.gone else Phase.SPENT
    return replace(state.moved(phase, now, "ended"), owes=None, ended=Since.of(now), gone=False)


def _ending(state: ReactionState, seen: Seen, now: Stamp) -> Step:
    """What was switched on must go off again: tried ever more rarely, told when it will not, and left only to a person's hand."""
    if seen.hand:
        return _yield(state, f"{seen.hand} has written the output", now)
    state = state if seen.standing or state.gone else replace(state, gone=True)
    if state.owes is None or (seen.shows is not None and seen.shows == state.owes.reset):
        return Step(_ended(state, now), told=(Told(Result.ENDED, "the output shows the reset value"),))
    if not _may_try(state, now):
        return Step(state)
    told = (Told(Result.CANNOT_BE_ENDED, state.why),) if state.tries == REACTION_END_TRIES else ()
    return _attempt(state, Act.RESET, state.owes, now, told)


def _yield(state: ReactionState, why: str, now: Stamp) -> Step:
    given = replace(state.moved(Phase.YIELDED, now, why), owes=None, ended=Since.of(now))
    return Step(given, told=(Told(Result.YIELDED, why),))


def after_write(state: ReactionState, act: Act, fate: Fate, detail: str, now: Stamp) -> Step:
    """What a write came to. A doubtful one is looked at before another is made: the output may show it by then."""
    why = f"{fate.value}: {detail}" if detail else fate.value
    if act is Act.WRITE and state.phase is Phase.STARTING:
        if fate is Fate.DONE:
            return Step(state.moved(Phase.ON, now), told=(Told(Result.ON),))
        touched = state.touched or fate.acted
        after = replace(state, why=why, touched=touched, owes=state.owes if touched else None)
        return Step(after, told=(Told(Result.NOT_ON, why),))
    if act is Act.RESET and state.phase is Phase.ENDING:
        if fate is Fate.DONE:
            return Step(_ended(state, now), told=(Told(Result.ENDED),))
        told = (Told(Result.NOT_ENDED, why),) if state.tries <= REACTION_END_TRIES else ()
        return Step(replace(state, why=why), told=told)
    return Step(state)


def hold(state: ReactionState, by: str, now: Stamp) -> Step:
    """A person takes the reaction out of action; its output stays as it is and is theirs."""
    if state.held_by:
        return Step(state)
    return Step(replace(state.moved(Phase.YIELDED, now, "held"), held_by=by, owes=None), told=(Told(Result.HELD),))


def release(state: ReactionState) -> Step:
    """It may act again, from the next alarm on."""
    return Step(replace(state, held_by=""), told=(Told(Result.RELEASED),)) if state.held_by else Step(state)


def stop(state: ReactionState, now: Stamp) -> Step:
    """A person ends it now; it begins again with the next alarm. One that could not be ended is tried again at once."""
    if state.phase in (Phase.STARTING, Phase.ON) or (state.phase in (Phase.FAILED, Phase.ENDING) and state.owes is not None):
        return _end(replace(state, held_by=""), "stopped by hand", now, gone=state.gone)
    return Step(state)


def orphaned(state: ReactionState, now: Stamp) -> Step:
    """Its row is gone from the configuration: what it has switched is still switched back."""
    if state.owes is None:
        return Step(state.moved(Phase.SPENT, now))
    if state.phase is Phase.ENDING:
        return Step(state)
    ending = state.moved(Phase.ENDING, now, "removed from the configuration")
    return _attempt(ending, Act.RESET, state.owes, now, (Told(Result.ENDING, "it was removed from the configuration"),))


def resumed(state: ReactionState, now: Stamp) -> ReactionState:
    """After a restart: a write under way then may have arrived. A round is waited for, to see it, before another is made.

    From here on all times run by this boot's clock: a machine that wakes up in 1970 keeps no pause for ever.
    """
    starts = tuple(at.here(now) for at in state.starts)
    ended = None if state.ended is None else state.ended.here(now)
    since = None if state.since is None else state.since.here(now)
    state = replace(state, starts=starts, ended=ended, since=since)
    if state.phase in (Phase.STARTING, Phase.ENDING):
        # what could not be ended is told again: nobody has heard of it from this boot
        tries = 0 if state.phase is Phase.ENDING else state.tries
        return replace(state, since=Since.of(now), tries=tries, wait_ms=REACTION_CHECK_MS, touched=True)
    return state


def body_of(state: ReactionState) -> bytes:
    """For keeping; empty if there is nothing to remember."""
    if state == ReactionState():
        return b""
    owes = state.owes
    kept: dict[str, JsonValue] = {
        "phase": state.phase.value,
        "since": None if state.since is None else state.since.body(),
        "tries": state.tries,
        "starts": [at.body() for at in state.starts],
        "ended": None if state.ended is None else state.ended.body(),
        "held_by": state.held_by,
        "why": state.why,
        "touched": state.touched,
        "gone": state.gone,
        "owes": None if owes is None else [owes.target.device, owes.target.point, owes.value, owes.reset],
    }
    return orjson.dumps(kept)


def state_of(body: bytes) -> ReactionState:
    """As kept; a fresh one where it cannot be read."""
    try:
        kept = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ReactionState()
    match kept:
        case {
            "phase": str(phase),
            "since": since,
            "tries": int(tries),
            "starts": [*starts],
            "ended": ended,
            "held_by": str(held_by),
            "why": str(why),
            "touched": bool(touched),
            "owes": owes,
        } if phase in tuple(Phase):
            known = tuple(at for one in starts if (at := Since.read(one)) is not None)
            return ReactionState(
                Phase(phase),
                Since.read(since),
                tries,
                0,
                known,
                Since.read(ended),
                held_by,
                why,
                _debt_of(owes),
                touched,
                kept.get("gone") is True,
            )
        case _:
            return ReactionState()


def _debt_of(body: JsonValue) -> Debt | None:
    match body:
        case [str(device), str(point), (bool() | int() | float() | str()) as value, (bool() | int() | float() | str()) as reset]:
            return Debt(PointRef(DeviceName(device), PointName(point)), value, reset)
        case _:
            return None
