"""Answers that may still come: after a time-out a device is not asked the like again until its answer cannot be late any more.

On a line without numbers in its frames, an answer that comes after its request was given up looks like the answer to the next
request of the same kind. So whoever was silent is left alone for as long as it may yet speak, as far as that kind of request is
concerned; other devices, and other kinds of request, whose answers look different, go on.
"""

from edgeguard.bus.exchange import Request
from edgeguard.core.limits import BUS_STATIONS_KNOWN, LATE_ANSWER_MIN_S, LATE_LEARNED_MAX_S
from edgeguard.core.line import LineSettings, Protocol, Station

Kind = tuple[Station, Protocol, LineSettings | None, int]
"""Requests whose answers could be taken for each other: of one device at the same settings, with the same first byte."""

_OVER_WORST = 2.0


class LateAnswers:
    """What a line has given up waiting for. Bounded by the stations that a bus knows."""

    def __init__(self) -> None:
        self._worst_s: dict[Station, float] = {}
        self._until_s: dict[Kind, float] = {}
        self._last: tuple[Request, float] | None = None

    def __bool__(self) -> bool:
        """Somebody is left alone."""
        return bool(self._until_s)

    def note(self, station: Station, response_s: float) -> None:
        """This station has taken so long for an answer, late or not."""
        known_s = self._worst_s.get(station)
        if known_s is None and len(self._worst_s) >= BUS_STATIONS_KNOWN:
            self._worst_s.pop(next(iter(self._worst_s)))
        if known_s is None or response_s > known_s:
            self._worst_s[station] = response_s

    def give_up(self, request: Request, sent_s: float, now_s: float) -> None:
        """A request sent at `sent_s` is waited for no longer."""
        rest_s = max(request.timeout_s, LATE_ANSWER_MIN_S)
        worst_s = self._worst_s.get(request.address, 0.0)
        rest_s = max(rest_s, min(_OVER_WORST * worst_s, LATE_LEARNED_MAX_S))
        self._until_s = {kind: until_s for kind, until_s in self._until_s.items() if until_s > now_s}
        self._until_s[_kind(request)] = now_s + rest_s
        self._last = request, sent_s

    def forget_last(self) -> None:
        """Something else is sent: what comes from now on cannot be told for certain to be the late answer."""
        self._last = None

    def came(self, now_s: float) -> None:
        """The answer to the request given up last has come, with nothing else asked since: its station is free again."""
        if self._last is None:
            return
        request, sent_s = self._last
        self.note(request.address, now_s - sent_s)
        self._until_s.pop(_kind(request), None)
        self._last = None

    def until_s(self, request: Request) -> float:
        """When this may be asked (loop time); 0 if nothing stands against it."""
        return self._until_s.get(_kind(request), 0.0)


def _kind(request: Request) -> Kind:
    return request.address, request.protocol, request.line, request.pdu[0] if request.pdu else 0
