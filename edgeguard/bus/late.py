"""Answers that may still come: to a request of ours that was given up, or to one that another master was heard to send.

On a line without numbers in its frames such an answer looks like the answer to the next request of its kind. Two things keep it
from being taken for that. The station is left alone, as far as this kind of request is concerned, for as long as it is known to
take, or for its time-out; other stations and other kinds go on. And whatever it answers after that is doubted as long as it
could be an answer that is owed to another request: a device answers in the order in which it was asked, so an answer that
fits none of the earlier requests pays for all of them, and one that fits is thrown away, to be asked for once more when
nothing can be owed any longer.
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
    BUS_STATIONS_KNOWN,
    LATE_ANSWER_MIN_S,
    LATE_KEPT_S,
    LATE_KNOWN_ANSWERS,
    LATE_LEARNED_MAX_S,
    LATE_OWED,
)
from edgeguard.core.line import Protocol, Station
from edgeguard.core.line_limits import PATIENCE_MIN_S

Kind = tuple[Station, Protocol, int]
"""Requests whose answers could be taken for each other: to one station, with the same function."""

_OVER_WORST = 2.0


@dataclass(frozen=True, slots=True)
class Asked:
    """A request whose answer may still come, until `kept_s`. `confirms`: or it was the confirmation of the one before."""

    pdu: bytes
    sent_s: float
    kept_s: float
    ours: bool
    confirms: bool = False


@dataclass(slots=True)
class _Known:
    """A station: its worst response so far, how many `answers` could be nobody else's, the time-out of its last request."""

    worst_s: float = 0.0
    answers: int = 0
    timeout_s: float = LATE_ANSWER_MIN_S


_NOTHING_KNOWN: Final = _Known()


@dataclass(slots=True)
class _Owed:
    """What one kind of request has not been answered yet, oldest first.

    `until_s`: not asked again before; `clear_s`: nothing else is asked before whose answer could be taken for what is owed;
    `others_s`: since when others have had precedence.
    """

    asked: list[Asked] = field(default_factory=list)
    until_s: float = 0.0
    clear_s: float = 0.0
    others_s: float | None = None

    def add(self, asked: Asked, until_s: float) -> None:
        if len(self.asked) >= LATE_OWED:
            del self.asked[1]  # the oldest says how late an answer may be
        self.asked.append(asked)
        self.until_s = max(self.until_s, until_s)

    def confuses(self, request: Request) -> bool:
        """The answer to this request could be taken for one that is owed to another."""
        return any(asked.pdu != request.pdu and alike(request.protocol, asked.pdu, request.pdu) for asked in self.asked)

    def forget(self, now_s: float) -> bool:
        """Leave out what comes no more; whether anything is left."""
        self.asked = [asked for asked in self.asked if asked.kept_s > now_s]
        return bool(self.asked)


