"""How a quantity is seen in the poll rounds of its device: at rest, at a start, between two edges of a door. Pure.

A sight looks at every round and now and then has a measurement. What it keeps between rounds is a tuple of numbers, of meaning
within one boot only: a measurement that a restart cuts off is lost, and none is made up from its halves.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from edgeguard.core.limits import HINT_SAMPLE_MS
from edgeguard.core.point import Outcome, Value
from edgeguard.core.quality import Fault, Reason
from edgeguard.rules.pump_curve import SLOWEST, at_speed
from edgeguard.rules.still import Turns
from edgeguard.rules.truth import within_reason

NEVER_MS: Final = -1.0
"""Until then no round is left out."""
Memory = tuple[float, ...]
"""What a sight keeps between two rounds; empty at first. Times are boot time in ms."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One measurement; `point` is the operating point it was made at, where that matters."""

    value: float
    point: float | None = None


@dataclass(frozen=True, slots=True)
class Round:
    """One poll round: `holds[i]` is what holds of point i, `fresh[i]` what this round has read. Times are boot time;
    `before_ms` is that of the device's round before, None if there was none. `outside`: degrees around the devices, None where
    nobody tells. `waiting`: points that the rounds before have left out on purpose, and when each was read last. `counted`: what
    the domain rules count of the device, by the name of the figure."""

    holds: Sequence[Outcome]
    fresh: Sequence[Outcome]
    at_ms: int
    before_ms: int | None = None
    outside: float | None = None
    waiting: Mapping[int, int | None] = field(default_factory=dict)
    counted: Mapping[str, float] = field(default_factory=dict)

    def leaves_out(self, index: int) -> bool:
        """Whether this round has not asked for the point because it has a slower pace of its own: nothing is known anew."""
        outcome = self.fresh[index]
        return isinstance(outcome, Fault) and outcome.reason is Reason.NOT_DUE

    def gap_ms(self, index: int) -> float:
        """How long before this round the point was read last; infinite if it never was."""
        before_ms = self.waiting.get(index, self.before_ms)
        return math.inf if before_ms is None else self.at_ms - before_ms

    def waiting_after(self, columns: Iterable[int]) -> Mapping[int, int | None]:
        """`waiting` for the round that comes next, of these points."""
        return {index: self.waiting.get(index, self.before_ms) for index in columns if self.leaves_out(index)}


class Sight(Protocol):
    """One way to see one quantity."""

    def look(self, memory: Memory, seen: Round) -> tuple[Memory, Measured | None]:
        """What is to be kept, and the measurement if this round completes one. Returns the same memory if nothing moved."""
        ...

    def rest(self, memory: Memory) -> tuple[float, tuple["Flag", ...]]:
        """Until when (boot time) no round need be looked at in which none of these truths changes."""
        ...


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of a round: point `index`, times `factor`."""

    index: int
    factor: float = 1.0

    def read(self, outcomes: Sequence[Outcome]) -> float | None:
        """The number; None if there is none."""
        outcome = outcomes[self.index]
        if not isinstance(outcome, int | float) or isinstance(outcome, bool):
            return None
        return within_reason(outcome * self.factor)


@dataclass(frozen=True, slots=True)
class Flag:
    """A truth of a round: point `index` has one of the values `when`; empty for a point that is a truth itself.

    `above`: the point is a number beyond it.
    """

    index: int
    when: tuple[Value, ...] = ()
    above: float | None = None

    def read(self, outcomes: Sequence[Outcome]) -> bool | None:
        """Whether it is true; None if the round does not say."""
        outcome = outcomes[self.index]
        if isinstance(outcome, Fault):
            return None
        if self.above is not None:
            return isinstance(outcome, int | float) and outcome > self.above
        return outcome in self.when if self.when else bool(outcome)


def edges_of_flag(flag: Flag) -> Turns | None:
    """Where a truth that is read off a number may turn; None for one that is a point's own."""
    return None if flag.above is None else (flag.above,)


