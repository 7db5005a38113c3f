"""Films with known throws: a plan from a seed, the pictures, the encoded file beside its truth. Made once, kept in a folder."""

import contextlib
import itertools
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
from av.video.stream import VideoStream
from fall_scene import Grey, Scene
from fall_throw import Camera, NothingSeen, Throw, any_camera_for, camera_for, physical_throw_from, throw_from
from fall_weather import Canvas, Layer, dark, distractor, rain, shaken, snow, stamp

WEATHERS: Final = ("day", "shake", "wind", "rain", "snow", "night")
_GENERATION: Final = 2
"""Another one makes other films of the same plans; those of before are made anew."""
_CAMERAS: Final = 20
_TICKS: Final = 90_000
"""Of a stamp, a second."""
VISIBLE_LEVELS: Final = 12.0
"""Contrast at mid-way below which a person stepping through the pictures would not see the thing either."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a film follows from."""

    name: str
    scene: Callable[[], Scene]
    seed: int
    weather: str
    seconds: float
    sizes: tuple[tuple[float, float], ...] = ()
    """Apparent size of each throw, px; none: no throw."""
    distractors: tuple[str, ...] = ()
    codec: str = "libx264"
    crf: int = 24
    fps: float | None = None
    noise: float | None = None
    """Levels of the sensor's; None: 1.6 by day and 5 at night."""
    exposure_s: float | None = None
    shake_px: float | None = None
    """How far the pole swings; None: 2 where it shakes, 0.8 in wind, else not at all."""
    gop_s: float = 2.0
    is_wide: bool = False
    """Any camera rather than a well hung one, and no thing drawn larger or smaller than it is."""
    kbit_s: int | None = None
    """What the camera may send at most, as noise at night would take any rate."""
    denoises: bool = False
    """It takes a mean over pictures where little moves, and sharpens edges."""
    b_frames: int = 0
    """Pictures in a row that refer to later ones: of a recorder, not of a camera that is looked at live."""
    late_ms: float = 0.0
    """It stamps its pictures so much early or late at most, each by another amount."""


@dataclass(slots=True)
class Truth:
    """One throw as it was drawn: where at which second, how large, how clearly seen."""

    thing: str
    size_px: float
    speed_px_s: float
    contrast: float
    weather: str
    release_m: float
    track: list[tuple[float, float, float]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Film:
    """A file and what is in it."""

    path: Path
    plan_name: str
    weather: str
    seconds: float
    distractors: tuple[str, ...]
    truths: tuple[Truth, ...]
    camera: Camera


def made(plan: Plan, folder: Path) -> Film:
    """The film of a plan, rendered unless `folder` holds it already."""
    path = folder / f"{plan.name}.mp4"
    beside = path.with_suffix(".json")
    raw = json.loads(beside.read_text()) if beside.exists() else {}
    if raw.get("generation") != _GENERATION:
        folder.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".reel").unlink(missing_ok=True)
        beside.write_text(json.dumps(asdict(_render(plan, path)) | {"path": path.name, "generation": _GENERATION}))
        raw = json.loads(beside.read_text())
    truths = tuple(Truth(**{**one, "track": [tuple(p) for p in one["track"]]}) for one in raw["truths"])
    camera = Camera(**raw["camera"])
    return Film(path, raw["plan_name"], raw["weather"], raw["seconds"], tuple(raw["distractors"]), truths, camera)


