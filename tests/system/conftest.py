"""Programs that system tests need: skipped with words on a machine without them, built once where they are C.

Every test in this folder is slow, whether it says so or not: the fast lane does not look in here.
"""

import fcntl
import shutil
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
NODE = HERE.parent / "native" / "node"
sys.path[:0] = [str(HERE), str(HERE.parent / "bench")]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Before marks choose what is run."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session", autouse=True)
def _children_can_be_interrupted() -> Iterator[None]:
    """Where the runner ignores Ctrl-C (started by nohup, or by a script in the background) its children would inherit that."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def every_message_is_judged(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever an uplink has published in a test of this folder is held against the published schemas once the test is over.

    Not before: many tests measure what is late, and judging takes time. Daemons in processes of their own are held by
    `harness.subscribe`, which judges what it has heard.
    """
    from edgeguard.testing.messages import check_message
    from edgeguard.uplink.envelope import Parts
    from edgeguard.uplink.session import Session

    said: deque[tuple[str, bytes]] = deque(maxlen=20_000)
    publish = Session.publish

    def noted(self: Session, topic: str, parts: Parts, retain: bool = False, correlation: bytes | None = None) -> int:
        said.append((topic, b"".join(parts)))
        return publish(self, topic, parts, retain, correlation)

    monkeypatch.setattr(Session, "publish", noted)
    yield
    for topic, payload in said:
        check_message(topic, payload)


@pytest.fixture(scope="session")
def libmodbus_slave(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The C slave of tests/native, built on Debian's libmodbus."""
    import native

    if words := native.missing():
        pytest.skip(words)
    return native.build("slave", tmp_path_factory.mktemp("native"))


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What makes the disk of a child fail, built on this machine."""
    import bad_disk

    if shutil.which("gcc") is None or not sys.platform.startswith("linux"):
        pytest.skip("gcc is needed")
    return bad_disk.build(tmp_path_factory.mktemp("native"))


@pytest.fixture
def needs_mosquitto() -> None:
    """Skip where Debian's broker is not installed; `make test` installs it."""
    if shutil.which("mosquitto") is None or shutil.which("mosquitto_sub") is None:
        pytest.skip("mosquitto and mosquitto-clients are needed")


@pytest.fixture(scope="session")
def node() -> Path:
    """What is foreign and written in JavaScript (or comes by npm), fetched once by the lock file; the folder."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are needed")
    stamp, lock = NODE / "node_modules" / ".package-lock.json", NODE / "package-lock.json"
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # each worker comes here
        if stamp.exists() and stamp.stat().st_mtime >= lock.stat().st_mtime:
            return NODE
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        try:
            fetched = subprocess.run(command, cwd=NODE, capture_output=True, text=True, timeout=100, check=False)
        except subprocess.TimeoutExpired:
            pytest.skip("npm does not get its packages in time")
        if fetched.returncode:
            pytest.skip(f"npm cannot get its packages: {fetched.stderr.strip()[-200:]}")
    return NODE
