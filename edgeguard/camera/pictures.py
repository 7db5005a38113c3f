"""Picture files, read with care: how large a picture would become is known from its first bytes, before anything is unpacked."""

import os
import struct
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeguard.core.camera_limits import PICTURE_MAX_BYTES, PICTURE_MAX_PIXELS, PICTURE_MAX_SIDE, PICTURE_MIN_SIDE
from edgeguard.core.errors import Permanent

Bgr = NDArray[np.uint8]
"""A picture in colour: rows by columns by (blue, green, red)."""

SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})
PICTURE_HEAD: Final = 16
"""So many bytes tell what a file is."""
_HEIC: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"mif1"})
"""What telephones save: tiles that would each be taken for a picture of its own."""
_FRAMES: Final = frozenset({*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)})
"""JPEG markers that begin a frame header."""


class PictureError(Permanent):
    """A file that is not a picture, or not one that this program takes."""


def is_picture(head: bytes) -> bool:
    """Whether a file that begins so is a JPEG, PNG, BMP or WebP."""
    return head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM")) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")


def load_picture(path: Path) -> Bgr:
    """The picture, upright. PictureError names the file and what is wrong with it."""
    data = picture_data(path)
    return decode_picture(data or b"", str(path))


def picture_data(path: Path, *, whatever: bool = True) -> bytes | None:
    """What the file, or the pipe, holds, read once; unless `whatever`, None where it is neither a picture nor empty.

    PictureError names the file.
    """
    try:
        with path.open("rb") as file:
            head = file.read(PICTURE_HEAD)
            if head[4:8] == b"ftyp" and head[8:12] in _HEIC:
                raise PictureError(f"{path}: is a HEIC picture, which this program does not read; save it as JPEG")
            if not whatever and head and not is_picture(head):
                if not file.seekable():
                    raise PictureError(
                        f"{path}: is a pipe, and holds no JPEG, PNG, BMP or WebP picture; videos are read from files"
                    )
                return None
            small = os.fstat(file.fileno()).st_size <= PICTURE_MAX_BYTES  # and of a pipe nought
            data = head + file.read(PICTURE_MAX_BYTES + 1 - len(head) if small else 0)
    except OSError as error:
        raise PictureError(f"{path}: cannot be read ({error.strerror})") from error
    if not small or len(data) > PICTURE_MAX_BYTES:
        raise PictureError(f"{path}: more than {PICTURE_MAX_BYTES} bytes are more than this program takes as a picture")
    return data


def decode_picture(data: bytes, name: str) -> Bgr:
    """The picture in `data`; `name` is what to call it in complaints."""
    if not is_picture(data[:16]):
        raise PictureError(f"{name}: {'is empty' if not data else 'is no JPEG, PNG, BMP or WebP picture'}")
    size = stated_size(data)
    if size is None:
        raise PictureError(f"{name}: is cut short or damaged; its size is not to be found")
    width, height = size
    if max(size) > PICTURE_MAX_SIDE or width * height > PICTURE_MAX_PIXELS:
        raise PictureError(f"{name}: {width}x{height} is more than this program takes")
    if min(size) < PICTURE_MIN_SIDE:
        raise PictureError(f"{name}: {width}x{height} is too small to see anything in")
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise PictureError(f"{name}: cannot be decoded") from error
    if picture is None:
        raise PictureError(f"{name}: is cut short or damaged")
    return np.asarray(picture, np.uint8)


def stated_size(data: bytes) -> tuple[int, int] | None:
    """Width and height as the file's header says; None where the header is broken."""
    try:
        if data.startswith(b"\x89PNG"):
            width, height = struct.unpack(">II", data[16:24])
        elif data.startswith(b"BM"):
            width, height = struct.unpack("<ii", data[18:26])
        elif data.startswith(b"RIFF"):
            width, height = _webp_size(data)
        else:
            width, height = _jpeg_size(data)
    except (struct.error, IndexError):
        return None
    return (abs(width), abs(height)) if width and height else None


def _webp_size(data: bytes) -> tuple[int, int]:
    form = data[12:16]
    if form == b"VP8X":
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if form == b"VP8L":
        bits = struct.unpack("<I", data[21:25])[0]
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack("<HH", data[26:30])
    return width & 0x3FFF, height & 0x3FFF


def _jpeg_size(data: bytes) -> tuple[int, int]:
    at = 2
    while True:
        while data[at] != 0xFF:
            at += 1
        while data[at] == 0xFF:
            at += 1
        marker = data[at]
        if marker in _FRAMES:
            height, width = struct.unpack(">HH", data[at + 4 : at + 8])
            return width, height
        alone = marker == 0x01 or 0xD0 <= marker <= 0xD8
        at += 1 if alone else 1 + struct.unpack(">H", data[at + 1 : at + 3])[0]
