"""A simulated line behind a pseudo-terminal: what opens its port cannot tell it from an adapter with devices behind.

The client's baud rate and stop bits are read from the terminal before each of its frames. Of parity a pseudo-terminal only keeps
"odd": Linux takes PARENB away (drivers/tty/pty.c), so that even and none look alike. A client is credited with the parity of
the line's own settings, or of a station at its baud rate.

What is said while nobody has the port open is lost, as with an adapter: that nobody has, the kernel tells by POLLHUP once nobody
has, so that this end keeps none open itself, and looks every few milliseconds whether somebody has come.
"""

import asyncio
import contextlib
import os
import select
import selectors
import termios
import tty
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Final, Self

from edgeguard.core.errors import Retryable
from edgeguard.core.limits import PTY_READ_BYTES
from edgeguard.core.line import LineSettings, Parity
from edgeguard.core.line_limits import PTY_LOOK_S
from edgeguard.simulator.wire import Noise, Station, Wire

_RATES: Final[Mapping[int, int]] = MappingProxyType(
    {getattr(termios, name): int(name[1:]) for name in dir(termios) if name[0] == "B" and name[1:].isdigit()}
)
_CFLAG, _OSPEED = 2, 5


def credited_parity(declared: LineSettings, stations: Iterable[LineSettings], baudrate: int) -> Parity:
    """The parity that a client at this baud rate is taken to have set, unless it is odd: the line's own, or that of a station."""
    parities = (one.parity for one in (declared, *stations) if one.baudrate == baudrate and one.parity is not Parity.ODD)
    return next(parities, Parity.NONE)


def out_of_reach(declared: LineSettings, devices: Mapping[str, LineSettings]) -> tuple[str, ...]:
    """Devices that no client can reach, because others at their baud rate have another parity and the terminal tells neither."""
    return tuple(
        name
        for name, line in devices.items()
        if line.parity not in (Parity.ODD, credited_parity(declared, devices.values(), line.baudrate))
    )


def precise_loop() -> asyncio.AbstractEventLoop:
    """An event loop whose timers are good to some 0.1 ms; epoll's come up to a millisecond late, 3 % of a frame at 9600 baud."""
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


class PtyLine:
    """`async with PtyLine(stations) as line:` serves `line.port` until the block ends.

    `link`: a symbolic link by which the port is known, made anew when it is unplugged and comes back.
    """

    def __init__(
        self,
        stations: Sequence[Station] = (),
        settings: LineSettings | None = None,
        seed: int = 1,
        *,
        link: Path | None = None,
        echo: bool = False,
        noise: Noise | None = None,
    ) -> None:
        self.declared = settings or LineSettings()
        self._link = link
        self._first = (tuple(stations), seed, echo, noise)
        self._wire: Wire | None = None
        self._master = -1
        self._device = ""
        self._looking: asyncio.TimerHandle | None = None

    @property
    def wire(self) -> Wire:
        """The line behind the port; its stations, noise and counters."""
        assert self._wire is not None, "the line is not open"  # noqa: S101
        return self._wire

    @property
    def port(self) -> str:
        """The port's path: the link if there is one, else the terminal's own."""
        return str(self._link) if self._link else self._device

    @property
    def plugged(self) -> bool:
        """Whether the port is there."""
        return self._master >= 0

    @property
    def in_use(self) -> bool:
        """Whether somebody had the port open when it was last looked at."""
        return self.plugged and self._looking is None

    async def __aenter__(self) -> Self:
        stations, seed, echo, noise = self._first
        self._wire = Wire(stations, self.declared, seed=seed, echo=echo, noise=noise)
        self._wire.on_heard = self._give
        self.plug()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.unplug()
        self.wire.close()

    def plug(self) -> None:
        """Make the port. Retryable if the system has no pseudo-terminal left or the link cannot be made."""
        if self.plugged:
            return
        try:
            self._master, slave = os.openpty()
        except OSError as error:
            raise Retryable(f"no pseudo-terminal to be had: {error.strerror}") from error
        tty.setraw(slave)
        self._device = os.ttyname(slave)
        os.close(slave)
        os.set_blocking(self._master, False)
        if self._link is not None:
            try:
                self._link.parent.mkdir(parents=True, exist_ok=True)
                self._remove_link()
                self._link.symlink_to(self._device)
            except OSError as error:
                self.unplug()
                raise Retryable(f"cannot make the link {self._link}: {error.strerror}") from error
        self._look()

    def unplug(self) -> None:
        """Take the port away as a pulled adapter does: whoever has it open gets an error."""
        if not self.plugged:
            return
        if self._looking is not None:
            self._looking.cancel()
        master, self._master = self._master, -1
        asyncio.get_running_loop().remove_reader(master)
        os.close(master)
        self._remove_link()

    def _look(self) -> None:
        """Listen to whoever has the port open; look again soon while nobody has."""
        loop = asyncio.get_running_loop()
        if self._has_client():
            self._looking = None
            loop.add_reader(self._master, self._take)
        else:
            self._looking = loop.call_later(PTY_LOOK_S, self._look)

    def _has_client(self) -> bool:
        poll = select.poll()
        poll.register(self._master, 0)
        return not any(event & select.POLLHUP for _, event in poll.poll(0))

    def _left(self) -> None:
        """The client has closed the port; what it has not read is nobody's."""
        asyncio.get_running_loop().remove_reader(self._master)
        with contextlib.suppress(OSError, termios.error):
            slave = os.open(self._device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            termios.tcflush(slave, termios.TCIFLUSH)
            os.close(slave)
        self._look()

    def _remove_link(self) -> None:
        """Only ever a link of ours or of an earlier run, never somebody's file."""
        if self._link is not None and self._link.is_symlink():
            with contextlib.suppress(FileNotFoundError):
                self._link.unlink()

    def _take(self) -> None:
        """The client has written something."""
        try:
            data = os.read(self._master, PTY_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            self._left()
            return
        self.wire.settings = self._client_settings()
        self.wire.send(data)

    def _client_settings(self) -> LineSettings:
        """What the client has set its port to, as far as the terminal tells."""
        flags = termios.tcgetattr(self._master)
        baudrate = _RATES.get(flags[_OSPEED], self.declared.baudrate)
        seen = replace(self.declared, baudrate=baudrate, stop_bits=2 if flags[_CFLAG] & termios.CSTOPB else 1)
        if flags[_CFLAG] & termios.PARODD:
            return replace(seen, parity=Parity.ODD)
        stations = [station.settings for station in self.wire.stations]
        return replace(seen, parity=credited_parity(self.declared, stations, baudrate))

    def _give(self, data: bytes) -> None:
        """The master's adapter has heard something; what nobody takes in time is lost, as with an adapter's buffer."""
        if not self.plugged or not self._has_client():
            self.wire.counters.dropped += len(data)
            return
        try:
            written = os.write(self._master, data)
        except BlockingIOError:
            written = 0
        self.wire.counters.dropped += len(data) - written
