"""What else is in the air and before the lens: rain, snow, wind, night, birds, leaves, laundry, people, headlights, flicker.

Each is a layer: a function of picture number and time that changes a float picture in place. All follow from a seed.
"""

import math
from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Canvas = NDArray[np.float32]
Layer = Callable[[Canvas, float], None]

DISTRACTORS: Final = ("bird", "leaf", "laundry", "person", "headlight", "flicker", "insect", "drip", "ball", "glint", "bag")
OTHERS: Final = (*DISTRACTORS, "plane", "cloud", "flock", "car", "shadow")
"""With those that the older sets of films do not know."""


def stamp(
    canvas: Canvas, centres: NDArray[np.float64], half: float, aspect: float, angle: float, value: float, share: float = 1.0
) -> None:
    """Blend one thing into the canvas, smeared over `centres` (n by 2): an ellipse of half-length `half`, `aspect` as slim."""
    reach = half + 2
    left, top = np.floor(centres.min(axis=0) - reach).astype(int)
    right, bottom = np.ceil(centres.max(axis=0) + reach).astype(int) + 1
    left, top, right, bottom = max(left, 0), max(top, 0), min(right, canvas.shape[1]), min(bottom, canvas.shape[0])
    if right <= left or bottom <= top:
        return
    rows, columns = np.mgrid[top:bottom, left:right].astype(np.float32)
    cover = np.zeros(rows.shape, np.float32)
    cos, sin = math.cos(angle), math.sin(angle)
    minor = max(half * aspect, 0.05)
    for x, y in centres:
        along = (columns - x) * cos + (rows - y) * sin
        across = (rows - y) * cos - (columns - x) * sin
        radius = np.hypot(along / max(half, 0.05), across / minor)
        cover += np.clip((1 - radius) * minor + 0.5, 0, 1) * min(1.0, 4 * half * minor)
    area = canvas[top:bottom, left:right]
    area += (value - area) * (share * cover / len(centres))


def rain(rng: np.random.Generator, width: int, height: int, drops: int, exposure_s: float) -> Layer:
    """Drops between 1.5 and 25 m away, 6 to 9 m/s, each a streak of light; near ones long, wide and faint."""
    focal = 1.2 * height
    depth = 1.5 + 23.5 * rng.random(drops) ** 0.7
    speed = focal * rng.uniform(6, 9, drops) / depth
    slant = rng.normal(0.05, 0.03, drops)
    x0, y0 = rng.uniform(-0.1, 1.1, drops) * width, rng.uniform(0, 1, drops) * height
    gain = np.minimum(0.35, 0.12 + 0.6 / depth)
    wide = np.maximum(0.5, 0.0025 * focal / depth)

    def layer(canvas: Canvas, t_s: float) -> None:
        way = y0 + speed * t_s
        turn = np.floor(way / (1.3 * height))
        y = way - turn * 1.3 * height - 0.15 * height
        x = (x0 + 7919.0 * turn) % (1.2 * width) - 0.1 * width
        veil = np.zeros((height, width), np.uint8)
        for i in range(drops):
            long = exposure_s * speed[i]
            ends = [(x[i], y[i]), (x[i] + slant[i] * long, y[i] + long)]
            start, end = ((round(px * 16), round(py * 16)) for px, py in ends)
            cv2.line(veil, start, end, (255 * gain[i],), max(1, round(2 * wide[i])), cv2.LINE_AA, 4)
        canvas += (235 - canvas) * (veil * np.float32(1 / 255))

    return layer


def snow(rng: np.random.Generator, width: int, height: int, flakes: int) -> Layer:
    """Flakes of 1 to 2 m/s that swing as they sink."""
    depth = 2 + 20 * rng.random(flakes)
    speed = 1.2 * height * rng.uniform(0.8, 1.8, flakes) / depth
    x0, y0, phase = rng.random(flakes) * width, rng.random(flakes) * height, rng.random(flakes) * 6.28
    drift = 1.2 * height * rng.normal(0.3, 0.2, flakes) / depth
    radius = np.maximum(0.6, 0.006 * 1.2 * height / depth)

    def layer(canvas: Canvas, t_s: float) -> None:
        swing = 0.3 * speed * np.sin(2.2 * t_s + phase)
        x, y = (x0 + drift * t_s + swing) % width, (y0 + speed * t_s) % height
        veil = np.zeros((height, width), np.uint8)
        for i in range(flakes):
            cv2.circle(veil, (round(x[i] * 16), round(y[i] * 16)), round(radius[i] * 16), (180,), -1, cv2.LINE_AA, 4)
        canvas += (240 - canvas) * (veil * np.float32(1 / 255))

    return layer


