"""Reads a Modbus device by a plan that learns: what the device refuses is cut out, once, and named.

A block answered with exception 2 or 3 is halved down to single fields within the same round, so that the rest is read at
once. What comes of it is kept: refused fields, which no later read touches, not even in a gap, and cuts between parts that
were served apart but not together (a hole in the map, or more than the device gives at a time). After an hour all of it is
forgotten and learned anew: firmware changes, and a device that is just starting may refuse what it serves a minute later,
so that no field is lost for ever to one bad moment, at the price of a few requests an hour. While every field is refused
each round still asks for one of them, to know that the device lives; if it is served, everything is forgotten at once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import structlog

from edgeguard.bus import ExchangeFailed, Priority
from edgeguard.codec.block import Block, compile_block
from edgeguard.codec.modbus import GATEWAY_EXCEPTIONS, exception_code
from edgeguard.codec.plan import NOTHING_LEARNED, Learned, PlanRules, Span, bridge, halve, plan_reads
from edgeguard.core.clock import Clock
from edgeguard.core.errors import ConfigError
from edgeguard.core.ids import DeviceName
from edgeguard.core.limits import REFUSAL_KEPT_S
from edgeguard.core.point import Outcome, Point
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.register import RegisterField, Table
from edgeguard.driver.learned import Hole, LearnedLimits
from edgeguard.driver.line import DeviceLine
from edgeguard.driver.round import Round
from edgeguard.driver.shelf import Routine, Shelf

_log = structlog.get_logger()

_NOT_ASKED = Fault(Reason.NOT_POLLED)
_GOOD_SHAPE = frozenset({Reason.REFUSED, Reason.EXCEPTION})


class ModbusReader:
    """All reads of one device. `points[i]` sits at `fields[i]`.

    `urgent`: columns that alarms watch; the blocks that hold one are read first in a round, and before other devices' routine.
    """

    def __init__(
        self,
        device: DeviceName,
        points: Sequence[Point],
        fields: Sequence[RegisterField],
        rules: PlanRules,
        line: DeviceLine,
        clock: Clock,
        shelf: Shelf,
        urgent: frozenset[int] = frozenset(),
    ) -> None:
        self._device = device
        self._points = points
        self._fields = fields
        self._rules = rules
        self._line = line
        self._clock = clock
        self._shelf = shelf
        self._urgent = urgent
        self._learned = NOTHING_LEARNED
        self._learned_ms = 0
        self._told: frozenset[int] = frozenset()
        self._holes: dict[tuple[Table, int], tuple[int, int]] = {}
        self._largest = self._too_large = 0
        self._routine = self._compile()

    @property
    def requests_per_round(self) -> int:
        """Requests that a whole round takes."""
        return max(1, len(self._routine.blocks))

    @property
    def refused(self) -> dict[int, Fault]:
        """Columns that cannot be read, with the reason."""
        return {i: fault for i, fault in enumerate(self._routine.column) if isinstance(fault, Fault) and fault is not _NOT_ASKED}

    @property
    def learned(self) -> LearnedLimits:
        """What the device has taught so far."""
        cuts = tuple(sorted(self._learned.cuts))
        return LearnedLimits(
            refused={self._points[i].name: fault.detail for i, fault in self._learned.refused.items()},
            cuts=cuts,
            holes=tuple(Hole(cut[0], *self._holes[cut]) for cut in cuts if cut in self._holes),
            largest=self._largest,
            too_large=self._too_large,
            turnaround_ms=1000.0 * self._line.turnarounds.quantile_s(0.1),
            gap_ms=1000.0 * self._line.gap.proved_s,
        )

    def recall(self, learned: LearnedLimits) -> None:
        """Begin with what was learned before; it is forgotten in its time, or when it is proved wrong, like all that is learned."""
        columns = {point.name: i for i, point in enumerate(self._points)}
        refused = {columns[name]: Fault(Reason.REFUSED, why) for name, why in learned.refused.items() if name in columns}
        self._largest, self._too_large = learned.largest, learned.too_large
        self._line.gap.recall(learned.gap_ms / 1000.0)
        self._holes = {(hole.table, hole.last + 1): (hole.first, hole.last) for hole in learned.holes}
        if refused or learned.cuts:
            self._learned = Learned(refused, frozenset(learned.cuts))
            self._learned_ms = self._clock.now().boot_ms
            self._told = frozenset(refused)
            self._routine = self._compile()

    async def everything(self, priority: Priority) -> Round:
        """A round over all columns."""
        self._forget_in_time()
        routine = self._routine
        under_way = self._begin(self._line.first_wait_s(knock=False))
        first = [block for block in routine.blocks if not self._urgent.isdisjoint(block.members)]
        await self._read_all(first, under_way, self._line.urgent(priority))
        await self._read_all((block for block in routine.blocks if self._urgent.isdisjoint(block.members)), under_way, priority)
        if not routine.blocks:
            await self._knock(under_way, priority)
        return under_way

    async def sign_of_life(self) -> Round:
        """One short read; the other columns are NOT_POLLED, or refused."""
        under_way = self._begin(self._line.first_wait_s(knock=True))
        await self._knock(under_way, self._line.knock_priority())
        return under_way

    async def some(self, columns: Sequence[int], priority: Priority) -> Round:
        """A round over these columns, the refused ones among them asked for once more, each by itself."""
        plan = plan_reads(self._fields, self._rules, self._learned, columns)
        under_way = self._begin()
        for i, fault in plan.unread.items():
            under_way.outcomes[i] = fault
        again = {i for i in plan.unread if i in self._learned.refused}
        alone = plan_reads(self._fields, replace(self._rules, max_gap=0, overhead_words=0.0), NOTHING_LEARNED, again)
        blocks = [compile_block(span, self._points, self._fields) for span in (*plan.spans, *alone.spans)]
        await self._read_all(blocks, under_way, priority)
        return under_way

    def _begin(self, first_wait_s: float | None = None) -> Round:
        wait_s = None if first_wait_s is None else self._line.timeout_s
        return Round(self._routine.column, self._clock, first_wait_s, wait_s)

    async def _read_all(self, blocks: Iterable[Block], under_way: Round, priority: Priority) -> None:
        before = self._learned
        for block in blocks:
            if under_way.lost is not None:
                under_way.fill(block.members, under_way.lost)
                continue
            await self._read(block, under_way, priority)
        if self._learned is not before:
            self._learned_ms = self._clock.now().boot_ms
            self._routine = self._compile()
            self._tell()

    async def _read(self, block: Block, under_way: Round, priority: Priority) -> bool:
        """Read a block, or what of it the device will give. True if it served the block as a whole."""
        outcome = await self._ask(block, under_way, priority)
        if not isinstance(outcome, Fault):
            under_way.put(block, outcome)
            self._unlearn(block.members)
            if not block.span.table.is_bits:
                self._largest = max(self._largest, block.span.count)
            return True
        under_way.fill(block.members, outcome)
        if outcome.reason is Reason.REFUSED:
            await self._divide(block.span, outcome, under_way, priority)
        return False

    async def _divide(self, span: Span, fault: Fault, under_way: Round, priority: Priority) -> None:
        """A refused span: find out which field the device means, or where it wants a cut."""
        halves = halve(span, self._fields)
        if halves is None:
            learned = self._learned
            self._learned = Learned({**learned.refused, **dict.fromkeys(span.members, fault)}, learned.cuts)
            return
        served = []
        for half in halves:
            if under_way.lost is not None:
                under_way.fill(half.members, under_way.lost)
                served.append(False)
                continue
            served.append(await self._read(compile_block(half, self._points, self._fields), under_way, priority))
        if all(served):
            await self._note_cut(span, *halves, under_way, priority)
            learned = self._learned
            self._learned = Learned(learned.refused, learned.cuts | {(span.table, halves[1].first)})

    async def _note_cut(self, whole: Span, before: Span, after: Span, under_way: Round, priority: Priority) -> None:
        """Served apart but not together: it is too many at once, or addresses between them must not be read.

        A short read through these addresses tells the one from the other.
        """
        end = before.first + before.count
        short = bridge(before, after, self._fields)
        is_hole = end < after.first
        if is_hole and short.count < whole.count:
            told = await self._ask(compile_block(short, self._points, self._fields), under_way, priority)
            is_hole = isinstance(told, Fault)
        if is_hole:
            self._holes[whole.table, after.first] = (end, after.first - 1)
        elif not whole.table.is_bits:
            self._too_large = min(self._too_large or whole.count, whole.count)

    async def _ask(self, block: Block, under_way: Round, priority: Priority) -> list[Outcome] | Fault:
        """One request: outcomes, or the fault of the request as a whole."""
        try:
            answer = await self._line.exchange(block.request, priority, under_way.wait_s)
        except ExchangeFailed as failed:
            under_way.silent(failed.fault)
            return failed.fault
        outcome = block.decode(answer)
        if not isinstance(outcome, Fault):
            under_way.heard(self._line.took_s)
            return outcome
        self._line.faults[outcome.reason] += 1
        if exception_code(answer) in GATEWAY_EXCEPTIONS:
            under_way.silent(outcome)
        elif outcome.reason in _GOOD_SHAPE:
            under_way.heard(self._line.took_s)
        return outcome

    async def _knock(self, under_way: Round, priority: Priority) -> None:
        knock = self._routine.knock
        outcome = await self._ask(knock, under_way, priority)
        if isinstance(outcome, Fault):
            under_way.fill(knock.members, outcome)
        else:
            under_way.put(knock, outcome)
            if any(i in self._learned.refused for i in knock.members):
                self._forget()

    def _compile(self) -> Routine:
        """The routine for what has been learned; while nothing has, the one that all devices of the model share."""
        if self._learned is NOTHING_LEARNED:
            return self._shelf.routine(self._points, self._rules, self._make_routine)
        return self._make_routine()

    def _make_routine(self) -> Routine:
        plan = plan_reads(self._fields, self._rules, self._learned)
        blocks = tuple(compile_block(span, self._points, self._fields) for span in plan.spans)
        column = tuple(plan.unread.get(i, _NOT_ASKED) for i in range(len(self._points)))
        return Routine(blocks, column, self._shortest(plan.spans))

    def _shortest(self, spans: Sequence[Span]) -> Block:
        """The first readable field alone; if the device refuses all, the first that the profile allows to read."""
        spans = spans or plan_reads(self._fields, self._rules).spans
        if not spans:
            raise ConfigError((f"device {self._device}: its profile has no point that may be read",))
        span = spans[0]
        while (halves := halve(span, self._fields)) is not None:
            span = halves[0]
        return compile_block(span, self._points, self._fields)

    def _unlearn(self, members: Iterable[int]) -> None:
        """A refused field has been served after all: nothing that was learned can be trusted."""
        if self._learned.refused and any(i in self._learned.refused for i in members):
            self._learned = NOTHING_LEARNED

    def _forget_in_time(self) -> None:
        if self._learned is not NOTHING_LEARNED:
            age_ms = self._clock.now().boot_ms - self._learned_ms
            if age_ms >= REFUSAL_KEPT_S * 1000:
                self._forget()

    def _forget(self) -> None:
        self._learned = NOTHING_LEARNED
        self._routine = self._compile()

    def _tell(self) -> None:
        """Say which fields are refused, when that is news."""
        refused = frozenset(self._learned.refused)
        news, self._told = refused - self._told, refused
        if news:
            names = {self._points[i].name: str(fault) for i, fault in self._learned.refused.items()}
            _log.warning("device.refuses", device=self._device, points=names)
