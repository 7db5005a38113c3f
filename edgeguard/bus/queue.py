"""Requests that wait for their turn: by priority, then fairly by station, leaving out addresses that still need a pause.

Fair means by time on the wire: of the stations that wait with equal priority the one goes first that has had least of it
(start-time fair queuing; Goyal, Vin and Cheng 1996), so that neither many requests nor slow answers of one device push the
others back. While time is being lost to silence (bus.lost_time) those who have answered since it began are stations of their own,
all others together are one: so many may die at once, a living one has its turn after each that is silent. Two things are bounded:
whoever waits is passed over by more urgent ones so often and not more, and knocking at the doors of dead devices and of those that
nobody has heard yet takes a tenth of the time at most, as long as anybody on the bus answers (bus.probe_share).
"""

import math
from asyncio import Future
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from edgeguard.bus.exchange import Priority, Request
from edgeguard.bus.late import LateAnswers
from edgeguard.bus.lost_time import LostTime
from edgeguard.bus.probe_share import ProbeShare
from edgeguard.codec.alike import alike, function_of
from edgeguard.core.limits import BUS_PASSED_OVER, BUS_PROBE_ALONE_S, BUS_STATIONS_KNOWN, EARLY_SHARE
from edgeguard.core.line import LineSettings, Station
from edgeguard.core.line_limits import ANSWER_DOUBTS, PROBE_AFTER_LOOKS_S

_LEAST_AROUND: Final = 3
"""Characters that the shortest frame adds to a PDU: unit and CRC of Modbus RTU."""


@dataclass(slots=True, eq=False)
class Turn:
    """A request and the future of its answer. `deadline_s` bounds the present wait, None while none does; both in loop time.

    `sending_s`: how long the request's bytes take to leave; `wait_s`: how long its answer may take from then on.
    `doubts`: answers that have come and could be another's; `doubted`: what they all said, empty if they differ.
    `priority`: whose turn it is first: that of the request, as long as nothing else is known of its station.
    `whole_s`: what `deadline_s` was before something came after which it is not waited for so long.
    """

    request: Request
    future: Future[bytes]
    deadline_s: float | None = None
    sent_s: float = 0.0
    sending_s: float = 0.0
    wait_s: float = math.inf
    doubts: int = 0
    doubted: bytes | None = None
    whole_s: float | None = None
    priority: Priority = field(init=False)

    def __post_init__(self) -> None:
        self.priority = self.request.priority

    def cut_short(self, until_s: float) -> None:
        """More has come: it is not waited for beyond `until_s` (infinite: for all its time) as long as nothing more comes."""
        if self.deadline_s is not None:
            whole_s = self.deadline_s if self.whole_s is None else max(self.deadline_s, self.whole_s)
            cut = until_s < math.inf
            self.whole_s, self.deadline_s = (whole_s, min(whole_s, until_s)) if cut else (None, whole_s)

    def doubt(self, answer: bytes) -> None:
        """This answer could be another request's."""
        self.doubted = answer if self.doubted in (None, answer) else b""
        self.doubts += 1
        self.deadline_s = None

    def is_insisted_on(self, answer: bytes) -> bool:
        """So many answers in a row have said the same that they cannot all have been another's."""
        return self.doubts >= ANSWER_DOUBTS and self.doubted == answer

    def is_early(self, answer: bytes, line: LineSettings | None, now_s: float) -> bool:
        """Request and answer cannot have passed the line in that time, even if the device does not think at all."""
        line = self.request.line or line
        least_s = 0.0 if line is None else self.sending_s + (len(answer) + _LEAST_AROUND) * line.character_s
        return now_s - self.sent_s < EARLY_SHARE * least_s


