"""What meters of both protocols have in common behind the face that every driver has: rounds, reads, and honest writes."""

import asyncio
from abc import abstractmethod
from typing import Final

import structlog

from edgeguard.bus import Bus, ExchangeFailed, Priority
from edgeguard.codec.meter_value import number_of
from edgeguard.core.clock import Clock
from edgeguard.core.errors import WriteRefused
from edgeguard.core.fate import Fate
from edgeguard.core.ids import PointName
from edgeguard.core.limits import METER_READ_BACK_S, WRITE_SETTLE_S
from edgeguard.core.line import Protocol
from edgeguard.core.meter import Control, MeterField, calls_many
from edgeguard.core.point import Outcome, Point, Value
from edgeguard.core.profile import Cjt188Limits, Dlt645Limits
from edgeguard.core.quality import Fault
from edgeguard.core.site import DeviceSpec
from edgeguard.driver.device import WriteResult
from edgeguard.driver.line import DeviceLine, Still
from edgeguard.driver.meter_reader import MeterReader
from edgeguard.driver.profiled_device import ProfiledDevice, watched_columns

_log = structlog.get_logger()

_EXACT: Final = 1e-6


class MeterDevice(ProfiledDevice):
    """One meter; see driver.device.Device."""

    def __init__(self, spec: DeviceSpec, bus: Bus, clock: Clock, limits: Dlt645Limits | Cjt188Limits, protocol: Protocol) -> None:
        line = DeviceLine(bus, spec.address, limits.timeout_ms / 1000.0, limits.delay_ms / 1000.0, spec.line, protocol)
        self._clock = clock
        self._reader = MeterReader(
            spec.name, spec.profile.points, spec.profile.data, limits, self.fetch, line, clock, watched_columns(spec)
        )
        super().__init__(spec, line, self._reader)

    @abstractmethod
    async def fetch(self, identifier: str, priority: Priority, timeout_s: float | None) -> bytes | Fault:
        """See driver.meter_reader.Fetch."""

    @abstractmethod
    async def command(self, where: str, point: Point, field: MeterField, value: Value) -> bytes:
        """The request that writes `value`. WriteRefused if it may not be sent."""

    @abstractmethod
    def refusal(self, answer: bytes) -> Fault | None:
        """What an error answer says; None if it is none."""

    async def write(self, name: PointName, value: Value, priority: Priority = Priority.PERSON) -> WriteResult:
        """Write and read back. WriteRefused if rules or the meter forbid it, ExchangeFailed if it did not go out."""
        return await self.write_while(None, name, value, priority)

    async def write_while(
        self, still: Still | None, name: PointName, value: Value, priority: Priority = Priority.PERSON
    ) -> WriteResult:
        """The same as long as `still` allows it; see driver.device.WritesWhile."""
        column = self._column(name)
        point, field = self.points[column], self._spec.profile.data[column]
        where = f"{self.name}.{name}"
        if point.write is None or field.control is None:
            raise WriteRefused(f"{where} is read-only")
        if calls_many(self._spec.address):
            raise WriteRefused(f"{where}: address {self._spec.address} may be heard by other meters; give its own in the site file")
        if not point.write.harmless and name not in self._spec.interlocks:
            raise WriteRefused(f"{where} is not enabled: the site file must give it an interlock")
        request = await self.command(where, point, field, value)
        wanted = _as_shown(where, point, value)
        doubt = await self._send(where, request, priority, still)
        outcome = await self._read_back(column, field, wanted, priority)
        result = self._judge(point, field, wanted, outcome, doubt)
        _log.info("device.written", device=self.name, point=name, value=wanted, verified=result.verified, detail=result.detail)
        return result

    async def _send(self, where: str, request: bytes, priority: Priority, still: Still | None) -> str:
        """Have the meter take it; empty if it confirmed, otherwise what is known instead."""
        try:
            answer = await self._line.exchange(request, priority, still=still)
        except ExchangeFailed as failed:
            if not failed.sent:
                raise
            return f"the answer was lost ({failed.fault})"
        fault = self.refusal(answer)
        if fault is None:
            return ""
        self._line.faults[fault.reason] += 1
        raise WriteRefused(f"{where}: the meter refuses with {fault.detail}")

    async def _read_back(self, column: int, field: MeterField, wanted: Value, priority: Priority) -> Outcome:
        """What the meter says now; a relay or valve, which takes its time, is asked again for a while."""
        patience_s = WRITE_SETTLE_S if field.control is Control.DATA else METER_READ_BACK_S
        pause_s = WRITE_SETTLE_S
        waited_s = 0.0
        while True:
            outcome = (await self._reader.some((column,), priority)).outcomes[column]
            if _agrees(wanted, outcome) or waited_s >= patience_s:
                return outcome
            await asyncio.sleep(pause_s)
            waited_s += pause_s
            pause_s = min(2 * pause_s, max(WRITE_SETTLE_S, patience_s - waited_s))

    def _judge(self, point: Point, field: MeterField, wanted: Value, outcome: Outcome, doubt: str) -> WriteResult:
        lost = Fate.LOST if doubt else None
        verified = _agrees(wanted, outcome, point.write.tolerance if point.write else 0.0)
        said = (
            [doubt + (", but the meter shows the value" if verified else ": the meter may or may not have obeyed")] if doubt else []
        )
        if isinstance(outcome, Fault):
            said.append(f"it could not be read back ({outcome})")
            return WriteResult(wanted, None, verified=False, detail="; ".join(said), trouble=lost)
        if not verified:
            said.append(f"wrote {wanted}, read back {outcome}")
            said += self.explain(field, doubt)
        return WriteResult(wanted, outcome, verified, "; ".join(said), None if verified else lost)

    def explain(self, field: MeterField, doubt: str) -> list[str]:
        """What else a person should know of a control that was confirmed and is not seen to have taken effect."""
        if doubt or field.control is Control.DATA:
            return []
        return [f"the meter confirmed the command, but its {field.control.value if field.control else 'value'} has not moved"]


def _as_shown(where: str, point: Point, value: Value) -> Value:
    """A value that has been let pass, in the form in which it would be read."""
    return point.choices[int(number_of(where, point, value))].en if point.choices else value


def _agrees(wanted: Value, found: Outcome, tolerance: float = 0.0) -> bool:
    if isinstance(found, Fault):
        return False
    if isinstance(wanted, bool | str) or isinstance(found, bool | str):
        return wanted == found
    return abs(wanted - found) <= max(tolerance, _EXACT * abs(wanted))
