"""Writes a Modbus device: requests that change nothing but what was meant, and an honest word on how it went.

Bits of a register go by function 22, mask write, which the device carries out in one step. A device without it gets no
write at all: reading the register, changing bits and writing it back could undo what the device itself has changed in
between, and a control word is the worst place for that.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgeguard.bus import ExchangeFailed, Priority
from edgeguard.codec.encode import encode
from edgeguard.codec.modbus import ACKNOWLEDGE, BUSY, ILLEGAL_FUNCTION, UNTOUCHED, check_answer, exception_code
from edgeguard.codec.write_plan import WriteStep, plan_writes
from edgeguard.core.errors import WriteRefused
from edgeguard.core.fate import Fate
from edgeguard.core.ids import DeviceName
from edgeguard.core.limits import WRITE_SETTLE_S
from edgeguard.core.point import Kind, Outcome, Point, Value
from edgeguard.core.quality import Fault
from edgeguard.core.register import RegisterField, Table
from edgeguard.driver.device import WriteResult
from edgeguard.driver.line import DeviceLine, Still
from edgeguard.driver.reader import ModbusReader

_FLOAT_RELATIVE = 1e-6


@dataclass(frozen=True, slots=True)
class _Sent:
    """A request that went out: `doubt` says in words what is not certain; `lost`: its answer does not say whether it was taken."""

    doubt: str = ""
    lost: bool = False


_Step = _Sent | WriteRefused | ExchangeFailed


class ModbusWriter:
    """All writes of one device. `points[i]` sits at `fields[i]`."""

    def __init__(
        self,
        device: DeviceName,
        points: Sequence[Point],
        fields: Sequence[RegisterField],
        line: DeviceLine,
        reader: ModbusReader,
    ) -> None:
        self._device = device
        self._points = points
        self._fields = fields
        self._line = line
        self._reader = reader

    async def write(self, values: Mapping[int, Value], priority: Priority, still: Still | None = None) -> dict[int, WriteResult]:
        """Write columns and read them back; what is missing was not sent, because an earlier step failed.

        Everything is checked before anything is sent: WriteRefused then. If the very first step fails, its error. `still` is
        asked whenever the turn of a step has come.
        """
        columns = list(values)
        fields = [self._fields[column] for column in columns]
        encoded = []
        for column in columns:
            self._check(column)
            encoded.append(encode(self._points[column], self._fields[column], values[column]))
        steps = plan_writes(fields, encoded)
        outcomes: dict[int, _Step] = {}
        for step in steps:
            await self._carry_out(step, columns, outcomes, priority, still)
            if any(not isinstance(outcome, _Sent) or outcome.lost for outcome in outcomes.values()):
                break
        errors = [outcome for outcome in outcomes.values() if isinstance(outcome, WriteRefused | ExchangeFailed)]
        if len(errors) == len(outcomes):
            raise errors[0]
        wanted = {column: _as_shown(self._points[column], values[column]) for column in columns}
        seen = await self._read_back([c for c in columns if isinstance(outcomes.get(c), _Sent)], wanted, priority)
        return {column: self._judge(column, wanted[column], outcomes[column], seen.get(column)) for column in outcomes}

    def _check(self, column: int) -> None:
        point, field = self._points[column], self._fields[column]
        if self._line.address == 0:
            where = f"{self._device}.{point.name}"
            raise WriteRefused(f"{where}: unit 0 may be heard by every device behind a gateway; give its own in the site file")
        if point.write is None:
            raise WriteRefused(f"{self._device}.{point.name} is read-only")
        if field.table not in (Table.COIL, Table.HOLDING):
            raise WriteRefused(f"{self._device}.{point.name}: Modbus has no writing of {field.table.value}s")

    async def _carry_out(
        self, step: WriteStep, columns: Sequence[int], outcomes: dict[int, _Step], priority: Priority, still: Still | None
    ) -> None:
        """Send a step; its members one by one where the device does not know the function for all of them."""
        members = [columns[i] for i in step.members]
        where = ", ".join(f"{self._device}.{self._points[column].name}" for column in members)
        try:
            sent = await self._send(where, step, priority, still)
        except (WriteRefused, ExchangeFailed) as error:
            outcomes.update(dict.fromkeys(members, error))
            return
        if sent is not None:
            outcomes.update(dict.fromkeys(members, sent))
            return
        for single in step.apart:
            await self._carry_out(single, columns, outcomes, priority, still)
            last = outcomes[columns[single.members[0]]]
            if not isinstance(last, _Sent) or last.lost:
                return

    async def _send(self, where: str, step: WriteStep, priority: Priority, still: Still | None) -> _Sent | None:
        """Have the device take it; None if it does not know the function and the members can go apart.

        WriteRefused if the device refuses, or `still` does; ExchangeFailed if nothing was sent or the device is busy.
        """
        for request in step.requests:
            try:
                answer = await self._line.exchange(request, priority, still=still)
            except ExchangeFailed as failed:
                if not failed.sent:
                    raise
                return _Sent(f"the answer was lost ({failed.fault})", lost=True)
            fault = check_answer(request, answer)
            if fault is None:
                return _Sent()
            self._line.faults[fault.reason] += 1
            code = exception_code(answer)
            if code == ILLEGAL_FUNCTION:
                continue
            if code == BUSY:
                raise self._line.failure(fault)
            if code == ACKNOWLEDGE:
                return _Sent("the device has accepted the write and is still working on it")
            if code in UNTOUCHED:
                raise WriteRefused(f"{where}: the device refuses the write with {fault.detail}")
            return _Sent(f"the write was not confirmed ({fault})", lost=True)
        if step.apart:
            return None
        functions = " or ".join(str(request[0]) for request in step.requests)
        raise WriteRefused(f"{where}: the device does not know function {functions}, which this write needs")

    async def _read_back(self, columns: Sequence[int], wanted: Mapping[int, Value], priority: Priority) -> dict[int, Outcome]:
        """What the device says now; asked a second time a little later if it is not what was written."""
        seen = await self._read(columns, priority)
        if all(_agrees(self._points[column], wanted[column], seen[column]) for column in columns):
            return seen
        await asyncio.sleep(WRITE_SETTLE_S)
        return await self._read(columns, priority)

    async def _read(self, columns: Sequence[int], priority: Priority) -> dict[int, Outcome]:
        done = await self._reader.some(columns, priority)
        return {column: done.outcomes[column] for column in columns}

    def _judge(self, column: int, wanted: Value, outcome: _Step, seen: Outcome | None) -> WriteResult:
        """What became of a column that was sent, or that was to be sent and failed."""
        if isinstance(outcome, ExchangeFailed):
            return WriteResult(wanted, None, False, str(outcome), Fate.REFUSED if outcome.sent else Fate.NOT_SENT)
        if isinstance(outcome, WriteRefused):
            return WriteResult(wanted, None, False, str(outcome), Fate.REFUSED)
        said = [outcome.doubt] if outcome.doubt else []
        doubtful = Fate.LOST if outcome.lost else None
        verified = seen is not None and _agrees(self._points[column], wanted, seen)
        if outcome.lost:
            said[0] += ", but the device shows the value" if verified else ": the device may or may not have taken the write"
        if seen is None or isinstance(seen, Fault):
            said.append(f"it could not be read back ({seen})")
            return WriteResult(wanted, None, False, "; ".join(said), doubtful)
        if not verified:
            said.append(f"wrote {wanted}, read back {seen}")
        return WriteResult(wanted, seen, verified, "; ".join(said), None if verified else doubtful)


def _as_shown(point: Point, value: Value) -> Value:
    """A value that `encode` has let pass, in the form in which it would be read."""
    if point.kind is Kind.BOOLEAN:
        return bool(value)
    if point.kind is Kind.TEXT:
        for number, labels in point.choices.items():
            if value in (number, labels.en, labels.zh):
                return labels.en
        return str(value).rstrip()
    return value


def _agrees(point: Point, wanted: Value, found: Outcome) -> bool:
    """Whether what was read is what was written, within the point's tolerance and what its register and decimals can show."""
    if isinstance(found, Fault):
        return False
    if isinstance(wanted, bool | str) or isinstance(found, bool | str):
        return wanted == found
    tolerance = point.write.tolerance if point.write else 0.0
    shown = 0.0 if point.decimals is None else 0.5 * 10.0**-point.decimals
    return abs(wanted - found) <= max(tolerance, shown, _FLOAT_RELATIVE * abs(wanted))
