"""Every pinned run-time package has a wheel for the machines that we say we run on: nothing is compiled on a gateway."""

import itertools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

Downloads = dict[tuple[str, str], tuple[Path, subprocess.Popen[str]]]
"""Folder and process by Python and architecture."""

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


def _pip_download(where: Path, python: str, architecture: str, *what: str) -> subprocess.Popen[str]:
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
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skips when no registry answers: without one nothing can be shown."""
    with _pip_download(tmp_path_factory.mktemp("probe"), PYTHONS[0], ARCHITECTURES[0], "iniconfig") as tried:
        told = tried.communicate(timeout=100)[1]
    if tried.returncode != 0 and any(words in told for words in UNREACHABLE):
        pytest.skip("no package registry can be reached")


@pytest.fixture(scope="module")
def downloads(registry: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Downloads]:
    """One for each machine, all at once: they wait for the network, not for the processor."""
    del registry
    begun: Downloads = {}
    try:
        for machine in itertools.product(PYTHONS, ARCHITECTURES):
            where = tmp_path_factory.mktemp("wheels")
            begun[machine] = where, _pip_download(where, *machine, "--require-hashes", f"--requirement={LOCK}")
        yield begun
    finally:
        for _, child in begun.values():
            child.kill()
            child.communicate()


@pytest.mark.timeout(400)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("python", PYTHONS)
def test_every_pinned_package_has_a_wheel(downloads: Downloads, python: str, architecture: str) -> None:
    where, child = downloads[python, architecture]
    told = child.communicate(timeout=300)[1]
    assert child.returncode == 0, told
    pins = [line for line in LOCK.read_text(encoding="utf-8").splitlines() if "==" in line and "win32" not in line]
    wheels = sorted(path.name for path in where.iterdir())
    assert all(name.endswith(".whl") for name in wheels)
    assert len(wheels) == len(pins), wheels
