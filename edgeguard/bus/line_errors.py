"""What the driver of a serial port has counted: characters that came damaged, before any frame is looked at.

Source: serial_icounter_struct and TIOCGICOUNT of Linux (include/uapi/linux/serial.h, asm-generic/ioctls.h).
"""

import fcntl
import struct
from collections.abc import Callable
from typing import Final, NamedTuple

_TIOCGICOUNT: Final = 0x545D
_COUNTERS: Final = struct.Struct("20i")
"""cts dsr rng dcd rx tx frame overrun parity break buffer-overrun, and nine reserved."""

Ioctl = Callable[[int, int, bytes], bytes]


class LineErrors(NamedTuple):
    """Counts of the driver since it knows the port, not since we do.

    `frame`: no stop bit where one must be (wrong speed, noise); `parity`: wrong parity; `overrun`: characters lost in the port
    or in the driver because nobody fetched them in time; `breaks`: the line held down for longer than a character.
    """

    frame: int = 0
    parity: int = 0
    overrun: int = 0
    breaks: int = 0


def line_errors(descriptor: int, ioctl: Ioctl = fcntl.ioctl) -> LineErrors | None:
    """The counters of an open port; None where its driver has none (pseudo-terminals, some adapters) or it is gone."""
    try:
        answer = ioctl(descriptor, _TIOCGICOUNT, bytes(_COUNTERS.size))
    except (OSError, ValueError):
        return None
    frame, overrun, parity, breaks, lost = _COUNTERS.unpack(answer)[6:11]
    return LineErrors(frame, parity, overrun + lost, breaks)
