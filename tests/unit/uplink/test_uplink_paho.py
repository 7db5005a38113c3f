"""Contract with paho-mqtt: the facts that client.py and session.py rely on, so that another version of it fails here first."""

import asyncio
import contextlib
import random
import socket
from collections.abc import Iterator

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from edgeguard.core.site import UplinkSpec
from edgeguard.simulator import broker_packet as mqtt
from edgeguard.uplink.client import Client
from edgeguard.uplink.session import Call, Session


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    yield ours, theirs
    ours.close()
    theirs.close()


class Wired(Client):
    """The session's client on a socket pair, so that no address is dialled."""

    def __init__(self, sock: socket.socket) -> None:
        self.verdicts: list[tuple[int, int]] = []
        super().__init__("b07", True, lambda packet_id, code: self.verdicts.append((packet_id, code)))
        self._wire = sock
        self.max_inflight_messages_set(0)

    def _create_socket(self) -> socket.socket:
        return self._wire


def send(client: Wired, topic: bytes, payload: bytes, retain: bool = False) -> int:
    packet_id = client.add_message(topic, (payload,), retain=retain)
    client.send_messages()
    return packet_id


def connected(pair: tuple[socket.socket, socket.socket]) -> Wired:
    client = Wired(pair[0])
    client.connect("127.0.0.1", 1883)
    assert pair[1].recv(1000)[0] >> 4 == mqtt.Kind.CONNECT
    pair[1].send(mqtt.connack(mqtt.V5, 0))
    assert client.loop_read() == MQTTErrorCode.MQTT_ERR_SUCCESS
    return client


def test_the_socket_is_bound_to_nothing_before_it_is_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    """The unit forbids the daemon to bind; paho binds every socket to no address in particular."""
    bound: list[object] = []

    class Watched(socket.socket):
        def bind(self, address: object) -> None:
            bound.append(address)

    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(socket, "socket", Watched)
        client = Client("b07", True, lambda _, __: None)
        client.connect("127.0.0.1", server.getsockname()[1])
        server.accept()[0].close()
        assert bound == []
        plain = paho.Client(CallbackAPIVersion.VERSION2)
        with contextlib.suppress(OSError):
            plain.connect("127.0.0.1", server.getsockname()[1])
        assert bound != [], "paho binds no longer: client.py need not forbid it"


def test_what_is_sent_is_on_the_wire_at_once(pair: tuple[socket.socket, socket.socket]) -> None:
    client = connected(pair)
    assert send(client, b"t", b"payload") == 1
    (frame,) = mqtt.Framer(1000).feed(pair[1].recv(1000))
    packet = mqtt.parse(frame, mqtt.V5)
    assert isinstance(packet, mqtt.Publish)
    assert (packet.topic, packet.payload, packet.packet_id) == ("t", b"payload", 1)
    assert not client.want_write()


@pytest.mark.parametrize("code", [0x00, 0x10, 0x80, 0x87, 0x90, 0x95, 0x97, 0x99, 0xEE])
def test_every_reason_code_of_a_puback_is_handed_over(pair: tuple[socket.socket, socket.socket], code: int) -> None:
    client = connected(pair)
    packet_id = send(client, b"t", b"x")
    pair[1].send(mqtt.puback(mqtt.V5, packet_id, code))
    assert client.loop_read() == MQTTErrorCode.MQTT_ERR_SUCCESS
    assert client.verdicts == [(packet_id, code)]
    pair[1].send(mqtt.puback(mqtt.V5, packet_id, code))
    client.loop_read()
    assert len(client.verdicts) == 1


def test_messages_that_are_sent_together_are_several_packets(pair: tuple[socket.socket, socket.socket]) -> None:
    client = connected(pair)
    assert [client.add_message(b"t", (b"x" * n,), retain=False) for n in range(3)] == [1, 2, 3]
    client.send_messages()
    client.send_messages()
    packets = [mqtt.parse(frame, mqtt.V5) for frame in mqtt.Framer(1000).feed(pair[1].recv(1000))]
    assert [(packet.packet_id, packet.payload) for packet in packets if isinstance(packet, mqtt.Publish)] == [
        (1, b""),
        (2, b"x"),
        (3, b"xx"),
    ]


