"""What devices of every protocol have in common: the face over a reader, which asks, and a line, which counts. Writes differ."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from edgeguard.bus import Priority
from edgeguard.core.errors import Permanent
from edgeguard.core.ids import DeviceName, PointName
from edgeguard.core.point import Point, Value
from edgeguard.core.quality import Fault
from edgeguard.core.site import DeviceSpec
from edgeguard.core.snapshot import Snapshot
from edgeguard.driver.device import DeviceStats, WriteResult
from edgeguard.driver.learned import LearnedLimits
from edgeguard.driver.line import DeviceLine
from edgeguard.driver.round import Round


class RoundReader(Protocol):
    """Asks one device for its points, by column."""

    @property
    def refused(self) -> Mapping[int, Fault]:
        """What the device, or its profile, refuses to be read."""
        ...

    @property
    def requests_per_round(self) -> int:
        """Requests that a round takes in which everything is due."""
        ...

    @property
    def learned(self) -> LearnedLimits:
        """What the device has taught about itself."""
        ...

    def recall(self, learned: LearnedLimits) -> None:
        """Begin with what was learned before a restart."""
        ...

    async def everything(self, priority: Priority) -> Round:
        """All that is due."""
        ...

    async def some(self, columns: Sequence[int], priority: Priority) -> Round:
        """These columns, due or not."""
        ...

    async def sign_of_life(self) -> Round:
        """One short read."""
        ...


def watched_columns(spec: DeviceSpec) -> frozenset[int]:
    """Columns of the points that the device's alarms watch."""
    alarmed = {rule.point for rule in spec.alarms}
    return frozenset(i for i, point in enumerate(spec.profile.points) if point.name in alarmed)


class ProfiledDevice(ABC):
    """One device by its profile; see driver.device.Device."""

    def __init__(self, spec: DeviceSpec, line: DeviceLine, reader: RoundReader) -> None:
        self._spec = spec
        self._line = line
        self._rounds = reader
        self._columns = {point.name: i for i, point in enumerate(spec.profile.points)}
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
        return MappingProxyType({self.points[i].name: fault for i, fault in self._rounds.refused.items()})

    @property
    def requests_per_round(self) -> int:
        """Requests that a round takes in which everything is due."""
        return self._rounds.requests_per_round

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
        return self._rounds.learned

    def recall(self, learned: LearnedLimits) -> None:
        """Begin with what was learned before a restart."""
        self._rounds.recall(learned)

    async def poll(self, priority: Priority = Priority.ROUTINE) -> Snapshot:
        """One round over all points; those with a pace of their own may be NOT_DUE between."""
        return self._counted(await self._rounds.everything(priority))

    async def probe(self) -> Snapshot:
        """One short read with a time-out learned from earlier answers."""
        return self._counted(await self._rounds.sign_of_life())

    async def read(self, names: Iterable[PointName], priority: Priority = Priority.PERSON) -> Snapshot:
        """These points now, in this order. Permanent if there is no such point."""
        columns = [self._column(name) for name in names]
        done = await self._rounds.some(columns, priority)
        points = tuple(self.points[i] for i in columns)
        asked_at = tuple(done.asked_at[i] for i in columns)
        return Snapshot(self.name, done.at, points, tuple(done.outcomes[i] for i in columns), done.answered, asked_at)

    @abstractmethod
    async def write(self, name: PointName, value: Value, priority: Priority = Priority.PERSON) -> WriteResult:
        """Write and read back. WriteRefused if rules or the device forbid it, ExchangeFailed if it did not go out."""

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
