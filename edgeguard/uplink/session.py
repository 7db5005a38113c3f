"""One connection to the broker: paho-mqtt driven from the asyncio loop through its socket. With `client` alone in knowing paho.

Every connection is a new paho client, so that nothing of an earlier one can be sent again behind the outbox's back, and
nothing is published while there is no connection. Dialling (name, TCP, TLS) blocks and has a thread of its own; from the
CONNACK on everything runs on the loop's thread. Why so, with figures: docs/decisions/0002-paho-in-the-loop.md.

Facts of paho 2.2.0 that this relies on, held by tests/unit/uplink/test_uplink_paho.py: what is queued is written to the socket at
once when no write callback is set; `loop_read` returns an error code instead of raising on a lost connection; `on_socket_close`
comes before the descriptor is closed; errors of the socket reach a logger as the record's argument. What is not public of it is
touched in `client`.
"""

import asyncio
import logging
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import paho.mqtt.client as paho
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.exception import MQTTException
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from edgeguard.core import afar_limits, limits
from edgeguard.core.site import UplinkSpec
from edgeguard.uplink import tls, trouble
from edgeguard.uplink.client import Client
from edgeguard.uplink.envelope import Parts
from edgeguard.uplink.inbox import Inbound
from edgeguard.uplink.reconnect import V5
from edgeguard.uplink.trouble import LinkTrouble, Trouble

_MISC_S: Final = 1.0
_GARBAGE: Final = (ValueError, LookupError, TypeError, AttributeError, struct.error, MQTTException)
"""What paho's decoder lets through, beside its own error, when a broker sends what is not MQTT (found by fuzzing)."""
_QUICK_ACK: Final[int | None] = getattr(socket, "TCP_QUICKACK", None)
"""Of Linux; it holds until the kernel thinks otherwise, so that it is set after each read."""
_PACKET_OVERHEAD_BYTES: Final = 16
"""Fixed header, topic length, packet identifier and empty properties of a PUBLISH, rounded up."""


@dataclass(frozen=True, slots=True)
class Call:
    """What to dial and who we are. `will` is retained on `will_topic`, if there is one, when it ends without a goodbye."""

    spec: UplinkSpec
    client_id: str
    version: str
    will_topic: str | None
    will: bytes
    within_s: float = limits.UPLINK_CONNECT_WITHIN_S
    keepalive_s: int = limits.KEEPALIVE_S
    commands: str | None = None
    """A topic filter to subscribe to; None while nobody takes commands."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What the broker allows: QoS 1 messages in flight, and the size of a packet (None: as large as MQTT can)."""

    receive_maximum: int
    maximum_packet_size: int | None

    def payload_bytes(self, topic: str) -> int:
        """The largest payload for this topic."""
        if self.maximum_packet_size is None:
            return limits.MESSAGE_MAX_BYTES
        return min(limits.MESSAGE_MAX_BYTES, self.maximum_packet_size - len(topic.encode()) - _PACKET_OVERHEAD_BYTES)


