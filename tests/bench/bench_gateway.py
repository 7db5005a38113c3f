"""What the whole way costs: CPU seconds of the daemon per 1,000 points from a libmodbus slave to the broker's PUBACK.

Real daemon, real Mosquitto, real files; every point changes at every poll. Beside it the least that could do the job, which keeps
nothing: bare_gateway.py. Prints one JSON object per load.
use: bench_gateway.py [--loads 1000,5000,20000] [--seconds 20] [--warm 5]
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import native
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

POINTS = 100
HERE = Path(__file__).resolve().parent


def free_port() -> int:
    """A TCP port nobody listens on now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def profile() -> str:
    """A profile of 100 16-bit registers."""
    head = """[profile]
name = "bench-100"
maker = "bench"
model = "100 registers"
kind = "other"
protocol = "modbus"
labels = { zh = "基准", en = "bench" }
source = "tests/bench"
trust = "made for measurements"
"""
    point = """
[[point]]
name = "p{i}"
table = "holding"
address = {i}
type = "uint16"
labels = {{ zh = "点{i}", en = "point {i}" }}
"""
    return head + "".join(point.format(i=i) for i in range(POINTS))


def site(folder: Path, slave_port: int, broker_port: int, devices: int, buses: int) -> Path:
    """A site of `devices` devices polled every second, spread over `buses` sockets (ports of 127.0.0.x all reach the slave)."""
    lines = [
        '[gateway]\nsite = "bench"\nid = "g1"',
        f'[uplink]\nurl = "mqtt://127.0.0.1:{broker_port}"',
        f'[store]\ndirectory = "{folder}/state"',
        f'[control]\nsocket = "{folder}/control.sock"',
        '[log]\nlevel = "warning"\nformat = "json"',
        f'[profiles]\ndirectories = ["{folder}/profiles"]',
    ]
    lines += [f'[[bus]]\nname = "bus-{bus}"\nurl = "tcp://127.0.0.1:{slave_port + bus}"' for bus in range(buses)]
    lines += [
        f'[[device]]\nname = "d{i}"\nbus = "bus-{i % buses}"\nprofile = "bench-100"\naddress = {i // buses + 1}\nevery = "1s"'
        for i in range(devices)
    ]
    (folder / "profiles").mkdir()
    (folder / "profiles" / "bench-100.toml").write_text(profile())
    path = folder / "site.toml"
    path.write_text("\n\n".join(lines))
    return path


class Platform:
    """Counts what arrives at the broker, with a client of its own."""

    def __init__(self, port: int) -> None:
        self.points = 0
        self.messages = 0
        self.first_at = 0.0
        self._lock = threading.Lock()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._client.on_message = self._count
        self._client.connect("127.0.0.1", port)
        self._client.subscribe("edgeguard/v1/+/+/telemetry", 0)
        self._client.subscribe("edgeguard/v1/+/+/history", 0)
        self._client.loop_start()

    def _count(self, _client: object, _userdata: object, message: mqtt.MQTTMessage) -> None:
        items = json.loads(message.payload)["items"]
        with self._lock:
            self.first_at = self.first_at or time.monotonic()
            self.messages += 1
            self.points += sum(len(item["values"]) for item in items)


def cpu_s(pid: int) -> float:
    """User and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_rss_mib(pid: int) -> float:
    """High-water mark of resident memory."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


@contextmanager
def running(*commands: list[str]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes that end with the block."""
    processes = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for command in commands]
    try:
        yield processes
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(10)


def watch(command: list[str], broker_port: int, warm_s: float, seconds: float) -> dict[str, float]:
    """Start a gateway, let it warm up, and account for what it does and costs."""
    platform = Platform(broker_port)
    started = time.monotonic()
    gateway = subprocess.Popen(command)
    try:
        while not platform.first_at and time.monotonic() - started < 20:
            time.sleep(0.01)
        time.sleep(warm_s)
        cpu, points, messages, begin = cpu_s(gateway.pid), platform.points, platform.messages, time.monotonic()
        time.sleep(seconds)
        cpu, points = cpu_s(gateway.pid) - cpu, platform.points - points
        messages, wall = platform.messages - messages, time.monotonic() - begin
        rss = peak_rss_mib(gateway.pid)
    finally:
        gateway.send_signal(signal.SIGTERM)
        gateway.wait(10)
    return {
        "points_per_s": round(points / wall),
        "messages_per_s": round(messages / wall, 1),
        "cpu_s_per_1000_points": round(cpu / max(points, 1) * 1000, 4),
        "peak_rss_mib": round(rss, 1),
        "first_item_s": round(platform.first_at - started, 2),
    }


def measure(slave: Path, points_per_s: int, warm_s: float, seconds: float) -> dict[str, object]:
    """One load: the daemon, then the bare loop, against the same slaves and broker."""
    devices = points_per_s // POINTS
    buses = max(1, devices // 50)
    with tempfile.TemporaryDirectory(prefix="eg-bench-") as name:
        folder = Path(name)
        slave_port, broker_port = 20000 + os.getpid() % 20000, free_port()
        conf = folder / "mosquitto.conf"
        conf.write_text(f"listener {broker_port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n")
        slaves = [[str(slave), str(slave_port + bus)] for bus in range(buses)]
        with running(["mosquitto", "-c", str(conf)], *slaves):
            time.sleep(0.5)
            path = site(folder, slave_port, broker_port, devices, buses)
            daemon = watch([sys.executable, "-m", "edgeguard", "run", "--config", str(path)], broker_port, warm_s, seconds)
            bare = [sys.executable, str(HERE / "bare_gateway.py"), *map(str, (broker_port, slave_port, buses, devices))]
            floor = watch(bare, broker_port, warm_s, seconds)
    ratio = daemon["cpu_s_per_1000_points"] / max(floor["cpu_s_per_1000_points"], 1e-9)
    return {
        "bench": "gateway",
        "wanted_points_per_s": points_per_s,
        "edgeguard": daemon,
        "bare_loop": floor,
        "cpu_to_bare_loop": round(ratio, 2),
    }


def main() -> int:
    """Measure every load."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loads", default="1000,5000,20000")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--warm", type=float, default=5.0)
    asked = parser.parse_args()
    if words := native.missing():
        print(words, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="eg-native-") as folder:
        slave = native.build("slave", Path(folder))
        for load in asked.loads.split(","):
            print(json.dumps(measure(slave, int(load), asked.warm, asked.seconds)), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
