"""A line of the simulator, recorded by `edgeguard capture` through the daemon, served again by `edgeguard replay`.

EDGEGUARD_KEEP_RECORDING names a file to keep the recording in; that is how tests/recordings/wires were made.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import Running, daemon, free_port, listens, process, site_text, wait_for

from edgeguard.core.line import LineSettings, Parity
from edgeguard.core.register import Table
from edgeguard.simulator.modbus_station import RtuStation
from edgeguard.simulator.pty_line import PtyLine
from edgeguard.simulator.registers import Image, Span, Words
from edgeguard.simulator.unit import Unit

pytestmark = pytest.mark.slow

LINE = LineSettings(9600, Parity.EVEN)
VALUES = {0: 0x0001, 1: 0xE240, 2: 250, 3: 0, 4: 31}
"""123.456 m3, 2.5 m3/h."""


@pytest.fixture
def line_port() -> Iterator[str]:
    """A pseudo-terminal with a water meter on it, served by a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    unit = Unit(
        7, lambda: Image((Span(Table.HOLDING, 0, 20), Span(Table.INPUT, 0, 20)), holding=Words(VALUES), input=Words(VALUES))
    )
    line = PtyLine([RtuStation(unit, LINE, turnaround_s=0.02)], LINE)
    asyncio.run_coroutine_threadsafe(line.__aenter__(), loop).result(60)
    yield line.port
    asyncio.run_coroutine_threadsafe(line.__aexit__(None, None, None), loop).result(60)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(60)
    loop.close()


def device(bus: str) -> str:
    head = f'[[device]]\nname = "water-1"\nbus = "{bus}"\nprofile = "generic-water-meter-modbus"\naddress = 7\n'
    return head + 'every = "500ms"\ntimeout = "10s"\n'


def edgeguard(*words: str) -> list[str]:
    return [sys.executable, "-m", "edgeguard", *words]


def volume(running: Running) -> object:
    points = running.ask("points")
    assert isinstance(points, list)
    return next((point["value"] for point in points if point["point"] == "volume"), None)


def is_well(socket: str) -> bool:
    """What a trace says of the line; on a machine that stands still meanwhile an answer may be late."""
    command = edgeguard("--socket", socket, "trace", "riser-a", "--count", "4")
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "water-1:7" in told.stdout, told.stderr
    return "nothing is wrong with the line" in told.stdout


def test_what_was_recorded_is_served_again(line_port: str, tmp_path: Path) -> None:
    file, first, second = tmp_path / "riser.json", tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    bus = f'[[bus]]\nname = "riser-a"\nport = "{line_port}"\nbaudrate = 9600\nparity = "E"\n'
    with daemon(first, site_text(first, None, {}, bus + "\n" + device("riser-a"))) as running:
        wait_for(lambda: volume(running) is not None, "a first value")
        recorded_value = volume(running)
        socket = f"{first}/control.sock"
        done = subprocess.run(
            edgeguard("--socket", socket, "capture", "riser-a", "--seconds", "4", "-o", str(file), "--json"),
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["frames"] >= 4
        wait_for(lambda: is_well(socket), "four frames with which nothing is wrong", 90)
    if keep := os.environ.get("EDGEGUARD_KEEP_RECORDING"):
        shutil.copy(file, keep)

    port = free_port()
    with process(edgeguard("replay", str(file), "--tcp", f"127.0.0.1:{port}"), tmp_path / "replay.log"):
        wait_for(lambda: listens(port), "the replay")
        told = (tmp_path / "replay.log").read_text(encoding="utf-8")
        assert f"answered on rtu+tcp://127.0.0.1:{port}" in told, "as a site file names it"
        site = site_text(second, None, {}, device("replayed")).replace(
            "[[device]]", f'[[bus]]\nname = "replayed"\nurl = "rtu+tcp://127.0.0.1:{port}"\n\n[[device]]'
        )
        with daemon(second, site) as running:
            wait_for(lambda: volume(running) is not None, "a value of the replay")
            assert volume(running) == recorded_value == pytest.approx(123.456)


def test_a_recording_is_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "there.json"
    file.write_text("x", encoding="utf-8")

    done = subprocess.run(edgeguard("capture", "riser-a", "-o", str(file)), capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 2
    assert file.read_text(encoding="utf-8") == "x"
