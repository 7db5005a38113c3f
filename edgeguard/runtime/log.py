"""How the daemon logs: one line per change of state, as JSON for the journal or coloured for a terminal."""

import contextlib
import logging
import sys
from collections.abc import Mapping
from typing import TextIO

import structlog

from edgeguard.core.gate_list import without_plates
from edgeguard.core.printable import printable
from edgeguard.core.site import LogSpec
from edgeguard.runtime.library_words import hear_libraries


class _Stderr:
    """Writes lines to standard error; one that nobody reads any more, or that is full, must not stop a gateway."""

    def msg(self, message: str) -> None:
        """One line."""
        stderr: TextIO | None = sys.stderr
        if stderr is None:
            return
        with contextlib.suppress(OSError, ValueError):
            stderr.write(message + "\n")
            stderr.flush()

    log = debug = info = warn = warning = error = critical = fatal = failure = err = exception = msg


def _on_a_terminal() -> bool:
    """Whether a person sees standard error; the interpreter has none if it was closed when the process began."""
    stderr: TextIO | None = sys.stderr
    return stderr is not None and not stderr.closed and stderr.isatty()


def _harmless(_logger: object, _name: str, told: structlog.types.EventDict) -> structlog.types.EventDict:
    """What a device, a topic or a file says must not command the terminal of whoever reads; tracebacks keep their lines."""
    texts = {key: printable(value, "\n" if key == "exception" else "") for key, value in told.items() if isinstance(value, str)}
    return {**told, **texts}


def _discreet(_logger: object, _name: str, told: structlog.types.EventDict) -> structlog.types.EventDict:
    """A refusal may quote what was asked for, and that may hold a plate."""
    return {key: _masked(value) for key, value in told.items()}


def _masked(value: object) -> object:
    """Without plates, however deep they lie; what is neither text nor number becomes text."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {without_plates(str(key)): _masked(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(inner) for inner in value]
    return without_plates(value if isinstance(value, str) else str(value))


def configure_log(spec: LogSpec) -> None:
    """Set up structlog for the process, what libraries say by Python's own logging included.

    `auto` is human on a terminal, JSON elsewhere.
    """
    terminal = _on_a_terminal()
    human = spec.format == "human" or (spec.format == "auto" and terminal)
    renderer: structlog.types.Processor = (
        structlog.dev.ConsoleRenderer(colors=terminal) if human else structlog.processors.JSONRenderer(ensure_ascii=True)
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            structlog.processors.format_exc_info,
            _discreet,
            *((_harmless,) if human else ()),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, spec.level.upper())),
        logger_factory=lambda *_: _Stderr(),
        cache_logger_on_first_use=False,
    )
    hear_libraries()