@pytest.mark.parametrize("room", [1, 11, 100_000], ids=["hardly any room", "little room", "room"])
@pytest.mark.parametrize("parts", [2, 700], ids=["few parts", "more parts than the kernel takes at once"])
def test_parts_are_one_payload_whatever_the_socket_takes_at_once(
    pair: tuple[socket.socket, socket.socket], room: int, parts: int
) -> None:
    client = connected(pair)
    pair[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, room)
    texts = [bytes((65 + n,)) * (30_000 // parts) for n in range(4)]
    for text in texts:
        client.add_message(b"t", (text, memoryview(b"--|--")[2:3]) * parts, retain=False)
    assert client.ready_bytes == sum(len(text) + 1 for text in texts) * parts
    client.send_messages()
    assert client.ready_bytes == 0
    client.add_message(b"t", (b"the last",), retain=False)
    client.send_messages()
    framer, frames = mqtt.Framer(1_000_000), list[mqtt.Frame]()
    while len(frames) < 5:
        frames += framer.feed(pair[1].recv(1_000_000))
        assert client.loop_write() == MQTTErrorCode.MQTT_ERR_SUCCESS
    packets = [packet for frame in frames if isinstance(packet := mqtt.parse(frame, mqtt.V5), mqtt.Publish)]
    assert [packet.payload for packet in packets] == [*((text + b"|") * parts for text in texts), b"the last"]


def test_an_error_of_the_socket_is_met_by_paho_and_ends_the_connection(pair: tuple[socket.socket, socket.socket]) -> None:
    client = connected(pair)
    gone: list[object] = []
    client.on_socket_close = lambda _client, _data, sock: gone.append(sock)
    pair[1].close()
    send(client, b"t", b"x")
    assert gone == [pair[0]]


def test_many_pubacks_are_read_in_one_gulp_and_half_a_one_waits(pair: tuple[socket.socket, socket.socket]) -> None:
    client = connected(pair)
    ids = [send(client, b"t", b"x") for _ in range(5)]
    answers = b"".join(mqtt.puback(mqtt.V5, packet_id, 0) for packet_id in ids)
    pair[1].send(answers[:-2])
    client.loop_read()
    while client.has_gulped:
        assert client.loop_read() == MQTTErrorCode.MQTT_ERR_SUCCESS
    assert client.verdicts == [(packet_id, 0) for packet_id in ids[:4]]
    pair[1].send(answers[-2:])
    client.loop_read()
    assert client.verdicts == [(packet_id, 0) for packet_id in ids]


def test_a_packet_identifier_in_flight_is_not_given_twice(pair: tuple[socket.socket, socket.socket]) -> None:
    client = connected(pair)
    first = send(client, b"t", b"x")
    client._last_mid = 65535
    assert (first, send(client, b"t", b"x")) == (1, 2)


@pytest.mark.parametrize("size", [0, 1, 100, 127, 128, 16_400, 65_536])
def test_messages_of_every_length_are_read_as_they_were_meant(pair: tuple[socket.socket, socket.socket], size: int) -> None:
    client = connected(pair)
    framer = mqtt.Framer(100_000)
    send(client, b"root/t", b"y" * size, retain=True)
    frames: list[mqtt.Frame] = []
    while not frames:
        frames += framer.feed(pair[1].recv(100_000))
        client.loop_write()
    packet = mqtt.parse(frames[0], mqtt.V5)
    assert isinstance(packet, mqtt.Publish)
    assert (packet.topic, packet.payload, packet.retain, packet.qos) == ("root/t", b"y" * size, True, 1)


def test_paho_itself_ends_the_session_on_puback_0x95(pair: tuple[socket.socket, socket.socket]) -> None:
    """The reason for `Client`; when this fails, it may go."""

    class Plain(paho.Client):
        def _create_socket(self) -> socket.socket:
            return pair[0]

    client = Plain(CallbackAPIVersion.VERSION2, "b07", protocol=MQTTProtocolVersion.MQTTv5)
    client.connect("127.0.0.1", 1883)
    pair[1].recv(1000)
    pair[1].send(mqtt.connack(mqtt.V5, 0))
    client.loop_read()
    client.publish("t", b"x", qos=1)
    pair[1].send(mqtt.puback(mqtt.V5, 1, 0x95))
    assert client.loop_read() == MQTTErrorCode.MQTT_ERR_PROTOCOL


def test_a_lost_connection_is_an_error_code_and_the_socket_is_handed_back_open(pair: tuple[socket.socket, socket.socket]) -> None:
    client = connected(pair)
    descriptors: list[int] = []
    client.on_socket_close = lambda _client, _data, sock: descriptors.append(sock.fileno())
    pair[1].close()
    assert client.loop_read() == MQTTErrorCode.MQTT_ERR_CONN_LOST
    assert descriptors
    assert descriptors[0] >= 0
    assert client.socket() is None


def test_an_incoming_length_can_be_seen_before_the_packet_is_there(pair: tuple[socket.socket, socket.socket]) -> None:
    client = connected(pair)
    pair[1].send(b"\x30" + mqtt.encode_varint(200_000_000) + b"x")
    client.loop_read()
    assert client.announced_bytes == 200_000_000


async def test_random_bytes_from_the_broker_end_the_session_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever paho's decoder makes of them, no exception leaves the session."""
    entropy = random.Random(11)
    spec = UplinkSpec("127.0.0.1", 1, tls=False)
    for _ in range(300):
        session = Session(Call(spec, "b07", "5", "status", b"{}"), lambda _acks: None, lambda: None)
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        monkeypatch.setattr(session._client, "_create_socket", lambda sock=ours: sock)
        session._client.connect("127.0.0.1", 1)
        theirs.send(mqtt.connack(mqtt.V5, 0))
        session._readable()
        assert session._granted.done()
        kind = entropy.choice([2, 3, 4, 5, 6, 7, 9, 11, 13, 14, 15])
        body = entropy.randbytes(entropy.randrange(12))
        theirs.send(bytes([kind << 4 | entropy.randrange(16), len(body)]) + body + entropy.randbytes(3))
        for _ in range(4):
            if not session.ended:
                session._readable()
        session.abort()
        theirs.close()
        ours.close()
        assert session.ended
    await asyncio.sleep(0)
