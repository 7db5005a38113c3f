"""One topic's way out: what is cut and ready, what is in flight, and what a verdict on it means. Pure: no clock, no I/O.

Order. Rows leave in the order of their numbers. After a refusal nothing new leaves the lane until every message in flight
has its verdict; then the lane goes back to the refused row and sends one message at a time until one is accepted.

Poison. A message refused for good (0x87, 0x90, 0x95, 0x99) is cut in half again and again until one row stands alone.
- 0x95 and 0x99 judge the content: the lone row is parked.
- 0x87 and 0x90 judge topic and client, and a missing right would refuse every row of the stream. So the lone row is only
  suspected: the rows behind it are tried one by one. Once one of them is accepted it is tried again, since the right may have been
  given between the two, and parked if it is refused again. (If it is taken then it comes behind that one: late, but not lost.)
- When SUSPECTS_MAX rows in a row were refused, with nothing accepted between them, for whatever code, the stream and not its
  rows is at fault: it is blocked, nothing more is parked, the other streams go on, and it is tried again every BLOCKED_RETRY_S.
"""

import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from edgeguard.core import limits
from edgeguard.core.item import OutboxRow, Pack, Stream
from edgeguard.uplink.envelope import Cut, Envelope, Message, Oversize, Ready, Spoilt, cut
from edgeguard.uplink.trouble import Verdict, verdict_of

TOO_LARGE = 0x95
UNREADABLE = 0x99


@dataclass(frozen=True, slots=True)
class Patience:
    """Waits after refusals in seconds; tests make them small."""

    refused_min_s: float = limits.REFUSED_WAIT_MIN_S
    refused_max_s: float = limits.REFUSED_WAIT_MAX_S
    blocked_s: float = limits.BLOCKED_RETRY_S


@dataclass(slots=True, eq=False)
class Sent:
    """A message in flight; `code` is its verdict once there is one. `first_seq` 0: a retained notice, of no lane."""

    lane: "Lane | None"
    message: Message
    at_s: float
    code: int | None = None


class Word(Enum):
    """News of a lane worth a health event."""

    REFUSED = auto()
    BLOCKED = auto()
    FLOWS = auto()


@dataclass(slots=True)
class Harvest:
    """What verdicts led to: ranges to acknowledge, rows to park with the code that condemned them, and news."""

    accepted: list[tuple[int, int]] = field(default_factory=list)
    parked: list[tuple[int, int]] = field(default_factory=list)
    news: list[tuple[Word, int]] = field(default_factory=list)

    def accept(self, first_seq: int, last_seq: int) -> None:
        """Note an acknowledged range, joined to the one before it where they touch."""
        if self.accepted and self.accepted[-1][1] + 1 == first_seq:
            self.accepted[-1] = (self.accepted[-1][0], last_seq)
        else:
            self.accepted.append((first_seq, last_seq))


def _first_of(ready: Ready) -> int:
    return ready.first_seq if isinstance(ready, Message) else ready.seq


