"""What the soak tests share: short and long forms, a judge that knows only the public faces, a gate before the broker.

`EDGEGUARD_SOAK=long` (`make soak`) asks for the long forms. Each test reports its figures as one line of JSON, printed and
appended to the file that EDGEGUARD_SOAK_REPORT names.
"""

import asyncio
import contextlib
import json
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self, TypeVar

from edgeguard.core.site import UplinkSpec
from edgeguard.uplink.completeness import LANES, Completeness, Report
from edgeguard.uplink.subscriber import Arrived, SessionLost, Subscriber
from edgeguard.uplink.topics import Topics

LONG = os.environ.get("EDGEGUARD_SOAK") == "long"
_T = TypeVar("_T")


def scaled(short: _T, long: _T) -> _T:
    """The figure for the form that was asked for."""
    return long if LONG else short


def tell(name: str, **figures: object) -> None:
    """One line of JSON about what was measured."""
    line = json.dumps({"soak": name, "form": scaled("short", "long"), **figures})
    print(line, flush=True)
    if place := os.environ.get("EDGEGUARD_SOAK_REPORT"):
        with Path(place).open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def median(values: list[float]) -> float:
    """The middle one; 0 of none."""
    return sorted(values)[len(values) // 2] if values else 0.0


class Judge:
    """A platform of one gateway, on a thread: `edgeguard verify` without its screen. `arrivals` counts stream messages."""

    def __init__(self, port: int, site: str = "test", gateway: str = "g1") -> None:
        self.arrivals = 0
        self.forgotten = 0
        """Times that the broker had lost our session: what passed then is not to be had."""
        self._root = Topics.of(site, gateway).root  # type: ignore[arg-type]
        self._completeness = Completeness(gateway, whole=True)
        self._subscriber = Subscriber(
            UplinkSpec("127.0.0.1", port, tls=False), tuple(f"{self._root}/{lane}" for lane in (*LANES, "status"))
        )
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Self:
        self._subscriber.__enter__()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10)
        self._subscriber.__exit__()

    def report(self, *, final: bool = False) -> Report:
        """The verdict so far; `final`: every hole counts."""
        with self._lock:
            return self._completeness.report(time.monotonic(), final=final)

    def last(self) -> dict[str, int]:
        """The highest number seen of each stream, over all epochs."""
        highest: dict[str, int] = {}
        for stream in self.report().streams:
            highest[stream.stream] = max(stream.last, highest.get(stream.stream, 0))
        return highest

    def _listen(self) -> None:
        while not self._stop.is_set():
            match self._subscriber.next(0.1):
                case Arrived(topic, payload, retained):
                    lane = topic.removeprefix(f"{self._root}/")
                    with self._lock:
                        self._completeness.take(lane, payload, retained, time.time_ns() // 1_000_000, time.monotonic())
                    self.arrivals += lane != "status"
                case SessionLost():
                    self.forgotten += 1
                case _:
                    pass


@dataclass
class Gate:
    """A TCP door before the broker, on a thread of its own: passes bytes on, or does what a bad network does.

    `mode`: `open`; `shut` (every connection is reset, standing ones too); `mute` (half open: connections stand, what is sent goes
    nowhere, and nothing that stood then ever works again).
    """

    behind: int
    port: int = 0
    mode: str = "open"
    connections: int = 0
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    def __enter__(self) -> Self:
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        assert started.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set_result, None)
        self._thread.join(10)

    def set(self, mode: str) -> None:
        """Change what happens to bytes; leaving `mute` and entering `shut` reset what stands."""
        before, self.mode = self.mode, mode
        if mode == "shut" or before == "mute" != mode:
            self._loop.call_soon_threadsafe(self._reset_all)

    def _run(self, started: threading.Event) -> None:
        async def serve() -> None:
            self._end = self._loop.create_future()
            server = await asyncio.start_server(self._passes, "127.0.0.1", self.port)
            self.port = server.sockets[0].getsockname()[1]
            started.set()
            await self._end
            server.close()
            self._reset_all()
            await asyncio.sleep(0.05)

        self._loop.run_until_complete(serve())

    def _reset_all(self) -> None:
        for writer in tuple(self._writers):
            _reset(writer)

    async def _passes(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self.mode == "shut":
            _reset(writer)
            return
        try:
            to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self.behind)
        except OSError:
            _reset(writer)
            return
        mine = {writer, to_writer}
        self._writers |= mine
        await asyncio.wait(
            [asyncio.ensure_future(self._pipe(reader, to_writer)), asyncio.ensure_future(self._pipe(to_reader, writer))],
            return_when=asyncio.FIRST_COMPLETED,
        )
        for each in mine:
            each.close()
        self._writers -= mine

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if self.mode != "mute":
                    writer.write(data)
                    await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    """RST instead of FIN."""
    sock = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport = writer.transport
    transport.abort()


def rss_mib(pid: int) -> float:
    """Resident memory of a process."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


@contextlib.contextmanager
def life(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The daemon for as long as the block lasts; killed at its end, if it still lives."""
    command = [sys.executable, "-m", "edgeguard", "run", "--config", str(folder / "site.toml")]
    with (folder / "daemon.log").open("ab") as log:
        child = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        yield child
    finally:
        if child.poll() is None:
            child.send_signal(signal.SIGKILL)
        child.wait(30)


def wait_until(condition: Callable[[], object], seconds: float) -> float | None:
    """Seconds until it came true, None if it did not within the time."""
    begun = time.monotonic()
    while not condition():
        if time.monotonic() - begun > seconds:
            return None
        time.sleep(0.01)
    return time.monotonic() - begun


def chance(seed: int = 20261124) -> random.Random:
    """The same luck in every run, so that a failure can be looked at again; EDGEGUARD_SOAK_SEED asks for other luck."""
    return random.Random(int(os.environ.get("EDGEGUARD_SOAK_SEED", seed)))
