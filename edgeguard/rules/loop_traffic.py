"""Who went over the loop without having been told by any camera: too quick, too dirty, or hidden. Pure steps; boot clock.

A vehicle that any camera of the gate has seen lately, let in or not, whichever way it went, explains one occupation of the loop; so
does one for whom the barrier was opened. Where the arm is known to have been down nobody went through. What is left is a vehicle
without a text: it is told, and never counted, for nobody knows its way.
"""

from dataclasses import dataclass, replace
from typing import Final

from edgeguard.core.gate_limits import GATE_CONFIRM_MS, GATE_DECISIONS_KEPT
from edgeguard.rules.passage import BEHIND_MS, Passage, Phase

_WORD_MS: Final = 12_000
"""So long after the loop has cleared the word of a camera may still come: who was hidden is told when it surely has gone."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """`glimpsed`: vehicles that have not been over the loop yet, with when they were told last; `spent`: those that have.

    `since_ms`: since when somebody unexplained is on the loop; `arm`: whether the arm was up meanwhile, None: unknown. `left`: from
    and until when such a one was there.
    """

    glimpsed: tuple[tuple[str, int], ...] = ()
    spent: tuple[str, ...] = ()
    loop: bool | None = None
    since_ms: int | None = None
    arm: bool | None = False
    left: tuple[tuple[int, int], ...] = ()


def glimpse(traffic: Traffic, identity: str, now_ms: int) -> Traffic:
    """A camera tells of a vehicle."""
    if identity in traffic.spent:
        return traffic
    others = tuple(one for one in traffic.glimpsed if one[0] != identity)
    return replace(traffic, glimpsed=(*others, (identity, now_ms))[-GATE_DECISIONS_KEPT:])


def spend(traffic: Traffic, identity: str) -> Traffic:
    """It has been over the loop, or is another one's second name."""
    others = tuple(one for one in traffic.glimpsed if one[0] != identity)
    return replace(traffic, glimpsed=others, spent=(*traffic.spent, identity)[-GATE_DECISIONS_KEPT:])


def look(traffic: Traffic, passage: Passage, arm: bool | None, now_ms: int, *, is_held: bool) -> tuple[Traffic, tuple[int, ...]]:
    """What the loop and the arm show now; when (boot ms) vehicles left the loop that nobody has told of."""
    before, loop = traffic.loop, passage.loop
    seen = replace(traffic, loop=loop)
    if loop is None or passage.stuck or passage.phase is not Phase.IDLE:
        seen = replace(seen, since_ms=None)
    elif loop and before is False and (is_held or now_ms - passage.last_ms > BEHIND_MS):
        seen = replace(seen, since_ms=now_ms, arm=arm)
    elif loop and seen.since_ms is not None:
        seen = replace(seen, arm=True if arm or seen.arm else None if arm is None else seen.arm)
    elif not loop and seen.since_ms is not None:
        left = seen.left if seen.arm is False or passage.last_ms >= seen.since_ms else (*seen.left, (seen.since_ms, now_ms))
        seen = replace(seen, since_ms=None, left=left[-GATE_DECISIONS_KEPT:])
    due = [one for one in seen.left if now_ms - one[1] >= _WORD_MS]
    seen = replace(seen, left=tuple(one for one in seen.left if one not in due))
    unread: list[int] = []
    for since_ms, until_ms in due:
        known = [one for one, at_ms in seen.glimpsed if since_ms - GATE_CONFIRM_MS <= at_ms <= until_ms + _WORD_MS]
        if known:
            seen = spend(seen, known[0])
        else:
            unread.append(until_ms)
    return seen, tuple(unread)
