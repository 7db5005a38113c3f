import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder with a short name: a Unix socket's path has 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="eg-") as folder:
        yield Path(folder)
