"""Every pinned run-time package has a wheel for the machines that we say we run on: nothing is compiled on a gateway."""

import subprocess
import sys
from pathlib import Path

import pytest

LOCK = Path(__file__).resolve().parents[2] / "requirements.lock"
ARCHITECTURES = ("x86_64", "aarch64")
PYTHONS = ("3.11", "3.13")
MANYLINUX = ("manylinux_2_28", "manylinux_2_17", "manylinux2014", "manylinux_2_5", "manylinux1")
"""Debian 11 and Raspberry Pi OS 11 have glibc 2.31, so 2.28 and all older tags fit."""
UNREACHABLE = (
    "No matching distribution found",
    "Max retries exceeded",
    "NewConnectionError",
    "Temporary failure in name resolution",
)


def _pip_download(where: Path, python: str, architecture: str, *what: str) -> subprocess.CompletedProcess[str]:
    platforms = [f"--platform={tag}_{architecture}" for tag in MANYLINUX]
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--only-binary=:all:",
        "--no-deps",
    ]
    command += ["--implementation=cp", f"--python-version={python}", f"--dest={where}", *platforms, *what]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skips when no registry answers: without one nothing can be shown."""
    tried = _pip_download(tmp_path_factory.mktemp("probe"), PYTHONS[0], ARCHITECTURES[0], "iniconfig")
    if tried.returncode != 0 and any(words in tried.stderr for words in UNREACHABLE):
        pytest.skip("no package registry can be reached")


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("python", PYTHONS)
def test_every_pinned_package_has_a_wheel(registry: None, tmp_path: Path, python: str, architecture: str) -> None:
    done = _pip_download(tmp_path, python, architecture, "--require-hashes", f"--requirement={LOCK}")
    assert done.returncode == 0, done.stderr
    pins = [line for line in LOCK.read_text(encoding="utf-8").splitlines() if "==" in line and "win32" not in line]
    wheels = sorted(path.name for path in tmp_path.iterdir())
    assert all(name.endswith(".whl") for name in wheels)
    assert len(wheels) == len(pins), wheels