class _LastError(logging.Handler):
    """Keeps the socket error that paho logs and otherwise swallows."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.error: OSError | None = None

    def emit(self, record: logging.LogRecord) -> None:
        for argument in record.args if isinstance(record.args, tuple) else ():
            if isinstance(argument, OSError):
                self.error = argument


class Session:
    """Open once, use until `ended`. On the loop, `on_acks` gets (packet identifier, reason code) pairs; `on_end` is called once.

    `on_inbound` gets every message on the topics subscribed to; it is acknowledged to the broker when that has returned.
    """

    def __init__(
        self,
        call: Call,
        on_acks: Callable[[list[tuple[int, int]]], None],
        on_end: Callable[[], None],
        on_inbound: Callable[[Inbound], None] = lambda _: None,
    ) -> None:
        self._call = call
        self._on_acks = on_acks
        self._on_end = on_end
        self._on_inbound = on_inbound
        self._inbound: list[Inbound] = []
        self._loop = asyncio.get_running_loop()
        self._granted: asyncio.Future[Grant] = self._loop.create_future()
        self._acks: list[tuple[int, int]] = []
        self._socket: socket.socket | None = None
        self._writing = False
        self._misc: asyncio.TimerHandle | None = None
        self._sending: asyncio.Handle | None = None
        self._closed = False
        self._trouble: Trouble | None = None
        self._said: int | None = None
        self.commands_refused: int | None = None
        """The broker's answer to our subscription to the commands: 0 granted, a reason code refused; None until it comes."""
        self._last = _LastError()
        self._client = self._new_client()

    @property
    def ended(self) -> bool:
        """Whether the connection is over."""
        return self._closed

    @property
    def trouble(self) -> Trouble:
        """Why it ended."""
        return self._trouble or trouble.network_trouble("连接已断开", "the connection was lost")

    @property
    def disconnect_code(self) -> int | None:
        """The reason code of the broker's DISCONNECT, if it sent one."""
        return self._said

    @property
    def peer_certificate(self) -> bytes | None:
        """The broker's certificate in DER, once the connection is there; None without TLS."""
        return self._socket.getpeercert(binary_form=True) if isinstance(self._socket, ssl.SSLSocket) else None

    async def open(self) -> Grant:
        """Dial and wait for the CONNACK. LinkTrouble with the cause if there is none within the time or it says no."""
        try:
            async with asyncio.timeout(self._call.within_s):
                await self._dial()
                self._watch()
                return await self._granted
        except TimeoutError:
            self.abort()
            silent = self._socket is not None
            zh, en = ("平台没有应答", "the broker does not answer") if silent else ("无法连到平台", "the broker cannot be reached")
            detail = f"{self._call.within_s:g} s"
            raise LinkTrouble(trouble.network_trouble(zh, en, detail, "no-answer")) from None
        except BaseException:
            self.abort()
            raise

    def publish(self, topic: str, parts: Parts, retain: bool = False, correlation: bytes | None = None) -> int:
        """Send one payload with QoS 1 within this turn of the loop; gives its packet identifier. LinkTrouble if it has ended.

        `correlation` is the data of whoever asked, echoed where the protocol can carry it.
        """
        properties = None
        if correlation is not None and self._call.version == V5:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.CorrelationData = correlation
        if self._closed:
            raise LinkTrouble(self.trouble)
        packet_id = self._client.add_message(topic.encode(), parts, retain=retain, properties=properties)
        if self._client.ready_bytes >= limits.UPLINK_WRITE_BYTES:
            self._send()
        elif self._sending is None:
            self._sending = self._loop.call_soon(self._send)
        return packet_id

    def _send(self) -> None:
        """Write what has been published since the last turn of the loop."""
        sending, self._sending = self._sending, None
        if sending is not None:
            sending.cancel()
        if not self._closed:
            self._client.send_messages()
            self._after_io()

    def goodbye(self, why: Trouble | None = None) -> None:
        """DISCONNECT, so that the broker forgets the will, and close. What the socket does not take at once is lost."""
        self._trouble = self._trouble or why
        if not self._closed and self._client.socket() is not None:
            self._client.send_messages()
            self._client.disconnect()
        self.abort()

    def abort(self) -> None:
        """Close without a word; the broker will publish the will."""
        self._end(None)
        if (sock := self._client.socket()) is not None:
            self._forget_socket()
            sock.close()

    def drop(self, why: Trouble) -> None:
        """Close without a word for a reason of ours."""
        self._end(why)
        self.abort()

    # -- dialling ------------------------------------------------------------------------------------------------------

    def _new_client(self) -> Client:
        call = self._call
        v5 = call.version == V5
        client = Client(call.client_id, v5, lambda packet_id, code: self._acks.append((packet_id, code)), call.spec.allow_public)
        will_properties = None
        if v5:
            will_properties = Properties(PacketTypes.WILLMESSAGE)  # type: ignore[no-untyped-call]
            will_properties.WillDelayInterval = limits.WILL_DELAY_S
        if call.will_topic is not None:
            client.will_set(call.will_topic, call.will, qos=1, retain=True, properties=will_properties)
        client.max_inflight_messages_set(0)
        client.connect_timeout = call.within_s
        # Of this client alone: in the process-wide tree of loggers it would live for ever.
        logger = logging.Logger("edgeguard.uplink.paho", logging.ERROR)  # noqa: LOG001
        logger.addHandler(self._last)
        client.enable_logger(logger)
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_socket_close = self._socket_closing
        client.on_message = self._arrived
        client.on_subscribe = self._subscribed
        return client

    async def _dial(self) -> None:
        """Run the blocking part on a thread that nobody waits for at exit: a resolver may hang for half a minute."""
        done: asyncio.Future[None] = self._loop.create_future()

        def deliver(error: BaseException | None) -> None:
            if done.done():
                self.abort()
            elif error is None:
                done.set_result(None)
            else:
                done.set_exception(error)

        def work() -> None:
            error: BaseException | None = None
            try:
                self._connect()
            except (OSError, ValueError, LinkTrouble) as failure:
                error = failure
            try:
                self._loop.call_soon_threadsafe(deliver, error)
            except RuntimeError:
                # The loop was closed in the meantime; the process is on its way out and takes the socket with it.
                return

        threading.Thread(target=work, name="uplink-dial", daemon=True).start()
        try:
            await done
        except ssl.SSLError as error:
            raise LinkTrouble(tls.tls_trouble(error, self._call.spec.host)) from error
        except (OSError, ValueError) as error:
            if self._call.spec.tls and isinstance(error, ConnectionResetError):
                raise LinkTrouble(tls.cut_off(error.strerror or "")) from error
            raise LinkTrouble(trouble.dial_trouble(error)) from error

    def _connect(self) -> None:
        """Blocks: files, name, TCP, TLS, and the CONNECT's first bytes."""
        spec, client = self._call.spec, self._client
        if spec.tls:
            client.tls_set_context(tls.client_context(spec))
        if spec.username is not None:
            secret = None if spec.password_file is None else tls.read_secret(spec.password_file)
            client.username_pw_set(spec.username, secret)
        if self._call.version != V5:
            client.connect(spec.host, spec.port, self._call.keepalive_s)
            return
        wishes = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        wishes.SessionExpiryInterval = 0
        wishes.MaximumPacketSize = limits.UPLINK_INBOUND_BYTES
        wishes.ReceiveMaximum = afar_limits.COMMAND_RECEIVE_MAXIMUM
        client.connect(spec.host, spec.port, self._call.keepalive_s, clean_start=True, properties=wishes)

    # -- the socket in the loop ----------------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Take the connected socket into the loop."""
        sock = self._client.socket()
        if not isinstance(sock, socket.socket):
            self._end(self._lost_trouble(MQTTErrorCode.MQTT_ERR_CONN_LOST))
            return
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = sock
        self._loop.add_reader(sock, self._readable)
        self._misc = self._loop.call_later(_MISC_S, self._keep_alive)
        self._after_io()

    def _readable(self) -> None:
        """Read until the socket, and TLS's own buffer above it, have nothing more for now."""
        client = self._client
        while True:
            try:
                code = client.loop_read()
            except _GARBAGE as error:
                self._end(_garbage_trouble(repr(error)))
                break
            if code != MQTTErrorCode.MQTT_ERR_SUCCESS:
                self._end(self._lost_trouble(code))
                break
            if client.announced_bytes > limits.UPLINK_INBOUND_BYTES:
                self._end(_garbage_trouble("a packet beyond any sense"))
                break
            sock = client.socket()
            if not client.has_gulped and not (isinstance(sock, ssl.SSLSocket) and sock.pending()):
                break
        self._confirm_at_once()
        acks, self._acks = self._acks, []
        if acks:
            self._on_acks(acks)
        inbound, self._inbound = self._inbound, []
        for message in inbound:
            self._on_inbound(message)
        self._after_io()

    def _confirm_at_once(self) -> None:
        """Have the kernel confirm what was read now: a broker that leaves Nagle's algorithm on holds back its next PUBACK until
        then, and with a full window we send nothing that would carry the confirmation; up to 40 ms would pass each time.
        """
        sock = self._socket
        if _QUICK_ACK is not None and self._client.socket() is sock and sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)

    def _writable(self) -> None:
        code = self._client.loop_write()
        if code != MQTTErrorCode.MQTT_ERR_SUCCESS:
            self._end(self._lost_trouble(code))
        self._after_io()

    def _keep_alive(self) -> None:
        """Once a second: pings, and the absence of their answers."""
        code = self._client.loop_misc()
        if code == MQTTErrorCode.MQTT_ERR_CONN_LOST:
            self._end(trouble.network_trouble("平台不应答保活", "the broker does not answer pings", code="no-answer"))
        self._after_io()
        if not self._closed:
            self._misc = self._loop.call_later(_MISC_S, self._keep_alive)

    def _after_io(self) -> None:
        """Watch for room to write only while something waits for it; notice an end that paho came to by itself."""
        if self._closed:
            self.abort()
            return
        if self._client.socket() is None:
            self._end(self._lost_trouble(MQTTErrorCode.MQTT_ERR_CONN_LOST))
            return
        wants = self._client.want_write()
        if self._socket is not None and wants != self._writing:
            self._writing = wants
            if wants:
                self._loop.add_writer(self._socket, self._writable)
            else:
                self._loop.remove_writer(self._socket)

    def _forget_socket(self) -> None:
        """Out of the loop before the descriptor is closed, or the next socket of the same number inherits the watch."""
        if self._misc is not None:
            self._misc.cancel()
        if self._socket is not None and self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)

    def _end(self, why: Trouble | None) -> None:
        """The session is over; the first cause counts."""
        if self._closed:
            return
        self._closed = True
        if self._trouble is None:
            self._trouble = why
        granting = not self._granted.done()
        if granting:
            # Nobody may be waiting any more, and a result that nobody takes would be complained of.
            self._granted.cancel() if why is None else self._granted.set_exception(LinkTrouble(self.trouble))
        if self._misc is not None:
            self._misc.cancel()
        if not granting:
            self._on_end()

    def _lost_trouble(self, code: MQTTErrorCode) -> Trouble:
        """An error code of paho with the socket's own error, if it logged one."""
        error = self._last.error
        if isinstance(error, ssl.SSLError):
            return tls.tls_trouble(error, self._call.spec.host)
        if code == MQTTErrorCode.MQTT_ERR_PROTOCOL:
            if self._call.version != V5 and not self._granted.done():
                return trouble.connack_trouble(0x84)
            return _garbage_trouble("")
        detail = "" if error is None else error.strerror or str(error)
        if self._granted.done():
            return trouble.network_trouble("平台关闭了连接", "the broker closed the connection", detail)
        return trouble.hung_up(detail or "right after CONNECT", tls=self._call.spec.tls)

    # -- paho's callbacks: they only note, because paho holds its locks -------------------------------------------------

    def _connected(self, _: paho.Client, __: Any, ___: Any, reason: ReasonCode, properties: Properties | None) -> None:
        if self._granted.done():
            return
        if reason.is_failure:
            self._trouble = trouble.connack_trouble(int(reason.value), _reason_string(properties))
            self._granted.set_exception(LinkTrouble(self._trouble))
            return
        if self._call.commands is not None and self._call.version == V5:
            # As it was published: what is retained is to be seen as such, also by whoever was there when it was sent.
            self._client.subscribe(self._call.commands, options=SubscribeOptions(qos=1, retainAsPublished=True))
        elif self._call.commands is not None:
            self._client.subscribe(self._call.commands, qos=1)
        receive_maximum = getattr(properties, "ReceiveMaximum", 65535)
        self._granted.set_result(Grant(int(receive_maximum), getattr(properties, "MaximumPacketSize", None)))

    def _disconnected(
        self, _: paho.Client, __: Any, flags: paho.DisconnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if flags.is_disconnect_packet_from_server and self._trouble is None:
            self._said = int(reason.value)
            self._trouble = trouble.disconnect_trouble(self._said, _reason_string(properties))

    def _subscribed(self, _: paho.Client, __: Any, ___: int, reasons: list[ReasonCode], ____: Properties | None) -> None:
        self.commands_refused = next((int(reason.value) for reason in reasons if reason.is_failure), 0)

    def _arrived(self, _: paho.Client, __: Any, message: paho.MQTTMessage) -> None:
        properties = message.properties
        self._inbound.append(
            Inbound(
                message.topic,
                bytes(message.payload),
                message.retain,
                getattr(properties, "ResponseTopic", None),
                getattr(properties, "CorrelationData", None),
            )
        )

    def _socket_closing(self, _: paho.Client, __: Any, ___: Any) -> None:
        if self._socket is not None:
            self._forget_socket()


def _reason_string(properties: Properties | None) -> str:
    """The broker's own words, cut to a line."""
    return str(getattr(properties, "ReasonString", ""))[:200]


def _garbage_trouble(detail: str) -> Trouble:
    return trouble.network_trouble("平台发来的不是 MQTT", "the broker sent what is not MQTT", detail, "garbage")
