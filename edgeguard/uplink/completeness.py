"""Whether everything has arrived: judges stream messages by the public message format alone, as any platform can.

Knows nothing of the gateway's inside and nothing of MQTT beyond a topic and a payload; time comes with each call. Numbers are
kept as ranges, so that a verification may run for months.

The reasoning: (gateway, epoch, stream, seq) names an item for ever, and in one epoch the numbers of a stream grow by 1. So a
number that is missing is a loss, unless a `gap` record names it, or it may still come: live telemetry overtakes history, and
records travel on another topic than what they tell of. A hole therefore counts once nothing can fill it any more.
"""

import hashlib
from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice, pairwise
from typing import Any, Final

import orjson

from edgeguard.core.intervals import Intervals, Span
from edgeguard.core.item import STREAMS
from edgeguard.core.limits import (
    VERIFY_CONTENTS,
    VERIFY_EPOCHS,
    VERIFY_HOLES_SHOWN,
    VERIFY_LAGS,
    VERIFY_SETTLE_S,
    VERIFY_TROUBLES,
)

HISTORY: Final = "history"
LANES: Final = (*(stream.value for stream in STREAMS), HISTORY)
_TIME_FIELDS: Final = frozenset({"at", "clock", "boot_ms"})
"""The fields that may be made true between two deliveries: an item of an unsynchronised clock gets its time later."""
_BAD_MESSAGE: Final = (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError)


@dataclass(frozen=True, slots=True)
class Lag:
    """Seconds from an item's time to its arrival over the latest live items; all 0 while there is none."""

    p50_s: float = 0.0
    p95_s: float = 0.0
    worst_s: float = 0.0


@dataclass(frozen=True, slots=True)
class StreamReport:
    """One stream of one epoch.

    `items` distinct ones arrived between numbers `first` and `last`; `repeats` came again. `lost`: ranges that nothing
    explains and that cannot come any more; `open`: ranges that may still come; `explained`: ranges that gap records name;
    `unseen`: ranges that passed while the verifier itself was away. `reorders`: first deliveries behind a later number on the
    same topic. `conflicts`: numbers that came with two contents.
    """

    epoch: str
    stream: str
    items: int
    first: int
    last: int
    repeats: int
    reorders: int
    conflicts: int
    lost: tuple[Span, ...]
    lost_items: int
    open: tuple[Span, ...]
    open_items: int
    explained_items: int
    unseen_items: int
    lag: Lag


@dataclass(frozen=True, slots=True)
class Report:
    """The verdict so far. `gaps`: what gap records told, by reason. `troubles`: messages that break the format, in words."""

    messages: int
    online: bool | None
    version: str
    epochs: int
    streams: tuple[StreamReport, ...]
    gaps: Mapping[str, int]
    troubles: tuple[str, ...]
    troubles_count: int

    @property
    def open_items(self) -> int:
        """Numbers that are missing and may still come."""
        return sum(stream.open_items for stream in self.streams)

    @property
    def sound(self) -> bool:
        """Nothing is lost without explanation, nothing came in two contents or out of order, no message broke the format."""
        return not self.troubles_count and not any(s.lost_items or s.reorders or s.conflicts for s in self.streams)


