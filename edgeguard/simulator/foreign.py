"""Who talks on a simulated line without being asked by its master: a second master, and devices that flood it."""

import asyncio
from collections.abc import Sequence

from edgeguard.core.limits import LINE_BABBLE_S
from edgeguard.simulator.ailing_station import AilingStation
from edgeguard.simulator.modbus_station import RtuStation, crc16
from edgeguard.simulator.wire import Burst, Speech, Wire


class _SecondMaster:
    """Hears everything and answers nothing; speaks when it wants to."""

    def __init__(self, wire: Wire) -> None:
        self.settings = wire.settings

    def hear(self, _: Burst) -> Sequence[Speech]:
        return ()


class ForeignMaster:
    """A second master that reads one of the line's own devices every `every_s` seconds, None for never; and what floods the line.

    It does not listen before it speaks, as vendors' gateways do not.
    """

    def __init__(self, wire: Wire, stations: Sequence[AilingStation]) -> None:
        self.every_s: float | None = None
        self._wire = wire
        self._stations = stations
        self._speaker = _SecondMaster(wire)
        self._last_s = float("-inf")
        self._task = asyncio.create_task(self._talk(), name="foreign master")

    def close(self) -> None:
        """Be quiet for ever."""
        self._task.cancel()

    async def _talk(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(LINE_BABBLE_S)
            now_s = loop.time()
            for station in self._stations:
                if babble := station.babble(LINE_BABBLE_S):
                    self._wire.say(station, babble, now_s)
            if self.every_s is not None and now_s - self._last_s >= self.every_s:
                self._last_s = now_s
                self._wire.say(self._speaker, self._question(), now_s)

    def _question(self) -> bytes:
        """A read of some Modbus device; of one that is not there if the line has none."""
        units = [one.station.unit.address for one in self._stations if isinstance(one.station, RtuStation)]
        frame = bytes((units[0] if units else 247, 3, 0, 0, 0, 10))
        return frame + crc16(frame)
