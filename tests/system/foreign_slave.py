"""A Modbus slave on pymodbus, as a process: `python foreign_slave.py tcp PORT UNIT | rtu DEVICE UNIT`.

The same device as the other foreign slaves of these tests: see tests/native/slave_rtu.c.
"""

import asyncio
import sys

from pymodbus import FramerType
from pymodbus.datastore import ModbusDeviceContext, ModbusSequentialDataBlock, ModbusServerContext
from pymodbus.server import ModbusSerialServer, ModbusTcpServer

SIZE = 500


def block(values: list[int]) -> ModbusSequentialDataBlock:
    """A table; pymodbus's blocks begin with address 1."""
    return ModbusSequentialDataBlock(1, values)  # type: ignore[no-untyped-call]


def context(unit: int) -> ModbusServerContext:
    """The device's tables."""
    device = ModbusDeviceContext(
        co=block([i & 1 for i in range(SIZE)]),
        di=block([~i & 1 for i in range(SIZE)]),
        hr=block([1000 + i for i in range(SIZE)]),
        ir=block([2000 + i for i in range(SIZE)]),
    )
    return ModbusServerContext(devices={unit: device}, single=False)


async def main(wire: str, place: str, unit: int) -> None:
    """Serve for ever."""
    server: ModbusTcpServer | ModbusSerialServer
    if wire == "tcp":
        server = ModbusTcpServer(context(unit), address=("127.0.0.1", int(place)), ignore_missing_devices=True)
    else:
        server = ModbusSerialServer(context(unit), framer=FramerType.RTU, port=place, baudrate=9600, ignore_missing_devices=True)
    await server.listen()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
