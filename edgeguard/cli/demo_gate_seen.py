"""What a platform learns of the demo's gate from events alone: who passed, who was let in, plates as they leave the gateway."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from edgeguard.core.limits import DEMO_ARRIVALS_SHOWN


@dataclass(frozen=True, slots=True)
class GateSeen:
    """Vehicles that have passed a camera (`unread`: those without a text), openings of barriers, who was not let in; the last of
    them in words."""

    passes: int
    unread: int
    openings: int
    refused: int
    lately: tuple[str, ...]


class GateWitness:
    """Counts the events of type plate and gate; an event that comes again under its id is one."""

    def __init__(self) -> None:
        self._passes: dict[str, bool] = {}
        self._opened: dict[str, None] = {}
        self._refused: dict[str, None] = {}
        self._lately: deque[str] = deque(maxlen=DEMO_ARRIVALS_SHOWN)

    def take(self, item: Mapping[str, object]) -> str:
        """An item of the stream of events; what it tells, empty where it is of no gate or was told before."""
        kind, identity = item.get("type"), str(item.get("id"))
        if kind == "plate":
            seen, self._passes[identity] = identity in self._passes, item.get("text") is not None
            words = f"{item.get('camera')} {item.get('text') or '?'} {item.get('direction')}"
        elif kind == "gate" and item.get("state") == "opened":
            seen, self._opened[identity] = identity in self._opened, None
            words = f"{item.get('gate')} opened {item.get('plate') or '?'}"
        elif kind == "gate" and item.get("verdict") == "refused":
            seen, self._refused[identity] = identity in self._refused, None
            words = f"{item.get('gate')} refused {item.get('plate') or '?'} ({item.get('reason')})"
        else:
            return ""
        if not seen:
            self._lately.append(words)
        return "" if seen else words

    def seen(self) -> GateSeen:
        """All so far."""
        read = sum(self._passes.values())
        return GateSeen(len(self._passes), len(self._passes) - read, len(self._opened), len(self._refused), tuple(self._lately))
