"""Real processes for system tests: a broker, slaves, the daemon, and a subscriber that knows only the public faces."""

import contextlib
import functools
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgeguard.testing.messages import check_message

_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_TURNS = itertools.count(os.getpid())


def free_port() -> int:
    """A TCP port nobody listens on now, and nobody else will: below those that the system gives away, and of this worker alone."""
    while True:
        port = 20_000 + 1500 * (_WORKER % 8) + next(_TURNS) % 1500
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.bind(("127.0.0.1", port))
            return port


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    """Poll a condition, one that takes time more rarely; AssertionError that names what never came."""
    deadline = time.monotonic() + seconds
    while True:
        begun = time.monotonic()
        if condition():
            return
        assert begun < deadline, f"{what} did not come within {seconds} s"
        time.sleep(min(0.5, max(0.02, 2 * (time.monotonic() - begun))))


def listens(port: int) -> bool:
    """Whether somebody accepts connections on a loopback port."""
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def process(command: Sequence[str], log: Path, **more: object) -> Iterator[subprocess.Popen[bytes]]:
    """A child that ends with the block; its output goes to `log`."""
    with log.open("ab") as out:
        child = subprocess.Popen(list(command), stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, **more)  # type: ignore[call-overload]
    try:
        yield child
    finally:
        if child.poll() is None:
            child.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(10)
        if child.poll() is None:
            child.kill()
            child.wait(10)


@contextlib.contextmanager
def mosquitto(folder: Path, port: int, extra: str = "") -> Iterator[subprocess.Popen[bytes]]:
    """Debian's broker on a loopback port."""
    conf = folder / f"mosquitto-{port}.conf"
    told = "".join(f"log_type {kind}\n" for kind in ("error", "warning", "notice", "information", "subscribe"))
    conf.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n{told}{extra}\n")
    with process(["mosquitto", "-c", str(conf)], folder / "mosquitto.log") as child:
        wait_for(lambda: listens(port), "mosquitto")
        yield child


def site_text(folder: Path, broker_port: int | None, buses: dict[str, int], devices: str, uplink: str = "") -> str:
    """A configuration whose state lives in `folder`; `buses` maps names to loopback ports, `devices` is TOML."""
    parts = ['[gateway]\nsite = "test"\nid = "g1"']
    if broker_port is not None:
        parts.append(f'[uplink]\nurl = "mqtt://127.0.0.1:{broker_port}"\n{uplink}')
    parts.append(f'[store]\ndirectory = "{folder}/state"\n[control]\nsocket = "{folder}/control.sock"')
    parts.append(f'[log]\nlevel = "info"\nformat = "json"\n[profiles]\ndirectories = ["{folder}/profiles"]')
    parts += [f'[[bus]]\nname = "{name}"\nurl = "tcp://127.0.0.1:{port}"' for name, port in buses.items()]
    (folder / "profiles").mkdir(exist_ok=True)
    return "\n\n".join([*parts, devices]) + "\n"


LOOKS = (("status",), ("devices",), ("points",), ("alarms",), ("outbox",))


@dataclass
class Running:
    """A daemon under test."""

    child: subprocess.Popen[bytes]
    folder: Path

    def ask(self, *command: str, within_s: float = 60.0) -> object:
        """A CLI command with --json; AssertionError with its words if it fails to answer.

        What is asked again and again while a test waits comes from the control socket: a process a look takes half of the machine.
        """
        if command in LOOKS:
            return self._look(command[0], within_s)
        full = [sys.executable, "-m", "edgeguard", "--socket", f"{self.folder}/control.sock", *command, "--json"]
        done = subprocess.run(full, capture_output=True, text=True, timeout=within_s, check=False)
        assert done.stdout, f"{command}: exit {done.returncode}: {done.stderr}"
        return json.loads(done.stdout)

    def _look(self, method: str, within_s: float) -> object:
        until_s = time.monotonic() + 3.0  # between its name and its ear a socket refuses
        while True:
            try:
                with socket.socket(socket.AF_UNIX) as caller:
                    caller.settimeout(within_s)
                    caller.connect(str(self.folder / "control.sock"))
                    caller.sendall(b'{"id":1,"method":"%s"}\n' % method.encode())
                    answer = json.loads(caller.makefile("rb").readline())
                return answer["result"] if answer["ok"] else {"error": answer["error"]}
            except (OSError, ValueError) as error:
                if time.monotonic() > until_s:
                    return {"error": {"code": "daemon-silent", "message": str(error)}}
                time.sleep(0.05)

    def stop(self, within_s: float = 60.0) -> int:
        """SIGTERM; the exit code. The daemon's own clock says whether it took too long: it leaves with 1 then."""
        self.child.send_signal(signal.SIGTERM)
        return self.child.wait(within_s)

    def log(self) -> str:
        """Everything it has said."""
        return (self.folder / "daemon.log").read_text(encoding="utf-8", errors="replace")