class Lane:
    """A cursor over one stream. `through_seq` bounds it from above (history); `max_messages` is its share of the window."""

    def __init__(
        self, stream: Stream, topic: str, max_messages: int, patience: Patience, entropy: random.Random, name: str | None = None
    ) -> None:
        self.stream = stream
        self.topic = topic
        self.name = name or stream.value
        self.max_messages = max_messages
        self.flight: deque[Sent] = deque()
        self.ready: deque[Ready] = deque()
        self.after_seq = 0
        """Everything up to this number is ready, in flight, or done with."""
        self.through_seq: int | None = None
        self.dry = False
        """The last look found nothing more; cleared when there may be something."""
        self._patience = patience
        self._entropy = entropy
        self._wait_s = patience.refused_min_s
        self._open_at_s = 0.0
        self._holding = False
        self._one_by_one = False
        self._max_items = limits.BATCH_MAX_ITEMS
        self._narrow_through = 0
        self._suspects: dict[int, int] = {}
        self._accused: set[int] = set()
        """Suspects behind whose refusal a row was accepted: another refusal condemns them."""
        self._unproven = 0
        """Lone rows refused since the last acceptance."""
        self._doubted = False
        """Blocked since the last acceptance: even refusals of content are not believed."""
        self._proven = False
        """Something was accepted since the first refusal of the rows in question: the stream is not at fault."""
        self._release_at_s: float | None = None
        self._blocked = False
        self._refusals = 0
        """Refusals of the kind `not now` in a row."""
        self._told = False

    @property
    def blocked(self) -> bool:
        """Whether the broker refuses this stream as a whole."""
        return self._blocked

    def reset(self, after_seq: int = 0) -> None:
        """A new connection: nothing is in flight, all that is not acknowledged is sent again. What was learned of poison stays."""
        self.flight.clear()
        self._holding = False
        self.rewind(after_seq)

    def forget_rows(self) -> None:
        """Nothing is known of single rows any more; what the broker thinks of the stream, and until when to wait, still is."""
        self._suspects.clear()
        self._accused.clear()
        self._narrow_through = self._unproven = 0
        self._max_items = limits.BATCH_MAX_ITEMS
        self._one_by_one = self._proven = self._blocked = False
        self._release_at_s = None

    def rewind(self, after_seq: int) -> None:
        """Read again from behind `after_seq`; what was ready is forgotten."""
        self.ready.clear()
        self.after_seq = after_seq
        self.dry = False

    def reread(self) -> None:
        """Forget what is ready and not yet sent, so that it is read again."""
        if self.ready:
            self.rewind(_first_of(self.ready[0]) - 1)

    def advance(self, after_seq: int) -> None:
        """Leave everything up to `after_seq` to another lane; nothing of it may be in flight."""
        if self.ready and _first_of(self.ready[0]) > after_seq:
            return
        for seq in [seq for seq in self._suspects if seq <= after_seq]:
            del self._suspects[seq]
        self._accused = {seq for seq in self._accused if seq > after_seq}
        self.rewind(after_seq)

    def open(self, now_s: float) -> bool:
        """Whether the lane may send a message now, if it has one."""
        self._release(now_s)
        waits = self._holding or self._blocked or self._due(now_s) or now_s < self._open_at_s
        return not waits and self.has_room

    @property
    def has_room(self) -> bool:
        """Whether its share of the window is not used up."""
        return len(self.flight) < (1 if self._one_by_one else self.max_messages)

    def idle(self, now_s: float) -> bool:
        """Whether nothing waits for its turn here: all is sent, or the broker does not want it now."""
        self._release(now_s)
        return (not self.ready and self.dry) or self._blocked or now_s < self._open_at_s

    def next_at_s(self, now_s: float) -> float | None:
        """When the lane will be worth another look by itself, or None."""
        moments = [at_s for at_s in (self._open_at_s, self._release_at_s or 0.0) if at_s > now_s]
        return min(moments, default=None)

    def load(self, rows: Sequence[OutboxRow], envelope: Envelope, bounds: Cut) -> None:
        """Rows read from behind `after_seq`, cut and made ready; suspects stay where they are."""
        if not rows:
            return
        self.after_seq = rows[-1].seq
        wanted = [row for row in rows if row.seq not in self._suspects]
        limit = min(bounds.max_items, self._max_items)
        self.ready.extend(cut(envelope, wanted, Cut(bounds.max_bytes, bounds.good_bytes, limit)))

    @property
    def plain(self) -> bool:
        """Nothing is known against any row: whole packs may go."""
        return not self._suspects and self._max_items == limits.BATCH_MAX_ITEMS

    def load_packs(self, packs: Sequence[Pack], envelope: Envelope) -> None:
        """Packs read from behind `after_seq`, made ready."""
        self.after_seq = packs[-1].last_seq
        self.ready.extend(map(envelope.wrapped, packs))

    def sent(self, message: Message, now_s: float) -> Sent:
        """A ready message has gone out."""
        entry = Sent(self, message, now_s)
        self.flight.append(entry)
        return entry

    def settle(self, entry: Sent, code: int, now_s: float, harvest: Harvest | None = None) -> Harvest:
        """A verdict has come for a message in flight; what it led to comes on top of `harvest`."""
        entry.code = code
        if harvest is None:
            harvest = Harvest()
        flight = self.flight
        if code == 0 and not self._holding and flight[0] is entry:
            self._accept(flight.popleft().message, harvest)
            if not flight or flight[0].code is None:
                return harvest
        if verdict_of(code) is not Verdict.ACCEPT:
            self._holding = True
        while flight and flight[0].code is not None and verdict_of(flight[0].code) is Verdict.ACCEPT:
            self._accept(flight.popleft().message, harvest)
        if self._holding and all(waiting.code is not None for waiting in flight):
            self._resolve(harvest, now_s)
        return harvest

    def oversize(self, row: Oversize, now_s: float) -> Harvest:
        """A row that fits no message of this connection: condemned as the broker would, without sending it."""
        harvest = Harvest()
        self._proven = False
        self._condemn(row.seq, TOO_LARGE, harvest, now_s)
        return harvest

    def spoilt(self, row: Spoilt) -> Harvest:
        """A row that damage has changed: condemned without a doubt, since it is known to be at fault."""
        self.after_seq = max(self.after_seq, row.seq)
        return Harvest(parked=[(row.seq, UNREADABLE)])

    def unreadable(self, message: Message, now_s: float) -> Harvest:
        """A message that no consumer could read: refused as a broker that looks into payloads would, without sending it."""
        return self.settle(self.sent(message, now_s), UNREADABLE, now_s)

    def _accept(self, message: Message, harvest: Harvest) -> None:
        """Proof that the topic takes rows: suspects are tried once more, waits and cuts go back to normal."""
        harvest.accept(message.first_seq, message.last_seq)
        self._accused = {seq for seq in self._accused if not message.first_seq <= seq <= message.last_seq} | self._suspects.keys()
        self._unproven = self._refusals = 0
        self._proven = True
        self._release_at_s = 0.0 if self._suspects else None
        self._blocked = self._doubted = False
        self._wait_s = self._patience.refused_min_s
        if message.last_seq >= self._narrow_through:
            self._max_items = limits.BATCH_MAX_ITEMS
            self._one_by_one = False
        if self._told:
            self._told = False
            harvest.news.append((Word.FLOWS, 0))

    def _tell(self, word: Word, code: int, harvest: Harvest) -> None:
        """Say once that the lane has stopped; the next acceptance takes it back."""
        if not self._told:
            self._told = True
            harvest.news.append((word, code))

    def _resolve(self, harvest: Harvest, now_s: float) -> None:
        """Every message in flight has its verdict and one was refused: go back to it. Later ones that were accepted stay so."""
        self._holding = False
        refused = next(entry for entry in self.flight if entry.code is not None and verdict_of(entry.code) is not Verdict.ACCEPT)
        later = [entry.message for entry in self.flight if entry.code is not None and verdict_of(entry.code) is Verdict.ACCEPT]
        self.flight.clear()
        for message in later:
            self._accept(message, harvest)
        message, code = refused.message, refused.code or 0x80
        self._proven = bool(later) or (self._proven and message.first_seq <= self._narrow_through)
        self.rewind(message.first_seq - 1)
        self._one_by_one = True
        if verdict_of(code) is Verdict.KEEP:
            self._refusals += 1
            if self._refusals >= limits.REFUSALS_TOLD:
                self._tell(Word.REFUSED, code, harvest)
            self._open_at_s = now_s + self._wait_s * self._entropy.uniform(0.5, 1.0)
            self._wait_s = min(self._wait_s * 2, self._patience.refused_max_s)
        elif message.items > 1:
            self._max_items = max(1, message.items // 2)
            self._narrow_through = message.last_seq
        else:
            self._condemn(message.first_seq, code, harvest, now_s)

    def _condemn(self, seq: int, code: int, harvest: Harvest, now_s: float) -> None:
        """A lone row that the broker will not take: park it, suspect it, or see that the stream as a whole is refused."""
        proven, self._proven = self._proven or seq in self._accused, False
        self._accused.discard(seq)
        self._unproven += 0 if proven else 1
        believed = verdict_of(code) is Verdict.CONTENT and not self._doubted and self._unproven < limits.SUSPECTS_MAX
        if proven or believed:
            harvest.parked.append((seq, code))
            self.after_seq = max(self.after_seq, seq)
            return
        self._suspects[seq] = code
        self._one_by_one = True
        self._max_items = 1
        if self._release_at_s is None:
            self._release_at_s = now_s + self._patience.blocked_s
        if self._unproven >= limits.SUSPECTS_MAX:
            self._blocked = self._doubted = True
            self._tell(Word.BLOCKED, code, harvest)

    def _due(self, now_s: float) -> bool:
        """Whether the suspects are to be tried as soon as nothing is in flight."""
        return self._release_at_s is not None and now_s >= self._release_at_s

    def _release(self, now_s: float) -> None:
        """Try the suspects once more, one by one: rights may have been given since."""
        if not self._due(now_s) or self.flight:
            return
        self._release_at_s = None
        self._blocked = False
        self._unproven = 0
        if self._suspects:
            self.rewind(min(self._suspects) - 1)
            self._one_by_one, self._max_items = True, 1
            self._narrow_through = max(self._narrow_through, *self._suspects)
            self._suspects.clear()
