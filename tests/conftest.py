"""How hard property tests try: a dozen examples each in the fast lane, 40 in `make test`, thousands when somebody asks for it.

`EDGEGUARD_EXAMPLES=2000 make unit` is a night's work; tests that name a number of their own keep to it.
"""

import os

from hypothesis import settings

settings.register_profile("edgeguard", max_examples=int(os.environ.get("EDGEGUARD_EXAMPLES", "12")), deadline=None)
settings.load_profile("edgeguard")
