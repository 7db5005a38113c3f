"""Answers that may still come: to a request of ours that was given up, or to one that another master was heard to send.

On a line without numbers in its frames such an answer looks like the answer to the next request of its kind. Two things keep it
from being taken for that. The station is left alone, as far as this kind of request is concerned, for as long as it is known to
take, or for its time-out; other stations and other kinds go on. And whatever it answers after that is doubted as long as it
could be an answer that is owed to another request: a device answers in the order in which it was asked, so an answer that
fits none of the earlier requests pays for all of them, and one that fits is thrown away, to be asked for once more when
nothing can be owed any longer.

Where bytes have come that were the answer most likely, in ruins, nobody waits: what may be owed all the same is counted. So
many answers are thrown away as could be others', each asked for again at once, and the next one can be nobody else's. That
takes a station of which it is known how long it takes; one that is slower than that is not known for a while.
"""

import math
from dataclasses import dataclass, field, replace
from typing import Final

from edgeguard.bus.bursts import Bursts
from edgeguard.bus.exchange import Request
from edgeguard.bus.overheard import Heard
from edgeguard.codec.alike import alike, fits, function_of, names_its_question
from edgeguard.codec.meter_frame import overlap
from edgeguard.core.limits import (
    BUS_BYTE_GAP_S,
    BUS_STATIONS_KNOWN,
    LATE_ANSWER_MIN_S,
    LATE_KEPT_S,
    LATE_KNOWN_ANSWERS,
    LATE_LEARNED_MAX_S,
    LATE_OWED,
)
from edgeguard.core.line import Protocol, Station
from edgeguard.core.line_limits import PATIENCE_MIN_S, WORST_KEPT

Kind = tuple[Station, Protocol, int]
"""Requests whose answers could be taken for each other: to one station, with the same function."""

_OVER_WORST = 2.0


@dataclass(frozen=True, slots=True)
class Asked:
    """A request whose answer may still come, until `kept_s`; from a station that is slow all of a sudden, until `slow_kept_s`.

    `confirms`: or it was the confirmation of the one before.

    `came`: bytes have come that were its answer most likely, though nobody could read them. `again`: it has an answer, which was
    doubted, so that there may be none to come.
    """

    pdu: bytes
    sent_s: float
    kept_s: float
    ours: bool
    confirms: bool = False
    came: bool = False
    again: bool = False
    slow_kept_s: float = 0.0

    def kept_until_s(self, slow: bool) -> float:
        """When it is owed nothing any more, by a station that is `slow`, or as quick as it always was."""
        return max(self.kept_s, self.slow_kept_s) if slow else self.kept_s

    def settled(self, over_s: float) -> "Asked":
        """One that was asked later is answered by `over_s`, if at all, so that this one is as well."""
        return replace(self, kept_s=min(self.kept_s, over_s), slow_kept_s=min(self.slow_kept_s, over_s))

    def most_likely_paid(self, over_s: float) -> "Asked":
        """It has its answer, or has it by `over_s`, unless the station is slow all of a sudden."""
        return replace(self, came=True, kept_s=min(self.kept_s, over_s), slow_kept_s=self.kept_until_s(slow=True))


