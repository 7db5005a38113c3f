"""One gate as it runs: who is under way at its barrier, and what was decided lately."""

from collections import deque
from dataclasses import dataclass, field

from edgeguard.core.clock import Stamp
from edgeguard.core.gate import GateSpec, Way
from edgeguard.core.gate_limits import GATE_CONFIRM_MS, GATE_DECISIONS_KEPT
from edgeguard.core.gate_list import Entry
from edgeguard.rules.gate import Decision, Read, Verdict
from edgeguard.rules.passage import Passage, Vehicle


@dataclass(slots=True)
class Decided:
    """A decision that was made. `came` is what has become of it since; `ms` how long after the reading the relay was closed."""

    id: str
    at: Stamp
    camera: str
    way: Way
    read: Read
    decision: Decision
    came: str = ""
    ms: int | None = None

    def vehicle(self, plate: str | None, entry: Entry | None) -> Vehicle:
        """It at the barrier, let in by that entry of a list, or by none."""
        return Vehicle(self.id, plate, self.way, entry.kind.value if entry else "", entry.bay if entry else "")

    @property
    def is_let_in(self) -> bool:
        """Whether it needs nobody to let it in any more."""
        if self.came in ("confirmed", "opened", "passed", "passed-unseen"):
            return True
        return self.decision.verdict is Verdict.OPEN and self.came not in ("not-opened", "not-waited", "not-passed", "unseen")


@dataclass(frozen=True, slots=True)
class _Ahead:
    """Who has crossed a line last, and stands at the barrier unless it has gone; boot ms."""

    id: str
    way: Way
    at_ms: int


@dataclass(slots=True)
class Course:
    """One gate as it runs."""

    passage: Passage = field(default_factory=Passage)
    decisions: deque[Decided] = field(default_factory=lambda: deque(maxlen=GATE_DECISIONS_KEPT))
    seen: deque[str] = field(default_factory=lambda: deque(maxlen=4 * GATE_DECISIONS_KEPT))
    """Ids of readings that have been dealt with, those of vehicles dealt with already included."""

    _ahead: _Ahead | None = None

    def crosses(self, identity: str, way: Way, now_ms: int) -> None:
        """A vehicle has come to the barrier."""
        self._ahead = _Ahead(identity, way, now_ms)

    def is_behind(self, identity: str, way: Way, now_ms: int) -> bool:
        """Whether another one stands between this vehicle and the barrier that was not let in, as far as is known."""
        ahead = self._ahead
        if ahead is None or ahead.id == identity or ahead.way is not way or now_ms - ahead.at_ms > GATE_CONFIRM_MS:
            return False
        one = self.decided(ahead.id)
        return one is not None and not one.is_let_in and self.passage.last_ms < ahead.at_ms

    def decided(self, identity: str) -> Decided | None:
        """The decision on a vehicle; None where there is none any more."""
        return next((one for one in self.decisions if one.id == identity), None)


def only_way(gate: GateSpec) -> Way | None:
    """Which way vehicles go that nobody has read; None if this gate serves both."""
    ways = {eye.way for eye in gate.plates.eyes} if gate.plates is not None else set()
    return ways.pop() if len(ways) == 1 else None
