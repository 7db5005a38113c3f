"""The buses of a simulated site as their clients find them: a Modbus TCP endpoint, a pseudo-terminal, or a serial server.

One face for all: open, close, pull and put back, make a device ill, make the line bad, let somebody else talk on it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from ssl import SSLContext
from typing import Final, Protocol

from edgeguard.core.errors import Permanent
from edgeguard.core.ids import DeviceName
from edgeguard.core.limits import FOREIGN_MASTER_S
from edgeguard.core.line import LineSettings
from edgeguard.core.site import BusSpec, Wire
from edgeguard.simulator.ailing_station import AilingStation
from edgeguard.simulator.ailment import Ailment, Flooding
from edgeguard.simulator.appliance import Appliance
from edgeguard.simulator.datagram import DatagramEndpoint
from edgeguard.simulator.endpoint import Endpoint, TcpUnit
from edgeguard.simulator.foreign import ForeignMaster
from edgeguard.simulator.modbus_station import AsciiStation, RtuStation
from edgeguard.simulator.pty_line import PtyLine
from edgeguard.simulator.tcp_line import TcpLine
from edgeguard.simulator.wire import Noise, Station

BAD_LINE: Final = Noise(bit_errors=0.003, turn_on=0.3)
"""A line without termination next to a frequency converter."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a bus is served. `port`: of a network bus, 0 takes a free one; `link`: of a pseudo-terminal; `tls`: around it."""

    seed: int = 1
    host: str = "127.0.0.1"
    port: int = 0
    link: Path | None = None
    echo: bool = False
    tls: SSLContext | None = None


class ServedBus(Protocol):
    """A bus that clients can reach between `open` and `close`."""

    @property
    def where(self) -> str:
        """What a client writes into its configuration: a URL, or a port's path."""
        ...

    @property
    def plugged(self) -> bool:
        """Whether clients find it."""
        ...

    async def open(self) -> None:
        """Begin to serve; Retryable if the port cannot be had."""
        ...

    async def close(self) -> None:
        """End it, and drop every client."""
        ...

    async def plug(self) -> None:
        """Put the plug back."""
        ...

    async def unplug(self) -> None:
        """Pull the plug: clients lose their connection and find no other."""
        ...

    def afflict(self, device: DeviceName, ailment: Ailment | None) -> None:
        """Make one of its devices speak as a sick one, or well again."""
        ...

    def disturb(self, noisy: bool, foreign: bool) -> None:
        """Make the line bad, let another master talk on it; Permanent where there is no line."""
        ...


def serve(spec: BusSpec, appliances: Sequence[Appliance], manner: Manner) -> ServedBus:
    """A bus of the site with its devices. Permanent for one inside of TLS without certificates."""
    if spec.wire.is_line:
        return LineBus(spec, appliances, manner)
    if spec.wire is Wire.TLS and manner.tls is None:
        raise Permanent(f"bus {spec.name}: tls:// needs certificates; --tls-dir DIR takes those of DIR, or makes them there")
    return EndpointBus(spec.wire, appliances, manner)


