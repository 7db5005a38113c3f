"""A small MQTT broker on loopback: the demo's embedded one, and in tests one that misbehaves as its script says.

MQTT 5.0 and 3.1.1, QoS 0 and 1, retained messages, wills (published at once), keep-alive, wildcards; no kept sessions (each
CONNECT starts clean), no shared subscriptions, no topic aliases, and no passwords: it must not listen on more than loopback.
Every packet, queue and table is bounded, and no client's bytes can end the loop.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import structlog

from edgeguard.core import limits
from edgeguard.simulator import broker_packet as mqtt
from edgeguard.simulator.broker_faults import Faults

OnPublish = Callable[[str, bytes, mqtt.Properties], None]

_log = structlog.get_logger()


@dataclass(slots=True)
class BrokerCounters:
    """What the broker has seen since it started; tests and the demo read it."""

    connects: int = 0
    connects_v5: int = 0
    publishes: int = 0
    refused: int = 0
    malformed: int = 0
    most_outstanding: int = 0
    """The largest number of QoS 1 messages of one client that waited for their PUBACK."""
    quota_violations: int = 0
    """Messages beyond the Receive Maximum that the client was told."""


class Broker:
    """`async with Broker() as broker:` listens on `broker.port`; `faults` may be replaced at any time."""

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        on_publish: OnPublish | None = None,
        faults: Faults | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.faults = faults or Faults()
        self.counters = BrokerCounters()
        self._host = host
        self._port = port
        self._tls = tls
        self._on_publish = on_publish
        self._server: asyncio.Server | None = None
        self._clients: dict[str, _Client] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._retained: dict[str, mqtt.Publish] = {}
        self._named = 0

    async def __aenter__(self) -> "Broker":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def port(self) -> int:
        """The port it listens on; chosen by the system if 0 was asked for."""
        return self._port

    @property
    def retained(self) -> Mapping[str, bytes]:
        """Retained payloads by topic."""
        return MappingProxyType({topic: message.payload for topic, message in self._retained.items()})

    @property
    def clients(self) -> tuple[str, ...]:
        """Identifiers of the connected clients."""
        return tuple(self._clients)

    async def start(self) -> None:
        """Listen; OSError if the port is taken. May be called again after `close`, on the same port."""
        self._server = await asyncio.start_server(
            self._accept, self._host, self._port, ssl=self._tls, limit=limits.BROKER_PACKET_BYTES, backlog=64
        )
        self._port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening and drop every connection without a word; retained messages stay."""
        if self._server is not None:
            self._server.close()
        while self._tasks:
            # More than once: `wait_for` of Python 3.11 swallows a cancelling that meets what it has waited for.
            for task in tuple(self._tasks):
                task.cancel()
            await asyncio.wait(tuple(self._tasks), timeout=limits.BROKER_CLOSE_AGAIN_S)
        self._server = None

    def drop_clients(self) -> None:
        """Reset every connection, as a broker's crash would."""
        for client in tuple(self._clients.values()):
            client.abort()

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> None:
        """Publish on the broker's own behalf, QoS 1."""
        self.route(mqtt.Publish(topic, payload, 1, retain, False, 0, ()), sender="")

    def route(self, message: mqtt.Publish, sender: str) -> None:
        """Keep, show and deliver one accepted message."""
        if message.retain:
            self._keep(message)
        if self._on_publish is not None:
            self._on_publish(message.topic, message.payload, message.properties)
        for client in tuple(self._clients.values()):
            client.offer(message, own=client.client_id == sender)

    def retained_for(self, topic_filter: str) -> list[mqtt.Publish]:
        """Retained messages that a new subscription gets."""
        return [message for topic, message in self._retained.items() if mqtt.matches(topic_filter, topic)]

    def enter(self, client: "_Client") -> str:
        """Take a client in under its identifier (a new one if it has none); an older connection of that name is thrown out."""
        client_id = client.client_id
        if not client_id:
            self._named += 1
            client_id = f"auto-{self._named}"
        if (older := self._clients.pop(client_id, None)) is not None:
            older.say_goodbye(0x8E)
        self._clients[client_id] = client
        return client_id

    def leave(self, client: "_Client") -> None:
        """Forget a client; its will is published at once unless it took it back."""
        if self._clients.get(client.client_id) is client:
            del self._clients[client.client_id]
        if client.will is not None:
            self.route(client.will, sender=client.client_id)

    def _keep(self, message: mqtt.Publish) -> None:
        """Retain a message (an empty one clears); beyond the bound new topics are not retained."""
        if not message.payload:
            self._retained.pop(message.topic, None)
        elif message.topic in self._retained or len(self._retained) < limits.BROKER_RETAINED_TOPICS:
            self._retained[message.topic] = message

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._tasks) >= limits.BROKER_MAX_CLIENTS:
            writer.transport.abort()
            return
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a connection is served outside of a task")
        self._tasks.add(task)
        client = _Client(self, reader, writer, self.faults)
        try:
            await client.serve()
        except asyncio.CancelledError:
            # The stream protocol of Python 3.11 reports a cancelled handler as an unhandled error.
            client.will = None
        finally:
            self.leave(client)
            client.hang_up()
            self._tasks.discard(task)


