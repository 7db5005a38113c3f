"""How long a vehicle waits for the barrier: from the line to the word of its plate, and from that word to the relay, by stages.

`camera`: pictures of a car that comes nearer, through motion gate, detector, reader and vote as in a camera's process on one
thread, whose CPU time counts; from the moment at which its plate crosses the line (between two pictures) to the pass, and from
the first picture of it to the early word for the gate. `relay`: the word over the control socket, the decision by 5,000 entries,
two commits on the disk, the interlock, a write on Modbus TCP; until the slave has it, while so many points a second are polled
and stored.
Prints one JSON object.
use: bench_gate.py [--openings 40] [--points 1000]
"""

import argparse
import asyncio
import json
import os
import random
import struct
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import structlog
from numpy.typing import NDArray

from edgeguard.camera.gate_reads import GateReads
from edgeguard.camera.pictures import load_picture
from edgeguard.camera.plates import PlateReader
from edgeguard.camera.reports import Report
from edgeguard.camera.seek_plates import PlateSeeker
from edgeguard.camera.video import Picture, VideoSource
from edgeguard.config import load_site
from edgeguard.control import ControlServer
from edgeguard.control.camera_views import ReadView
from edgeguard.core.camera import CameraSpec, Task
from edgeguard.core.clock import Stamp
from edgeguard.core.gate_list import Entry, ListKind
from edgeguard.core.ids import BootId, CameraName
from edgeguard.core.lane import LaneSpec
from edgeguard.core.point import Labels
from edgeguard.core.site import Site
from edgeguard.rules.gate_change import Change
from edgeguard.runtime.camera_link import CameraLink
from edgeguard.runtime.clock import SystemClock
from edgeguard.runtime.gateway import Gateway
from edgeguard.runtime.handlers import Handlers
from edgeguard.runtime.pipeline import Pipeline
from edgeguard.store import Store

PICTURES = Path(__file__).parents[1] / "pictures"
CAMERA = CameraSpec(CameraName("gate-in"), "rtsp://127.0.0.1/", Task.PLATES, Labels("", ""))
FPS = 25
NOW = Stamp(1_795_000_000_000, 500_000, BootId("bench"), True)


class Frame:
    """A decoded frame."""

    rotation = 0

    def __init__(self, bgr: NDArray[np.uint8]) -> None:
        self._bgr = bgr

    def to_ndarray(self, format: str) -> NDArray[np.uint8]:  # noqa: A002 (PyAV's word)
        del format
        return self._bgr


def drive(still: NDArray[np.uint8], seconds: float) -> list[Picture]:
    """The car comes nearer and down the picture, 25 times a second, on 1280 x 720."""
    pictures = []
    for i in range(round(seconds * FPS)):
        zoom = 0.7 + 0.012 * i
        move = np.array([[zoom, 0, 300.0 - 2 * i], [0, zoom, 20.0 + 6.0 * i]])
        bgr = np.asarray(cv2.warpAffine(still, move, (1280, 720), borderValue=(90, 90, 90)), np.uint8)
        grey = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), np.uint8)
        pictures.append(Picture(i, i / FPS, grey, False, Frame(bgr)))  # type: ignore[arg-type]
    return pictures


def camera_ms(rounds: int) -> tuple[list[float], list[float]]:
    """From the crossing to the pass; and from the first picture to the early word. Both with the time that looking takes."""
    cv2.setNumThreads(1)
    reader = PlateReader.shipped()
    to_pass, to_word = [], []
    chance = random.Random(3)
    files = sorted(PICTURES.glob("*.jpg"))
    for number in range(rounds):
        pictures = drive(load_picture(files[number % len(files)]), 1.6)
        height = chance.uniform(0.5, 0.75)
        lanes = (LaneSpec("main", line=((0.0, height), (1.0, height))),)
        told: list[tuple[str, float]] = []
        begun_s = [0.0]

        def hear(view: ReadView, told: list[tuple[str, float]] = told, begun_s: list[float] = begun_s) -> None:
            told.append((view.stage, (time.thread_time() - begun_s[0]) * 1000))

        crossed: list[float] = []
        seeker = PlateSeeker(replace(CAMERA, lanes=lanes), reader, cast(Callable[[Report], None], lambda _: None), b"", hear)
        for picture in pictures:
            begun_s[0] = time.thread_time()
            before = len(told)
            seeker.see(cast(VideoSource, None), picture, NOW)
            for stage, took_ms in told[before:]:
                if stage == "sure":
                    to_word.append(picture.t_s * 1000 + took_ms)
                if stage == "line":
                    track = next(track for track in seeker.state.tracks if track.told)
                    crossed.append(track.crossed_s or 0.0)
                    to_pass.append((picture.t_s - crossed[-1]) * 1000 + took_ms)
    return to_pass, to_word


