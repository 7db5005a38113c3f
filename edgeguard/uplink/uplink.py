"""The link to the platform as one supervised part: dial, announce, keep in sync, say goodbye, dial again.

What to send next is the business of `sync` and `lanes`, when to dial again of `reconnect`, and MQTT of `session`.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import orjson
import structlog

from edgeguard.codec.x509_dates import CertificateDates, NotACertificate, dates_of_der
from edgeguard.core import afar_limits, limits
from edgeguard.core.clock import Clock, iso_utc
from edgeguard.core.command import Command, Refusal, ReplyTo
from edgeguard.core.errors import StoreError
from edgeguard.core.health import HealthSink
from edgeguard.core.ids import GatewayId, SiteId
from edgeguard.core.ports import Outbox
from edgeguard.core.site import UplinkSpec
from edgeguard.uplink import news
from edgeguard.uplink.catalog import Catalog, Page
from edgeguard.uplink.certificates import Signature, signature
from edgeguard.uplink.handshake import try_credentials
from edgeguard.uplink.inbox import Inbound, is_own, read_command
from edgeguard.uplink.reconnect import V5, Backoff, Dial, Down, Event, Link, Phase, Up, step
from edgeguard.uplink.session import Call, Grant, Session
from edgeguard.uplink.sync import Sync, SyncTimes
from edgeguard.uplink.topics import Topics
from edgeguard.uplink.trouble import LinkTrouble, Trouble, network_trouble

_BEAT_S = 1.0
_STATUS = "status"
_RENEWED = "credentials-renewed"

_log = structlog.get_logger()


CommandSink = Callable[[Command | Refusal], None]
"""Takes commands, and what was sent as one and is none, on the loop's thread; must not block."""


@dataclass(frozen=True, slots=True)
class Tempo:
    """Every time of the uplink that a test may want smaller, and the keep-alive in whole seconds."""

    connect_within_s: float = limits.UPLINK_CONNECT_WITHIN_S
    keepalive_s: int = limits.KEEPALIVE_S
    backoff: Backoff = field(default_factory=Backoff)
    sync: SyncTimes = field(default_factory=SyncTimes)
    credentials_s: float = afar_limits.CREDENTIAL_LOOK_S


@dataclass(frozen=True, slots=True)
class UplinkState:
    """The broker session for people: `state` is connecting, online, waiting or failed, `since` when it became so."""

    url: str
    state: str
    protocol: str
    since: str
    acked_items: int
    inflight: int
    reconnects: int
    error: str
    error_zh: str