def _render(plan: Plan, path: Path) -> Film:
    scene = plan.scene()
    rng = np.random.default_rng([plan.seed, 2])  # of its own: the plan has drawn its weather and its size from the same seed
    fps = plan.fps or scene.fps
    camera, throws = _aimed(plan, scene, rng)
    seconds = max(plan.seconds, throws[-1].end_s + 1.5 if throws else 0.0)
    exposure_s = plan.exposure_s or (1 / 30 if plan.weather == "night" else 1 / 250)
    layers = [distractor(kind, rng, scene.width, scene.height) for kind in plan.distractors]
    area = scene.width * scene.height / (640 * 360)
    if plan.weather == "rain":
        layers.append(rain(rng, scene.width, scene.height, int(rng.uniform(60, 250) * math.sqrt(area)), 1 / 100))
    if plan.weather == "snow":
        layers.append(snow(rng, scene.width, scene.height, int(rng.uniform(40, 150) * math.sqrt(area))))
    truths = [Truth(t.thing, t.size_px, _speed(t), 0.0, plan.weather, t.release_m) for t in throws]
    contrasts: list[list[float]] = [[] for _ in throws]
    writer, denoised = _Writer(path, scene, fps, plan), Denoised()
    for n in range(int(seconds * fps)):
        t_s = n / fps
        base = scene.picture(int(t_s * scene.fps))
        picture = _picture(plan, base, t_s, exposure_s, (throws, truths, contrasts), layers, rng)
        writer.add(denoised(picture) if plan.denoises else picture)
    writer.close()
    for truth, seen in zip(truths, contrasts, strict=True):
        truth.contrast = float(np.median(seen)) if seen else 0.0
    return Film(path, plan.name, plan.weather, seconds, plan.distractors, tuple(truths), camera)


def _aimed(plan: Plan, scene: Scene, rng: np.random.Generator) -> tuple[Camera, list[Throw]]:
    """A camera and the throws before it; where it cannot see any (a long lens near the wall), the next one."""
    camera_of, throw_of = (any_camera_for, physical_throw_from) if plan.is_wide else (camera_for, throw_from)
    for _ in range(_CAMERAS):
        camera = camera_of(rng, scene.width, scene.height)
        throws: list[Throw] = []
        start_s = rng.uniform(1.6, 2.4)
        with contextlib.suppress(NothingSeen):
            for size in plan.sizes:
                throws.append(throw_of(rng, camera, start_s, size))
                start_s = throws[-1].end_s + rng.uniform(2.2, 3.2)
            return camera, throws
    raise NothingSeen(f"{plan.name}: {_CAMERAS} cameras see no throw")


def _picture(
    plan: Plan,
    base: Grey,
    t_s: float,
    exposure_s: float,
    thrown: tuple[list[Throw], list[Truth], list[list[float]]],
    layers: list[Layer],
    rng: np.random.Generator,
) -> Grey:
    canvas: Canvas = base.astype(np.float32)
    night = plan.weather == "night"
    if night:
        dark(canvas)
    drawn = []
    for throw, truth, contrasts in zip(*thrown, strict=True):
        if (place := _draw(canvas, throw, t_s, exposure_s, night, contrasts)) is not None:
            truth.track.append((round(t_s, 4), *place))
            drawn.append(truth)
    for layer in layers:
        layer(canvas, t_s)
    canvas = cv2.GaussianBlur(canvas, (0, 0), 0.55)  # type: ignore[assignment]
    shake_px = {"shake": 2.0, "wind": 0.8}.get(plan.weather, 0.0) if plan.shake_px is None else plan.shake_px
    if shake_px:
        canvas = shaken(canvas, rng, t_s, shake_px)
    sigma = (5.0 if night else 1.6) if plan.noise is None else plan.noise
    canvas += _grain(rng, canvas.shape, sigma)
    return np.clip(canvas, 0, 255).astype(np.uint8)


def _draw(
    canvas: Canvas, throw: Throw, t_s: float, exposure_s: float, night: bool, contrasts: list[float]
) -> tuple[float, float] | None:
    middle = throw.at(t_s + exposure_s / 2)
    if middle is None:
        return None
    ends = [throw.at(t_s + part * exposure_s) for part in (0.0, 1.0)]
    smear = math.hypot(*(ends[1] - ends[0])[:2]) if ends[0] is not None and ends[1] is not None else 0.0
    count = max(1, int(smear) + 1)
    parts = [throw.at(t_s + exposure_s * (i + 0.5) / count) for i in range(count)]
    centres = np.array([part[:2] for part in parts if part is not None])
    value = throw.brightness * 0.5 + 10 if night else float(throw.brightness)
    x, y, half = float(middle[0]), float(middle[1]), float(middle[2]) / 2
    behind = float(canvas[min(int(y), canvas.shape[0] - 1), min(int(x), canvas.shape[1] - 1)])
    fill = min(1.0, 4 * half * half * throw.aspect) * min(1.0, 2 * half / max(smear, 1e-6))
    contrasts.append(abs(value - behind) * fill)
    aspect = throw.aspect + (1 - throw.aspect) * abs(math.sin(throw.spin * t_s)) * 0.3
    stamp(canvas, centres, half, min(aspect, 1.0), throw.spin * (t_s - throw.start_s), value)
    return round(x, 2), round(y, 2)


