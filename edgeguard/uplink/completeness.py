"""Whether everything has arrived: judges stream messages by the public message format alone, as any platform can.

Knows nothing of the gateway's inside and nothing of MQTT beyond a topic and a payload; time comes with each call. Numbers are
kept as ranges, so that a verification may run for months.

The reasoning: (gateway, epoch, stream, seq) names an item for ever, and in one epoch the numbers of a stream grow by 1. So a
number that is missing is a loss, unless a `gap` record names it, or it may still come: live telemetry overtakes history, and
records travel on another topic than what they tell of. A hole therefore counts once nothing can fill it any more.
"""

import hashlib
import re
from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice, pairwise
from typing import Any, Final, TypeGuard

import orjson

from edgeguard.core.intervals import Intervals, Span
from edgeguard.core.item import STREAMS
from edgeguard.core.limits import (
    MESSAGE_MAX_BYTES,
    VERIFY_CONTENTS,
    VERIFY_EPOCHS,
    VERIFY_HOLES_SHOWN,
    VERIFY_LAGS,
    VERIFY_REASONS,
    VERIFY_SETTLE_S,
    VERIFY_TROUBLES,
)
from edgeguard.uplink.schema_parts import MOMENT

HISTORY: Final = "history"
LANES: Final = (*(stream.value for stream in STREAMS), HISTORY)
_TIME_FIELDS: Final = frozenset({"at", "clock", "boot_ms"})
"""The fields that may be made true between two deliveries: an item of an unsynchronised clock gets its time later."""
_MOMENT: Final = re.compile(MOMENT["pattern"])


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
    explains and that cannot come any more; `open`: ranges that may still come; `explained`: missing numbers that gap records
    name; `contradicted`: numbers that they name and that came all the same; `unseen`: ranges that passed while the verifier
    itself was away. `reorders`: first deliveries behind a later number on the same topic. `conflicts`: numbers that came with
    two contents.
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
    contradicted_items: int
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

    @property
    def contradicted_items(self) -> int:
        """Numbers that a gap record names, and that came all the same."""
        missing = sum(high - low + 1 for span in self.explained.spans for low, high in self.seen.holes(*span))
        return len(self.explained) - missing

    def arrive(self, lane: str, first: int, last: int, now_s: float) -> bool:
        """Numbers `first` to `last` came in one message on this topic; gives whether one of them is new."""
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
        return bool(fresh)

    def holes(self, now_s: float, settle_s: float) -> tuple[list[Span], list[Span]]:
        """(lost, still open) ranges between the first and the last number."""
        if not self.seen.spans:
            return [], []  # nothing has come yet: what a gap record tells of is all that is known of this stream
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
        self._epochs: dict[str, deque[str]] = {lane: deque(maxlen=VERIFY_EPOCHS) for lane in LANES}
        """By topic, in the order of their first message."""
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
            message = _parsed(payload)
            if lane == "status":
                self._online, self._version = _status(message)
            else:
                self._take_items(lane, message, retained, wall_ms, now_s)
        except _Broken as broken:
            self._complain(lane, str(broken))

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

    def _take_items(self, lane: str, message: Mapping[str, Any], retained: bool, wall_ms: int, now_s: float) -> None:
        if retained:
            raise _Broken("a stream message must not be retained")
        epoch, name, seq, items = _checked(lane, message, self._gateway)
        stream = self._stream(epoch, name)
        for number, item in enumerate(items, seq):
            self._check_content(stream, (epoch, name, number), item)
            try:
                at_ms = _wall_ms(item)
                if lane != HISTORY and "clock" not in item:
                    stream.lags_s.append((wall_ms - at_ms) / 1000.0)
                if name == "events" and item.get("type") == "gap":
                    self._take_gap(epoch, item)
            except _Broken as broken:
                self._complain(lane, f"number {number}: {broken}")
        if stream.arrive(lane, seq, seq + len(items) - 1, now_s):
            self._check_epoch(lane, epoch)

    def _check_epoch(self, lane: str, epoch: str) -> None:
        """New numbers have come: an epoch that another one has followed on the same topic can have none."""
        epochs = self._epochs[lane]
        if epoch not in epochs:
            epochs.append(epoch)
        elif epoch != epochs[-1]:
            now = epochs[-1]
            self._complain(lane, f"epoch {epoch!r} goes on although {now!r} has followed it: do two gateways have one name?")

    def _complain(self, lane: str, why: str) -> None:
        self._troubles_count += 1
        self._troubles.append(f"{lane}: {why:.300}")

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
        first, last, reason, name = item.get("from"), item.get("to"), item.get("reason"), item.get("stream")
        if name not in STREAMS:
            raise _Broken(f"a gap record of stream {name!r}")
        if not isinstance(reason, str) or not reason:
            raise _Broken("a gap record without a reason")
        if len(self._gaps) >= VERIFY_REASONS:
            reason = "…"
        if first is None and last is None:
            items = item.get("items")
            if not _is_number(items, 0):
                raise _Broken("a gap record with neither numbers nor items")
            self._gaps[reason] = self._gaps.get(reason, 0) + items
            return
        if not (_is_number(first, 1) and _is_number(last, first)):
            raise _Broken(f"a gap record from {first!r} to {last!r}")
        stream = self._stream(str(item.get("epoch") or epoch), str(name))
        before = len(stream.explained)
        for low, high in pairwise((first - 1, *_kept(item), last + 1)):
            stream.explained = stream.explained.add(low + 1, high - 1)
        self._gaps[reason] = self._gaps.get(reason, 0) + len(stream.explained) - before