def distractor(kind: str, rng: np.random.Generator, width: int, height: int) -> Layer:
    """One of DISTRACTORS, over and over in its own way."""
    return _MAKERS[kind](rng, width, height)


def _bird(rng: np.random.Generator, width: int, height: int) -> Layer:
    size, value = rng.uniform(2, 14), rng.uniform(10, 80)
    speed, heading = rng.uniform(0.1, 0.5) * width, rng.uniform(-0.5, 0.5)
    dive, beat = rng.uniform(-0.2, 0.35) * height, rng.uniform(3, 9)
    period, start = rng.uniform(2.5, 6), rng.uniform(0, 3)
    row, side = rng.uniform(0.1, 0.7) * height, rng.choice([-1, 1])

    def layer(canvas: Canvas, t_s: float) -> None:
        t = (t_s + start) % period
        x = width / 2 + side * (speed * (t - period / 2))
        y = (
            row
            + math.tan(heading) * speed * (t - period / 2) * 0.6
            + dive * math.sin(0.9 * t)
            + 0.3 * size * math.sin(6.28 * beat * t)
        )
        stamp(canvas, np.array([[x, y]]), size / 2, 0.35 + 0.3 * abs(math.sin(6.28 * beat * t)), 0.1, value)

    return layer


def _leaf(rng: np.random.Generator, width: int, height: int) -> Layer:
    return _sinking(rng, width, height, float(rng.uniform(2, 6)), float(rng.uniform(0.8, 1.8)), 0.6)


def _bag(rng: np.random.Generator, width: int, height: int) -> Layer:
    return _sinking(rng, width, height, float(rng.uniform(6, 18)), float(rng.uniform(0.8, 2.0)), 0.3)


def _sinking(rng: np.random.Generator, width: int, height: int, size: float, metres_s: float, swing: float) -> Layer:
    view_m, value, column = rng.uniform(12, 40), rng.uniform(30, 220), rng.uniform(0.1, 0.9) * width
    speed, period = metres_s * height / view_m, rng.uniform(6, 12)

    def layer(canvas: Canvas, t_s: float) -> None:
        t = t_s % period
        x = column + swing * speed * math.sin(2.7 * t) + 0.2 * speed * t
        y = 0.05 * height + speed * (t - 0.25 * (1 - math.exp(-4 * t))) + 0.15 * speed * math.sin(5.4 * t)
        stamp(canvas, np.array([[x, y]]), size / 2, 0.3 + 0.7 * abs(math.cos(4 * t)), 1.3 * t, value)

    return layer


def _laundry(rng: np.random.Generator, width: int, height: int) -> Layer:
    left, top = rng.uniform(0.1, 0.8) * width, rng.uniform(0.2, 0.7) * height
    wide, tall, value = rng.uniform(0.03, 0.08) * width, rng.uniform(0.05, 0.12) * height, rng.uniform(40, 230)

    def layer(canvas: Canvas, t_s: float) -> None:
        rows, columns = np.mgrid[0 : int(tall), 0 : int(wide)]
        gust = 0.5 + 0.5 * math.sin(0.7 * t_s)
        shift = (rows / tall * 6 * gust * np.sin(5 * t_s + rows / 9)).astype(int)
        y, x = (rows + int(top)).ravel(), (columns + int(left) + shift).ravel()
        ok = (x >= 0) & (x < canvas.shape[1]) & (y >= 0) & (y < canvas.shape[0])
        canvas[y[ok], x[ok]] = value + 12 * np.sin(columns / 3 + 5 * t_s).ravel()[ok]

    return layer


def _person(rng: np.random.Generator, width: int, height: int) -> Layer:
    tall, value = rng.uniform(0.06, 0.15) * height, rng.uniform(20, 90)
    speed, row = rng.uniform(0.03, 0.1) * width * rng.choice([-1, 1]), rng.uniform(0.8, 0.95) * height

    def layer(canvas: Canvas, t_s: float) -> None:
        x = (0.5 * width + speed * t_s) % (1.2 * width) - 0.1 * width
        bob = 0.02 * tall * math.sin(11 * t_s)
        stamp(canvas, np.array([[x, row - tall / 2 + bob]]), tall / 2, 0.3, math.pi / 2, value)
        for phase in (0.0, math.pi):
            swing = 0.15 * tall * math.sin(5.5 * t_s + phase)
            stamp(canvas, np.array([[x + swing, row - 0.1 * tall]]), tall * 0.12, 0.4, 1.3, value)

    return layer


