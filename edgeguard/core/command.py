"""A command from the platform: what arrived is a value, what becomes of it is told in a word."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from edgeguard.core.json_value import JsonValue


class CommandName(StrEnum):
    """The commands there are; each works only where `[commands] allow` names it."""

    READ = "read"
    WRITE = "write"
    ACK = "ack"
    REACTION = "reaction"
    SHELVE = "shelve"
    UNSHELVE = "unshelve"
    OUT_OF_SERVICE = "out-of-service"
    IN_SERVICE = "in-service"
    BARRIER = "barrier"
    GATE_LIST = "gate.list"
    CONFIG_GET = "config.get"
    CONFIG_PUT = "config.put"
    DIAG = "diag"
    HISTORY_RATE = "history.rate"
    RELOAD = "reload"
    RESTART = "restart"
    SNAPSHOT = "snapshot"


class Outcome(StrEnum):
    """What became of a command: the word in its replies and in the audit log."""

    ACCEPTED = "accepted"
    DONE = "done"
    REFUSED = "refused"
    EXPIRED = "expired"
    FAILED = "failed"
    ROLLED_BACK = "rolled-back"
    """A configuration was tried and taken back: what was in force before is again."""
    VERIFY_FAILED = "verify-failed"
    """It was carried out, but the device does not show what was written; the value read back is in the result."""


@dataclass(frozen=True, slots=True)
class ReplyTo:
    """Where answers go: a topic below the gateway's own root, and the asker's correlation data, echoed."""

    topic: str
    correlation: bytes | None = None


@dataclass(frozen=True, slots=True)
class Command:
    """One command as it arrived, its form checked: `issued_ms` is wall time, it is worthless `ttl_ms` later."""

    name: str
    id: str
    issued_ms: int
    ttl_ms: int
    args: Mapping[str, JsonValue]
    reply_to: ReplyTo

    @property
    def expires_ms(self) -> int:
        """Wall time from which on it must not be carried out any more."""
        return self.issued_ms + self.ttl_ms


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message on a command topic that is none: a stable code and a sentence. `id` as far as it could be read."""

    code: str
    message: str
    name: str
    reply_to: ReplyTo
    id: str = ""
