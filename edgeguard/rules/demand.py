"""Demand: the mean power over fifteen minutes, in windows that end with every full minute (sliding), as tariffs ask.

Only readings that lie close together tell it: a window with a long pause inside has no demand, and none is invented. The demand of
the fixed quarters is that of the intervals and needs nothing of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from edgeguard.core.metering_limits import METER_LATE_STEP_MS
from edgeguard.core.rule_limits import STILL_LEAP_MS
from edgeguard.rules.intervals import Span

MINUTE_MS: Final = 60_000
WINDOW_MIN: Final = 15


@dataclass(frozen=True, slots=True)
class Window:
    """What flowed in the fifteen minutes before the end of a minute; times four it is the mean power."""

    end_min: int
    amount: int


@dataclass(frozen=True, slots=True)
class DemandState:
    """What had flowed since a beginning, at each of the last full minutes (the beginning is of no meaning), and up to when."""

    minutes: tuple[tuple[int, int], ...] = ()
    flowed: int = 0
    until_ms: int | None = None


def step_demand(state: DemandState, spans: Sequence[Span]) -> tuple[DemandState, tuple[Window, ...]]:
    """Spans in the order of their time; the windows that ended in them."""
    windows: list[Window] = []
    minutes, flowed, until_ms = list(state.minutes), state.flowed, state.until_ms
    for span in spans:
        # a clock that is being steered leaves no hole between two spans, and none of them begins twice
        steered = until_ms is not None and abs(span.from_ms - until_ms) < STILL_LEAP_MS and until_ms <= span.to_ms
        from_ms = until_ms if steered and until_ms is not None else span.from_ms
        length = span.to_ms - from_ms
        if span.spread or length > METER_LATE_STEP_MS or (until_ms is not None and abs(from_ms - until_ms) > MINUTE_MS):
            minutes.clear()
        elif length:
            for minute in range(from_ms // MINUTE_MS + 1, span.to_ms // MINUTE_MS + 1):
                passed = flowed + span.amount * (minute * MINUTE_MS - from_ms) // length
                if minutes and minutes[-1][0] != minute - 1:
                    minutes.clear()
                minutes.append((minute, passed))
                if len(minutes) > WINDOW_MIN:
                    windows.append(Window(minute, passed - minutes[-1 - WINDOW_MIN][1]))
                    del minutes[: -1 - WINDOW_MIN]
        flowed += span.amount
        until_ms = span.to_ms
    return DemandState(tuple(minutes), flowed, until_ms), tuple(windows)


def highest(windows: Sequence[Window], before: Window | None = None) -> Window | None:
    """The highest of them; of equals the earliest."""
    best = before
    for window in windows:
        if best is None or window.amount > best.amount:
            best = window
    return best