def _speed(throw: Throw) -> float:
    span = throw.step_s * (len(throw.track) - 1)
    return float(np.hypot(*np.diff(throw.track[:, :2], axis=0).T).sum() / span)


def _grain(rng: np.random.Generator, shape: tuple[int, ...], sigma: float) -> Canvas:
    """Sensor noise, cheaply: rows of a bank drawn at random offsets."""
    bank = rng.standard_normal(1 << 16, np.float32) * np.float32(sigma)
    starts = rng.integers(0, len(bank) - shape[1], shape[0])
    return np.asarray(np.stack([bank[s : s + shape[1]] for s in starts]))


class Denoised:
    """What a camera's image processor makes of pictures: each is mixed with those before, the more the less has changed, and edges
    are sharpened. A small thing that moves leaves a trail of afterimages."""

    def __init__(self) -> None:
        self._mean: Canvas | None = None

    def __call__(self, picture: Grey) -> Grey:
        """The next picture."""
        seen = picture.astype(np.float32)
        if self._mean is None:
            self._mean = seen
        change = seen - self._mean
        moved = cv2.GaussianBlur(np.abs(change), (0, 0), 1.0)
        self._mean = self._mean + np.clip((moved - 4.0) / 10.0, 0.2, 1.0) * change
        edges = self._mean - cv2.GaussianBlur(self._mean, (0, 0), 1.2)
        return np.asarray(np.clip(self._mean + 0.8 * edges, 0, 255), np.uint8)


class _Writer:
    """Encodes as a camera does: a key frame every two seconds, no pictures that refer forwards unless that is asked for."""

    def __init__(self, path: Path, scene: Scene, fps: float, plan: Plan) -> None:
        self._container = av.open(str(path), "w")
        options = {
            "preset": "veryfast" if plan.kbit_s is None or plan.b_frames else "superfast",
            "crf": str(plan.crf),
            "x265-params": "log-level=none:pools=none",
            "threads": "1",
        }
        options |= {"bf": str(plan.b_frames)} if plan.b_frames else {"tune": "zerolatency"}
        if plan.kbit_s is not None:
            options |= {"maxrate": f"{plan.kbit_s}k", "bufsize": f"{plan.kbit_s}k"}
        stream = self._container.add_stream(plan.codec, rate=Fraction(fps).limit_denominator(1001), options=options)
        assert isinstance(stream, VideoStream)
        self._stream = stream
        self._even = scene.height // 2 * 2, scene.width // 2 * 2
        stream.height, stream.width = self._even
        stream.pix_fmt = "yuv420p"
        stream.gop_size = round(plan.gop_s * fps)
        stream.codec_context.time_base = Fraction(1, _TICKS)
        self._stamps = _stamps(plan, fps)

    def add(self, picture: Grey) -> None:
        rows, columns = self._even
        planes = np.vstack([picture[:rows, :columns], np.full((rows // 2, columns), 128, np.uint8)])
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        frame.pts, frame.time_base = next(self._stamps), Fraction(1, _TICKS)
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        self._container.mux(self._stream.encode(None))
        self._container.close()


def _stamps(plan: Plan, fps: float) -> Iterator[int]:
    """In ticks, growing."""
    rng, last = np.random.default_rng([plan.seed, 1]), -1
    for n in itertools.count():
        late_s = rng.uniform(-plan.late_ms, plan.late_ms) / 1000 if n else 0.0
        last = max(last + _TICKS // 500, round((n / fps + late_s) * _TICKS))
        yield last
