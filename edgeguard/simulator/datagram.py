"""Modbus over UDP: the units of an endpoint behind a socket for datagrams, each of which holds one request or one answer."""

import asyncio
import random
from collections.abc import Mapping
from typing import Any

from edgeguard.core.errors import Retryable
from edgeguard.core.limits import MODBUS_MAX_PDU_BYTES
from edgeguard.simulator.endpoint import HEAD, TcpUnit, spoken


class DatagramEndpoint(asyncio.DatagramProtocol):
    """Serves its units, by address, from `start` to `close`; may be started again on the same port."""

    def __init__(self, units: Mapping[int, TcpUnit], host: str = "127.0.0.1", port: int = 0, seed: int = 1) -> None:
        self.host = host
        self.port = port
        self.units = units
        self._dice = random.Random(seed)  # noqa: S311  faults, not secrets
        self._transport: asyncio.DatagramTransport | None = None

    @property
    def listening(self) -> bool:
        """Whether clients are heard."""
        return self._transport is not None

    async def start(self) -> None:
        """Listen; Retryable if the port is taken."""
        loop = asyncio.get_running_loop()
        try:
            made = await loop.create_datagram_endpoint(lambda: self, local_addr=(self.host, self.port))
        except OSError as error:
            words = f"cannot listen on udp {self.host}:{self.port}; is another program using the port?"
            raise Retryable(words) from error
        self._transport = made[0]
        self.port = self._transport.get_extra_info("sockname")[1]

    async def close(self) -> None:
        """Hear nobody any more."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """A request; anything else is dropped, as a device drops it."""
        if not HEAD.size < len(data) <= HEAD.size + MODBUS_MAX_PDU_BYTES:
            return
        number, protocol, length, address = HEAD.unpack_from(data)
        if protocol != 0 or length != len(data) - HEAD.size + 1:
            return
        adu, delay_s = spoken(self.units, number, address, data[HEAD.size :], self._dice)
        if delay_s:
            asyncio.get_running_loop().call_later(delay_s, self._say, adu, addr)
        elif adu:
            self._say(adu, addr)

    def _say(self, adu: bytes, addr: tuple[str | Any, int]) -> None:
        if self._transport is not None:
            self._transport.sendto(adu, addr)
