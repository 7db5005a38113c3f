"""A throw as cameras of one wall tell of it: what each has seen, and what they amount to together."""

from collections.abc import Mapping
from dataclasses import dataclass

from edgeguard.core.clock import Stamp
from edgeguard.core.json_value import JsonValue


@dataclass(frozen=True, slots=True)
class FallSighting:
    """One camera's fall: when it began, how long it was seen, where on the wall, and the event's body as it would tell it alone."""

    camera: str
    id: str
    at: Stamp
    duration_ms: int
    column: int | None
    floor: int | None
    facts: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Throw:
    """What one throw is taken to be. `id` is that of the sighting that came first; `came` when that was, and `told` how often it
    has been told so far. `news`: something of it has not been told yet."""

    side: str
    id: str
    came: Stamp
    sightings: tuple[FallSighting, ...]
    told: int = 0
    news: bool = True
    alarm: str = ""
    """The camera whose alarm it is, from when it was first told: one throw raises one alarm, whoever tells of it later."""
