"""Records of the flight recorder as people read them: dissected, timed by the wall clock, in words. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from edgeguard.bus.flight import Kind, Record
from edgeguard.codec.dissect import Dissector
from edgeguard.codec.sighting import Sighting, Sort, Way
from edgeguard.codec.words import describe
from edgeguard.core.clock import Stamp, iso_utc
from edgeguard.core.health import FrameNote
from edgeguard.core.limits import FLIGHT_EVENT_BYTES, FLIGHT_EVENT_FRAMES, FLIGHT_FROZEN_BYTES
from edgeguard.core.point import Labels

_NOTE_OVERHEAD = 120
"""Bytes of a note's JSON beside its texts."""
_NOTE_HEX_BYTES = 300


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment in the loop's time and as a stamp, to turn the one into the other."""

    loop_s: float
    stamp: Stamp

    def iso(self, loop_s: float) -> str:
        """UTC at this loop time."""
        return iso_utc(round(self.stamp.wall_ms + (loop_s - self.loop_s) * 1000))


def sightings(records: Iterable[Record], network: bool, character_s: float) -> Iterator[Sighting | Record]:
    """What passed, frame by frame in the order of its end, with the records that are no bytes between."""
    wire = Dissector(network, character_s)
    for record in records:
        if record.kind is Kind.SENT:
            yield from wire.feed(record.at_s, record.data, Way.OUT)
        elif record.kind is Kind.RECEIVED:
            yield from wire.feed(record.end_s, record.data, Way.IN)
        else:
            yield from wire.finish()
            yield record
    yield from wire.finish()


def foreign_requests(records: Iterable[Record]) -> int:
    """Requests that came in, although on this wire nobody but us should ask."""
    seen = sightings(records, network=False, character_s=0.0)
    return sum(1 for one in seen if isinstance(one, Sighting) and one.way is Way.IN and one.sort is Sort.REQUEST)


def newest(records: Sequence[Record], max_bytes: int = FLIGHT_FROZEN_BYTES) -> tuple[Record, ...]:
    """As many of the latest records as fit."""
    size, kept = 0, 0
    for record in reversed(records):
        size += len(record.data) + len(record.text) + 1
        if size > max_bytes:
            break
        kept += 1
    return tuple(records[len(records) - kept :])


def notes(records: Sequence[Record], network: bool, character_s: float, moment: Moment) -> tuple[FrameNote, ...]:
    """All of the records as notes, oldest first."""
    made: list[FrameNote] = []
    asked: Sighting | None = None
    for seen in sightings(records, network, character_s):
        if isinstance(seen, Record):
            made.append(FrameNote(moment.iso(seen.at_s), "", "", _told(seen)))
            continue
        text = describe(seen, asked)
        if seen.sort is Sort.REQUEST:
            asked = seen
        station = "" if seen.station is None else f"{seen.station}: "
        data = seen.data[:_NOTE_HEX_BYTES]
        made.append(FrameNote(moment.iso(seen.end_s), seen.way.value, data.hex(), Labels(station + text.zh, station + text.en)))
    return tuple(made)


def for_event(made: Sequence[FrameNote], about: str = "") -> tuple[FrameNote, ...]:
    """The latest notes, as many as an event may bear; up to half of them are of the station `about`, whatever passed since."""
    own = [i for i, note in enumerate(made) if about and note.text.en.startswith(f"{about}: ")]
    size, kept = 0, set[int]()
    for i in dict.fromkeys((*own[: -1 - FLIGHT_EVENT_FRAMES // 2 : -1], *range(len(made) - 1, -1, -1))):
        note = made[i]
        size += _NOTE_OVERHEAD + len(note.hex) + len(note.text.zh.encode()) + len(note.text.en.encode())
        if size > FLIGHT_EVENT_BYTES or len(kept) == FLIGHT_EVENT_FRAMES:
            break
        kept.add(i)
    return tuple(made[i] for i in sorted(kept))


def _told(record: Record) -> Labels:
    whose, tab, why = record.text.partition("\t")
    if record.kind is Kind.OPENED:
        return Labels("连接已打开", "opened")
    if record.kind is Kind.CLOSED:
        return Labels(f"连接已断开:{record.text}", f"closed: {record.text}")
    station = f"{whose}: " if tab else ""
    return Labels(f"{station}失败:{why or whose}", f"{station}failed: {why or whose}")
