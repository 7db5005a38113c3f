"""Plate texts drawn at random after GA 36-2018: every kind, all provinces evenly. Knows nothing of pictures."""

from dataclasses import dataclass

import numpy as np

from edgeguard.vision.plate_grammar import DIGITS, LETTERS, PROVINCES

SERIAL = DIGITS + LETTERS


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of plate: how it looks and how often it is drawn."""

    name: str
    colour: str
    two_lines: bool
    share: float


KINDS = (
    Kind("blue", "blue", False, 0.40),
    Kind("yellow", "yellow", False, 0.11),
    Kind("yellow_two_lines", "yellow", True, 0.09),
    Kind("energy_small", "green", False, 0.15),
    Kind("energy_large", "yellow_green", False, 0.05),
    Kind("police", "white", False, 0.04),
    Kind("coach", "yellow", False, 0.035),
    Kind("trailer", "yellow", True, 0.035),
    Kind("hong_kong_macao", "black", False, 0.035),
    Kind("embassy", "black", False, 0.015),
    Kind("consulate", "black", False, 0.015),
    Kind("motorcycle", "blue", True, 0.01),
    Kind("army", "white", False, 0.015),
)


def draw_kind(rng: np.random.Generator) -> Kind:
    """A kind, after its share."""
    shares = np.array([kind.share for kind in KINDS])
    return KINDS[int(rng.choice(len(KINDS), p=shares / shares.sum()))]


def _pick(rng: np.random.Generator, alphabet: str) -> str:
    return alphabet[int(rng.integers(len(alphabet)))]


def _serial(rng: np.random.Generator, length: int) -> str:
    """Digits with at most two letters; half of all serials carry a letter or two."""
    places = [_pick(rng, DIGITS) for _ in range(length)]
    for _ in range(int(rng.choice(3, p=(0.3, 0.4, 0.3)))):
        places[int(rng.integers(length))] = _pick(rng, LETTERS)
    return "".join(places)


def draw_text(rng: np.random.Generator, kind: Kind) -> str:
    """A text that the kind may bear."""
    head = _pick(rng, PROVINCES) + _pick(rng, LETTERS)
    if rng.random() < 0.01:
        head = head[0] + "O"
    match kind.name:
        case "energy_small":
            series = _pick(rng, "DDDDDDFFFFABCEGHJK")
            return head + series + _pick(rng, SERIAL) + "".join(_pick(rng, DIGITS) for _ in range(4))
        case "energy_large":
            return head + "".join(_pick(rng, DIGITS) for _ in range(5)) + _pick(rng, "DDDDFFFABCEGHJK")
        case "police":
            return head + _serial(rng, 4) + "警"
        case "coach":
            return head + _serial(rng, 4) + "学"
        case "trailer":
            return head + _serial(rng, 4) + "挂"
        case "hong_kong_macao":
            return "粤Z" + _serial(rng, 4) + ("港" if rng.random() < 0.6 else "澳")
        case "embassy":
            return "使" + "".join(_pick(rng, DIGITS) for _ in range(6))
        case "consulate":
            return head + "".join(_pick(rng, DIGITS) for _ in range(4)) + "领"
        case "army":
            return _pick(rng, PROVINCES) + "V" + "".join(_pick(rng, DIGITS) for _ in range(5))
        case _:
            return head + _serial(rng, 5)
