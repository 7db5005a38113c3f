"""Commands from the platform: judged, recorded, carried out once, and answered. What a command does, its handler knows.

The order is what makes it safe: allowed by the configuration, fresh by a clock that can be trusted, never seen before; then the
id and the audit row become durable together; only then does anything happen. A crash in between leaves a command that was
accepted and perhaps not carried out, never one that is carried out twice; the next start answers it.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Protocol

import orjson
import structlog

from edgeguard.control import Call, Handler
from edgeguard.control.command_views import BarrierView
from edgeguard.control.commands import COMMANDS
from edgeguard.control.errors import BadArguments, UnknownName, code_of
from edgeguard.control.message import check_arguments
from edgeguard.control.peer import Peer
from edgeguard.control.views import WriteView
from edgeguard.core.afar_limits import (
    COMMAND_ARGUMENT_KEPT,
    COMMAND_FUTURE_S,
    COMMAND_IDS,
    COMMAND_MAX_TTL_S,
    COMMAND_REFUSALS_PER_MINUTE,
    COMMANDS_WAITING,
)
from edgeguard.core.clock import Clock
from edgeguard.core.command import Command, Outcome, Refusal, ReplyTo
from edgeguard.core.errors import CommandRefused, EdgeguardError, RolledBack, StoreError, WriteRefused
from edgeguard.core.gate_list import without_plates
from edgeguard.core.limits import AUDIT_WITHIN_S, COMMAND_IDS_KEPT, MESSAGE_MAX_BYTES
from edgeguard.core.rule_state import RuleState
from edgeguard.runtime.late_answers import Answer, LateAnswers
from edgeguard.store import Batch, audit_body

_log = structlog.get_logger()

OWNER: Final = "commands"
"""Of the states of commands under way: by their ids, where each is to be answered."""
_BY: Final = "platform"
_UNRECORDED: Final = "not-recorded"
_BROKEN_OFF: Final = "broken-off"
_PERHAPS: Final = "it may or may not have been carried out"
_MINUTE_MS: Final = 60_000
_FOLDERS: Final = re.compile(r"(?<![\w./:])/(?:[\w.@+-]+/)+")
"""The folders of an absolute path; a URL and a topic are none."""
_REFUSED: Final = (CommandRefused, WriteRefused, UnknownName, BadArguments)


class _Platform(Peer):
    """Who asks when no process of this machine does."""

    __slots__ = ()

    @property
    def user(self) -> str:
        return _BY


PLATFORM: Final = _Platform(pid=0, uid=-1, gid=-1)


@dataclass(frozen=True, slots=True)
class CommandCall(Call):
    """A command as its handler gets it: a call of the platform, and the command behind it."""

    command: Command


class Remembers(Protocol):
    """The store as this sees it."""

    async def put(self, batch: Batch) -> object:
        """Make a batch durable. StoreError if the disk does not take it. Who waits no longer does not take it back."""
        ...

    def submit(self, batch: Batch) -> None:
        """Make it durable some time, behind everything that was handed in before."""
        ...

    async def load_commands(self) -> dict[str, int]:
        """Ids of accepted commands, with the wall time until which they count. StoreError while they cannot be read."""
        ...


class Commander:
    """Takes commands from the uplink, at most COMMANDS_WAITING at once. `counts` tells outcomes and codes of refusals."""

    def __init__(self, store: Remembers, clock: Clock, answer: Answer) -> None:
        self.allowed: frozenset[str] = frozenset()
        self.counts: Counter[str] = Counter()
        self._store = store
        self._clock = clock
        self.on_refused: Callable[[str, str], None] | None = None
        """Hears the code and the command of every refusal."""
        self._answers = LateAnswers(answer)
        self._handlers: Mapping[str, Handler] = {}
        self._queue: asyncio.Queue[Command] = asyncio.Queue(COMMANDS_WAITING)
        self._working = 0
        self._ids: dict[str, int] | None = None
        self._held_ms: dict[str, int] = {}
        self._under_way: set[str] = set()
        self._left: set[str] = set()
        self._notes: set[asyncio.Task[None]] = set()
        self._told_since_ms = 0
        self._told = 0

    def equip(self, *handlers: Mapping[str, Handler]) -> None:
        """What carries commands out, by the name of their row in COMMANDS. One that nobody carries out does not exist."""
        self._handlers = {name: handler for table in handlers for name, handler in table.items()}

    def take(self, arrived: Command | Refusal) -> None:
        """A sink for the uplink; never blocks."""
        if isinstance(arrived, Refusal):
            self._refuse(arrived)
        elif self._working + self._queue.qsize() >= COMMANDS_WAITING:
            self._refuse(_refusal(arrived, "busy", f"{COMMANDS_WAITING} commands are under way already"))
        else:
            self._queue.put_nowait(arrived)

    async def run(self) -> None:
        """Carry out what comes, several at a time, until cancelled. A bug in one ends that one, and is in the log."""
        serving: set[asyncio.Task[None]] = set()

        def served(task: asyncio.Task[None]) -> None:
            serving.discard(task)
            if not task.cancelled() and (bug := task.exception()) is not None:
                _log.error("command.bug", command=task.get_name(), exc_info=bug)

        try:
            while True:
                command = await self._queue.get()
                self._working += 1
                task = asyncio.create_task(self._serve(command), name=command.name)
                serving.add(task)
                task.add_done_callback(served)
        finally:
            for task in serving:
                task.cancel()
            await asyncio.gather(*serving, return_exceptions=True)

    async def _serve(self, command: Command) -> None:
        try:
            refusal = await self._judge(command)
            if refusal is not None:
                self._refuse(refusal)
                return
            self._reply(command.reply_to, command.id, Outcome.ACCEPTED)
            self._under_way.add(command.id)
            code, why = "internal-error", "the gateway failed at it, its log says how"
            try:
                await self._carry_out(command)
            except asyncio.CancelledError:
                code, why = _BROKEN_OFF, "broken off"
                self._under_way -= self._left
                raise
            finally:
                self._left.discard(command.id)
                if command.id in self._under_way:
                    self._break_off(command, code, f"{why}: {_PERHAPS}")
        finally:
            self._working -= 1

    def _count(self, word: str) -> None:
        """Under the plain word: JSON takes no member of an enumeration for a key."""
        self.counts[str(word)] += 1

    # -- judging -------------------------------------------------------------------------------------------------------

    async def _judge(self, command: Command) -> Refusal | None:
        """Why it must not be carried out; None once it is recorded."""
        method = COMMANDS.get(command.name)
        if method is None or method.name not in self._handlers:
            return _refusal(command, "unknown-command", "there is no such command")
        if command.name not in self.allowed:
            return _refusal(command, "not-allowed", "the gateway's configuration does not allow this command: [commands] allow")
        if (stale := self._stale(command)) is not None:
            return stale
        try:
            return await self._record(command)
        except StoreError as error:
            return _unrecorded(command, str(error))

    def _stale(self, command: Command) -> Refusal | None:
        now = self._clock.now()
        if not now.synced:
            return _refusal(command, "clock-unsynced", "the gateway's clock is not synchronised: it cannot tell fresh from stale")
        if now.wall_ms >= command.expires_ms:
            age_s = (now.wall_ms - command.issued_ms) / 1000
            return _refusal(command, Outcome.EXPIRED, f"issued {age_s:.1f} s ago, and good for {command.ttl_ms / 1000:g} s")
        if command.issued_ms > now.wall_ms + COMMAND_FUTURE_S * 1000:
            ahead_s = (command.issued_ms - now.wall_ms) / 1000
            return _refusal(command, "future", f"issued {ahead_s:.0f} s from now: one of the two clocks is wrong")
        return None

    async def _record(self, command: Command) -> Refusal | None:
        """Make id and audit row durable, or say why not. From here on the id counts as used, whatever comes of it."""
        if self._ids is None:
            loaded = await self._store.load_commands()
            if self._ids is None:  # another command may have waited for the same, and have been taken since
                self._ids = loaded
                self._hold(loaded)
        now = self._clock.now()
        ids = self._ids
        for seen in [seen for seen, expires_ms in ids.items() if expires_ms < now.wall_ms]:
            # By the steady clock as well: the wall clock may have leapt ahead, and come back.
            if self._held_ms.get(seen, 0) <= now.boot_ms:
                del ids[seen]
                self._held_ms.pop(seen, None)
        if command.id in ids:
            return _refusal(command, "repeated", "a command with this id was taken before: its own answers count")
        if len(ids) >= COMMAND_IDS:
            return _refusal(command, "busy", f"{COMMAND_IDS} commands have not expired yet")
        ids[command.id] = command.expires_ms
        self._held_ms[command.id] = now.boot_ms + max(0, command.expires_ms - now.wall_ms)
        told = {"command": command.name, "id": command.id, "by": _BY, "args": _for_the_record(command), "state": Outcome.ACCEPTED}
        audit = (audit_body(now, orjson.dumps(told)),)
        batch = Batch((), commands=((command.id, command.expires_ms),), audit=audit, states=(_begun(command),))
        try:
            async with asyncio.timeout(AUDIT_WITHIN_S):
                await self._store.put(batch)
        except (TimeoutError, asyncio.CancelledError) as given_up:
            # The batch waits on and may become durable yet: the id stays used, and what became of it follows on its heels.
            stops = isinstance(given_up, asyncio.CancelledError)
            refusal = _unrecorded(command, "the gateway stops" if stops else "the disk takes nothing")
            ended = {"command": command.name, "id": command.id, "by": _BY, "state": Outcome.REFUSED, "error": refusal.message}
            self._store.submit(Batch((), audit=(audit_body(now, orjson.dumps(ended)),), states=(_over(command.id),)))
            if stops:
                self._refuse(refusal)
                raise
            return refusal
        except StoreError:
            # Its time may have passed while the disk was waited for, and it be forgotten already.
            ids.pop(command.id, None)
            self._held_ms.pop(command.id, None)
            raise
        return None

    def _hold(self, loaded: Mapping[str, int]) -> None:
        """By the steady clock the newest ids of earlier runs count as long as any command may: the wall clock may have leapt."""
        now = self._clock.now()
        newest = sorted(loaded, key=lambda seen: -loaded[seen])[:COMMAND_IDS_KEPT]
        for seen in newest:
            left_ms = loaded[seen] - now.wall_ms
            self._held_ms[seen] = now.boot_ms + (left_ms if left_ms > 0 else (COMMAND_MAX_TTL_S + COMMAND_FUTURE_S) * 1000)

    # -- carrying out --------------------------------------------------------------------------------------------------

    async def _carry_out(self, command: Command) -> None:
        if (stale := self._stale(command)) is not None:
            await self._end(command, Outcome.EXPIRED, error=(stale.code, stale.message))
            return
        try:
            result = await self._act(command)
        except _REFUSED as error:
            code = error.code if isinstance(error, CommandRefused) else code_of(error)
            await self._end(command, Outcome.REFUSED, error=(code, str(error)))
        except RolledBack as error:
            await self._end(command, Outcome.ROLLED_BACK, error=(code_of(error), str(error)))
        except EdgeguardError as error:
            await self._end(command, Outcome.FAILED, error=(code_of(error), str(error)))
        else:
            if isinstance(result, WriteView | BarrierView) and not result.verified:
                await self._end(
                    command, Outcome.VERIFY_FAILED, result, ("verify-failed", result.detail or "not read back as written")
                )
            else:
                await self._end(command, Outcome.DONE, result)

    async def _act(self, command: Command) -> object:
        method = COMMANDS[command.name]
        args = dict(command.args)
        if "by" in args:
            raise BadArguments(f"{method.name} has no argument 'by': who asked is not for the asker to say")
        if "by" in method.parameters:
            args["by"] = _BY
        checked = check_arguments(method, args)
        return await self._handlers[method.name](CommandCall(method.name, checked, PLATFORM, may_write=True, command=command))

    async def _end(self, command: Command, state: Outcome, result: object = None, error: tuple[str, str] | None = None) -> None:
        """Answer, and put the outcome on record."""
        self._count(state)
        self._reply(command.reply_to, command.id, state, result, error)
        self._under_way.discard(command.id)  # not before: an answer that cannot be written is a bug, and is answered as one
        told = {"command": command.name, "id": command.id, "by": _BY, "state": state, "error": error and error[1]}
        _log.info("command.ended", command=command.name, id=command.id, state=state.value, error=error and error[1])
        await self._note(told, _over(command.id))

    def _break_off(self, command: Command, code: str, message: str) -> None:
        """It was accepted, and ends without an end: the daemon stops, or a bug has brought it down."""
        self._under_way.discard(command.id)
        self._count(Outcome.FAILED)
        self._reply(command.reply_to, command.id, Outcome.FAILED, error=(code, message))
        told = {"command": command.name, "id": command.id, "by": _BY, "state": Outcome.FAILED, "error": message}
        self._note_aside(told, _over(command.id))

    def leave_to_start(self, command: Command) -> None:
        """Should the daemon stop from now on, its next start ends and answers this one, and not the stop."""
        self._left.add(command.id)

    def end_later(self, command: Command, state: Outcome, why: str, code: str = "") -> None:
        """Answer a command of an earlier run of the daemon, and put its outcome on record."""
        self._count(state)
        self._reply(command.reply_to, command.id, state, error=(code or state.value, why))
        told = {"command": command.name, "id": command.id, "by": _BY, "state": state, "error": why}
        self._note_aside(told, _over(command.id))

    def end_cut_off(self, begun: Mapping[str, bytes], besides: str = "") -> None:
        """Answer what the end of an earlier run has cut off: `begun` are states of OWNER; the command `besides` is another's."""
        for command_id, body in begun.items():
            if command_id != besides:
                self.end_later(_cut_off(command_id, body), Outcome.FAILED, f"the gateway was cut off: {_PERHAPS}", _BROKEN_OFF)

    # -- refusing and answering ----------------------------------------------------------------------------------------

    def _refuse(self, refusal: Refusal) -> None:
        """Count it; answer and record it, unless there have been too many lately."""
        self._count(refusal.code)
        if self.on_refused is not None:
            self.on_refused(refusal.code, refusal.name)
        now = self._clock.now()
        if now.boot_ms - self._told_since_ms >= _MINUTE_MS:
            self._told_since_ms, self._told = now.boot_ms, 0
        self._told += 1
        if self._told > COMMAND_REFUSALS_PER_MINUTE:
            return
        state = Outcome.EXPIRED if refusal.code == Outcome.EXPIRED else Outcome.REFUSED
        _log.warning("command.refused", command=refusal.name, id=refusal.id, code=refusal.code, reason=refusal.message)
        self._reply(refusal.reply_to, refusal.id, state, error=(refusal.code, refusal.message))
        if refusal.code != _UNRECORDED:  # a disk that takes no command takes no note of it either
            self._note_aside({"command": refusal.name, "id": refusal.id, "by": _BY, "state": state, "error": refusal.message})

    def _note_aside(self, told: Mapping[str, object], *states: RuleState) -> None:
        if len(self._notes) >= COMMANDS_WAITING:
            self._count("not-noted")
            return
        task = asyncio.get_running_loop().create_task(self._note(told, *states), name="note for the audit log")
        self._notes.add(task)
        task.add_done_callback(self._notes.discard)

    async def _note(self, told: Mapping[str, object], *states: RuleState) -> None:
        """A further row of the audit log; that the disk does not take it is counted, for what it tells has happened already."""
        shown = {name: without_plates(value) if isinstance(value, str) else value for name, value in told.items()}
        batch = Batch((), audit=(audit_body(self._clock.now(), orjson.dumps(shown)),), states=states)
        try:
            async with asyncio.timeout(AUDIT_WITHIN_S):
                await self._store.put(batch)
        except (StoreError, TimeoutError):
            self._count("not-noted")

    def _reply(
        self,
        reply_to: ReplyTo,
        command_id: str,
        state: Outcome,
        result: object = None,
        error: tuple[str, str] | None = None,
    ) -> None:
        body: dict[str, object] = {"id": command_id, "ok": error is None, "state": state}
        if result is not None:
            body["result"] = result
        if error is not None:
            # whoever asks from afar is told what is wrong, and not where files lie here
            body["error"] = {"code": error[0], "message": _FOLDERS.sub("", error[1])}
        payload = orjson.dumps(body)
        if len(payload) > MESSAGE_MAX_BYTES:
            complaint = {"code": "answer-too-large", "message": f"{state}, but its result has {len(payload)} bytes"}
            payload = orjson.dumps({"id": command_id, "ok": False, "state": state, "error": complaint})
        self._answers.send(reply_to, payload, keep=state is not Outcome.ACCEPTED)


