"""A Modbus device: profile, plan, reads and writes put together behind the face that every driver has."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import structlog

from edgeguard.bus import Bus, Priority
from edgeguard.codec.plan import PlanRules, break_even_words
from edgeguard.core.clock import Clock
from edgeguard.core.errors import Permanent
from edgeguard.core.ids import DeviceName, PointName
from edgeguard.core.point import Point, Value
from edgeguard.core.profile import ModbusLimits
from edgeguard.core.quality import Fault
from edgeguard.core.site import DeviceSpec
from edgeguard.core.snapshot import Snapshot
from edgeguard.driver.device import DeviceStats, WriteResult
from edgeguard.driver.learned import LearnedLimits
from edgeguard.driver.line import DeviceLine
from edgeguard.driver.reader import ModbusReader
from edgeguard.driver.round import Round
from edgeguard.driver.shelf import Shelf
from edgeguard.driver.writer import ModbusWriter

_log = structlog.get_logger()


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
        cost = bus.cost.switched_to(spec.line)
        rules = PlanRules.of(limits, break_even_words(cost.byte_s, cost.turn_s + limits.delay_ms / 1000.0))
        watched = frozenset(self._columns[rule.point] for rule in spec.alarms if rule.point in self._columns)
        self._reader = ModbusReader(spec.name, profile.points, profile.fields, rules, self._line, clock, shelf, watched)
        self._writer = ModbusWriter(spec.name, profile.points, profile.fields, self._line, self._reader)
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
            retries=self._line.retries,
        )

    @property
    def learned(self) -> LearnedLimits:
        """What the device has taught about itself."""
        return self._reader.learned

    def recall(self, learned: LearnedLimits) -> None:
        """Begin with what was learned before a restart."""
        self._reader.recall(learned)

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
        asked_at = tuple(done.asked_at[i] for i in columns)
        return Snapshot(self.name, done.at, points, tuple(done.outcomes[i] for i in columns), done.answered, asked_at)

    async def write(self, name: PointName, value: Value, priority: Priority = Priority.PERSON) -> WriteResult:
        """Write and read back. WriteRefused if rules or the device forbid it, ExchangeFailed if it did not go out."""
        column = self._column(name)
        results = await self._writer.write({column: value}, priority)
        self._tell(results)
        return results[column]

    async def write_together(
        self, values: Mapping[PointName, Value], priority: Priority = Priority.PERSON
    ) -> dict[PointName, WriteResult]:
        """Write all, neighbours in one request, and read back; see driver.device.WritesTogether."""
        results = await self._writer.write({self._column(name): value for name, value in values.items()}, priority)
        self._tell(results)
        return {self.points[column].name: result for column, result in results.items()}

    def _tell(self, results: Mapping[int, WriteResult]) -> None:
        for column, result in results.items():
            name, fate = self.points[column].name, result.fate.value
            _log.info("device.written", device=self.name, point=name, value=result.written, fate=fate, detail=result.detail)

    def _column(self, name: PointName) -> int:
        column = self._columns.get(name)
        if column is None:
            raise Permanent(f"device {self.name} has no point {name}")
        return column

    def _counted(self, done: Round) -> Snapshot:
        self._polls += 1
        if not done.answered:
            self._failures += 1
        return Snapshot(self.name, done.at, self.points, tuple(done.outcomes), done.answered, tuple(done.asked_at))