class LateAnswers:
    """What a line still owes. Bounded by the stations that a bus knows."""

    def __init__(self) -> None:
        self.bursts = Bursts()
        """What else may be owed, to questions that nobody could read."""
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
        if self._owed:
            for owed in self._of(request.address, request.protocol, request.pdu).values():
                owed.others_s = None

    def patience_s(self, station: Station) -> float:
        """How long this one is waited for once something else has come: as long as it is known to take, infinite if it is not."""
        known = self._known.get(station, _NOTHING_KNOWN)
        return max(PATIENCE_MIN_S, _OVER_WORST * known.worst_s) if known.answers >= LATE_KNOWN_ANSWERS else math.inf

    def give_up(self, request: Request, sent_s: float, now_s: float, rests: bool = True) -> None:
        """A request of ours, sent at `sent_s`, is waited for no longer. `rests`: its station is left alone for a while."""
        self._forget(now_s)
        worst_s = self._of_station(request.address).worst_s
        rest_s = max(request.timeout_s, LATE_ANSWER_MIN_S, min(_OVER_WORST * worst_s, LATE_LEARNED_MAX_S))
        owed = self._open(request.address, request.protocol, function_of(request.protocol, request.pdu))
        owed.add(Asked(request.pdu, sent_s, now_s + max(LATE_KEPT_S, rest_s), ours=True), now_s + rest_s if rests else 0.0)

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
        if confirms and known.answers >= LATE_KNOWN_ANSWERS:
            wait_s *= 2  # if it was asked twice, it answers both, one behind the other
            kept_s = now_s + wait_s
            for place, asked in enumerate(owed.asked):
                if asked.pdu == heard.pdu and not asked.ours:
                    owed.asked[place] = replace(asked, kept_s=min(asked.kept_s, kept_s))
        owed.add(Asked(heard.pdu, now_s, kept_s, False, confirms), min(now_s + wait_s, owed.others_s + LATE_LEARNED_MAX_S))

    def lost(self, question: Heard) -> None:
        """An answer that could be the one to this question of another master has come, and nobody could read it."""
        owed = self._owed.get((question.station, question.protocol, function_of(question.protocol, question.pdu)))
        if owed is None:
            return
        # It answers in order: what was asked before is owed no more.
        fitting = (i for i, asked in enumerate(owed.asked) if alike(question.protocol, asked.pdu, question.pdu))
        del owed.asked[: next(fitting, -1) + 1]
        owed.until_s = owed.until_s if owed.asked else 0.0

    def answered(self, heard: Heard, now_s: float, just_now: bool = True) -> Asked | None:
        """A station has spoken while nobody waited for that: the request that this pays for. Who owes nothing more is free again.

        `just_now`: so that the time which it has taken is known.
        """
        for kind, owed in self._of(heard.station, heard.protocol, heard.pdu).items():
            pays = next((asked for asked in owed.asked if fits(heard.protocol, heard.station, asked.pdu, heard.pdu)), None)
            if pays is None:
                continue
            if heard.pdu == pays.pdu and not pays.ours:
                # Another master's write and its confirmation are the same bytes: by turns it is the one and the other.
                last = next(asked for asked in reversed(owed.asked) if asked.pdu == heard.pdu and not asked.ours)
                if last.confirms:
                    return None
                self.asked_by_others(heard, now_s, confirms=True)
                return pays
            if pays.ours and just_now:
                self.note(kind[0], now_s - pays.sent_s)
            # It answers in order: what was asked before is owed no more.
            del owed.asked[: owed.asked.index(pays) + 1]
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

    def trusts(self, request: Request, answer: bytes, sent_s: float, now_s: float) -> bool:
        """Whether this answer to a request sent at `sent_s` can be none that was owed to another one.

        If it could be, the station is left alone until it owes nothing: for twice the time by which this one would then be
        late, if it is well known, and as long as an answer can be late at all, if it is not. If only a burst speaks against it
        (bus.bursts), it is asked again at once.
        """
        known = self._of_station(request.address)
        for kind, owed in self._of(request.address, request.protocol, request.pdu).items() if self._owed else ():
            owed.forget(now_s)
            fitting = [asked for asked in owed.asked if fits(request.protocol, request.address, asked.pdu, answer)]
            if not fitting:
                del self._owed[kind]
                continue
            # It may pay for the first of them, and if that was so late, the others and this request may be answered as late.
            del owed.asked[: owed.asked.index(fitting[0]) + 1]
            over_s = self._over_s(known, sent_s, fitting[0].sent_s, now_s)
            doubtful = any(asked.pdu != request.pdu for asked in fitting)
            owed.add(Asked(request.pdu, sent_s, over_s, ours=True), over_s if doubtful else 0.0)
            if doubtful:
                return False
            owed.clear_s = max(owed.clear_s, over_s)
            break
        kind = (request.address, request.protocol, function_of(request.protocol, request.pdu))
        if not names_its_question(request.protocol, answer) and self.bursts.pay(kind, now_s):
            over_s = self._over_s(known, sent_s, sent_s, now_s)
            self._open(*kind).add(Asked(request.pdu, sent_s, over_s, ours=True), 0.0)
            return False
        known.answers += 1
        known.worst_s = max(known.worst_s, now_s - sent_s)
        return True

    @staticmethod
    def _over_s(known: _Known, sent_s: float, first_s: float, now_s: float) -> float:
        """When a request sent at `sent_s` will not be answered any more, if what came now was the answer to one of `first_s`."""
        least_s = 0.0 if known.answers >= LATE_KNOWN_ANSWERS else LATE_KEPT_S
        late_s = _OVER_WORST * min(now_s - first_s, LATE_KEPT_S)
        return max(now_s + LATE_ANSWER_MIN_S, sent_s + max(least_s, late_s))

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
