"""paho's client as the session needs it: PUBACKs as they are, messages that leave without objects of paho's, bytes read in gulps.

With `session` the only module that knows paho, and the only one that touches what of it is not public: `_packet_queue`,
`_mid_generate`, `_sock_recv`, `_sock_send`, `_handle_pubackcomp`, `_in_packet`, `_create_socket_connection`;
tests/unit/uplink/test_uplink_paho.py holds what is relied on.
"""

import contextlib
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Final, Literal

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties

from edgeguard.uplink.dial import dial
from edgeguard.uplink.envelope import Parts

_GULP_BYTES: Final = 64 * 1024
_GATHER_PARTS: Final = 1024
"""The most parts that one sendmsg takes (IOV_MAX)."""
_BYTES: Final = tuple(bytes((number,)) for number in range(256))
_PUBLISH: Final = 0x30
_PUBACK: Final = 0x40
_SHORT: Final = 0x7F
"""The longest packet whose length is told by one byte."""
_QOS_1: Final = 0x02
_RETAIN: Final = 0x01
_SAYS_NOTHING: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionError)


class Client(paho.Client):
    """A client for one connection. `verdict` gets the packet identifier and the reason code of every PUBACK for a message of ours.

    Mosquitto answers a message over its `message_size_limit` with PUBACK 0x95, which the standard lists for DISCONNECT only;
    paho calls such a packet malformed and ends the session, so that the message would come back for ever.
    """

    def __init__(self, client_id: str, v5: bool, verdict: Callable[[int, int], None], allow_public: bool = False) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id,
            clean_session=None if v5 else True,
            protocol=MQTTProtocolVersion.MQTTv5 if v5 else MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
        )
        self._v5 = v5
        self._verdict = verdict
        self._allow_public = allow_public
        self.ready_bytes = 0
        """Bytes of payloads that wait for `send_messages`."""
        self._ready: list[bytes | memoryview] = []
        self._flying: set[int] = set()
        self._gulp = b""
        self._gulp_at = 0

    def add_message(self, topic: bytes, payload: Parts, *, retain: bool, properties: Properties | None = None) -> int:
        """Make ready a PUBLISH with QoS 1, for `send_messages`; its packet identifier.

        paho keeps nothing of it: what has no PUBACK when the connection ends is the caller's to send again.
        """
        packet_id = self._mid_generate()
        while packet_id in self._flying:
            packet_id = self._mid_generate()
        extra = b"" if not self._v5 else b"\0" if properties is None else properties.pack()  # type: ignore[no-untyped-call]
        size = sum(map(len, payload))
        first = _PUBLISH | _QOS_1 | (_RETAIN if retain else 0)
        length = _varint(4 + len(topic) + len(extra) + size)
        self._flying.add(packet_id)
        self._ready.append(b"".join((_BYTES[first], length, len(topic).to_bytes(2), topic, packet_id.to_bytes(2), extra)))
        self._ready += payload
        self.ready_bytes += size
        return packet_id

    def send_messages(self) -> None:
        """Write all that is ready at once, as far as the socket takes it now, the rest when it can: each write wakes the broker."""
        parts, self._ready = self._ready, []
        if not parts:
            return
        taken = self._gather(parts)
        self.ready_bytes = 0
        for at, part in enumerate(parts):
            if taken < len(part):
                self._packet_queue(_PUBLISH, b"".join((memoryview(part)[taken:], *parts[at + 1 :])), 0, 1)
                return
            taken -= len(part)

    def _gather(self, parts: Sequence[bytes | memoryview]) -> int:
        """How many bytes of these the kernel takes now from where they are: copies of each message cost an eighth of the sending.

        0 where TLS has to have them, where earlier ones still wait, and where the socket has an error, which paho then meets too.
        """
        sock = self.socket()
        if type(sock) is not socket.socket or self.want_write() or len(parts) > _GATHER_PARTS:
            return 0
        try:
            return sock.sendmsg(parts)
        except OSError:
            return 0

    def _create_socket_connection(self) -> socket.socket:
        """Not paho's own, which binds it to an address first and asks nobody where it goes."""
        return dial(self.host, self.port, self.connect_timeout, self._allow_public)

    @property
    def announced_bytes(self) -> int:
        """Length of the incoming packet that is not complete yet."""
        return int(self._in_packet["remaining_length"])

    @property
    def has_gulped(self) -> bool:
        """Bytes have been read from the socket that no packet was made of yet."""
        return self._gulp_at < len(self._gulp)

    def _sock_recv(self, bufsize: int) -> bytes:
        """paho asks for a byte, a byte, and the rest of each packet: one read of the socket serves many of them.

        Where it asks for the first byte of a packet, PUBACKs that lie there whole are taken without it: it needs 50 us for each.
        """
        if not self.has_gulped:
            self._gulp, self._gulp_at = super()._sock_recv(_GULP_BYTES), 0
        if self._gulp and self._in_packet["command"] == 0:
            self._take_pubacks()
            if not self.has_gulped:
                raise BlockingIOError
        begin, self._gulp_at = self._gulp_at, min(self._gulp_at + bufsize, len(self._gulp))
        return self._gulp[begin : self._gulp_at]

    def _sock_send(self, buf: bytes | bytearray) -> int:
        """Where TLS cannot write any more, what the broker said before it hung up is the cause: with TLS 1.3 it asks for a client
        certificate when the handshake is over for us, and we write into a connection that it has closed.
        """
        try:
            return super()._sock_send(buf)
        except BlockingIOError:
            raise
        except OSError:
            if isinstance(sock := self.socket(), ssl.SSLSocket):
                with contextlib.suppress(*_SAYS_NOTHING):
                    sock.recv(1)
            raise

    def _handle_pubackcomp(self, cmd: Literal["PUBACK", "PUBCOMP"]) -> MQTTErrorCode:
        packet = self._in_packet["packet"]
        if cmd != "PUBACK" or len(packet) < 2:
            return MQTTErrorCode.MQTT_ERR_PROTOCOL
        self._judged(int.from_bytes(packet[:2], "big"), packet[2] if len(packet) > 2 else 0)
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _take_pubacks(self) -> None:
        """Up to the first packet that is no PUBACK, is not whole, or has no length that one can have: that is paho's."""
        gulp, at = self._gulp, self._gulp_at
        end = len(gulp)
        while at + 4 <= end and gulp[at] == _PUBACK:
            length = gulp[at + 1]
            if not 2 <= length <= _SHORT or at + 2 + length > end:
                break
            self._judged(gulp[at + 2] << 8 | gulp[at + 3], gulp[at + 4] if length > 2 else 0)
            at += 2 + length
        self._gulp_at = at

    def _judged(self, packet_id: int, code: int) -> None:
        if packet_id in self._flying:
            self._flying.remove(packet_id)
            self._verdict(packet_id, code)


def _varint(number: int) -> bytes:
    """MQTT's variable byte integer."""
    out = b""
    while number > 0x7F:
        out += _BYTES[number & 0x7F | 0x80]
        number >>= 7
    return out + _BYTES[number]
