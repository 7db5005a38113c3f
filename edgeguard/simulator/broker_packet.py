"""MQTT control packets <-> values, for the broker's side of the wire: MQTT 5.0 and 3.1.1, no sockets, no clock.

Source: OASIS MQTT Version 5.0 (2019), chapters 2 and 3; MQTT Version 3.1.1 (2014), the same chapters. QoS 2 is refused, as a
broker may that announces Maximum QoS 1. Knows nothing of connections: `Framer` cuts a byte stream into frames, `parse` reads one.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

PropertyValue = int | str | bytes | tuple[str, str]
Properties = tuple[tuple[int, PropertyValue], ...]
"""Property identifiers with their values, in wire order."""

V5: Final = 5
V311: Final = 4

_BYTE: Final = frozenset({0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2A})
_UINT16: Final = frozenset({0x13, 0x21, 0x22, 0x23})
_UINT32: Final = frozenset({0x02, 0x11, 0x18, 0x27})
_TEXT: Final = frozenset({0x03, 0x08, 0x12, 0x15, 0x1A, 0x1C, 0x1F})
_BINARY: Final = frozenset({0x09, 0x16})
_PAIR: Final = 0x26
_SUBSCRIPTION_ID: Final = 0x0B

RECEIVE_MAXIMUM: Final = 0x21
MAXIMUM_PACKET_SIZE: Final = 0x27
MAXIMUM_QOS: Final = 0x24
ASSIGNED_CLIENT_ID: Final = 0x12
TOPIC_ALIAS: Final = 0x23
SHARED_SUBSCRIPTION_AVAILABLE: Final = 0x2A


class Malformed(ValueError):
    """Bytes that are not the MQTT they should be; `reason` is the MQTT 5 code for the DISCONNECT."""

    def __init__(self, text: str, reason: int = 0x81) -> None:
        super().__init__(text)
        self.reason = reason


class Kind(IntEnum):
    """Control packet types (MQTT 5.0, 2.1.2)."""

    CONNECT = 1
    CONNACK = 2
    PUBLISH = 3
    PUBACK = 4
    SUBSCRIBE = 8
    SUBACK = 9
    UNSUBSCRIBE = 10
    UNSUBACK = 11
    PINGREQ = 12
    PINGRESP = 13
    DISCONNECT = 14


@dataclass(frozen=True, slots=True)
class Frame:
    """One packet as it came: type, the four flag bits, and the bytes after the fixed header."""

    kind: int
    flags: int
    body: bytes

    @property
    def wire_bytes(self) -> int:
        """The packet's size on the wire, fixed header included."""
        return 1 + len(encode_varint(len(self.body))) + len(self.body)


@dataclass(frozen=True, slots=True)
class Connect:
    """A CONNECT; `level` is what the client asked for and may be a version that nobody speaks."""

    level: int
    client_id: str
    clean_start: bool
    keepalive_s: int
    will: "Publish | None"
    username: str | None
    password: bytes | None
    properties: Properties


@dataclass(frozen=True, slots=True)
class Publish:
    """An application message, in either direction; `packet_id` is 0 for QoS 0."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    dup: bool
    packet_id: int
    properties: Properties


@dataclass(frozen=True, slots=True)
class Puback:
    """An acknowledgement with its reason code (0 in 3.1.1)."""

    packet_id: int
    reason: int


@dataclass(frozen=True, slots=True)
class Subscription:
    """One filter of a SUBSCRIBE with the options of MQTT 5 (their defaults in 3.1.1)."""

    topic_filter: str
    qos: int
    no_local: bool
    retain_as_published: bool
    retain_handling: int


@dataclass(frozen=True, slots=True)
class Subscribe:
    """A SUBSCRIBE."""

    packet_id: int
    subscriptions: tuple[Subscription, ...]


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """An UNSUBSCRIBE."""

    packet_id: int
    filters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ping:
    """A PINGREQ."""


@dataclass(frozen=True, slots=True)
class Disconnect:
    """A DISCONNECT with its reason code (0 in 3.1.1)."""

    reason: int


Packet = Connect | Publish | Puback | Subscribe | Unsubscribe | Ping | Disconnect


def encode_varint(number: int) -> bytes:
    """A variable byte integer (1.5.5): 7 bits a byte, least significant first, at most 4 bytes."""
    if not 0 <= number <= 0x0FFF_FFFF:
        raise ValueError(f"{number} does not fit a variable byte integer")
    out = bytearray()
    while True:
        number, low = divmod(number, 128)
        out.append(low | (0x80 if number else 0))
        if not number:
            return bytes(out)


class Framer:
    """Cuts a stream of bytes into frames of at most `max_bytes`; holds at most one unfinished frame."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are now complete; Malformed if the length is impossible or over the limit."""
        self._buffer += data
        frames: list[Frame] = []
        while (frame := self._next()) is not None:
            frames.append(frame)
        return frames

    def _next(self) -> Frame | None:
        """The first frame of the buffer, taken out of it, or None while it is incomplete."""
        buffer = self._buffer
        length = 0
        for at in range(1, min(len(buffer), 5)):
            length |= (buffer[at] & 0x7F) << (7 * (at - 1))
            if buffer[at] & 0x80:
                continue
            end = at + 1 + length
            if end > self._max_bytes:
                raise Malformed(f"a packet of {end} bytes, {self._max_bytes} are allowed", 0x95)
            if len(buffer) < end:
                return None
            frame = Frame(buffer[0] >> 4, buffer[0] & 0x0F, bytes(buffer[at + 1 : end]))
            del buffer[:end]
            return frame
        if len(buffer) >= 5:
            raise Malformed("a remaining length of more than four bytes")
        return None


