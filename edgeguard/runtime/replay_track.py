"""One device's part of a recording that is played in blocks: which rounds have been taken, and which may be passed over at once."""

import math
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import sub

from edgeguard.core.alarm_limits import REPLAY_PAUSE_MS
from edgeguard.core.clock import Stamp
from edgeguard.core.ids import DeviceName
from edgeguard.core.point import Outcome
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.trend import TrendBlock
from edgeguard.rules.engine import DeviceState
from edgeguard.rules.still import Still
from edgeguard.rules.stretch import passes_counter, passes_plan, passes_still
from edgeguard.runtime.record import DeviceRecord
from edgeguard.runtime.recordings import answered_by
from edgeguard.runtime.replay_stage import NOT_ASKED, ColumnsOf
from edgeguard.runtime.watches import Rest

Column = Sequence[Outcome]
Key = tuple[int, int]
"""When a round comes: its wall time, and of rounds of one moment the number of the block that was written first."""
NEVER_KEY: Key = (1 << 62, 0)


@dataclass(slots=True)
class Block:
    """A block as columns of the device: as they were read, and as what was known then; rows of which a fault was read stand out."""

    number: int
    walls_ms: tuple[int, ...]
    read: tuple[Column, ...]
    raw: tuple[Column, ...]
    """As recorded, before they became the columns of the device."""
    known: tuple[Column, ...] = ()
    faulty: tuple[int, ...] = ()
    due: dict[int, list[int]] = field(default_factory=dict)
    """Of columns that were not always asked for: the rows at which they were."""

    def fill(self, record: DeviceRecord) -> None:
        """Find out what was known at each row, beginning with what is known now."""
        faulty: set[int] = set()
        known: list[Column] = []
        for column, shown in enumerate(self.read):
            if Fault not in set(map(type, shown)):
                known.append(shown)
                continue
            value = record.outcomes[column]
            filled: list[Outcome] = []
            due: list[int] = []
            for row, outcome in enumerate(shown):
                if isinstance(outcome, Fault):
                    if outcome.reason is not Reason.NOT_DUE:
                        faulty.add(row)
                else:
                    value = outcome
                    due.append(row)
                filled.append(value)
            known.append(filled)
            self.due[column] = due
        self.known, self.faulty = tuple(known), tuple(sorted(faulty))

    def row(self, k: int) -> tuple[Outcome, ...]:
        """What a poll has read."""
        return tuple([column[k] for column in self.read])

    def answers(self, k: int) -> bool:
        """Whether the device said anything."""
        return answered_by(tuple([column[k] for column in self.raw]))


class Track:
    """Rows of a device before `next` have been taken; those before `rests` (at least `next`) rest, as far as is known now."""

    def __init__(self, device: DeviceName, record: DeviceRecord | None) -> None:
        self.device = device
        self.record = record
        self.block: Block | None = None
        self.next = 0
        self.rests = 0
        self.state: DeviceState | None = None
        """The alarms of its device when it was found how long it rests."""
        self.version = 0
        """Counts how often it was decided anew when to look at it next."""
        self._columns: ColumnsOf | None = None
        self._names: object = None
        self._waiting: deque[tuple[int, TrendBlock]] = deque()

    def add(self, number: int, block: TrendBlock) -> None:
        """A block behind those that were there before."""
        self._waiting.append((number, block))

    def has_moved(self) -> bool:
        """Whether alarms of its device have moved since then."""
        return self.record is not None and self.record.state is not self.state

    def key(self) -> Key:
        """When it has to be looked at next; NEVER_KEY while nothing of it is loaded."""
        block = self.block
        if block is not None and self.rests < len(block.walls_ms):
            return block.walls_ms[self.rests], block.number
        if self._waiting:
            number, waiting = self._waiting[0]
            return waiting.walls_ms[0], number
        return NEVER_KEY

    def open(self) -> Block | None:
        """The block with the row to look at next, None if there is none; one that is through makes room for another."""
        if self.block is not None and self.next < len(self.block.walls_ms):
            return self.block
        if not self._waiting:
            return None
        number, block = self._waiting.popleft()
        self.next = self.rests = 0
        self.block = Block(number, block.walls_ms, self._sorted(block), block.columns)
        if self.record is not None:
            self.block.fill(self.record)
        return self.block

    def _sorted(self, block: TrendBlock) -> tuple[Column, ...]:
        if self.record is None:
            return ()
        if self._columns is None or self._names is not block.points:
            names = tuple(point.name for point in block.points)
            self._names, self._columns = block.points, ColumnsOf.of(names, self.record.rules.points)
        columns = (*block.columns, (NOT_ASKED,) * len(block.walls_ms))
        return tuple([columns[place] for place in self._columns.places])

    def before(self, key: Key) -> int:
        """How many rows of the block come before a moment."""
        if self.block is None:
            return 0
        find = bisect_right if self.block.number < key[1] else bisect_left
        return find(self.block.walls_ms, key[0])

    def refresh(self, end: int, at: Stamp) -> None:
        """The record has the row before `end`, which rested, and was read at that moment."""
        block, record = self.block, self.record
        if block is None or record is None:
            return
        record.at = record.answered_at = at
        outcomes = record.outcomes = tuple([column[end - 1] for column in block.known])
        record.good[:] = outcomes  # type: ignore[assignment]
        good_at: list[Stamp | None] = [at] * len(outcomes)
        for column, due in block.due.items():
            last = bisect_left(due, end) - 1
            good_at[column] = record.good_at[column] if last < 0 or due[last] < self.next else _moved(at, block, due[last], end - 1)
        record.good_at[:] = good_at


