"""The service files, judged by systemd's own tools."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SYSTEMD = Path(__file__).resolve().parents[2] / "systemd"
UNIT = SYSTEMD / "edgeguard.service"
DROP_INS = sorted((SYSTEMD / "drop-ins").glob("*.conf"))
EXPOSURE_MAX = 15
"""Of 100; systemd prints a tenth of it."""


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def _run(*command: str) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, "SYSTEMD_COLORS": "0"}
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    return done.stdout + done.stderr


def _installed(where: Path, drop_in: Path | None = None) -> Path:
    """The unit as on a gateway, with a program that exists here in the daemon's place."""
    unit = where / UNIT.name
    unit.write_text(UNIT.read_text(encoding="utf-8").replace("/opt/edgeguard/venv/bin/edgeguard", "/bin/true"), encoding="utf-8")
    if drop_in is not None:
        folder = where / f"{UNIT.name}.d"
        folder.mkdir()
        shutil.copy(drop_in, folder)
    return unit


@pytest.mark.parametrize("drop_in", [None, *DROP_INS], ids=lambda p: p.stem if p else "alone")
def test_systemd_finds_no_fault_with_the_unit(tmp_path: Path, drop_in: Path | None) -> None:
    assert _run(_tool("systemd-analyze"), "verify", "--man=no", str(_installed(tmp_path, drop_in))) == ""


@pytest.mark.parametrize("drop_in", [None, *DROP_INS], ids=lambda p: p.stem if p else "alone")
def test_a_camera_that_the_kernel_ends_for_want_of_memory_ends_nothing_else(tmp_path: Path, drop_in: Path | None) -> None:
    """Without a word systemd stops the whole service when the kernel has ended one of its processes (systemd.service(5))."""
    files = [_installed(tmp_path, drop_in), *tmp_path.glob("*.d/*.conf")]
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    assert [line for line in lines if line.startswith("OOMPolicy=")] == ["OOMPolicy=continue"]


def test_the_exposure_is_within_the_bar(tmp_path: Path) -> None:
    _run(
        _tool("systemd-analyze"),
        "security",
        "--offline=true",
        "--no-pager",
        f"--threshold={EXPOSURE_MAX}",
        str(_installed(tmp_path)),
    )


def test_the_exposure_test_would_see_a_softer_unit(tmp_path: Path) -> None:
    unit = _installed(tmp_path)
    unit.write_text(unit.read_text(encoding="utf-8").replace("NoNewPrivileges=yes", ""), encoding="utf-8")
    command = (_tool("systemd-analyze"), "security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE_MAX}", str(unit))
    assert subprocess.run(command, capture_output=True, timeout=60, check=False).returncode != 0


def test_sysusers_makes_a_user_without_a_shell(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    _run(_tool("systemd-sysusers"), f"--root={tmp_path}", str(SYSTEMD / "edgeguard.sysusers.conf"))
    accounts = dict(line.split(":", 1) for line in (tmp_path / "etc/passwd").read_text(encoding="utf-8").splitlines())
    assert accounts["edgeguard"].endswith(":/var/lib/edgeguard:/usr/sbin/nologin")
    groups = (tmp_path / "etc/group").read_text(encoding="utf-8")
    assert re.search(r"^edgeguard:", groups, re.MULTILINE)
    assert re.search(r"^dialout:", groups, re.MULTILINE)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to another user")
def test_tmpfiles_keeps_secrets_from_the_daemons_user(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    _run(_tool("systemd-sysusers"), f"--root={tmp_path}", str(SYSTEMD / "edgeguard.sysusers.conf"))
    _run(_tool("systemd-tmpfiles"), "--create", f"--root={tmp_path}", str(SYSTEMD / "edgeguard.tmpfiles.conf"))
    configuration, secrets = (tmp_path / "etc/edgeguard").stat(), (tmp_path / "etc/edgeguard/credentials").stat()
    accounts = dict(line.split(":", 1) for line in (tmp_path / "etc/group").read_text(encoding="utf-8").splitlines())
    assert (configuration.st_mode & 0o777, configuration.st_uid) == (0o750, 0)
    assert configuration.st_gid == int(accounts["edgeguard"].split(":")[1])
    assert (secrets.st_mode & 0o777, secrets.st_uid, secrets.st_gid) == (0o700, 0, 0)


def test_the_calls_that_python_and_the_clock_need_are_allowed() -> None:
    listing = _run(_tool("systemd-analyze"), "--no-pager", "syscall-filter", "@clock")
    unit = UNIT.read_text(encoding="utf-8")
    assert {"adjtimex", "clock_adjtime"} <= set(listing.split())
    assert "\nSystemCallFilter=adjtimex clock_adjtime\n" in unit
    assert not re.search(r"^ProtectClock=", unit, re.MULTILINE)
