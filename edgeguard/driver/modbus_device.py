"""A Modbus device: profile, plan, reads and writes put together behind the face that every driver has."""

import asyncio
from collections.abc import Iterable, Mapping
from types import MappingProxyType

import structlog

from edgeguard.bus import Bus, LineCost, Priority
from edgeguard.codec.encode import encode
from edgeguard.codec.plan import PlanRules, break_even_words
from edgeguard.core.clock import Clock
from edgeguard.core.errors import Permanent, WriteRefused
from edgeguard.core.ids import DeviceName, PointName
from edgeguard.core.limits import WRITE_SETTLE_S
from edgeguard.core.point import Kind, Outcome, Point, Value
from edgeguard.core.profile import ModbusLimits
from edgeguard.core.quality import Fault
from edgeguard.core.register import Table
from edgeguard.core.site import DeviceSpec
from edgeguard.core.snapshot import Snapshot
from edgeguard.driver.device import DeviceStats, WriteResult
from edgeguard.driver.line import DeviceLine
from edgeguard.driver.reader import ModbusReader
from edgeguard.driver.round import Round
from edgeguard.driver.shelf import Shelf
from edgeguard.driver.writer import send_write, write_requests

_log = structlog.get_logger()

_FLOAT_RELATIVE = 1e-6


class ModbusDevice:
    """One Modbus device; see driver.device.Device."""

    def __init__(self, spec: DeviceSpec, bus: Bus, clock: Clock, shelf: Shelf) -> None:
        profile, limits = spec.profile, spec.profile.limits
        assert isinstance(limits, ModbusLimits)  # noqa: S101  the registry picks the driver by it
        self._spec = spec
        self._clock = clock
        self._fields = profile.fields
        self._columns = {point.name: i for i, point in enumerate(profile.points)}
        self._line = DeviceLine(bus, spec.address, limits.timeout_ms / 1000.0, limits.delay_ms / 1000.0, spec.line)
        cost = bus.cost if spec.line is None else LineCost.on_line(spec.line)
        rules = PlanRules.of(limits, break_even_words(cost.byte_s, cost.turn_s + limits.delay_ms / 1000.0))
        self._reader = ModbusReader(spec.name, profile.points, profile.fields, rules, self._line, clock, shelf)
        self._polls = 0
        self._failures = 0

    @property
    def name(self) -> DeviceName:
        """Its name in the site."""
        return self._spec.name

    @property
    def spec(self) -> DeviceSpec:
        """What the site says of it."""
        return self._spec

    @property
    def points(self) -> tuple[Point, ...]:
        """The columns of every snapshot of a round."""
        return self._spec.profile.points

    @property
    def refused(self) -> Mapping[PointName, Fault]:
        """Points that the device, or its profile, refuses to be read."""
        return MappingProxyType({self.points[i].name: fault for i, fault in self._reader.refused.items()})

    @property
    def requests_per_round(self) -> int:
        """Requests that a round takes."""
        return self._reader.requests_per_round

    @property
    def stats(self) -> DeviceStats:
        """Counters so far."""
        responses = self._line.responses
        return DeviceStats(
            polls=self._polls,
            failures=self._failures,
            faults=MappingProxyType(dict(self._line.faults)),
            response_p50_ms=responses.quantile_s(0.5) * 1000.0,
            response_p95_ms=responses.quantile_s(0.95) * 1000.0,
        )

    async def poll(self, priority: Priority = Priority.ROUTINE) -> Snapshot:
        """One round over all points."""
        return self._counted(await self._reader.everything(priority))

    async def probe(self) -> Snapshot:
        """One short read with a time-out learned from earlier answers."""
        return self._counted(await self._reader.sign_of_life(Priority.PROBE))

    async def read(self, names: Iterable[PointName], priority: Priority = Priority.PERSON) -> Snapshot:
        """These points now, in this order. Permanent if there is no such point."""
        columns = [self._column(name) for name in names]
        done = await self._reader.some(columns, priority)
        points = tuple(self.points[i] for i in columns)
        return Snapshot(self.name, done.at, points, tuple(done.outcomes[i] for i in columns), done.answered)

    async def write(self, name: PointName, value: Value, priority: Priority = Priority.PERSON) -> WriteResult:
        """Write and read back. WriteRefused if rules or the device forbid it, ExchangeFailed if it did not go out."""
        column = self._column(name)
        point, field = self.points[column], self._fields[column]
        where = f"{self.name}.{name}"
        if point.write is None:
            raise WriteRefused(f"{where} is read-only")
        if field.table not in (Table.COIL, Table.HOLDING):
            raise WriteRefused(f"{where}: Modbus has no writing of {field.table.value}s")
        encoded = encode(point, field, value)
        wanted = _as_shown(point, value)
        doubt = await send_write(self._line, where, write_requests(field, encoded), priority)
        outcome = await self._read_back(column, point, wanted, priority)
        result = _judge(point, wanted, outcome, doubt)
        _log.info("device.written", device=self.name, point=name, value=wanted, verified=result.verified, detail=result.detail)
        return result

    async def _read_back(self, column: int, point: Point, wanted: Value, priority: Priority) -> Outcome:
        """What the device says now; asked a second time a little later if it is not what was written."""
        outcome = (await self._reader.some((column,), priority)).outcomes[column]
        if not isinstance(outcome, Fault) and _agrees(point, wanted, outcome):
            return outcome
        await asyncio.sleep(WRITE_SETTLE_S)
        return (await self._reader.some((column,), priority)).outcomes[column]

    def _column(self, name: PointName) -> int:
        column = self._columns.get(name)
        if column is None:
            raise Permanent(f"device {self.name} has no point {name}")
        return column

    def _counted(self, done: Round) -> Snapshot:
        self._polls += 1
        if not done.answered:
            self._failures += 1
        return Snapshot(self.name, done.at, self.points, tuple(done.outcomes), done.answered)


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


def _agrees(point: Point, wanted: Value, found: Value) -> bool:
    """Whether what was read is what was written, within the point's tolerance and what its register and decimals can show."""
    if isinstance(wanted, bool | str) or isinstance(found, bool | str):
        return wanted == found
    tolerance = point.write.tolerance if point.write else 0.0
    shown = 0.0 if point.decimals is None else 0.5 * 10.0**-point.decimals
    return abs(wanted - found) <= max(tolerance, shown, _FLOAT_RELATIVE * abs(wanted))


def _judge(point: Point, wanted: Value, outcome: Outcome, doubt: str) -> WriteResult:
    said = [doubt] if doubt else []
    if isinstance(outcome, Fault):
        said.append(f"it could not be read back ({outcome})")
        return WriteResult(wanted, None, verified=False, detail="; ".join(said))
    verified = _agrees(point, wanted, outcome)
    if not verified:
        said.append(f"wrote {wanted}, read back {outcome}")
    return WriteResult(wanted, outcome, verified, "; ".join(said))
