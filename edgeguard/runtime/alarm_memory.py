"""What is kept of a flood of alarms beside the alarms themselves, as JSON."""

from typing import Any, Final

import orjson

from edgeguard.core.clock import Stamp
from edgeguard.rules.flood import Flood

OWNER: Final = "alarms"
FLOOD: Final = "flood"


def flood_body(flood: Flood, now: Stamp) -> bytes:
    """Empty while there is no flood: what came lately is only counted anew after a restart."""
    if not flood.is_on:
        return b""
    return orjson.dumps({"boot": now.boot, "came_ms": flood.came_ms, "kept_back": flood.kept_back})


def flood_of(body: bytes, now: Stamp) -> Flood:
    """The flood that was kept; times of another boot say nothing any more, so that it will be over at the next look.

    One that cannot be read is none.
    """
    if not body:
        return Flood()
    try:
        kept: dict[str, Any] = orjson.loads(body)
        came = tuple(map(int, kept["came_ms"])) if kept["boot"] == now.boot else ()
        return Flood(came, is_on=True, kept_back=int(kept["kept_back"]))
    except (ValueError, KeyError, TypeError):
        return Flood()
