"""What a barrier's arm does by the input that shows it up: whether it comes down again in time. Pure steps; boot clock."""

from dataclasses import dataclass, replace
from enum import StrEnum


class ArmNews(StrEnum):
    """What a look has found."""

    ROSE = "rose"
    STAYS_UP = "stays-up"
    CAME_DOWN = "came-down"
    """After it has been told that it stays up."""


@dataclass(frozen=True, slots=True)
class Arm:
    """`up` None: unknown. `since_ms`: since when it has been up with nothing that keeps it there."""

    up: bool | None = None
    since_ms: int | None = None
    stays_up: bool = False


def see(arm: Arm, up: bool | None, *, is_kept: bool, now_ms: int, down_within_ms: int) -> tuple[Arm, ArmNews | None]:
    """What the input shows now. `is_kept`: it is being opened or held, or a vehicle is under it, or may be."""
    if up is None:
        return replace(arm, up=None), None
    if not up:
        return Arm(up=False), ArmNews.CAME_DOWN if arm.stays_up else None
    since_ms = None if is_kept else now_ms if arm.since_ms is None else arm.since_ms
    seen = replace(arm, up=True, since_ms=since_ms)
    if since_ms is not None and not arm.stays_up and now_ms - since_ms >= down_within_ms:
        return replace(seen, stays_up=True), ArmNews.STAYS_UP
    return seen, ArmNews.ROSE if arm.up is False else None
