"""The four ways out, most urgent first, sharing one window of messages in flight. Pure: no clock, no I/O.

alarms, events, telemetry (younger than a minute), history (older telemetry: the same stream and numbers on another topic).
- One alarm message is in flight at a time, so an alarm can never arrive before an earlier one, whatever is refused.
- Slots of the window are kept free above events, telemetry and history, so that an alarm always finds one.
- History goes through a token bucket, and only while no alarm waits for its turn. After an outage it begins after a random delay:
  the gateways of a district come back together, and their live values are what counts then.
- Bytes in flight are bounded by the pace of acknowledgements, for all but alarms.
"""

import random
from collections.abc import Iterator
from typing import Final

from edgeguard.core import limits
from edgeguard.core.item import Stream
from edgeguard.uplink.envelope import Cut, Message
from edgeguard.uplink.lane import Harvest, Lane, Patience, Sent
from edgeguard.uplink.pace import Bucket, Pace
from edgeguard.uplink.topics import HISTORY, Topics
from edgeguard.uplink.trouble import Verdict, verdict_of

OUTAGE_S: Final = limits.LIVE_WITHIN_MS / 1000
"""A link that was away for less has left no history worth a delay; one that flaps must not put the history off for ever."""


class Lanes:
    """Who may send next, and what is in flight by packet identifier."""

    def __init__(
        self,
        topics: Topics,
        window: int,
        history_items_per_s: float,
        patience: Patience,
        entropy: random.Random,
        history_delay_s: float = 0.0,
    ) -> None:
        self.pace = Pace()
        self.history_bucket = Bucket(history_items_per_s)
        self.window = self._asked = min(window, limits.WINDOW_MAX_MESSAGES)
        whole = limits.WINDOW_MAX_MESSAGES
        self.alarms = Lane(Stream.ALARMS, topics.stream(Stream.ALARMS), 1, patience, entropy)
        self.events = Lane(Stream.EVENTS, topics.stream(Stream.EVENTS), whole, patience, entropy)
        self.live = Lane(Stream.TELEMETRY, topics.stream(Stream.TELEMETRY), whole, patience, entropy)
        self.history = Lane(Stream.TELEMETRY, topics.history, whole, patience, entropy, HISTORY)
        self.by_urgency = (self.alarms, self.events, self.live, self.history)
        self.split_due = True
        """The line between live and history must be drawn anew before live telemetry goes on."""
        self.last_ack_s = 0.0
        self._flight: dict[int, Sent] = {}
        self._bytes = 0
        self._careful = False
        self._slots: dict[Lane, int] = {}
        self._history_batch = self.history_batch()
        self._share_out()
        self._entropy = entropy
        self._history_delay_s = history_delay_s
        self._history_from_s = 0.0
        self._away_since_s: float | None = float("-inf")

    @property
    def in_flight(self) -> int:
        """Messages that wait for their PUBACK, notices included."""
        return len(self._flight)

    def connected(self, receive_maximum: int, now_s: float) -> None:
        """A new session: forget what was in flight and begin at the oldest unacknowledged row of every stream."""
        self.window = max(1, min(self._asked, receive_maximum))
        self._share_out()
        self.forget()
        if self._away_since_s is not None and now_s - self._away_since_s >= OUTAGE_S:
            self._history_from_s = now_s + self._entropy.uniform(0.0, self._history_delay_s)
        self._away_since_s = None
        self.pace.reconnected()
        self.last_ack_s = now_s
        for lane in self.by_urgency:
            lane.reset()
        self.history.through_seq = 0
        self.split_due = True

    def reread(self) -> None:
        """What is ready was read before rows changed: read it again."""
        for lane in self.by_urgency:
            lane.reread()

    def renewed(self) -> None:
        """The outbox is another one: the same numbers are other rows now."""
        for lane in self.by_urgency:
            lane.forget_rows()

    def forget(self) -> None:
        """The session is gone: no verdict will come any more."""
        self._flight.clear()
        self._bytes = 0

    def woken(self) -> None:
        """Rows may have been added."""
        for lane in (self.alarms, self.events, self.live):
            lane.dry = False

    def split(self, first_live_seq: int) -> None:
        """Live telemetry begins at this number; what is below it is history. The live lane has nothing in flight."""
        self.split_due = False
        self.live.advance(first_live_seq - 1)
        if self.history.through_seq != first_live_seq - 1:
            self.history.through_seq = first_live_seq - 1
            self.history.dry = False

    def turns(self, now_s: float) -> Iterator[Lane]:
        """Lanes that may send a message now if they have one, most urgent first."""
        return (lane for lane in self.by_urgency if self.may(lane, now_s))

    def may(self, lane: Lane, now_s: float) -> bool:
        """Whether this lane may send a message now, as far as no more urgent one wants to."""
        if not self._has_slot(lane) or not lane.open(now_s):
            return False
        if lane is self.live:
            return not self.split_due
        return lane is not self.history or self._history_may(now_s)

    def may_go_on(self, lane: Lane) -> bool:
        """The same at the same moment, of a lane that has just sent one: only what was sent since counts."""
        return self._has_slot(lane) and (lane is not self.history or self.history_bucket.tokens >= self._history_batch)

    def _has_slot(self, lane: Lane) -> bool:
        flight = len(self._flight)
        if flight >= self._slots[lane] or not lane.has_room:
            return False
        return not flight or lane is self.alarms or self._bytes < self.pace.bytes

    def _share_out(self) -> None:
        """Slots are kept free above all but alarms, so that an alarm always finds one."""
        most = 1 if self._careful else self.window
        self._slots = {
            self.alarms: most,
            self.events: max(1, most - 1),
            self.live: max(1, most - 1),
            self.history: max(1, most - limits.UPLINK_RESERVE_SLOTS - most // 8),
        }

    def bounds(self, max_payload_bytes: int) -> Cut:
        """How messages are to be cut at the present pace."""
        return Cut(max_payload_bytes, min(self.pace.message_bytes, max_payload_bytes), limits.BATCH_MAX_ITEMS)

    def history_batch(self) -> int:
        """How many items of history make a message worth sending: a full one, or what the rate allows in a quarter second."""
        return min(limits.BATCH_MAX_ITEMS, int(self.history_bucket.depth))

    def sent(self, packet_id: int, lane: Lane | None, message: Message, now_s: float) -> None:
        """A message has gone out under this packet identifier; `lane` None for a retained notice."""
        entry = Sent(None, message, now_s) if lane is None else lane.sent(message, now_s)
        if not self._flight:
            self.last_ack_s = now_s
        self._flight[packet_id] = entry
        self._bytes += message.size
        if lane is self.history:
            self.history_bucket.take(message.items)

    def settle(self, packet_id: int, code: int, now_s: float, harvests: dict[Lane, Harvest]) -> None:
        """A PUBACK has come; what it led to comes to its lane's harvest. Identifiers that nobody gave change nothing."""
        entry = self._flight.pop(packet_id, None)
        if entry is None:
            return
        self._bytes -= entry.message.size
        self.last_ack_s = now_s
        self.pace.acknowledged(entry.at_s, now_s)
        lane = entry.lane
        if lane is None:
            return
        if self._careful and verdict_of(code) is Verdict.ACCEPT:
            self._careful = False
            self._share_out()
        harvests[lane] = lane.settle(entry, code, now_s, harvests.get(lane))

    def lost(self, code: int | None, now_s: float) -> tuple[Lane | None, Harvest]:
        """The session ended, by a DISCONNECT if there is a code.

        A code that condemns a message (0x87, 0x90, 0x95, 0x99) is a verdict if exactly one message of a stream was in flight;
        with more of them, the next session has one in flight at a time until one is accepted, so that the guilty one shows.
        """
        if self._away_since_s is None:
            self._away_since_s = now_s
        streams = [entry for entry in self._flight.values() if entry.lane is not None and entry.code is None]
        self.forget()
        if code is None or verdict_of(code) in (Verdict.ACCEPT, Verdict.KEEP) or not streams:
            return None, Harvest()
        self._careful = True
        self._share_out()
        if len(streams) > 1 or streams[0].lane is None:
            return None, Harvest()
        return streams[0].lane, streams[0].lane.settle(streams[0], code, now_s)

    def next_at_s(self, now_s: float) -> float | None:
        """When something will be worth a look by itself, or None."""
        moments = [at_s for lane in self.by_urgency if (at_s := lane.next_at_s(now_s)) is not None]
        lacking = self.history_bucket.available(now_s) < self.history_batch()
        if not self.history.idle(now_s) and self.history.open(now_s):
            if lacking:
                moments.append(self.history_bucket.ready_at_s(now_s, self.history_batch()))
            if now_s < self._history_from_s:
                moments.append(self._history_from_s)
        return min(moments, default=None)

    def _history_may(self, now_s: float) -> bool:
        if now_s < self._history_from_s or not self.alarms.idle(now_s):
            return False
        self._history_batch = self.history_batch()
        return self.history_bucket.available(now_s) >= self._history_batch
