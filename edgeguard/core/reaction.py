"""Local reaction: an alarm that acts on an output. What the site says of it, and what is remembered of it."""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from edgeguard.core.clock import Stamp, passed_ms
from edgeguard.core.ids import AlarmName, BootId, ReactionName
from edgeguard.core.interlock import PointRef, Requirement
from edgeguard.core.json_value import JsonValue
from edgeguard.core.point import Value


class Mode(StrEnum):
    """Whether a reaction acts: not at all, not but says what it would do, or really."""

    OFF = "off"
    TEST = "test"
    ON = "on"


class Until(StrEnum):
    """When it ends: once the condition is gone, or as soon as somebody has acknowledged the alarm."""

    NORMAL = "normal"
    ACKED = "acked"


@dataclass(frozen=True, slots=True)
class ReactionSpec:
    """While `alarm` stands, `target` is to have `value`; at the end `reset`, or it is left as it is where that is None.

    `requires` must hold on fresh values when it starts, beside the target's own interlock. `longest_ms`: it ends after that even
    if the alarm stands. `retries`: writes after the first that may go wrong before it gives up.
    """

    name: ReactionName
    alarm: AlarmName
    target: PointRef
    value: Value
    reset: Value | None = None
    mode: Mode = Mode.OFF
    until: Until = Until.NORMAL
    requires: tuple[Requirement, ...] = ()
    min_on_ms: int = 0
    min_off_ms: int = 0
    per_hour: int = 6
    longest_ms: int | None = None
    retries: int = 3


class Phase(StrEnum):
    """Where a reaction is."""

    IDLE = "idle"
    STARTING = "starting"
    """The value is to be written, or it is not known yet whether it was taken."""
    ON = "on"
    ENDING = "ending"
    """The reset value is to be written."""
    SPENT = "spent"
    """It has ended (or been tested) while the alarm still stands; the next time begins with the next alarm."""
    YIELDED = "yielded"
    """A person has taken the output; it is theirs until the alarm is gone."""
    FAILED = "failed"
    """It has given up; the next time begins with the next alarm. What it may have switched is switched back at its end."""


@dataclass(frozen=True, slots=True)
class Since:
    """A moment that can be measured from after a restart: by boot time within one boot, else by a wall clock that was trusted."""

    wall_ms: int
    boot_ms: int
    boot: str
    synced: bool = True

    @classmethod
    def of(cls, at: Stamp) -> "Since":
        """This moment."""
        return cls(at.wall_ms, at.boot_ms, at.boot, at.synced)

    def passed_ms(self, now: Stamp) -> int:
        """How long ago; never negative."""
        return passed_ms(Stamp(self.wall_ms, self.boot_ms, BootId(self.boot), self.synced), now)

    def here(self, now: Stamp) -> "Since":
        """The same moment by the boot time of `now`, from which on no wall clock that is wrong or set later can move it."""
        ago_ms = self.passed_ms(now)
        return Since(now.wall_ms - ago_ms, now.boot_ms - ago_ms, now.boot, now.synced)

    def body(self) -> list[JsonValue]:
        """For keeping."""
        return [self.wall_ms, self.boot_ms, self.boot, self.synced]

    @classmethod
    def read(cls, body: JsonValue) -> "Since | None":
        """As kept."""
        match body:
            case [int(wall_ms), int(boot_ms), str(boot), bool(synced)]:
                return cls(wall_ms, boot_ms, boot, synced)
            case [int(wall_ms), int(boot_ms), str(boot)]:
                return cls(wall_ms, boot_ms, boot)
            case _:
                return None


@dataclass(frozen=True, slots=True)
class ReactionState:
    """What is remembered. `tries`: writes of this phase so far; `wait_ms`: none before so long after `since`.

    `starts`: when it began lately, oldest first; `ended`: when it ended last. `held_by`: who has taken it out of action.
    `owes`: the output that it has switched and must switch back, with the value to write, also when its rows are gone.
    """

    phase: Phase = Phase.IDLE
    since: Since | None = None
    tries: int = 0
    wait_ms: int = 0
    starts: tuple[Since, ...] = ()
    ended: Since | None = None
    held_by: str = ""
    why: str = ""
    owes: "Debt | None" = None
    touched: bool = False
    """A write since the start may have reached the output."""
    gone: bool = False
    """The alarm has been gone since the start: if it stands again by the time the output is switched back, it begins anew."""

    def moved(self, phase: Phase, now: Stamp, why: str = "") -> "ReactionState":
        """In another phase from now on."""
        return replace(self, phase=phase, since=Since.of(now), tries=0, wait_ms=0, why=why)


@dataclass(frozen=True, slots=True)
class Debt:
    """An output that a reaction has switched, what it was switched to, and what it is to be switched back to."""

    target: PointRef
    value: Value
    reset: Value


@dataclass(frozen=True, slots=True)
class Seen:
    """What a step is shown. `standing`: the alarm's condition is held to be true; `acked`: somebody has acknowledged it.

    `shows`: what the output shows by a reading later than the last write of this reaction, None if there is none yet.
    `hand`: who else has written the output since (or shortly before it would start); empty for nobody.
    `unmet`: why the reaction's own conditions do not hold now; empty if they do.
    """

    standing: bool
    acked: bool = False
    shows: Value | None = None
    hand: str = ""
    unmet: str = ""


class Act(StrEnum):
    """What a step wants done."""

    WRITE = "write"
    RESET = "reset"


class Result(StrEnum):
    """What happened to a reaction: the word in its records."""

    TEST = "test"
    """It would have started, were it not in test."""
    WAITING = "waiting"
    """The alarm stands, and something forbids it to start yet."""
    NOTHING_TO_DO = "nothing-to-do"
    STARTED = "started"
    ON = "on"
    NOT_ON = "not-on"
    """A write went wrong; another one follows, or it gives up."""
    GAVE_UP = "gave-up"
    ENDING = "ending"
    ENDED = "ended"
    NOT_ENDED = "not-ended"
    CANNOT_BE_ENDED = "cannot-be-ended"
    """Many writes of the reset value went wrong; it goes on trying."""
    YIELDED = "yielded"
    HELD = "held"
    RELEASED = "released"


@dataclass(frozen=True, slots=True)
class Told:
    """What goes on record: a word for what happened, and why."""

    result: Result
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """The state after a look, what is to be done, and what is to be recorded before it is done."""

    state: ReactionState
    act: Act | None = None
    told: tuple[Told, ...] = field(default=())
