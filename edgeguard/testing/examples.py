"""How many examples a property test tries that needs more, or can afford fewer, than the others."""

import os
from typing import Final

FULL: Final = 40
"""The default of the full lane; the numbers that tests name are meant for it."""


def default_examples() -> int:
    """What a test tries that names no number: EDGEGUARD_EXAMPLES, else a dozen, for the fast lane."""
    return int(os.environ.get("EDGEGUARD_EXAMPLES", "12"))


def examples(full: int) -> int:
    """`full` examples in the full lane; in another as many more or fewer as its default is, three at least."""
    return max(3, full * default_examples() // FULL)