@dataclass(slots=True)
class _Known:
    """A station: its worst response lately, how many `answers` could be nobody else's, the time-out of its last request.

    `slow_until_s`: it was slower than is usual of it, so that before this nothing is known of how late it may be.
    """

    worst_s: float = 0.0
    answers: int = 0
    timeout_s: float = LATE_ANSWER_MIN_S
    slow_until_s: float = -math.inf

    @property
    def quiet_s(self) -> float:
        """If it owed something when it was heard last, that would have come within this time."""
        return max(BUS_BYTE_GAP_S, _OVER_WORST * self.worst_s)

    @property
    def patience_s(self) -> float:
        """An answer that takes longer is none that is usual of it."""
        return max(PATIENCE_MIN_S, _OVER_WORST * self.worst_s)

    def is_known(self, now_s: float) -> bool:
        """How late it may be can be told from what it took so far."""
        return self.answers >= LATE_KNOWN_ANSWERS and not self.is_slow(now_s)

    def is_slow(self, now_s: float) -> bool:
        """It was slower than is usual of it a moment ago."""
        return now_s < self.slow_until_s

    def took(self, response_s: float, now_s: float) -> None:
        """An answer has come, to this question or to one before, or it has not come in so long."""
        if response_s > self.patience_s:
            self.slow_until_s = now_s + LATE_KEPT_S

    def answered(self, response_s: float) -> None:
        """An answer that could be nobody else's. What was bad once, on a bad day of the line, does not count for ever."""
        self.answers += 1
        self.worst_s = max(self.worst_s * WORST_KEPT, response_s)

    def owes_s(self, now_s: float) -> float:
        """So long after a question it may answer."""
        return max(LATE_ANSWER_MIN_S, self.quiet_s) if self.is_known(now_s) else LATE_KEPT_S

    def done_s(self, sent_s: float, first_s: float, now_s: float) -> float:
        """When a request sent at `sent_s` will not be answered any more, if what came now was the answer to one of `first_s`."""
        late_s = _OVER_WORST * min(now_s - first_s, LATE_KEPT_S)
        if self.is_known(now_s):
            return max(now_s + self.quiet_s, sent_s + late_s)
        least_s = 0.0 if self.answers >= LATE_KNOWN_ANSWERS else LATE_KEPT_S
        return max(now_s + LATE_ANSWER_MIN_S, sent_s + max(least_s, late_s))

    def asked_again(self, pdu: bytes, sent_s: float, over_s: float, now_s: float) -> Asked:
        """A question of ours whose answer is doubted: another one may come by `over_s`."""
        known = self.is_known(now_s)
        return Asked(pdu, sent_s, over_s, True, came=known, again=True, slow_kept_s=now_s + LATE_KEPT_S if known else 0.0)

    def over_s(self, now_s: float, owed: int) -> float:
        """When it has answered all of so many questions, now that it was heard answering one; infinite if that is not known."""
        return now_s + owed * self.quiet_s if self.is_known(now_s) else math.inf


_NOTHING_KNOWN: Final = _Known()


@dataclass(slots=True)
class _Owed:
    """What one kind of request has not been answered yet, oldest first.

    `until_s`: not asked again before; `clear_s`: nothing else is asked before whose answer could be taken for what is owed;
    `others_s`: since when others have had precedence, `same_s`: since when what is asked over and over again has.
    """

    asked: list[Asked] = field(default_factory=list)
    until_s: float = 0.0
    clear_s: float = 0.0
    others_s: float | None = None
    same_s: float | None = None

    def add(self, asked: Asked, until_s: float) -> None:
        if len(self.asked) >= LATE_OWED:
            del self.asked[1]  # the oldest says how late an answer may be
        self.asked.append(asked)
        self.until_s = max(self.until_s, until_s)

    def paid(self, place: int, over_s: float) -> None:
        """An answer that the one at this place may have been owed. A station answers in order: those before it are owed no more.

        Nor are, most likely, those behind it: this may have been the answer to any of them, if those before had theirs. If it was
        not, that of the last one comes by `over_s`, infinite if that is not known.
        """
        self.asked = self.asked[place + 1 :]
        if over_s < math.inf:
            self.asked = [asked.most_likely_paid(over_s) for asked in self.asked]
        if over_s < math.inf or not self.asked:
            self.until_s = 0.0

    def wait_clear(self, over_s: float, now_s: float) -> None:
        """The same was asked again while its answer was owed, and may be answered once more by `over_s`.

        A device that is slow now and then and polled often may owe something for ever: whoever wants to know anything else is
        asked in the end, and what is answered then is doubted like any other.
        """
        self.same_s = now_s if self.same_s is None else self.same_s
        self.clear_s = max(self.clear_s, min(over_s, self.same_s + LATE_LEARNED_MAX_S))

    def confuses(self, request: Request) -> bool:
        """The answer to this request could be taken for one that is owed to another."""
        return any(asked.pdu != request.pdu and alike(request.protocol, asked.pdu, request.pdu) for asked in self.asked)

    def forget(self, now_s: float) -> bool:
        """Leave out what comes no more; whether anything is left."""
        self.asked = [asked for asked in self.asked if asked.kept_until_s(slow=True) > now_s]
        return bool(self.asked)


