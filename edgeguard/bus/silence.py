"""When a connection counts as dead: so many requests without a sign of life, from more than one unit or from all that are asked."""

from collections.abc import Iterable

from edgeguard.bus.exchange import Priority, Request
from edgeguard.core.limits import BUS_STATIONS_KNOWN
from edgeguard.core.line import Station


class Silence:
    """Who has been asked, heard and silent on the present connection. `enough`: requests in a row that mean that it is dead.

    On a line (`is_line`) a search asks at addresses where mostly nobody is: their silence says nothing of the connection.
    """

    def __init__(self, enough: int, is_line: bool = False) -> None:
        self._enough = enough
        self._is_line = is_line
        self._timeouts = 0
        self._silent: set[Station] = set()
        self._asked: set[Station] = set()
        self._answered: set[Station] = set()

    def begin(self) -> None:
        """A new connection."""
        self.broken()
        self._asked.clear()
        self._answered.clear()

    def broken(self) -> None:
        """Bytes have come, whatever they are."""
        self._timeouts = 0
        self._silent.clear()

    def asked(self, request: Request) -> None:
        """It goes out. In a search of everything it is enough to know that they are many."""
        if len(self._asked) < BUS_STATIONS_KNOWN and not self._is_search(request):
            self._asked.add(request.address)

    def answered(self, station: Station) -> None:
        """Its answer has come."""
        if len(self._answered) < BUS_STATIONS_KNOWN:
            self._answered.add(station)

    def lasts(self, request: Request, outstanding: Iterable[Station]) -> int:
        """Another request without an answer; so many of them that the connection is to be dropped, 0 if it is not.

        Not for one dead unit among others that are only not asked, nor while one that may live is still to answer. A unit that
        has been silent for as long as others have answered says nothing of the connection.
        """
        if self._is_search(request):
            return 0
        self._timeouts += 1
        if len(self._silent) < BUS_STATIONS_KNOWN:
            self._silent.add(request.address)
        hopeless = self._silent.issuperset(outstanding)
        many = len(self._silent) > 1 or self._silent == self._asked
        is_news = not self._answered or not self._answered.isdisjoint(self._silent)
        return self._timeouts if hopeless and many and is_news and self._timeouts >= self._enough else 0

    def _is_search(self, request: Request) -> bool:
        return self._is_line and request.priority is Priority.SEARCH