class EndpointBus:
    """Modbus TCP, or the same over UDP or inside of TLS: every device is a unit behind one endpoint."""

    def __init__(self, wire: Wire, appliances: Sequence[Appliance], manner: Manner) -> None:
        self._scheme = wire.value
        self._units = {one.spec.name: TcpUnit(_answering(one)) for one in appliances}
        units = {one.unit.address: self._units[one.spec.name] for one in appliances if one.unit is not None}
        self._endpoint: DatagramEndpoint | Endpoint
        if wire is Wire.UDP:
            self._endpoint = DatagramEndpoint(units, manner.host, manner.port, manner.seed)
        else:
            self._endpoint = Endpoint(units, manner.host, manner.port, manner.seed, manner.tls)

    @property
    def where(self) -> str:
        """The URL."""
        return f"{self._scheme}://{self._endpoint.host}:{self._endpoint.port}"

    @property
    def plugged(self) -> bool:
        """Whether it listens."""
        return self._endpoint.listening

    async def open(self) -> None:
        """Listen."""
        await self._endpoint.start()

    async def close(self) -> None:
        """Stop listening."""
        await self._endpoint.close()

    async def plug(self) -> None:
        """Listen again, on the same port."""
        if not self.plugged:
            await self._endpoint.start()

    async def unplug(self) -> None:
        """Drop every connection and refuse new ones."""
        await self._endpoint.close()

    def afflict(self, device: DeviceName, ailment: Ailment | None) -> None:
        """Make a unit ill."""
        if isinstance(ailment, Flooding):
            raise Permanent(f"{device} is on a network, where nobody can flood a line")
        self._units[device].ailment = ailment

    def disturb(self, noisy: bool, foreign: bool) -> None:
        """There is no line to disturb."""
        if noisy or foreign:
            raise Permanent(f"{self.where} is no serial line: there is neither noise nor a foreign master on it")


class LineBus:
    """A serial line, behind a pseudo-terminal or a serial server."""

    def __init__(self, spec: BusSpec, appliances: Sequence[Appliance], manner: Manner) -> None:
        self._spec = spec
        self._stations = {
            one.spec.name: AilingStation(_station(spec, one), manner.seed + number) for number, one in enumerate(appliances)
        }
        stations: Sequence[Station] = tuple(self._stations.values())
        self._line: PtyLine | TcpLine
        if spec.wire.is_port:
            self._line = PtyLine(stations, spec.line, manner.seed, link=manner.link, echo=manner.echo)
        else:
            self._line = TcpLine(stations, spec.line, manner.seed, host=manner.host, port=manner.port, echo=manner.echo)
        self._foreign: ForeignMaster | None = None

    @property
    def line(self) -> PtyLine | TcpLine:
        """The line itself."""
        return self._line

    @property
    def where(self) -> str:
        """The port's path, or the URL of the serial server."""
        if isinstance(self._line, PtyLine):
            return self._line.port
        return f"{self._spec.wire.value}://{self._line.host}:{self._line.port}"

    @property
    def plugged(self) -> bool:
        """Whether the port is there."""
        return self._line.plugged

    async def open(self) -> None:
        """Make the port."""
        await self._line.__aenter__()
        self._foreign = ForeignMaster(self._line.wire, tuple(self._stations.values()))

    async def close(self) -> None:
        """Take it away for good."""
        if self._foreign is not None:
            self._foreign.close()
        await self._line.__aexit__()

    async def plug(self) -> None:
        """Make the port again, behind the same name."""
        if isinstance(self._line, PtyLine):
            self._line.plug()
        else:
            await self._line.plug()

    async def unplug(self) -> None:
        """Take the port away."""
        self._line.unplug()

    def afflict(self, device: DeviceName, ailment: Ailment | None) -> None:
        """Make a station ill."""
        self._stations[device].ailment = ailment

    def disturb(self, noisy: bool, foreign: bool) -> None:
        """Make the line bad, let another master talk on it."""
        self._line.wire.noise = BAD_LINE if noisy else Noise()
        if self._foreign is not None:
            self._foreign.every_s = FOREIGN_MASTER_S if foreign else None


def _answering(appliance: Appliance) -> Callable[[bytes], bytes]:
    unit = appliance.unit
    return lambda pdu: b"" if unit is None else appliance.answer(unit, pdu)


def settings_of(spec: BusSpec, appliance: Appliance) -> LineSettings:
    """What the device's port is set to."""
    return appliance.spec.line or spec.line


def _station(spec: BusSpec, appliance: Appliance) -> Station:
    settings = settings_of(spec, appliance)
    if appliance.unit is None:
        return appliance.station(settings)
    if spec.wire.is_ascii:
        return AsciiStation(appliance.unit, settings, serve=appliance.answer)
    return RtuStation(appliance.unit, settings, serve=appliance.answer)
