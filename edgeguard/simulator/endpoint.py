"""One Modbus TCP endpoint, a device by itself or a gateway before several units, served by pymodbus.

The only module that touches pymodbus. Each unit gets its whole address space from pymodbus and its behaviour from an action
that fills in the registers asked for: so both tables, holes, refusals and ailments are ours, frames and parsing are not.
Unit 0 stands for every unit that is not there, and keeps silent. One question at a time and connection, as small gateways do.
"""

import asyncio
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, cast

from pymodbus.constants import ExcCodes
from pymodbus.exceptions import NoSuchIdException
from pymodbus.pdu import ModbusPDU
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimAction, SimData, SimDevice

from edgeguard.core.errors import Retryable
from edgeguard.core.register import Table
from edgeguard.simulator.ailment import Ailment, Refusing, Silent, Slow, Stuck
from edgeguard.simulator.registers import Image, Refusal, Refused
from edgeguard.simulator.unit import Unit

ADDRESSES: Final = 65_536
NOBODY: Final = 0
_TABLES: Final[Mapping[int, Table]] = MappingProxyType({3: Table.HOLDING, 6: Table.HOLDING, 16: Table.HOLDING, 4: Table.INPUT})


class Endpoint:
    """Serves its units from `start` to `close`; may be started again on the same port."""

    def __init__(self, units: Sequence[Unit], host: str = "127.0.0.1", port: int = 0) -> None:
        self.host = host
        self.port = port
        self.questions = 0
        self._patients = {unit.address: _Patient(self, unit) for unit in units}
        self._server: ModbusTcpServer | None = None

    async def start(self) -> None:
        """Listen; Retryable if the port is taken."""
        devices = [patient.device() for patient in self._patients.values()]
        devices.append(_device(NOBODY, _keep_silent))
        server = ModbusTcpServer(devices, address=(self.host, self.port), ignore_missing_devices=True, trace_pdu=self._count)
        if not await server.listen():
            raise Retryable(f"cannot listen on {self.host}:{self.port}; is another program using the port?")
        # a listening pymodbus server keeps an asyncio.Server where a connection keeps its transport
        self.port = cast(asyncio.Server, server.transport).sockets[0].getsockname()[1]
        self._server = server

    async def close(self) -> None:
        """Stop listening and drop every connection."""
        server, self._server = self._server, None
        if server is not None:
            server.close()

    def afflict(self, unit: int, ailment: Ailment | None) -> None:
        """Make a unit ill, or well again with None."""
        self._patients[unit].afflict(ailment)

    def _count(self, sending: bool, pdu: ModbusPDU) -> ModbusPDU:
        self.questions += not sending
        return pdu


class _Patient:
    """A unit and what ails it."""

    def __init__(self, endpoint: Endpoint, unit: Unit) -> None:
        self._endpoint = endpoint
        self._unit = unit
        self._ailment: Ailment | None = None
        self._stuck: Image | None = None

    def device(self) -> SimDevice:
        """The unit in pymodbus's words."""
        return _device(self._unit.address, self._act)

    def afflict(self, ailment: Ailment | None) -> None:
        """Take an ailment, or None for health."""
        self._ailment = ailment
        self._stuck = self._unit.image() if isinstance(ailment, Stuck) else None

    async def _act(
        self, function: int, start: int, address: int, count: int, registers: list[int], values: list[int] | list[bool] | None
    ) -> ExcCodes | None:
        """pymodbus's action: fill in what is asked for, or take what is written, or refuse, or never answer."""
        try:
            await self._suffer()
            table = _TABLES.get(function)
            if table is None:
                return ExcCodes.ILLEGAL_FUNCTION
            if values is not None:
                self._write(address, [int(value) for value in values])
                return None
            image = self._stuck or self._unit.image()
            registers[address - start : address - start + count] = image.read(table, address, count)
        except Refused as refused:
            return ExcCodes(refused.code.value)
        return None

    async def _suffer(self) -> None:
        if isinstance(self._ailment, Silent):
            raise NoSuchIdException
        if isinstance(self._ailment, Refusing):
            raise Refused(self._ailment.code)
        if isinstance(self._ailment, Slow):
            question = self._endpoint.questions
            await asyncio.sleep(self._ailment.delay_s)
            if self._endpoint.questions != question:
                # pymodbus answers the newest question only: the old registers would go out under the new transaction's number
                raise NoSuchIdException

    def _write(self, address: int, words: list[int]) -> None:
        if self._unit.write is None:
            raise Refused(Refusal.ADDRESS)
        self._unit.write(address, words)


async def _keep_silent(*_: object) -> ExcCodes | None:
    raise NoSuchIdException


def _device(address: int, action: SimAction) -> SimDevice:
    everywhere = SimData(0, count=ADDRESSES, values=0, datatype=DataType.REGISTERS)
    return SimDevice(address, [everywhere], action=action)
