"""Builds the C programs beside the benchmarks and system tests: a slave and a client on Debian's libmodbus."""

import shutil
import subprocess
from pathlib import Path

SOURCES = Path(__file__).resolve().parent.parent / "native"


def missing() -> str:
    """What is not installed, in words; empty when everything is there."""
    if shutil.which("gcc") is None or shutil.which("pkg-config") is None:
        return "gcc and pkg-config are needed"
    if subprocess.run(["pkg-config", "--exists", "libmodbus"], check=False).returncode:
        return "libmodbus-dev is needed"
    return ""


def build(name: str, folder: Path) -> Path:
    """Compile tests/native/NAME.c into `folder`; CalledProcessError with the compiler's words if it fails."""
    program = folder / name
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "libmodbus"], check=True, capture_output=True, text=True)
    source = str(SOURCES / f"{name}.c")
    subprocess.run(["gcc", "-O2", "-Wall", source, "-o", str(program), *flags.stdout.split()], check=True, capture_output=True)
    return program
