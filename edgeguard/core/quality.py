"""Why a value is missing or old. A failed poll is data: a Fault stands where the value would stand."""

from dataclasses import dataclass
from enum import StrEnum


class Quality(StrEnum):
    """What a reading is worth."""

    GOOD = "good"
    STALE = "stale"
    BAD = "bad"


class Reason(StrEnum):
    """Causes of a BAD reading, in the words that telemetry's `bad` map and the CLI use."""

    NO_CONNECTION = "no-connection"
    TIMEOUT = "timeout"
    EXCEPTION = "exception"
    REFUSED = "refused"
    """The device refuses this very register for good (Modbus exception 2 or 3)."""
    SHORT_ANSWER = "short-answer"
    WRONG_UNIT = "wrong-unit"
    WRONG_FUNCTION = "wrong-function"
    WRONG_TRANSACTION = "wrong-transaction"
    CHECKSUM = "checksum"
    GARBAGE = "garbage"
    OUT_OF_RANGE = "out-of-range"
    NO_VALUE = "no-value"
    """The device itself says that it has no value (sentinel, NaN)."""
    UNDECODABLE = "undecodable"
    NOT_POLLED = "not-polled"
    """Nothing was asked: the device is backed off, or the first poll is still to come."""
    NOT_DUE = "not-due"
    """Not asked in this round on purpose: the point has a slower pace of its own, and what was known before still holds."""
    CANCELLED = "cancelled"
    STALE = "stale"
    """There was a good value, but no poll round has ended for too long."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Stands in a value's place: the reason, and a detail for people (`exception 4, slave device failure`)."""

    reason: Reason
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.reason.value}: {self.detail}" if self.detail else self.reason.value
