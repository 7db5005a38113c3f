"""A recording: what a device's registers held at one moment, and what its points must then read; and a bus that replays it.

The file (JSON, one object) has
- `profile` and `unit`: the profile's name and the address that the device answers to;
- `origin`: how the recording was made, said honestly;
- `tables`: per table (`coil`, `discrete`, `holding`, `input`) runs of neighbouring values by the first one's address,
  `{"holding": {"4112": [1748, 1750]}}`; coils and discrete inputs are 0 or 1;
- `refused`: `[table, first, last]` that the device answers with exception 2, also within a run;
- `expected`: per point the value, or `{"fault": "no-value"}`.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from edgeguard.bus import BusStats, ExchangeFailed, LineCost, Listener, Request
from edgeguard.core.errors import Permanent
from edgeguard.core.ids import BusName, PointName, ProfileName
from edgeguard.core.point import Outcome
from edgeguard.core.profile import AddressRange
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.register import Table

_READS: Final[Mapping[int, Table]] = {1: Table.COIL, 2: Table.DISCRETE, 3: Table.HOLDING, 4: Table.INPUT}
_WRITES: Final[Mapping[int, Table]] = {5: Table.COIL, 6: Table.HOLDING, 15: Table.COIL, 16: Table.HOLDING}
_ILLEGAL_FUNCTION: Final = 1
_ILLEGAL_ADDRESS: Final = 2
_COIL_ON: Final = 0xFF00
_NAME: Final = BusName("replay")


@dataclass(frozen=True, slots=True)
class Recording:
    """One device at one moment. `cells` has the value of every address that exists, `expected` a Fault where one stands."""

    profile: ProfileName
    unit: int
    origin: str
    cells: Mapping[tuple[Table, int], int]
    refused: tuple[AddressRange, ...]
    expected: Mapping[PointName, Outcome]


def load_recording(path: Path) -> Recording:
    """The recording in a file. Permanent, with the file's name, if it does not have the shape above."""
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return Recording(
            profile=ProfileName(data["profile"]),
            unit=int(data["unit"]),
            origin=str(data["origin"]),
            cells=dict(_cells(data["tables"])),
            refused=tuple(AddressRange(Table(table), first, last) for table, first, last in data["refused"]),
            expected={PointName(name): _outcome(value) for name, value in data["expected"].items()},
        )
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise Permanent(f"{path} is not a recording: {error}") from error


def _cells(tables: Mapping[str, Mapping[str, list[int]]]) -> Iterable[tuple[tuple[Table, int], int]]:
    for table, runs in tables.items():
        for first, values in runs.items():
            for i, value in enumerate(values):
                yield (Table(table), int(first) + i), value


def _outcome(value: Any) -> Outcome:
    if isinstance(value, dict):
        return Fault(Reason(value["fault"]))
    if isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{value!r} is not a value")


@dataclass(slots=True)
class ReplayBus:
    """A bus with the recorded device on it, at no delay; writes change what it holds. `requests` keeps all that was asked."""

    recording: Recording
    name: BusName = _NAME
    cost: LineCost = field(default_factory=LineCost)
    stats: BusStats = field(default_factory=BusStats)
    requests: list[Request] = field(default_factory=list)
    cells: dict[tuple[Table, int], int] = field(init=False)

    def __post_init__(self) -> None:
        self.cells = dict(self.recording.cells)

    def on_connected(self, wake: Callable[[], None]) -> None:
        """There is no connection to wait for, so nobody is woken."""

    def listen(self, _: Listener) -> Callable[[], None]:
        """Nothing passes on a wire."""
        return lambda: None

    async def run(self) -> None:
        """There is no connection to own."""

    async def exchange(self, request: Request) -> bytes:
        """The device's answer to a Modbus PDU; ExchangeFailed with TIMEOUT for an address where nobody lives."""
        self.requests.append(request)
        if request.on_sent is not None:
            request.on_sent()
        if request.address != self.recording.unit:
            raise ExchangeFailed(self.name, request.address, Fault(Reason.TIMEOUT, "nobody at this address"), sent=True)
        function, first = request.pdu[0], int.from_bytes(request.pdu[1:3], "big")
        if function in _READS:
            return self._read(function, _READS[function], first, int.from_bytes(request.pdu[3:5], "big"))
        if function in _WRITES:
            return self._write(function, _WRITES[function], first, request.pdu)
        return _exception(function, _ILLEGAL_FUNCTION)

    def _has(self, table: Table, first: int, count: int) -> bool:
        addresses = range(first, first + count)
        return all((table, address) in self.cells for address in addresses) and not any(
            area.table is table and area.first <= address <= area.last for area in self.recording.refused for address in addresses
        )

    def _read(self, function: int, table: Table, first: int, count: int) -> bytes:
        if not self._has(table, first, count):
            return _exception(function, _ILLEGAL_ADDRESS)
        values = [self.cells[table, address] for address in range(first, first + count)]
        if table.is_bits:
            packed = sum(value << i for i, value in enumerate(values))
            body = packed.to_bytes(-(-count // 8), "little")
        else:
            body = b"".join(value.to_bytes(2, "big") for value in values)
        return bytes((function, len(body))) + body

    def _write(self, function: int, table: Table, first: int, pdu: bytes) -> bytes:
        values = _written(function, pdu)
        if not self._has(table, first, len(values)):
            return _exception(function, _ILLEGAL_ADDRESS)
        self.cells.update(((table, first + i), value) for i, value in enumerate(values))
        return pdu[:5]


def _written(function: int, pdu: bytes) -> list[int]:
    """The values in a write request (MODBUS Application Protocol V1.1b3, 6.5, 6.6, 6.11, 6.12)."""
    if function == 5:
        return [int(int.from_bytes(pdu[3:5], "big") == _COIL_ON)]
    if function == 6:
        return [int.from_bytes(pdu[3:5], "big")]
    count, body = int.from_bytes(pdu[3:5], "big"), pdu[6:]
    if function == 15:
        packed = int.from_bytes(body, "little")
        return [packed >> i & 1 for i in range(count)]
    return [int.from_bytes(body[2 * i : 2 * i + 2], "big") for i in range(count)]


def _exception(function: int, code: int) -> bytes:
    return bytes((function | 0x80, code))
