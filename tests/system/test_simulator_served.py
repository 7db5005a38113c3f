"""The simulated building on the wire, read by pymodbus's client: two endpoints, units, refusals, silence, ailments."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from pymodbus.client import AsyncModbusTcpClient, AsyncModbusUdpClient
from pymodbus.exceptions import ModbusIOException

from edgeguard.config import load_site, shipped_configs
from edgeguard.core.errors import Retryable
from edgeguard.core.ids import BusName
from edgeguard.core.site import Wire
from edgeguard.simulator.ailment import Refusing, Silent, Slow, Stuck
from edgeguard.simulator.registers import Refusal
from edgeguard.simulator.site import Serving, SimulatedSite

pytestmark = pytest.mark.slow


def building(**ports: int) -> SimulatedSite:
    """The shipped example, on free ports but for those named."""
    site = load_site(shipped_configs() / "site.example.toml")
    return SimulatedSite(site, 1, Serving(any_port=True, ports={BusName(name): number for name, number in ports.items()}))


def port(house: SimulatedSite, bus: str) -> int:
    """Where a bus listens."""
    return int(house.buses[BusName(bus)].where.rsplit(":", 1)[1])


@contextlib.asynccontextmanager
async def client(number: int, timeout_s: float = 30.0) -> AsyncIterator[AsyncModbusTcpClient]:
    """One that waits long for what has to come, unless the test is about what does not."""
    made = AsyncModbusTcpClient("127.0.0.1", port=number, timeout=timeout_s, retries=0)
    assert await made.connect()
    try:
        yield made
    finally:
        made.close()


async def test_every_unit_answers_and_follows_the_physics() -> None:
    async with building() as house, client(port(house, "lift")) as lift, client(port(house, "plant")) as plant:
        assert (await lift.read_holding_registers(0x1011, count=1, device_id=1)).registers == [1750]
        for unit in (1, 2):
            assert (await plant.read_input_registers(307, count=1, device_id=unit)).registers == [4800]
        before = (await plant.read_input_registers(72, count=2, device_id=10)).registers
        litres = (await plant.read_holding_registers(0, count=2, device_id=20)).registers
        house.advance(600.0)
        assert (await plant.read_input_registers(72, count=2, device_id=10)).registers != before
        assert (await plant.read_holding_registers(0, count=2, device_id=20)).registers != litres
        assert (await plant.read_holding_registers(97, count=1, device_id=11)).registers[0] in range(2200, 2400)


async def test_refusals_and_units_that_are_not_there() -> None:
    async with building() as house, client(port(house, "lift")) as lift:
        assert (await lift.read_holding_registers(0x1000, count=1, device_id=1)).exception_code == 2
        assert (await lift.read_input_registers(0x1010, count=1, device_id=1)).exception_code == 1
        assert (await lift.read_coils(0, count=1, device_id=1)).exception_code == 1
        assert (await lift.write_register(0x6004, 1, device_id=1)).exception_code == 2
        async with client(port(house, "lift"), 0.3) as hasty:
            with pytest.raises(ModbusIOException):
                await hasty.read_holding_registers(0x1010, count=1, device_id=9)
        assert not (await lift.read_holding_registers(0x1010, count=1, device_id=1)).isError()


async def test_a_setpoint_is_taken_and_read_back() -> None:
    async with building() as house, client(port(house, "plant")) as plant:
        assert not (await plant.write_register(103, 5200, device_id=2)).isError()
        assert not (await plant.write_registers(103, [5200], device_id=2)).isError()
        assert (await plant.read_holding_registers(103, count=1, device_id=1)).registers == [5200]
        assert house.state.pumps.control.setpoint_bar == pytest.approx(5.2)
        assert (await plant.write_register(103, 60_000, device_id=2)).exception_code == 3


async def test_ailments_hit_one_device_and_heal() -> None:
    async with building() as house, client(port(house, "plant")) as plant:
        house.afflict("main-meter", Silent())
        async with client(port(house, "plant"), 0.3) as hasty:
            with pytest.raises(ModbusIOException):
                await hasty.read_input_registers(0, count=2, device_id=10)
        assert not (await plant.read_input_registers(300, count=2, device_id=1)).isError()
        house.afflict("main-meter", Refusing(Refusal.BUSY))
        assert (await plant.read_input_registers(0, count=2, device_id=10)).exception_code == 6
        house.afflict("main-meter", Stuck())
        stuck = (await plant.read_input_registers(72, count=2, device_id=10)).registers
        house.advance(600.0)
        assert (await plant.read_input_registers(72, count=2, device_id=10)).registers == stuck
        house.afflict("main-meter", None)
        assert (await plant.read_input_registers(72, count=2, device_id=10)).registers != stuck


async def test_a_slow_device_forgets_the_question_that_was_given_up() -> None:
    """What is asked after a timeout gets its own answer, never the registers of the question before."""
    async with building() as house, client(port(house, "plant"), 0.3) as plant:
        house.afflict("pump-1", Slow(0.5))
        with pytest.raises(ModbusIOException):
            await plant.read_input_registers(303, count=2, device_id=1)
        plant.comm_params.timeout_connect = 30.0
        answers = [(await plant.read_holding_registers(3, count=2, device_id=20)).registers for _ in range(40)]
        await asyncio.sleep(0.4)
        answers += [(await plant.read_holding_registers(3, count=2, device_id=20)).registers for _ in range(40)]
        assert all(status == 0 and 300 < kilopascal < 600 for status, kilopascal in answers)


async def test_a_taken_port_is_said_in_words_and_nothing_stays_open() -> None:
    async with building() as house:
        plant = port(house, "plant")
        with pytest.raises(Retryable, match=f"127.0.0.1:{plant}"):
            async with building(plant=plant):
                pass
    async with building(plant=plant) as again:
        assert port(again, "plant") == plant


async def test_a_bus_over_udp_is_served_hurt_and_healed() -> None:
    site = load_site(shipped_configs() / "site.example.toml")
    buses = tuple(replace(bus, wire=Wire.UDP) if bus.name == "lift" else bus for bus in site.buses)
    async with SimulatedSite(replace(site, buses=buses), 1, Serving(any_port=True)) as house:
        assert house.buses[BusName("lift")].where.startswith("udp://127.0.0.1:")
        lift, hasty = (
            AsyncModbusUdpClient("127.0.0.1", port=port(house, "lift"), timeout=timeout_s, retries=0) for timeout_s in (30.0, 0.3)
        )
        assert await lift.connect()
        assert (await lift.read_holding_registers(0x1011, count=1, device_id=1)).registers == [1750]
        house.afflict("lift-1", Silent())
        assert await hasty.connect()
        with pytest.raises(ModbusIOException):
            await hasty.read_holding_registers(0x1011, count=1, device_id=1)
        hasty.close()
        house.afflict("lift-1", None)
        assert (await lift.read_holding_registers(0x1011, count=1, device_id=1)).registers == [1750]
        lift.close()
