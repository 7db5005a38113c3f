"""How a plate's text leaves the gateway: as it is, masked, or as a keyed hash."""

import hashlib
import hmac
from typing import Final

from edgeguard.core.camera import PlateShape

_HASH_CHARS: Final = 32


def shaped(text: str, shape: PlateShape, key: bytes) -> str:
    """`皖AD11212` as it is, as `皖A*****2`, or as 128 bits of its HMAC-SHA-256 (RFC 2104) in hexadecimal digits."""
    if shape is PlateShape.CLEAR:
        return text
    if shape is PlateShape.HASHED:
        return hmac.new(key, text.encode("utf-8"), hashlib.sha256).hexdigest()[:_HASH_CHARS]
    return text[:2] + "*" * max(0, len(text) - 3) + text[-1:] if len(text) > 3 else "*" * len(text)
