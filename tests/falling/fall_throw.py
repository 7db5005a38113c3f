"""Throws as physics has them: thirteen kinds of thing, quadratic drag, a pinhole camera before a facade. Nothing is drawn here."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

G: Final = 9.81
AIR: Final = 1.2
"""Density, kg/m3."""


@dataclass(frozen=True, slots=True)
class Thing:
    """What is thrown: extents in m, mass in kg, drag coefficient, how bright (0-255) and how slim it looks."""

    name: str
    size_m: tuple[float, float]
    density: float
    drag: float
    brightness: tuple[int, int]
    aspect: float
    shape: str


THINGS: Final = (
    Thing("cigarette end", (0.03, 0.04), 200, 0.9, (170, 230), 0.35, "box"),
    Thing("bottle cap", (0.03, 0.04), 500, 0.9, (30, 220), 0.6, "disc"),
    Thing("egg", (0.04, 0.06), 1030, 0.5, (150, 230), 0.8, "disc"),
    Thing("apple", (0.07, 0.09), 800, 0.5, (60, 160), 1.0, "disc"),
    Thing("can", (0.06, 0.12), 250, 0.8, (60, 230), 0.55, "box"),
    Thing("bottle", (0.07, 0.25), 300, 0.8, (40, 200), 0.3, "box"),
    Thing("ball", (0.1, 0.22), 120, 0.45, (40, 230), 1.0, "disc"),
    Thing("shoe", (0.1, 0.3), 250, 0.9, (20, 200), 0.45, "box"),
    Thing("book", (0.15, 0.28), 600, 1.0, (50, 230), 0.7, "box"),
    Thing("brick", (0.1, 0.24), 1800, 1.0, (60, 130), 0.5, "box"),
    Thing("flower pot", (0.12, 0.3), 700, 0.9, (60, 150), 0.9, "disc"),
    Thing("rubbish bag", (0.25, 0.5), 80, 0.9, (10, 230), 0.9, "disc"),
    Thing("box", (0.2, 0.6), 90, 1.0, (90, 200), 0.8, "box"),
)


class NothingSeen(ValueError):
    """No throw is long enough in a camera's picture."""


