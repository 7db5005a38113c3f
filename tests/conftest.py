"""How hard property tests try: a dozen examples each in the fast lane, 40 in `make test`, thousands when somebody asks for it.

`EDGEGUARD_EXAMPLES=2000 make unit` is a night's work; tests that name a number through `examples()` grow with it.
"""

import gc
import os
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

from edgeguard.testing.examples import default_examples

# As in a camera's process, and before numpy is there: threads of small matrices wait for each other on a busy machine.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

settings.register_profile("edgeguard", max_examples=default_examples(), deadline=None)
settings.load_profile("edgeguard")


def pytest_collection_finish() -> None:
    """What collecting has made stays till the end: the collector of garbage need not look through it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.fixture(autouse=True)
def _log_as_it_was() -> Iterator[None]:
    """Commands set up the log of their process; what the next test hears must not hang on which of them came before it."""
    before = structlog.get_config()
    yield
    if structlog.get_config() != before:
        structlog.configure(**before)
