"""A consumer's session with the broker: subscribes below one gateway's root and hands messages over in order, losing none.

The session outlives a lost connection (session expiry), so that the broker keeps what is published meanwhile; if the broker
has forgotten it all the same, that is told, because a gap in what was seen is then the consumer's own. paho runs on its
own thread here: a consumer has nothing else to do, and a full queue slows the broker down instead of growing.
"""

import queue
import secrets
import ssl
import threading
from dataclasses import dataclass
from typing import Any, Final, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from edgeguard.core import limits
from edgeguard.core.site import UplinkSpec
from edgeguard.uplink import tls, trouble
from edgeguard.uplink.trouble import LinkTrouble

_EXPIRY_S: Final = 3600


@dataclass(frozen=True, slots=True)
class Arrived:
    """One message; `topic` is the whole topic."""

    topic: str
    payload: bytes
    retained: bool


@dataclass(frozen=True, slots=True)
class SessionLost:
    """The broker had forgotten us: what was published meanwhile is not to be had."""


@dataclass(frozen=True, slots=True)
class Link:
    """The connection is there, or is not, and why."""

    up: bool
    why: str = ""


Heard = Arrived | SessionLost | Link


class Subscriber:
    """`with Subscriber(spec, filters) as heard:` is connected and subscribed; `next(within_s)` gives what comes, in order."""

    def __init__(self, spec: UplinkSpec, filters: tuple[str, ...], within_s: float = limits.VERIFY_CONNECT_S) -> None:
        self._spec = spec
        self._filters = filters
        self._within_s = within_s
        self._queue: queue.Queue[Heard] = queue.Queue(limits.VERIFY_QUEUE_MESSAGES)
        self._settled = threading.Event()
        self._refusal: trouble.Trouble | None = None
        self._was_there = False
        self._client: paho.Client | None = None

    def __enter__(self) -> Self:
        """Connect and subscribe; LinkTrouble with the cause if that does not come about in time."""
        v5 = self._spec.protocol != "3.1.1"
        try:
            self._connect(v5)
        except LinkTrouble:
            if self._spec.protocol != "auto" or self._refusal is None or self._refusal.kind is not trouble.TroubleKind.VERSION:
                raise
            self._connect(False)
        return self

    def __exit__(self, *_: object) -> None:
        client, self._client = self._client, None
        if client is None:
            return
        farewell = None
        if _is_v5(client):
            farewell = Properties(PacketTypes.DISCONNECT)  # type: ignore[no-untyped-call]
            farewell.SessionExpiryInterval = 0
        client.disconnect(properties=farewell)
        self._drain()
        client.loop_stop()

    def next(self, within_s: float) -> Heard | None:
        """What comes next; None if nothing does in time."""
        try:
            return self._queue.get(timeout=max(within_s, 0.0)) if within_s > 0 else self._queue.get_nowait()
        except queue.Empty:
            return None

    def _connect(self, v5: bool) -> None:
        self._refusal = None
        self._settled.clear()
        client = self._client = self._new_client(v5)
        properties = None
        if v5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = _EXPIRY_S
        try:
            client.connect(self._spec.host, self._spec.port, limits.KEEPALIVE_S, properties=properties)
        except ssl.SSLError as error:
            raise LinkTrouble(tls.tls_trouble(error, self._spec.host)) from error
        except (OSError, ValueError) as error:
            raise LinkTrouble(trouble.dial_trouble(error)) from error
        client.loop_start()
        if not self._settled.wait(self._within_s):
            within = f"{self._within_s:g} s"
            self._refusal = trouble.network_trouble("平台没有应答", "the broker does not answer", within, "no-answer")
        if self._refusal is not None:
            client.disconnect()
            client.loop_stop()
            raise LinkTrouble(self._refusal)
        self._was_there = True

    def _new_client(self, v5: bool) -> paho.Client:
        name = f"edgeguard-verify-{secrets.token_hex(4)}"
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            name,
            clean_session=None if v5 else False,
            protocol=MQTTProtocolVersion.MQTTv5 if v5 else MQTTProtocolVersion.MQTTv311,
        )
        client.connect_timeout = self._within_s
        client.reconnect_delay_set(1, 30)
        if self._spec.tls:
            client.tls_set_context(tls.client_context(self._spec))
        if self._spec.username is not None:
            secret = None if self._spec.password_file is None else tls.read_secret(self._spec.password_file)
            client.username_pw_set(self._spec.username, secret)
        client.on_connect = self._connected
        client.on_subscribe = self._subscribed
        client.on_disconnect = self._disconnected
        client.on_message = self._arrived
        return client

    # -- paho's thread ------------------------------------------------------------------------------------------------

    def _connected(self, client: paho.Client, _: Any, flags: paho.ConnectFlags, reason: ReasonCode, __: Properties | None) -> None:
        if reason.is_failure:
            self._refusal = trouble.connack_trouble(int(reason.value))
            self._queue.put(Link(up=False, why=str(self._refusal)))
            self._settled.set()
            return
        if self._was_there and not flags.session_present:
            self._queue.put(SessionLost())
        if self._was_there:
            self._queue.put(Link(up=True))
        if not flags.session_present:
            if _is_v5(client):
                # As it was published: a stream message that is retained is a fault, also one that comes live.
                client.subscribe([(wanted, SubscribeOptions(qos=1, retainAsPublished=True)) for wanted in self._filters])
            else:
                client.subscribe([(wanted, 1) for wanted in self._filters])

    def _subscribed(self, _: paho.Client, __: Any, ___: int, reasons: list[ReasonCode], ____: Properties | None) -> None:
        refused = [reason for reason in reasons if reason.is_failure]
        if refused:
            zh, en = "平台不允许订阅", "the broker refuses the subscription"
            self._refusal = trouble.person_trouble("subscription-refused", zh, en, str(refused[0]))
        self._settled.set()

    def _disconnected(
        self, _: paho.Client, __: Any, ___: paho.DisconnectFlags, reason: ReasonCode, ____: Properties | None
    ) -> None:
        if self._was_there and self._client is not None:
            self._queue.put(Link(up=False, why=str(reason)))

    def _arrived(self, _: paho.Client, __: Any, message: paho.MQTTMessage) -> None:
        self._queue.put(Arrived(message.topic, bytes(message.payload), message.retain))

    def _drain(self) -> None:
        """Make room, so that a callback that waits for it can end."""
        while self.next(0.0) is not None:
            pass


def _is_v5(client: paho.Client) -> bool:
    return client.protocol == MQTTProtocolVersion.MQTTv5
