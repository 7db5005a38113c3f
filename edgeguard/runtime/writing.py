"""Writes as the daemon carries them out: on record before anything acts, past the interlocks, on the wire, and on record again.

Several writes are one command: everything that can be refused is refused before the first is sent, and after one that goes
wrong nothing more is sent.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from edgeguard.bus import ExchangeFailed, Priority
from edgeguard.codec.encode import check_value
from edgeguard.config.mistakes import did_you_mean
from edgeguard.control import BadArguments, UnknownName
from edgeguard.core.errors import EdgeguardError, StoreError, WriteRefused
from edgeguard.core.fate import Fate
from edgeguard.core.ids import DeviceName, PointName
from edgeguard.core.interlock import Interlock, PointRef, points_of
from edgeguard.core.item import Item
from edgeguard.core.limits import INTERLOCK_READ_S, WRITES_AT_ONCE
from edgeguard.core.point import Outcome, Point, Value
from edgeguard.core.quality import Fault
from edgeguard.core.rule_state import RuleState
from edgeguard.driver import Device, WriteResult, write_all, write_one
from edgeguard.rules.interlock import Look, Sight, stale_points, too_often, unmet
from edgeguard.rules.items import command_item
from edgeguard.runtime.gateway import Gateway
from edgeguard.runtime.record import DeviceRecord
from edgeguard.runtime.record_first import RecordFirst
from edgeguard.store import Batch

Put = Callable[[Batch, str], Awaitable[None]]
"""Make a batch durable; StoreError with the complaint if that takes too long."""

_NO_INTERLOCK = Interlock()


@dataclass(frozen=True, slots=True)
class Wish:
    """A value that somebody wants a point to have."""

    device: DeviceName
    point: PointName
    value: Value
    release: bool = False
    """It ends what an allowed write has begun: neither conditions nor rates hold it back."""

    @property
    def target(self) -> str:
        """`pump-1.setpoint`."""
        return f"{self.device}.{self.point}"


Judge = Callable[[Wish], str]
"""Why an interlock forbids a wish at this very moment, by what is known already; empty if it does not."""


@dataclass(frozen=True, slots=True)
class End:
    """What became of a wish. `old` is the last good value before, None if there was none."""

    wish: Wish
    fate: Fate
    detail: str = ""
    read_back: Value | None = None
    written: Value | None = None
    old: Value | None = None
    took_ms: float = 0.0
    error: EdgeguardError | None = None


@dataclass(frozen=True, slots=True)
class Hand:
    """Who has written, and until when (boot time)."""

    by: str
    at_ms: int


class Writing:
    """All writes of one daemon; writes of one device go one after the other."""

    def __init__(self, gateway: Gateway, put: Put) -> None:
        self._gateway = gateway
        self._put = put
        self.record_first = RecordFirst(gateway.store)
        """For those that do not wait for a disk."""
        self._turns: defaultdict[DeviceName, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._touched_ms: dict[DeviceName, int] = {}
        self._straddled_ms: dict[DeviceName, int] = {}
        self._rates = gateway.rates
        self.hands: dict[PointRef, Hand] = {}
        """Whose write a point has taken last, or may have."""

    async def carry_out(self, wishes: Sequence[Wish], by: str, *, urgent: bool = False) -> tuple[End, ...]:
        """One command: the ends of the wishes, in their order. UnknownName, BadArguments or StoreError if nothing was tried.

        `urgent`: a disk that does not take the record in time is no reason not to act.
        """
        self._check_names(wishes)
        olds = {wish: self._old(wish) for wish in wishes}
        ends: dict[Wish, End] = {}
        sending: set[Wish] = set()
        counted = {wish: self._rates.count(_rate(wish)) for wish in wishes}
        try:
            await self._record_before(wishes, olds, by, urgent)
        except (StoreError, asyncio.CancelledError):
            for wish in wishes:
                self._rates.take_back(_rate(wish), counted[wish])
                states = (self._rates.state(_rate(wish)), *self._ended(wish, Fate.NOT_SENT, None))
                self._gateway.pipeline.emit(self._record(wish, "failed", olds[wish], by), *states)
            raise
        begun_s = asyncio.get_running_loop().time()
        try:
            await self._in_turn(wishes, ends, sending, counted)
        finally:
            took_ms = round((asyncio.get_running_loop().time() - begun_s) * 1000, 1)
            for wish in wishes:
                end = ends.get(wish) or _broken_off(wish, wish in sending)
                if not end.fate.acted:
                    self._rates.take_back(_rate(wish), counted[wish])
                else:
                    self.hands[PointRef(wish.device, wish.point)] = Hand(by, self._gateway.clock.now().boot_ms)
                record = self._record(wish, end.fate.value, olds[wish], by, end.read_back, end.detail)
                self._gateway.pipeline.emit(record, self._rates.state(_rate(wish)), *self._ended(wish, end.fate, end.written))
        return tuple(
            End(wish, e.fate, e.detail, e.read_back, e.written, olds[wish], took_ms, e.error)
            for wish, e in ((wish, ends[wish]) for wish in wishes)
        )

    async def _record_before(self, wishes: Sequence[Wish], olds: Mapping[Wish, Value | None], by: str, urgent: bool) -> None:
        names = ", ".join(wish.target for wish in wishes)
        verb = "was" if len(wishes) == 1 else "were"
        items = tuple(self._record(wish, "accepted", olds[wish], by) for wish in wishes)
        outputs = self._gateway.outputs.before(PointRef(wish.device, wish.point) for wish in wishes)
        states = (*(self._rates.state(_rate(wish)) for wish in wishes), *outputs)
        batch = Batch(items, states=states)
        if urgent:
            await self.record_first.within(batch)
            return
        await self._put(batch, f"{names} {verb} not written: the disk takes nothing, so nobody would know")

    def _ended(self, wish: Wish, fate: Fate, written: Value | None) -> tuple[RuleState, ...]:
        return self._gateway.outputs.after(PointRef(wish.device, wish.point), fate, written, self._gateway.clock.now())

    async def _in_turn(self, wishes: Sequence[Wish], ends: dict[Wish, End], sending: set[Wish], counted: dict[Wish, int]) -> None:
        async with AsyncExitStack() as stack:
            for name in sorted({wish.device for wish in wishes}):
                await stack.enter_async_context(self._turns[name])
            for wish in wishes:
                _refuse(wish, self._forbidden(wish, counted[wish]), ends)
            judge = _nothing_against if ends else await self._refuse_unmet(wishes, ends)
            if ends:
                _leave_out(wishes, ends, "not sent, because another write of this command was refused")
                return
            for name in dict.fromkeys(wish.device for wish in wishes):
                mine = [wish for wish in wishes if wish.device == name]
                try:
                    device = self._device(name)
                except UnknownName as gone:  # a reload has taken it away
                    ends.update({wish: End(wish, Fate.NOT_SENT, str(gone), error=gone) for wish in mine})
                    break
                if ends:  # the writes before have taken their time, and may have changed what these depend on
                    judge = await self._refuse_unmet(mine, ends)
                if any(end.fate is not Fate.DONE for end in ends.values()):
                    break
                sending.update(mine)
                counted.update({wish: self._rates.move(_rate(wish), counted[wish]) for wish in mine})
                ends.update(await self._send(device, mine, judge))
            _leave_out(wishes, ends, "not sent, because an earlier write went wrong")

    async def _refuse_unmet(self, wishes: Sequence[Wish], ends: dict[Wish, End]) -> Judge:
        """All at one moment: a value that was read at once may be too old when the last one has come.

        And it may be when the write has had to wait for its turn: how it stands by then, the returned function says.
        """
        interlocks = {wish: self._interlock(wish) for wish in wishes}  # a reload may come in between
        look = self._aging(interlocks.values(), await self._fresh(interlocks.values()))

        def judge(wish: Wish) -> str:
            why = unmet(interlocks[wish], look)
            return f"{wish.target}: {why}" if why else ""

        for wish in wishes:
            _refuse(wish, judge(wish), ends)
        return judge

    async def forbids(self, wish: Wish) -> str:
        """Why this wish would be refused now, in words; empty if it would be sent. UnknownName for what is not there."""
        self._check_names((wish,))
        return self._forbidden(wish, self._gateway.clock.now().boot_ms) or await self.unmet(self._interlock(wish))

    async def locked(self, wish: Wish) -> str:
        """Why the point's interlock is known to forbid this wish now; empty if it does not, or if nobody knows. UnknownName."""
        self._check_names((wish,))
        interlock = self._interlock(wish)
        look = await self._fresh([interlock])
        return "" if stale_points(interlock, look) else unmet(interlock, look)

    async def unmet(self, interlock: Interlock) -> str:
        """Why conditions do not hold now, on values as fresh as they ask for; empty if they do."""
        return unmet(interlock, await self._fresh([interlock]))

    async def _send(self, device: Device, wishes: Sequence[Wish], judge: Judge) -> dict[Wish, End]:
        """The ends of one device's wishes."""

        def still() -> str:
            return next(filter(None, map(judge, wishes)), "")

        self._touched_ms[device.name] = self._gateway.clock.now().boot_ms
        try:
            if len(wishes) == 1:
                point, value = wishes[0].point, wishes[0].value
                results: Mapping[PointName, WriteResult] = {point: await write_one(device, point, value, Priority.PERSON, still)}
            else:
                results = await write_all(device, {wish.point: wish.value for wish in wishes}, still=still)
        except (WriteRefused, ExchangeFailed) as error:
            fate = Fate.NOT_SENT if isinstance(error, ExchangeFailed) and not error.sent else Fate.REFUSED
            ends = {wish: End(wish, fate, str(error), error=error) for wish in wishes}
        else:
            told = ((wish, results[wish.point]) for wish in wishes)
            ends = {wish: End(wish, r.fate, r.detail, r.read_back, r.written) for wish, r in told}
        self._touched_ms[device.name] = self._gateway.clock.now().boot_ms
        self._straddled_ms.pop(device.name, None)
        return ends

    def _forbidden(self, wish: Wish, counted_ms: int) -> str:
        """Why this wish must not be carried out now, whatever other points say; empty if nothing forbids it."""
        point = self._point(wish)  # a reload may have taken it away since the command came
        if point.write is None:
            return f"{wish.target} is read-only"
        try:
            check_value(point, wish.value)
        except WriteRefused as refused:
            return f"{wish.device}.{refused}"
        if wish.release:
            return ""
        interlock = self._interlock(wish)
        if not point.write.harmless and not interlock.requires:
            advice = f"name one in the site file: [device.interlock.{wish.point}] requires = [...]"
            return f"{wish.target} can do harm and has no second condition that must hold; {advice}"
        why = too_often(interlock, self._rates.earlier(_rate(wish), counted_ms), self._gateway.clock.now().boot_ms)
        return f"{wish.target}: {why}" if why else ""

    def _interlock(self, wish: Wish) -> Interlock:
        if wish.release:
            return _NO_INTERLOCK
        return self._gateway.pipeline.records[wish.device].spec.interlocks.get(wish.point, _NO_INTERLOCK)

    async def _fresh(self, interlocks: Iterable[Interlock]) -> Look:
        """What is known of the interlocks' points, those that are not fresh read anew."""
        anew: dict[PointRef, tuple[Outcome, int]] = {}
        wanted: defaultdict[DeviceName, set[PointName]] = defaultdict(set)
        for interlock in interlocks:
            for ref in stale_points(interlock, self._look):
                wanted[ref.device].add(ref.point)
        try:
            async with asyncio.timeout(INTERLOCK_READ_S):
                await asyncio.gather(*(self._read(device, points, anew) for device, points in wanted.items()))
        except TimeoutError:
            pass  # what has not come by now is as unknown as before

        def look(ref: PointRef) -> Sight | None:
            known = anew.get(ref)
            if known is None:
                return self._look(ref)
            return Sight(known[0], self._gateway.clock.now().boot_ms - known[1])

        return look

    def _aging(self, interlocks: Iterable[Interlock], look: Look) -> Look:
        """What `look` shows now, as it grows older, until a later round shows something else."""
        refs = {ref for interlock in interlocks for requirement in interlock.requires for ref in points_of(requirement.condition)}
        seen = {ref: look(ref) for ref in refs}
        seen_ms = self._gateway.clock.now().boot_ms

        def later(ref: PointRef) -> Sight | None:
            before, now = seen.get(ref), self._look(ref)
            if before is None:
                return now
            aged = Sight(before.outcome, before.age_ms + self._gateway.clock.now().boot_ms - seen_ms)
            return now if now is not None and now.age_ms < aged.age_ms else aged

        return later

    async def _read(self, name: DeviceName, points: Iterable[PointName], anew: dict[PointRef, tuple[Outcome, int]]) -> None:
        try:
            device = self._gateway.field.device(name)
        except KeyError:
            return
        snapshot = await device.read(sorted(points))
        for index, (point, outcome) in enumerate(zip(snapshot.points, snapshot.outcomes, strict=True)):
            anew[PointRef(name, point.name)] = (outcome, snapshot.read_at(index).boot_ms)

    def _look(self, ref: PointRef) -> Sight | None:
        """What is known of a point, as old as its reading; nothing if the device has been written since.

        A round leaves out what is not due in it, so a value may be older than the last round.
        """
        record = self._gateway.pipeline.records.get(ref.device)
        if record is None:
            return None
        for point, outcome, good_at in zip(record.rules.points, record.outcomes, record.good_at, strict=True):
            if point.name != ref.point:
                continue
            at = record.at if isinstance(outcome, Fault) else good_at
            if at is None or at.boot_ms <= self._doubtful_ms(record):
                return None
            return Sight(outcome, self._gateway.clock.now().boot_ms - at.boot_ms)
        return None

    def _doubtful_ms(self, record: DeviceRecord) -> int:
        """What bears this boot time or an earlier one may have been read before the device was last written.

        That is true of the round that ends first after the write as well: it may have been under way.
        """
        name = record.spec.name
        touched_ms = self._touched_ms.get(name, -1)
        if touched_ms < 0 or record.at is None or record.at.boot_ms <= touched_ms:
            return touched_ms
        return self._straddled_ms.setdefault(name, record.at.boot_ms)

    def _check_names(self, wishes: Sequence[Wish]) -> None:
        if not 1 <= len(wishes) <= WRITES_AT_ONCE:
            raise BadArguments(f"{len(wishes)} writes in one command; 1 to {WRITES_AT_ONCE} are possible")
        targets = [wish.target for wish in wishes]
        for wish in wishes:
            self._point(wish)
            self._device(wish.device)
            if targets.count(wish.target) > 1:
                raise BadArguments(f"{wish.target} stands twice in one command")

    def _point(self, wish: Wish) -> Point:
        record = self._gateway.pipeline.records.get(wish.device)
        if record is None:
            raise UnknownName(f"there is no device {wish.device}{did_you_mean(wish.device, self._gateway.pipeline.records)}")
        point = next((point for point in record.rules.points if point.name == wish.point), None)
        if point is None:
            near = did_you_mean(wish.point, (point.name for point in record.rules.points))
            raise UnknownName(f"{wish.device} has no point {wish.point}{near}")
        return point

    def _device(self, name: DeviceName) -> Device:
        try:
            return self._gateway.field.device(name)
        except KeyError:
            raise UnknownName(f"{name} is not polled at this moment") from None

    def _old(self, wish: Wish) -> Value | None:
        record = self._gateway.pipeline.records[wish.device]
        return next(good for point, good in zip(record.rules.points, record.good, strict=True) if point.name == wish.point)

    def _record(
        self, wish: Wish, result: str, old: Value | None, by: str, read_back: Value | None = None, detail: str = ""
    ) -> Item:
        now = self._gateway.clock.now()
        return command_item("write", wish.target, now, by, result, wish.value, read_back, old, detail)


def _rate(wish: Wish) -> str:
    return f"release {wish.target}" if wish.release else f"write {wish.target}"


def _refuse(wish: Wish, why: str, ends: dict[Wish, End]) -> None:
    """`why`: a sentence; empty if there is no reason to."""
    if why:
        refused = WriteRefused(why)
        ends[wish] = End(wish, Fate.REFUSED, why, error=refused)


def _nothing_against(_: Wish) -> str:
    return ""


def _leave_out(wishes: Iterable[Wish], ends: dict[Wish, End], why: str) -> None:
    for wish in wishes:
        ends.setdefault(wish, End(wish, Fate.NOT_SENT, why))


def _broken_off(wish: Wish, sending: bool) -> End:
    if sending:
        return End(wish, Fate.LOST, "broken off: the device may or may not have taken the write")
    return End(wish, Fate.NOT_SENT, "broken off before anything was sent")
