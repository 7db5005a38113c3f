"""What every driver offers, whatever its protocol: poll, probe, read, write, and an account of how it goes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from edgeguard.bus import ExchangeFailed, Priority
from edgeguard.core.errors import WriteRefused
from edgeguard.core.fate import Fate
from edgeguard.core.ids import DeviceName, PointName
from edgeguard.core.point import Point, Value
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.site import DeviceSpec
from edgeguard.core.snapshot import Snapshot
from edgeguard.driver.line import Still


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
    retries: int = 0
    """Requests that were sent after one that had failed."""


@dataclass(frozen=True, slots=True)
class WriteResult:
    """A write that was carried out, or tried. `read_back` is what the device says now, None if it was or could not be asked.

    `verified`: it agrees with `written` within the point's tolerance. `detail` says in words what is not as it should be;
    `trouble` is set where `verified` does not tell what became of it: lost, refused, not sent.
    """

    written: Value
    read_back: Value | None
    verified: bool
    detail: str = ""
    trouble: Fate | None = None

    @property
    def fate(self) -> Fate:
        """What became of the write, in one word."""
        return self.trouble or (Fate.DONE if self.verified else Fate.UNVERIFIED)


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


@runtime_checkable
class WritesTogether(Protocol):
    """A device that can take several points in one request, all of them or none."""

    async def write_together(
        self, values: Mapping[PointName, Value], priority: Priority = Priority.PERSON, still: Still | None = None
    ) -> Mapping[PointName, WriteResult]:
        """Write all, neighbours in one request, and read back. What is missing in the result was not sent.

        Everything is checked before anything is sent: WriteRefused then, and ExchangeFailed, mean that nothing has changed.
        """
        ...


@runtime_checkable
class WritesWhile(Protocol):
    """A device that asks once more whether a write may go out when its turn on the bus has come."""

    async def write_while(
        self, still: Still | None, name: PointName, value: Value, priority: Priority = Priority.PERSON
    ) -> WriteResult:
        """As `Device.write`; WriteRefused with the words of `still` if it has any by then."""
        ...


@runtime_checkable
class TellsTime(Protocol):
    """A device with a clock that can be set: by a broadcast (driver.time_broadcast), or alone, if it `SetsClock`."""

    async def clock_off_s(self, priority: Priority = Priority.PERSON) -> float | Fault:
        """How far its clock is ahead of ours, or why that cannot be said."""
        ...


@runtime_checkable
class SetsClock(TellsTime, Protocol):
    """A device whose clock is set by a request of its own, which it answers."""

    async def set_clock(self) -> Fault | None:
        """Set it to ours, at the moment at which the request goes out; what went wrong, None if the device says that it is set."""
        ...


async def write_one(device: Device, name: PointName, value: Value, priority: Priority, still: Still | None) -> WriteResult:
    """As `Device.write`. `still` is asked when the write's turn has come; by a driver that cannot, before it is given the write."""
    if isinstance(device, WritesWhile):
        return await device.write_while(still, name, value, priority)
    why = "" if still is None else still()
    if why:
        raise WriteRefused(why)
    return await device.write(name, value, priority)


async def write_all(
    device: Device, values: Mapping[PointName, Value], priority: Priority = Priority.PERSON, still: Still | None = None
) -> Mapping[PointName, WriteResult]:
    """Several points of one device, in as few requests as it can; after one that fails nothing more is sent.

    Every point has a result. WriteRefused or ExchangeFailed if nothing at all was carried out.
    """
    if isinstance(device, WritesTogether):
        results = dict(await device.write_together(values, priority, still))
    else:
        results = await _one_by_one(device, values, priority, still)
    for name, value in values.items():
        results.setdefault(name, WriteResult(value, None, False, "not sent, because an earlier write went wrong", Fate.NOT_SENT))
    return results


async def _one_by_one(
    device: Device, values: Mapping[PointName, Value], priority: Priority, still: Still | None
) -> dict[PointName, WriteResult]:
    results: dict[PointName, WriteResult] = {}
    for name, value in values.items():
        try:
            results[name] = await write_one(device, name, value, priority, still)
        except (WriteRefused, ExchangeFailed) as error:
            if not results:
                raise
            sent = isinstance(error, WriteRefused) or error.sent
            results[name] = WriteResult(value, None, False, str(error), Fate.REFUSED if sent else Fate.NOT_SENT)
        if results[name].fate is not Fate.DONE:
            break
    return results