class TurnQueue:
    """The waiting turns of one bus, of which `parallel` may be outstanding at once. `quiet_s`: kept after one without an answer."""

    def __init__(self, parallel: int = 1, quiet_s: float = 0.0) -> None:
        self.under_way: Collection[Turn] = ()
        """Those outstanding beside whom others go out: none whose answer could be taken for one of theirs."""
        self._lanes: tuple[_Lane, ...] = tuple(_Lane() for _ in Priority)
        self._waiting = 0
        self._rested_s: dict[Station, float] = {}
        self.late = LateAnswers()
        """Whom not to ask the like again yet, and whose answer to doubt."""
        self.lost = LostTime(parallel)
        """What silence has cost, and who lives for sure."""
        self._passed: set[Station] = set()
        """Those that have answered late and were let pass, and have not answered in time since."""
        self._probes = self._lanes[Priority.PROBE]
        self._share = ProbeShare()
        self._quiet_s = quiet_s
        self._answered_s = self._looked_s = -math.inf

    def __len__(self) -> int:
        return self._waiting

    def __iter__(self) -> Iterator[Turn]:
        for lane in self._lanes:
            yield from lane.turns

    def put(self, turn: Turn) -> None:
        """Wait among those of the same priority."""
        self._lanes[turn.priority].put(turn)
        self._waiting += 1

    def put_back(self, turn: Turn) -> None:
        """Wait again, in front of those of the same priority and station."""
        self._lanes[turn.priority].turns.appendleft(turn)
        self._waiting += 1

    def put_behind(self, turn: Turn) -> None:
        """Wait again, behind all others. Who was silent when last asked does not go before those that answer."""
        turn.deadline_s, turn.priority = None, max(turn.priority, Priority.ROUTINE)
        self.put(turn)

    def rest(self, address: Station, until_s: float) -> None:
        """Leave this address alone until then (loop time)."""
        self._rested_s[address] = until_s

    def charge(self, turn: Turn, busy_s: float, now_s: float, answered: bool) -> None:
        """This turn has kept the wire busy for so long. What was waited for one that may be dead counts as that."""
        lane = self._lanes[turn.priority]
        lane.charge(turn.request.address, busy_s)
        if answered:
            self._answered_s = now_s
            self._passed.discard(turn.request.address)
            self.lost.answered(turn.request.address)
        elif _may_be_dead(turn) and not self._alone(now_s):
            self._share.spend(busy_s + self._quiet_s, now_s, lane is self._probes)

    def silent(self, turn: Turn, now_s: float) -> bool:
        """Nothing was heard in all the time that this turn was given; those that may be dead have a share of their own for that.

        True if it is worth another: it was a look, and it may have been the line.
        """
        lane, waited_s = self._lanes[turn.priority], now_s - turn.sent_s
        if _may_be_dead(turn) or turn.priority is Priority.SEARCH:
            return False
        lane.lose(waited_s)
        spared = self.lost.silent(turn.request.address, waited_s, now_s)
        return spared and turn.wait_s < turn.request.timeout_s

    def wait_s(self, request: Request, now_s: float) -> float:
        """How long to wait for the answer if it goes out now; all its time if nobody else waits or it has answered, only late."""
        whole = not self._waiting or request.address in self.late.living
        return request.timeout_s if whole else self.lost.wait_s(request, now_s)

    def take(self, now_s: float) -> Turn | None:
        """The next turn whose address needs no pause; None if there is none. Turns whose future is done are dropped."""
        if self.late.living and self._probes.turns:
            self._let_the_living_pass()
        lanes = [lane for lane in self._lanes if lane.turns]
        if len(lanes) > 1:
            lanes.sort(key=_not_overdue)
        lost = self.lost if self.lost.is_open(now_s) else None
        for lane in lanes:
            waiting = len(lane.turns)
            turn = lane.take(self._rested_s, self.late, now_s, lost, self.under_way, self._fits)
            self._waiting -= waiting - len(lane.turns)
            if turn is None:
                continue
            lane.passed = 0
            if len(lanes) > 1:
                self._pass_over(lane)
            if turn.request.stranger and lane is not self._probes:
                self._looked_s = now_s
            return turn
        return None

    def _alone(self, now_s: float) -> bool:
        """Nobody on the bus answers, so that those who may be dead are in nobody's way."""
        return now_s - self._answered_s >= BUS_PROBE_ALONE_S

    def _fits(self, turn: Turn, now_s: float) -> bool:
        return self._share_s(turn, now_s) <= now_s

    def _share_s(self, turn: Turn, now_s: float) -> float:
        """When one that may be dead may be waited for; infinite while another is."""
        if self._alone(now_s):
            return now_s
        if any(_may_be_dead(other) for other in self.under_way):
            return math.inf
        knock = turn.priority is Priority.PROBE
        ready_s = self._share.ready_s(turn.request.timeout_s + self._quiet_s, now_s, knock)
        if not knock:
            return ready_s
        return max(ready_s, self._looked_s + PROBE_AFTER_LOOKS_S) if self._probes.held in (None, turn) else math.inf

    def _let_the_living_pass(self) -> None:
        """Who has answered, only late, is not dead: it need not wait for their share. One that is always late has one try."""
        for turn in [turn for turn in self._probes.turns if self._may_pass(turn)]:
            if len(self._passed) < BUS_STATIONS_KNOWN:
                self._passed.add(turn.request.address)
            self._probes.turns.remove(turn)
            turn.priority = Priority.ROUTINE
            self._lanes[Priority.ROUTINE].put(turn)

    def _may_pass(self, turn: Turn) -> bool:
        return turn.request.address in self.late.living and turn.request.address not in self._passed

    def _pass_over(self, taken: "_Lane") -> None:
        """Those less urgent than the lane that had its turn have waited once more."""
        for lower in self._lanes[self._lanes.index(taken) + 1 :]:
            lower.passed += bool(lower.turns)

    def ready_s(self, now_s: float) -> float | None:
        """When the first of those that wait may have its turn, as far as pauses are concerned; None if nothing waits."""
        ready = [
            max(
                self._rested_s.get(turn.request.address, 0.0),
                self.late.until_s(turn.request),
                self._share_s(turn, now_s) if _may_be_dead(turn) and not self._may_pass(turn) else 0.0,
                math.inf if _confuses(turn, self.under_way) else 0.0,
            )
            for turn in self
        ]
        return min(ready, default=None)

    def drop_done(self) -> None:
        """Forget turns that nobody waits for any more."""
        for lane in self._lanes:
            kept = [turn for turn in lane.turns if not turn.future.done()]
            lane.turns.clear()
            lane.turns.extend(kept)
        self._waiting = sum(len(lane.turns) for lane in self._lanes)


