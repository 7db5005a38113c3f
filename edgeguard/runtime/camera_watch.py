"""A family of rules about cameras: each trouble of a camera is an ordinary alarm, acknowledged, shelved and sent as any other; so
is what has fallen past it.

It judges nothing itself: the camera's process says what is wrong with the view, the daemon whether there is such a process. What
cannot be known stays as it was: a process that has just started has not said yet whether the lens is covered.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from edgeguard.core.alarm import AlarmRule
from edgeguard.core.blindness import Blindness
from edgeguard.core.camera import FALL_ALARM, CameraSpec
from edgeguard.core.clock import Stamp
from edgeguard.core.ids import AlarmName, CameraName
from edgeguard.core.rule_state import RuleState
from edgeguard.core.snapshot import Snapshot
from edgeguard.runtime.record import DeviceRecord
from edgeguard.runtime.watches import NOTHING, AlarmInput, Findings, Records


@dataclass(frozen=True, slots=True)
class Sighted:
    """What is known of how a camera sees: its troubles, each with what is known of it. `heard`: its process speaks; `shaky`: it has
    failed lately, and may do so again."""

    heard: bool
    troubles: Mapping[Blindness, str] = field(default_factory=dict)
    fell: str | None = None
    """What is known of something that fell a short while ago; None where nothing did."""
    shaky: bool = False

    def truth(self, trouble: Blindness | None) -> bool | None:
        """Whether the camera has this trouble, or (None) has seen something fall; None if that cannot be known now."""
        if trouble is None:
            return self.fell is not None
        if trouble in self.troubles:
            return True
        if trouble is Blindness.FAILED and self.shaky:
            return None
        if not self.heard or (Blindness.LOST in self.troubles and trouble is not Blindness.FAILED):
            return None
        return False


class CameraWatch:
    """The cameras of one configuration; `look` tells how one sees. Speaks when that has changed."""

    def __init__(self, cameras: Sequence[CameraSpec], look: Callable[[CameraName], Sighted]) -> None:
        self._alarms = tuple((camera.name, rule) for camera in cameras for rule in camera.alarms)
        self._look = look
        self._told: dict[AlarmName, bool | None] = {}

    @property
    def owner(self) -> str:
        """It remembers nothing: alarms are remembered as all alarms are."""
        return "cameras"

    def begin(self, records: Records, states: Mapping[str, bytes], now: Stamp) -> None:
        """Nothing was to be remembered."""

    def take(self, record: DeviceRecord, snapshot: Snapshot) -> Findings:
        """Devices say nothing of cameras."""
        return NOTHING

    def tick(self, now: Stamp) -> Findings:
        """Whatever is other than a second ago."""
        found = []
        for camera, rule in self._alarms:
            sighted, trouble = self._look(camera), trouble_of(rule)
            truth = sighted.truth(trouble)
            if truth is not self._told.get(rule.name):
                self._told[rule.name] = truth
                value = sighted.fell if trouble is None else sighted.troubles.get(trouble)
                found.append(AlarmInput(rule.name, truth, value or None))
        return Findings(alarms=tuple(found)) if found else NOTHING

    def states(self) -> tuple[RuleState, ...]:
        """Nothing."""
        return ()


def trouble_of(rule: AlarmRule) -> Blindness | None:
    """What an alarm of a camera is about: the second part of its name; None for what falls past it."""
    about = rule.name.partition(".")[2]
    return None if about == FALL_ALARM else Blindness(about)
