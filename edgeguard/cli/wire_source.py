"""Where a trace or a capture comes from: the daemon's flight recorder, or a serial port on which somebody else is the master.

Both tell a hearer the same: bytes with a time and a way, and what failed. Times are seconds since 1970.
"""

import asyncio
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import typer

from edgeguard.cli.session import Session
from edgeguard.cli.text import clean
from edgeguard.codec.sighting import Way
from edgeguard.control import methods
from edgeguard.control.client import ControlClient
from edgeguard.control.errors import DaemonSilent
from edgeguard.control.line_views import BusView, TraceView
from edgeguard.core.errors import EdgeguardError, Permanent
from edgeguard.core.line import LineSettings, Parity

_TICK_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class WireFacts:
    """What is known of the wire before a byte has passed. `devices`: names by address. `passive`: nobody of us asks.

    `trouble`: why the bus has no connection; empty if it has one.
    """

    name: str
    network: bool
    character_s: float
    line: str
    passive: bool = False
    devices: dict[str, str] = field(default_factory=dict)
    trouble: str = ""


class Hearer(Protocol):
    """Takes what passes."""

    def begin(self, facts: WireFacts) -> None:
        """Called once, first."""
        ...

    def heard(self, at_s: float, data: bytes, way: Way) -> None:
        """Bytes; none at all means that nothing has passed for a moment."""
        ...

    def failed(self, at_s: float, text: str) -> None:
        """Something that is no bytes: a request given up, a connection opened or closed."""
        ...

    def missed(self, count: int) -> None:
        """So many records were gone before they could be fetched."""
        ...

    @property
    def is_enough(self) -> bool:
        """Nothing more is wanted."""
        ...


@dataclass(frozen=True, slots=True)
class PortChoice:
    """A port to listen to, as the command line names it."""

    path: Path
    line: LineSettings

    @classmethod
    def of(cls, path: Path, baudrate: int, parity: str, stop_bits: int) -> "PortChoice":
        """Checked; BadParameter says what is wrong."""
        if parity.upper() not in tuple(Parity):
            raise typer.BadParameter(f"{parity!r} is none of N, E, O")
        return cls(path, LineSettings(baudrate, Parity(parity.upper()), 8, stop_bits))


def listen_to_port(choice: PortChoice, hearer: Hearer, seconds: float | None) -> int | None:
    """Hear the port until it is enough, time is over, or it is gone; the framing and parity errors that its driver has counted."""
    from edgeguard.bus.overhear import Overheard

    port = Overheard(choice.path, choice.line)
    offset_s = time.time() - time.monotonic()
    end_s = None if seconds is None else time.monotonic() + seconds
    hearer.begin(WireFacts(str(choice.path), False, choice.line.character_s, str(choice.line), passive=True))
    try:
        port.listen(
            lambda at_s, data: hearer.heard(at_s + offset_s, data, Way.LINE),
            lambda now_s: hearer.is_enough or (end_s is not None and now_s >= end_s),
            _TICK_S,
        )
    except KeyboardInterrupt:
        pass
    except Permanent as gone:
        _say_gone(gone)
    finally:
        errors = port.uart_errors
        port.close()
    return errors


def listen_to_daemon(session: Session, bus: str, hearer: Hearer, seconds: float | None, last_s: float) -> None:
    """Hear a bus of the daemon until it is enough, time is over, the daemon is gone, or somebody interrupts."""
    try:
        asyncio.run(_follow(session, bus, hearer, seconds, last_s))
    except KeyboardInterrupt:
        return


def _say_gone(why: EdgeguardError) -> None:
    """Nothing more will be heard; what has been is not lost with it."""
    sys.stderr.write(f"edgeguard: {clean(str(why), 300)}\n")


async def _follow(session: Session, bus: str, hearer: Hearer, seconds: float | None, last_s: float) -> None:
    loop = asyncio.get_running_loop()
    end_s = None if seconds is None else loop.time() + seconds
    async with ControlClient(session.socket) as client:
        view = await client.call(methods.TRACE, {"bus": bus, "last_s": last_s})
        trouble = _trouble(await client.call(methods.BUSES, {"bus": bus}))
        hearer.begin(WireFacts(view.bus, view.network, view.character_s, view.line, devices=view.devices, trouble=trouble))
        _tell(view, hearer)
        while not hearer.is_enough and (end_s is None or loop.time() < end_s):
            try:
                async with asyncio.timeout_at(end_s):
                    view = await client.call(methods.TRACE, {"bus": bus, "after": view.next})
            except TimeoutError:
                return
            except DaemonSilent as gone:
                _say_gone(gone)
                return
            _tell(view, hearer)


def _trouble(views: tuple[BusView, ...]) -> str:
    """Why the one bus has no connection, in the daemon's words; empty if it has one."""
    return next((view.error or view.state for view in views if view.state != "connected"), "")


def _tell(view: TraceView, hearer: Hearer) -> None:
    if view.missed:
        hearer.missed(view.missed)
    for record in view.records:
        if hearer.is_enough:
            return
        at_s = record.at_s + view.wall_offset_s
        if record.kind == "sent":
            hearer.heard(at_s, bytes.fromhex(record.hex), Way.OUT)
        elif record.kind == "received":
            hearer.heard(record.end_s + view.wall_offset_s, bytes.fromhex(record.hex), Way.IN)
        else:
            hearer.failed(at_s, f"{record.kind}: {record.text}" if record.kind != "failed" else record.text)
    if not view.records:
        hearer.heard(time.time(), b"", Way.IN)
