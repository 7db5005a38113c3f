"""Files that show people are sealed on the disk under a key of the site that does not lie beside them.

A sealed file is a head and pieces. The head is `EGS2`, 8 bytes that name the key (no secret), and 16 random ones, the salt. The key
of the file is HKDF-SHA-256 of the first line of the site's key file with that salt. Every piece is what AES-256-GCM makes of 65,536
bytes, the last one of what is left, 16 bytes longer than that. Its nonce is one byte that is 1 for the last piece and 0 for all
others, three zeros, and the number of the piece as 8 bytes (big endian); its associated data are the head and the file's name. So a
file of any size is written and read with little memory, and one that was changed, cut, lengthened, put into another order or given
another name does not open.
"""

import hashlib
import io
import os
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import BinaryIO, Final, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from edgeguard.core.camera import KEY_LEAST_BYTES, KEY_MOST_BYTES, SEALED
from edgeguard.core.errors import Permanent

PIECE_BYTES: Final = 65_536
_MAGIC: Final = b"EGS2"
_ID_BYTES: Final = 8
_SALT_BYTES: Final = 16
_HEAD_BYTES: Final = len(_MAGIC) + _ID_BYTES + _SALT_BYTES
_TAG_BYTES: Final = 16
_KEY_BYTES: Final = 32
_PURPOSE: Final = b"edgeguard evidence"
_NAMING: Final = b"edgeguard evidence, name of the key"


class SealError(Permanent):
    """A key that is none, or a file that does not open with it."""


class Seal:
    """Closes files under one key, and opens those that were closed under it or under one of `older`."""

    def __init__(self, line: bytes, older: Iterable["Seal"] = ()) -> None:
        """`line` is the first of the key file. SealError where it is too short to be a key."""
        if len(line) < KEY_LEAST_BYTES:
            raise SealError(f"the key of pictures is shorter than {KEY_LEAST_BYTES} characters; openssl rand -hex 32 makes one")
        self.name = _derived(line, None, _NAMING, _ID_BYTES)
        self.lines: Mapping[bytes, bytes] = {self.name: line} | {name: old for seal in older for name, old in seal.lines.items()}

    def closed(self, name: str, data: bytes) -> bytes:
        """`data` as the file `name` has it on the disk."""
        out = io.BytesIO()
        with SealedWriter(self, name, out) as writer:
            writer.write(data)
        return out.getvalue()

    def opened(self, name: str, sealed: bytes) -> bytes:
        """What was closed as `name`. SealError where no key opens it."""
        return SealedReader(self, name, io.BytesIO(sealed)).read()

    def reader(self, path: Path) -> "SealedReader":
        """What the sealed file holds, piece by piece. SealError where no key opens it, OSError where it cannot be read."""
        file = path.open("rb")
        try:
            return SealedReader(self, path.name, file)
        except BaseException:
            file.close()
            raise

    def new_head(self) -> bytes:
        """Of one more file."""
        return _MAGIC + self.name + os.urandom(_SALT_BYTES)

    def pieces(self, head: bytes, name: str) -> "_Pieces":
        """Of the file with this head. SealError where it is none, or its key is none of these."""
        if len(head) < _HEAD_BYTES or not head.startswith(_MAGIC):
            raise SealError(f"{name}: is no sealed file")
        key = head[len(_MAGIC) : len(_MAGIC) + _ID_BYTES]
        line = self.lines.get(key)
        if line is None:
            given = ", ".join(one.hex() for one in self.lines)
            raise SealError(f"{name}: does not open: it was sealed with another key ({key.hex()}) than what is given ({given})")
        return _Pieces(AESGCM(_derived(line, head[-_SALT_BYTES:], _PURPOSE, _KEY_BYTES)), head + name.encode(), name)


def key_of(path: Path) -> bytes:
    """The first line of a key file, as Seal takes it. OSError where it cannot be read."""
    with path.open("rb") as file:
        return file.readline(KEY_MOST_BYTES).rstrip(b"\r\n")


def opened_file(file: Path, seal: Seal | None) -> BinaryIO:
    """What a kept file holds, sealed or not. SealError where it is sealed and no key opens it, OSError where it cannot be read."""
    if file.suffix != SEALED:
        return file.open("rb")
    if seal is None:
        raise SealError(f"{file.name}: is sealed, and no key was given; --key FILE says with which key it was")
    return cast(BinaryIO, seal.reader(file))


def sha256_within(file: Path, seal: Seal | None) -> str:
    """Of what a kept file holds, sealed or not. SealError and OSError as opened_file."""
    with opened_file(file, seal) as opened:
        digest = hashlib.sha256()
        while part := opened.read(PIECE_BYTES):
            digest.update(part)
        return digest.hexdigest()