@dataclass(frozen=True, slots=True)
class AtRest:
    """A slow quantity, looked at once a minute while the device is in the same condition for `settle_ms` at least.

    `load`: its operating point, smoothed over `smooth_ms` as the quantity itself is slow. `less_outside`: measured
    above the surroundings; nothing is measured while nobody tells how warm those are. `less`: measured above another point.
    """

    amount: Amount
    running: Flag | None = None
    wanted: bool = True
    settle_ms: int = 0
    load: Amount | None = None
    smooth_ms: float = 0.0
    less_outside: bool = False
    less: Amount | None = None

    def rest(self, memory: Memory) -> tuple[float, tuple["Flag", ...]]:
        """Until the next look."""
        return (memory[0] if memory else NEVER_MS), ()

    def look(self, memory: Memory, seen: Round) -> tuple[Memory, Measured | None]:
        """Memory: when to look next, since when the condition holds, the smoothed load; then when it was last smoothed."""
        next_ms, since_ms, load, load_ms = memory or (0.0, -1.0, 0.0, -1.0)
        if seen.at_ms < next_ms:
            return memory, None
        next_ms = float(seen.at_ms + HINT_SAMPLE_MS)
        if self.running is not None and self.running.read(seen.holds) is not self.wanted:
            return (next_ms, -1.0, 0.0, -1.0), None
        since_ms = float(seen.at_ms) if since_ms < 0 else since_ms
        if self.load is not None:
            now_load = self.load.read(seen.holds)
            if now_load is None:
                return (next_ms, since_ms, load, load_ms), None
            gone_ms = seen.at_ms - load_ms
            load = now_load if load_ms < 0 else load + (now_load - load) * gone_ms / (gone_ms + self.smooth_ms)
            load_ms = float(seen.at_ms)
        kept = (next_ms, since_ms, load, load_ms)
        value = self._value(seen)
        if value is None or seen.at_ms - since_ms < self.settle_ms:
            return kept, None
        return kept, Measured(value, None if self.load is None else load)

    def _value(self, seen: Round) -> float | None:
        value = self.amount.read(seen.holds)
        under = seen.outside if self.less_outside else 0.0 if self.less is None else self.less.read(seen.holds)
        return None if value is None or under is None else value - under


@dataclass(frozen=True, slots=True)
class OnCurve:
    """A pump's head (exponent 2) or power (3) at its flow, once a minute while it runs steadily, brought to one speed.

    `reference`: that speed; None where the curve is learned, for which any will do. A pump of one speed has no `speed`.
    """

    amount: Amount
    flow: Amount
    exponent: int
    running: Flag | None = None
    speed: Amount | None = None
    reference: float | None = None

    def rest(self, memory: Memory) -> tuple[float, tuple["Flag", ...]]:
        """Until the next look."""
        return (memory[0] if memory else NEVER_MS), ()

    def look(self, memory: Memory, seen: Round) -> tuple[Memory, Measured | None]:
        """Memory: when to look next, since when the pump runs, its highest speed."""
        next_ms, since_ms, top = memory or (0.0, -1.0, self.reference or 0.0)
        if seen.at_ms < next_ms:
            return memory, None
        next_ms = float(seen.at_ms + HINT_SAMPLE_MS)
        if self.running is not None and self.running.read(seen.holds) is not True:
            return (next_ms, -1.0, top), None
        settled = since_ms >= 0
        since_ms = since_ms if settled else float(seen.at_ms)
        value, flow = self.amount.read(seen.holds), self.flow.read(seen.holds)
        speed = 1.0 if self.speed is None else self.speed.read(seen.holds)
        if value is None or flow is None or speed is None or flow <= 0 or value <= 0 or speed <= 0:
            return (next_ms, since_ms, top), None
        top = max(top, speed)
        if not settled or speed < SLOWEST * top:
            return (next_ms, since_ms, top), None
        reference = 1.0 if self.speed is None else self.reference or _ONE_SPEED
        measured = Measured(at_speed(value, self.exponent, speed, reference), at_speed(flow, 1, speed, reference))
        return (next_ms, since_ms, top), measured


_ONE_SPEED: Final = 1000.0