class _Stream:
    """The numbers of one stream in one epoch, and how they came."""

    def __init__(self, base: int | None) -> None:
        self.seen = Intervals()
        self.explained = Intervals()
        self.unseen = Intervals()
        self.repeats = 0
        self.reorders = 0
        self.conflicts = 0
        self.blind = False
        self.lags_s: deque[float] = deque(maxlen=VERIFY_LAGS)
        self.history_s: float | None = None
        self._base = base
        self._tops: dict[str, int] = {}
        self._marks: deque[tuple[float, int]] = deque()

    @property
    def first(self) -> int:
        """The lowest number that counts: 1 for an epoch that was seen from its beginning, else the lowest that came."""
        lowest = self.seen.spans[0][0] if self.seen.spans else 0
        return lowest if self._base is None else min(self._base, lowest or self._base)

    @property
    def unseen_items(self) -> int:
        """Numbers that passed while the verifier was away, and that have not come since."""
        return sum(last - first + 1 for span in self.unseen.spans for first, last in self.seen.holes(*span))

    @property
    def last(self) -> int:
        """The highest number that came; 0 while none has."""
        return self.seen.spans[-1][1] if self.seen.spans else 0

    def arrive(self, lane: str, first: int, last: int, now_s: float) -> None:
        """Numbers `first` to `last` came in one message on this topic."""
        if self.blind and lane != HISTORY and last > self.last:
            # What passed while nobody looked is no loss of the gateway's: all below the first live number that is new, whether it
            # went live or as history, and whatever a gap record may have said of it. Much of it may come again all the same.
            for span in self.seen.holes(self.first, first - 1):
                self.unseen = self.unseen.add(*span)
            self.blind = False
        before = len(self.seen)
        fresh = tuple(self.seen.holes(first, last))
        self.seen = self.seen.add(first, last)
        self.repeats += (last - first + 1) - (len(self.seen) - before)
        top = self._tops.get(lane, 0)
        self.reorders += sum(min(high, top) - low + 1 for low, high in fresh if low <= top)
        self._tops[lane] = max(top, last)
        if lane == HISTORY:
            self.history_s = now_s
        if not self._marks or self._marks[-1][1] < self.last:
            self._marks.append((now_s, self.last))

    def holes(self, now_s: float, settle_s: float) -> tuple[list[Span], list[Span]]:
        """(lost, still open) ranges between the first and the last number."""
        covered = self.seen
        for span in (*self.explained.spans, *self.unseen.spans):
            covered = covered.add(*span)
        settled = self._settled(now_s, settle_s)
        lost: list[Span] = []
        waiting: list[Span] = []
        for low, high in covered.holes(self.first, self.last):
            if low <= settled:
                lost.append((low, min(high, settled)))
            if high > settled:
                waiting.append((max(low, settled + 1), high))
        return lost, waiting

    def _settled(self, now_s: float, settle_s: float) -> int:
        """The number up to which nothing can come any more: passed long ago, and behind the history where that still runs."""
        while len(self._marks) > 1 and self._marks[1][0] <= now_s - settle_s:
            self._marks.popleft()
        settled = self._marks[0][1] if self._marks and self._marks[0][0] <= now_s - settle_s else 0
        if self.history_s is not None and now_s - self.history_s < settle_s:
            settled = min(settled, self._tops[HISTORY])
        return settled


class Completeness:
    """One gateway's messages as they come. `whole`: the first epoch, too, must begin with number 1; one that was met on its way
    (at the start, or when the verifier came back) need not."""

    def __init__(self, gateway: str, whole: bool = False, settle_s: float = VERIFY_SETTLE_S) -> None:
        self._gateway = gateway
        self._settle_s = settle_s
        self._streams: OrderedDict[tuple[str, str], _Stream] = OrderedDict()
        self._seen_late: set[str] = set()
        """Epochs of whose beginning nobody can say whether it passed unseen."""
        self._away = not whole
        self._contents: OrderedDict[tuple[str, str, int], bytes] = OrderedDict()
        self._gaps: dict[str, int] = {}
        self._troubles: deque[str] = deque(maxlen=VERIFY_TROUBLES)
        self._troubles_count = 0
        self._messages = 0
        self._online: bool | None = None
        self._version = ""

    def take(self, lane: str, payload: bytes, retained: bool, wall_ms: int, now_s: float) -> None:
        """One message below the gateway's root: `lane` is the topic's last part. Other topics than streams and status pass by."""
        if lane not in (*LANES, "status"):
            return
        self._messages += 1
        try:
            message = orjson.loads(payload)
            if lane == "status":
                self._online, self._version = bool(message["online"]), str(message["version"])
            else:
                if retained:
                    raise ValueError("a stream message must not be retained")
                self._take_items(lane, message, wall_ms, now_s)
        except _BAD_MESSAGE as error:
            self._troubles_count += 1
            self._troubles.append(f"{lane}: {error!r:.300}")

    def interrupted(self) -> None:
        """The verifier's own session was lost: what passes before the next message of a stream is nobody's loss."""
        self._away = True
        for stream in self._streams.values():
            stream.blind = True

    def report(self, now_s: float, final: bool = False) -> Report:
        """The verdict at this moment; `final`: nothing more will come, so that every hole counts as lost."""
        settle_s = 0.0 if final else self._settle_s
        return Report(
            messages=self._messages,
            online=self._online,
            version=self._version,
            epochs=len({epoch for epoch, _ in self._streams}),
            streams=tuple(_report(epoch, name, kept, now_s, settle_s) for (epoch, name), kept in self._streams.items()),
            gaps=dict(self._gaps),
            troubles=tuple(self._troubles),
            troubles_count=self._troubles_count,
        )

    def _take_items(self, lane: str, message: Mapping[str, Any], wall_ms: int, now_s: float) -> None:
        epoch, name, seq, items = _checked(lane, message, self._gateway)
        stream = self._stream(epoch, name)
        for number, item in enumerate(items, seq):
            self._check_content(stream, (epoch, name, number), item)
            if lane != HISTORY and "clock" not in item:
                stream.lags_s.append((wall_ms - _wall_ms(item)) / 1000.0)
            if name == "events" and item.get("type") == "gap":
                self._take_gap(epoch, item)
        stream.arrive(lane, seq, seq + len(items) - 1, now_s)

    def _stream(self, epoch: str, name: str) -> _Stream:
        key = epoch, name
        if self._away:
            self._away = False
            self._seen_late = {epoch}
        if key not in self._streams:
            self._streams[key] = _Stream(None if epoch in self._seen_late else 1)
            if len({epoch for epoch, _ in self._streams}) > VERIFY_EPOCHS:
                self._streams.popitem(last=False)
        return self._streams[key]

    def _check_content(self, stream: _Stream, key: tuple[str, str, int], item: Mapping[str, Any]) -> None:
        lasting = {field: value for field, value in item.items() if field not in _TIME_FIELDS}
        digest = hashlib.blake2b(orjson.dumps(lasting, option=orjson.OPT_SORT_KEYS), digest_size=8).digest()
        stream.conflicts += self._contents.setdefault(key, digest) != digest
        if len(self._contents) > VERIFY_CONTENTS:
            self._contents.popitem(last=False)

    def _take_gap(self, epoch: str, item: Mapping[str, Any]) -> None:
        first, last, reason = item.get("from"), item.get("to"), str(item["reason"])
        if isinstance(first, int) and isinstance(last, int):
            if item["stream"] not in STREAMS:
                raise ValueError(f"a gap record of stream {item['stream']!r}")
            stream = self._stream(str(item.get("epoch") or epoch), str(item["stream"]))
            before = len(stream.explained)
            for low, high in pairwise((first - 1, *_kept(item), last + 1)):
                stream.explained = stream.explained.add(low + 1, high - 1)
            self._gaps[reason] = self._gaps.get(reason, 0) + len(stream.explained) - before
        else:
            self._gaps[reason] = self._gaps.get(reason, 0) + int(item.get("items") or 0)


