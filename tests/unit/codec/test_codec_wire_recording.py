"""Recordings of wires: written and read back, nothing secret left in them, and replayed as devices with their times."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeguard.codec.cjt188_framing import build_frame
from edgeguard.codec.dissect import Dissector
from edgeguard.codec.replay import Replay
from edgeguard.codec.rtu import crc16
from edgeguard.codec.scrub import Scrubber, Secrets
from edgeguard.codec.sighting import Sighting, Sort, Way
from edgeguard.codec.wire_recording import TimedFrame, WireRecording, dump_recording, parse_recording
from edgeguard.core.errors import Permanent
from edgeguard.core.profile import AddressRange
from edgeguard.core.register import Table
from edgeguard.testing.examples import examples


def rtu(body: str) -> bytes:
    data = bytes.fromhex(body)
    return data + crc16(data).to_bytes(2, "little")


READ, VALUES = rtu("03 03 0010 0002"), rtu("03 03 04 43670000")
OTHER_VALUES = rtu("03 03 04 43670001")


def recording(*frames: tuple[float, float, Way, bytes], network: bool = False) -> WireRecording:
    return WireRecording("a test", "2026-11-24T00:00:00.000Z", network, "9600 8N1", tuple(TimedFrame(*frame) for frame in frames))


FRAMES = st.lists(
    st.tuples(
        st.floats(0, 5),
        st.floats(0, 1),
        st.sampled_from([Way.OUT, Way.IN]),
        st.binary(min_size=1, max_size=20),
        st.text(max_size=9),
    ),
    max_size=10,
)


@settings(max_examples=examples(40), deadline=None)
@given(FRAMES, st.booleans(), st.text(max_size=9))
def test_what_is_written_is_read_back(steps: list[tuple[float, float, Way, bytes, str]], network: bool, origin: str) -> None:
    now_s, frames = 0.0, []
    for pause_s, took_s, way, data, text in steps:
        now_s = round(now_s + pause_s, 6)
        frames.append(TimedFrame(now_s, round(now_s + took_s, 6), way, data, text))
    made = WireRecording(origin, "2026-11-24T00:00:00.000Z", network, "9600 8E1", tuple(frames))

    assert parse_recording(dump_recording(made), "x") == made


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"format": "edgeguard-wire/9"}',
        '{"format": "edgeguard-wire/1", "frames": [{"t": 1, "end": 0, "way": "out", "hex": "00"}]}',
        '{"format": "edgeguard-wire/1", "frames": [{"t": 0, "end": 0, "way": "up", "hex": "00"}]}',
        '{"format": "edgeguard-wire/1", "frames": [{"t": 0, "end": 0, "way": "out", "hex": ""}]}',
        '{"format": "edgeguard-wire/1", "frames": []}',
        '{"format": "edgeguard-wire/1", "frames": 7}',
    ],
)
def test_what_is_no_recording_is_refused_by_name(text: str) -> None:
    with pytest.raises(Permanent, match=r"made-up\.json is not a recording"):
        parse_recording(text, "made-up.json")


def scrubbed(*frames: tuple[bytes, Way], secrets: Secrets | None = None, network: bool = False) -> list[Sighting]:
    """The frames after scrubbing, dissected anew, so that a wrong checksum would show."""
    wire, scrubber = Dissector(network), Scrubber(secrets or {})
    seen = [one for at, (data, way) in enumerate(frames) for one in wire.feed(float(at), data, way)] + wire.finish()
    for one in seen:
        scrubber.note(one)
    again = Dissector(network)
    made = [(scrubber.scrub(one), one.way) for one in seen]
    return [one for at, (data, way) in enumerate(made) for one in again.feed(float(at), data, way)] + again.finish()


def test_the_address_of_a_meter_becomes_the_same_other_one_everywhere() -> None:
    ask = bytes.fromhex("FE FE FE FE 68 43 10 00 11 34 00 68 11 04 33 34 34 35 4D 16")
    answer = bytes.fromhex("FE FE FE FE 68 43 10 00 11 34 00 68 91 06 33 34 34 35 CA 55 EE 16")
    other = bytes.fromhex("68 01 00 44 23 52 00 68 91 06 33 36 34 35 95 55 DD 16")

    seen = scrubbed((ask, Way.LINE), (answer, Way.LINE), (other, Way.LINE))

    assert [(one.sort, one.station) for one in seen] == [
        (Sort.REQUEST, "000000000001"),
        (Sort.ANSWER, "000000000001"),
        (Sort.ANSWER, "000000000002"),
    ]
    assert seen[1].pdu == bytes.fromhex("91 00 01 01 02 97 22")


def test_an_address_that_is_read_goes_out_of_the_data_too_and_wildcards_stay() -> None:
    seen = scrubbed(
        (bytes.fromhex("FE FE FE FE 68 AA AA AA AA AA AA 68 13 00 DF 16"), Way.LINE),
        (bytes.fromhex("FE FE FE FE 68 11 11 11 11 11 11 68 93 06 44 44 44 44 44 44 67 16"), Way.LINE),
    )

    assert [one.station for one in seen] == ["AAAAAAAAAAAA", "000000000001"]
    assert seen[1].pdu == bytes.fromhex("93 01 00 00 00 00 00")


def test_passwords_and_operators_are_gone() -> None:
    write = bytes.fromhex("68 01 00 14 03 18 00 68 14 10 34 34 33 37 35 43 43 43 44 44 44 44 37 43 38 4B 01 16")

    (seen,) = scrubbed((write, Way.LINE))

    assert seen.pdu == bytes.fromhex("14 01 01 00 04 00000000 00000000 04 10 05 18")
    assert seen.station == "000000000001"


def test_a_water_meters_address_is_replaced_and_its_frame_right_again() -> None:
    ask = bytes.fromhex("68 10 44 33 22 11 00 33 78 01 03 1F 90 00 80 16")

    (seen,) = scrubbed((ask, Way.LINE))

    assert (seen.sort, seen.station) == (Sort.REQUEST, "1000000000000001")


def test_serial_numbers_go_where_the_profile_says_so_and_nothing_else_does() -> None:
    ask = rtu("03 03 0010 0004")
    answer = rtu("03 03 08 4142 3132 1234 0007")
    secrets = {3: (AddressRange(Table.HOLDING, 17, 18),)}

    _, seen = scrubbed((ask, Way.OUT), (answer, Way.IN), secrets=secrets)
    assert seen.sort is Sort.ANSWER
    assert seen.pdu[2:] == bytes.fromhex("4142 3030 0000 0007")

    _, other = scrubbed((rtu("04 03 0010 0004"), Way.OUT), (rtu("04 03 08 4142 3132 1234 0007"), Way.IN), secrets=secrets)
    assert other.pdu[2:] == bytes.fromhex("4142 3132 1234 0007")


def test_pieces_of_meter_frames_do_not_betray_an_address() -> None:
    whole = bytes.fromhex("FE FE FE FE 68 43 10 00 11 34 00 68 91 06 33 34 34 35 CA 55 EE 16")

    seen = scrubbed((whole[:14], Way.LINE), (whole, Way.LINE), (b"\x10\x00\x11\x34", Way.LINE))

    assert not any(bytes.fromhex("43 10 00 11 34 00") in one.data or b"\x10\x00\x11\x34" in one.data for one in seen)


@settings(max_examples=examples(40), deadline=None)
@given(st.lists(st.one_of(st.binary(min_size=1, max_size=40), st.sampled_from([READ, VALUES])), max_size=6), st.booleans())
def test_scrubbing_keeps_every_length(pieces: list[bytes], network: bool) -> None:
    wire, scrubber = Dissector(network), Scrubber({3: (AddressRange(Table.HOLDING, 0, 65535),)})
    for at, piece in enumerate(pieces):
        for one in [*wire.feed(float(at), piece, Way.IN), *wire.finish()]:
            assert len(scrubber.scrub(one)) == len(one.data)


def test_a_request_is_answered_as_it_was_and_after_the_time_it_took() -> None:
    device = Replay(
        recording(
            (0.0, 0.008, Way.OUT, READ),
            (0.030, 0.042, Way.IN, VALUES),
            (1.0, 1.008, Way.OUT, READ),
            (1.05, 1.06, Way.IN, OTHER_VALUES),
        )
    )

    first, second, third = (device.hear(float(n), READ)[0] for n in range(3))

    assert [piece.data for piece in first + second + third] == [VALUES, OTHER_VALUES, VALUES]
    assert first[0].begin_s == pytest.approx(0.022)
    assert first[0].end_s == pytest.approx(0.034)
    assert (device.asked, device.unknown, device.requests) == (3, 0, 1)


def test_silence_is_replayed_as_silence_and_the_unknown_counted() -> None:
    device = Replay(recording((0.0, 0.0, Way.OUT, READ), (1.0, 1.0, Way.OUT, READ), (1.1, 1.1, Way.IN, VALUES)))

    assert [len(device.hear(float(n), READ)[0]) for n in range(2)] == [0, 1]
    assert device.hear(5.0, rtu("03 03 0099 0001")) == [()]
    assert device.unknown == 1


@pytest.mark.parametrize("network", [False, True])
def test_a_read_within_a_recorded_one_is_answered_out_of_it_and_with_its_time(network: bool) -> None:
    """Another master, or another plan, finds the registers that are there, and silence for all others."""

    def frame(number: int, body: str) -> bytes:
        data = bytes.fromhex(body)
        return number.to_bytes(2, "big") + bytes(2) + len(data).to_bytes(2, "big") + data if network else rtu(body)

    device = Replay(
        recording(
            *((0.0, 0.1, Way.OUT, frame(1, "03 04 0010 0004")), (0.2, 0.3, Way.IN, frame(1, "03 04 08 0001 0002 0003 0004"))),
            *((1.0, 1.1, Way.OUT, frame(2, "03 04 0010 0004")), (1.4, 1.5, Way.IN, frame(2, "03 04 08 0005 0006 0007 0008"))),
            *((2.0, 2.1, Way.OUT, frame(3, "03 04 0020 0002")), (2.2, 2.3, Way.IN, frame(3, "03 84 02"))),
            network=network,
        )
    )
    for told, end_s in (("0002 0003", 0.2), ("0006 0007", 0.4)):
        ((piece,),) = device.hear(5.0, frame(9, "03 04 0011 0002"))
        assert piece.data == frame(9, f"03 04 04 {told}")
        assert piece.end_s == pytest.approx(end_s)
    for unknown in ("03 04 0013 0002", "03 03 0011 0002", "04 04 0011 0002", "03 04 0020 0001", "03 04 000F 0002"):
        assert device.hear(9.0, frame(9, unknown)) == [()]
    assert (device.asked, device.unknown) == (7, 5)


def test_a_write_asked_for_twice_is_a_request_both_times() -> None:
    write = rtu("03 06 0001 0005")
    device = Replay(recording((0.0, 0.0, Way.OUT, write), (0.1, 0.1, Way.IN, write)))

    assert [device.hear(float(n), write)[0][0].data for n in range(3)] == [write] * 3


def test_on_a_network_the_answer_bears_the_number_of_the_question() -> None:
    ask, answer = bytes.fromhex("0007 0000 0006 03 03 0010 0001"), bytes.fromhex("0007 0000 0005 03 03 02 1234")
    device = Replay(recording((0.0, 0.0, Way.OUT, ask), (0.1, 0.1, Way.IN, answer), network=True))

    (pieces,) = device.hear(0.0, bytes.fromhex("0BAD") + ask[2:])

    assert pieces[0].data == bytes.fromhex("0BAD") + answer[2:]


def test_a_water_meter_answers_with_the_number_of_the_request_now() -> None:
    ask = build_frame("1078330000000001", 0x01, bytes.fromhex("901F07"))
    answer = build_frame("1078330000000001", 0x81, bytes.fromhex("901F07 00010000 2C"))
    refusal = build_frame("1078330000000001", 0xC1, bytes.fromhex("07 0040"))
    awake = b"\xfe\xfe" + answer
    device = Replay(
        recording((0.0, 0.0, Way.OUT, ask), (0.1, 0.1, Way.IN, awake), (1.0, 1.0, Way.OUT, ask), (1.1, 1.1, Way.IN, refusal))
    )
    now = build_frame("1078330000000001", 0x01, bytes.fromhex("901F55"))

    ((first,),) = device.hear(0.0, b"\xfe" * 4 + now)
    ((second,),) = device.hear(1.0, now)

    assert first.data == b"\xfe\xfe" + build_frame("1078330000000001", 0x81, bytes.fromhex("901F55 00010000 2C"))
    assert second.data == build_frame("1078330000000001", 0xC1, bytes.fromhex("55 0040"))
    assert (device.requests, device.unknown) == (1, 0)


@settings(max_examples=examples(30), deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=5), st.booleans())
def test_a_replay_bears_any_junk(pieces: list[bytes], network: bool) -> None:
    device = Replay(recording((0.0, 0.0, Way.OUT, READ), (0.1, 0.1, Way.IN, VALUES), network=network))
    for at, piece in enumerate(pieces):
        device.hear(float(at), piece)
