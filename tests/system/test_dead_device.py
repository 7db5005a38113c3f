"""One dead device among twenty: the others keep their rate, behind one gateway and on sockets of their own."""

import contextlib
import functools
import itertools
import json
import socket
import sys
from collections import defaultdict
from datetime import datetime
from pathlib import Path

import pytest
from harness import consumer, daemon, free_port, listens, mosquitto, process, site_text, subscribe, wait_for
from test_others import PROFILE

pytestmark = pytest.mark.slow

PERIOD_S = 2.0
ROUNDS = 12


def device(index: int, bus: str, unit: int) -> str:
    return f'[[device]]\nname = "d{index}"\nbus = "{bus}"\nprofile = "seconds"\naddress = {unit}\nevery = "2s"\n\n'


def only_seconds() -> str:
    """A profile whose one point changes at every round, so that every round is an item."""
    head = PROFILE[: PROFILE.index("[[point]]")].replace("libmodbus-slave", "seconds")
    point = '[[point]]\nname = "seconds"\ntable = "holding"\naddress = 0\ntype = "uint16"\nheartbeat = "1s"\n'
    return head + point + 'labels = { zh = "秒", en = "seconds" }\n'


def period_errors(folder: Path) -> list[float]:
    """Relative errors of the time between two rounds of every live device, by the stamps in the items."""
    times: dict[str, list[float]] = defaultdict(list)
    for item in consumer(folder).stream("telemetry"):
        if item["values"]:
            times[str(item["device"])].append(datetime.fromisoformat(str(item["at"])).timestamp())
    assert len(times) == 19, sorted(times)
    errors: list[float] = []
    for device_times in times.values():
        errors += [abs(b - a - PERIOD_S) / PERIOD_S for a, b in itertools.pairwise(device_times)]
    return sorted(errors)


WITNESS = """
import time
while True:
    due = time.monotonic() + 0.1
    time.sleep(0.1)
    print(time.monotonic() - due, flush=True)
"""
"""Does nothing but wake: how late it does is the machine's doing, not the gateway's."""
TURNS = 3
"""A poll waits for its turn on a busy machine so often: the daemon asks, the slave answers, the daemon takes it."""


def machine_error(folder: Path) -> float:
    """How late, as a part of a period, 99 of 100 polls may come on this machine with whatever else runs on it now.

    A machine that stands still once makes one of the witness's moments late, and one period of every device: periods count.
    """
    late_s = [float(line) for line in (folder / "witness.log").read_text(encoding="utf-8").split("\n")[:-1]]
    assert len(late_s) > 10 * ROUNDS, late_s
    of_a_period = round(PERIOD_S / 0.1)
    worst_s = sorted(max(late_s[first : first + of_a_period]) for first in range(0, len(late_s), of_a_period))
    return TURNS * worst_s[int(len(worst_s) * 0.99)] / PERIOD_S


def run_and_judge(folder: Path, broker_port: int, text: str) -> None:
    (folder / "profiles" / "seconds.toml").write_text(only_seconds(), encoding="utf-8")
    with mosquitto(folder, broker_port), subscribe(folder, broker_port), daemon(folder, text) as running:
        with process([sys.executable, "-c", WITNESS], folder / "witness.log"):
            wait_for(lambda: len(consumer(folder).stream("telemetry")) >= 19 * ROUNDS, "rounds", 90)
        assert running.stop() == 0
    errors = period_errors(folder)
    p99, allowed = errors[int(len(errors) * 0.99)], 0.10 + machine_error(folder)
    assert p99 < allowed, json.dumps({"p99": p99, "allowed": allowed, "worst": errors[-5:]})


@pytest.mark.usefixtures("needs_mosquitto")
def test_behind_one_gateway(tmp_path: Path, libmodbus_slave: Path) -> None:
    port, broker_port = free_port(), free_port()
    units = [str(unit) for unit in range(1, 20)]
    with process([str(libmodbus_slave), str(port), *units], tmp_path / "slave.log"):
        wait_for(lambda: listens(port), "the slave")
        devices = "".join(device(i, "gateway", i) for i in range(1, 21))
        run_and_judge(tmp_path, broker_port, site_text(tmp_path, broker_port, {"gateway": port}, devices))


@pytest.mark.usefixtures("needs_mosquitto")
def test_on_sockets_of_their_own(tmp_path: Path, libmodbus_slave: Path) -> None:
    broker_port = free_port()
    with contextlib.ExitStack() as stack:
        ports = {}
        for i in range(19):
            ports[f"bus-{i}"] = port = free_port()
            stack.enter_context(process([str(libmodbus_slave), str(port)], tmp_path / "slave.log"))
            wait_for(functools.partial(listens, port), "a slave")
        mute = stack.enter_context(socket.socket())
        mute.bind(("127.0.0.1", 0))
        mute.listen(8)
        ports["bus-19"] = int(mute.getsockname()[1])
        devices = "".join(device(i, f"bus-{i}", 1) for i in range(20))
        run_and_judge(tmp_path, broker_port, site_text(tmp_path, broker_port, ports, devices))
