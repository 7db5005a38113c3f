"""OpenSSH's signatures of files, and the keys that may have made one: those parts of both formats that a release needs.

Layout: PROTOCOL.sshsig of OpenSSH. A file of keys is what `ssh-keygen` writes beside a private key (`ssh-ed25519 AAAA… words`),
or the `allowed_signers` that `ssh-keygen -Y verify` reads (the same behind a principal and perhaps `namespaces="…"`); any other
option is refused, because ignoring one that narrows a key would take more than OpenSSH does.
"""

import base64
import binascii
import hashlib
import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edgeguard.core.release_limits import RELEASE_KEYS
from edgeguard.release.errors import ReleaseRefused

NAMESPACE: Final = "edgeguard-release"
"""What a signature is for: one that the same key made of anything else (a commit, a letter) is none of a release."""

_ALGORITHM: Final = b"ssh-ed25519"
_KEY_BYTES: Final = 32
_MAGIC: Final = b"SSHSIG"
_PREAMBLE: Final = _MAGIC + struct.pack(">I", 1)
_HASHES: Final = (b"sha256", b"sha512")
_ARMOUR: Final = re.compile(r"-----BEGIN SSH SIGNATURE-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END SSH SIGNATURE-----\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Signer:
    """A key that may sign releases."""

    key: bytes
    """The 32 bytes of an Ed25519 public key."""
    comment: str = ""

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -l` prints it: `SHA256:…`."""
        digest = hashlib.sha256(_string(_ALGORITHM) + _string(self.key)).digest()
        return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def signers_of(text: str, named: str) -> tuple[Signer, ...]:
    """The keys in a file; ReleaseRefused with `named` and the line of whatever is not understood, and where there are none."""
    lines = [(n, line.strip()) for n, line in enumerate(text.splitlines(), 1)]
    written = [(n, line) for n, line in lines if line and not line.startswith("#")]
    if len(written) > RELEASE_KEYS:
        raise ReleaseRefused(f"{named}: holds more than {RELEASE_KEYS} keys")
    found = tuple(_signer(line, f"{named}:{n}") for n, line in written)
    if not found:
        raise ReleaseRefused(f"{named}: holds no key")
    return found


def _signer(line: str, place: str) -> Signer:
    words = line.split()
    at = next((n for n, word in enumerate(words[:3]) if word == _ALGORITHM.decode()), None)
    if at is None or len(words) <= at + 1:
        raise ReleaseRefused(f"{place}: is no Ed25519 key; a line is `ssh-ed25519 AAAA…`, perhaps behind a principal")
    if at == 2 and words[1] != f'namespaces="{NAMESPACE}"':
        raise ReleaseRefused(f'{place}: the one option that is understood is namespaces="{NAMESPACE}"')
    try:
        name, key = _strings(base64.b64decode(words[at + 1], validate=True), 2)
    except (ValueError, binascii.Error):
        raise ReleaseRefused(f"{place}: the key is damaged") from None
    if name != _ALGORITHM or len(key) != _KEY_BYTES:
        raise ReleaseRefused(f"{place}: the key is damaged")
    return Signer(key, " ".join(words[at + 2 :]) or (words[0] if at else ""))


def signed_by(message: bytes, signature: str, signers: Sequence[Signer], named: str) -> Signer:
    """Whose signature of `message` this is. ReleaseRefused with `named` where it is nobody's of these, or of other bytes."""
    made_with, prefix, raw = _parts(signature, named)
    signer = next((one for one in signers if one.key == made_with), None)
    if signer is None:
        raise ReleaseRefused(f"{named}: is by a key that is not among the trusted ones, {Signer(made_with).fingerprint}")
    algorithm = prefix[1]
    digest = hashlib.new(algorithm.decode(), message).digest()
    signed = _MAGIC + _string(NAMESPACE.encode()) + _string(prefix[0]) + _string(algorithm) + _string(digest)
    try:
        Ed25519PublicKey.from_public_bytes(signer.key).verify(raw, signed)
    except InvalidSignature:
        raise ReleaseRefused(f"{named}: does not belong to these sums: they were changed after they had been signed") from None
    return signer


def _parts(signature: str, named: str) -> tuple[bytes, tuple[bytes, bytes], bytes]:
    """The key that it says it is by, (reserved, hash), and the 64 bytes."""
    match = _ARMOUR.fullmatch(signature)
    if match is None:
        raise ReleaseRefused(f"{named}: is no signature as `ssh-keygen -Y sign` writes it")
    try:
        blob = base64.b64decode("".join(match[1].split()), validate=True)
        key, namespace, reserved, algorithm, made = _strings(_behind_preamble(blob), 5)
        if not key.startswith(_string(_ALGORITHM)) or not made.startswith(_string(_ALGORITHM)) or algorithm not in _HASHES:
            raise ReleaseRefused(f"{named}: is not made with an Ed25519 key")
        (_, raw_key), (_, raw) = _strings(key, 2), _strings(made, 2)
    except (ValueError, struct.error, binascii.Error):
        raise ReleaseRefused(f"{named}: is a damaged signature") from None
    if namespace != NAMESPACE.encode():
        raise ReleaseRefused(f"{named}: is a signature for {namespace[:40].decode(errors='replace')!r}, not for {NAMESPACE!r}")
    return raw_key, (reserved, algorithm), raw


def _behind_preamble(blob: bytes) -> bytes:
    if not blob.startswith(_PREAMBLE):
        raise ValueError("another format")
    return blob[len(_PREAMBLE) :]


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _strings(data: bytes, count: int) -> tuple[bytes, ...]:
    """Exactly `count` strings of SSH's encoding and nothing behind them; ValueError otherwise."""
    found = tuple(_each_string(data))
    if len(found) != count:
        raise ValueError("another number of fields")
    return found


def _each_string(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        if len(data) - at < 4:
            raise ValueError("cut short")
        (size,) = struct.unpack_from(">I", data, at)
        if size > len(data) - at - 4:
            raise ValueError("cut short")
        yield data[at + 4 : at + 4 + size]
        at += 4 + size