class LateAnswers:
    """What a line still owes. Bounded by the stations that a bus knows."""

    def __init__(self) -> None:
        self.bursts = Bursts()
        """What else may be owed, to questions that nobody could read."""
        self.living: set[Station] = set()
        """Those that have answered late and were not asked since."""
        self._known: dict[Station, _Known] = {}
        self._owed: dict[Kind, _Owed] = {}
        self._forgot_s = 0.0

    def __bool__(self) -> bool:
        """Something is owed, and somebody perhaps left alone."""
        return bool(self._owed)

    def owes(self, now_s: float) -> bool:
        """Anything, by anybody."""
        return any(owed.forget(now_s) for owed in self._owed.values())

    def note(self, station: Station, response_s: float) -> None:
        """This station has taken so long for an answer, late or not."""
        known = self._of_station(station)
        known.worst_s = max(known.worst_s, response_s)

    def sent(self, request: Request) -> None:
        """This goes out now."""
        self._of_station(request.address).timeout_s = request.timeout_s
        self.living.discard(request.address)
        if self._owed:
            for owed in self._of(request.address, request.protocol, request.pdu).values():
                owed.others_s = None

    def patience_s(self, station: Station, now_s: float) -> float:
        """How long this one is waited for once something else has come: as long as it is known to take, infinite if it is not."""
        known = self._known.get(station, _NOTHING_KNOWN)
        return known.patience_s if known.is_known(now_s) else math.inf

    def give_up(self, request: Request, sent_s: float, now_s: float, rests: bool = True, came: bool = False) -> None:
        """A request of ours, sent at `sent_s`, is waited for no longer. `rests`: its station is left alone for a while.

        `came`: something was heard in the meantime.
        """
        self._forget(now_s)
        known = self._of_station(request.address)
        came = came and known.is_known(now_s)
        if not came:
            known.took(now_s - sent_s, now_s)
        rest_s = max(request.timeout_s, LATE_ANSWER_MIN_S, min(_OVER_WORST * known.worst_s, LATE_LEARNED_MAX_S))
        until_s = now_s + (known.quiet_s if came else rest_s)
        owed = self._open(request.address, request.protocol, function_of(request.protocol, request.pdu))
        asked = Asked(request.pdu, sent_s, now_s + max(LATE_KEPT_S, rest_s), ours=True, came=came)
        owed.add(asked, until_s if rests else 0.0)

    def came(self, request: Request, sent_s: float, now_s: float) -> None:
        """The answer to a request of ours that was given up has come, under its own number."""
        kind = (request.address, request.protocol, function_of(request.protocol, request.pdu))
        self.note(request.address, now_s - sent_s)
        if owed := self._owed.get(kind):
            owed.asked = [asked for asked in owed.asked if (asked.pdu, asked.sent_s) != (request.pdu, sent_s)]
            if not owed.asked:
                del self._owed[kind]

    def asked_by_others(self, heard: Heard, now_s: float, confirms: bool = False) -> None:
        """Another master has asked. However often it does so, one of ours has its turn in the end.

        `confirms`: or its write was confirmed. Then nothing more comes, or two answers as late as the station is known to be.
        """
        self._forget(now_s)
        known = self._known.get(heard.station, _NOTHING_KNOWN)
        wait_s = _OVER_WORST * known.worst_s if known.worst_s else known.timeout_s
        owed = self._open(heard.station, heard.protocol, function_of(heard.protocol, heard.pdu))
        owed.others_s = now_s if owed.others_s is None else owed.others_s
        kept_s = now_s + max(LATE_KEPT_S, wait_s)
        if confirms and known.is_known(now_s):
            wait_s *= 2  # if it was asked twice, it answers both, one behind the other
            kept_s = now_s + wait_s
            for place, asked in enumerate(owed.asked):
                if asked.pdu == heard.pdu and not asked.ours:
                    owed.asked[place] = replace(asked, kept_s=min(asked.kept_s, kept_s))
        owed.add(Asked(heard.pdu, now_s, kept_s, False, confirms), min(now_s + wait_s, owed.others_s + LATE_LEARNED_MAX_S))

    def lost(self, question: Heard, now_s: float, surely: bool = True) -> None:
        """The answer to this question of another master has come, and nobody could read it. Not `surely`: most likely it has."""
        owed = self._owed.get((question.station, question.protocol, function_of(question.protocol, question.pdu)))
        if owed is None:
            return
        fitting = [i for i, asked in enumerate(owed.asked) if alike(question.protocol, asked.pdu, question.pdu)]
        known = self._of_station(question.station)
        if fitting and (surely or known.is_known(now_s)):
            owed.paid(fitting[0] if surely else -1, known.over_s(now_s, len(owed.asked)))

    def answered(self, heard: Heard, now_s: float, just_now: bool = True) -> Asked | None:
        """A station has spoken while nobody waited for that: the request that this pays for. Who owes nothing more is free again.

        `just_now`: so that the time which it has taken is known.
        """
        for kind, owed in self._of(heard.station, heard.protocol, heard.pdu).items():
            owed.forget(now_s)
            fitting = [asked for asked in owed.asked if fits(heard.protocol, heard.station, asked.pdu, heard.pdu)]
            pays = next((asked for asked in fitting if asked.kept_s > now_s), fitting[0] if fitting else None)
            if pays is None:
                continue
            if heard.pdu == pays.pdu and not pays.ours:
                # Another master's write and its confirmation are the same bytes: by turns it is the one and the other.
                last = next(asked for asked in reversed(owed.asked) if asked.pdu == heard.pdu and not asked.ours)
                if last.confirms:
                    return None
                self.asked_by_others(heard, now_s, confirms=True)
                return pays
            if pays.ours and not (pays.came or pays.again):
                if len(self.living) < BUS_STATIONS_KNOWN:
                    self.living.add(heard.station)
                if just_now:
                    self.note(kind[0], now_s - pays.sent_s)
            owed.paid(owed.asked.index(pays), self._of_station(heard.station).over_s(now_s, len(owed.asked)))
            if not owed.asked:
                del self._owed[kind]
            return pays
        return None

    def until_s(self, request: Request) -> float:
        """When this may be asked (loop time); 0 if nothing stands against it."""
        if not self._owed:
            return 0.0
        owed = self._of(request.address, request.protocol, request.pdu).values()
        return max((max(one.until_s, one.clear_s if one.confuses(request) else 0.0) for one in owed), default=0.0)

    def trusts(self, request: Request, answer: bytes, sent_s: float, heard_s: float, begun_s: float, now_s: float) -> bool:
        """Whether this answer to a request sent at `sent_s` can be none that was owed to another one.

        Anything was heard since at `heard_s`, and the answer has begun by `begun_s`. One that is slower than is usual of its
        station may be an answer to any question of the last seconds, whatever was thought to be its answer.
        If it could be, the station is left alone until it owes nothing: for twice the time by which this one would then be
        late, if it is well known, and as long as an answer can be late at all, if it is not. It is asked again at once,
        if only a burst speaks against it (bus.bursts), or what was owed has come, most likely, and could not be read.
        Where there is another master a burst speaks against it as long as an answer can be late at all, however well the
        station is known: one that is slow all of a sudden shows that by nothing, if nobody could read what it was asked.
        """
        known = self._of_station(request.address)
        known.took(heard_s - sent_s, now_s)
        slow = known.is_slow(now_s) or begun_s - sent_s > known.patience_s
        owed_s = math.inf
        if owing := self._owing(request, answer, slow, now_s):
            owed, fitting = owing
            # It may pay for the first of them, and if that was so late, the others and this request may be answered as late.
            first = fitting[0]
            owed.paid(owed.asked.index(first), known.over_s(now_s, len(owed.asked)))
            over_s = known.done_s(sent_s, sent_s if first.came else first.sent_s, now_s)
            doubtful = any(asked.pdu != request.pdu for asked in fitting)
            if doubtful and not first.came:
                owed.asked = [asked.settled(over_s) if asked.ours else asked for asked in owed.asked]
            owed.add(known.asked_again(request.pdu, sent_s, over_s, now_s), over_s if doubtful and not first.came else 0.0)
            if doubtful:
                owed.same_s = None
                return False
            owed.wait_clear(over_s, now_s)
            owed_s = first.sent_s
        kind = (request.address, request.protocol, function_of(request.protocol, request.pdu))
        may_owe_s = known.owes_s(now_s) if self.bursts.alone(now_s) and not slow else LATE_KEPT_S
        if not names_its_question(request.protocol, answer) and self.bursts.pay(kind, now_s - may_owe_s, owed_s):
            over_s = known.done_s(sent_s, sent_s, now_s)
            self._open(*kind).add(known.asked_again(request.pdu, sent_s, over_s, now_s), 0.0)
            return False
        known.answered(now_s - sent_s)
        return True

    def _owing(self, request: Request, answer: bytes, slow: bool, now_s: float) -> tuple[_Owed, list[Asked]] | None:
        """What this answer may be owed to besides `request`, and which questions those are: rather another question than the same,
        for a meter hears the address of all meters as it hears its own."""
        owing: tuple[_Owed, list[Asked]] | None = None
        for kind, owed in self._of(request.address, request.protocol, request.pdu).items() if self._owed else ():
            owed.forget(now_s)
            kept = [asked for asked in owed.asked if asked.kept_until_s(slow) > now_s]
            fitting = [asked for asked in kept if fits(request.protocol, request.address, asked.pdu, answer)]
            if fitting and (owing is None or all(asked.pdu == request.pdu for asked in owing[1])):
                owing = owed, fitting
            elif not fitting and owing is None:
                del self._owed[kind]
        return owing

    def _of_station(self, station: Station) -> "_Known":
        known = self._known.get(station)
        if known is None:
            if len(self._known) >= BUS_STATIONS_KNOWN:
                del self._known[next(iter(self._known))]
            known = self._known[station] = _Known()
        return known

    def _of(self, station: Station, protocol: Protocol, pdu: bytes) -> dict[Kind, _Owed]:
        """Everything owed by whoever hears this address, for requests that do the same."""
        function = function_of(protocol, pdu)
        if isinstance(station, int):
            kind = (station, protocol, function)
            owed = self._owed.get(kind)
            return {} if owed is None else {kind: owed}
        return {kind: owed for kind, owed in self._owed.items() if kind[1:] == (protocol, function) and overlap(kind[0], station)}

    def _open(self, station: Station, protocol: Protocol, function: int) -> _Owed:
        kind = (station, protocol, function)
        if kind not in self._owed and len(self._owed) >= BUS_STATIONS_KNOWN:
            del self._owed[next(iter(self._owed))]
        return self._owed.setdefault(kind, _Owed())

    def _forget(self, now_s: float) -> None:
        """Leave out what comes no more; not more often than it is worth."""
        if now_s >= self._forgot_s + LATE_ANSWER_MIN_S:
            self._forgot_s = now_s
            self._owed = {kind: owed for kind, owed in self._owed.items() if owed.forget(now_s)}
