"""A water, heat or gas meter of CJ/T 188, behind the face that every driver has.

Meters differ in the order in which they want the two bytes of an identifier, and a wrong order is met with silence. Where the
profile does not say it, each silence tries the other order, until one is answered.
"""

from datetime import timedelta

from edgeguard.bus import Bus, ExchangeFailed, Priority
from edgeguard.codec.cjt188 import (
    CLOCK_BYTES,
    CURRENT,
    DATA_AT,
    clock_of,
    clock_request,
    error_of,
    read_request,
    valve_request,
)
from edgeguard.codec.meter_value import switched
from edgeguard.core.cjt188_table import items_of
from edgeguard.core.clock import Clock, local_time
from edgeguard.core.line import Protocol
from edgeguard.core.meter import MeterField
from edgeguard.core.point import Point, Value
from edgeguard.core.profile import Cjt188Limits
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.site import DeviceSpec
from edgeguard.driver.meter_device import MeterDevice
from edgeguard.driver.shelf import Shelf


class Cjt188Device(MeterDevice):
    """One CJ/T 188 meter."""

    def __init__(self, spec: DeviceSpec, bus: Bus, clock: Clock, _shelf: Shelf) -> None:
        limits = spec.profile.limits
        assert isinstance(limits, Cjt188Limits)  # noqa: S101  the registry picks the driver by it
        self._form = limits.form
        self._low_first = bool(limits.low_first)
        self._sure = limits.low_first is not None
        self._number = 0
        super().__init__(spec, bus, clock, limits, Protocol.CJT188)

    @property
    def low_first(self) -> bool | None:
        """The order of identifiers that this meter answers; None while it is not known."""
        return self._low_first if self._sure else None

    async def fetch(self, identifier: str, priority: Priority, timeout_s: float | None) -> bytes | Fault:
        """The data of an identifier. A person who waits gets both orders tried at once.

        A refusal may be that of the identifier read backwards: as long as the order is not known, it counts if both are refused
        or one is met with silence.
        """
        try:
            told = await self._fetch(identifier, priority, timeout_s)
        except ExchangeFailed as failed:
            if self._sure or not failed.sent:
                raise
            self._low_first = not self._low_first
            if priority is not Priority.PERSON:
                raise
            return await self._fetch(identifier, priority, timeout_s)
        if self._sure or not isinstance(told, Fault):
            return told
        refused_s = self._line.took_s
        self._low_first = not self._low_first
        try:
            other = await self._fetch(identifier, priority, timeout_s)
        except ExchangeFailed:
            other = told
        if isinstance(other, Fault):
            self._low_first = not self._low_first
            self._line.took_s = refused_s
            return told
        return other

    async def _fetch(self, identifier: str, priority: Priority, timeout_s: float | None) -> bytes | Fault:
        low_first = self._low_first
        answer = await self._line.exchange(read_request(identifier, low_first, self._next()), priority, timeout_s)
        refused = error_of(answer)
        if refused is None:
            self._low_first, self._sure = low_first, True
        return refused or answer[DATA_AT:]

    async def clock_off_s(self, priority: Priority = Priority.PERSON) -> float | Fault:
        """How far the meter's clock is ahead of ours, or why that cannot be said."""
        try:
            data = await self.fetch(CURRENT, priority, self._line.timeout_s)
        except ExchangeFailed as failed:
            return failed.fault
        ours = local_time(self._clock.now().wall_ms)
        if isinstance(data, Fault):
            return data
        items = items_of(CURRENT, self._form)
        place = [item.name for item in items].index("clock")
        begin = sum(item.part.width for item in items[:place])
        told = clock_of(data[begin : begin + CLOCK_BYTES])
        return told if isinstance(told, Fault) else (told - ours).total_seconds()

    async def set_clock(self) -> Fault | None:
        """Set the meter's clock to ours. The order of identifiers is known by then: a read has told it, or it is found out here."""
        if not self._sure:
            told = await self.clock_off_s()
            if not self._sure:
                return told if isinstance(told, Fault) else Fault(Reason.NOT_POLLED, "the meter has not been read yet")
        number = self._next()

        def now() -> bytes:
            return clock_request(local_time(self._clock.now().wall_ms) + timedelta(seconds=0.5), self._low_first, number)

        try:
            return error_of(await self._line.exchange(now(), Priority.PERSON, told=now))
        except ExchangeFailed as failed:
            return failed.fault

    def refusal(self, answer: bytes) -> Fault | None:
        """What an error answer says."""
        return error_of(answer)

    async def command(self, where: str, point: Point, field: MeterField, value: Value) -> bytes:
        """Open or close the valve."""
        return valve_request(switched(where, point, value), self._low_first, self._next())

    def _next(self) -> int:
        self._number = (self._number + 1) & 0xFF
        return self._number