def _headlight(rng: np.random.Generator, width: int, height: int) -> Layer:
    row, speed, radius = rng.uniform(0.7, 0.97) * height, rng.uniform(0.1, 0.5) * width, rng.uniform(3, 10)
    depth, toward = rng.uniform(2, 5), rng.random() < 0.5

    def layer(canvas: Canvas, t_s: float) -> None:
        t = t_s % depth
        if toward:
            near = 1 / max(0.15, 1 - 0.8 * t / depth)
            x, y, r = width * (0.5 + 0.05 * near), height * 0.55 + 0.06 * height * near, radius * near / 3
        else:
            x, y, r = speed * t, row, radius
        for off in (-2.5, 2.5):
            stamp(canvas, np.array([[x + off * r, y]]), r, 1.0, 0.0, 250.0)

    return layer


def _flicker(rng: np.random.Generator, width: int, height: int) -> Layer:
    left, top = int(rng.uniform(0, 0.8) * width), int(rng.uniform(0, 0.8) * height)
    wide, tall = int(rng.uniform(0.03, 0.15) * width), int(rng.uniform(0.03, 0.1) * height)
    pattern = rng.uniform(-60, 60, 400)

    def layer(canvas: Canvas, t_s: float) -> None:
        canvas[top : top + tall, left : left + wide] += pattern[int(t_s * 12) % len(pattern)]

    return layer


def _insect(rng: np.random.Generator, width: int, height: int) -> Layer:
    radius, value = rng.uniform(4, 16), rng.uniform(150, 250)
    walk = np.cumsum(rng.normal(0, 1, (4000, 2)), axis=0)
    smooth = np.stack([np.convolve(walk[:, i], np.ones(12) / 12, "same") for i in (0, 1)], axis=1) * 0.03 * height

    def layer(canvas: Canvas, t_s: float) -> None:
        place = np.mod(smooth[int(t_s * 25) % len(smooth)] + (width / 2, height / 2), (width, height))
        for part in (1.0, 0.7, 0.4):
            stamp(canvas, place[None, :], radius * part, 0.8, 0.0, value, 0.25)

    return layer


def _drip(rng: np.random.Generator, width: int, height: int) -> Layer:
    """Water from an air conditioner: gravity is right, but it comes again and again in the same column."""
    column, top = rng.uniform(0.1, 0.9) * width, rng.uniform(0.1, 0.5) * height
    view_m, every_s = rng.uniform(12, 30), rng.uniform(0.7, 1.6)

    def layer(canvas: Canvas, t_s: float) -> None:
        y = top + 0.5 * 9.0 * (t_s % every_s) ** 2 * height / view_m
        stamp(canvas, np.array([[column, y], [column, y + 2]]), 0.9, 1.0, 0.0, 220.0)

    return layer


def _ball(rng: np.random.Generator, width: int, height: int) -> Layer:
    """Thrown up from the ground and caught again."""
    column, view_m, up = rng.uniform(0.2, 0.8) * width, rng.uniform(10, 25), rng.uniform(6, 11)
    size, drift = 0.22 * height / view_m, rng.uniform(-0.6, 0.6)

    def layer(canvas: Canvas, t_s: float) -> None:
        t = t_s % (2 * up / 9.81 + 1.5)
        rise = up * t - 0.5 * 9.81 * t * t
        if rise >= 0:
            scale = height / view_m
            stamp(canvas, np.array([[column + drift * t * scale, 0.95 * height - rise * scale]]), size / 2, 1.0, 0.0, 215.0)

    return layer


def _glint(rng: np.random.Generator, width: int, height: int) -> Layer:
    """A reflection that slides down the panes as a window is opened, evenly."""
    column, top, speed = rng.uniform(0.1, 0.9) * width, rng.uniform(0, 0.5) * height, rng.uniform(0.1, 0.6) * height
    period = rng.uniform(1.5, 4)

    def layer(canvas: Canvas, t_s: float) -> None:
        t = t_s % period
        if t < 0.9:
            stamp(canvas, np.array([[column + 9 * t, top + speed * t]]), 3.0, 0.6, 0.0, 250.0)

    return layer


def _plane(rng: np.random.Generator, width: int, height: int) -> Layer:
    """Far away, small, straight and even; it climbs or goes down."""
    size, value = rng.uniform(2, 6), rng.choice([rng.uniform(10, 70), rng.uniform(220, 250)])
    speed, slope = rng.uniform(0.04, 0.25) * width, rng.uniform(-0.8, 0.8)
    x0, row = rng.uniform(-0.2, 0.3) * width, rng.uniform(0.05, 0.6) * height

    def layer(canvas: Canvas, t_s: float) -> None:
        x = (x0 + speed * t_s) % (1.4 * width) - 0.2 * width
        y = row + slope * 0.3 * x
        stamp(canvas, np.array([[x, y]]), size / 2, 0.4, math.atan(0.3 * slope), value)

    return layer


