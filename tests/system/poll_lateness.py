"""How late polls come while a camera is looked at and while it is not: one run, phases in turn, so that whoever else loads the
machine loads both. The wire's other end measures: a slave that notes when requests come.
"""

import os
import signal
import socket
import statistics
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeguard.testing import film

PERIOD_S = 0.05
SETTLE_S = 0.25
"""What is left out at the beginning of every phase."""


@dataclass(frozen=True)
class Phases:
    """p95 of lateness, ms: the median over the phases of each kind."""

    without_ms: float
    with_ms: float
    polls: int

    @property
    def ratio(self) -> float:
        return self.with_ms / self.without_ms


class Slave:
    """A Modbus TCP slave on some ports: answers reads of holding registers with zeros and notes when they came, by connection."""

    def __init__(self, ports: int = 4) -> None:
        self.arrivals: list[list[float]] = []
        self._servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(ports)]
        for server in self._servers:
            threading.Thread(target=self._accept, args=(server,), daemon=True).start()

    @property
    def buses(self) -> dict[str, int]:
        """A bus for every port."""
        return {f"b{i}": int(server.getsockname()[1]) for i, server in enumerate(self._servers)}

    def close(self) -> None:
        for server in self._servers:
            server.close()

    def _accept(self, server: socket.socket) -> None:
        while True:
            try:
                link, _ = server.accept()
            except OSError:
                return
            mine: list[float] = []
            self.arrivals.append(mine)
            threading.Thread(target=self._serve, args=(link, mine), daemon=True).start()

    def _serve(self, link: socket.socket, arrivals: list[float]) -> None:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with link:
            while request := link.recv(260):
                arrivals.append(time.monotonic())
                transaction, _, _, unit, function, _, count = struct.unpack(">HHHBBHH", request[:12])
                body = struct.pack(">BBB", unit, function, 2 * count) + bytes(2 * count)
                link.sendall(struct.pack(">HHH", transaction, 0, len(body)) + body)


def lateness_ms(arrivals: list[float], began_s: float, end_s: float) -> list[float]:
    """How much later than the best grid of PERIOD_S the requests of a phase came."""
    times = [at for at in arrivals if began_s + SETTLE_S <= at < end_s]
    if len(times) < 3:
        return []
    offsets = [(at - times[0]) - round((at - times[0]) / PERIOD_S) * PERIOD_S for at in times]
    return [1000 * (offset - min(offsets)) for offset in offsets]


def measure(slave: Slave, pid: Callable[[], int], phases: int, phase_s: float) -> Phases:
    """Stop the camera's process and let it go on, in turn."""
    p95: dict[bool, list[float]] = {True: [], False: []}
    polls = 0
    for phase in range(2 * phases):
        looks = phase % 2 == 0
        os.kill(pid(), signal.SIGCONT if looks else signal.SIGSTOP)
        began_s = time.monotonic()
        time.sleep(phase_s)
        late = [one for arrivals in slave.arrivals for one in lateness_ms(list(arrivals), began_s, time.monotonic())]
        polls += len(late)
        if len(late) >= 10:
            p95[looks].append(statistics.quantiles(late, n=20)[-1])
    os.kill(pid(), signal.SIGCONT)
    return Phases(statistics.median(p95[False]), statistics.median(p95[True]), polls)


def street(path: Path, size: tuple[int, int], seconds: float, fps: int = 25) -> Path:
    """A film of a wall before which something moves, as large as wanted."""
    width, height = size
    small = np.random.default_rng(3).integers(40, 200, (height // 40, width // 40)).astype(np.uint8)
    wall: NDArray[np.uint8] = np.kron(small, np.ones((40, 40), np.uint8))[:height, :width]

    def pictures() -> Iterator[NDArray[np.uint8]]:
        for n in range(int(seconds * fps)):
            picture = np.full((height, width), 90, np.uint8)
            picture[: wall.shape[0], : wall.shape[1]] = wall
            left = 12 * n % (width - 80)
            picture[height // 2 : height // 2 + 60, left : left + 60] = 230
            yield picture

    return film.write(path, pictures(), fps=fps)


def devices(wire: Slave) -> str:
    """A device on every bus, polled every PERIOD_S; needs `write_profile`."""
    rows = [f'[[device]]\nname = "d-{bus}"\nbus = "{bus}"\nprofile = "late"\naddress = 1\nevery = "50ms"' for bus in wire.buses]
    return "\n".join(rows)


def write_profile(folder: Path) -> None:
    """Ten registers."""
    folder.mkdir(parents=True, exist_ok=True)
    head = (
        '[profile]\nname = "late"\nmaker = "x"\nmodel = "x"\nkind = "other"\nprotocol = "modbus"\nlabels = { zh = "a", en = "a" }\n'
    )
    head += 'source = "tests"\ntrust = "made for measurements"\n'
    point = '[[point]]\nname = "p{i}"\ntable = "holding"\naddress = {i}\ntype = "uint16"\nlabels = {{ zh = "p", en = "p" }}\n'
    (folder / "late.toml").write_text(head + "".join(point.format(i=i) for i in range(10)), encoding="utf-8")


@contextmanager
def slave(ports: int = 4) -> Iterator[Slave]:
    """A slave that goes with the block."""
    made = Slave(ports)
    try:
        yield made
    finally:
        made.close()
