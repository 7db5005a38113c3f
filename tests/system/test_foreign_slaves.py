"""Our bus and driver read and write slaves that nobody here has written: libmodbus, pymodbus, a Node.js library; TCP and RTU.

Each slave is the same device: holding register a holds 1000 + a until it is written, input register a 2000 + a, coil a is a & 1,
addresses from 500 on are refused. RTU slaves sit at the far end of a pair of pseudo-terminals.
"""

import asyncio
import contextlib
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from harness import free_port
from pty_pair import PtyPair

from edgeguard.bus import open_bus
from edgeguard.core.clock import Clock
from edgeguard.core.ids import BusName, DeviceName, PointName, ProfileName
from edgeguard.core.interlock import Interlock
from edgeguard.core.point import Kind, Labels, Point, WriteRule
from edgeguard.core.profile import DeviceProfile, ModbusLimits
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.register import RawType, RegisterField, Table, WordOrder
from edgeguard.core.site import BusSpec, DeviceSpec, Wire
from edgeguard.driver import Device, build_device
from edgeguard.testing.clock import FakeClock

pytestmark = pytest.mark.slow

HERE = Path(__file__).resolve().parent
NODE = HERE.parent / "native" / "node"
UNIT, BUS = 7, BusName("line")
WITHIN_S = 60.0
LABELS = Labels("点", "point")
EXPECTED = {"first": 1000, "wide": 1020 << 16 | 1021, "last": 1499, "input": 2077, "odd": True, "even": False, "discrete": True}


def point(name: str, kind: Kind = Kind.NUMBER, writable: bool = False) -> Point:
    return Point(PointName(name), kind, LABELS, write=WriteRule() if writable else None)


PLACES = (
    (point("first"), RegisterField(Table.HOLDING, 0, RawType.UINT16)),
    (point("setpoint", writable=True), RegisterField(Table.HOLDING, 10, RawType.FLOAT32, 2, WordOrder.LITTLE)),
    (point("wide"), RegisterField(Table.HOLDING, 20, RawType.UINT32, 2)),
    (point("last"), RegisterField(Table.HOLDING, 499, RawType.UINT16)),
    (point("input"), RegisterField(Table.INPUT, 77, RawType.UINT16)),
    (point("odd", Kind.BOOLEAN), RegisterField(Table.COIL, 3, RawType.BIT)),
    (point("even", Kind.BOOLEAN, writable=True), RegisterField(Table.COIL, 4, RawType.BIT)),
    (point("discrete", Kind.BOOLEAN), RegisterField(Table.DISCRETE, 6, RawType.BIT)),
    (point("beyond"), RegisterField(Table.HOLDING, 600, RawType.UINT16)),
)
PROFILE = DeviceProfile(
    ProfileName("foreign"), "somebody", "else", "other", LABELS, tuple(p for p, _ in PLACES), tuple(f for _, f in PLACES),
    ModbusLimits(timeout_ms=3000), (), "", "", "",
)  # fmt: skip


@pytest.fixture(scope="session")
def libmodbus_rtu_slave(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import native

    if words := native.missing():
        pytest.skip(words)
    return native.build("slave_rtu", tmp_path_factory.mktemp("native"))


def command(maker: str, request: pytest.FixtureRequest) -> list[str]:
    """How a maker's slave is started, but for its wire, place and unit."""
    if maker == "node":
        return ["node", str(request.getfixturevalue("node") / "slave.js")]
    if maker == "libmodbus":
        return [str(request.getfixturevalue("libmodbus_rtu_slave"))]
    return [sys.executable, str(HERE / "foreign_slave.py")]


@contextlib.contextmanager
def slave(words: list[str]) -> Iterator[None]:
    """The slave, from its word that it is ready."""
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            first = child.stdout.readline()
            assert first == "ready\n", child.communicate(timeout=5)[1][-500:]
            yield
        finally:
            child.kill()


@contextlib.asynccontextmanager
async def device(spec: BusSpec, address: int = UNIT) -> AsyncIterator[Device]:
    """Our driver on our bus."""
    bus = open_bus(spec, random.Random(1))
    running = asyncio.create_task(bus.run())
    clock: Clock = FakeClock()
    interlocks = {PointName(name): Interlock() for name in ("setpoint", "even")}
    made = DeviceSpec(DeviceName("slave"), BUS, address, PROFILE, 1000, LABELS, (), 10_000, interlocks=interlocks)
    try:
        yield build_device(made, bus, clock)
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def values(made: Device) -> dict[str, object]:
    """A round; the first one may find the bus not yet connected."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            snapshot = await made.poll()
            if snapshot.answered:
                return {str(one.name): outcome for one, outcome in zip(snapshot.points, snapshot.outcomes, strict=True)}
            await asyncio.sleep(0.1)


async def judge(spec: BusSpec) -> None:
    """Reads of all tables, a refusal, writes of registers and a coil, and a unit that is not there."""
    async with device(spec) as made:
        read = await values(made)
        assert {name: read[name] for name in EXPECTED} == EXPECTED
        beyond = read["beyond"]
        assert isinstance(beyond, Fault)
        assert beyond.reason is Reason.REFUSED
        wrote = await made.write(PointName("setpoint"), 4.25)
        assert (wrote.verified, wrote.read_back) == (True, 4.25)
        wrote = await made.write(PointName("even"), True)
        assert (wrote.verified, wrote.read_back) == (True, True)
        assert (await values(made))["setpoint"] == 4.25
    async with device(spec, UNIT + 1) as absent:
        outcomes = (await absent.read([PointName("first")])).outcomes
        assert all(isinstance(outcome, Fault) for outcome in outcomes)


@pytest.mark.parametrize("maker", ["pymodbus", "node"])
async def test_over_tcp(maker: str, request: pytest.FixtureRequest) -> None:
    port = free_port()
    with slave([*command(maker, request), "tcp", str(port), str(UNIT)]):
        await judge(BusSpec(BUS, Wire.TCP, "127.0.0.1", port))


@pytest.mark.parametrize("maker", ["libmodbus", "pymodbus", "node"])
async def test_over_a_pair_of_ports(maker: str, request: pytest.FixtureRequest) -> None:
    with PtyPair() as (ours, theirs):
        wire = [] if maker == "libmodbus" else ["rtu"]
        with slave([*command(maker, request), *wire, theirs, str(UNIT)]):
            await judge(BusSpec(BUS, Wire.SERIAL_RTU, device=Path(ours)))
