"""Three devices on one serial line that do what they are told, or go wrong with it in one of the ways in which devices do.

A Modbus RTU slave (unit 3), an electricity meter of DL/T 645-2007 with a relay, a water meter of CJ/T 188 with a valve; written
apart from both the gateway and its simulator.
"""

import os
import select
import threading
import time
import tty
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from types import TracebackType

METER, WATER = "000000000101", "78330012345678"
LATE_S = 2.6
"""Later than every device's time-out in the test's site."""
_PAUSE_S, _TURN_S = 0.012, 0.02


class How(StrEnum):
    """What becomes of a write."""

    OBEYS = "obeys"
    REFUSES = "refuses"
    STUCK = "stuck"
    """It confirms, and nothing happens."""
    DEAF = "deaf"
    """It never heard the request."""
    MUTE = "mute"
    """It obeys, and its answer is lost."""
    LATE = "late"
    """It obeys, and confirms when nobody waits any more."""
    HALF = "half"
    """Of several registers or coils it takes the first, and confirms."""
    HALF_MUTE = "half-mute"
    """It takes the first, and its answer is lost."""


def crc16(data: bytes) -> bytes:
    """MODBUS over Serial Line V1.02, 6.2.2."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc.to_bytes(2, "little")


class FaultySlave:
    """`with FaultySlave(link):` serves behind the port that `link` names. `how` may be changed at any time."""

    def __init__(self, link: Path) -> None:
        self.how = How.OBEYS
        self.registers = [0] * 200
        self.coils = [0] * 100
        self.relay_open = self.valve_closed = False
        self._near, self._far = os.openpty()
        tty.setraw(self._far)
        link.symlink_to(os.ttyname(self._far))
        self._said: list[tuple[float, bytes]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "FaultySlave":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()
        os.close(self._near)
        os.close(self._far)

    def _run(self) -> None:
        heard, heard_s = b"", 0.0
        while not self._over.is_set():
            if select.select([self._near], [], [], 0.004)[0]:
                heard, heard_s = heard + os.read(self._near, 4096), time.monotonic()
                continue
            now_s = time.monotonic()
            due = [said for said in self._said if said[0] <= now_s]
            self._said = [said for said in self._said if said[0] > now_s]
            for _, data in due:
                os.write(self._near, data)
            if heard and now_s - heard_s > _PAUSE_S:
                frame, heard = heard, b""
                self._answer(frame)

    def _answer(self, frame: bytes) -> None:
        bare = frame.lstrip(b"\xfe")
        if frame[0] == 3 and crc16(frame[:-2]) == frame[-2:]:
            self._modbus(frame[1:-2])
        elif bare[:1] == b"\x68" and bare[7:8] == b"\x68" and bare[1:7][::-1].hex() == METER:
            self._electric(bare[8], bytes((byte - 0x33) & 0xFF for byte in bare[10:-2]))
        elif bare[:2] == b"\x68\x10" and bare[2:9][::-1].hex() == WATER:
            self._water(bare[9], bare[11:-2])

    def _say(self, data: bytes, after_s: float = _TURN_S) -> None:
        self._said.append((time.monotonic() + after_s, data))

    def _told(self, obey: Callable[[], None], good: bytes, bad: bytes, half: Callable[[], None] | None = None) -> None:
        """A write has been heard, unless it has not."""
        how = self.how
        if how in (How.OBEYS, How.MUTE, How.LATE):
            obey()
        elif how in (How.HALF, How.HALF_MUTE):
            (half or obey)()
        if how is How.REFUSES:
            self._say(bad)
        elif how not in (How.DEAF, How.MUTE, How.HALF_MUTE):
            self._say(good, LATE_S if how is How.LATE else _TURN_S)

    def _modbus(self, pdu: bytes) -> None:
        def adu(said: bytes) -> bytes:
            return b"\3" + said + crc16(b"\3" + said)

        function, first, word = pdu[0], int.from_bytes(pdu[1:3], "big"), int.from_bytes(pdu[3:5], "big")
        registers, coils = self.registers, self.coils
        bad = adu(bytes((function | 0x80, 2)))
        if function == 3:
            data = b"".join(registers[first + i].to_bytes(2, "big") for i in range(word))
            self._say(adu(bytes((3, len(data))) + data))
        elif function == 1:
            bits = sum(coils[first + i] << i for i in range(word))
            self._say(adu(bytes((1, (word + 7) // 8)) + bits.to_bytes((word + 7) // 8, "little")))
        elif function == 5:
            self._told(lambda: coils.__setitem__(first, word >> 15), adu(pdu), bad)
        elif function == 6:
            self._told(lambda: registers.__setitem__(first, word), adu(pdu), bad)
        elif function == 22:
            or_mask = int.from_bytes(pdu[5:7], "big")
            masked = registers[first] & word | or_mask & ~word
            self._told(lambda: registers.__setitem__(first, masked), adu(pdu), bad)
        elif function == 16:
            values = [int.from_bytes(pdu[6 + 2 * i : 8 + 2 * i], "big") for i in range(word)]
            self._told(
                lambda: registers.__setitem__(slice(first, first + word), values),
                adu(pdu[:5]),
                bad,
                lambda: registers.__setitem__(first, values[0]),
            )
        elif function == 15:
            bits = int.from_bytes(pdu[6:], "little")
            wanted = [bits >> i & 1 for i in range(word)]
            self._told(
                lambda: coils.__setitem__(slice(first, first + word), wanted),
                adu(pdu[:5]),
                bad,
                lambda: coils.__setitem__(first, wanted[0]),
            )
        else:
            self._say(adu(bytes((function | 0x80, 1))))

    def _electric(self, control: int, data: bytes) -> None:
        def frame(code: int, content: bytes) -> bytes:
            body = b"\x68" + bytes.fromhex(METER)[::-1] + b"\x68" + bytes((code, len(content)))
            body += bytes((byte + 0x33) & 0xFF for byte in content)
            return b"\xfe" * 4 + body + bytes((sum(body) & 0xFF, 0x16))

        if control == 0x11:
            held = {"04000503": (0x50 if self.relay_open else 0).to_bytes(2, "little"), "02010100": b"\x14\x23"}
            found = held.get(data[:4][::-1].hex())
            self._say(frame(0xD1, b"\2") if found is None else frame(0x91, data[:4] + found))
        elif control == 0x1C:
            self._told(lambda: setattr(self, "relay_open", data[8] == 0x1A), frame(0x9C, b""), frame(0xDC, b"\4"))

    def _water(self, control: int, data: bytes) -> None:
        def frame(code: int, content: bytes) -> bytes:
            body = b"\x68\x10" + bytes.fromhex(WATER)[::-1] + bytes((code, len(content))) + content
            return b"\xfe" * 3 + body + bytes((sum(body) & 0xFF, 0x16))

        if control == 1 and data[:2] == b"\x90\x1f":
            held = bytes.fromhex("007766552c007766552c31012211051520") + bytes((self.valve_closed, 0))
            self._say(frame(0x81, data[:3] + held))
        elif control == 4 and data[:2] == b"\xa0\x17":
            closes = data[3] == 0x99
            state = bytes((closes, 0))
            good, bad = frame(0x84, data[:3] + state), frame(0xC4, data[2:3] + b"\0\x40")
            self._told(lambda: setattr(self, "valve_closed", closes), good, bad)
