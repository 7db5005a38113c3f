"""A serial port listened to and never written to: what another master and its devices say, in the order of the bytes.

For a command of its own, not for the daemon: reads in a plain loop, and gives way to whoever interrupts it.
"""

import array
import fcntl
import os
import select
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from edgeguard.bus.serial import close_port, open_port
from edgeguard.core.errors import Permanent
from edgeguard.core.limits import BUS_RECEIVE_BYTES
from edgeguard.core.line import LineSettings

_TIOCGICOUNT: Final = 0x545D
"""Counters of a serial driver (linux/serial.h, struct serial_icounter_struct of twenty ints)."""
_FRAME, _PARITY = 6, 8


class Overheard:
    """An open port. PermissionError and the like become Permanent with words for people."""

    def __init__(self, path: Path, line: LineSettings) -> None:
        try:
            self._port = open_port(path, line)
        except (OSError, ValueError) as error:
            raise Permanent(str(error)) from error
        self._fd: int = self._port.fileno()
        self._errors_before = self._count_errors()

    def close(self) -> None:
        """Give the port back."""
        close_port(self._port)

    def listen(self, hear: Callable[[float, bytes], None], is_over: Callable[[float], bool], tick_s: float) -> None:
        """Tell `hear` the bytes as they come, and an empty piece each `tick_s` without any, until `is_over` of the time.

        Times are monotonic seconds. Permanent if the port goes away.
        """
        while not is_over(time.monotonic()):
            ready, _, _ = select.select([self._fd], [], [], tick_s)
            if not ready:
                hear(time.monotonic(), b"")
                continue
            try:
                data = os.read(self._fd, BUS_RECEIVE_BYTES)
            except BlockingIOError:
                continue
            except OSError as error:
                raise Permanent(f"{self._port.port} is gone ({error.strerror}): was the adapter pulled?") from error
            if not data:
                raise Permanent(f"{self._port.port} has hung up: was the adapter pulled?")
            hear(time.monotonic(), data)

    @property
    def uart_errors(self) -> int | None:
        """Framing and parity errors since the opening; None where the driver does not count them."""
        now = self._count_errors()
        return None if now is None or self._errors_before is None else max(0, now - self._errors_before)

    def _count_errors(self) -> int | None:
        counters = array.array("i", [0] * 20)
        try:
            fcntl.ioctl(self._fd, _TIOCGICOUNT, counters)
        except OSError:
            return None
        return counters[_FRAME] + counters[_PARITY]
