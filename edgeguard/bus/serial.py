"""A serial port as a wire: opened by pyserial, then read and written as its descriptor becomes ready, without a thread.

Opening and closing may take a driver seconds, so they run aside. A port that ends (EOF, an error: an adapter was pulled) is
dead for good, even if the device returns; it is looked up by its name and opened anew.
"""

import asyncio
import errno
import math
import os
import termios
from contextlib import suppress
from pathlib import Path
from typing import Final

import serial
import structlog

from edgeguard.bus.aside import aside
from edgeguard.bus.line_errors import LineErrors, line_errors
from edgeguard.bus.port_name import PortName
from edgeguard.bus.turns import Turns
from edgeguard.core.limits import BUS_RECEIVE_BYTES, SERIAL_CLOSE_S, SERIAL_OPEN_S, SERIAL_SETTLE_S
from edgeguard.core.line import LineSettings, Parity
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.site import BusSpec

_log = structlog.get_logger()

_PSEUDO_MAJORS: Final = range(136, 144)
"""Major numbers of pseudo-terminals (Documentation/admin-guide/devices.txt of Linux)."""


class SerialLink:
    """An open port, set to `line`. `lost` is done when it has ended, with the reason."""

    def __init__(self, port: serial.Serial, line: LineSettings, turns: Turns) -> None:
        self.lost: asyncio.Future[Fault] = asyncio.get_running_loop().create_future()
        self._loop = asyncio.get_running_loop()
        self._port = port
        self._fd: int = port.fileno()
        self._line = line
        self._turns = turns
        self._unsent = b""
        self._waits = False
        """For the port to take what is unsent."""
        self._why: Fault | None = None

    def start(self) -> None:
        """Begin to read, and let the turns begin to send."""
        self._loop.add_reader(self._fd, self._readable)
        self._turns.opened(self.write, self.drop, self.tune, true_time=not _is_pseudo(self._port))

    def write(self, data: bytes) -> None:
        """Send a frame. What an earlier one has left unsent is thrown away: it has been given up long ago.

        On a port that is about to be closed nothing goes out, and nothing may be watched any more.
        """
        if self._why is not None:
            return
        if self._unsent:
            self._flush(termios.TCOFLUSH)
        self._unsent = data
        self._writable()

    def tune(self, line: LineSettings) -> float:
        """Set the port; seconds to wait before it may be used, 0 if it was set so already, for ever if it cannot be."""
        if line == self._line:
            return 0.0
        slower_s = max(line.silence_s, self._line.silence_s)
        try:
            self._flush(termios.TCOFLUSH)
            self._port.apply_settings(port_settings(self._port, line))
            self._flush(termios.TCIFLUSH)
        except (OSError, ValueError, termios.error) as error:
            self.drop(Fault(Reason.NO_CONNECTION, f"the port does not take {line}: {error}"))
            return math.inf
        self._line = line
        return max(slower_s, SERIAL_SETTLE_S)

    @property
    def line_errors(self) -> LineErrors | None:
        """What the port's driver has counted."""
        return None if self._why is not None else line_errors(self._fd)

    def drop(self, fault: Fault) -> None:
        """End the connection at once; bytes that still come are not looked at."""
        if self._why is not None:
            return
        self._why = fault
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)
        self._loop.call_soon(self._ended, fault)

    def _ended(self, fault: Fault) -> None:
        self._turns.closed(fault)
        closing = self._loop.create_task(aside(lambda: close_port(self._port), f"close {self._port.port}"))
        late = self._loop.call_later(SERIAL_CLOSE_S, closing.cancel)

        def closed(_: asyncio.Task[None]) -> None:
            late.cancel()
            self.lost.set_result(fault)

        closing.add_done_callback(closed)

    def _readable(self) -> None:
        try:
            data = os.read(self._fd, BUS_RECEIVE_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self.drop(_gone(error))
            return
        if data:
            self._turns.received(data)
        else:
            self.drop(Fault(Reason.NO_CONNECTION, "the port has hung up: was the adapter pulled?"))

    def _writable(self) -> None:
        try:
            sent = os.write(self._fd, self._unsent)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError as error:
            self.drop(_gone(error))
            return
        self._unsent = self._unsent[sent:]
        if self._unsent and not self._waits:
            self._loop.add_writer(self._fd, self._writable)
        elif self._waits and not self._unsent:
            self._loop.remove_writer(self._fd)
        self._waits = bool(self._unsent)

    def _flush(self, queue: int) -> None:
        """Throw away what waits in the port; one that is gone has nothing left, and says so when it is read."""
        try:
            termios.tcflush(self._fd, queue)
        except termios.error:
            return


class SerialOpener:
    """Opens a serial port; see bus.wire_bus.Opener."""

    within_s = SERIAL_OPEN_S

    def __init__(self, spec: BusSpec) -> None:
        self.where = spec.where
        self._bus = spec.name
        self._line = spec.line
        self._name = PortName(Path(self.where))

    async def open(self, turns: Turns) -> SerialLink:
        """The port, set up, with nothing left in it of former times."""
        found = self._name.find()
        port = await aside(lambda: open_port(found, self._line), f"open {found}", close_port)
        self._name.note(found)
        if found != self._name.path:
            _log.warning("bus.port-renamed", bus=self._bus, where=self.where, found=str(found))
        link = SerialLink(port, self._line, turns)
        link.start()
        return link


def open_port(path: Path, line: LineSettings) -> serial.Serial:
    """The port, ours alone. OSError or ValueError with words for people. May block for as long as the driver likes."""
    port = serial.Serial(timeout=0, write_timeout=0, exclusive=True)
    port.port = str(path)
    try:
        port.apply_settings(port_settings(port, line))
        port.open()
    except (OSError, termios.error) as error:
        raise OSError(_trouble(path, error)) from error
    # Not every driver has such a mode; pseudo-terminals have none.
    with suppress(ValueError):
        port.set_low_latency_mode(True)
    return port


def close_port(port: serial.Serial) -> None:
    """Close without waiting for what has not been sent."""
    # A device that was pulled may complain of either; the descriptor is free all the same.
    with suppress(OSError, termios.error):
        port.reset_output_buffer()
    with suppress(OSError):
        port.close()


def port_settings(port: serial.Serial, line: LineSettings) -> dict[str, int | str]:
    """`line` as pyserial calls it. A pseudo-terminal has no parity bit and refuses to be asked for one."""
    parity, data_bits = (Parity.NONE, 8) if _is_pseudo(port) else (line.parity, line.data_bits)
    return {"baudrate": line.baudrate, "parity": parity.value, "bytesize": data_bits, "stopbits": line.stop_bits}


def _is_pseudo(port: serial.Serial) -> bool:
    return os.major(Path(port.port or "").stat().st_rdev) in _PSEUDO_MAJORS


def _trouble(path: Path, error: OSError | termios.error) -> str:
    number = error.errno if isinstance(error, OSError) else None
    if number in (errno.EACCES, errno.EPERM):
        return f"{path} may not be opened: the user of the service must be in the group dialout"
    if number in (errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK):
        return f"{path} is in use by another program"
    if number == errno.ENOENT:
        return f"{path} is not there: is the adapter plugged in?"
    return f"{path} cannot be opened: {error}"


def _gone(error: OSError) -> Fault:
    return Fault(Reason.NO_CONNECTION, f"the port is gone ({error.strerror or error}): was the adapter pulled?")
