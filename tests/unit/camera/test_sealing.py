"""Sealed files: small ones whole, large ones in pieces."""

import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeguard.camera.sealing import PIECE_BYTES, Seal, SealedReader, SealedWriter, SealError, sha256_within

SEAL = Seal(b"0123456789abcdef")


@given(st.binary(max_size=300), st.integers(min_value=0), st.integers(1, 255))
@settings(max_examples=30, deadline=None)
def test_what_was_changed_anywhere_does_not_open(data: bytes, where: int, by: int) -> None:
    sealed = SEAL.closed("a.jpg.sealed", data)
    assert SEAL.opened("a.jpg.sealed", sealed) == data
    changed = bytearray(sealed)
    changed[where % len(sealed)] ^= by
    with pytest.raises(SealError):
        SEAL.opened("a.jpg.sealed", bytes(changed))


def test_no_two_files_are_alike_and_each_is_bound_to_its_name_and_key() -> None:
    one, two = (SEAL.closed("a.jpg.sealed", b"a picture") for _ in range(2))
    assert one != two
    assert b"a picture" not in one
    for seal, name, sealed in (
        (SEAL, "b.jpg.sealed", one),
        (Seal(b"another key of it"), "a.jpg.sealed", one),
        (SEAL, "a.jpg.sealed", one[:20]),
    ):
        with pytest.raises(SealError):
            seal.opened(name, sealed)
    with pytest.raises(SealError, match="is no sealed file"):
        SEAL.opened("a.jpg.sealed", b"\xff\xd8\xff\xe0")


def test_a_key_that_anybody_could_guess_is_none() -> None:
    for line in (b"", b"secret"):
        with pytest.raises(SealError, match="shorter than 16"):
            Seal(line)


SIZES = (0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 2 * PIECE_BYTES, 3 * PIECE_BYTES + 7)


@pytest.mark.parametrize("size", SIZES)
def test_files_of_every_size_open_and_nothing_of_them_can_be_cut_moved_or_added(size: int) -> None:
    data = (b"0123456789ab" * (size // 12 + 1))[:size]
    sealed = SEAL.closed("a", data)
    assert SEAL.opened("a", sealed) == data
    assert SealedReader(SEAL, "a", io.BytesIO(sealed)).size == size
    piece, head = PIECE_BYTES + 16, 28
    forged = [sealed + b"0", sealed[:-1], sealed[:head], sealed + sealed[head:]]
    forged += [sealed[:-at] for at in range(piece, len(sealed) - head, piece)]
    if size > 2 * PIECE_BYTES:
        forged.append(
            sealed[:head] + sealed[head + piece : head + 2 * piece] + sealed[head : head + piece] + sealed[head + 2 * piece :]
        )
    for one in forged:
        with pytest.raises(SealError):
            SEAL.opened("a", one)


Write = tuple[bool, int, int]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, PIECE_BYTES), st.integers(0, 2 * PIECE_BYTES)), max_size=6))
@settings(max_examples=12, deadline=None)
def test_what_is_written_and_whose_head_is_written_again_is_what_a_plain_file_holds(writes: list[Write]) -> None:
    """As makers of video files write: on and on, and back to the head."""
    plain, out = io.BytesIO(), io.BytesIO()
    with SealedWriter(SEAL, "a", out, head=PIECE_BYTES + 1) as writer:
        for number, (goes_back, at, count) in enumerate(writes):
            data, end = bytes([number]) * (count // 4 if goes_back else count), len(plain.getvalue())
            for file in (plain, writer):
                assert file.seek(0, io.SEEK_END) == end
                if goes_back:
                    file.seek(at)
                file.write(data)
            assert writer.tell() == plain.tell()
    assert SEAL.opened("a", out.getvalue()) == plain.getvalue()


def test_what_has_left_is_not_written_again_and_what_was_given_up_is_no_sealed_file() -> None:
    out = io.BytesIO()

    def write_again() -> None:
        with SealedWriter(SEAL, "a", out) as writer:
            writer.write(bytes(4 * PIECE_BYTES))
            writer.seek(PIECE_BYTES)
            writer.write(b"0")

    with pytest.raises(OSError, match="cannot be written again"):
        write_again()
    with pytest.raises(SealError):
        SEAL.opened("a", out.getvalue())


def test_a_file_is_read_from_anywhere_in_little_memory(tmp_path: Path) -> None:
    data = bytes(range(256)) * 1024
    (tmp_path / "clip.sealed").write_bytes(SEAL.closed("clip.sealed", data))
    with SEAL.reader(tmp_path / "clip.sealed") as reader:
        for at, count in ((200_000, 70_000), (0, 5), (65_530, 12), (262_140, 100)):
            reader.seek(at)
            read = b""
            while len(read) < count and (part := reader.read(count - len(read))):
                read += part
            assert read == data[at : at + count]
    with pytest.raises(SealError, match="no key was given"):
        sha256_within(tmp_path / "clip.sealed", None)


def test_older_keys_open_what_they_closed_and_a_key_that_is_missing_is_named() -> None:
    old, new = Seal(b"the key of last year"), Seal(b"the key of this year")
    sealed = old.closed("a", b"a picture")
    assert Seal(b"the key of this year", [old]).opened("a", sealed) == b"a picture"
    with pytest.raises(SealError, match=f"sealed with another key .{old.name.hex()}. than what is given .{new.name.hex()}."):
        new.opened("a", sealed)
