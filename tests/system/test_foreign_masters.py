"""The simulated devices read by masters that nobody here has written: Debian's mbpoll and libmodbus, on TCP and serial ports."""

import asyncio
import contextlib
import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import wait_for

from edgeguard.core.line import LineSettings, Parity
from edgeguard.core.register import Table
from edgeguard.simulator.modbus_station import RtuStation
from edgeguard.simulator.pty_line import PtyLine
from edgeguard.simulator.registers import Image, Span, Words
from edgeguard.simulator.unit import Unit

pytestmark = pytest.mark.slow

SITE = """
[gateway]
site = "somewhere"
id = "b01"

[[bus]]
name = "net"
url = "tcp://127.0.0.1:1502"

[[bus]]
name = "riser"
port = "/dev/nowhere"
baudrate = 19200
parity = "E"

[[device]]
name = "meter"
bus = "net"
address = 3
profile = "eastron-sdm630"
every = "1s"

[[device]]
name = "lift"
bus = "riser"
address = 1
profile = "inovance-nice3000plus"
every = "1s"

[[device]]
name = "relay"
bus = "riser"
address = 9
profile = "waveshare-relay8"
every = "1s"
"""
LOOK = r"""
#include <errno.h>
#include <modbus.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
    if (argc < 5) return 2;
    uint16_t words[MODBUS_MAX_READ_REGISTERS];
    modbus_t *context = modbus_new_rtu(argv[1], 19200, 'N', 8, 2);
    modbus_set_slave(context, atoi(argv[2]));
    modbus_set_response_timeout(context, 30, 0);
    modbus_set_byte_timeout(context, 0, 0);
    if (modbus_connect(context)) return 1;
    int got = modbus_read_registers(context, atoi(argv[3]), atoi(argv[4]), words);
    if (got < 0) printf("%s", modbus_strerror(errno));
    for (int i = 0; i < got; i++) printf("%d ", words[i]);
    modbus_close(context);
    modbus_free(context);
    return 0;
}
"""


@pytest.fixture
def mbpoll() -> str:
    found = shutil.which("mbpoll")
    if found is None:
        pytest.skip("mbpoll is needed")
    return found


@pytest.fixture(scope="module")
def look(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import native

    if words := native.missing():
        pytest.skip(words)
    folder = tmp_path_factory.mktemp("look")
    (folder / "look.c").write_text(LOOK, encoding="ascii")
    found = subprocess.run(["pkg-config", "--cflags", "--libs", "libmodbus"], check=True, capture_output=True, text=True)
    subprocess.run(["gcc", "-Wall", str(folder / "look.c"), "-o", str(folder / "look"), *found.stdout.split()], check=True)
    return folder / "look"


@contextlib.contextmanager
def simulated(folder: Path, *options: str) -> Iterator[tuple[dict[str, str], "subprocess.Popen[str]"]]:
    """`edgeguard simulate` as a process: where each bus is, and the process for commands."""
    site = folder / "site.toml"
    site.write_text(SITE, encoding="utf-8")
    command = [sys.executable, "-m", "edgeguard", "--json", "--lang", "en", "simulate", str(site), "--any-port", *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            line = child.stdout.readline()
            assert line, child.communicate(timeout=60)[1][-1000:]
            yield {bus["bus"]: bus["where"] for bus in json.loads(line)["buses"]}, child
            child.send_signal(signal.SIGTERM)
            assert child.wait(timeout=60) == 0
        finally:
            child.kill()


def polled(words: list[str]) -> list[int]:
    """What mbpoll shows, value by value; its own words if it shows none. It breaks off where a line is silent for half a second
    within a frame, as one on a busy machine may be, and is asked again then."""
    for _ in range(3):
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
        if found := re.findall(r"^\[\d+\]:\s+(-?\d+)", done.stdout, re.MULTILINE):
            return [int(value) for value in found]
    raise AssertionError(done.stdout + done.stderr)


def test_mbpoll_reads_a_simulated_site_on_tcp_and_on_its_serial_port(tmp_path: Path, mbpoll: str) -> None:
    with simulated(tmp_path, "--pty-dir", str(tmp_path / "ports"), "--seed", "5") as (where, _):
        assert where["riser"] == str(tmp_path / "ports" / "riser")
        port = where["net"].rsplit(":", 1)[1]
        tcp = [mbpoll, "-m", "tcp", "-p", port, "-a", "3", "-0", "-r", "0", "-c", "6", "-t", "3:hex", "-1", "127.0.0.1"]
        done = subprocess.run(tcp, capture_output=True, text=True, timeout=60, check=False)
        assert re.search(r"\[0\]:\s+0x436", done.stdout, re.IGNORECASE), done.stdout + done.stderr
        # whether parity is even a pseudo-terminal does not tell: a client is credited with that of the line
        rtu = [mbpoll, "-m", "rtu", "-b", "19200", "-P", "none", "-s", "1", "-o", "5", "-0", "-1"]
        assert polled([*rtu, "-a", "1", "-r", str(0x1011), "-c", "1", "-t", "4", where["riser"]]) == [1750]
        assert len(polled([*rtu, "-a", "9", "-r", "0", "-c", "8", "-t", "0", where["riser"]])) == 8
        beyond = [*rtu, "-a", "1", "-r", "9", "-c", "1", "-t", "4", where["riser"]]
        refused = subprocess.run(beyond, capture_output=True, text=True, timeout=60, check=False)
        assert "Illegal data address" in refused.stdout + refused.stderr


def test_a_dead_device_a_pulled_plug_and_a_healed_one_are_what_mbpoll_sees(tmp_path: Path, mbpoll: str) -> None:
    with simulated(tmp_path, "--pty-dir", str(tmp_path), "--fault", "lift=dead") as (where, child):
        ask = [mbpoll, "-m", "rtu", "-b", "19200", "-P", "none", "-0", "-1", "-a", "1", "-r", str(0x1011), "-c", "1", "-t", "4"]
        tried = subprocess.run([*ask, "-o", "1", where["riser"]], capture_output=True, text=True, timeout=60, check=False)
        assert "timed out" in (tried.stdout + tried.stderr).lower()
        assert child.stdin is not None
        assert child.stdout is not None
        for command in ("riser unplugged", "status"):
            child.stdin.write(command + "\n")
        child.stdin.flush()
        told = json.loads(child.stdout.readline())
        assert told["bad"] == {"lift": ["dead"], "riser": ["unplugged"]}
        child.stdin.write("riser well\nlift well\nstatus\n")
        child.stdin.flush()
        assert json.loads(child.stdout.readline())["bad"] == {}
        wait_for(lambda: Path(where["riser"]).exists(), "the plug")
        assert polled([*ask, "-o", "5", where["riser"]]) == [1750]


async def test_libmodbus_reads_a_simulated_line(look: Path) -> None:
    unit = Unit(4, lambda: Image((Span(Table.HOLDING, 0, 124),), holding=Words({place: 3 * place for place in range(125)})))
    settings = LineSettings(19_200, Parity.NONE, stop_bits=2)
    async with PtyLine([RtuStation(unit, settings)], settings) as line:

        async def ask(*arguments: int) -> str:
            child = await asyncio.create_subprocess_exec(str(look), line.port, *map(str, arguments), stdout=asyncio.subprocess.PIPE)
            out, _ = await child.communicate()
            assert child.returncode == 0
            return out.decode().strip()

        assert await ask(4, 0, 125) == " ".join(str(3 * place) for place in range(125))
        assert await ask(4, 120, 9) == "Illegal data address"
