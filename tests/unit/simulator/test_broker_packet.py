"""The broker's codec: what is written can be read back, and no bytes do worse than Malformed."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeguard.simulator import broker_packet as mqtt

TOPICS = st.text(st.characters(exclude_characters="+#\x00", codec="utf-8"), min_size=1, max_size=30)
VERSIONS = st.sampled_from([mqtt.V5, mqtt.V311])


@given(st.integers(0, 0x0FFF_FFFF))
def test_a_varint_takes_as_few_bytes_as_the_standard_says(number: int) -> None:
    assert len(mqtt.encode_varint(number)) == 1 + (number > 127) + (number > 16383) + (number > 2097151)


@given(TOPICS, st.binary(max_size=300), st.integers(0, 1), st.booleans(), st.integers(1, 65535), VERSIONS)
def test_a_publish_survives_the_wire(topic: str, payload: bytes, qos: int, retain: bool, ident: int, version: int) -> None:
    properties: mqtt.Properties = ((0x26, ("a", "b")), (0x02, 7), (0x09, b"xy"), (0x01, 1)) if version == mqtt.V5 else ()
    message = mqtt.Publish(topic, payload, qos, retain, False, ident if qos else 0, properties)
    (frame,) = mqtt.Framer(1 << 20).feed(mqtt.publish(message, version))
    assert mqtt.parse(frame, version) == message
    assert frame.wire_bytes == len(mqtt.publish(message, version))


@given(st.lists(st.binary(min_size=1, max_size=200), max_size=6), st.integers(1, 7))
def test_frames_come_out_whole_however_the_bytes_are_cut(payloads: list[bytes], step: int) -> None:
    wire = b"".join(mqtt.publish(mqtt.Publish("t", payload, 0, False, False, 0, ()), mqtt.V5) for payload in payloads)
    framer = mqtt.Framer(1024)
    frames = [frame for at in range(0, len(wire), step) for frame in framer.feed(wire[at : at + step])]
    found = [mqtt.parse(frame, mqtt.V5) for frame in frames]
    assert [packet.payload for packet in found if isinstance(packet, mqtt.Publish)] == payloads


@given(st.binary(max_size=200), VERSIONS)
def test_garbage_is_malformed_and_nothing_worse(data: bytes, version: int) -> None:
    with contextlib.suppress(mqtt.Malformed):
        for frame in mqtt.Framer(4096).feed(data):
            mqtt.parse(frame, version)


@given(st.integers(1, 14), st.integers(0, 15), st.binary(max_size=80), VERSIONS)
def test_a_garbage_body_is_malformed_and_nothing_worse(kind: int, flags: int, body: bytes, version: int) -> None:
    with contextlib.suppress(mqtt.Malformed):
        mqtt.parse(mqtt.Frame(kind, flags, body), version)


def test_a_packet_over_the_limit_is_refused_before_it_is_collected() -> None:
    with pytest.raises(mqtt.Malformed) as caught:
        mqtt.Framer(100).feed(b"\x30\x80\x08")
    assert caught.value.reason == 0x95


def test_a_length_of_five_bytes_is_malformed() -> None:
    with pytest.raises(mqtt.Malformed):
        mqtt.Framer(100).feed(b"\x30\xff\xff\xff\xff\x01")


def test_a_connect_of_mqtt_5_is_read_with_its_will() -> None:
    will = b"\x05\x18\x00\x00\x00\x1e" + b"\x00\x06status" + b"\x00\x03off"
    body = b"\x00\x04MQTT\x05\xee\x00\x1e" + b"\x05\x11\x00\x00\x00\x00" + b"\x00\x02b7" + will + b"\x00\x01u" + b"\x00\x01p"
    connect = mqtt.parse(mqtt.Frame(mqtt.Kind.CONNECT, 0, body), mqtt.V5)
    will_message = mqtt.Publish("status", b"off", 1, True, False, 0, ((0x18, 30),))
    assert connect == mqtt.Connect(5, "b7", True, 30, will_message, "u", b"p", ((0x11, 0),))


def test_an_unknown_protocol_level_is_read_so_that_it_can_be_answered() -> None:
    connect = mqtt.parse(mqtt.Frame(mqtt.Kind.CONNECT, 0, b"\x00\x04MQTT\x09rest"), mqtt.V5)
    assert isinstance(connect, mqtt.Connect)
    assert connect.level == 9


@pytest.mark.parametrize(
    ("topic_filter", "topic", "expected"),
    [
        ("a/b", "a/b", True),
        ("a/+", "a/b", True),
        ("a/+", "a", False),
        ("a/+", "a/b/c", False),
        ("+", "a", True),
        ("#", "a/b/c", True),
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("+/b", "a/b", True),
        ("#", "$SYS/x", False),
        ("+/x", "$SYS/x", False),
        ("$SYS/#", "$SYS/x", True),
        ("a/b", "a/c", False),
        ("/+", "/a", True),
    ],
)
def test_filters_match_as_the_standard_says(topic_filter: str, topic: str, expected: bool) -> None:
    assert mqtt.matches(topic_filter, topic) is expected


@pytest.mark.parametrize("topic_filter", ["", "a+", "a/#/b", "#a", "$share/g/a"])
def test_bad_filters_are_refused(topic_filter: str) -> None:
    assert not mqtt.valid_filter(topic_filter)
