"""What a person says of the facade before a camera: where it is in the picture, what to leave out, where the floors are."""

from dataclasses import dataclass

Spot = tuple[float, float]
"""x and y in px of the picture for which the file was written."""


@dataclass(frozen=True, slots=True)
class FloorLine:
    """A storey's floor slab as a line in the picture; the ground floor's is 0 or 1, as the house counts."""

    floor: int
    start: Spot
    end: Spot


@dataclass(frozen=True, slots=True)
class Mount:
    """How the camera hangs: degrees upwards, focal length in px, metres to the facade and above the ground."""

    pitch_deg: float
    focal_px: float
    distance_m: float
    height_m: float


@dataclass(frozen=True, slots=True)
class FacadeSpec:
    """All of it; nothing is needed, and without `lines` or `mount` no floor is given."""

    size: tuple[int, int] | None = None
    """Width and height of the picture that the positions are of; another size is scaled to."""
    fps: float | None = None
    polygon: tuple[Spot, ...] = ()
    masks: tuple[tuple[Spot, ...], ...] = ()
    storey_m: float = 3.0
    lines: tuple[FloorLine, ...] = ()
    mount: Mount | None = None
    ground_floor: int = 1
    skipped_floors: tuple[int, ...] = ()
    """Numbers that the house does not have (4, 13, 14, or 0 between -1 and 1), lowest first."""
    slow_falls: bool = False
    """Whether things that sink (bags, paper) are told too, as a class of their own."""
    columns: tuple[float, ...] = ()
    """x of the borders between window columns, from left to right."""
    first_column: int = 1
    """Number of the leftmost column of this picture; cameras that see parts of one wall count on from each other."""
    focal_px: float | None = None
    """Beside `lines`: the lens, from which the distance follows and with it what size is seen where."""