@contextlib.contextmanager
def daemon(
    folder: Path, site: str, environment: dict[str, str] | None = None, synced: bool = False, within_s: float = 60.0
) -> Iterator[Running]:
    """The real daemon, ready to be asked; `synced`: on a machine whose clock is synchronised, whatever this one's is."""
    (folder / "site.toml").write_text(site, encoding="utf-8")
    how = [str(Path(__file__).with_name("synced_daemon.py"))] if synced else ["-m", "edgeguard"]
    command = [sys.executable, *how, "run", "--config", str(folder / "site.toml")]
    with process(command, folder / "daemon.log", env={**os.environ, **(environment or {})}) as child:
        running = Running(child, folder)
        wait_for(lambda: (folder / "control.sock").exists() or child.poll() is not None, "the control socket", within_s)
        assert child.poll() is None, running.log()
        yield running


@dataclass
class Consumer:
    """Judges what a subscriber printed, by interfaces.md alone: numbers, order, contents."""

    items: dict[tuple[str, str], dict[int, dict[str, object]]] = field(default_factory=lambda: defaultdict(dict))
    repeats: int = 0
    first_seen: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def take(self, topic: str, payload: str) -> None:
        """One message of any stream topic."""
        lane = topic.rsplit("/", 1)[1]
        message = json.loads(payload)
        key = (message["epoch"], message["stream"])
        for seq, item in enumerate(message["items"], message["seq"]):
            known = self.items[key].get(seq)
            if known is not None:
                assert known == item, f"{key} {seq} has two contents"
                self.repeats += 1
                continue
            self.items[key][seq] = item
            self.first_seen[lane].append(seq)

    def take_lines(self, text: str) -> None:
        """Lines of `mosquitto_sub -F '%t %p'`."""
        for line in text.splitlines():
            _check_line(line)
            topic, _, payload = line.partition(" ")
            if topic.rsplit("/", 1)[1] in ("alarms", "events", "telemetry", "history"):
                self.take(topic, payload)

    def stream(self, name: str, last_seq: int | None = None) -> list[dict[str, object]]:
        """Items of one stream in order, over all epochs; AssertionError if a number is missing or an order was broken.

        With `last_seq` every number from 1 to it must be there: the subscriber was there from the beginning to the end.
        """
        found: list[dict[str, object]] = []
        for (epoch, stream), items in self.items.items():
            if stream != name:
                continue
            numbers = sorted(items)
            assert numbers == list(range(numbers[0], numbers[-1] + 1)), f"gap in {stream} of epoch {epoch}"
            if last_seq is not None:
                assert (numbers[0], numbers[-1]) == (1, last_seq), f"{stream} of epoch {epoch} has {numbers[0]}-{numbers[-1]}"
            found += [items[n] for n in numbers]
        lane = self.first_seen[name]
        assert lane == sorted(lane), f"first deliveries of {name} are out of order"
        return found


@functools.lru_cache(maxsize=100_000)
def _check_line(line: str) -> None:
    """Judged by the published schemas, once however often the log is read."""
    topic, _, payload = line.partition(" ")
    if topic.startswith("edgeguard/v1/"):
        check_message(topic, payload.encode())


@contextlib.contextmanager
def subscribe(folder: Path, port: int, topic: str = "edgeguard/v1/#", version: str = "5") -> Iterator[None]:
    """mosquitto_sub at QoS 1 writing `topic payload` lines to sub.log; at the end all of them are judged by the schemas.

    Begins when the `mosquitto` of the same folder has told of the subscription.
    """
    command = ["mosquitto_sub", "-h", "127.0.0.1", "-p", str(port), "-V", version, "-q", "1", "-t", topic, "-F", "%t %p"]

    def subscriptions() -> int:
        return (folder / "mosquitto.log").read_text(encoding="utf-8", errors="replace").count(f" 1 {topic}\n")

    before = subscriptions()
    with process(["stdbuf", "-oL", *command], folder / "sub.log"):
        wait_for(lambda: subscriptions() > before, "the subscription")
        yield
    consumer(folder)


def consumer(folder: Path) -> Consumer:
    """What the subscriber has seen so far; a line still being written is left out."""
    result = Consumer()
    text = (folder / "sub.log").read_text(encoding="utf-8", errors="replace")
    result.take_lines(text[: text.rfind("\n") + 1])
    return result
