"""DL/T 645 requests and answers in the form in which they pass a bus: control code, then the data without its 33H.

Source: DL/T 645-2007, 7 (control codes, error word) and -1997, as public implementations agree on them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Final

from edgeguard.codec.dlt645_framing import MORE_BIT
from edgeguard.codec.meter_frame import ERROR_BIT
from edgeguard.codec.meter_value import moment_bytes
from edgeguard.core.limits import DLT645_MAX_ASSEMBLED_BYTES
from edgeguard.core.meter import Edition
from edgeguard.core.quality import Fault, Reason

READ: Final[Mapping[Edition, int]] = {Edition.Y2007: 0x11, Edition.Y1997: 0x01}
READ_ON: Final[Mapping[Edition, int]] = {Edition.Y2007: 0x12, Edition.Y1997: 0x02}
WRITE: Final[Mapping[Edition, int]] = {Edition.Y2007: 0x14, Edition.Y1997: 0x04}
BROADCAST_TIME: Final = 0x08
CONTROL: Final = 0x1C
CLOCK_DATE: Final[Mapping[Edition, str]] = {Edition.Y2007: "04000101", Edition.Y1997: "C010"}
"""YYMMDDWW."""
CLOCK_TIME: Final[Mapping[Edition, str]] = {Edition.Y2007: "04000102", Edition.Y1997: "C011"}
"""hhmmss."""

_NO_SUCH_DATA: Final = 0x02
_NOT_AUTHORISED: Final = 0x04
_ERRORS: Final = (
    "other error",
    "no such data",
    "wrong password or not authorised",
    "the baud rate cannot be changed",
    "too many year zones",
    "too many day periods",
    "too many tariffs",
    "reserved error",
)


class RelayAction(IntEnum):
    """N1 of a control 1C."""

    TRIP = 0x1A
    PERMIT_CLOSING = 0x1B
    CLOSE = 0x1C


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a meter wants before it obeys: level of the password, its 6 digits, and 8 digits of an operator code."""

    level: int
    password: str = field(repr=False)
    operator: str = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> "Credentials":
        """From `02 123456 00000001`. ValueError without the secret in it."""
        words = text.split()
        if [len(word) for word in words] != [2, 6, 8] or not all(word.isdecimal() for word in words):
            raise ValueError("must hold three numbers on one line: level (2 digits), password (6), operator code (8)")
        return cls(int(words[0], 16), words[1], words[2])

    @property
    def password_bytes(self) -> bytes:
        """PA P0 P1 P2."""
        return bytes((self.level,)) + bytes.fromhex(self.password)[::-1]

    @property
    def operator_bytes(self) -> bytes:
        """C0 to C3."""
        return bytes.fromhex(self.operator)[::-1]


def identifier_bytes(identifier: str) -> bytes:
    """An identifier in the order of the wire."""
    return bytes.fromhex(identifier)[::-1]


def read_request(edition: Edition, identifier: str) -> bytes:
    """Ask for the data of an identifier."""
    return bytes((READ[edition],)) + identifier_bytes(identifier)


def write_request(edition: Edition, identifier: str, data: bytes, credentials: Credentials) -> bytes:
    """Write the data of an identifier. The 1997 edition knows no operator code."""
    head = bytes((WRITE[edition],)) + identifier_bytes(identifier) + credentials.password_bytes
    return head + (credentials.operator_bytes if edition is Edition.Y2007 else b"") + data


def relay_request(action: RelayAction, until: datetime, credentials: Credentials) -> bytes:
    """Trip or close a relay; the command is void after `until`, in the meter's local time."""
    command = bytes((action, 0)) + moment_bytes("YYMMDDhhmmss", until)
    return bytes((CONTROL,)) + credentials.password_bytes + credentials.operator_bytes + command


def broadcast_time_request(when: datetime) -> bytes:
    """Set the clocks of all meters; to the broadcast address, and without an answer."""
    return bytes((BROADCAST_TIME,)) + moment_bytes("YYMMDDhhmmss", when)


def clock_of(date: bytes, time: bytes) -> datetime | Fault:
    """What a meter's clock shows, from the data of CLOCK_DATE and CLOCK_TIME."""
    digits = date[:0:-1].hex() + time[::-1].hex()
    try:
        return datetime.strptime(digits, "%y%m%d%H%M%S")  # noqa: DTZ007  a meter knows no time zone
    except ValueError:
        return Fault(Reason.UNDECODABLE, f"date {date.hex(' ')} and time {time.hex(' ')} are no moment")


def error_of(answer: bytes) -> Fault | None:
    """What an error answer says; None if it is none. REFUSED is what need not be asked for again."""
    if not answer[0] & ERROR_BIT:
        return None
    word = answer[1] if len(answer) > 1 else 0
    said = [text for bit, text in enumerate(_ERRORS) if word >> bit & 1] or ["no reason given"]
    for_good = word & (_NO_SUCH_DATA | _NOT_AUTHORISED)
    return Fault(Reason.REFUSED if for_good else Reason.EXCEPTION, f"error {word:02X}, {', '.join(said)}")


class Assembly:
    """The data of one identifier out of one or more frames. Feed answers until there is no next request."""

    def __init__(self, edition: Edition, identifier: str) -> None:
        self.data = b""
        self._edition = edition
        self._identifier = identifier_bytes(identifier)
        self._number = 0

    @property
    def first(self) -> bytes:
        """The first request."""
        return bytes((READ[self._edition],)) + self._identifier

    def take(self, answer: bytes) -> bytes | Fault | None:
        """The request for what follows, None when all is there, or what is wrong."""
        fault = error_of(answer)
        if fault is not None:
            return fault
        size = len(self._identifier)
        body = answer[1 + size :]
        if self._number and self._edition is Edition.Y2007:
            body = body[:-1]  # the framing has compared the sequence number
        self.data += body
        if not answer[0] & MORE_BIT:
            return None
        self._number += 1
        if len(self.data) > DLT645_MAX_ASSEMBLED_BYTES or self._number > 0xFF or not body:
            return Fault(Reason.GARBAGE, f"the meter goes on for ever: {self._number} frames, {len(self.data)} bytes")
        number = bytes((self._number,)) if self._edition is Edition.Y2007 else b""
        return bytes((READ_ON[self._edition],)) + self._identifier + number
