"""Sealed files."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeguard.camera.sealing import Seal, SealError

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
