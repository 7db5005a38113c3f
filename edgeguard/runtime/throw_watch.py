"""A family of rules about falls: cameras of one wall tell of one throw, the platform hears of it once.

What a camera has told is on disk before it is answered, so that a restart in between loses nothing and doubles nothing.
"""

from collections import Counter
from collections.abc import Mapping

from edgeguard.core.camera import CameraSpec
from edgeguard.core.clock import Stamp
from edgeguard.core.json_value import JsonValue
from edgeguard.core.rule_state import RuleState
from edgeguard.core.snapshot import Snapshot
from edgeguard.core.throw import FallSighting
from edgeguard.rules.throws import OWNER, ThrowState, alarm_at, due, known, recall, state_of, take, throw_item
from edgeguard.runtime.record import DeviceRecord
from edgeguard.runtime.watches import NOTHING, Findings, Records


class ThrowWatch:
    """Takes sightings of cameras that share a side, and tells each throw."""

    def __init__(self) -> None:
        self._state = ThrowState()
        self._cameras: Counter[str] = Counter()

    @property
    def owner(self) -> str:
        """Under which throws are kept."""
        return OWNER

    def look_with(self, cameras: tuple[CameraSpec, ...]) -> None:
        """From now on these are the cameras."""
        self._cameras = Counter(camera.side for camera in cameras if camera.side)

    def joins(self, camera: CameraSpec) -> bool:
        """Whether another camera may see the same throw."""
        return self._cameras[camera.side] > 1 if camera.side else False

    def see(
        self, camera: CameraSpec, identity: str, at: Stamp, facts: Mapping[str, JsonValue], now: Stamp
    ) -> tuple[RuleState, ...]:
        """A camera has seen a fall: what must be kept before it is answered. Told again it is the same."""
        if (throw := known(self._state, camera.name, identity)) is not None:
            return (state_of(throw),)
        seconds, column, floor = facts.get("duration_s"), facts.get("column"), facts.get("floor")
        seen = FallSighting(
            camera.name,
            identity,
            at,
            round(1000 * seconds) if isinstance(seconds, int | float) else 0,
            column if isinstance(column, int) else None,
            floor if isinstance(floor, int) else None,
            facts,
        )
        self._state, throw = take(self._state, camera.side, seen, now)
        return (state_of(throw),)

    def alarm_at(self, camera: CameraSpec, now: Stamp) -> str | None:
        """Where the throw came from whose alarm this camera holds; None when it holds none."""
        return alarm_at(self._state, camera.name, now)

    def begin(self, records: Records, states: Mapping[str, bytes], now: Stamp) -> None:
        """What was kept, or what it remembers itself at a reload."""
        self._state = recall(tuple(states.values()))

    def take(self, record: DeviceRecord, snapshot: Snapshot) -> Findings:
        """Devices say nothing of throws."""
        return NOTHING

    def tick(self, now: Stamp) -> Findings:
        """Every throw that has waited long enough."""
        self._state, told, gone = due(self._state, self._cameras, now)
        if not told and not gone:
            return NOTHING
        kept = tuple(state_of(throw) for throw in told if throw in self._state.throws)
        return Findings(tuple(map(throw_item, told)), states=(*kept, *(state_of(throw, forgotten=True) for throw in gone)))

    def states(self) -> tuple[RuleState, ...]:
        """All of them."""
        return tuple(state_of(throw) for throw in self._state.throws)
