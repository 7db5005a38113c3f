"""Finding out what hangs on a wire: which settings, which protocols, which addresses, which models. Asks, and never writes.

Everything goes through a bus at the lowest priority, so that whoever polls that bus is served first. What is found becomes a
proposal; a person decides what of it becomes configuration.
"""

from edgeguard.discovery.explore import Explorer
from edgeguard.discovery.found import Found, Noise, Progress
from edgeguard.discovery.walk import Question, Walk, line_walk, network_walk

__all__ = ["Explorer", "Found", "Noise", "Progress", "Question", "Walk", "line_walk", "network_walk"]