def _moved(at: Stamp, block: Block, row: int, newest: int) -> Stamp:
    ago_ms = block.walls_ms[newest] - block.walls_ms[row]
    return Stamp(at.wall_ms - ago_ms, at.boot_ms - ago_ms, at.boot, at.synced)


def may_rest(track: Track) -> bool:
    """Whether its device is in a state in which any round may be passed over."""
    record = track.record
    if record is None or not record.answered or record.stale or record.at is None:
        return False
    plan = record.state.plan
    if plan is None or plan.busy or plan.answered is False:
        return False
    return Fault not in set(map(type, record.outcomes))


def rests_until(track: Track, rests: Sequence[Rest | None], others: Mapping[DeviceName, Track], start_ms: int, horizon: Key) -> int:
    """The first row from `track.next` on that has to be looked at, however its neighbours go on until `horizon`."""
    block, record, first = track.block, track.record, track.next
    plan = None if record is None else record.state.plan
    if block is None or record is None or record.at is None or plan is None:
        return first
    known = [rest for rest in rests if rest is not None]
    if len(known) < len(rests):
        return first
    until_ms = min((rest.until_ms for rest in known), default=math.inf)
    end = track.before(horizon)
    if until_ms < math.inf:
        end = min(end, bisect_left(block.walls_ms, until_ms + start_ms))
    end = _without_pause(block, record.at.wall_ms, first, end, min(record.spec.stale_after_ms, REPLAY_PAUSE_MS))
    place = bisect_left(block.faulty, first)
    end = block.faulty[place] if place < len(block.faulty) and block.faulty[place] < end else end
    end = passes_plan(plan, block.known, first, end) if end > first else first
    for rest in known:
        end = _passes(rest, track, block, others, end)
    return end


def _without_pause(block: Block, last_ms: int, first: int, end: int, longest_ms: int) -> int:
    """The first row that comes later than it may after the one before."""
    walls_ms = block.walls_ms
    if end <= first or walls_ms[first] - last_ms > longest_ms:
        return first
    if max(map(sub, walls_ms[first + 1 : end], walls_ms[first : end - 1]), default=0) <= longest_ms:
        return end
    return next(k for k in range(first + 1, end) if walls_ms[k] - walls_ms[k - 1] > longest_ms)


def _passes(rest: Rest, track: Track, block: Block, others: Mapping[DeviceName, Track], end: int) -> int:
    """The first row before `end` at which a family does not rest."""
    first = track.next
    for still in rest.fresh:
        end = passes_still(still, block.read, first, end) if end > first else first
    for counter in rest.counters:
        end = min(end, bisect_left(block.walls_ms, counter.until_wall_ms), first + counter.readings)
        end = passes_counter(block.read[counter.column], counter.low, counter.high, first, end) if end > first else first
    for device, still in rest.known:
        if end <= first:
            return first
        if device == track.device:
            end = passes_still(still, block.known, first, end)
        else:
            end = _passes_beside(still, others.get(device), track, block, end)
    return end


def _passes_beside(still: Still, other: Track | None, track: Track, block: Block, end: int) -> int:
    """The first row of a track at which a neighbour shows what `still` does not hold for; until then the neighbour rests, too."""
    if other is None or other.record is None or not still.holds(other.record.outcomes):
        return track.next
    beside, upto = other.block, other.before((block.walls_ms[end - 1], block.number))
    if beside is None or upto <= other.next:
        return end
    turns = passes_still(still, beside.known, other.next, upto)
    return end if turns >= upto else min(end, track.before((beside.walls_ms[turns], beside.number)))
