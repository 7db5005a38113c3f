"""Rows of the outbox -> stream messages, by splicing bytes: no item is serialised again.

`{"v":1,"gateway":…,"epoch":…,"stream":…,"seq":N,"items":[…]}`: item i bears the number N+i. Knows nothing of MQTT but the
number of bytes that a payload may have.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from edgeguard.core.departure import Departures
from edgeguard.core.ids import Epoch, GatewayId
from edgeguard.core.item import OutboxRow, Pack, Stream

_TAIL = b"]}"
_SEQ_DIGITS = 20


Parts = tuple[bytes | memoryview, ...]
"""Bytes one behind the other that need not be copied into one object before they leave."""


@dataclass(frozen=True, slots=True)
class Message:
    """One payload of `size` bytes, in parts, and the numbers in it, both ends included."""

    first_seq: int
    last_seq: int
    parts: Parts
    size: int
    proven: bool = False
    """Whether the store vouches that its items are what was committed, and JSON, as it does for packs."""

    @property
    def payload(self) -> bytes:
        """The parts as one; a copy."""
        return b"".join(self.parts)

    @property
    def items(self) -> int:
        """How many items it carries."""
        return self.last_seq - self.first_seq + 1

    @property
    def is_readable(self) -> bool:
        """Whether a consumer would find these items in it: one bit that a disk has turned within a row spoils them all."""
        if self.proven:
            return True
        try:
            told = orjson.loads(self.payload)
        except orjson.JSONDecodeError:
            return False
        return len(told["items"]) == self.items


@dataclass(frozen=True, slots=True)
class Oversize:
    """A row that fits no message, alone as it is; `needed_bytes` is the payload that it would take."""

    seq: int
    needed_bytes: int


@dataclass(frozen=True, slots=True)
class Spoilt:
    """A row that is not what was committed: nobody may see it under this number."""

    seq: int


class Envelope:
    """The unchanging part of one stream's messages in one epoch."""

    def __init__(self, gateway: GatewayId, epoch: Epoch, stream: Stream) -> None:
        head = {"v": 1, "gateway": gateway, "epoch": epoch, "stream": stream.value}
        self._head = json.dumps(head, separators=(",", ":")).encode()[:-1] + b',"seq":'
        self._departures = Departures()

    @property
    def overhead_bytes(self) -> int:
        """Bytes of a message beside its items and the commas between them, at most."""
        return len(self._head) + _SEQ_DIGITS + len(b',"items":[') + len(_TAIL)

    def item(self, row: OutboxRow) -> bytes:
        """The row as it leaves."""
        return self._departures.item(row.at, row.body)

    def message(self, first_seq: int, items: Sequence[bytes]) -> Message:
        """Items with consecutive numbers as one payload."""
        return self._of(first_seq, first_seq + len(items) - 1, b",".join(items))

    def wrapped(self, pack: Pack) -> Message:
        """Items that the store has joined as one payload; they are not copied."""
        return self._of(pack.first_seq, pack.last_seq, pack.items, proven=True)

    def _of(self, first_seq: int, last_seq: int, items: bytes | memoryview, proven: bool = False) -> Message:
        head = b'%b%d,"items":[' % (self._head, first_seq)
        return Message(first_seq, last_seq, (head, items, _TAIL), len(head) + len(items) + len(_TAIL), proven)


@dataclass(frozen=True, slots=True)
class Cut:
    """Bounds of one message: payload bytes that must not be passed, bytes beyond which no further item joins, items."""

    max_bytes: int
    good_bytes: int
    max_items: int


Ready = Message | Oversize | Spoilt


def cut(envelope: Envelope, rows: Sequence[OutboxRow], bounds: Cut) -> list[Ready]:
    """Rows in order as messages within the bounds; a hole in the numbers starts a new message."""
    out: list[Ready] = []
    room = bounds.max_bytes - envelope.overhead_bytes
    good = min(room, bounds.good_bytes - envelope.overhead_bytes)
    batch: list[bytes] = []
    first = last = size = 0
    for row in rows:
        item = envelope.item(row) if row.sound else b""
        if batch and (row.seq != last + 1 or len(batch) >= bounds.max_items or size + 1 + len(item) > good):
            out.append(envelope.message(first, batch))
            batch = []
        if len(item) > room or not row.sound:
            if batch:
                out.append(envelope.message(first, batch))
                batch = []
            out.append(Oversize(row.seq, envelope.overhead_bytes + len(item)) if row.sound else Spoilt(row.seq))
            continue
        if batch:
            size += 1 + len(item)
        else:
            first, size = row.seq, len(item)
        batch.append(item)
        last = row.seq
    if batch:
        out.append(envelope.message(first, batch))
    return out
