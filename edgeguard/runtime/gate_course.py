"""One gate as it runs: who is under way at its barrier, and what was decided lately."""

from collections import deque
from dataclasses import dataclass, field

from edgeguard.control.camera_views import ReadView
from edgeguard.core.clock import Stamp
from edgeguard.core.gate import GateSpec, Way
from edgeguard.core.gate_limits import GATE_CONFIRM_MS, GATE_DECISIONS_KEPT, GATE_SAME_MS
from edgeguard.core.gate_list import Entry
from edgeguard.rules.gate import Decision, Read, Verdict
from edgeguard.rules.loop_traffic import Traffic, glimpse, look, spend
from edgeguard.rules.passage import News, Passage, Phase, Told, Vehicle


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
        return self.decision.verdict is Verdict.OPEN and not self.has_not_come

    @property
    def has_not_come(self) -> bool:
        """Whether it was to be let in by itself, and was not, or did not come in time."""
        return self.decision.verdict is Verdict.OPEN and self.came in ("not-opened", "not-waited", "not-passed", "unseen")


@dataclass(frozen=True, slots=True)
class Ahead:
    """Who has crossed a line last, and stands at the barrier unless it has gone; boot ms. `kept`: an earlier run let it not in."""

    id: str
    way: Way
    at_ms: int
    kept: bool = False


@dataclass(slots=True)
class Course:
    """One gate as it runs."""

    passage: Passage = field(default_factory=Passage)
    decisions: deque[Decided] = field(default_factory=lambda: deque(maxlen=GATE_DECISIONS_KEPT))
    seen: deque[str] = field(default_factory=lambda: deque(maxlen=4 * GATE_DECISIONS_KEPT))
    """Ids of readings that have been dealt with, those of vehicles dealt with already included."""

    _traffic: Traffic = field(default_factory=Traffic)
    ahead: Ahead | None = None

    def hear(self, view: ReadView, way: Way, now_ms: int) -> None:
        """A camera tells of a vehicle, which may have come to the barrier."""
        self._traffic = glimpse(self._traffic, view.id, now_ms)
        one = self.decided(view.id)
        if view.stage == "line" and one is not None and one.has_not_come and view.id in self.seen:
            self.seen.remove(view.id)  # the barrier has come down meanwhile: it is decided upon once more
        if view.stage in ("line", "end") and view.direction != "away":
            self.ahead = Ahead(view.id, way, now_ms)

    def same(self, identity: str) -> None:
        """It is the second name of one that is dealt with."""
        self._traffic = spend(self._traffic, identity)

    def over_loop(self, news: News, arm: bool | None, now_ms: int, *, is_held: bool) -> tuple[int, ...]:
        """What the loop has brought, and what the arm shows; when (boot ms) vehicles left the loop that no camera has told."""
        for told, vehicle in news:
            if told in (Told.PASSED, Told.PASSED_UNSEEN) and vehicle is not None:
                self.same(vehicle.id)
        self._traffic, unread = look(self._traffic, self.passage, arm, now_ms, is_held=is_held)
        return unread

    def is_busy(self, now_ms: int) -> bool:
        """Whether somebody is before the gate, or was a moment ago."""
        here = self.passage.phase is not Phase.IDLE or bool(self.passage.waiting) or self.passage.loop is True
        return here or now_ms - self.passage.last_ms < GATE_SAME_MS

    def is_behind(self, identity: str, way: Way, now_ms: int) -> bool:
        """Whether another one stands between this vehicle and the barrier that was not let in, as far as is known."""
        ahead = self.held_by(now_ms)
        return ahead is not None and ahead.id != identity and ahead.way is way

    def held_by(self, now_ms: int) -> Ahead | None:
        """Who stands at the barrier and was not let in, as far as is known."""
        ahead = self.ahead
        if ahead is None or now_ms - ahead.at_ms > GATE_CONFIRM_MS or self.passage.last_ms >= ahead.at_ms:
            return None
        one = self.decided(ahead.id)
        return ahead if (ahead.kept if one is None else not one.is_let_in) else None

    def decided(self, identity: str) -> Decided | None:
        """The decision on a vehicle; None where there is none any more."""
        return next((one for one in self.decisions if one.id == identity), None)


def only_way(gate: GateSpec) -> Way | None:
    """Which way vehicles go that nobody has read; None if this gate serves both."""
    ways = {eye.way for eye in gate.plates.eyes} if gate.plates is not None else set()
    return ways.pop() if len(ways) == 1 else None
