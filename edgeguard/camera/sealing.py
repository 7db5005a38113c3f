"""Files that show people are sealed on the disk: AES-256-GCM under a key of the site that does not lie beside them.

A sealed file is `EGS1`, a nonce of 12 bytes, and what AES-GCM makes of the content, bound to the file's name: one that was changed,
cut or given another name does not open. The key of the cipher is HKDF-SHA-256 of the first line of the site's key file.
"""

import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from edgeguard.core.errors import Permanent

SEALED: Final = ".sealed"
"""What the name of a sealed file ends in."""
_MAGIC: Final = b"EGS1"
_NONCE_BYTES: Final = 12
_KEY_BYTES: Final = 32
_LEAST_BYTES: Final = 16
_PURPOSE: Final = b"edgeguard pictures of passes"


class SealError(Permanent):
    """A key that is none, or a file that does not open with it."""


class Seal:
    """Closes and opens files under one key."""

    def __init__(self, line: bytes) -> None:
        """`line` is the first of the key file. SealError where it is too short to be a key."""
        if len(line) < _LEAST_BYTES:
            raise SealError("the key of pictures is shorter than 16 characters; openssl rand -hex 32 makes one")
        self._cipher = AESGCM(HKDF(SHA256(), _KEY_BYTES, salt=None, info=_PURPOSE).derive(line))

    def closed(self, name: str, data: bytes) -> bytes:
        """`data` as the file `name` has it on the disk."""
        nonce = os.urandom(_NONCE_BYTES)
        return _MAGIC + nonce + self._cipher.encrypt(nonce, data, name.encode())

    def opened(self, name: str, sealed: bytes) -> bytes:
        """What was closed as `name`. SealError where this key does not open it."""
        head = len(_MAGIC) + _NONCE_BYTES
        if not sealed.startswith(_MAGIC):
            raise SealError(f"{name}: is no sealed file")
        try:
            return self._cipher.decrypt(sealed[len(_MAGIC) : head], sealed[head:], name.encode())
        except InvalidTag:
            raise SealError(f"{name}: does not open: the key is another one, or the file was changed") from None