class _Pieces:
    """Closes and opens the pieces of one file."""

    def __init__(self, cipher: AESGCM, bound_to: bytes, name: str) -> None:
        self._cipher = cipher
        self._bound_to = bound_to
        self._name = name

    def closed(self, number: int, data: bytes, is_last: bool) -> bytes:
        return self._cipher.encrypt(_nonce(number, is_last), data, self._bound_to)

    def opened(self, number: int, sealed: bytes, is_last: bool) -> bytes:
        try:
            return self._cipher.decrypt(_nonce(number, is_last), sealed, self._bound_to)
        except InvalidTag:
            raise SealError(f"{self._name}: does not open: it was changed, cut or given another name") from None


class _Placed(io.RawIOBase):
    """A file with a place in it, from which the next byte is taken or to which it goes."""

    def __init__(self) -> None:
        super().__init__()
        self._at = 0

    def seekable(self) -> bool:
        """Always; how much of it can then be written, the writer says."""
        return True

    def tell(self) -> int:
        """The place."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go there."""
        self._at = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._end}[whence])
        return self._at

    @property
    def _end(self) -> int:
        raise NotImplementedError


class SealedWriter(_Placed):
    """A file that is sealed while it is written. Only its first `head` bytes may be written again, as the makers of video files
    do, and may be left out for the time being (they are zeros then); they wait in memory until it is closed, the rest is on its way
    at once. What was not closed, or was left by an error, is no sealed file. `file` is the caller's to close.
    """

    def __init__(self, seal: Seal, name: str, file: BinaryIO, head: int = 0) -> None:
        super().__init__()
        start = seal.new_head()
        self._pieces = seal.pieces(start, name)
        self._file = file
        self._held = bytearray()
        self._held_pieces = max(1, -(-head // PIECE_BYTES))
        self._waiting = bytearray()
        self._sent = self._held_pieces
        file.write(start)

    def __enter__(self) -> "SealedWriter":
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is None:
            self.finish()
        super().close()

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, data: "bytes | bytearray | memoryview", /) -> int:  # type: ignore[override]
        """All of it. OSError where it was written before and has left, or the disk refuses."""
        given, bound = bytes(data), self._held_pieces * PIECE_BYTES
        if not given:
            return 0
        first = given[: max(0, bound - self._at)]
        if len(first) < len(given) and max(self._at, bound) != max(self._end, bound):
            raise OSError("what has been sealed cannot be written again, nor can anything but the head be left out")
        self._held += bytes(max(0, min(self._at, bound) - len(self._held)))
        self._held[self._at : self._at + len(first)] = first
        self._waiting += given[len(first) :]
        self._at += len(given)
        while len(self._waiting) > PIECE_BYTES:
            self._send(bytes(self._waiting[:PIECE_BYTES]), is_last=False)
            del self._waiting[:PIECE_BYTES]
        return len(given)

    def finish(self) -> None:
        """Send what waits. OSError where the disk refuses."""
        if self._waiting:
            self._send(bytes(self._waiting), is_last=True)
        self._file.seek(_HEAD_BYTES)
        parts = [self._held[at : at + PIECE_BYTES] for at in range(0, max(1, len(self._held)), PIECE_BYTES)]
        for number, part in enumerate(parts):
            is_last = not self._waiting and number == len(parts) - 1
            self._file.write(self._pieces.closed(number, bytes(part), is_last))

    def _send(self, data: bytes, is_last: bool) -> None:
        self._file.seek(_HEAD_BYTES + self._sent * (PIECE_BYTES + _TAG_BYTES))
        self._file.write(self._pieces.closed(self._sent, data, is_last))
        self._sent += 1

    @property
    def _end(self) -> int:
        return len(self._held) + (self._sent - self._held_pieces) * PIECE_BYTES + len(self._waiting)


class SealedReader(_Placed):
    """What a sealed file holds, from anywhere in it; one piece of it is in memory. Closes `file` with itself.

    SealError at once where no key opens it or its end is missing, and where a piece is read that was changed.
    """

    def __init__(self, seal: Seal, name: str, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self._pieces = seal.pieces(file.read(_HEAD_BYTES), name)
        body = file.seek(0, io.SEEK_END) - _HEAD_BYTES
        self._count = max(1, -(-body // (PIECE_BYTES + _TAG_BYTES)))
        self._open = -1
        self._data = b""
        self.size = (self._count - 1) * PIECE_BYTES + len(self._piece(self._count - 1))

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        """As much as the piece has from here on."""
        number, start = divmod(self._at, PIECE_BYTES)
        part = self._piece(number)[start : start + len(buffer)] if self._at < self.size else b""
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
        super().close()

    @property
    def _end(self) -> int:
        return self.size

    def _piece(self, number: int) -> bytes:
        if number != self._open:
            self._file.seek(_HEAD_BYTES + number * (PIECE_BYTES + _TAG_BYTES))
            sealed = self._file.read(PIECE_BYTES + _TAG_BYTES)
            self._data = self._pieces.opened(number, sealed, number == self._count - 1)
            self._open = number
        return self._data


def _nonce(number: int, is_last: bool) -> bytes:
    return struct.pack(">B3xQ", is_last, number)


def _derived(line: bytes, salt: bytes | None, purpose: bytes, count: int) -> bytes:
    return HKDF(SHA256(), count, salt=salt, info=purpose).derive(line)
