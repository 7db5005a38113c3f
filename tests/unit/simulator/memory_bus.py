"""The gateway's own bus on a simulated line, both in virtual time: turns, framings and line settings are the real ones."""

import asyncio
import random
from collections.abc import Sequence
from typing import Final

from edgeguard.bus.exchange import LineCost
from edgeguard.bus.opening import framings_of
from edgeguard.bus.reconnect import Reconnect
from edgeguard.bus.turns import Turns
from edgeguard.bus.wire_bus import WireBus
from edgeguard.core.ids import BusName
from edgeguard.core.line import LineSettings
from edgeguard.core.quality import Fault
from edgeguard.core.site import BusSpec, Wire
from edgeguard.simulator import wire
from edgeguard.simulator.wire import Station

SETTLE_S: Final = 0.005


class LineLink:
    """A port without an operating system: bytes go to the wire, what is heard goes to the turns."""

    line_errors = None

    def __init__(self, line: wire.Wire, turns: Turns) -> None:
        self.lost: asyncio.Future[Fault] = asyncio.get_running_loop().create_future()
        self._line = line
        line.on_heard = turns.received
        self._turns = turns
        turns.opened(line.send, self.drop, self._tune)

    def drop(self, fault: Fault) -> None:
        self._line.on_heard = lambda _: None
        self._turns.closed(fault)
        self.lost.set_result(fault)

    def _tune(self, settings: LineSettings) -> float:
        changed, self._line.settings = self._line.settings != settings, settings
        return SETTLE_S if changed else 0.0


class LineOpener:
    """Opens the line, as often as asked."""

    where = "memory"
    within_s = 1.0

    def __init__(self, line: wire.Wire) -> None:
        self._line = line

    async def open(self, turns: Turns) -> LineLink:
        return LineLink(self._line, turns)


def line_bus(stations: Sequence[Station], settings: LineSettings | None = None) -> tuple[WireBus, wire.Wire]:
    """A bus on a line with these stations; `run` must be started."""
    line = wire.Wire(stations, settings)
    spec = BusSpec(BusName("line"), Wire.SERIAL_RTU, line=settings or LineSettings())
    turns = Turns(spec.name, framings_of(spec), 1, 0.0, spec.line)
    return WireBus(spec.name, LineOpener(line), turns, LineCost.on_line(spec.line), Reconnect(random.Random(1))), line
