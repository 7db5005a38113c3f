"""A serial port without hardware: a pseudo-terminal behind a link, that can be pulled out and put back under another number.

The near end is opened by the bus like any port, through the link; the far end is in the hands of the test. Needs real time.
"""

import asyncio
import os
import termios
import tty
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from edgeguard.core.limits import BUS_RECEIVE_BYTES


class PseudoPort:
    """A port at `link`. `heard` gets what the bus sends, in whatever pieces it comes. Belongs to the running loop."""

    def __init__(self, link: Path, heard: Callable[[bytes], None]) -> None:
        self.link = link
        self.heard = heard
        self._far = self._near = -1

    def plug(self) -> None:
        """The adapter is put in: the device appears, and the link leads to it."""
        self._far, self._near = os.openpty()
        # Until somebody sets the near end up, nothing may be echoed or translated.
        tty.setraw(self._near)
        os.set_blocking(self._far, False)
        self.link.symlink_to(os.ttyname(self._near))
        asyncio.get_running_loop().add_reader(self._far, self._readable)

    def unplug(self) -> None:
        """The adapter is pulled out; whoever has the port open sees it hang up. Nothing happens if it is out."""
        if self._far < 0:
            return
        asyncio.get_running_loop().remove_reader(self._far)
        self.link.unlink()
        os.close(self._far)
        os.close(self._near)
        self._far = self._near = -1

    def send(self, data: bytes) -> None:
        """Bytes for the bus. What the pseudo-terminal has no room for is lost, as on a line."""
        with suppress(BlockingIOError):
            os.write(self._far, data)

    @property
    def speed(self) -> int:
        """What the near end is set to, as a constant of termios. A pseudo-terminal has no parity bit."""
        return int(termios.tcgetattr(self._near)[4])

    def _readable(self) -> None:
        with suppress(BlockingIOError):
            self.heard(os.read(self._far, BUS_RECEIVE_BYTES))
