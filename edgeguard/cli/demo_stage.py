"""The stage of a demo: a temporary folder, the building, the broker, and the real daemon as a child; all gone at the end.

Uses the shipped example configuration; only ports that are taken, and where state lives, are changed.
"""

import asyncio
import contextlib
import os
import re
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edgeguard.camera.demo_film import make_film
from edgeguard.cli.demo_gate import FILM, GATE, put_on_list
from edgeguard.cli.demo_report import Ending
from edgeguard.cli.demo_witness import Witness
from edgeguard.config import load_site, shipped_configs
from edgeguard.core.errors import Permanent, Retryable
from edgeguard.core.limits import DEMO_LOG_TAIL_LINES, KILL_AFTER_S
from edgeguard.core.site import BusSpec
from edgeguard.simulator.broker import Broker
from edgeguard.simulator.faults import DEMO, DEMO_REPEAT_S, Faults
from edgeguard.simulator.lift import Passenger
from edgeguard.simulator.site import Serving, SimulatedSite

HOST: Final = "127.0.0.1"
BROKER_PORT: Final = 18883
EXAMPLE: Final = "site.example.toml"
FACADE: Final = "facade-east"
"""The camera before the building."""
RIDING: Final = (Passenger(0, 5, 71.0), Passenger(0, 14, 88.0))
"""Who is in the lift when the demo begins, so that somebody is trapped in it soon."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A demo that runs. `started_s` is loop time, `started_wall_s` Unix time, both of the daemon's start."""

    folder: Path
    devices: tuple[str, ...]
    building: SimulatedSite
    faults: Faults
    witness: Witness
    daemon: asyncio.subprocess.Process
    started_s: float
    started_wall_s: float

    @property
    def socket(self) -> Path:
        """The daemon's control socket."""
        return _socket(self.folder)

    @property
    def first_reading_s(self) -> float | None:
        """From the daemon's start to its first good reading, by the reading's own time."""
        at, came_s = self.witness.first_reading_at, self.witness.first_item_s
        if at is None or came_s is None:
            return None
        # wall clocks are set and slewed; a reading is never later than its arrival
        return min(at.timestamp() - self.started_wall_s, came_s)

    def log_tail(self) -> str:
        """The last lines that the daemon has said."""
        with contextlib.suppress(OSError):
            lines = _daemon_log(self.folder).read_text(encoding="utf-8", errors="replace").splitlines()
            return "\n".join(lines[-DEMO_LOG_TAIL_LINES:])
        return ""

    async def stop(self) -> Ending:
        """SIGTERM, then SIGKILL for the whole group if it does not end in time."""
        if self.daemon.returncode is not None:
            return Ending(self.daemon.returncode, 0.0, early=True)
        asked_s = time.monotonic()
        self.daemon.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(KILL_AFTER_S):
                code: int | None = await self.daemon.wait()
        except TimeoutError:
            code = None
        if code == -signal.SIGTERM:
            code = 0  # it met the signal before it could listen, and had begun nothing
        return Ending(code, time.monotonic() - asked_s)


@contextlib.asynccontextmanager
async def staged(seed: int) -> AsyncIterator[Stage]:
    """Everything started; everything stopped and removed when the block ends, however it ends."""
    loop = asyncio.get_running_loop()
    witness = Witness()
    started_s = loop.time()

    def arrived(topic: str, payload: bytes, _: object) -> None:
        witness.take(topic, payload, loop.time() - started_s)

    async with contextlib.AsyncExitStack() as opened:
        folder = opened.enter_context(_folder())
        await asyncio.to_thread(make_film, folder / FILM)
        example = folder / EXAMPLE
        example.write_text((shipped_configs() / EXAMPLE).read_text(encoding="utf-8") + GATE, encoding="utf-8")
        site = load_site(example)
        ports = {bus.name: _port_or_any(bus.port) for bus in site.buses if not bus.wire.is_port}
        building = SimulatedSite(site, seed, Serving(HOST, ports=ports, pty_dir=folder / "ports"), riding=RIDING)
        faults = Faults(building, DEMO, DEMO_REPEAT_S)
        await opened.enter_async_context(building)
        broker = await opened.enter_async_context(Broker(HOST, _port_or_any(BROKER_PORT), arrived))
        config = _configure(folder, building, broker.port)
        await asyncio.to_thread(_hang_camera, folder, config)
        devices = tuple(str(device.name) for device in load_site(config).devices)
        started_s, started_wall_s = loop.time(), time.time()
        daemon = await opened.enter_async_context(_child(folder, config))
        listing = asyncio.create_task(put_on_list(_socket(folder)), name="demo list")
        opened.callback(listing.cancel)
        yield Stage(folder, devices, building, faults, witness, daemon, started_s, started_wall_s)


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="edgeguard-demo-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _socket(folder: Path) -> Path:
    return folder / "control.sock"


