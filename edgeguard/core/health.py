"""News of the gateway's own state, which rooms report and the runtime turns into `health` events."""

from collections.abc import Callable
from dataclasses import dataclass

from edgeguard.core.point import Labels


@dataclass(frozen=True, slots=True)
class FrameNote:
    """One frame as it passed on a wire: when (UTC), which way (`out`, `in`, empty for neither), its bytes, what they say."""

    at: str
    way: str
    hex: str
    text: Labels


@dataclass(frozen=True, slots=True)
class Health:
    """One change of state: `source` (uplink, store, bus.riser-a ...), stable `code`, good news or bad, words, figures.

    `frames`: what passed on the wire before the trouble, where that shows it.
    """

    source: str
    code: str
    ok: bool
    text: Labels
    detail: str = ""
    frames: tuple[FrameNote, ...] = ()


HealthSink = Callable[[Health], None]
"""Takes news on the loop's thread; must not block."""