class _Lane:
    """Those of one priority. `passed`: how often more urgent ones went first since this lane last had a turn."""

    def __init__(self) -> None:
        self.turns: deque[Turn] = deque()
        self.passed = 0
        self.held: Turn | None = None
        """The probe whose turn it was when last looked, which does not fit yet: all others wait behind it."""
        self._had_s: dict[Station, float] = {}
        """Time that each station has had, on a scale on which those that wait are never left behind."""
        self._least_s = 0.0
        self._unsure_s = 0.0
        """The same of all those together of whom it is not sure that they live."""

    def put(self, turn: Turn) -> None:
        if not self.turns:
            # An empty lane has been passed over by nobody.
            self.passed = 0
        station = turn.request.address
        had_s = self._had_s.get(station, 0.0)
        if had_s < self._least_s and not any(other.request.address == station for other in self.turns):
            # Who was away saves nothing up.
            self._had_s[station] = self._least_s
        self.turns.append(turn)

    def charge(self, station: Station, busy_s: float) -> None:
        self._had_s[station] = max(self._had_s.get(station, 0.0), self._least_s) + busy_s
        if len(self._had_s) > BUS_STATIONS_KNOWN:
            waiting = {turn.request.address for turn in self.turns}
            self._had_s = {key: had_s for key, had_s in self._had_s.items() if key in waiting or had_s > self._least_s}

    def lose(self, waited_s: float) -> None:
        """One that is not sure to live was silent for so long."""
        self._unsure_s = max(self._unsure_s, self._least_s) + waited_s

    def take(
        self,
        rested_s: Mapping[Station, float],
        late: LateAnswers,
        now_s: float,
        lost: LostTime | None,
        under_way: Collection[Turn],
        fits: Callable[[Turn, float], bool],
    ) -> Turn | None:
        """`fits`: one that may be dead may be waited for now. Among probes none goes before the one whose turn it is."""
        best: Turn | None = None
        self.held = None
        best_s = least_s = math.inf
        done = False
        any_late = bool(late)
        for turn in self.turns:
            station = turn.request.address
            if turn.future.done():
                done = True
            elif (
                rested_s.get(station, 0.0) <= now_s
                and not (any_late and late.until_s(turn.request) > now_s)
                and not (under_way and _confuses(turn, under_way))
                and not (turn.request.stranger and turn.priority < Priority.PROBE and not fits(turn, now_s))
            ):
                own_s = had_s = self._had_s.get(station, 0.0)
                if lost is not None and had_s <= self._unsure_s and not lost.is_sure(station):
                    had_s, own_s = self._unsure_s, math.inf if lost.was_silent(station) else own_s
                if had_s < best_s or (had_s == best_s and own_s < least_s):
                    best, best_s, least_s = turn, had_s, own_s
        if best is not None and best.priority is Priority.PROBE and not fits(best, now_s):
            best, self.held = None, best
        if best is not None:
            self._least_s = max(self._least_s, best_s)
            self.turns.remove(best)
        if done:
            self.turns = deque(turn for turn in self.turns if not turn.future.done())
        return best


def _may_be_dead(turn: Turn) -> bool:
    """It was silent when last asked, or nobody has heard it yet."""
    return turn.priority is Priority.PROBE or turn.request.stranger


def _confuses(turn: Turn, under_way: Collection[Turn]) -> bool:
    """Its answer and that to one under way could be taken for each other, whatever number they bear."""
    return any(_confusable(turn.request, other.request) for other in under_way)


def _confusable(one: Request, other: Request) -> bool:
    if one.address != other.address or one.protocol is not other.protocol or one.pdu == other.pdu:
        return False
    protocol = one.protocol
    return function_of(protocol, one.pdu) == function_of(protocol, other.pdu) and alike(protocol, one.pdu, other.pdu)


def _not_overdue(lane: _Lane) -> bool:
    return lane.passed < BUS_PASSED_OVER
