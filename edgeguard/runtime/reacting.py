"""Reactions at run time: looks at alarms and outputs, lets each reaction take its step, writes through the one way that writes go.

What a reaction is about to do is durable before it does it, and what came of it after; nothing here needs a network. A disk that
does not take the record in time holds nothing back: the record stands in memory, in its turn.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import structlog

from edgeguard.config.mistakes import did_you_mean
from edgeguard.control.errors import BadArguments, UnknownName
from edgeguard.core.alarm import AlarmChange, AlarmState
from edgeguard.core.errors import EdgeguardError, StoreError
from edgeguard.core.fate import Fate
from edgeguard.core.health import Health
from edgeguard.core.ids import AlarmName, DeviceName, ReactionName
from edgeguard.core.interlock import Interlock, PointRef
from edgeguard.core.item import Item
from edgeguard.core.point import Labels, Value
from edgeguard.core.quality import Fault
from edgeguard.core.reaction import Act, Mode, Phase, ReactionSpec, ReactionState, Result, Seen, Step, Told
from edgeguard.core.rule_limits import (
    REACTION_ASK_S,
    REACTION_ASKED_MAX,
    REACTION_LOOK_S,
    REACTION_MANUAL_MS,
)
from edgeguard.core.rule_state import RuleState
from edgeguard.rules.items import command_item
from edgeguard.rules.reaction import after_write, body_of, hold, orphaned, release, resumed, state_of, step_reaction, stop
from edgeguard.runtime.gateway import Gateway
from edgeguard.runtime.writing import Wish, Writing
from edgeguard.store import Batch

_log = structlog.get_logger()
_NO_ALARM: Final = AlarmName("")
OWNER: Final = "reactions"
_CODE: Final = "reaction-failed"
_TROUBLE: Final[Mapping[Result, Labels]] = {
    Result.GAVE_UP: Labels(zh="联动失败,已放弃", en="a reaction could not act and has given up"),
    Result.CANNOT_BE_ENDED: Labels(zh="联动输出无法复位", en="an output that a reaction has switched cannot be switched back"),
}
_RECOVERED: Final = (Result.ON, Result.ENDED, Result.YIELDED, Result.HELD)
_TAKEN: Final = Labels(zh="联动输出已由人工接管", en="a person has taken the output of the reaction")
_WELL: Final = Labels(zh="联动恢复正常", en="the reaction works again")


@dataclass(slots=True)
class _Course:
    """One reaction as it runs. `acted_ms`: boot time of its last write's end; `lock` is held from look to write, disk included."""

    state: ReactionState
    acted_ms: int = -1
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Reacting:
    """All reactions of one daemon. `run` until cancelled; started again it goes on where it was."""

    def __init__(self, gateway: Gateway, writing: Writing) -> None:
        self._gateway = gateway
        self._writing = writing
        self._asked: set[asyncio.Task[str]] = set()
        self._courses: dict[ReactionName, _Course] = {}
        self._stirred = asyncio.Event()
        self._ailing: set[ReactionName] = set()
        gateway.pipeline.on_change.append(self._hear)

    def load(self, states: Mapping[str, bytes]) -> None:
        """What was remembered, as the store has it."""
        now = self._gateway.clock.now()
        for name, body in states.items():
            self._courses[ReactionName(name)] = _Course(resumed(state_of(body), now), now.boot_ms)

    def keep(self) -> None:
        """Hand the store every state: it has begun a new file and knows of none."""
        states = tuple(self._kept(name, course.state) for name, course in self._courses.items() if body_of(course.state))
        if states:
            self._gateway.store.submit(Batch((), states=states))

    async def run(self) -> None:
        """Look once a second, and whenever an alarm changes; several outputs may be written at the same time."""
        async with asyncio.TaskGroup() as writes:
            while True:
                self._stirred.clear()
                for name in self._names():
                    if not self._course(name).lock.locked():
                        writes.create_task(self._look(name), name=f"reaction {name}")
                try:
                    async with asyncio.timeout(REACTION_LOOK_S):
                        await self._stirred.wait()
                except TimeoutError:
                    pass

    # -- what people ask ------------------------------------------------------------------------------------------------

    def all(self) -> tuple[tuple[ReactionSpec, ReactionState], ...]:
        """Every reaction of the configuration with its state."""
        return tuple((spec, self._course(spec.name).state) for spec in self._gateway.site.reactions)

    async def ask(self, name: ReactionName, action: str, by: str) -> tuple[ReactionSpec, ReactionState, str]:
        """hold, release, stop or test. UnknownName, BadArguments; StoreError if it cannot be put on record, or not yet."""
        spec = self._spec(name)
        if spec is None:
            near = did_you_mean(name, (one.name for one in self._gateway.site.reactions))
            raise UnknownName(f"there is no reaction {name}{near}")
        course = self._course(name)
        if action == "test":
            return spec, course.state, await self._verdict(spec)
        if action not in {"hold", "release", "stop"}:
            raise BadArguments(f"{action} is none of hold, release, stop, test")
        if len(self._asked) >= REACTION_ASKED_MAX:
            raise StoreError(f"{len(self._asked)} requests wait already: the disk takes nothing")
        deed = asyncio.create_task(self._do(spec, course, action, by), name=f"{action} {name}")
        self._asked.add(deed)
        deed.add_done_callback(self._done)
        try:
            async with asyncio.timeout(REACTION_ASK_S):
                said = await asyncio.shield(deed)
        except TimeoutError:
            why = f"reaction {name} is busy, or the disk takes nothing: {action} is carried out after that"
            raise StoreError(why) from None
        return spec, course.state, said

    def _done(self, deed: asyncio.Task[str]) -> None:
        self._asked.discard(deed)
        if not deed.cancelled() and (error := deed.exception()) is not None:
            _log.warning("reaction.not-done", asked=deed.get_name(), error=str(error))

    async def _do(self, spec: ReactionSpec, course: _Course, action: str, by: str) -> str:
        """What somebody has asked for, once whatever is under way has ended."""
        async with course.lock:
            now = self._gateway.clock.now()
            match action:
                case "hold":
                    step = hold(course.state, by, now)
                case "release":
                    step = release(course.state)
                case _:
                    step = stop(course.state, now)
            if step.state is course.state:
                return "nothing to do"
            await self._take(spec.name, spec.target, course, step, by, spec.value)
        return ""

    async def _verdict(self, spec: ReactionSpec) -> str:
        """What it would do now, and what would hinder it; nothing is written."""
        unmet = await self._writing.unmet(Interlock(spec.requires)) if spec.requires else ""
        hindered = unmet or await self._forbidden(spec)
        would = f"would write {spec.value!r} to {spec.target}"
        if spec.mode is not Mode.ON:
            would += f", if its mode were on (it is {spec.mode.value})"
        return f"{would}; now it would be refused: {hindered}" if hindered else would

    async def _forbidden(self, spec: ReactionSpec) -> str:
        """Why the output's own interlock, its rate or its absence would refuse the write now; empty if it would be sent."""
        try:
            return await self._writing.forbids(Wish(spec.target.device, spec.target.point, spec.value))
        except UnknownName as gone:
            return str(gone)

    async def _locked(self, spec: ReactionSpec) -> str:
        """Why the output's interlock holds the start back. What nobody knows does not: the write finds out, and says so."""
        try:
            return await self._writing.locked(Wish(spec.target.device, spec.target.point, spec.value))
        except UnknownName:
            return ""

    # -- looking --------------------------------------------------------------------------------------------------------

    def _names(self) -> tuple[ReactionName, ...]:
        """Those of the configuration, and those that are gone and still owe something."""
        return tuple(dict.fromkeys((*(spec.name for spec in self._gateway.site.reactions), *self._courses)))

    def _spec(self, name: ReactionName) -> ReactionSpec | None:
        return next((spec for spec in self._gateway.site.reactions if spec.name == name), None)

    def _course(self, name: ReactionName) -> _Course:
        return self._courses.setdefault(name, _Course(ReactionState()))

    async def _look(self, name: ReactionName) -> None:
        """One step of one reaction, with the write that it wants."""
        course = self._course(name)
        if course.lock.locked():
            return
        async with course.lock:
            spec = self._spec(name)
            if spec is None:
                await self._wind_up(name, course)
                return
            step = step_reaction(spec, course.state, await self._seen(spec, course), self._gateway.clock.now())
            if course.state.owes is not None and course.state.owes.target != spec.target:
                step = orphaned(course.state, self._gateway.clock.now())
            await self._take(name, spec.target, course, step, f"reaction {name}", spec.value)

    async def _wind_up(self, name: ReactionName, course: _Course) -> None:
        """A reaction that is gone from the configuration gives back what it has switched, and is forgotten."""
        now = self._gateway.clock.now()
        owes = course.state.owes
        if owes is None:
            if body_of(course.state):
                self._gateway.store.submit(Batch((), states=(RuleState(OWNER, name, b""),)))
            del self._courses[name]
            return
        if course.state.phase is Phase.ENDING:
            alone = ReactionSpec(name, _NO_ALARM, owes.target, owes.value, owes.reset, Mode.ON)
            seen = Seen(standing=False, shows=self._shows(owes.target, course), hand=self._hand(alone, course))
            step = step_reaction(alone, course.state, seen, now)
        else:
            step = orphaned(course.state, now)
        await self._take(name, owes.target, course, step, f"reaction {name}", owes.value)

    async def _take(self, name: ReactionName, target: PointRef, course: _Course, step: Step, by: str, value: Value) -> None:
        """Put the step on record, then do what it wants: durable before, unless the disk does not take it in time."""
        if step.state == course.state and not step.told:
            return
        batch = Batch(tuple(self._record(target, told, by, value) for told in step.told), states=(self._kept(name, step.state),))
        if step.act is None and by.startswith("reaction ") and not step.told:
            self._gateway.store.submit(batch)
        else:
            await self._writing.record_first.within(batch)
        course.state = step.state
        self._tell(name, step, by)
        if step.act is not None:
            await self._act(name, target, course, step.act, value)

    async def _act(self, name: ReactionName, target: PointRef, course: _Course, act: Act, value: Value) -> None:
        owes = course.state.owes
        if act is Act.RESET:
            if owes is None:
                return
            target, value = owes.target, owes.reset
        try:
            (end,) = await self._writing.carry_out((Wish(target.device, target.point, value),), f"reaction {name}", urgent=True)
            fate, detail = end.fate, end.detail
        except EdgeguardError as error:  # the device is gone: nothing was sent
            fate, detail = Fate.NOT_SENT, str(error)
        course.acted_ms = self._gateway.clock.now().boot_ms
        self._came_of(name, target, course, act, value, fate, detail)

    def _came_of(
        self, name: ReactionName, target: PointRef, course: _Course, act: Act, value: Value, fate: Fate, detail: str
    ) -> None:
        """Keep and record what a write came to."""
        by = f"reaction {name}"
        step = after_write(course.state, act, fate, detail, self._gateway.clock.now())
        course.state = step.state
        items = tuple(self._record(target, told, by, value) for told in step.told)
        self._gateway.store.submit(Batch(items, states=(self._kept(name, step.state),)))
        self._tell(name, step, by)

    def _tell(self, name: ReactionName, step: Step, by: str) -> None:
        """The log, and news for people where a reaction fails, or works again after that."""
        for told in step.told:
            _log.info("reaction.moved", reaction=name, result=told.result.value, detail=told.detail, by=by)
            if told.result in _TROUBLE:
                self._ailing.add(name)
                self._news(name, _TROUBLE[told.result], told.detail, ok=False)
            elif told.result in _RECOVERED and name in self._ailing:
                self._ailing.discard(name)
                by_hand = told.result in (Result.YIELDED, Result.HELD)
                self._news(name, _TAKEN if by_hand else _WELL, told.detail, ok=True)

    def _news(self, name: ReactionName, text: Labels, detail: str, ok: bool) -> None:
        self._gateway.pipeline.health(Health(f"reaction.{name}", _CODE, ok=ok, text=text, detail=detail))

    # -- what a step is shown -------------------------------------------------------------------------------------------

    async def _seen(self, spec: ReactionSpec, course: _Course) -> Seen:
        standing, acked = self._alarm(spec, begun=course.state.phase is not Phase.IDLE)
        unmet = ""
        if course.state.phase is Phase.IDLE and standing:
            if spec.requires:
                unmet = await self._writing.unmet(Interlock(spec.requires))
            if spec.mode is not Mode.OFF and not unmet:
                unmet = await (self._forbidden(spec) if spec.mode is Mode.TEST else self._locked(spec))
        shows, hand = self._shows(spec.target, course), self._hand(spec, course)
        return Seen(standing=standing, acked=acked, shows=shows, hand=hand, unmet=unmet)

    def _alarm(self, spec: ReactionSpec, begun: bool) -> tuple[bool, bool]:
        """Whether the alarm's condition is held to be true, and whether somebody has acknowledged it.

        What a person has shelved or taken out of service does not stand; what is only kept from people (by a flood, by a parent)
        does. What stood before a restart begins nothing before its device has been heard.
        """
        record = self._gateway.pipeline.records.get(DeviceName(spec.alarm.partition(".")[0]))
        if record is None or (record.at is None and not begun):
            return False, False
        for rule, alarm in zip(record.rules.alarms, record.state.alarms, strict=True):
            if rule.name == spec.alarm:
                withheld = alarm.state in (AlarmState.SHELVED, AlarmState.OUT_OF_SERVICE)
                return alarm.standing and not withheld, alarm.life is AlarmState.ACKED
        return False, False

    def _shows(self, target: PointRef, course: _Course) -> Value | None:
        """What the output shows by a round that began after the last write: the one before may have been under way."""
        record = self._gateway.pipeline.records.get(target.device)
        if record is None:
            return None
        for point, outcome, good_at in zip(record.rules.points, record.outcomes, record.good_at, strict=True):
            if point.name == target.point:
                fresh = good_at is not None and good_at.boot_ms > course.acted_ms + record.spec.period_ms
                return outcome if fresh and not isinstance(outcome, Fault) else None
        return None

    def _hand(self, spec: ReactionSpec, course: _Course) -> str:
        """Who else has written the output: since this reaction did, or lately where it has not begun."""
        hand = self._writing.hands.get(spec.target)
        if hand is None or hand.by.startswith("reaction "):
            return ""
        since_ms = course.acted_ms
        if course.state.phase is Phase.IDLE:
            since_ms = max(since_ms, self._gateway.clock.now().boot_ms - REACTION_MANUAL_MS)
        return hand.by if hand.at_ms > since_ms else ""

    def _record(self, target: PointRef, told: Told, by: str, value: Value) -> Item:
        return command_item("reaction", str(target), self._gateway.clock.now(), by, told.result.value, value, detail=told.detail)

    @staticmethod
    def _kept(name: ReactionName, state: ReactionState) -> RuleState:
        return RuleState(OWNER, name, body_of(state))

    def _hear(self, change: AlarmChange) -> None:
        if any(spec.alarm == change.rule.name for spec in self._gateway.site.reactions):
            self._stirred.set()
