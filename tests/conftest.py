"""How hard property tests try: a dozen examples each in the fast lane, 40 in `make test`, thousands when somebody asks for it.

`EDGEGUARD_EXAMPLES=2000 make unit` is a night's work; tests that name a number through `examples()` grow with it.
"""

import gc

from hypothesis import settings

from edgeguard.testing.examples import default_examples

settings.register_profile("edgeguard", max_examples=default_examples(), deadline=None)
settings.load_profile("edgeguard")


def pytest_collection_finish() -> None:
    """What collecting has made stays till the end: the collector of garbage need not look through it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
