"""Modbus slaves on a serial line: RTU, whose frames end with a silence, and ASCII, whose frames end with a line.

Checksums are computed here bit by bit, apart from the gateway's codec: an error there must not be repeated here.
"""

from collections.abc import Callable, Sequence
from typing import Final

from edgeguard.core.limits import ASCII_MAX_FRAME_BYTES, RTU_MAX_ADU_BYTES
from edgeguard.core.line import LineSettings
from edgeguard.simulator.modbus_answer import answer
from edgeguard.simulator.unit import Unit
from edgeguard.simulator.wire import Burst, Speech

BROADCAST: Final = 0
TURNAROUND_S: Final = 0.005
ASCII_PAUSE_S: Final = 1.0
"""A frame whose characters are further apart is given up (MODBUS over Serial Line V1.02, 2.5.2.1)."""

Serve = Callable[[Unit, bytes], bytes]


def crc16(data: bytes) -> bytes:
    """CRC-16 of MODBUS over Serial Line V1.02, 6.2.2, in wire order: polynomial A001, start FFFF, low byte first."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return bytes((crc & 0xFF, crc >> 8))


def lrc(data: bytes) -> int:
    """The checksum of ASCII frames: two's complement of the sum."""
    return -sum(data) & 0xFF


def is_request(pdu: bytes) -> bool:
    """Whether this can be a question: slaves also hear each other's answers, and must not answer those."""
    if not pdu or pdu[0] & 0x80:
        return False
    return len(pdu) == 5 or pdu[0] > 6


class RtuStation:
    """One slave: a whole burst is a frame or nothing, as a silence is all that separates frames."""

    def __init__(
        self, unit: Unit, settings: LineSettings | None = None, turnaround_s: float = TURNAROUND_S, serve: Serve = answer
    ) -> None:
        self.unit = unit
        self.settings = settings or LineSettings()
        self.turnaround_s = turnaround_s
        self._serve = serve

    def hear(self, burst: Burst) -> Sequence[Speech]:
        """The answer, `turnaround_s` after the request; nothing to what is damaged or meant for others."""
        frame = burst.data
        if not burst.clean or not 4 <= len(frame) <= RTU_MAX_ADU_BYTES or frame[0] not in (self.unit.address, BROADCAST):
            return ()
        if crc16(frame[:-2]) != frame[-2:] or not is_request(frame[1:-2]):
            return ()
        said = self._serve(self.unit, frame[1:-2])
        if not said or frame[0] == BROADCAST:
            return ()
        adu = bytes((self.unit.address,)) + said
        return (Speech(adu + crc16(adu), self.turnaround_s),)


class AsciiStation:
    """One slave: frames begin with a colon and end with CR LF, whatever silences are between."""

    def __init__(
        self, unit: Unit, settings: LineSettings | None = None, turnaround_s: float = TURNAROUND_S, serve: Serve = answer
    ) -> None:
        self.unit = unit
        self.settings = settings or LineSettings()
        self.turnaround_s = turnaround_s
        self._serve = serve
        self._begun = b""
        self._last_s = float("-inf")

    def hear(self, burst: Burst) -> Sequence[Speech]:
        """The answers to the frames that this burst completes; the first of them only is likely to be heard."""
        text = burst.data if burst.start_s - self._last_s > ASCII_PAUSE_S else self._begun + burst.data
        self._last_s = burst.end_s
        *lines, self._begun = text.split(b"\r\n")
        self._begun = self._begun[-ASCII_MAX_FRAME_BYTES:]
        answers = [self._answer(line[line.rfind(b":") + 1 :]) for line in lines if b":" in line and burst.clean]
        return [Speech(said, self.turnaround_s) for said in answers if said]

    def _answer(self, digits: bytes) -> bytes:
        try:
            frame = bytes.fromhex(digits.decode("ascii"))
        except ValueError:
            return b""
        if len(frame) < 3 or frame[0] not in (self.unit.address, BROADCAST) or lrc(frame[:-1]) != frame[-1]:
            return b""
        if not is_request(frame[1:-1]):
            return b""
        said = self._serve(self.unit, frame[1:-1])
        if not said or frame[0] == BROADCAST:
            return b""
        adu = bytes((self.unit.address,)) + said
        return b":" + (adu + bytes((lrc(adu),))).hex().upper().encode() + b"\r\n"
