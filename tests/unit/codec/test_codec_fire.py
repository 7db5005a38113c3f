"""GB/T 26875.3: a frame from a public decoder's test, what stands in it, round trips, and streams full of junk."""

from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeguard.codec.fire_frame import Command, FireFrames, FirePacket, confirmation, encode_packet, moment_of
from edgeguard.codec.fire_units import (
    PART_BITS,
    SYSTEM_BITS,
    FireUnit,
    Operation,
    PartState,
    SystemState,
    TransmitterState,
    decode_units,
    encode_units,
)
from edgeguard.core.quality import Fault, Reason

# shootingfans/codec_gb26875_3_2011, codec/reader_decoder_test.go, which has it once with a wrong sum (63) as well.
FRAME = bytes.fromhex(
    "4040 0000 0101 180d11160a14 000000000000 060504030201 3000 02"
    "0201 01 03 00 d9000600 0200 a3c1c7f8a3b1b2e3dfc8b2b8d7dfc0c8 000000000000000000000000000000 301213010814"
    "68 2323"
)
WRONG = FRAME[:-3] + b"\x63##"
# The same source, codec/codec_test.go: data units alone.
SYSTEMS = bytes.fromhex("0102 01020402040009020715 0d030501050009020715")
OPERATIONS = bytes.fromhex("0401 010284fa040009020715")
TRANSMITTER = bytes.fromhex("1501 08040009020715")


def when(*parts: int) -> datetime:
    """A panel's clock knows no zone."""
    year, month, day, hour, minute, second = (*parts, 0, 0, 0)[:6]
    return datetime(year, month, day, hour, minute, second)  # noqa: DTZ001


moments = st.datetimes(when(2000, 1, 1), when(2099, 12, 31)).map(lambda at: at.replace(microsecond=0))
byte, word = st.integers(0, 255), st.integers(0, 65535)
texts = st.text(st.sampled_from("一二三楼层室烟感ABC123"), max_size=15)
packets = st.builds(
    FirePacket,
    serial=word,
    source=st.integers(0, 2**48 - 1),
    target=st.integers(0, 2**48 - 1),
    command=byte,
    data=st.binary(max_size=80),
    at=st.none() | moments,
    version=st.tuples(byte, byte),
)
units = st.one_of(
    st.lists(st.builds(SystemState, byte, byte, word, st.none() | moments), min_size=1, max_size=5),
    st.lists(st.builds(PartState, byte, byte, byte, st.integers(0, 2**32 - 1), word, texts, moments), min_size=1, max_size=5),
    st.lists(st.builds(Operation, byte, byte, byte, byte, moments), min_size=1, max_size=5),
    st.lists(st.builds(TransmitterState, byte, moments), min_size=1, max_size=5),
)


def test_a_frame_with_chinese_text() -> None:
    (packet,) = FireFrames().feed(FRAME)
    assert (packet.serial, packet.source, packet.target, packet.command) == (0, 0, 0x010203040506, Command.SEND)
    assert (packet.version, packet.at) == ((1, 1), when(2020, 10, 22, 17, 13, 24))
    told = decode_units(packet.data)
    at = when(2020, 8, 1, 19, 18, 48)
    assert told == (PartState(1, 3, 0, 0x0600D9, 2, "Ａ区１层呷哺走廊", at),)
    assert told[0].conditions == ("fire",)
    assert encode_packet(packet) == FRAME


def test_a_wrong_sum_is_no_frame_and_the_next_is_found() -> None:
    frames = FireFrames()
    assert frames.feed(WRONG) == []
    assert len(frames.feed(FRAME + b"\x00" + FRAME)) == 2
    assert (frames.bad_sums, frames.junk_bytes) == (1, len(WRONG) + 1)


def test_data_units_of_a_public_test() -> None:
    assert decode_units(SYSTEMS) == (
        SystemState(1, 2, 0x0204, when(2021, 7, 2, 9, 0, 4)),
        SystemState(13, 3, 0x0105, when(2021, 7, 2, 9, 0, 5)),
    )
    assert decode_units(OPERATIONS) == (Operation(1, 2, 0x84, 0xFA, when(2021, 7, 2, 9, 0, 4)),)
    assert decode_units(TRANSMITTER) == (TransmitterState(8, when(2021, 7, 2, 9, 0, 4)),)
    (state,) = (TransmitterState(8),)
    assert state.conditions == ("mains-fault",)
    assert SystemState(1, 2, 0x0304).conditions == ("fault", "mains-fault", "battery-fault")
    assert Operation(1, 2, 0x03, 0).conditions == ("reset", "mute")
    assert (len(SYSTEM_BITS), len(PART_BITS)) == (14, 9)


def test_a_confirmation_goes_back_to_the_sender() -> None:
    (packet,) = FireFrames().feed(FRAME)
    (answer,) = FireFrames().feed(encode_packet(confirmation(packet, when(2026, 11, 24, 20, 0, 0))))
    assert (answer.serial, answer.source, answer.target) == (packet.serial, packet.target, packet.source)
    assert (answer.command, answer.data) == (Command.CONFIRM, b"")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", Reason.SHORT_ANSWER),
        (SYSTEMS[:-1], Reason.GARBAGE),
        (SYSTEMS + b"\0", Reason.GARBAGE),
        (b"\x01\x00", Reason.GARBAGE),
        (b"\x03\x01" + bytes(16), Reason.UNDECODABLE),
    ],
)
def test_what_has_not_the_shape_of_its_type_gives_no_state(data: bytes, reason: Reason) -> None:
    told = decode_units(data)
    assert isinstance(told, Fault)
    assert told.reason is reason


def test_no_date_is_no_date_and_a_cut_character_is_left_out() -> None:
    assert moment_of(bytes((61, 0, 0, 1, 1, 20))) is None
    long = PartState(1, 1, 40, 1, 2, "楼" * 20, when(2020, 1, 1))
    told = decode_units(encode_units(long))
    assert not isinstance(told, Fault)
    assert isinstance(told[0], PartState)
    assert told[0].text == "楼" * 15


@settings(max_examples=15)
@given(units)
def test_units_come_back_as_they_went(told: list[FireUnit]) -> None:
    assert decode_units(encode_units(*told)) == tuple(told)


@settings(max_examples=15)
@given(st.lists(packets, max_size=4), st.lists(st.integers(1, 40), min_size=1, max_size=8))
def test_packets_come_back_however_the_stream_is_cut(sent: list[FirePacket], cuts: list[int]) -> None:
    stream, frames, came, at = b"".join(encode_packet(packet) for packet in sent), FireFrames(), [], 0
    while at < len(stream):
        step = cuts[at % len(cuts)]
        came += frames.feed(stream[at : at + step])
        at += step
    assert came == sent
    assert frames.junk_bytes == 0


@settings(max_examples=15)
@given(st.binary(max_size=300), st.integers(0, 7), st.data())
def test_junk_gives_nothing_and_a_turned_bit_gives_nothing(junk: bytes, bit: int, data: st.DataObject) -> None:
    frames = FireFrames()
    assert all(encode_packet(packet) in junk for packet in frames.feed(junk))
    decode_units(junk)
    at = data.draw(st.integers(2, len(FRAME) - 3))
    spoiled = bytearray(FRAME)
    spoiled[at] ^= 1 << bit
    assert FireFrames().feed(bytes(spoiled)) == []
