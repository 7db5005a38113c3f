"""A box of inputs and outputs at a barrier, and as many meters as are wanted, on Modbus TCP, in a thread of its own.

Notes when its relay was closed. A vehicle drives over the loop when somebody says so, or each time it was opened.
"""

import asyncio
import os
import struct
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

RELAY: Final = 0
SAFE: Final = 1
LOOP: Final = 2
ARM: Final = 3

PROFILE: Final = """
[profile]
name = "{name}"
maker = "test"
model = "test"
kind = "other"
labels = {{ zh = "测试", en = "test" }}
source = "made here"
trust = "made here"
{points}
"""
_COIL: Final = (
    '[[point]]\nname = "{name}"\nlabels = {{ zh = "点", en = "point" }}\ntable = "coil"\naddress = {address}\ntype = "bit"\n'
)
_WORD: Final = (
    '[[point]]\nname = "v{n}"\nlabels = {{ zh = "点", en = "point" }}\ntable = "holding"\naddress = {n}\ntype = "uint16"\n'
)
METER_POINTS: Final = 100


def box_profile() -> str:
    """Profile `box`: points relay, safe, loop and arm."""
    points = _COIL.format(name="relay", address=RELAY) + "[point.write]\n"
    points += "".join(_COIL.format(name=name, address=at) for name, at in (("safe", SAFE), ("loop", LOOP), ("arm", ARM)))
    return PROFILE.format(name="box", points=points)


def meter_profile() -> str:
    """Profile `meter`: a hundred words."""
    return PROFILE.format(name="meter", points="".join(_WORD.format(n=n) for n in range(METER_POINTS)))


def gate_tables(folder: Path, port: int, camera_url: str, *, meters: int = 0, gate: str = "", camera: str = "") -> str:
    """The tables of a site with this box, gate `main`, camera `gate-in` and so many meters; the profiles are put into `folder`.

    `gate` are further keys of `[gate.plates]`, `camera` further lines of the camera.
    """
    (folder / "box.toml").write_text(box_profile(), encoding="utf-8")
    (folder / "meter.toml").write_text(meter_profile(), encoding="utf-8")
    hosts = (("box", "127.0.0.1"), ("meters", "127.0.0.2")) if meters else (("box", "127.0.0.1"),)
    lines = [f'[[bus]]\nname = "{name}"\nurl = "tcp://{host}:{port}"' for name, host in hosts]
    lines += ['[[device]]\nname = "gate-io"\nbus = "box"\nprofile = "box"\naddress = 1\nevery = "500ms"']
    lines += ['[device.interlock.relay]\nrequires = ["safe"]\nmax_age = "2s"\nper_hour = 3600']
    for n in range(meters):
        lines += [f'[[device]]\nname = "m{n}"\nbus = "meters"\nprofile = "meter"\naddress = {n + 1}\nevery = "1s"']
    lines += [f'[[camera]]\nname = "gate-in"\nurl = "{camera_url}"\ntask = "plates"\n{camera}']
    lines += ['[[camera.lane]]\nname = "one"\nline = [[0.0, 0.6], [1.0, 0.6]]']
    lines += ['[[parking.zone]]\nname = "yard"\ncapacity = 50']
    lines += ['[[gate]]\nname = "main"\nopen = "gate-io.relay"\nfeedback = "gate-io.arm"\npulse = "300ms"\nmin_interval = "0ms"']
    lines += [f'[gate.plates]\nentry = ["gate-in"]\nzone = "yard"\nloop = "gate-io.loop"\nopens_at = "line"\n{gate}']
    return "\n".join(lines) + "\n"


class GateBox:
    """The box (and every meter) at one port of `hosts`; every unit shows the same coils. `closed_s`: when the relay was closed.

    `drives`: so long after an opening a vehicle comes onto the loop, and so long it stays there; None where a test says when.
    """

    def __init__(self, hosts: Sequence[str] = ("127.0.0.1",), drives: tuple[float, float] | None = None) -> None:
        self._drives = drives
        self.coils = {RELAY: False, SAFE: True, LOOP: False, ARM: False}
        self.closed_s: list[float] = []
        self.let_go_s: list[float] = []
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._hosts = list(hosts)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._ready.wait(10)

    def close(self) -> None:
        """Hang up."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def drive(self, under: bool) -> None:
        """A vehicle comes onto the loop, or leaves it; the arm comes down behind it."""
        self.coils[LOOP] = under
        self.coils[ARM] = self.coils[ARM] and under

    def _run(self) -> None:
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, self._hosts[0], 0))
        self.port: int = server.sockets[0].getsockname()[1]
        for host in self._hosts[1:]:
            self._loop.run_until_complete(asyncio.start_server(self._serve, host, self.port))
        self._ready.set()
        self._loop.run_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readexactly(7)
                transaction, _, length, unit = struct.unpack(">HHHB", head)
                answer = self._answer(await reader.readexactly(length - 1))
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
            return bytes((function, count * 2)) + os.urandom(count * 2)
        if function == 5:
            self._write(address, count == 0xFF00)
            return pdu[:5]
        return bytes((function | 0x80, 1))

    def _write(self, address: int, value: bool) -> None:
        before, self.coils[address] = self.coils.get(address, False), value
        if address == RELAY and value != before:
            (self.closed_s if value else self.let_go_s).append(time.monotonic())
            self.coils[ARM] = self.coils[ARM] or value
            if value and self._drives is not None:
                self._loop.call_later(self._drives[0], self.drive, True)
                self._loop.call_later(sum(self._drives), self.drive, False)
