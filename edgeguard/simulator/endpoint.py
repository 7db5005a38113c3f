"""One Modbus TCP endpoint: a device by itself, or a gateway before several units (MODBUS Messaging on TCP/IP V1.0b).

Units that are not there keep silent, as behind a serial gateway. A connection gets its answers one after another; what is not
Modbus ends it. Written apart from the gateway's codec, like everything that speaks here.
"""

import asyncio
import contextlib
import random
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ssl import SSLContext
from typing import Final

from edgeguard.core.errors import Retryable
from edgeguard.core.limits import ENDPOINT_CLIENTS, MODBUS_MAX_PDU_BYTES
from edgeguard.simulator.ailing_station import garbled
from edgeguard.simulator.ailment import Ailment, GluedFrame, HalfFrame, Noisy, Slow

HEAD: Final = struct.Struct(">HHHB")


@dataclass(slots=True)
class TcpUnit:
    """A unit behind the endpoint: `answer` gives a PDU for a PDU, nothing for silence; `ailment` is how its answers travel."""

    answer: Callable[[bytes], bytes]
    ailment: Ailment | None = None


def spoken(units: Mapping[int, TcpUnit], number: int, address: int, pdu: bytes, dice: random.Random) -> tuple[bytes, float]:
    """What is said to a request, as its unit's ailment lets it, and how many seconds later; nothing for silence."""
    unit = units.get(address)
    said = b"" if unit is None else unit.answer(pdu)
    if unit is None or not said:
        return b"", 0.0
    adu = _spoilt(HEAD.pack(number, 0, len(said) + 1, address) + said, unit.ailment, dice)
    return adu, unit.ailment.delay_s if isinstance(unit.ailment, Slow) else 0.0


def _spoilt(adu: bytes, ailment: Ailment | None, dice: random.Random) -> bytes:
    match ailment:
        case HalfFrame():
            return adu[: len(adu) // 2]
        case GluedFrame():
            return adu * 2
        case Noisy(bit_errors):
            return garbled(adu, bit_errors, dice)
        case _:
            return adu


class Endpoint:
    """Serves its units, by address, from `start` to `close`; may be started again on the same port. `tls`: inside of TLS."""

    def __init__(
        self,
        units: Mapping[int, TcpUnit],
        host: str = "127.0.0.1",
        port: int = 0,
        seed: int = 1,
        tls: SSLContext | None = None,
    ) -> None:
        self._tls = tls
        self.host = host
        self.port = port
        self.units = units
        self._dice = random.Random(seed)  # noqa: S311  faults, not secrets
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.StreamWriter] = set()

    @property
    def listening(self) -> bool:
        """Whether clients can connect."""
        return self._server is not None

    async def start(self) -> None:
        """Listen; Retryable if the port is taken."""
        try:
            self._server = await asyncio.start_server(self._serve, self.host, self.port, ssl=self._tls)
        except OSError as error:
            words = f"cannot listen on {self.host}:{self.port}; is another program using the port?"
            raise Retryable(words) from error
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening and drop every connection."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for client in tuple(self._clients):
            client.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._clients) >= ENDPOINT_CLIENTS:
            writer.transport.abort()
            return
        self._clients.add(writer)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._answer_all(reader, writer)
        finally:
            self._clients.discard(writer)
            writer.close()

    async def _answer_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        late: asyncio.TimerHandle | None = None
        while True:
            number, protocol, length, address = HEAD.unpack(await reader.readexactly(HEAD.size))
            if protocol != 0 or not 2 <= length <= MODBUS_MAX_PDU_BYTES + 1:
                return
            pdu = await reader.readexactly(length - 1)
            if late is not None:
                # a slow device that is asked anew has forgotten the question before
                late.cancel()
            adu, delay_s = spoken(self.units, number, address, pdu, self._dice)
            if delay_s:
                late = asyncio.get_running_loop().call_later(delay_s, writer.write, adu)
            elif adu:
                writer.write(adu)
                await writer.drain()
