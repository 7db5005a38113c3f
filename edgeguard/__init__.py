"""edgeguard: the edge gateway of a residential building.

This package must stay importable at no cost: it imports nothing.
"""

__version__ = "0.1.0"
