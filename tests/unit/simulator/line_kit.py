"""A line in virtual time with a master's end that tests hold in their hands."""

import asyncio
from collections.abc import Sequence

from edgeguard.core.line import LineSettings
from edgeguard.core.register import Table
from edgeguard.simulator.registers import Image, Span, Words
from edgeguard.simulator.unit import Identity, Unit
from edgeguard.simulator.wire import Noise, Station, Wire


class MasterEnd:
    """The master's port: what it hears, and when (loop time) the last byte of it came."""

    def __init__(
        self,
        stations: Sequence[Station],
        settings: LineSettings | None = None,
        *,
        seed: int = 1,
        echo: bool = False,
        noise: Noise | None = None,
    ) -> None:
        self.wire = Wire(stations, settings, seed=seed, echo=echo, noise=noise)
        self.wire.on_heard = self._hear
        self.heard = bytearray()
        self.last_s = 0.0

    def _hear(self, data: bytes) -> None:
        self.heard += data
        self.last_s = asyncio.get_running_loop().time()

    async def ask(self, frame: bytes, wait_s: float = 1.0) -> bytes:
        """What is heard within `wait_s` after `frame` is written."""
        self.heard.clear()
        self.wire.send(frame)
        await asyncio.sleep(wait_s)
        return bytes(self.heard)


def unit(address: int, words: dict[int, int] | None = None, coils: dict[int, int] | None = None) -> Unit:
    """A device with holding registers 0 to 99 and coils 0 to 15, which take what is written."""
    cells = {place: 1000 * address + place for place in range(100)} | (words or {})
    bits = coils if coils is not None else {}
    spans = (Span(Table.HOLDING, 0, 99), Span(Table.COIL, 0, 15))
    return Unit(
        address,
        lambda: Image(spans, holding=Words(cells), coil=Words(bits)),
        lambda at, written: cells.update(enumerate(written, at)),
        lambda at, written: bits.update(enumerate(written, at)),
        Identity("Maker", "Model 1", "1.2"),
    )
