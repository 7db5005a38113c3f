"""Frames of fire-alarm transmitters, GB/T 26875.3-2011, 7: found in a stream of bytes wherever they begin, checked, built. Sans-IO.

`40 40 | serial 2 | version 2 | time 6 (s min h d mon y) | source 6 | target 6 | length 2 | command 1 | data | sum 1 | 23 23`,
numbers low byte first; the length counts the data alone, the sum all from the serial number to the end of the data, modulo 256.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Final

from edgeguard.core.limits import FIRE_KEPT_BYTES, FIRE_MAX_DATA_BYTES

_HEAD: Final = b"@@"
_TAIL: Final = b"##"
_BEFORE_DATA: Final = 27
_AFTER_DATA: Final = 3
_LENGTH_AT: Final = 24
_ADDRESS_BYTES: Final = 6


class Command(IntEnum):
    """What the sender wants."""

    CONTROL = 1
    SEND = 2
    CONFIRM = 3
    REQUEST = 4
    ANSWER = 5
    DENY = 6


@dataclass(frozen=True, slots=True)
class FirePacket:
    """One frame. `at` is the sender's clock, without a zone, None where it is no date; `command` may be unknown to Command."""

    serial: int
    source: int
    target: int
    command: int
    data: bytes = b""
    at: datetime | None = None
    version: tuple[int, int] = (1, 1)


def moment_of(data: bytes) -> datetime | None:
    """Six bytes: second, minute, hour, day, month, year of this century; None if that is no date."""
    second, minute, hour, day, month, year = data
    try:
        return datetime(2000 + year, month, day, hour, minute, second)  # noqa: DTZ001  the panel knows no zone
    except ValueError:
        return None


def moment_bytes(at: datetime | None) -> bytes:
    """The same the other way round; zeros for no date."""
    if at is None:
        return bytes(6)
    return bytes((at.second, at.minute, at.hour, at.day, at.month, at.year % 100))


def encode_packet(packet: FirePacket) -> bytes:
    """The frame on the wire."""
    body = packet.serial.to_bytes(2, "little") + bytes(packet.version) + moment_bytes(packet.at)
    body += packet.source.to_bytes(_ADDRESS_BYTES, "little") + packet.target.to_bytes(_ADDRESS_BYTES, "little")
    body += len(packet.data).to_bytes(2, "little") + bytes((packet.command,)) + packet.data
    return _HEAD + body + bytes((sum(body) & 0xFF,)) + _TAIL


def confirmation(packet: FirePacket, at: datetime | None) -> FirePacket:
    """What a receiver must answer, or the transmitter sends again: the same serial number, addresses exchanged, no data."""
    return FirePacket(packet.serial, packet.target, packet.source, Command.CONFIRM, at=at, version=packet.version)


class FireFrames:
    """Frames out of a stream. Bytes that belong to none are skipped and counted; a frame with a wrong sum is no frame."""

    def __init__(self) -> None:
        self.junk_bytes = 0
        self.bad_sums = 0
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[FirePacket]:
        """The frames that these bytes complete, in order."""
        self._buffer += data
        self._skip(len(self._buffer) - FIRE_KEPT_BYTES)
        found: list[FirePacket] = []
        while (packet := self._next()) is not None:
            found.append(packet)
        return found

    def reset(self) -> None:
        """A new connection, or a silence: what has begun will not end."""
        self._skip(len(self._buffer))

    def _next(self) -> FirePacket | None:
        buffer = self._buffer
        while True:
            start = buffer.find(_HEAD)
            if start < 0:
                self._skip(len(buffer) - buffer.endswith(_HEAD[:1]))
                return None
            self._skip(start)
            if len(buffer) < _BEFORE_DATA:
                return None
            size = int.from_bytes(buffer[_LENGTH_AT : _LENGTH_AT + 2], "little")
            whole = _BEFORE_DATA + size + _AFTER_DATA
            if size <= FIRE_MAX_DATA_BYTES:
                if len(buffer) < whole:
                    return None
                if buffer[whole - 2 : whole] == _TAIL:
                    if sum(buffer[2 : whole - 3]) & 0xFF == buffer[whole - 3]:
                        return self._take(whole)
                    self.bad_sums += 1
            self._skip(1)

    def _take(self, whole: int) -> FirePacket:
        frame = bytes(self._buffer[:whole])
        del self._buffer[:whole]
        return FirePacket(
            serial=int.from_bytes(frame[2:4], "little"),
            source=int.from_bytes(frame[12:18], "little"),
            target=int.from_bytes(frame[18:24], "little"),
            command=frame[26],
            data=frame[_BEFORE_DATA : whole - _AFTER_DATA],
            at=moment_of(frame[6:12]),
            version=(frame[4], frame[5]),
        )

    def _skip(self, count: int) -> None:
        if count > 0:
            self.junk_bytes += count
            del self._buffer[:count]
