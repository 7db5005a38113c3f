"""What is overheard is found however it is cut, and a line that babbles costs no more than its bytes."""

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shared_line import METER, ascii_frame, electric, rtu

from edgeguard.bus import overheard
from edgeguard.bus.overheard import Overheard
from edgeguard.codec.modbus import read_request
from edgeguard.codec.shapes import Shape, ascii_shape, cjt188_shape, dlt645_shape, rtu_shapes
from edgeguard.core.limits import LINE_FRAME_CHARACTERS
from edgeguard.core.register import Table

PIECES = [
    rtu(b"\7" + read_request(Table.HOLDING, 1, 2)),
    rtu(b"\7\3\4\0\1\0\2"),
    rtu(b"\7\x83\2"),
    rtu(b"\7\x10\0\1\0\2\4\0\1\0\2"),
    ascii_frame(b"\7\3\2\0\1"),
    electric(METER, 0x11, "00 01 01 02"),
    b"\7\3\xfa",
    b":0703",
    b"\x68" * 9,
    b"\3" * 300,
]


def found_by_looking_everywhere(pieces: list[bytes]) -> list[bytes]:
    """The payloads: every place is looked at once more with each piece."""
    found: list[bytes] = []
    buffer = b""
    for piece in pieces:
        buffer = (buffer + piece)[-LINE_FRAME_CHARACTERS:]
        place = 0
        while place <= len(buffer) - 4:
            data = buffer[place:]
            shapes = [*rtu_shapes(data), ascii_shape(data), dlt645_shape(data), cjt188_shape(data)]
            shape = next((shape for shape in shapes if shape is not None and shape.verdict), None)
            place += 1
            if shape is not None and shape.station is not None:
                found.append(shape.pdu)
                buffer, place = data[shape.size :], 0
    return found


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(PIECES) | st.binary(max_size=12), max_size=8), st.lists(st.integers(0, 900), max_size=30))
def test_nothing_is_missed_and_nothing_found_twice(parts: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(parts)
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    pieces = [stream[begin:end] for begin, end in pairwise(places)]
    heard = Overheard()
    assert [one.pdu for piece in pieces for one in heard.feed(piece)] == found_by_looking_everywhere(pieces)


@pytest.mark.parametrize("babble", ["any", "\3", "h", "\3\1"])
def test_a_babbling_line_is_looked_at_a_few_times_for_each_byte(babble: str, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = 0

    def counted(data: bytes) -> list[Shape]:
        nonlocal looked
        looked += 1
        return rtu_shapes(data)

    monkeypatch.setattr(overheard, "rtu_shapes", counted)
    chance = random.Random(5)
    stream = chance.randbytes(1500) if babble == "any" else (babble.encode() * 1500)[:1500]
    heard = Overheard()
    for byte in stream:
        heard.feed(bytes((byte,)))
    assert looked < 4 * len(stream)
