"""What every driver offers, whatever its protocol: poll, probe, read, write, and an account of how it goes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from edgeguard.bus import Priority
from edgeguard.core.ids import DeviceName, PointName
from edgeguard.core.point import Point, Value
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.site import DeviceSpec
from edgeguard.core.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class DeviceStats:
    """Counts since the start: `polls` rounds, `failures` rounds without an answer, `faults` failed requests by reason.

    Response times are from sending to answer, over the last 128 answers; 0 while there is none.
    """

    polls: int = 0
    failures: int = 0
    faults: Mapping[Reason, int] = field(default_factory=dict)
    response_p50_ms: float = 0.0
    response_p95_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class WriteResult:
    """A write that went on the wire. `read_back` is what the device says now, None if it could not be asked.

    `verified`: it agrees with `written` within the point's tolerance. `detail` says in words what is not as it should be.
    """

    written: Value
    read_back: Value | None
    verified: bool
    detail: str = ""


class Device(Protocol):
    """One device. Rounds and single requests of different callers may overlap; the bus orders them by priority."""

    @property
    def name(self) -> DeviceName:
        """Its name in the site."""
        ...

    @property
    def spec(self) -> DeviceSpec:
        """What the site says of it."""
        ...

    @property
    def points(self) -> tuple[Point, ...]:
        """The columns of every snapshot of a round."""
        ...

    @property
    def refused(self) -> Mapping[PointName, Fault]:
        """Points that the device refuses to serve, with its answer."""
        ...

    @property
    def requests_per_round(self) -> int:
        """Requests that a round takes."""
        ...

    @property
    def stats(self) -> DeviceStats:
        """Counters so far."""
        ...

    async def poll(self, priority: Priority = Priority.ROUTINE) -> Snapshot:
        """One round over all points. Never raises for line trouble: a Fault stands where a value is missing."""
        ...

    async def probe(self) -> Snapshot:
        """One short request to see whether the device is back; points not asked for are NOT_POLLED."""
        ...

    async def read(self, names: Iterable[PointName], priority: Priority = Priority.PERSON) -> Snapshot:
        """These points now, in this order, and no others. Permanent if there is no such point."""
        ...

    async def write(self, name: PointName, value: Value, priority: Priority = Priority.PERSON) -> WriteResult:
        """Write and read back. WriteRefused if rules or the device forbid it, ExchangeFailed if nothing was sent."""
        ...