def _kept(item: Mapping[str, Any]) -> list[int]:
    """The numbers of a gap's range that are not lost."""
    return sorted(int(seq) for seq in item.get("kept", ()))


def _checked(lane: str, message: Mapping[str, Any], gateway: str) -> tuple[str, str, int, list[dict[str, Any]]]:
    """Epoch, stream, first number and items of a message; ValueError or KeyError for one that the format does not allow."""
    epoch, name, seq, items = (message[key] for key in ("epoch", "stream", "seq", "items"))
    if message["v"] != 1 or message["gateway"] != gateway:
        raise ValueError(f"v {message['v']!r} of gateway {message['gateway']!r}")
    if not isinstance(epoch, str) or name != ("telemetry" if lane == HISTORY else lane):
        raise ValueError(f"epoch {epoch!r}, stream {name!r}")
    if not isinstance(seq, int) or isinstance(seq, bool) or seq < 1:
        raise ValueError(f"seq {seq!r}")
    if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
        raise ValueError("items must be a list of objects, and not an empty one")
    return epoch, name, seq, items


def _wall_ms(item: Mapping[str, Any]) -> int:
    return int(datetime.fromisoformat(item["at"]).timestamp() * 1000)


def _report(epoch: str, name: str, stream: _Stream, now_s: float, settle_s: float) -> StreamReport:
    lost, waiting = stream.holes(now_s, settle_s)
    return StreamReport(
        epoch=epoch,
        stream=name,
        items=len(stream.seen),
        first=stream.first,
        last=stream.last,
        repeats=stream.repeats,
        reorders=stream.reorders,
        conflicts=stream.conflicts,
        lost=tuple(islice(lost, VERIFY_HOLES_SHOWN)),
        lost_items=_count(lost),
        open=tuple(islice(waiting, VERIFY_HOLES_SHOWN)),
        open_items=_count(waiting),
        explained_items=len(stream.explained),
        unseen_items=stream.unseen_items,
        lag=_lag(stream.lags_s),
    )


def _count(spans: Iterable[Span]) -> int:
    return sum(last - first + 1 for first, last in spans)


def _lag(lags_s: Iterable[float]) -> Lag:
    ordered = sorted(lags_s)
    if not ordered:
        return Lag()
    middle, high = (ordered[min(len(ordered) - 1, int(share * len(ordered)))] for share in (0.5, 0.95))
    return Lag(middle, high, ordered[-1])