@dataclass(frozen=True, slots=True)
class Camera:
    """A pinhole before a facade: `distance_m` away, lens at `height_m`, looking up by `pitch` radians."""

    width: int
    height: int
    focal_px: float
    distance_m: float
    height_m: float
    pitch: float

    def project(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """n by 3 (to the right, out of the facade, up; m) to n by 3: x px, y px, px per m there."""
        ahead = self.distance_m - points[:, 1]
        up = points[:, 2] - self.height_m
        depth = ahead * math.cos(self.pitch) + up * math.sin(self.pitch)
        rise = up * math.cos(self.pitch) - ahead * math.sin(self.pitch)
        scale = self.focal_px / np.maximum(depth, 0.5)
        return np.column_stack([self.width / 2 + points[:, 0] * scale, self.height / 2 - rise * scale, scale])

    def height_at(self, row: float) -> float:
        """Height on the facade of an image row in the middle column, m."""
        angle = self.pitch + math.atan2(self.height / 2 - row, self.focal_px)
        return self.height_m + self.distance_m * math.tan(angle)

    def row_at(self, height_m: float) -> float:
        """Image row in the middle column of a height on the facade: the other way round."""
        angle = math.atan2(height_m - self.height_m, self.distance_m) - self.pitch
        return self.height / 2 - self.focal_px * math.tan(angle)


@dataclass(frozen=True, slots=True)
class Throw:
    """One throw: when it leaves the hand, where it is at every fine step, and how large it looks."""

    thing: str
    shape: str
    aspect: float
    start_s: float
    step_s: float
    track: NDArray[np.float64]
    """Steps by 3: x px, y px, diameter px (of the longer side)."""
    brightness: int
    spin: float
    release_m: float
    speed_m_s: float

    @property
    def end_s(self) -> float:
        """When it lands or leaves the picture."""
        return self.start_s + self.step_s * (len(self.track) - 1)

    def at(self, t_s: float) -> NDArray[np.float64] | None:
        """x, y, diameter at a moment, None when it is not in the air."""
        place = (t_s - self.start_s) / self.step_s
        if not 0 <= place <= len(self.track) - 1:
            return None
        i = min(int(place), len(self.track) - 2)
        part = place - i
        return np.asarray(self.track[i] * (1 - part) + self.track[i + 1] * part)

    @property
    def size_px(self) -> float:
        """The square root of its sides' product, over the middle of the way."""
        return float(np.median(self.track[:, 2])) * math.sqrt(self.aspect)


def camera_for(rng: np.random.Generator, width: int, height: int) -> Camera:
    """As installers do it: 12 to 30 m away on a pole, looking up so that the ground is just out of the picture or just in it."""
    distance = rng.uniform(10, 30)
    view = math.radians(rng.uniform(35, 65))
    focal = height / 2 / math.tan(view / 2)
    pitch = view / 2 - math.radians(rng.uniform(0, 12))
    return Camera(width, height, focal, distance, rng.uniform(2, 5), pitch)


def any_camera_for(rng: np.random.Generator, width: int, height: int) -> Camera:
    """Nearer and farther, narrower and wider than installers should: 5 to 60 m away."""
    distance = 5 * 12 ** rng.random()
    view = math.radians(rng.uniform(20, 65))
    focal = height / 2 / math.tan(view / 2)
    pitch = view / 2 - math.radians(rng.uniform(0, 12))
    return Camera(width, height, focal, distance, rng.uniform(2, 8), pitch)


def physical_throw_from(rng: np.random.Generator, camera: Camera, start_s: float, size_px: tuple[float, float]) -> Throw:
    """A throw that this camera sees for half a second at least, as near to `size_px` as things of 3 to 60 cm look there."""
    best, off = None, math.inf
    for _ in range(120):
        made = _fly(rng, camera, THINGS[rng.integers(len(THINGS))], start_s)
        if len(made.track) * made.step_s < 0.5:
            continue
        size = made.size_px
        beyond = math.log(max(size_px[0] / size, size / size_px[1], 1.0))
        if best is None or beyond < off:
            best, off = made, beyond
        if beyond == 0.0:
            break
    if best is None:
        raise NothingSeen("this camera sees no throw")
    return best


def throw_from(rng: np.random.Generator, camera: Camera, start_s: float, size_px: tuple[float, float] | None = None) -> Throw:
    """A throw that this camera sees for half a second at least; its looks lie within `size_px`, where that is possible, and are
    made to do so where it is not."""
    best: Throw | None = None
    for _ in range(400):
        thing = THINGS[rng.integers(len(THINGS))]
        made = _fly(rng, camera, thing, start_s)
        if len(made.track) * made.step_s < 0.5:
            continue
        best = made
        if size_px is None or size_px[0] <= made.size_px <= size_px[1]:
            return made
    if best is None:
        raise NothingSeen("this camera sees no throw")
    if size_px is not None:
        scale = rng.uniform(*size_px) / best.size_px
        best.track[:, 2] *= scale
    return best


def _fly(rng: np.random.Generator, camera: Camera, thing: Thing, start_s: float) -> Throw:
    top = min(camera.height_at(rng.uniform(0.03, 0.6) * camera.height), 100.0)
    release = max(top, 4.0)
    size = rng.uniform(*thing.size_m)
    minor = size * thing.aspect
    mass = thing.density * size * minor * minor * (0.52 if thing.shape == "disc" else 1.0)
    area = size * minor * 0.8
    speed = rng.uniform(0, 7) * (rng.random() < 0.75)
    direction, lift = rng.uniform(-1, 1), rng.uniform(-0.3, 0.5)
    flat = math.cos(lift)
    vx, vy, vz = speed * flat * math.sin(direction), speed * flat * math.cos(direction), speed * math.sin(lift)
    half = camera.width / 2 / camera.focal_px * camera.distance_m
    x, y, z = rng.uniform(-0.7, 0.7) * half, 0.3, release
    step_s = 1 / 240
    points: list[tuple[float, float, float]] = []
    drag = 0.5 * AIR * thing.drag * area / mass
    while z > 0.1 and len(points) < 2400:
        points.append((x, y, z))
        held = drag * math.sqrt(vx * vx + vy * vy + vz * vz) * step_s
        vx, vy, vz = vx - held * vx, vy - held * vy, vz - held * vz - G * step_s
        x, y, z = x + vx * step_s, max(y + vy * step_s, 0.2), z + vz * step_s
    seen = camera.project(np.array(points))
    inside = (seen[:, 0] > 3) & (seen[:, 0] < camera.width - 3) & (seen[:, 1] > 3) & (seen[:, 1] < camera.height - 3)
    gone = np.flatnonzero(~inside)
    end = int(gone[0]) if len(gone) else len(seen)
    track = np.column_stack([seen[:end, 0], seen[:end, 1], seen[:end, 2] * size])
    return Throw(
        thing.name,
        thing.shape,
        thing.aspect,
        start_s,
        step_s,
        track,
        int(rng.integers(*thing.brightness)),
        float(rng.uniform(-12, 12)),
        release,
        speed,
    )
