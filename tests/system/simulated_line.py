"""A simulated site in a thread of the test, with faults on demand, and ears on its line for those who only listen."""

import asyncio
import contextlib
import os
import threading
import tty
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from edgeguard.config import load_site
from edgeguard.core.ids import BusName
from edgeguard.core.line import LineSettings
from edgeguard.simulator.faults import Fault, Faults, Kind
from edgeguard.simulator.served import LineBus
from edgeguard.simulator.site import Serving, SimulatedSite
from edgeguard.simulator.wire import Burst, Speech

T = TypeVar("T")


class Ear:
    """An adapter that only listens: what a port with these settings hears on the line can be read from `port`."""

    def __init__(self, settings: LineSettings) -> None:
        self.settings = settings
        self._near, self._far = os.openpty()
        tty.setraw(self._far)
        os.set_blocking(self._near, False)
        self.port = os.ttyname(self._far)

    def hear(self, burst: Burst) -> Sequence[Speech]:
        """Pass the burst on; bytes that nobody takes in time are lost."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._near, burst.data)
        return ()

    def close(self) -> None:
        """Take the adapter away."""
        os.close(self._near)
        os.close(self._far)


class SimulatedLine:
    """The devices of a site file; see `simulated`."""

    def __init__(self, config: Path, pty_dir: Path) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._ears: list[Ear] = []
        self._house = self._do(lambda: SimulatedSite(load_site(config), 1, Serving(pty_dir=pty_dir)))
        asyncio.run_coroutine_threadsafe(self._house.__aenter__(), self._loop).result(60)
        self._faults = self._do(lambda: Faults(self._house, ()))

    def begin(self, target: str, kind: Kind) -> None:
        """Let something go wrong, or everything be well."""
        self._do(lambda: self._faults.begin(Fault(target, kind)))

    def ear(self, bus: str, settings: LineSettings) -> str:
        """The port of one who listens."""
        ear = Ear(settings)
        self._ears.append(ear)
        served = self._house.buses[BusName(bus)]
        assert isinstance(served, LineBus)
        self._do(lambda: served.line.wire.join(ear))
        return ear.port

    def close(self) -> None:
        """The end of the site and of its thread."""
        asyncio.run_coroutine_threadsafe(self._house.__aexit__(None, None, None), self._loop).result(60)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)
        self._loop.close()
        for ear in self._ears:
            ear.close()

    def _do(self, what: Callable[[], T]) -> T:
        async def doing() -> T:
            return what()

        return asyncio.run_coroutine_threadsafe(doing(), self._loop).result(60)


@contextlib.contextmanager
def simulated(config: Path, pty_dir: Path) -> Iterator[SimulatedLine]:
    """The site's devices, behind ports in `pty_dir` that bear the names of its buses."""
    line = SimulatedLine(config, pty_dir)
    try:
        yield line
    finally:
        line.close()