def _daemon_log(folder: Path) -> Path:
    return folder / "daemon.log"


def _port_or_any(port: int) -> int:
    """The port if nobody has it, else 0."""
    with socket.socket() as probe:
        # as servers do: a port in TIME_WAIT is free
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return 0
    return port


def _configure(folder: Path, building: SimulatedSite, broker_port: int) -> Path:
    """The example with the ports really used and its state in `folder`."""
    text = (folder / EXAMPLE).read_text(encoding="utf-8")
    places = [(_written(bus), building.buses[bus.name].where) for bus in building.site.buses]
    for shipped, used in (*places, (f"mqtt://{HOST}:{BROKER_PORT}", f"mqtt://{HOST}:{broker_port}")):
        if f'"{shipped}"' not in text:
            raise Permanent(f"the shipped example configuration does not name {shipped} any more; the demo is of another version")
        text = text.replace(f'"{shipped}"', f'"{used}"')
    text = re.sub(r"(?m)^sample = true\b.*\n", "", text, count=1)
    # nobody may synchronise the clock of the machine that a demo is shown on
    text = text.replace("\n[energy]\n", "\n[energy]\ntrust_clock = true\n", 1)
    text += f'\n[store]\ndirectory = "{folder}/state"\n\n[control]\nsocket = "{_socket(folder)}"\n\n[log]\nformat = "human"\n'
    path = folder / "site.toml"
    path.write_text(text, encoding="utf-8")
    return path


def _hang_camera(folder: Path, config: Path) -> None:
    """A camera before the building: a film of its facade, from which something is thrown, played again and again."""
    # cv2, av and numpy are heavy: whoever only asks for help need not wait for them
    from edgeguard.camera.facade_scene import facade_of_scene, write_scene
    from edgeguard.config.facade_text import facade_text

    write_scene(folder / "facade.mp4")
    (folder / "facade.toml").write_text(facade_text(facade_of_scene()), encoding="utf-8")
    camera = {"name": FACADE, "url": f"file:{folder}/facade.mp4", "task": "falling", "facade": f"{folder}/facade.toml"}
    lines = [f'{key} = "{value}"' for key, value in camera.items()]
    lines += ['labels = { zh = "东立面摄像头", en = "camera of the east facade" }', 'evidence_size = "64MiB"']
    with config.open("a", encoding="utf-8") as file:
        file.write("\n[[camera]]\n" + "\n".join(lines) + "\n")


def _written(bus: BusSpec) -> str:
    """How the example names a bus's port or endpoint."""
    return bus.where if bus.wire.is_port else f"{bus.wire.value}://{bus.where}"


@contextlib.asynccontextmanager
async def _child(folder: Path, config: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """`edgeguard run` in a process group of its own, so that Ctrl-C reaches only us and we end it in order.

    If we are killed before we can, it ends by itself.
    """
    environment = {
        name: value for name, value in os.environ.items() if name not in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
    }
    command = (sys.executable, "-m", "edgeguard.cli.demo_child", str(os.getpid()), "run", "--config", str(config))
    with _daemon_log(folder).open("wb") as log:
        try:
            child = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
            )
        except OSError as error:
            raise Retryable(f"cannot start the daemon with {sys.executable}: {error.strerror}") from error
    try:
        yield child
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        await child.wait()
