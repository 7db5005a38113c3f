"""A Modbus device: profile, plan, reads and writes put together behind the face that every driver has."""

from collections.abc import Mapping

import structlog

from edgeguard.bus import Bus, Priority
from edgeguard.codec.plan import PlanRules, break_even_words
from edgeguard.core.clock import Clock
from edgeguard.core.ids import PointName
from edgeguard.core.point import Value
from edgeguard.core.profile import ModbusLimits
from edgeguard.core.site import DeviceSpec
from edgeguard.driver.device import WriteResult
from edgeguard.driver.line import DeviceLine, Still
from edgeguard.driver.profiled_device import ProfiledDevice, watched_columns
from edgeguard.driver.reader import ModbusReader
from edgeguard.driver.shelf import Shelf
from edgeguard.driver.writer import ModbusWriter

_log = structlog.get_logger()


class ModbusDevice(ProfiledDevice):
    """One Modbus device; see driver.device.Device."""

    def __init__(self, spec: DeviceSpec, bus: Bus, clock: Clock, shelf: Shelf) -> None:
        profile, limits = spec.profile, spec.profile.limits
        assert isinstance(limits, ModbusLimits)  # noqa: S101  the registry picks the driver by it
        line = DeviceLine(bus, spec.address, limits.timeout_ms / 1000.0, limits.delay_ms / 1000.0, spec.line)
        cost = bus.cost.switched_to(spec.line)
        rules = PlanRules.of(limits, break_even_words(cost.byte_s, cost.turn_s + limits.delay_ms / 1000.0))
        reader = ModbusReader(spec.name, profile.points, profile.fields, rules, line, clock, shelf, watched_columns(spec))
        super().__init__(spec, line, reader)
        self._writer = ModbusWriter(spec.name, profile.points, profile.fields, line, reader)

    async def write(self, name: PointName, value: Value, priority: Priority = Priority.PERSON) -> WriteResult:
        """Write and read back. WriteRefused if rules or the device forbid it, ExchangeFailed if it did not go out."""
        return await self.write_while(None, name, value, priority)

    async def write_while(
        self, still: Still | None, name: PointName, value: Value, priority: Priority = Priority.PERSON
    ) -> WriteResult:
        """The same as long as `still` allows it; see driver.device.WritesWhile."""
        column = self._column(name)
        results = await self._writer.write({column: value}, priority, still)
        self._tell(results)
        return results[column]

    async def write_together(
        self, values: Mapping[PointName, Value], priority: Priority = Priority.PERSON, still: Still | None = None
    ) -> dict[PointName, WriteResult]:
        """Write all, neighbours in one request, and read back; see driver.device.WritesTogether."""
        results = await self._writer.write({self._column(name): value for name, value in values.items()}, priority, still)
        self._tell(results)
        return {self.points[column].name: result for column, result in results.items()}

    def _tell(self, results: Mapping[int, WriteResult]) -> None:
        for column, result in results.items():
            name, fate = self.points[column].name, result.fate.value
            _log.info("device.written", device=self.name, point=name, value=result.written, fate=fate, detail=result.detail)