class Slave:
    """A Modbus TCP slave that has every coil and register; `written_s` is when coil 0 was last closed."""

    def __init__(self) -> None:
        self.coils: dict[int, bool] = {0x0000: False}
        self.written_s = 0.0
        self.wrote = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            while True:
                head = await reader.readexactly(7)
                transaction, _, length, unit = struct.unpack(">HHHB", head)
                pdu = await reader.readexactly(length - 1)
                answer = self._answer(pdu)
                writer.write(struct.pack(">HHHB", transaction, 0, len(answer) + 1, unit) + answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _answer(self, pdu: bytes) -> bytes:
        function, address, count = struct.unpack(">BHH", pdu[:5])
        if function in (1, 2):
            bits = [self.coils.get(address + i, False) for i in range(count)]
            packed = bytearray((count + 7) // 8)
            for i, bit in enumerate(bits):
                packed[i // 8] |= bit << i % 8
            return bytes((function, len(packed))) + bytes(packed)
        if function in (3, 4):
            return bytes((function, count * 2)) + random.randbytes(count * 2)
        if function == 5:
            self.coils[address] = count == 0xFF00
            if count == 0xFF00:
                self.written_s = time.perf_counter()
                self.wrote.set()
            return pdu[:5]
        return bytes((function | 0x80, 1))


PROFILE = """
[profile]
name = "{name}"
maker = "bench"
model = "bench"
kind = "other"
labels = {{ zh = "测试", en = "bench" }}
source = "made here"
trust = "made here"
{points}
"""
COIL = '[[point]]\nname = "{name}"\nlabels = {{ zh = "点", en = "point" }}\ntable = "coil"\naddress = {address}\ntype = "bit"\n'
WORD = '[[point]]\nname = "v{n}"\nlabels = {{ zh = "点", en = "point" }}\ntable = "holding"\naddress = {n}\ntype = "uint16"\n'


def site_of(folder: Path, port: int, points: int) -> Site:
    """A gate box on one bus, and meters on another."""
    box = COIL.format(name="relay", address=0) + "[point.write]\n" + COIL.format(name="safe", address=1)
    box += COIL.format(name="loop", address=2)
    (folder / "box.toml").write_text(PROFILE.format(name="box", points=box), encoding="utf-8")
    words = "".join(WORD.format(n=n) for n in range(100))
    (folder / "meter.toml").write_text(PROFILE.format(name="meter", points=words), encoding="utf-8")
    lines = ["[gateway]", 'site = "bench"', 'id = "b1"', "[store]", f'directory = "{folder}/state"']
    lines += ["[profiles]", f'directories = ["{folder}"]']
    lines += [
        f'[[bus]]\nname = "{name}"\nurl = "tcp://{host}:{port}"' for name, host in (("box", "127.0.0.1"), ("meters", "127.0.0.2"))
    ]
    lines += ['[[device]]\nname = "gate-io"\nbus = "box"\nprofile = "box"\naddress = 1\nevery = "500ms"']
    lines += ['[device.interlock.relay]\nrequires = ["safe"]\nmax_age = "1s"\nper_hour = 3600']
    for n in range(points // 100):
        lines += [f'[[device]]\nname = "m{n}"\nbus = "meters"\nprofile = "meter"\naddress = {n + 1}\nevery = "1s"']
    lines += ['[[camera]]\nname = "gate-in"\nurl = "rtsp://127.0.0.1/x"\ntask = "plates"']
    lines += ['[[gate]]\nname = "main"\nopen = "gate-io.relay"\npulse = "50ms"\nmin_interval = "0ms"']
    lines += ['[gate.plates]\nentry = ["gate-in"]']
    path = folder / "site.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    return load_site(path)


async def relay_ms(openings: int, points: int) -> list[float]:
    """From a camera's word to the coil."""
    with tempfile.TemporaryDirectory() as name:
        folder, slave = Path(name), Slave()
        slave.coils[1] = True
        server = await asyncio.start_server(slave.serve, ["127.0.0.1", "127.0.0.2"], 0)
        port = server.sockets[0].getsockname()[1]
        if len({sock.getsockname()[1] for sock in server.sockets}) > 1:
            server.close()
            server = await asyncio.start_server(slave.serve, ["127.0.0.1", "127.0.0.2"], port)
        site, clock = site_of(folder, port, points), SystemClock()
        store = await Store.open(site.store, clock, lambda _: None)
        pipeline = Pipeline(store, clock)
        gateway = Gateway(replace(site, cameras=()), store, pipeline, clock, random.SystemRandom())
        gateway.start({})
        gateway.site = site
        handlers = Handlers(gateway, folder / "site.toml", cast("Callable[[], object]", None))  # type: ignore[arg-type]
        link = CameraLink(site.cameras[0], ())
        link.pid = os.getpid()
        gateway.cameras.watch(link)
        gateway.cameras.on_read = handlers.keeper.see
        control = ControlServer(folder / "s", handlers.table())
        await control.open()
        work = [asyncio.create_task(one) for one in (store.run(), control.serve(), handlers.keeper.run(), handlers.gates.run())]
        plates = [f"浙A{n:05d}" for n in range(5000)]
        await handlers.keeper.book.change(Change(put=tuple(Entry(plate, ListKind.RESIDENT) for plate in plates)), "bench")
        reads = GateReads(folder / "s", CameraName("gate-in"))
        reads.start()
        await asyncio.sleep(4)
        took = []
        for number in range(openings):
            slave.wrote.clear()
            now, begun_s = clock.now(), time.perf_counter()
            reads.tell(ReadView(f"v{number}", "line", "", plates[7 * number], 0.97, "ordinary", "towards", now.boot_ms, now.boot))
            async with asyncio.timeout(10):
                await slave.wrote.wait()
            took.append((slave.written_s - begun_s) * 1000)
            await asyncio.sleep(0.7 + random.random() * 0.3)
        await asyncio.to_thread(reads.stop, 2.0)
        for task in work[1:]:
            task.cancel()
        await gateway.stop(0.1)
        await store.close()
        work[0].cancel()
        await asyncio.gather(*work, return_exceptions=True)
        server.close()
        return took


def figures(values: list[float]) -> dict[str, float]:
    """Median, 95th percentile, worst."""
    ordered = sorted(values) or [float("nan")]
    at = {name: ordered[min(len(ordered) - 1, int(share * len(ordered)))] for name, share in (("p50", 0.5), ("p95", 0.95))}
    return {name: round(value, 1) for name, value in {**at, "worst": ordered[-1]}.items()} | {"count": len(values)}


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser()
    options.add_argument("--openings", type=int, default=40)
    options.add_argument("--points", type=int, default=1000)
    given = options.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    relay = asyncio.run(relay_ms(given.openings, given.points))
    crossing, word = camera_ms(max(6, given.openings // 4))
    told = {
        "bench": "gate",
        "points_per_s": given.points,
        "crossing_to_pass_ms": figures(crossing),
        "first_picture_to_word_ms": figures(word),
        "word_to_relay_ms": figures(relay),
        "crossing_to_relay_ms": {name: round(figures(crossing)[name] + figures(relay)[name], 1) for name in ("p50", "p95")},
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