class _Client:
    """One connection: the handshake, then packets in, packets out, and what the script does wrong."""

    def __init__(self, broker: Broker, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, faults: Faults) -> None:
        self.client_id = ""
        self.will: mqtt.Publish | None = None
        self._broker = broker
        self._reader = reader
        self._writer = writer
        self._at_connect = faults
        self._version = mqtt.V5
        self._keepalive_s = 0
        self._framer = mqtt.Framer(faults.maximum_packet_size or limits.BROKER_PACKET_BYTES)
        self._subscriptions: dict[str, mqtt.Subscription] = {}
        self._queue: deque[mqtt.Publish] = deque()
        self._window = 65535
        self._unacked: set[int] = set()
        self._last_id = 0
        self._received = 0
        self._raving = False
        self._outstanding = 0
        self._held: list[int] = []
        self._timers: set[asyncio.TimerHandle] = set()

    async def serve(self) -> None:
        """Until the connection ends. A client's mistake ends it with the reason the standard names."""
        try:
            async with asyncio.timeout(limits.BROKER_CONNECT_WITHIN_S):
                waiting = await self._handshake()
            if waiting is not None:
                await self._converse(waiting)
        except mqtt.Malformed as error:
            self._broker.counters.malformed += 1
            _log.info("broker.client_refused", client=self.client_id, reason=str(error))
            self.say_goodbye(error.reason)
        except (OSError, TimeoutError, ssl.SSLError):
            # A lost connection or a silent one: the will says it to everybody who wants to know.
            return

    async def _handshake(self) -> list[mqtt.Frame] | None:
        """Read the CONNECT and answer it; frames that came right behind it, or None if the client is not let in."""
        frames: list[mqtt.Frame] = []
        while not frames:
            data = await self._reader.read(65536)
            if not data:
                return None
            frames = self._framer.feed(data)
        connect = mqtt.parse(frames[0], mqtt.V5)
        if not isinstance(connect, mqtt.Connect):
            raise mqtt.Malformed("the first packet is not a CONNECT", 0x82)
        if not await self._admit(connect):
            return None
        return frames[1:]

    async def _admit(self, connect: mqtt.Connect) -> bool:
        """CONNACK with or without a refusal."""
        faults, counters = self._at_connect, self._broker.counters
        counters.connects += 1
        counters.connects_v5 += connect.level == mqtt.V5
        self._version = connect.level
        if connect.level == mqtt.V5 and faults.close_v5:
            return False
        if faults.silent_connect:
            await asyncio.sleep(limits.BROKER_CONNECT_WITHIN_S)
            return False
        if faults.garbage_connack:
            self._send(faults.garbage_connack)
            await self._flush()
            return False
        if connect.level not in (mqtt.V5, mqtt.V311) or (connect.level == mqtt.V5 and faults.only_311):
            as_v5 = faults.version_refusal
            self._send(mqtt.connack(mqtt.V311, 1) if as_v5 is None else mqtt.connack(mqtt.V5, as_v5))
            await self._flush()
            return False
        if faults.refuse_connect:
            self._send(mqtt.connack(connect.level, faults.refuse_connect))
            await self._flush()
            return False
        self._enter(connect)
        return True

    def _enter(self, connect: mqtt.Connect) -> None:
        """Welcome the client and tell it the limits."""
        faults = self._at_connect
        told: list[tuple[int, mqtt.PropertyValue]] = [(mqtt.MAXIMUM_QOS, 1), (mqtt.SHARED_SUBSCRIPTION_AVAILABLE, 0)]
        if faults.receive_maximum is not None:
            told.append((mqtt.RECEIVE_MAXIMUM, faults.receive_maximum))
        if faults.maximum_packet_size is not None:
            told.append((mqtt.MAXIMUM_PACKET_SIZE, faults.maximum_packet_size))
        window = mqtt.property_of(connect.properties, mqtt.RECEIVE_MAXIMUM)
        self._window = window if isinstance(window, int) and window else 65535
        self._keepalive_s = connect.keepalive_s
        self.client_id = connect.client_id
        self.client_id = self._broker.enter(self)
        if not connect.client_id:
            told.append((mqtt.ASSIGNED_CLIENT_ID, self.client_id))
        self.will = connect.will
        self._send(mqtt.connack(self._version, 0, tuple(told)))

    async def _converse(self, frames: list[mqtt.Frame]) -> None:
        """Packets until the end of the connection; silence beyond 1.5 keep-alives ends it too (3.1.2.10)."""
        patience_s = self._keepalive_s * 1.5 or None
        while True:
            for frame in frames:
                if self._broker.faults.half_open:
                    if frame.kind == mqtt.Kind.PINGREQ:
                        self._send(mqtt.pingresp())
                elif not self._handle(mqtt.parse(frame, self._version)):
                    await self._flush()
                    return
            await self._flush()
            async with asyncio.timeout(patience_s):
                data = await self._reader.read(65536)
            if not data:
                return
            frames = self._framer.feed(data)

    def _handle(self, packet: mqtt.Packet) -> bool:
        """Answer one packet; False when the conversation is over."""
        match packet:
            case mqtt.Publish():
                return self._take(packet)
            case mqtt.Puback():
                self._unacked.discard(packet.packet_id)
                self._deliver()
            case mqtt.Subscribe():
                self._subscribe(packet)
            case mqtt.Unsubscribe():
                for topic_filter in packet.filters:
                    self._subscriptions.pop(topic_filter, None)
                self._send(mqtt.unsuback(self._version, packet.packet_id, len(packet.filters)))
            case mqtt.Ping():
                self._send(mqtt.pingresp())
            case mqtt.Disconnect():
                if packet.reason == 0:
                    self.will = None
                return False
            case mqtt.Connect():
                raise mqtt.Malformed("a second CONNECT", 0x82)
        return True

    def _take(self, message: mqtt.Publish) -> bool:
        """A message from this client: deliver and acknowledge it, or do what the script says."""
        faults, counters = self._broker.faults, self._broker.counters
        counters.publishes += 1
        if mqtt.property_of(message.properties, mqtt.TOPIC_ALIAS) is not None:
            raise mqtt.Malformed("a topic alias though none is allowed", 0x94)
        if message.qos == 0:
            self._broker.route(replace(message, dup=False), self.client_id)
            return True
        self._received += 1
        self._outstanding += 1
        counters.most_outstanding = max(counters.most_outstanding, self._outstanding)
        told = self._at_connect.receive_maximum
        if told is not None and self._outstanding > told:
            counters.quota_violations += 1
        if self._every(faults.disconnect_every):
            self.say_goodbye(faults.disconnect_reason)
            return False
        if self._raving or self._every(faults.garbage_every):
            self._raving = True
            self._send(faults.garbage)
            return True
        reason = faults.puback(message) if self._version == mqtt.V5 else 0
        if reason < 0x80:
            self._broker.route(replace(message, dup=False), self.client_id)
        else:
            counters.refused += 1
        if self._every(faults.drop_every):
            self.abort()
            return False
        if not faults.never_ack and not self._every(faults.lose_ack_every):
            self._acknowledge(message.packet_id, reason, faults)
        return True

    def _every(self, count: int) -> bool:
        return count > 0 and self._received % count == 0

    def _acknowledge(self, packet_id: int, reason: int, faults: Faults) -> None:
        """A PUBACK now, later, or in the wrong order."""
        if faults.reorder_acks and reason == 0:
            self._held.append(packet_id)
            if len(self._held) >= faults.reorder_acks:
                self._release()
            elif len(self._held) == 1:
                self._later(limits.BROKER_REORDER_S, self._release)
        elif faults.ack_delay_s:
            self._later(faults.ack_delay_s, lambda: self._puback(packet_id, reason))
        else:
            self._puback(packet_id, reason)

    def _puback(self, packet_id: int, reason: int) -> None:
        self._outstanding -= 1
        self._send(mqtt.puback(self._version, packet_id, reason))

    def _release(self) -> None:
        """Acknowledge what was held back, last first."""
        for packet_id in reversed(self._held):
            self._puback(packet_id, 0)
        self._held.clear()

    def _later(self, delay_s: float, act: Callable[[], None]) -> None:
        """Run `act` unless the connection ends before."""

        def fire() -> None:
            self._timers.discard(handle)
            act()

        handle = asyncio.get_running_loop().call_later(delay_s, fire)
        self._timers.add(handle)

    def _subscribe(self, packet: mqtt.Subscribe) -> None:
        codes: list[int] = []
        send: list[mqtt.Publish] = []
        for wanted in packet.subscriptions:
            if (refusal := self._broker.faults.refuse_subscribe) != 0:
                codes.append(refusal if self._version == mqtt.V5 else 0x80)
                continue
            known = wanted.topic_filter in self._subscriptions
            if not mqtt.valid_filter(wanted.topic_filter):
                codes.append(0x8F if self._version == mqtt.V5 else 0x80)
                continue
            if not known and len(self._subscriptions) >= limits.BROKER_SUBSCRIPTIONS:
                codes.append(0x97 if self._version == mqtt.V5 else 0x80)
                continue
            self._subscriptions[wanted.topic_filter] = wanted
            codes.append(wanted.qos)
            if wanted.retain_handling == 0 or (wanted.retain_handling == 1 and not known):
                kept = self._broker.retained_for(wanted.topic_filter)
                send += [replace(message, qos=min(message.qos, wanted.qos), retain=True) for message in kept]
        self._send(mqtt.suback(self._version, packet.packet_id, codes))
        for message in send:
            self._enqueue(message)

    def offer(self, message: mqtt.Publish, own: bool) -> None:
        """Deliver a message if a subscription wants it: once, at the highest QoS granted (3.3.4)."""
        wanted = [
            subscription
            for subscription in self._subscriptions.values()
            if mqtt.matches(subscription.topic_filter, message.topic) and not (own and subscription.no_local)
        ]
        if wanted:
            qos = min(message.qos, max(subscription.qos for subscription in wanted))
            retain = message.retain and any(subscription.retain_as_published for subscription in wanted)
            self._enqueue(replace(message, qos=qos, retain=retain))

    def _enqueue(self, message: mqtt.Publish) -> None:
        """A subscriber too slow for the bound loses its connection rather than a message in silence."""
        if len(self._queue) >= limits.BROKER_QUEUE_MESSAGES:
            _log.warning("broker.slow_subscriber", client=self.client_id, waiting=len(self._queue))
            self.say_goodbye(0x97)
            return
        self._queue.append(message)
        self._deliver()

    def _deliver(self) -> None:
        """Send what the subscriber's window allows."""
        while self._queue and (self._queue[0].qos == 0 or len(self._unacked) < self._window):
            message = self._queue.popleft()
            if message.qos:
                message = replace(message, packet_id=self._free_id())
                self._unacked.add(message.packet_id)
            self._send(mqtt.publish(message, self._version))

    def _free_id(self) -> int:
        while True:
            self._last_id = self._last_id % 65535 + 1
            if self._last_id not in self._unacked:
                return self._last_id

    def _send(self, data: bytes) -> None:
        if not self._writer.is_closing():
            self._writer.write(data)

    async def _flush(self) -> None:
        """Let the socket take what was written; a client that reads nothing is not waited for longer than a moment."""
        async with asyncio.timeout(limits.BROKER_CONNECT_WITHIN_S):
            await self._writer.drain()

    def say_goodbye(self, reason: int) -> None:
        """DISCONNECT with a reason (MQTT 5), then close."""
        if self._version == mqtt.V5:
            self._send(mqtt.disconnect(reason))
        self._stop_timers()
        self._writer.close()

    def hang_up(self) -> None:
        """Close without a word, after what was written."""
        self._stop_timers()
        self._writer.close()

    def abort(self) -> None:
        """End the connection at once; what was written may be lost, as in a crash."""
        self._stop_timers()
        self._writer.transport.abort()

    def _stop_timers(self) -> None:
        for handle in self._timers:
            handle.cancel()
        self._timers.clear()
