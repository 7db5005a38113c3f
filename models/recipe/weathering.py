"""What dirt, light, weather, lenses and codecs do to a picture; and the bank of real textures that stand around plates."""

import cv2
import numpy as np

Image = np.ndarray


def smooth_noise(rng: np.random.Generator, height: int, width: int, cells: int) -> Image:
    """A random field about -1..1 with `cells` bumps across."""
    coarse = rng.normal(0, 0.6, (max(2, cells * height // max(width, 1) + 1), cells + 1)).astype(np.float32)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def wear(rng: np.random.Generator, picture: Image) -> None:
    """Dirt, faded paint, scratches and shadows, painted on the flat plate in place."""
    height, width = picture.shape[:2]
    if rng.random() < 0.5:
        dirt = np.clip(smooth_noise(rng, height, width, int(rng.integers(3, 18))) - rng.uniform(0.1, 0.9), 0, 1)[..., None]
        mud = np.array(rng.uniform(40, 150, 3), np.float32)
        picture += dirt * rng.uniform(0.3, 0.9) * (mud - picture)
    if rng.random() < 0.3:
        picture += smooth_noise(rng, height, width, int(rng.integers(20, 60)))[..., None] * rng.uniform(5, 35)
    for _ in range(int(rng.integers(0, 3)) if rng.random() < 0.3 else 0):
        a, b = rng.uniform(0, 1, (2, 2)) * (width, height)
        tint = rng.uniform(30, 220, 3).tolist()
        cv2.line(picture, tuple(np.round(a).astype(int).tolist()), tuple(np.round(b).astype(int).tolist()), tint, 1, cv2.LINE_AA)
    if rng.random() < 0.15:
        shadow_edge(rng, picture)


def shadow_edge(rng: np.random.Generator, picture: Image) -> None:
    """A hard shadow over a part of the plate, in place."""
    height, width = picture.shape[:2]
    mask = np.zeros((height, width), np.float32)
    corners = np.round(rng.uniform(-0.3, 1.3, (3, 2)) * (width, height)).astype(np.int32)
    cv2.fillConvexPoly(mask, corners, 1.0, cv2.LINE_AA)
    picture *= (1 - mask * rng.uniform(0.3, 0.75))[..., None]


def light(rng: np.random.Generator, picture: Image) -> Image:
    """Exposure, colour cast, gradients of light, glare, haze and night; float32 in and out."""
    height, width = picture.shape[:2]
    out = picture / 255.0
    if rng.random() < 0.35:
        grey = out.mean(axis=2, keepdims=True)
        out = grey + (out - grey) * rng.uniform(0.15, 1.25)
    gain = rng.uniform(0.55, 1.35) if rng.random() < 0.9 else rng.uniform(0.15, 0.55)
    out = out * gain * rng.uniform(0.8, 1.2, 3).astype(np.float32)
    if rng.random() < 0.5:
        ramp = np.linspace(-1, 1, width, dtype=np.float32)[None, :] * rng.normal(0, 0.25) + np.linspace(-1, 1, height, dtype=np.float32)[
            :, None
        ] * rng.normal(0, 0.2)
        out = out * np.clip(1 + ramp, 0.25, 1.9)[..., None]
    if rng.random() < 0.14:
        out = out + _glare(rng, height, width)[..., None]
    if rng.random() < 0.2:
        haze = rng.uniform(0.1, 0.5)
        out = out * (1 - haze) + haze * rng.uniform(0.2, 0.9)
    out = np.clip(out, 0, 1) ** np.float32(rng.uniform(0.6, 1.35))
    return (out * 255).astype(np.float32)


def _glare(rng: np.random.Generator, height: int, width: int) -> Image:
    x, y = rng.uniform(-0.1, 1.1) * width, rng.uniform(-0.2, 1.2) * height
    spread = rng.uniform(0.08, 0.4) * width
    xs, ys = np.arange(width, dtype=np.float32) - x, np.arange(height, dtype=np.float32) - y
    falloff = np.exp(-(xs**2) / (2 * spread**2))[None, :] * np.exp(-(ys**2) / (2 * (spread * rng.uniform(0.4, 1)) ** 2))[:, None]
    return falloff * np.float32(rng.uniform(0.2, 0.9))


def rain(rng: np.random.Generator, picture: Image) -> None:
    """Bright streaks, in place."""
    height, width = picture.shape[:2]
    slant = rng.uniform(-0.4, 0.4)
    for _ in range(int(rng.integers(4, 26))):
        x, y, length = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(0.15, 0.6) * height
        tint = float(rng.uniform(120, 240))
        start, end = (round(x), round(y)), (round(x + slant * length), round(y + length))
        cv2.line(picture, start, end, (tint, tint, tint), 1, cv2.LINE_AA)


def lens(rng: np.random.Generator, picture: Image, strength: float = 1.0) -> Image:
    """Defocus or motion blur."""
    draw = rng.random()
    if draw < 0.4:
        return cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 1.5) * strength)
    if draw < 0.6:
        length = int(rng.integers(2, max(3, int(7 * strength))))
        kernel = np.zeros((length, length), np.float32)
        angle = rng.uniform(0, np.pi)
        centre, reach = (length - 1) / 2, (length - 1) / 2
        start = (round(centre - reach * np.cos(angle)), round(centre - reach * np.sin(angle)))
        end = (round(centre + reach * np.cos(angle)), round(centre + reach * np.sin(angle)))
        cv2.line(kernel, start, end, 1.0)
        return cv2.filter2D(picture, -1, kernel / max(kernel.sum(), 1e-6))
    return picture


def sensor(rng: np.random.Generator, picture: Image) -> Image:
    """Noise, sharpening, then JPEG; uint8 out."""
    if rng.random() < 0.6:
        picture = picture + rng.normal(0, rng.uniform(1, 14), picture.shape).astype(np.float32)
    if rng.random() < 0.25:
        picture = picture + (picture - cv2.GaussianBlur(picture, (0, 0), 1.0)) * rng.uniform(0.3, 1.5)
    out = np.clip(picture, 0, 255).astype(np.uint8)
    if rng.random() < 0.6:
        _, coded = cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 95))])
        out = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    return out


def infrared(rng: np.random.Generator, picture: Image, share: float = 0.15) -> Image:
    """A share of the pictures without colours, as a camera gives by night: some plain grey, some as a filter or an infrared lamp sees
    the paints, whose lightness then is another. uint8 in and out."""
    if rng.random() >= share:
        return picture
    if rng.random() < 0.5:
        return cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    seen = picture.astype(np.float32) @ rng.dirichlet((1.0, 2.0, 2.0)).astype(np.float32)
    seen = rng.uniform(0, 60) + seen * rng.uniform(0.5, 1.1)
    return np.repeat(np.clip(seen, 0, 255).astype(np.uint8)[..., None], 3, axis=2)