class Uplink:
    """Brings the outbox to the broker, for ever. All methods belong to the loop's thread.

    `catalog` is called at each connection and at `catalog_changed`. `commands` takes what comes on the command topics; without
    it nothing is subscribed to. After `close` it does not connect again.
    """

    def __init__(
        self,
        spec: UplinkSpec,
        site: SiteId,
        gateway: GatewayId,
        version: str,
        outbox: Outbox,
        clock: Clock,
        catalog: Callable[[], Catalog],
        health: HealthSink,
        entropy: random.Random,
        tempo: Tempo | None = None,
        commands: CommandSink | None = None,
    ) -> None:
        self.beat_s = 0.0
        """Loop time of the last step, for the watchdog."""
        self._spec = spec
        self._topics = Topics.of(site, gateway)
        self._client_id = spec.client_id or f"{site}.{gateway}"
        self._version = version
        self._outbox = outbox
        self._clock = clock
        self._catalog = catalog
        self._health = health
        self._entropy = entropy
        self._tempo = tempo or Tempo()
        self._commands = commands
        self._poked = asyncio.Event()
        self._link = Link.first(spec.protocol)
        self._since = clock.now()
        self._sync = Sync(spec, self._topics, gateway, outbox, clock, health, entropy, self._tempo.sync, self._poked.set)
        self._session: Session | None = None
        self._opening: asyncio.Task[Grant] | None = None
        self._pages: frozenset[str] = frozenset()
        self._ups = 0
        self._told: str | None = None
        self._told_fallback = False
        self._told_commands = 0
        self._running = False
        self._closing = False
        self._goodbye_s = 0.0
        self._files: Signature = ()
        self._look_at_files_s = 0.0
        self._told_files: Signature | None = None
        self.broker_certificate: CertificateDates | None = None
        """As the broker has shown it last."""
        self._stopped = asyncio.Event()

    @property
    def view(self) -> UplinkState:
        """What `status` shows."""
        link = self._link
        return UplinkState(
            url=f"{'mqtts' if self._spec.tls else 'mqtt'}://{self._spec.host}:{self._spec.port}",
            state=link.phase.value,
            protocol=link.version,
            since=iso_utc(self._since.wall_ms),
            acked_items=self._sync.acked_items,
            inflight=self._sync.lanes.in_flight,
            reconnects=max(0, self._ups - 1),
            error="" if link.trouble is None else link.trouble.sentence.en,
            error_zh="" if link.trouble is None else link.trouble.sentence.zh,
        )

    def wake(self) -> None:
        """A hint that rows were added."""
        self._sync.wake()

    def reread(self) -> None:
        """Rows of the outbox have changed: what was read and not sent yet is read again."""
        self._sync.reread()

    def catalog_changed(self) -> None:
        """Publish the catalog again, if there is a session; else the next one does."""
        if self._link.phase is Phase.ONLINE:
            self._announce_catalog()

    def set_history_rate(self, items_per_s: float) -> None:
        """Items of history a second, from now on until told otherwise."""
        self._sync.set_history_rate(items_per_s)

    def look_at_credentials(self) -> None:
        """Look now whether certificates, keys or passwords have been renewed, instead of within half a minute."""
        self._look_at_files_s = 0.0
        self._poked.set()

    def answer(self, reply_to: ReplyTo, payload: bytes) -> bool:
        """Answer a command, ahead of the streams; False if there is no session now.

        Nobody is answered elsewhere: where a command of an earlier run is to be answered, a file has told.
        """
        return not is_own(reply_to.topic, self._topics) or self._sync.answer(reply_to, payload)

    async def run(self) -> None:
        """For ever: ends by being cancelled only, also after `close`."""
        self._running = True
        self._stopped.clear()
        try:
            while not self._closing:
                await self._once()
        finally:
            self._running = False
            self._leave_at_once()
            self._stopped.set()
        await asyncio.Event().wait()

    async def close(self, timeout_s: float) -> None:
        """Take no more from the outbox, wait for what is in flight, publish `offline`, disconnect; within the time."""
        self._goodbye_s = timeout_s * 0.8
        self._closing = True
        self._poked.set()
        if self._opening is not None:
            self._opening.cancel()
        if self._running:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._stopped.wait()
        self._leave_at_once()

    # -- one connection ------------------------------------------------------------------------------------------------

    async def _once(self) -> None:
        """Dial, serve until the session ends, and wait until it is time to dial again."""
        self._step(Dial())
        self._files = await asyncio.to_thread(signature, self._spec)
        session = self._session = Session(self._call(), self._sync.settle, self._poked.set, self._hear)
        try:
            grant = await self._open(session)
            if grant is None:
                return
            self._begin(session, grant)
            await self._serve(session)
            if self._closing and not session.ended:
                await self._say_goodbye(session)
                return
            trouble = session.trouble
        except LinkTrouble as error:
            trouble = error.trouble
        except asyncio.CancelledError:
            self._leave_at_once()
            raise
        finally:
            session.abort()
            self._session = None
            self._sync.end(session.disconnect_code)
        self._lost(trouble)
        await self._rest()

    def _call(self) -> Call:
        return Call(
            spec=self._spec,
            client_id=self._client_id,
            version=self._link.version,
            will_topic=self._topics.status,
            will=self._status(online=False),
            within_s=self._tempo.connect_within_s,
            keepalive_s=self._tempo.keepalive_s,
            commands=None if self._commands is None else f"{self._topics.commands}/+",
        )

    def _hear(self, inbound: Inbound) -> None:
        if self._commands is not None:
            self._commands(read_command(inbound, self._topics))

    async def _open(self, session: Session) -> Grant | None:
        """What the broker grants, or None if `close` was called meanwhile. LinkTrouble as `Session.open`."""
        task = self._opening = asyncio.create_task(session.open())
        try:
            while not task.done():
                self._beat()
                await asyncio.wait({task}, timeout=_BEAT_S)
            return None if task.cancelled() else task.result()
        finally:
            self._opening = None
            if not task.done():
                task.cancel()
                await asyncio.wait({task})

    def _begin(self, session: Session, grant: Grant) -> None:
        """The broker has said yes: announce ourselves before anything else."""
        self._step(Up())
        self._ups += 1
        self._look_at_files_s = asyncio.get_running_loop().time() + self._tempo.credentials_s
        self.broker_certificate = _dates(session.peer_certificate)
        self._sync.begin(session, grant)
        self._sync.announce((Page(_STATUS, self._status(online=True)),))
        self._announce_catalog()
        self._tell_connected()

    def _announce_catalog(self) -> None:
        pages = self._catalog()
        subtopics = frozenset(page.subtopic for page in pages)
        gone = tuple(Page(subtopic, b"") for subtopic in sorted(self._pages - subtopics))
        self._pages = subtopics
        self._sync.announce((*pages, *gone))

    async def _serve(self, session: Session) -> None:
        """Until the session ends, `close` is called, or the outbox is another one."""
        sync = self._sync
        while not session.ended and not self._closing:
            self._beat()
            self._poked.clear()
            self._tell_of_commands(session.commands_refused)
            await sync.pump()
            if sync.renewed:
                # Status and will bear the epoch, so a new epoch is a new session.
                session.goodbye(network_trouble("本机数据库已重建", "the outbox was created anew", code="outbox-renewed"))
                return
            if sync.starving():
                session.drop(
                    network_trouble("平台在线但不确认数据", "the broker is connected but acknowledges nothing", code="half-open")
                )
                return
            if await self._credentials_renewed():
                session.goodbye(network_trouble("证书或密码已更新", "credentials were renewed: connecting anew", code=_RENEWED))
                return
            if not session.ended and not self._closing:
                await self._sleep(min(sync.next_look_s(), _BEAT_S))

    async def _credentials_renewed(self) -> bool:
        """Whether other files of certificates, keys or passwords are there than those of this session, and would do."""
        now_s = asyncio.get_running_loop().time()
        if now_s < self._look_at_files_s:
            return False
        self._look_at_files_s = now_s + self._tempo.credentials_s
        files = await asyncio.to_thread(signature, self._spec)
        if files in (self._files, self._told_files):
            return False
        try:
            return await asyncio.to_thread(try_credentials, self._spec, self._tempo.connect_within_s)
        except LinkTrouble as error:
            # Half written, perhaps; the session that there is goes on, and the next change is looked at again.
            self._told_files = files
            self._health(news.not_renewed(error.trouble))
            return False

    async def _say_goodbye(self, session: Session) -> None:
        """Wait for what is in flight, say `offline` ourselves, wait for that too. If it is not taken, leave it to the will."""
        sync = self._sync
        loop = asyncio.get_running_loop()
        until_s = loop.time() + self._goodbye_s
        await self._drain(session, loop.time() + self._goodbye_s * 0.6)
        told = False
        with contextlib.suppress(LinkTrouble):
            if sync.say_last(Page(_STATUS, self._status(online=False))):
                await self._drain(session, until_s)
                told = not sync.lanes.in_flight
        if told:
            session.goodbye()
        else:
            session.abort()
        with contextlib.suppress(StoreError):
            await sync.flush()

    async def _drain(self, session: Session, until_s: float) -> None:
        loop = asyncio.get_running_loop()
        while self._sync.lanes.in_flight and not session.ended and loop.time() < until_s:
            self._poked.clear()
            await self._sleep(min(until_s - loop.time(), _BEAT_S))

    def _leave_at_once(self) -> None:
        """When there is no time for a proper end: `offline` and DISCONNECT as far as the socket takes them now."""
        session, self._session = self._session, None
        if session is None:
            return
        if not session.ended and self._link.phase is Phase.ONLINE:
            with contextlib.suppress(LinkTrouble):
                session.publish(self._topics.status, (self._status(online=False),), retain=True)
            session.goodbye()
        session.abort()

    # -- states and news -----------------------------------------------------------------------------------------------

    def _status(self, online: bool) -> bytes:
        """`since` is when this state began; in the will, which is written beforehand, when the session was asked for."""
        now = self._clock.now()
        status: dict[str, object] = {
            "v": 1,
            "online": online,
            "epoch": self._outbox.epoch,
            "boot": now.boot,
            "version": self._version,
            "since": iso_utc(now.wall_ms),
        }
        if not now.synced:
            status["clock"] = "unsynced"
        return orjson.dumps(status)

    def _step(self, event: Event) -> None:
        before = self._link
        now_s = asyncio.get_running_loop().time()
        self._link = step(before, event, now_s, self._tempo.backoff, self._entropy)
        if self._link.phase is not before.phase:
            self._since = self._clock.now()

    def _lost(self, trouble: Trouble) -> None:
        """Note the end of a session or of an attempt; tell of it once per cause."""
        self._step(Down(trouble))
        if trouble.code == _RENEWED:
            _log.info("uplink.renewed", cause=str(trouble))
            return
        if self._told == trouble.code:
            return
        self._told = trouble.code
        _log.warning("uplink.disconnected", code=trouble.code, cause=str(trouble), state=self._link.phase.value)
        self._health(news.disconnected(trouble))

    def _tell_connected(self) -> None:
        link = self._link
        _log.info("uplink.connected", protocol=link.version, client=self._client_id)
        if link.fallen_back and not self._told_fallback:
            self._told_fallback = True
            self._health(news.fallback(f"MQTT {link.version}"))
        elif link.version == V5 and self._told_fallback:
            self._told_fallback = False
            self._health(news.version_5_again())
        self._told = None
        self._health(news.connected(link.version))

    def _tell_of_commands(self, refused: int | None) -> None:
        """That no command can come, because the broker does not let us subscribe to them; once per cause, and when it is over."""
        if refused is not None and refused != self._told_commands:
            self._told_commands = refused
            self._health(news.commands_refused(refused))

    # -- waiting -------------------------------------------------------------------------------------------------------

    async def _rest(self) -> None:
        """Until it is time to dial again, or `close`."""
        loop = asyncio.get_running_loop()
        while not self._closing and (left_s := self._link.next_dial_s - loop.time()) > 0:
            self._beat()
            self._poked.clear()
            await self._sleep(min(left_s, _BEAT_S))

    async def _sleep(self, seconds: float) -> None:
        """Until somebody pokes or the time is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._poked.wait()

    def _beat(self) -> None:
        self.beat_s = asyncio.get_running_loop().time()


def _dates(der: bytes | None) -> CertificateDates | None:
    try:
        return None if der is None else dates_of_der(der)
    except NotACertificate:
        return None