def _cloud(rng: np.random.Generator, width: int, height: int) -> Layer:
    """The sun comes and goes: the whole picture, or the camera's gain, changes within a second, again and again."""
    depth, period, edge = rng.uniform(6, 40), rng.uniform(2.5, 8), rng.uniform(0.05, 1.2)

    def layer(canvas: Canvas, t_s: float) -> None:
        t = (t_s % (2 * period)) - period
        part = np.clip((t + edge / 2) / edge, 0, 1) if abs(t) < period / 2 else float(t > 0)
        canvas *= np.float32(1 - part * depth / 128)

    return layer


def _flock(rng: np.random.Generator, width: int, height: int) -> Layer:
    """Several birds that turn and stoop together."""
    birds = [_bird(rng, width, height) for _ in range(rng.integers(3, 9))]

    def layer(canvas: Canvas, t_s: float) -> None:
        for bird in birds:
            bird(canvas, t_s)

    return layer


def _car(rng: np.random.Generator, width: int, height: int) -> Layer:
    """It comes down the road towards the camera, ever larger and faster in the picture."""
    lane, far_s, value = rng.uniform(-0.6, 0.6), rng.uniform(3, 7), rng.choice([rng.uniform(20, 80), rng.uniform(170, 240)])
    horizon, size = rng.uniform(0.05, 0.35) * height, rng.uniform(0.02, 0.06) * height

    def layer(canvas: Canvas, t_s: float) -> None:
        t = t_s % (far_s + 1.0)
        near = 1 / max(0.06, 1 - t / far_s)
        x, y = width * (0.5 + 0.06 * lane * near), horizon + 0.05 * height * near
        stamp(canvas, np.array([[x, y]]), size * near / 3, 0.7, 0.0, value)

    return layer


def _shadow(rng: np.random.Generator, width: int, height: int) -> Layer:
    """Of a bird or a branch, large and faint, gliding over the wall."""
    size, depth = rng.uniform(0.05, 0.2) * height, rng.uniform(0.08, 0.3)
    speed, fall, period = rng.uniform(-0.4, 0.4) * width, rng.uniform(-0.3, 0.5) * height, rng.uniform(1.5, 5)
    x0, y0 = rng.uniform(0.2, 0.8) * width, rng.uniform(0.1, 0.5) * height

    def layer(canvas: Canvas, t_s: float) -> None:
        t = t_s % period
        stamp(canvas, np.array([[x0 + speed * t, y0 + fall * t]]), size / 2, 0.5, 0.3, 20.0, depth)

    return layer


_MAKERS: Final = {
    "bird": _bird, "leaf": _leaf, "laundry": _laundry, "person": _person, "headlight": _headlight, "flicker": _flicker,
    "insect": _insect, "drip": _drip, "ball": _ball, "glint": _glint, "bag": _bag, "plane": _plane, "cloud": _cloud,
    "flock": _flock, "car": _car, "shadow": _shadow,
}  # fmt: skip


def shaken(canvas: Canvas, rng: np.random.Generator, t_s: float, amplitude_px: float) -> Canvas:
    """The pole in the wind: two slow swings and a tremble, the same for the whole picture."""
    x = amplitude_px * (math.sin(2 * math.pi * 0.9 * t_s) + 0.4 * math.sin(2 * math.pi * 2.7 * t_s + 1)) + rng.normal(0, 0.15)
    y = 0.7 * amplitude_px * (math.sin(2 * math.pi * 1.3 * t_s + 2) + 0.3 * math.sin(2 * math.pi * 3.1 * t_s)) + rng.normal(0, 0.15)
    matrix = np.array([[1, 0, x], [0, 1, y]], np.float32)
    size = (canvas.shape[1], canvas.shape[0])
    return np.asarray(cv2.warpAffine(canvas, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


def dark(canvas: Canvas) -> None:
    """Night as a camera with its infrared light shows it: flat, grey, lit in the middle."""
    rows, columns = canvas.shape
    across = np.exp(-(((np.arange(columns) / columns - 0.5) / 0.6) ** 2))
    down = np.exp(-(((np.arange(rows) / rows - 0.6) / 0.7) ** 2))
    canvas *= (0.22 + 0.3 * np.outer(down, across)).astype(np.float32)
    canvas += 8