@dataclass(frozen=True, slots=True)
class AtStart:
    """The highest current within WINDOW_MS of a start, read each GAP_MS at least. It is polled, so that chance decides how much
    of a peak is caught: it takes many starts to make a figure. `load`: what the operating point is, zero included."""

    current: Amount
    running: Flag
    load: Amount | None = None

    def rest(self, memory: Memory) -> tuple[float, tuple["Flag", ...]]:
        """Every round while a start is being watched."""
        return (math.inf if memory in ((), _STOOD, _RUNS) else NEVER_MS), (self.running,)

    def look(self, memory: Memory, seen: Round) -> tuple[Memory, Measured | None]:
        """Memory: whether it ran (1, 0), when it started (-1: no start is being watched), the peak, when the current was read."""
        asked = not seen.leaves_out(self.running.index)
        runs = self.running.read(seen.fresh) if asked else None
        if not memory or (asked and runs is None):
            return (() if runs is None else _RUNS if runs else _STOOD), None
        ran, started_ms, peak, read_ms = memory
        if runs is False or (runs is None and ran == 0.0):
            return (memory if memory == _STOOD else _STOOD), None
        if ran == 0.0 and seen.gap_ms(self.running.index) <= GAP_MS:
            started_ms = read_ms = float(seen.at_ms)
        if started_ms < 0 or _gap_ms(seen) > GAP_MS or seen.at_ms - read_ms > GAP_MS:
            return (memory if memory == _RUNS else _RUNS), None
        current = self.current.read(seen.fresh)
        peak, read_ms = (peak, read_ms) if current is None else (max(peak, current), float(seen.at_ms))
        if seen.at_ms - started_ms < WINDOW_MS:
            return (1.0, started_ms, peak, read_ms), None
        load = None if self.load is None else self.load.read(seen.holds)
        return _RUNS, Measured(peak, None if load is None else load + 1.0) if peak > 0 else None


_STOOD: Final = (0.0, -1.0, 0.0, -1.0)
_RUNS: Final = (1.0, -1.0, 0.0, -1.0)


def _gap_ms(seen: Round) -> float:
    """How long ago the device's round before was."""
    return math.inf if seen.before_ms is None else seen.at_ms - seen.before_ms


WINDOW_MS: Final = 6000


@dataclass(frozen=True, slots=True)
class BetweenEdges:
    """How long something takes from the moment that `begin` ends to the moment that `end` begins: a door on its way, or, where
    both are the same, how long it is away.

    Each edge is taken to lie midway between the two rounds that show it. A way that is broken off (`begin` is true again), that
    takes longer than LONGEST_MS or one of whose edges lies between rounds more than GAP_MS apart is none.
    """

    begin: Flag
    end: Flag
    longest_ms: float = 30_000.0

    def rest(self, memory: Memory) -> tuple[float, tuple["Flag", ...]]:
        """Every round while it is on its way."""
        return (math.inf if not memory or memory[1] < 0 else NEVER_MS), (self.begin, self.end)

    def look(self, memory: Memory, seen: Round) -> tuple[Memory, Measured | None]:
        """Memory: whether `begin` was true when it was read last (1, 0), when the way began (-1: it has not)."""
        begin, end = self.begin.read(seen.fresh), self.end.read(seen.fresh)
        if (begin is None and not seen.leaves_out(self.begin.index)) or (end is None and not seen.leaves_out(self.end.index)):
            return (), None
        if not memory:
            return (() if begin is None else (float(begin), -1.0)), None
        began, way_ms = memory
        if seen.gap_ms(self.begin.index) > GAP_MS or seen.gap_ms(self.end.index) > GAP_MS:
            return (began if begin is None else float(begin), -1.0), None
        if began == 1.0 and begin is False:
            way_ms = seen.at_ms - seen.gap_ms(self.begin.index) / 2
        began = began if begin is None else float(begin)
        if way_ms >= 0 and end:
            return (began, -1.0), Measured((seen.at_ms - seen.gap_ms(self.end.index) / 2 - way_ms) / 1000.0)
        if begin or seen.at_ms - way_ms > self.longest_ms:
            way_ms = -1.0
        return (memory if memory == (began, way_ms) else (began, way_ms)), None


GAP_MS: Final = 3500.0


