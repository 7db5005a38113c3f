"""A lane in a gate camera's picture, and the line that says when a vehicle has passed."""

from dataclasses import dataclass

from edgeguard.core.facade import Spot


@dataclass(frozen=True, slots=True)
class LaneSpec:
    """A lane in a camera's picture, in shares of its width and height.

    A vehicle is in it while the middle of its plate is within `polygon` (none: everywhere), and has crossed when that middle has
    gone over `line` (none: when it has been read).
    """

    name: str
    polygon: tuple[Spot, ...] = ()
    line: tuple[Spot, Spot] | None = None