class _Cursor:
    """Reads fields off a packet's body in order; every short read is Malformed."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._body) - self._at

    def take(self, count: int) -> bytes:
        if count > self.left:
            raise Malformed("the packet ends inside a field")
        self._at += count
        return self._body[self._at - count : self._at]

    def rest(self) -> bytes:
        return self.take(self.left)

    def uint8(self) -> int:
        return self.take(1)[0]

    def uint16(self) -> int:
        return int.from_bytes(self.take(2), "big")

    def uint32(self) -> int:
        return int.from_bytes(self.take(4), "big")

    def varint(self) -> int:
        number = 0
        for place in range(4):
            byte = self.uint8()
            number |= (byte & 0x7F) << (7 * place)
            if not byte & 0x80:
                return number
        raise Malformed("a variable byte integer of more than four bytes")

    def binary(self) -> bytes:
        return self.take(self.uint16())

    def text(self) -> str:
        try:
            text = self.binary().decode()
        except UnicodeDecodeError as error:
            raise Malformed(f"a string that is not UTF-8: {error}") from error
        if "\x00" in text:
            raise Malformed("a string with a null character")
        return text

    def packet_id(self) -> int:
        number = self.uint16()
        if number == 0:
            raise Malformed("packet identifier 0", 0x82)
        return number

    def properties(self, version: int) -> Properties:
        """The property block of MQTT 5 (2.2.2); empty in 3.1.1, which has none."""
        if version != V5:
            return ()
        block = _Cursor(self.take(self.varint()))
        found: list[tuple[int, PropertyValue]] = []
        while block.left:
            ident = block.varint()
            found.append((ident, block._property(ident)))
        return tuple(found)

    def _property(self, ident: int) -> PropertyValue:
        if ident in _BYTE:
            return self.uint8()
        if ident in _UINT16:
            return self.uint16()
        if ident in _UINT32:
            return self.uint32()
        if ident in _TEXT:
            return self.text()
        if ident in _BINARY:
            return self.binary()
        if ident == _PAIR:
            return self.text(), self.text()
        if ident == _SUBSCRIPTION_ID:
            return self.varint()
        raise Malformed(f"an unknown property 0x{ident:02x}")


def _pack_property(ident: int, value: PropertyValue) -> bytes:
    if isinstance(value, tuple):
        return bytes([ident]) + _pack_text(value[0]) + _pack_text(value[1])
    if isinstance(value, str):
        return bytes([ident]) + _pack_text(value)
    if isinstance(value, bytes):
        return bytes([ident]) + struct.pack("!H", len(value)) + value
    if ident == _SUBSCRIPTION_ID:
        return bytes([ident]) + encode_varint(value)
    width = 1 if ident in _BYTE else 2 if ident in _UINT16 else 4
    return bytes([ident]) + value.to_bytes(width, "big")


def _pack_properties(properties: Properties, version: int) -> bytes:
    if version != V5:
        return b""
    block = b"".join(_pack_property(ident, value) for ident, value in properties)
    return encode_varint(len(block)) + block


def _pack_text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("!H", len(data)) + data


def _pack(kind: Kind, flags: int, body: bytes) -> bytes:
    return bytes([kind << 4 | flags]) + encode_varint(len(body)) + body


def _parse_connect(body: bytes) -> Connect:
    cursor = _Cursor(body)
    name, level = cursor.text(), cursor.uint8()
    if name != "MQTT":
        raise Malformed(f"protocol name {name!r}", 0x84)
    if level not in (V311, V5):
        return Connect(level, "", True, 0, None, None, None, ())
    flags, keepalive_s = cursor.uint8(), cursor.uint16()
    if flags & 0x01:
        raise Malformed("the reserved connect flag is set")
    properties = cursor.properties(level)
    client_id = cursor.text()
    will = None
    if flags & 0x04:
        will_properties = cursor.properties(level)
        topic, payload = cursor.text(), cursor.binary()
        will = Publish(topic, payload, min((flags >> 3) & 3, 1), bool(flags & 0x20), False, 0, will_properties)
    username = cursor.text() if flags & 0x80 else None
    password = cursor.binary() if flags & 0x40 else None
    if cursor.left:
        raise Malformed("bytes after the CONNECT's last field")
    return Connect(level, client_id, bool(flags & 0x02), keepalive_s, will, username, password, properties)


def _parse_publish(frame: Frame, version: int) -> Publish:
    qos = (frame.flags >> 1) & 3
    if qos > 1:
        raise Malformed(f"QoS {qos} is not supported", 0x9B)
    cursor = _Cursor(frame.body)
    topic = cursor.text()
    packet_id = cursor.packet_id() if qos else 0
    properties = cursor.properties(version)
    if not topic or "+" in topic or "#" in topic:
        raise Malformed(f"topic name {topic!r}", 0x90)
    return Publish(topic, cursor.rest(), qos, bool(frame.flags & 1), bool(frame.flags & 8), packet_id, properties)


def _parse_subscribe(body: bytes, version: int) -> Subscribe:
    cursor = _Cursor(body)
    packet_id = cursor.packet_id()
    cursor.properties(version)
    wanted: list[Subscription] = []
    while cursor.left:
        topic_filter, options = cursor.text(), cursor.uint8()
        handling = (options >> 4) & 3
        wanted.append(Subscription(topic_filter, min(options & 3, 1), bool(options & 4), bool(options & 8), handling))
    if not wanted:
        raise Malformed("a SUBSCRIBE without a filter", 0x82)
    return Subscribe(packet_id, tuple(wanted))


def _parse_unsubscribe(body: bytes, version: int) -> Unsubscribe:
    cursor = _Cursor(body)
    packet_id = cursor.packet_id()
    cursor.properties(version)
    filters: list[str] = []
    while cursor.left:
        filters.append(cursor.text())
    return Unsubscribe(packet_id, tuple(filters))


def parse(frame: Frame, version: int) -> Packet:
    """What a client may send, read from one frame; Malformed for everything else."""
    match frame.kind:
        case Kind.CONNECT:
            return _parse_connect(frame.body)
        case Kind.PUBLISH:
            return _parse_publish(frame, version)
        case Kind.PUBACK:
            cursor = _Cursor(frame.body)
            return Puback(cursor.packet_id(), cursor.uint8() if cursor.left else 0)
        case Kind.SUBSCRIBE:
            return _parse_subscribe(frame.body, version)
        case Kind.UNSUBSCRIBE:
            return _parse_unsubscribe(frame.body, version)
        case Kind.PINGREQ:
            return Ping()
        case Kind.DISCONNECT:
            return Disconnect(frame.body[0] if frame.body else 0)
        case _:
            raise Malformed(f"a client may not send packet type {frame.kind}", 0x82)


def connack(version: int, reason: int, properties: Properties = ()) -> bytes:
    """A CONNACK without a present session; `reason` in the codes of the version asked for."""
    return _pack(Kind.CONNACK, 0, bytes([0, reason]) + _pack_properties(properties, version))


def publish(message: Publish, version: int) -> bytes:
    """A PUBLISH to a subscriber."""
    flags = (8 if message.dup else 0) | message.qos << 1 | message.retain
    ident = struct.pack("!H", message.packet_id) if message.qos else b""
    body = _pack_text(message.topic) + ident + _pack_properties(message.properties, version) + message.payload
    return _pack(Kind.PUBLISH, flags, body)


def puback(version: int, packet_id: int, reason: int = 0) -> bytes:
    """A PUBACK; the reason is left out when it is 0 and in 3.1.1, which has none."""
    code = bytes([reason]) if reason and version == V5 else b""
    return _pack(Kind.PUBACK, 0, struct.pack("!H", packet_id) + code)


def suback(version: int, packet_id: int, codes: Sequence[int]) -> bytes:
    """A SUBACK: one granted QoS or refusal per filter."""
    return _pack(Kind.SUBACK, 0, struct.pack("!H", packet_id) + _pack_properties((), version) + bytes(codes))


def unsuback(version: int, packet_id: int, count: int) -> bytes:
    """An UNSUBACK for `count` filters (3.1.1 has no codes in it)."""
    codes = bytes(count) if version == V5 else b""
    return _pack(Kind.UNSUBACK, 0, struct.pack("!H", packet_id) + _pack_properties((), version) + codes)


def pingresp() -> bytes:
    """A PINGRESP."""
    return _pack(Kind.PINGRESP, 0, b"")


def disconnect(reason: int) -> bytes:
    """A DISCONNECT from the server; exists in MQTT 5 only."""
    return _pack(Kind.DISCONNECT, 0, bytes([reason]))


def property_of(properties: Properties, ident: int) -> PropertyValue | None:
    """The first value of a property, or None."""
    return next((value for found, value in properties if found == ident), None)


def matches(topic_filter: str, topic: str) -> bool:
    """Whether a filter with `+` and `#` covers a topic (4.7); topics that begin with `$` are hidden from leading wildcards."""
    if topic.startswith("$") and topic_filter[:1] in ("+", "#"):
        return False
    wanted, levels = topic_filter.split("/"), topic.split("/")
    for place, level in enumerate(wanted):
        if level == "#":
            return True
        if place >= len(levels) or level not in ("+", levels[place]):
            return False
    return len(wanted) == len(levels)


def valid_filter(topic_filter: str) -> bool:
    """Wildcards stand alone in their level and `#` only at the end; shared subscriptions are not offered."""
    levels = topic_filter.split("/")
    if not topic_filter or levels[0] == "$share":
        return False
    lone = all(level in ("+", "#") or not {"+", "#"} & set(level) for level in levels)
    return lone and "#" not in levels[:-1]
