"""Whether a barrier's loop can be believed: one that flaps, one that shows nobody who goes over it. Pure steps; boot clock."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

_WINDOW_MS: Final = 60_000
_FLAPS: Final = 24
"""More vehicles than this in a minute go through no barrier, held open or not: 2.5 s from one to the next."""
_STEADY: Final = 12
_MISSED: Final = 3
"""So many who were let in one after the other, without any sign of the loop: one may turn away, not three."""


class LoopNews(StrEnum):
    """What a look has found."""

    FLAPS = "flaps"
    STEADY = "steady"
    SILENT = "silent"
    HEARD = "heard"


@dataclass(frozen=True, slots=True)
class Loop:
    """`busy` None: unknown. `rises_ms`: when vehicles came, lately. `missed`: who was let in since it last showed one."""

    busy: bool | None = None
    rises_ms: tuple[int, ...] = ()
    flaps: bool = False
    missed: int = 0
    last: str = ""
    """The last of them."""

    @property
    def is_silent(self) -> bool:
        """Whether it has been told that it shows nobody."""
        return self.missed >= _MISSED


Step = tuple[Loop, tuple[LoopNews, ...]]


def see(loop: Loop, busy: bool | None, now_ms: int) -> Step:
    """What the input shows now."""
    rises_ms = tuple(at for at in loop.rises_ms if now_ms - at < _WINDOW_MS)
    news: tuple[LoopNews, ...] = ()
    missed = loop.missed
    if busy and loop.busy is False:
        rises_ms = (*rises_ms, now_ms)[-_FLAPS - 1 :]
    if busy and missed:
        news = (LoopNews.HEARD,) if loop.is_silent else ()
        missed = 0
    flaps = len(rises_ms) > (_STEADY if loop.flaps else _FLAPS)
    if flaps is not loop.flaps:
        news = (*news, LoopNews.FLAPS if flaps else LoopNews.STEADY)
    return Loop(busy, rises_ms, flaps, missed, loop.last if missed else ""), news


def not_passed(loop: Loop, who: str) -> Step:
    """`who` was let in, and the loop has shown nobody. Nothing is said of a loop that nobody knows, nor of one who dawdles."""
    if loop.busy is not False or who == loop.last:
        return loop, ()
    after = replace(loop, missed=loop.missed + 1, last=who)
    return after, (LoopNews.SILENT,) if after.is_silent and not loop.is_silent else ()
