"""The terminal as canvas and keyboard: of a picture only changed lines are sent, and it is given back as it was found.

Knows nothing of what is painted.
"""

import contextlib
import os
import sys
import termios
import tty
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Final, TextIO

from rich.console import Console
from rich.text import Text

_ENTER: Final = "\x1b[?1049h\x1b[?25l\x1b[2J"
_LEAVE: Final = "\x1b[0m\x1b[2J\x1b[?25h\x1b[?1049l"
_KEY_BYTES: Final = 64


class Key(Enum):
    """What a person can press."""

    QUIT = "quit"
    NEXT = "next"
    BACK = "back"
    PAUSE = "pause"
    REDRAW = "redraw"


_SEQUENCES: Final = (
    (b"\x1b[A", Key.BACK),
    (b"\x1bOA", Key.BACK),
    (b"\x1b[D", Key.BACK),
    (b"\x1b[Z", Key.BACK),
    (b"\x1b[B", Key.NEXT),
    (b"\x1bOB", Key.NEXT),
    (b"\x1b[C", Key.NEXT),
    (b"\t", Key.NEXT),
    (b"j", Key.NEXT),
    (b"k", Key.BACK),
    (b"p", Key.PAUSE),
    (b" ", Key.PAUSE),
    (b"q", Key.QUIT),
    (b"Q", Key.QUIT),
    (b"\x03", Key.QUIT),
    (b"\x04", Key.QUIT),
    (b"\x0c", Key.REDRAW),
)


def parse_keys(typed: bytes) -> list[Key]:
    """Keys in what a terminal has sent at once; anything unknown is skipped, a lone escape quits."""
    if typed == b"\x1b":
        return [Key.QUIT]
    keys: list[Key] = []
    while typed:
        for sequence, key in _SEQUENCES:
            if typed.startswith(sequence):
                keys.append(key)
                typed = typed[len(sequence) :]
                break
        else:
            typed = _skip(typed)
    return keys


def _skip(typed: bytes) -> bytes:
    """Past one byte, or past a whole escape sequence of a key that means nothing here."""
    if not typed.startswith((b"\x1b[", b"\x1bO")):
        return typed[1:]
    for index in range(2, len(typed)):
        if 0x40 <= typed[index] <= 0x7E:
            return typed[index + 1 :]
    return b""


class Canvas:
    """The whole screen of a terminal. `size` is asked for anew each time, because people resize windows."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._out: TextIO = console.file  # type: ignore[assignment]
        self._shown: list[str] = []
        self._size = (0, 0)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in cells."""
        return self._console.size.width, self._console.size.height

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Take the screen, and give it back whatever happens."""
        self._out.write(_ENTER)
        self._out.flush()
        try:
            yield
        finally:
            self._out.write(_LEAVE)
            self._out.flush()

    def forget(self) -> None:
        """Paint everything next time: the terminal may show something else than what was sent."""
        self._shown = []

    def paint(self, lines: Sequence[Text]) -> int:
        """Send the lines that differ from those on the screen; returns how many characters that took."""
        painted = [self._ansi(line) for line in lines]
        parts: list[str] = []
        if self.size != self._size or not self._shown:
            self._size, self._shown = self.size, []
            parts.append("\x1b[2J")
        for number, line in enumerate(painted):
            if number >= len(self._shown) or self._shown[number] != line:
                parts.append(f"\x1b[{number + 1};1H\x1b[2K{line}")
        parts.extend(f"\x1b[{number + 1};1H\x1b[2K" for number in range(len(painted), len(self._shown)))
        self._shown = painted
        sent = "".join(parts)
        self._out.write(sent)
        self._out.flush()
        return len(sent)

    def _ansi(self, line: Text) -> str:
        stripped = line.copy()
        stripped.end = ""
        if not stripped.spans:
            stripped.rstrip()
        with self._console.capture() as captured:
            self._console.print(stripped, end="", no_wrap=True, overflow="crop", crop=True)
        return captured.get()


@contextlib.contextmanager
def keyboard() -> Iterator[int | None]:
    """Keys without waiting for Enter while the context lasts; yields the descriptor to watch, None where there is no keyboard.

    The caller calls `read_keys` when it is readable. The terminal's settings are restored on every way out.
    """
    descriptor = _keyboard_descriptor()
    if descriptor is None:
        yield None
        return
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor, termios.TCSANOW)
        yield descriptor
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def read_keys(descriptor: int) -> list[Key]:
    """The keys that wait to be read; QUIT when the keyboard has gone away."""
    try:
        typed = os.read(descriptor, _KEY_BYTES)
    except OSError:
        return [Key.QUIT]
    return parse_keys(typed) if typed else [Key.QUIT]


def _keyboard_descriptor() -> int | None:
    try:
        descriptor = sys.stdin.fileno()
        return descriptor if os.isatty(descriptor) else None
    except (OSError, ValueError):
        return None
