"""Reads a meter: few requests, whole blocks while the meter gives them, slow identifiers at their own pace, refusals remembered.

A refused block is asked for item by item in the same round, and from then on; an identifier that the meter does not have is not
asked for again. After an hour all of that is forgotten and learned anew. What is not due in a round is NOT_DUE: what was known
before still holds.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence

import structlog

from edgeguard.bus import ExchangeFailed, Priority
from edgeguard.codec.meter_block import adds_up, decode
from edgeguard.core.clock import Clock
from edgeguard.core.ids import DeviceName
from edgeguard.core.limits import REFUSAL_KEPT_S
from edgeguard.core.meter import MeterField
from edgeguard.core.meter_plan import Ask, asks_of
from edgeguard.core.point import Outcome, Point
from edgeguard.core.profile import Cjt188Limits, Dlt645Limits
from edgeguard.core.quality import Fault, Reason
from edgeguard.driver.learned import LearnedLimits
from edgeguard.driver.line import DeviceLine
from edgeguard.driver.round import Round

_log = structlog.get_logger()

Fetch = Callable[[str, Priority, float | None], Awaitable[bytes | Fault]]
"""The data of an identifier, or why the meter does not give it; ExchangeFailed if nothing that is an answer came."""

_NOT_ASKED = Fault(Reason.NOT_POLLED)
_NOT_DUE = Fault(Reason.NOT_DUE)
_SILENT_ONLY = frozenset({Reason.GARBAGE, Reason.CHECKSUM})


class MeterReader:
    """All reads of one meter. `points[i]` sits at `fields[i]`.

    `urgent`: columns that alarms watch; the requests that hold one go first in a round, and before other devices' routine.
    """

    def __init__(
        self,
        device: DeviceName,
        points: Sequence[Point],
        fields: Sequence[MeterField],
        limits: Dlt645Limits | Cjt188Limits,
        fetch: Fetch,
        line: DeviceLine,
        clock: Clock,
        urgent: frozenset[int] = frozenset(),
    ) -> None:
        self._device = device
        self._points = points
        self._fields = fields
        self._limits = limits
        self._fetch = fetch
        self._line = line
        self._clock = clock
        self._urgent = urgent
        self._refused: dict[str, Fault] = {}
        self._no_blocks: frozenset[str] = frozenset()
        self._alone: frozenset[int] = frozenset()
        self._odd_sums: frozenset[str] = frozenset()
        self._learned_ms: int | None = None
        self._asked_ms: dict[tuple[str, int], int] = {}
        self._told: frozenset[str] = frozenset()
        self._asks = self._compile()

    @property
    def requests_per_round(self) -> int:
        """Requests that a round takes in which everything is due."""
        return max(1, sum(ask.identifier not in self._refused for ask in self._asks))

    @property
    def refused(self) -> dict[int, Fault]:
        """Columns that the meter does not have, with its answer."""
        return {i: self._refused[f.identifier] for i, f in enumerate(self._fields) if f.identifier in self._refused}

    @property
    def learned(self) -> LearnedLimits:
        """What the meter has taught so far."""
        return LearnedLimits(
            refused={self._points[i].name: fault.detail for i, fault in self.refused.items()},
            turnaround_ms=1000.0 * self._line.turnarounds.quantile_s(0.1),
            gap_ms=1000.0 * self._line.gap.proved_s,
        )

    def recall(self, learned: LearnedLimits) -> None:
        """Begin with what was learned before; refusals are forgotten in their time, like all that are learned."""
        self._line.gap.recall(learned.gap_ms / 1000.0)
        known = {
            field.identifier: Fault(Reason.REFUSED, learned.refused[point.name])
            for point, field in zip(self._points, self._fields, strict=True)
            if point.name in learned.refused
        }
        if known:
            self._refused.update(known)
            self._told |= frozenset(known)
            self._learn()

    async def everything(self, priority: Priority) -> Round:
        """A round over all columns."""
        self._forget_in_time()
        under_way = self._begin(self._line.first_wait_s(knock=False))
        now_ms = self._clock.now().boot_ms
        asked = False
        for ask in sorted(self._asks, key=self._is_urgent, reverse=True):
            fault = self._refused.get(ask.identifier)
            if fault is not None:
                under_way.fill(ask.members, fault)
            elif not self._is_due(ask, now_ms):
                under_way.fill(ask.members, _NOT_DUE)
            else:
                asked = True
                await self._read_or_fill(ask, under_way, self._line.urgent(priority) if self._is_urgent(ask) else priority)
        if not asked:
            await self._knock(under_way, priority)
        self._note(under_way)
        self._tell()
        return under_way

    async def sign_of_life(self) -> Round:
        """One short read; the other columns are NOT_POLLED, or refused."""
        under_way = self._begin(self._line.first_wait_s(knock=True))
        for i, fault in self.refused.items():
            under_way.outcomes[i] = fault
        await self._knock(under_way, self._line.knock_priority())
        return under_way

    async def some(self, columns: Sequence[int], priority: Priority) -> Round:
        """A round over these columns, due or not, refused or not."""
        under_way = self._begin()
        for ask in asks_of(self._fields, self._limits, columns, self._no_blocks, self._alone):
            await self._read_or_fill(ask, under_way, priority)
        self._tell()
        return under_way

    def _note(self, under_way: Round) -> None:
        """When what was last read in a round; after a silence nothing that was known holds any more: everything is due.

        Knocks and what a person reads do not count: what they bring is not kept.
        """
        if not under_way.answered:
            self._asked_ms.clear()
        for ask in self._asks:
            for at in filter(None, (under_way.asked_at[i] for i in ask.members)):
                self._asked_ms[ask.identifier, ask.every_ms] = at.boot_ms

    def _begin(self, first_wait_s: float | None = None) -> Round:
        return Round(
            (_NOT_ASKED,) * len(self._fields), self._clock, first_wait_s, None if first_wait_s is None else self._line.timeout_s
        )

    async def _read_or_fill(self, ask: Ask, under_way: Round, priority: Priority) -> None:
        if under_way.lost is not None:
            under_way.fill(ask.members, under_way.lost)
        else:
            await self._read(ask, under_way, priority)

    async def _knock(self, under_way: Round, priority: Priority) -> None:
        """The shortest read that the meter gives; any, if it gives none."""
        known = [ask for ask in self._asks if ask.identifier not in self._refused] or list(self._asks)
        await self._read(min(known, key=lambda ask: ask.size), under_way, priority)

    async def _read(self, ask: Ask, under_way: Round, priority: Priority) -> None:
        data = await self._ask(ask, under_way, priority)
        if isinstance(data, Fault):
            under_way.fill(ask.members, data)
            if data.reason in (Reason.REFUSED, Reason.EXCEPTION):
                await self._refusal(ask, data, under_way, priority)
            return
        self._refused.pop(ask.identifier, None)
        outcomes = decode(ask, data, self._points, self._fields)
        missing = [i for i, outcome in zip(ask.members, outcomes, strict=True) if outcome is None]
        self._put(under_way, ask.members, outcomes)
        if missing:
            self._alone |= frozenset(missing)
            self._learn()
            await self._one_by_one(missing, under_way, priority)

    def _put(self, under_way: Round, members: Iterable[int], outcomes: Iterable[Outcome | None]) -> None:
        for i, outcome in zip(members, outcomes, strict=True):
            if outcome is not None:
                under_way.put_one(i, outcome)

    async def _refusal(self, ask: Ask, fault: Fault, under_way: Round, priority: Priority) -> None:
        """A block is taken apart; what a meter does not have is remembered; what it cannot give now is asked for again."""
        if ask.is_block:
            self._no_blocks |= {ask.identifier}
            self._learn()
            await self._one_by_one(ask.members, under_way, priority)
        elif fault.reason is Reason.REFUSED:
            self._refused[ask.identifier] = fault
            self._learn()

    async def _one_by_one(self, columns: Iterable[int], under_way: Round, priority: Priority) -> None:
        for ask in asks_of(self._fields, self._limits, columns, self._no_blocks, self._alone):
            known = self._refused.get(ask.identifier)
            if known is not None:
                under_way.fill(ask.members, known)
            else:
                await self._read_or_fill(ask, under_way, priority)

    async def _ask(self, ask: Ask, under_way: Round, priority: Priority) -> bytes | Fault:
        """The data of one request; asked for twice where tariffs and total disagree, for two equal answers are no accident."""
        data = await self._once(ask, under_way, priority)
        if isinstance(data, Fault) or ask.identifier in self._odd_sums or adds_up(ask, data, self._fields[ask.members[0]]):
            return data
        again = await self._once(ask, under_way, priority)
        if isinstance(again, Fault) or adds_up(ask, again, self._fields[ask.members[0]]):
            return again
        if again != data:
            return Fault(Reason.GARBAGE, "total and tariffs of two answers disagree")
        self._odd_sums |= {ask.identifier}
        _log.warning("meter.sum-differs", device=self._device, data=ask.identifier)
        return again

    async def _once(self, ask: Ask, under_way: Round, priority: Priority) -> bytes | Fault:
        try:
            data = await self._fetch(ask.identifier, priority, under_way.wait_s)
        except ExchangeFailed as failed:
            under_way.silent(failed.fault)
            return failed.fault
        if isinstance(data, Fault):
            self._line.faults[data.reason] += 1
            if data.reason in _SILENT_ONLY:
                under_way.silent(data)
                return data
        under_way.heard(self._line.took_s)
        return data

    def _is_urgent(self, ask: Ask) -> bool:
        return not self._urgent.isdisjoint(ask.members)

    def _is_due(self, ask: Ask, now_ms: int) -> bool:
        """Within a twentieth of its pace and a second, or rounds that keep the same beat would miss it by a hair."""
        last_ms = self._asked_ms.get((ask.identifier, ask.every_ms))
        if not ask.every_ms or last_ms is None:
            return True
        return now_ms - last_ms >= ask.every_ms - min(ask.every_ms // 20, 1000)

    def _compile(self) -> tuple[Ask, ...]:
        return asks_of(self._fields, self._limits, None, self._no_blocks, self._alone)

    def _learn(self) -> None:
        if self._learned_ms is None:
            self._learned_ms = self._clock.now().boot_ms
        self._asks = self._compile()

    def _forget_in_time(self) -> None:
        if self._learned_ms is None or self._clock.now().boot_ms - self._learned_ms < REFUSAL_KEPT_S * 1000:
            return
        self._refused.clear()
        self._no_blocks, self._alone, self._odd_sums, self._learned_ms = frozenset(), frozenset(), frozenset(), None
        self._asks = self._compile()

    def _tell(self) -> None:
        """Say what the meter does not have, when that is news."""
        refused = frozenset(self._refused)
        news, self._told = refused - self._told, refused
        if news:
            names = {self._points[i].name: str(fault) for i, fault in self.refused.items()}
            _log.warning("device.refuses", device=self._device, points=names)
