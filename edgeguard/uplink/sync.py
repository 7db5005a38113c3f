"""Between the outbox and one session: read, cut, publish, take verdicts, acknowledge. Decides nothing about connections.

The outbox is asked only between awaits that the verdicts of the broker may interrupt; so every answer of it is used only if
nothing was rewound meanwhile, and what the broker has accepted is told to the outbox before it is read again.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from edgeguard.core import limits
from edgeguard.core.clock import Clock
from edgeguard.core.command import ReplyTo
from edgeguard.core.errors import StoreError
from edgeguard.core.health import HealthSink
from edgeguard.core.ids import GatewayId
from edgeguard.core.item import STREAMS, OutboxRow, PackSize, Stream
from edgeguard.core.ports import Outbox
from edgeguard.core.site import UplinkSpec
from edgeguard.uplink import news
from edgeguard.uplink.ahead import Ahead
from edgeguard.uplink.catalog import Page
from edgeguard.uplink.envelope import Cut, Envelope, Message, Oversize, Spoilt
from edgeguard.uplink.lane import Harvest, Lane, Patience
from edgeguard.uplink.lanes import Lanes
from edgeguard.uplink.session import Grant, Session
from edgeguard.uplink.topics import Topics
from edgeguard.uplink.trouble import reason_words

_NOTICE_SEQ = 0
_STORE_PAUSE_S = 1.0
_STEPS_PER_TURN = 8
"""Messages sent before the rest of the daemon gets the loop: eight large ones take about a millisecond."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SyncTimes:
    """How old live telemetry may be, and how often to look without being woken; tests make them small."""

    live_within_ms: int = limits.LIVE_WITHIN_MS
    look_s: float = limits.SYNC_LOOK_S
    patience: Patience = field(default_factory=Patience)


@dataclass(frozen=True, slots=True)
class _Notice:
    """A message that is no item: the status, a page of the catalog, an answer to a command."""

    topic: str
    payload: bytes
    retained: bool = True
    correlation: bytes | None = None


