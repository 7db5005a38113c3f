"""What a platform would see: judges the stream messages that reach the broker, by the public message format alone.

Knows no daemon and no broker; is told topic, payload and time, and keeps numbers as ranges, so that a demo may run for days.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final

import orjson

from edgeguard.cli.demo_gate_seen import GateWitness
from edgeguard.core.intervals import Intervals
from edgeguard.core.limits import DEMO_ARRIVALS_SHOWN, DEMO_MAX_GAPS

VALUES_SHOWN: Final = 2
LANES: Final = ("alarms", "events", "telemetry", "history")


@dataclass(frozen=True, slots=True)
class StreamSeen:
    """One stream of one epoch: distinct items, how many came again, and the ranges of numbers that never came."""

    epoch: str
    stream: str
    items: int
    first_seq: int
    last_seq: int
    repeats: int
    gaps: tuple[tuple[int, int], ...]


class Numbers:
    """The numbers of one stream that were seen."""

    def __init__(self) -> None:
        self.repeats = 0
        self._seen = Intervals()

    @property
    def count(self) -> int:
        """How many distinct numbers."""
        return len(self._seen)

    @property
    def ends(self) -> tuple[int, int]:
        """The smallest and the largest number; (0, 0) while there is none."""
        spans = self._seen.spans
        return (spans[0][0], spans[-1][1]) if spans else (0, 0)

    @property
    def gaps(self) -> tuple[tuple[int, int], ...]:
        """What is missing from 1 on, both ends included; in one epoch numbers begin with 1 and grow by 1."""
        return tuple(islice(self._seen.holes(1, self.ends[1]), DEMO_MAX_GAPS))

    def add(self, first: int, last: int) -> None:
        """Numbers `first` to `last` have come; those that were there already count as repeats."""
        before, self._seen = len(self._seen), self._seen.add(first, last)
        self.repeats += (last - first + 1) - (len(self._seen) - before)


class Witness:
    """Everything that has arrived. Times are seconds on any clock that only goes forward."""

    def __init__(self) -> None:
        self.first_item_s: float | None = None
        self.first_reading_at: datetime | None = None
        self.devices: set[str] = set()
        self.alarms: dict[str, None] = {}
        self.falls: deque[str] = deque(maxlen=DEMO_ARRIVALS_SHOWN)
        """What fell: the camera, where from, the clip that shows it."""
        self.gate = GateWitness()
        self.online: bool | None = None
        self.trouble: str = ""
        self.news: deque[str] = deque(maxlen=DEMO_ARRIVALS_SHOWN)
        self._numbers: dict[tuple[str, str], Numbers] = {}

    def take(self, topic: str, payload: bytes, now_s: float) -> None:
        """One message as the broker accepted it."""
        lane = topic.rsplit("/", 1)[-1]
        if lane not in (*LANES, "status"):
            return
        try:
            message = orjson.loads(payload)
            if lane == "status":
                self.online = bool(message["online"])
                self._tell(f"status     {'online' if self.online else 'offline'}")
            else:
                self._take_items(lane, message, now_s)
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
            self.trouble = self.trouble or f"unreadable message on {topic}: {error!r}"

    def streams(self) -> tuple[StreamSeen, ...]:
        """What is known of each stream, the busiest last."""
        seen = (
            StreamSeen(epoch, stream, numbers.count, *numbers.ends, numbers.repeats, numbers.gaps)
            for (epoch, stream), numbers in self._numbers.items()
        )
        return tuple(sorted(seen, key=lambda stream: stream.items))

    def tell(self, line: str) -> None:
        """A line among the arrivals that is none: what happens in the building."""
        self._tell(f"building   {line}")

    def _tell(self, line: str) -> None:
        self.news.append(line)

    def _take_items(self, lane: str, message: Mapping[str, object], now_s: float) -> None:
        epoch, stream, seq, items = (message[key] for key in ("epoch", "stream", "seq", "items"))
        if not (isinstance(epoch, str) and isinstance(stream, str) and isinstance(seq, int) and isinstance(items, list) and items):
            raise TypeError(f"{message!r:.200} is no stream message")
        if self.first_item_s is None:
            self.first_item_s = now_s
        last = seq + len(items) - 1
        self._numbers.setdefault((epoch, stream), Numbers()).add(seq, last)
        words = [_take(item, self.gate.take(item) if stream == "events" else "") for item in items]
        for word in words:
            self._learn(stream, word)
        numbers = f"#{seq}" if seq == last else f"#{seq}-{last}"
        self._tell(f"{lane:<10} {numbers:<12} {_sentence(words)}")

    def _learn(self, stream: str, item: "_Item") -> None:
        if stream == "telemetry" and item.values:
            self.devices.add(item.name)
            if item.at is not None and (self.first_reading_at is None or item.at < self.first_reading_at):
                self.first_reading_at = item.at
        if stream == "alarms" and item.state == "active":
            self.alarms[item.name] = None
        if item.fall:
            self.falls.append(item.fall)


@dataclass(frozen=True, slots=True)
class _Item:
    """What the witness wants of an item: whose it is, its state, its good values in words, how many are bad, when."""

    name: str
    state: str
    values: tuple[str, ...]
    bad: int
    at: datetime | None
    fall: str = ""
    """Of a fall: the camera, where it came from, the clip."""
    gate: str = ""
    """Of a vehicle at a gate: who, and what became of it."""


def _take(item: Mapping[str, object], gate: str) -> _Item:
    name = item.get("alarm") or item.get("device") or item.get("type") or "?"
    values, bad, at = item.get("values"), item.get("bad"), item.get("at")
    return _Item(
        name=str(name),
        state=str(item.get("state") or ""),
        values=tuple(f"{point}={value}" for point, value in values.items()) if isinstance(values, dict) else (),
        bad=len(bad) if isinstance(bad, dict) else 0,
        at=datetime.fromisoformat(at) if isinstance(at, str) else None,
        fall=_fall(item) if item.get("type") == "fall" else "",
        gate=gate,
    )


def _fall(item: Mapping[str, object]) -> str:
    kept = item.get("evidence")
    clip = kept.get("clip") if isinstance(kept, dict) else None
    places = [f"{key} {item[key]}" for key in ("floor", "column") if item.get(key) is not None]
    return ", ".join([str(item.get("camera")), *places, str(clip or "no evidence")])


def _sentence(items: list[_Item]) -> str:
    """A message in a line: alarms and events by name and state, telemetry by device with its first values."""
    return ", ".join(_words(item) for item in items)


def _words(item: _Item) -> str:
    parts = [item.name]
    if item.state:
        parts.append(item.state)
    parts += [words for words in (item.fall, item.gate) if words]
    parts += item.values[:VALUES_SHOWN]
    if len(item.values) > VALUES_SHOWN:
        parts.append(f"+{len(item.values) - VALUES_SHOWN}")
    if item.bad:
        parts.append(f"bad:{item.bad}")
    return " ".join(parts)
