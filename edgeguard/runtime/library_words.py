"""What libraries say by Python's own logging (asyncio of callbacks that failed, for one), as lines of the daemon's log."""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import structlog

_log = structlog.get_logger()
_AGAIN_S: Final = 60.0
_REMEMBERED: Final = 64
_CHARS: Final = 1000


class LibraryWords(logging.Handler):
    """Warnings and worse, each kind once a minute: what is held back meanwhile is counted in the next line of that kind."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(logging.WARNING)
        self._clock = clock
        self._said: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()

    def emit(self, record: logging.LogRecord) -> None:
        """One record."""
        kind = (record.name, str(record.msg).partition("\n")[0][:_CHARS])
        now_s = self._clock()
        again_s, held = self._said.get(kind, (now_s, 0))
        if now_s < again_s:
            self._said[kind] = (again_s, held + 1)
            return
        self._said[kind] = (now_s + _AGAIN_S, 0)
        self._said.move_to_end(kind)
        if len(self._said) > _REMEMBERED:
            self._said.popitem(last=False)
        try:
            words = record.getMessage()
        except (TypeError, ValueError):  # its arguments do not fit its text
            words = str(record.msg)
        say = _log.error if record.levelno >= logging.ERROR else _log.warning
        say("library.said", library=record.name, words=words[:_CHARS], held_back=held, exc_info=record.exc_info)


def hear_libraries() -> None:
    """From now on, in this process; however often it is called."""
    root = logging.getLogger()
    if not any(isinstance(handler, LibraryWords) for handler in root.handlers):
        root.addHandler(LibraryWords())