class Sync:
    """Serves one session after another; `acked_items` counts over all of them. `poke` is called when there is something to do."""

    def __init__(
        self,
        spec: UplinkSpec,
        topics: Topics,
        gateway: GatewayId,
        outbox: Outbox,
        clock: Clock,
        health: HealthSink,
        entropy: random.Random,
        times: SyncTimes,
        poke: Callable[[], None],
    ) -> None:
        self.acked_items = 0
        self.epoch = outbox.epoch
        delay_s = spec.history_delay_ms / 1000
        self.lanes = Lanes(topics, spec.window, spec.history_items_per_s, times.patience, entropy, delay_s)
        self._topics = topics
        self._gateway = gateway
        self._outbox = outbox
        self._clock = clock
        self._health = health
        self._times = times
        self._poke = poke
        self._ack_timeout_s = spec.ack_timeout_ms / 1000
        self._session: Session | None = None
        self._grant = Grant(65535, None)
        self._envelopes = self._new_envelopes()
        self._ahead = Ahead(outbox, Stream.TELEMETRY)
        self._notices: deque[_Notice] = deque()
        self._notice_topics: dict[int, str] = {}
        self._notice_refused = False
        self._accepted: dict[Stream, list[tuple[int, int]]] = {stream: [] for stream in STREAMS}
        self._parked: list[tuple[Lane, int, int]] = []
        self._wakes = 0
        self._look_at_s = 0.0
        self._store_rests_until_s = 0.0

    # -- what the uplink says ------------------------------------------------------------------------------------------

    @property
    def renewed(self) -> bool:
        """Whether the outbox has been created anew under this session, which then speaks for the wrong epoch."""
        return self._outbox.epoch != self.epoch

    def begin(self, session: Session, grant: Grant) -> None:
        """A new session: everything that is not acknowledged will be sent, beginning with what is announced next."""
        if self.renewed:
            self.epoch = self._outbox.epoch
            self._envelopes = self._new_envelopes()
            for ranges in self._accepted.values():
                ranges.clear()
            self._parked.clear()
            self.lanes.renewed()
        self._ahead.forget()
        self._session, self._grant = session, grant
        self._notices.clear()
        self._notice_topics.clear()
        self._notice_refused = False
        self.lanes.connected(grant.receive_maximum, self._now_s())

    def end(self, disconnect_code: int | None) -> None:
        """The session is over."""
        self._session = None
        self._ahead.forget()
        self._collect(*self.lanes.lost(disconnect_code, self._now_s()))

    def announce(self, pages: tuple[Page, ...]) -> None:
        """Retained messages, to be sent before anything of the streams."""
        self._notices.extend(self._page(page) for page in pages)
        self._poke()

    def answer(self, reply_to: ReplyTo, payload: bytes) -> bool:
        """Send an answer ahead of the streams; False if there is no session: whoever asked is not there to hear it."""
        if self._session is None:
            return False
        self._notices.append(_Notice(reply_to.topic, payload, retained=False, correlation=reply_to.correlation))
        self._poke()
        return True

    def set_history_rate(self, items_per_s: float) -> None:
        """How fast history goes from now on."""
        self.lanes.history_bucket.change(items_per_s, self._now_s())
        self._poke()

    def wake(self) -> None:
        """Rows may have been added."""
        self._wakes += 1
        self.lanes.woken()
        self._poke()

    def reread(self) -> None:
        """Rows have changed under what was read already."""
        self._ahead.forget()
        self.lanes.reread()
        self._poke()

    def settle(self, acks: list[tuple[int, int]]) -> None:
        """PUBACKs, as the session hands them over."""
        now_s = self._now_s()
        harvests: dict[Lane, Harvest] = {}
        for packet_id, code in acks:
            if packet_id in self._notice_topics:
                self._judge_notice(self._notice_topics.pop(packet_id), code)
            self.lanes.settle(packet_id, code, now_s, harvests)
        for lane, harvest in harvests.items():
            self._collect(lane, harvest)
        self._poke()

    def _judge_notice(self, topic: str, code: int) -> None:
        """The first refusal of a session is news."""
        if code >= 0x80 and not self._notice_refused:
            self._notice_refused = True
            self._health(news.notice_refused(topic, code))

    def starving(self) -> bool:
        """Whether messages are in flight and none has been acknowledged for the time-out."""
        now_s = self._now_s()
        starving = self.lanes.in_flight > 0 and now_s - self.lanes.last_ack_s >= self._ack_timeout_s
        if starving:
            self.lanes.pace.starved(now_s)
        return starving

    def next_look_s(self) -> float:
        """Seconds until there may be something to do without a poke."""
        now_s = self._now_s()
        moments = [self._look_at_s]
        if self.lanes.in_flight:
            moments.append(self.lanes.last_ack_s + self._ack_timeout_s)
        if (at_s := self.lanes.next_at_s(now_s)) is not None:
            moments.append(at_s)
        return max(0.001, min(moments) - now_s)

    # -- the work ------------------------------------------------------------------------------------------------------

    async def flush(self) -> None:
        """Tell the outbox what the broker has accepted and what it never will. StoreError leaves the rest for later."""
        for stream, ranges in self._accepted.items():
            while ranges:
                if self.renewed:
                    return
                await self._outbox.acknowledge(stream, *ranges[0])
                del ranges[0]
        while self._parked:
            lane, seq, code = self._parked[0]
            if self.renewed:
                return
            await self._outbox.park(lane.stream, seq, seq, reason_words(code).en)
            del self._parked[0]
            _log.warning("item.parked", topic=lane.topic, seq=seq, code=code)

    async def pump(self) -> None:
        """Send whatever the window and the broker allow now. LinkTrouble if the session ends meanwhile."""
        now_s = self._now_s()
        if now_s >= self._look_at_s:
            self._look()
        if now_s < self._store_rests_until_s:
            return
        try:
            await self.flush()
            steps = 0
            while self._session is not None and not self.renewed and (done := await self._one_step(self._session)):
                steps += done
                if steps >= _STEPS_PER_TURN:
                    steps = 0
                    await asyncio.sleep(0)
        except StoreError as error:
            # The store itself reports its trouble; here it only means that nothing can be read for a while.
            _log.debug("sync.store_rests", error=str(error))
            self._store_rests_until_s = self._look_at_s = self._now_s() + _STORE_PAUSE_S

    def _look(self) -> None:
        """Every few seconds, woken or not: a lost wake costs no more than that, and live telemetry that waits grows old."""
        now_s = self._now_s()
        self._look_at_s = now_s + self._times.look_s
        self.lanes.woken()
        if self.lanes.live.ready or not self.lanes.live.idle(now_s) or self.lanes.live.blocked:
            self.lanes.split_due = True

    def say_last(self, page: Page) -> bool:
        """Publish a retained message ahead of everything that still waits; False if the window has no room for it."""
        self._notices.clear()
        self._notices.append(self._page(page))
        return self._session is not None and self._send_notice(self._session)

    async def _one_step(self, session: Session) -> int:
        """Send a few messages of a lane or read one portion of rows; how many steps that were, 0 when nothing can be done now."""
        if self._notices:
            return int(self._send_notice(session))
        lanes = self.lanes
        if lanes.split_due and not lanes.live.flight:
            await self.flush()
            first = await self._outbox.first_younger(Stream.TELEMETRY, self._times.live_within_ms)
            if not lanes.live.flight and not self.renewed:
                lanes.split(first)
            return 1
        now_s = self._now_s()
        for lane in lanes.turns(now_s):
            if lane.ready:
                return self._send_some(session, lane, now_s)
            if not lane.dry:
                await self._read(lane)
                return 1
        return 0

    def _send_notice(self, session: Session) -> bool:
        """The next message that is no item, if the window has room."""
        if self.lanes.in_flight >= self.lanes.window:
            return False
        notice = self._notices.popleft()
        if len(notice.payload) > self._grant.payload_bytes(notice.topic):
            self._health(news.notice_refused(notice.topic, 0x95))
            return True
        packet_id = session.publish(notice.topic, (notice.payload,), notice.retained, notice.correlation)
        self._notice_topics[packet_id] = notice.topic
        self.lanes.sent(
            packet_id, None, Message(_NOTICE_SEQ, _NOTICE_SEQ - 1, (notice.payload,), len(notice.payload)), self._now_s()
        )
        return True

    def _page(self, page: Page) -> _Notice:
        return _Notice(self._topics.page(page.subtopic), page.payload)

    def _send_some(self, session: Session, lane: Lane, now_s: float) -> int:
        """The lane's next messages, as many as may go within one turn of the loop, in which nobody else comes to want to send.

        A row that fits no message, or that damage has made unreadable, is condemned instead.
        """
        for sent in range(1, _STEPS_PER_TURN + 1):
            head = lane.ready.popleft()
            if isinstance(head, Oversize):
                self._collect(lane, lane.oversize(head, now_s))
                return sent
            if isinstance(head, Spoilt):
                self._collect(lane, lane.spoilt(head))
                return sent
            if not (head.proven or head.is_readable):
                self._collect(lane, lane.unreadable(head, now_s))
                return sent
            self.lanes.sent(session.publish(lane.topic, head.parts), lane, head, now_s)
            if not lane.ready or not self.lanes.may_go_on(lane):
                return sent
        return _STEPS_PER_TURN

    async def _read(self, lane: Lane) -> None:
        """Read and cut the lane's next rows, unless something was rewound or renewed while the outbox was asked."""
        await self.flush()
        if lane is self.lanes.history and lane.plain and await self._read_packs(lane):
            return
        place = self._place(lane)
        wakes = self._wakes
        rows = await self._outbox.read(
            lane.stream, lane.after_seq, limits.UPLINK_READ_ROWS, limits.UPLINK_READ_BYTES, through_seq=lane.through_seq
        )
        if self.renewed or self._place(lane) != place:
            return
        if not rows:
            lane.dry = wakes == self._wakes
        elif lane is self.lanes.live and not self._young(rows[0]):
            self.lanes.split_due = True
        else:
            lane.load(rows, self._envelopes[lane.stream], self._bounds(lane))

    async def _read_packs(self, lane: Lane) -> bool:
        """The same with whole messages as the outbox has them ready, and the next ones asked for; False if it has none so."""
        place, wakes, size = self._place(lane), self._wakes, self._pack_size(lane)
        packs = await self._ahead.packs(lane.after_seq, lane.through_seq, size)
        if self.renewed or self._place(lane) != place:
            return True
        if packs is None:
            return False
        if packs:
            lane.load_packs(packs, self._envelopes[lane.stream])
            self._ahead.ask(lane.after_seq, lane.through_seq, size)
            await asyncio.sleep(0)  # the store's thread has the question before this one is busy with sending
        else:
            lane.dry = wakes == self._wakes
        return True

    def _place(self, lane: Lane) -> tuple[int, int | None, Session | None]:
        """What must not have changed while the outbox was asked."""
        return lane.after_seq, lane.through_seq, self._session

    def _pack_size(self, lane: Lane) -> PackSize:
        bounds, overhead = self._bounds(lane), self._envelopes[lane.stream].overhead_bytes
        return PackSize(bounds.max_items, bounds.max_bytes - overhead, bounds.good_bytes - overhead, limits.UPLINK_READ_PACKS)

    def _bounds(self, lane: Lane) -> Cut:
        bounds = self.lanes.bounds(self._grant.payload_bytes(lane.topic))
        if lane is not self.lanes.history:
            return bounds
        return Cut(bounds.max_bytes, bounds.good_bytes, self.lanes.history_batch())

    def _young(self, row: OutboxRow) -> bool:
        """Whether telemetry still counts as live; rows of an earlier boot never do."""
        now = self._clock.now()
        return row.at.boot == now.boot and now.boot_ms - row.at.boot_ms < self._times.live_within_ms

    def _collect(self, lane: Lane | None, harvest: Harvest) -> None:
        """Note what verdicts led to; the outbox is told at the next flush."""
        if lane is None:
            return
        for first, last in harvest.accepted:
            self.acked_items += last - first + 1
            ranges = self._accepted[lane.stream]
            if ranges and ranges[-1][1] + 1 == first:
                ranges[-1] = (ranges[-1][0], last)
            else:
                ranges.append((first, last))
        self._parked.extend((lane, seq, code) for seq, code in harvest.parked)
        for word, code in harvest.news:
            self._health(news.lane_word(lane.topic, word, code))

    def _new_envelopes(self) -> dict[Stream, Envelope]:
        return {stream: Envelope(self._gateway, self.epoch, stream) for stream in STREAMS}

    @staticmethod
    def _now_s() -> float:
        return asyncio.get_running_loop().time()
