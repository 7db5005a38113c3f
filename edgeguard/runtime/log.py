"""How the daemon logs: one line per change of state, as JSON for the journal or coloured for a terminal."""

import logging
import sys

import structlog

from edgeguard.core.site import LogSpec


def configure_log(spec: LogSpec) -> None:
    """Set up structlog for the process. `auto` is human on a terminal, JSON elsewhere."""
    human = spec.format == "human" or (spec.format == "auto" and sys.stderr.isatty())
    renderer: structlog.types.Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()) if human else structlog.processors.JSONRenderer(ensure_ascii=True)
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, spec.level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
