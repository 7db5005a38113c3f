"""What a family of rules must not forget over a restart; opaque to the store, which keeps it together with what came of it."""

from dataclasses import dataclass
from typing import Final

ENERGY_DAYS: Final = "energy-days"
ARCHIVES: Final = (ENERGY_DAYS,)
"""Owners whose states are records of what is over: kept with what came of it, read by whoever asks, not given at the start."""


@dataclass(frozen=True, slots=True)
class RuleState:
    """One piece of memory: `owner` is the family (`energy`, `hints`), `name` whom it is about (a device, a meter, a point).

    `body` is UTF-8 JSON, written and read by the owner alone; an empty one takes the state away.
    """

    owner: str
    name: str
    body: bytes

    @property
    def key(self) -> tuple[str, str]:
        """There is one state per owner and name; the newest counts."""
        return self.owner, self.name
