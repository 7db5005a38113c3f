"""Who said what to whom: sightings paired into requests and answers, with response times and counts per station.

Bounded: a station, and a request that is polled, beyond the bound are counted with the line but not by themselves.
"""

from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from edgeguard.codec.sighting import Form, Sighting, Sort, Way
from edgeguard.codec.words import describe
from edgeguard.core.limits import BURST_FAULTS, BURST_S, RESPONSE_WINDOW, TRACE_POLLS, TRACE_STATIONS
from edgeguard.core.line import Station
from edgeguard.core.line_figures import LineFigures, Polled, StationFigures
from edgeguard.core.meter import DLT645_BROADCAST

_ANSWERS: Final = (Sort.ANSWER, Sort.EXCEPTION)
_BROADCASTS: Final[Mapping[Form, Station]] = MappingProxyType({Form.RTU: 0, Form.ASCII: 0, Form.DLT645: DLT645_BROADCAST})
"""Addresses that everybody obeys and nobody answers: no station. Modbus over Serial Line V1.02, 2.2; DL/T 645-2007, 5.2.2."""
_WILD: Final = "A"
_OUTSTANDING: Final = 32
_COUNTED: Final = ("requests", "answers", "exceptions", "unanswered", "broken", "retries", "crowded", "late")


@dataclass(frozen=True, slots=True)
class Passage:
    """A sighting in its place: the request it answers, how long that took, the silence before it.

    `retry`: a request sent again at once because nobody answered. `foreign`: a request of another master.
    """

    seen: Sighting
    asked: Sighting | None = None
    response_s: float | None = None
    gap_s: float | None = None
    retry: bool = False
    foreign: bool = False


_SER_AT: Final = 3
"""Behind control code, DI0 and DI1."""


@dataclass(frozen=True, slots=True)
class _Poll:
    words: str
    first_s: float
    last_s: float
    count: int = 1


@dataclass(frozen=True, slots=True)
class _Station:
    """What is counted of a station; the deque and the table in it change, the counts are replaced."""

    form: Form | None
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_COUNTED, 0))
    responses_s: deque[float] = field(default_factory=lambda: deque(maxlen=RESPONSE_WINDOW))
    late_s: deque[float] = field(default_factory=lambda: deque(maxlen=RESPONSE_WINDOW))
    polls: OrderedDict[bytes, _Poll] = field(default_factory=OrderedDict)