def _refusal(command: Command, code: str, message: str) -> Refusal:
    return Refusal(code, message, command.name, command.reply_to, command.id)


def _begun(command: Command) -> RuleState:
    """It is under way: what a start must know to answer it, should the daemon be killed."""
    told = {"name": command.name, "topic": command.reply_to.topic, "correlation": (command.reply_to.correlation or b"").hex()}
    return RuleState(OWNER, command.id, orjson.dumps(told))


def _over(command_id: str) -> RuleState:
    return RuleState(OWNER, command_id, b"")


def _cut_off(command_id: str, body: bytes) -> Command:
    """A command of which `_begun` tells; without a name and a topic where the disk has changed that."""
    try:
        told = orjson.loads(body)
        name, topic, correlation = str(told["name"]), str(told["topic"]), bytes.fromhex(told["correlation"])
    except (ValueError, KeyError, TypeError):
        name, topic, correlation = "?", "", b""
    return Command(name, command_id, 0, 0, {}, ReplyTo(topic, correlation or None))


def _unrecorded(command: Command, why: str) -> Refusal:
    return _refusal(command, _UNRECORDED, f"nothing was done, because nobody would know: {why}")


def _for_the_record(command: Command) -> dict[str, object]:
    """The arguments as the audit log keeps them: of a long text its digest, of what tells of residents its length, no plate."""
    parameters = COMMANDS[command.name].parameters if command.name in COMMANDS else {}
    # What is no argument of the command may be one that was misspelt: nobody can say whom it tells of.
    private = {name for name in command.args if name not in parameters or parameters[name].private}
    kept: dict[str, object] = {name: _shortened(value) for name, value in command.args.items() if name not in private}
    return kept | {name: {"chars": len(str(command.args[name]))} for name in sorted(private & command.args.keys())}


def _shortened(value: object) -> object:
    if not isinstance(value, str):
        return value
    if len(value) <= COMMAND_ARGUMENT_KEPT:
        return without_plates(value)
    data = value.encode()
    return {"bytes": len(data), "sha256": sha256(data).hexdigest()}