class _Broken(Exception):
    """What breaks the format, in words."""


def _parsed(payload: bytes) -> Mapping[str, Any]:
    if len(payload) > MESSAGE_MAX_BYTES:
        raise _Broken(f"{len(payload)} bytes; {MESSAGE_MAX_BYTES} are the most")
    try:
        message = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise _Broken(f"not JSON: {error}") from None
    if not isinstance(message, dict):
        raise _Broken("not an object")
    return message


def _status(message: Mapping[str, Any]) -> tuple[bool, str]:
    online, version = message.get("online"), message.get("version")
    if not isinstance(online, bool) or not isinstance(version, str):
        raise _Broken("online must be true or false, and version a text")
    return online, version


def _is_number(value: object, least: int) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _kept(item: Mapping[str, Any]) -> list[int]:
    """The numbers of a gap's range that are not lost."""
    kept = item.get("kept", [])
    if not isinstance(kept, list) or not all(_is_number(seq, item["from"]) and seq <= item["to"] for seq in kept):
        raise _Broken("a gap record keeps what is none of its numbers")
    return sorted(kept)


def _checked(lane: str, message: Mapping[str, Any], gateway: str) -> tuple[str, str, int, list[dict[str, Any]]]:
    """Epoch, stream, first number and items of a message; _Broken for one that the format does not allow."""
    missing = [key for key in ("v", "gateway", "epoch", "stream", "seq", "items") if key not in message]
    if missing:
        raise _Broken(f"{', '.join(missing)} missing")
    epoch, name, seq, items = (message[key] for key in ("epoch", "stream", "seq", "items"))
    if message["v"] != 1 or message["gateway"] != gateway:
        raise _Broken(f"v {message['v']!r} of gateway {message['gateway']!r}")
    if not isinstance(epoch, str) or not epoch or name != ("telemetry" if lane == HISTORY else lane):
        raise _Broken(f"epoch {epoch!r}, stream {name!r}")
    if not _is_number(seq, 1):
        raise _Broken(f"seq {seq!r}")
    if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
        raise _Broken("items must be a list of objects, and not an empty one")
    return epoch, name, seq, items


def _wall_ms(item: Mapping[str, Any]) -> int:
    """The item's time; _Broken for what is none in UTC with milliseconds."""
    at = item.get("at")
    try:
        if isinstance(at, str) and _MOMENT.fullmatch(at):
            return int(datetime.fromisoformat(at).timestamp() * 1000)
    except (ValueError, OverflowError):
        pass
    raise _Broken(f"at {at!r} is no time in UTC with milliseconds")


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
        explained_items=len(stream.explained) - stream.contradicted_items,
        contradicted_items=stream.contradicted_items,
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
