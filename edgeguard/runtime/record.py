"""What is known of one device at this moment: the last round, the last good values, and the state of its rules."""

from dataclasses import dataclass

from edgeguard.core.clock import Stamp
from edgeguard.core.point import Outcome, Value
from edgeguard.core.quality import Fault
from edgeguard.core.site import DeviceSpec
from edgeguard.rules.engine import DeviceRules, DeviceState


@dataclass(slots=True)
class DeviceRecord:
    """`outcomes[i]` is what holds of point i, `good[i]` its last good value, `good_at[i]` a moment than which it is no older.

    The points are `rules.points`, in the order of the profile.
    """

    spec: DeviceSpec
    rules: DeviceRules
    state: DeviceState
    outcomes: tuple[Outcome, ...]
    at: Stamp | None
    good: list[Value | None]
    good_at: list[Stamp | None]
    answered: bool = False
    answered_at: Stamp | None = None
    stale: bool = False

    @property
    def bad_points(self) -> int:
        """Points without a good value now."""
        return sum(1 for outcome in self.outcomes if isinstance(outcome, Fault))
