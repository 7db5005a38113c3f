"""Picture files: every kind that is taken, and everything that may be wrong with one."""

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeguard.camera.pictures import PictureError, decode_picture, load_picture, stated_size
from edgeguard.core.camera_limits import PICTURE_MAX_BYTES
from edgeguard.testing.examples import examples

FORMS = (".jpg", ".png", ".bmp", ".webp")


def coded(suffix: str, width: int = 60, height: int = 40) -> bytes:
    ramp = np.linspace(0, 255, width * height * 3).reshape(height, width, 3).astype(np.uint8)
    done, data = cv2.imencode(suffix, ramp)
    assert done
    return data.tobytes()


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is huge."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("suffix", FORMS)
def test_every_form_is_taken_and_its_size_is_known_beforehand(suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"车牌{suffix}"
    file.write_bytes(coded(suffix))
    assert stated_size(file.read_bytes()) == (60, 40)
    assert load_picture(file).shape == (40, 60, 3)


def test_lossless_and_transparent_pictures_are_taken() -> None:
    done, data = cv2.imencode(".webp", np.zeros((40, 60, 4), np.uint8), [cv2.IMWRITE_WEBP_QUALITY, 101])
    assert done
    assert decode_picture(data.tobytes(), "x").shape == (40, 60, 3)
    done, data = cv2.imencode(".png", np.zeros((40, 60), np.uint16))
    assert done
    assert decode_picture(data.tobytes(), "x").shape == (40, 60, 3)


@pytest.mark.parametrize(("width", "height"), [(100_000, 100), (16_000, 16_000), (4, 4)])
def test_a_size_bomb_is_refused_before_it_is_unpacked(width: int, height: int, tmp_path: Path) -> None:
    file = tmp_path / "bomb.png"
    file.write_bytes(bomb(width, height))
    with pytest.raises(PictureError, match=f"bomb.png: {width}x{height} is"):
        load_picture(file)


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "huge.jpg"
    with file.open("wb") as sparse:
        sparse.truncate(PICTURE_MAX_BYTES + 1)
    with pytest.raises(PictureError, match=r"huge\.jpg: .* bytes are more"):
        load_picture(file)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"hello, this is a text", "is no JPEG, PNG, BMP or WebP"),
        (coded(".jpg")[:14], "cut short or damaged"),
        (coded(".png")[:40], "cut short or damaged"),
        (b"\xff\xd8\xff" + b"\x00" * 100, "cut short or damaged"),
    ],
)
def test_what_is_no_picture_is_told_with_its_name(data: bytes, words: str, tmp_path: Path) -> None:
    file = tmp_path / "gate.jpg"
    file.write_bytes(data)
    with pytest.raises(PictureError, match=words) as told:
        load_picture(file)
    assert str(file) in str(told.value)


def test_a_file_that_is_not_there_or_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none.jpg", tmp_path):
        with pytest.raises(PictureError, match="cannot be read"):
            load_picture(path)


@given(st.sampled_from(FORMS), st.integers(0, 400), st.binary(min_size=1, max_size=4))
@settings(max_examples=examples(80), deadline=None)
def test_damage_anywhere_gives_a_picture_or_a_complaint(suffix: str, place: int, junk: bytes) -> None:
    data = bytearray(coded(suffix, 30, 20))
    place %= len(data)
    data[place : place + len(junk)] = junk
    told, picture = "gate: ", None
    try:
        picture = decode_picture(bytes(data), "gate")
    except PictureError as error:
        told = str(error)
    assert told.startswith("gate: ")
    assert picture is None or picture.ndim == 3
