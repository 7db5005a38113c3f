"""The daemon as the unit's User= runs it, as far as that can be had without systemd: another user without capabilities, no new
privileges, no core, the program read-only. It starts, answers, writes its own folder and nothing of the program.
"""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import process, site_text, wait_for

import edgeguard

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become the service's user"),
    pytest.mark.skipif(not (shutil.which("setpriv") and shutil.which("unshare")), reason="needs setpriv and unshare"),
]

UID = 54399
PACKAGE = Path(edgeguard.__file__).parent
AS_SERVICE = (
    *("setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", "--no-new-privs"),
    *("--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all"),
    # setpriv itself may still look past permissions when it starts what follows; a shell started by it may not
    *("sh", "-c", 'exec "$@"', "sh"),
)
ENVIRON = {**os.environ, "PYTHONPATH": os.pathsep.join([str(PACKAGE.parent), sysconfig.get_paths()["platlib"]])}
READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
TRIES = """
import pathlib, sys
taken = []
for path in pathlib.Path(sys.argv[1]).rglob("*"):
    try:
        (path / "planted.py" if path.is_dir() else path).open("ab").close()
        taken.append(str(path))
    except OSError:
        continue
print(len(taken), *taken[:3])
sys.exit(not pathlib.Path(sys.argv[1]).is_dir())
"""


@pytest.fixture(scope="module")
def python() -> str:
    """An interpreter of this version that other users may start, and that finds what this one has installed."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for one in (sys.executable, f"/usr/bin/{version}"):
        probe = [*AS_SERVICE, one, "-c", "import edgeguard.runtime.daemon"]
        if subprocess.run(probe, check=False, timeout=60, env=ENVIRON, cwd="/", capture_output=True).returncode == 0:
            return one
    pytest.skip(f"no {version} here that other users may start")


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder of the service's user; pytest's own may be passed by root alone."""
    with tempfile.TemporaryDirectory(prefix="eg-") as name:
        os.chown(name, UID, UID)
        yield Path(name)


def _command(*words: str) -> list[str]:
    """As the service's user, with the program's folder mounted read-only."""
    return ["unshare", "--mount", "sh", "-c", READ_ONLY, str(PACKAGE), *AS_SERVICE, *words]


def _facts(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def test_it_runs_with_no_right_beyond_its_own_folder(home: Path, python: str) -> None:
    if subprocess.run(_command("true"), check=False, timeout=60).returncode:
        pytest.skip("nothing can be mounted here")
    (home / "site.toml").write_text(site_text(home, None, {}, ""), encoding="utf-8")
    shutil.chown(home / "profiles", UID, UID)
    run = ("prlimit", "--core=0", python, "-m", "edgeguard", "run", "--config", str(home / "site.toml"))
    with process(_command(*run), home / "daemon.log", cwd="/", env=ENVIRON) as child:
        started = home / "control.sock"
        wait_for(lambda: started.exists() or child.poll() is not None, "the control socket", 60)
        assert child.poll() is None, (home / "daemon.log").read_text(encoding="utf-8")
        facts = _facts(child.pid)
        assert {facts[name] for name in ("CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb")} == {"0" * 16}
        assert (facts["NoNewPrivs"], facts["Uid"].split(), facts["Groups"]) == ("1", [str(UID)] * 4, "")
        limits = Path(f"/proc/{child.pid}/limits").read_text(encoding="ascii")
        assert next(line.split()[4:6] for line in limits.splitlines() if line.startswith("Max core")) == ["0", "0"]
        assert {path.stat().st_uid for path in (home / "state").rglob("*")} == {UID}
        child.send_signal(signal.SIGTERM)
        assert child.wait(60) == 0


def test_it_can_change_nothing_of_the_program(home: Path, python: str) -> None:
    def taken(folder: Path) -> str:
        """How many files and folders below it the service's user can write to, and which."""
        tried = [*AS_SERVICE, python, "-c", TRIES, str(folder)]
        return subprocess.run(tried, capture_output=True, text=True, timeout=60, check=True).stdout.strip()

    assert taken(PACKAGE) == "0"
    own = home / "own.py"
    own.touch()
    os.chown(own, UID, UID)
    assert taken(home) == f"1 {own}", "what is its own can be changed"