class Conversation:
    """One wire, listened to from its beginning."""

    def __init__(self) -> None:
        self._stations: OrderedDict[str, _Station] = OrderedDict()
        self._outstanding: OrderedDict[int | None, Sighting] = OrderedDict()
        self._unanswered: Sighting | None = None
        self._turn: Sighting | None = None
        """The latest request on a line: what comes before the next one comes from its station, or at its time."""
        self._turn_over = False
        """It has had its answer, in time or late."""
        self._first_s: float | None = None
        self._last_s = 0.0
        self._broken_s: deque[float] = deque(maxlen=BURST_FAULTS)
        self._counts = dict.fromkeys(
            ("received", "junk", "noise", "broken", "bursts", "foreign", "unasked", "echoes", "broadcasts"), 0
        )

    def take(self, seen: Sighting) -> Passage:
        """The next sighting, in its place."""
        gap_s = None if self._first_s is None else max(0.0, seen.start_s - self._last_s)
        self._first_s = seen.start_s if self._first_s is None else self._first_s
        self._last_s = max(self._last_s, seen.end_s)
        if seen.way is not Way.OUT:
            self._counts["received"] += len(seen.data)
        if seen.sort is Sort.REQUEST:
            return self._request(seen, gap_s)
        if seen.sort in _ANSWERS:
            return self._answer(seen, gap_s)
        if seen.sort is Sort.BROKEN:
            self._broken(seen)
        elif seen.sort is Sort.ECHO:
            self._counts["echoes"] += 1
        else:
            self._counts["junk"] += len(seen.data)
            is_noise = set(seen.data) <= {0x00, 0xFF}
            self._counts["noise"] += len(seen.data) if is_noise else 0
            if self._turn is not None and not is_noise:
                self._count(self._turn, "crowded")
        return Passage(seen, gap_s=gap_s)

    def failed(self, at_s: float) -> None:
        """The master has given its oldest outstanding request up."""
        self._last_s = max(self._last_s, at_s)
        if self._outstanding:
            self._give_up(next(iter(self._outstanding)))

    def figures(self, uart_errors: int | None = None) -> LineFigures:
        """What has been counted so far."""
        counts = self._counts
        return LineFigures(
            seconds=0.0 if self._first_s is None else self._last_s - self._first_s,
            stations=tuple(_figures(name, station) for name, station in self._stations.items()),
            received_bytes=counts["received"],
            junk_bytes=counts["junk"],
            noise_bytes=counts["noise"],
            broken=counts["broken"],
            bursts=counts["bursts"],
            foreign=counts["foreign"],
            unasked=counts["unasked"],
            echoes=counts["echoes"],
            broadcasts=counts["broadcasts"],
            uart_errors=uart_errors,
        )

    def _request(self, seen: Sighting, gap_s: float | None) -> Passage:
        if seen.way is Way.IN:
            self._counts["foreign"] += 1
            self._turn = None
            return Passage(seen, gap_s=gap_s, foreign=True)
        if seen.transaction is None:
            self._turn, self._turn_over = seen, False
            for key in tuple(self._outstanding):
                self._give_up(key)
        elif len(self._outstanding) >= _OUTSTANDING:
            self._give_up(next(iter(self._outstanding)))
        if seen.form is not None and _BROADCASTS.get(seen.form) == seen.station:
            self._counts["broadcasts"] += 1
            self._turn = None
            return Passage(seen, gap_s=gap_s)
        before = self._unanswered
        retry = before is not None and before.station == seen.station and _question(before) == _question(seen)
        self._unanswered = None
        self._outstanding[seen.transaction] = seen
        self._count(seen, "requests")
        if retry:
            self._count(seen, "retries")
        self._note_poll(seen)
        return Passage(seen, gap_s=gap_s, retry=retry)

    def _answer(self, seen: Sighting, gap_s: float | None) -> Passage:
        asked = self._outstanding.get(seen.transaction)
        if asked is None or asked.form is not seen.form or not _is_from(seen, asked):
            if asked is None and self._turn is not None and self._turn.station == seen.station:
                self._take_stray(seen, self._turn)
            else:
                self._counts["unasked"] += 1
            return Passage(seen, gap_s=gap_s)
        del self._outstanding[seen.transaction]
        self._unanswered, self._turn_over = None, True
        self._count(seen, "exceptions" if seen.sort is Sort.EXCEPTION else "answers")
        response_s = max(0.0, seen.end_s - asked.start_s)
        station = self._stations.get(str(seen.station))
        if station is not None:
            station.responses_s.append(response_s)
        return Passage(seen, asked, response_s, gap_s)

    def _take_stray(self, seen: Sighting, turn: Sighting) -> None:
        """An answer of the station whose turn it is, to nothing outstanding: it is late, or there was one already."""
        self._count(seen, "crowded" if self._turn_over else "late")
        station = self._stations.get(str(seen.station))
        if station is not None and not self._turn_over:
            station.late_s.append(max(0.0, seen.end_s - turn.start_s))
        self._turn_over = True

    def _broken(self, seen: Sighting) -> None:
        self._counts["broken"] += 1
        asked = next(reversed(self._outstanding.values()), None)
        whose = asked or seen
        if whose.station is not None:
            self._count(whose, "broken")
        self._broken_s.append(seen.end_s)
        if len(self._broken_s) == BURST_FAULTS and seen.end_s - self._broken_s[0] <= BURST_S:
            self._counts["bursts"] += 1
            self._broken_s.clear()

    def _give_up(self, key: int | None) -> None:
        self._unanswered = self._outstanding.pop(key)
        self._count(self._unanswered, "unanswered")

    def _count(self, seen: Sighting, what: str) -> None:
        name = str(seen.station)
        station = self._stations.get(name)
        if station is None:
            if len(self._stations) >= TRACE_STATIONS:
                return
            station = self._stations[name] = _Station(seen.form)
        station.counts[what] += 1

    def _note_poll(self, seen: Sighting) -> None:
        station = self._stations.get(str(seen.station))
        if station is None:
            return
        question = _question(seen)
        poll = station.polls.get(question)
        if poll is not None:
            station.polls[question] = _Poll(poll.words, poll.first_s, seen.start_s, poll.count + 1)
        elif len(station.polls) < TRACE_POLLS:
            station.polls[question] = _Poll(describe(seen).en, seen.start_s, seen.start_s)


def _question(seen: Sighting) -> bytes:
    """What is asked: of CJ/T 188 without the number (SER) that each request bears and that only its answer repeats."""
    return seen.pdu[:_SER_AT] + seen.pdu[_SER_AT + 1 :] if seen.form is Form.CJT188 else seen.pdu


def _is_from(seen: Sighting, asked: Sighting) -> bool:
    """The station that was asked; a meter that was asked by a wildcard answers with its own address."""
    return seen.station == asked.station or (isinstance(asked.station, str) and _WILD in asked.station)


def _figures(name: str, station: _Station) -> StationFigures:
    ordered = sorted(station.responses_s)
    polled = sorted(station.polls.values(), key=lambda poll: -poll.count)
    return StationFigures(
        station=name,
        form=station.form.value if station.form else "",
        response_p50_s=_quantile(ordered, 0.5),
        response_p95_s=_quantile(ordered, 0.95),
        late_s=max(station.late_s, default=0.0),
        polled=tuple(Polled(poll.words, poll.count, (poll.last_s - poll.first_s) / max(1, poll.count - 1)) for poll in polled),
        **station.counts,
    )


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
