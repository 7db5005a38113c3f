"""Programs that system tests need: skipped with words on a machine without them, built once where they are C."""

import shutil
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "bench")]


@pytest.fixture(scope="session")
def libmodbus_slave(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The C slave of tests/native, built on Debian's libmodbus."""
    import native

    if words := native.missing():
        pytest.skip(words)
    return native.build("slave", tmp_path_factory.mktemp("native"))


@pytest.fixture
def needs_mosquitto() -> None:
    """Skip where Debian's broker is not installed; `make test` installs it."""
    if shutil.which("mosquitto") is None or shutil.which("mosquitto_sub") is None:
        pytest.skip("mosquitto and mosquitto-clients are needed")
