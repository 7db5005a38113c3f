"""Requests that wait for their turn: by priority, then by age, leaving out addresses that still need a pause."""

from asyncio import Future
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from edgeguard.bus.exchange import Priority, Request
from edgeguard.core.line import Station


@dataclass(slots=True, eq=False)
class Turn:
    """A request and the future of its answer. `deadline_s` bounds the present wait, None while none does; both in loop time.

    `sending_s`: how long the request's bytes take to leave.
    """

    request: Request
    future: Future[bytes]
    deadline_s: float | None = None
    sent_s: float = 0.0
    sending_s: float = 0.0


class TurnQueue:
    """The waiting turns of one bus."""

    def __init__(self) -> None:
        self._lanes: tuple[deque[Turn], ...] = tuple(deque() for _ in Priority)
        self._size = 0
        self._rested_s: dict[Station, float] = {}

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Turn]:
        for lane in self._lanes:
            yield from lane

    def put(self, turn: Turn) -> None:
        """Wait behind those of the same priority."""
        self._lanes[turn.request.priority].append(turn)
        self._size += 1

    def put_back(self, turn: Turn) -> None:
        """Wait again, in front of those of the same priority."""
        self._lanes[turn.request.priority].appendleft(turn)
        self._size += 1

    def rest(self, address: Station, until_s: float) -> None:
        """Leave this address alone until then (loop time)."""
        self._rested_s[address] = until_s

    def take(self, now_s: float) -> Turn | None:
        """The next turn whose address needs no pause; None if there is none. Turns whose future is done are dropped."""
        for lane in self._lanes:
            while lane:
                turn = lane[0] if not self._rested_s else self._first_rested(lane, now_s)
                if turn is None:
                    break
                if turn is lane[0]:
                    lane.popleft()
                else:
                    lane.remove(turn)
                self._size -= 1
                if not turn.future.done():
                    return turn
        return None

    def ready_s(self) -> float | None:
        """When the first of the resting addresses that are waited for is ready; None if nothing waits."""
        return min((self._rested_s.get(turn.request.address, 0.0) for turn in self), default=None)

    def clear(self) -> list[Turn]:
        """Take everything out."""
        turns = list(self)
        for lane in self._lanes:
            lane.clear()
        self._size = 0
        return turns

    def drop_done(self) -> None:
        """Forget turns that nobody waits for any more."""
        for lane in self._lanes:
            kept = [turn for turn in lane if not turn.future.done()]
            self._size -= len(lane) - len(kept)
            lane.clear()
            lane.extend(kept)

    def _first_rested(self, lane: deque[Turn], now_s: float) -> Turn | None:
        for turn in lane:
            until_s = self._rested_s.get(turn.request.address)
            if until_s is None or until_s <= now_s or turn.future.done():
                return turn
        return None