@dataclass(frozen=True, slots=True)
class AtStop:
    """A quantity in the first round after a movement has ended: how far a lift has stopped from its floor."""

    amount: Amount
    moving: Flag

    def rest(self, memory: Memory) -> tuple[float, tuple["Flag", ...]]:
        """Until it moves or stops; every round while the quantity is still to come."""
        return (math.inf if not memory or memory[1] < 0 else NEVER_MS), (self.moving,)

    def look(self, memory: Memory, seen: Round) -> tuple[Memory, Measured | None]:
        """Memory: whether it moved (1, 0), when it stopped while the quantity is still to come (else -1)."""
        asked = not seen.leaves_out(self.moving.index)
        moves = self.moving.read(seen.fresh) if asked else None
        if not memory or (asked and moves is None):
            return (() if moves is None else (float(moves), -1.0)), None
        moved, stopped_ms = memory
        if moves is False and moved == 1.0:
            stopped_ms = float(seen.at_ms)
        if moves or seen.at_ms - stopped_ms > GAP_MS:
            stopped_ms = -1.0
        value = None
        if stopped_ms >= 0 and not seen.leaves_out(self.amount.index):
            value, stopped_ms = self.amount.read(seen.fresh), -1.0
        kept = (moved if moves is None else float(moves), stopped_ms)
        return (memory if memory == kept else kept), None if value is None else Measured(value)


@dataclass(frozen=True, slots=True)
class Edges:
    """How often something has become true, counted here; what happens between two rounds or while nothing is read is missed."""

    flag: Flag

    def rest(self, memory: Memory) -> tuple[float, tuple["Flag", ...]]:
        """Until it becomes true, or false."""
        del memory
        return math.inf, (self.flag,)

    def look(self, memory: Memory, seen: Round) -> tuple[Memory, Measured | None]:
        """Memory: whether it was true (1, 0)."""
        now = self.flag.read(seen.fresh)
        if now is None or memory == (float(now),):
            return memory, None
        return (float(now),), Measured(1.0) if now and memory == (0.0,) else None


@dataclass(frozen=True, slots=True)
class HoursTrue:
    """Hours for which something was true, counted here once a minute; a gap in the rounds counts for nothing."""

    flag: Flag

    def rest(self, memory: Memory) -> tuple[float, tuple["Flag", ...]]:
        """Until the next look."""
        return (memory[0] + HINT_SAMPLE_MS if memory else NEVER_MS), ()

    def look(self, memory: Memory, seen: Round) -> tuple[Memory, Measured | None]:
        """Memory: when it was last looked at, whether it was true (1, 0)."""
        last_ms, was = memory or (float(seen.at_ms), 0.0)
        gone_ms = seen.at_ms - last_ms
        if memory and gone_ms < HINT_SAMPLE_MS:
            return memory, None
        kept = (float(seen.at_ms), float(self.flag.read(seen.holds) is True))
        counts = was == 1.0 and kept[1] == 1.0 and gone_ms <= 5 * HINT_SAMPLE_MS
        return kept, Measured(gone_ms / 3_600_000.0) if counts else None


@dataclass(frozen=True, slots=True)
class Counter:
    """A counter of the device itself, read once a minute. `modulus`: where it begins again, in the amount's unit."""

    amount: Amount
    modulus: float | None = None

    def rest(self, memory: Memory) -> tuple[float, tuple["Flag", ...]]:
        """Until the next look."""
        return (memory[0] if memory else NEVER_MS), ()

    def look(self, memory: Memory, seen: Round) -> tuple[Memory, Measured | None]:
        """Memory: when to look next."""
        if memory and seen.at_ms < memory[0]:
            return memory, None
        reading = self.amount.read(seen.fresh)
        return (float(seen.at_ms + HINT_SAMPLE_MS),), None if reading is None else Measured(reading)


@dataclass(frozen=True, slots=True)
class Counted:
    """A counter that the domain rules keep of a device that has none itself, looked at once a minute."""

    figure: str

    def rest(self, memory: Memory) -> tuple[float, tuple["Flag", ...]]:
        """Until the next look."""
        return (memory[0] if memory else NEVER_MS), ()

    def look(self, memory: Memory, seen: Round) -> tuple[Memory, Measured | None]:
        """Memory: when to look next."""
        if memory and seen.at_ms < memory[0]:
            return memory, None
        reading = seen.counted.get(self.figure)
        return (float(seen.at_ms + HINT_SAMPLE_MS),), None if reading is None else Measured(reading)
