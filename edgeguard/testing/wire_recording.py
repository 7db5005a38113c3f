"""Recordings of wires in tests: a file made by `edgeguard capture`, and a bus on which its devices answer as they did then."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from edgeguard.bus import BusStats, LineCost, LinkState, Listener, Request
from edgeguard.bus.framings import Framings
from edgeguard.bus.opening import framings_of
from edgeguard.bus.turns import Turns
from edgeguard.codec.mbap import MbapFraming
from edgeguard.codec.replay import Replay
from edgeguard.codec.wire_recording import WireRecording, parse_recording
from edgeguard.core.ids import BusName
from edgeguard.core.line import LineSettings
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.site import BusSpec, Wire


def load_wire_recording(path: Path) -> WireRecording:
    """The recording in a file. Permanent, with the file's name, if it is none."""
    return parse_recording(path.read_text(encoding="utf-8"), str(path))


class RecordedBus:
    """A bus in memory with the recorded devices on it; see bus.exchange.Bus. Real turn-taking, framings and recorded times."""

    def __init__(self, recording: WireRecording, name: str = "recorded") -> None:
        self.replay = Replay(recording)
        self.name = BusName(name)
        self.cost = LineCost() if recording.network else LineCost.on_line(LineSettings())
        spec = BusSpec(self.name, Wire.SERIAL_RTU)
        framings = Framings.only(MbapFraming()) if recording.network else framings_of(spec)
        self._turns = Turns(self.name, framings, 1, 0.0, None if recording.network else LineSettings())
        self._open = False

    @property
    def stats(self) -> BusStats:
        """Counters so far."""
        return self._turns.stats(LinkState.CONNECTED if self._open else LinkState.STOPPED, 0, None, "")

    async def exchange(self, request: Request) -> bytes:
        """The recorded answer's PDU; ExchangeFailed where the recording has none."""
        if not self._open:
            self._open = True
            self._turns.opened(self._written, self._dropped, lambda _: 0.0)
        return await self._turns.ask(request)

    def on_connected(self, wake: Callable[[], None]) -> None:
        """There is no connection to wait for, so nobody is woken."""

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Tell `listener` what passes until the function returned here is called."""
        return self._turns.listen(listener)

    async def run(self) -> None:
        """Nothing to own."""
        await asyncio.get_running_loop().create_future()

    def _written(self, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        for pieces in self.replay.hear(loop.time(), data):
            for piece in pieces:
                loop.call_later(piece.end_s, self._turns.received, piece.data)

    def _dropped(self, fault: Fault) -> None:
        self._open = False
        self._turns.closed(fault)
        self._turns.waiting(Fault(Reason.NO_CONNECTION, "hung up"), 0.0)
