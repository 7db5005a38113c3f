"""A bus without a wire: the real turn-taking and Modbus TCP frames, answered from register images in memory.

What a test scripts is what a device does (silence, exceptions, foreign frames, delay); what it gets are the faults that the
real bus makes of it. Runs in virtual time. Needs no `run`: it is connected until told otherwise.
"""

import asyncio
import struct
from collections import deque
from collections.abc import Callable
from types import MappingProxyType

from edgeguard.bus import BusStats, LineCost, LinkState, Request
from edgeguard.bus.framings import Framings
from edgeguard.bus.tap import Listener
from edgeguard.bus.turns import Turns
from edgeguard.codec.mbap import MbapFraming
from edgeguard.codec.modbus import Function
from edgeguard.core.ids import BusName
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.register import Table

_TABLE_OF = MappingProxyType({1: Table.COIL, 2: Table.DISCRETE, 3: Table.HOLDING, 4: Table.INPUT, 5: Table.COIL, 15: Table.COIL})
_ILLEGAL_FUNCTION, _ILLEGAL_ADDRESS, _ILLEGAL_VALUE = 1, 2, 3

Reply = int | bytes | None
"""A scripted answer: an exception code, a PDU sent as it is, or silence."""


class FakeUnit:
    """A Modbus device in memory. Every address of every table exists and holds 0 unless set or refused."""

    def __init__(self) -> None:
        self.words: dict[tuple[Table, int], int] = {}
        """Registers and bits by table and address."""
        self.refused: set[tuple[Table, int]] = set()
        """Addresses that a request must not touch: exception 2."""
        self.unknown: set[int] = set()
        """Function codes that the device does not have: exception 1."""
        self.max_count = 2000
        """More registers or bits in one read are answered with exception 3."""
        self.script: deque[Reply] = deque()
        """The next answers, before the image is asked again."""
        self.silent = False
        self.response_s = 0.001
        self.busy_s = 0.0
        """So long after its answer it hears nothing."""
        self.answers_as: int | None = None
        """Another unit id to put on the answers."""

    def set(self, table: Table, address: int, *words: int) -> None:
        """Put words (or bits) from `address` on."""
        for offset, word in enumerate(words):
            self.words[table, address + offset] = word & 0xFFFF

    def get(self, table: Table, address: int, count: int = 1) -> list[int]:
        """Words (or bits) from `address` on."""
        return [self.words.get((table, address + i), 0) for i in range(count)]

    def answer(self, pdu: bytes) -> bytes | None:
        """The answer to a request PDU, None for silence."""
        function = pdu[0]
        if self.silent:
            return None
        if self.script:
            reply = self.script.popleft()
            return bytes((function | 0x80, reply)) if isinstance(reply, int) else reply
        reply = _ILLEGAL_FUNCTION if function in self.unknown else self._serve(function, pdu)
        return bytes((function | 0x80, reply)) if isinstance(reply, int) else reply

    def _serve(self, function: int, pdu: bytes) -> bytes | int:
        if len(pdu) < 5:
            return _ILLEGAL_FUNCTION
        address, count = struct.unpack_from(">HH", pdu, 1)
        table = _TABLE_OF.get(function, Table.HOLDING)
        if function in (Function.WRITE_COIL, Function.WRITE_REGISTER, Function.MASK_WRITE_REGISTER):
            count = 1
        if count > self.max_count:
            return _ILLEGAL_VALUE
        if any((table, address + i) in self.refused for i in range(count)):
            return _ILLEGAL_ADDRESS
        if function <= Function.READ_INPUT_REGISTERS:
            return self._read(function, table, address, count)
        return self._write(function, table, address, count, pdu)

    def _read(self, function: int, table: Table, address: int, count: int) -> bytes:
        words = self.get(table, address, count)
        if table.is_bits:
            data = sum((word & 1) << i for i, word in enumerate(words)).to_bytes((count + 7) // 8, "little")
        else:
            data = struct.pack(f">{count}H", *words)
        return bytes((function, len(data))) + data

    def _write(self, function: int, table: Table, address: int, count: int, pdu: bytes) -> bytes | int:
        if function == Function.WRITE_COIL:
            self.set(table, address, int(pdu[3] == 0xFF))
        elif function == Function.WRITE_REGISTER:
            self.set(table, address, int.from_bytes(pdu[3:5], "big"))
        elif function == Function.WRITE_COILS:
            packed = int.from_bytes(pdu[6:], "little")
            self.set(table, address, *(packed >> i & 1 for i in range(count)))
        elif function == Function.WRITE_REGISTERS:
            self.set(table, address, *struct.unpack_from(f">{count}H", pdu, 6))
        elif function == Function.MASK_WRITE_REGISTER:
            and_mask, or_mask = struct.unpack_from(">HH", pdu, 3)
            (now,) = self.get(table, address)
            self.set(table, address, (now & and_mask) | (or_mask & ~and_mask))
            return pdu
        else:
            return _ILLEGAL_FUNCTION
        return pdu[:5]


class FakeBus:
    """A bus in memory; see bus.exchange.Bus. `sent` holds (address, PDU) of every request in the order of sending."""

    def __init__(self, name: str = "fake", cost: LineCost = LineCost(), parallel: int = 1, delay_s: float = 0.0) -> None:  # noqa: B008  frozen
        self.units: dict[int, FakeUnit] = {}
        self.sent: list[tuple[int, bytes]] = []
        self.name = BusName(name)
        self.cost = cost
        self._turns = Turns(self.name, Framings.only(MbapFraming()), parallel, delay_s)
        self._state = LinkState.CONNECTING
        self._timers: set[asyncio.TimerHandle] = set()
        self._deaf_until_s: dict[int, float] = {}
        self._wakes: list[Callable[[], None]] = []

    def unit(self, address: int) -> FakeUnit:
        """The device at this address, made on first use; addresses without one are silent."""
        return self.units.setdefault(address, FakeUnit())

    @property
    def stats(self) -> BusStats:
        """Counters so far."""
        return self._turns.stats(self._state, 0, None, "")

    async def exchange(self, request: Request) -> bytes:
        """The answer's PDU; ExchangeFailed if none came."""
        if self._state is LinkState.CONNECTING:
            self.connect()
        return await self._turns.ask(request)

    def on_connected(self, wake: Callable[[], None]) -> None:
        """Call `wake` after each `connect` that was needed."""
        self._wakes.append(wake)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Tell `listener` what passes until the function returned here is called."""
        return self._turns.listen(listener)

    async def run(self) -> None:
        """Be connected until cancelled."""
        self.connect()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.disconnect()
            self._state = LinkState.STOPPED

    def connect(self) -> None:
        """The connection is there."""
        if self._state is not LinkState.CONNECTED:
            self._state = LinkState.CONNECTED
            self._turns.opened(self._written, self._dropped)
            for wake in self._wakes:
                wake()

    def disconnect(self, detail: str = "unplugged") -> None:
        """The connection is gone and will not come back by itself; requests fail at once."""
        self._dropped(Fault(Reason.NO_CONNECTION, detail))
        self._turns.waiting(Fault(Reason.NO_CONNECTION, detail), float("inf"))
        self._state = LinkState.WAITING

    def receive(self, data: bytes) -> None:
        """Bytes that nobody asked for, as they come from the wire."""
        self._turns.received(data)

    def _dropped(self, fault: Fault) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        if self._state is LinkState.CONNECTED:
            self._state = LinkState.CONNECTING
            self._turns.closed(fault)
            asyncio.get_running_loop().call_soon(self._reopen)

    def _reopen(self) -> None:
        """What was hung up is opened anew by itself, as a real bus does; what was unplugged is not."""
        if self._state is LinkState.CONNECTING:
            self.connect()

    def _written(self, data: bytes) -> None:
        transaction, address, pdu = data[:2], data[6], data[7:]
        self.sent.append((address, pdu))
        unit = self.units.get(address)
        now_s = asyncio.get_running_loop().time()
        answer = None if unit is None or now_s < self._deaf_until_s.get(address, 0.0) else unit.answer(pdu)
        if unit is None or answer is None:
            return
        answered_as = address if unit.answers_as is None else unit.answers_as
        frame = transaction + struct.pack(">HHB", 0, len(answer) + 1, answered_as) + answer
        if unit.busy_s:
            self._deaf_until_s[address] = now_s + unit.response_s + unit.busy_s
        self._later(unit.response_s, lambda: self._turns.received(frame))

    def _later(self, delay_s: float, act: Callable[[], None]) -> None:
        def fire() -> None:
            self._timers.discard(timer)
            act()

        timer = asyncio.get_running_loop().call_later(delay_s, fire)
        self._timers.add(timer)
