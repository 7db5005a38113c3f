"""When to dial again and in which version of MQTT: a pure step (state, event, now) -> state. Knows no socket and no clock.

    connecting --up--> online --lost--> waiting --dial--> connecting
    connecting --trouble--> waiting, or failed if a person must act; failed is dialled again too, but slowly

Back-off doubles from RECONNECT_MIN_S to RECONNECT_MAX_S with jitter (half to full), and is forgotten once a session
has stayed healthy. Protocol `auto` begins with 5; a broker that says it cannot (CONNACK 0x84, or 0x01 from a 3.1.1 broker),
or hangs up on a CONNECT twice, is dialled with 3.1.1. Said so, 5 is tried again after a day; only guessed, after an hour.
"""

import random
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from edgeguard.core import limits
from edgeguard.uplink.trouble import Trouble, TroubleKind

V5: Final = "5"
V311: Final = "3.1.1"


class Phase(StrEnum):
    """Where the link is; the values are what `status` shows."""

    CONNECTING = "connecting"
    ONLINE = "online"
    WAITING = "waiting"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Backoff:
    """Times of the machine in seconds; tests make them small."""

    min_s: float = limits.RECONNECT_MIN_S
    max_s: float = limits.RECONNECT_MAX_S
    healthy_s: float = limits.RECONNECT_HEALTHY_S
    told_s: float = limits.PROTOCOL_TOLD_S
    guessed_s: float = limits.PROTOCOL_GUESSED_S


@dataclass(frozen=True, slots=True)
class Dial:
    """The wait is over, or it is the first time: connect now."""


@dataclass(frozen=True, slots=True)
class Up:
    """The broker has said yes."""


@dataclass(frozen=True, slots=True)
class Down:
    """A connection was not made, or an existing one was lost."""

    trouble: Trouble


Event = Dial | Up | Down


@dataclass(frozen=True, slots=True)
class Link:
    """The machine's state. `version` is what to dial with; `failures` counts since the last healthy session."""

    wanted: str
    version: str
    phase: Phase = Phase.WAITING
    failures: int = 0
    next_dial_s: float = 0.0
    up_since_s: float | None = None
    hung_up: int = 0
    """Unexplained hang-ups in a row on a CONNECT in the present version."""
    v5_again_s: float | None = None
    """When a fallen-back link tries MQTT 5 again, at its next dialling; None while it has not fallen back."""
    guessed: bool = False
    """The fallback was a guess that no session has borne out yet."""
    trouble: Trouble | None = None

    @classmethod
    def first(cls, protocol: str) -> "Link":
        """Before anything happened; `protocol` is auto, 5 or 3.1.1."""
        return cls(wanted=protocol, version=V311 if protocol == V311 else V5)

    @property
    def fallen_back(self) -> bool:
        """Speaks 3.1.1 though it would rather speak 5."""
        return self.wanted == "auto" and self.version == V311


def step(link: Link, event: Event, now_s: float, times: Backoff, entropy: random.Random) -> Link:
    """The next state. `now_s` is any monotonic clock, the same for every step."""
    match event:
        case Dial():
            return _dial(link, now_s)
        case Up():
            return replace(link, phase=Phase.ONLINE, up_since_s=now_s, hung_up=0, guessed=False, trouble=None)
        case Down(trouble):
            return _down(link, trouble, now_s, times, entropy)


def _dial(link: Link, now_s: float) -> Link:
    if link.fallen_back and link.v5_again_s is not None and now_s >= link.v5_again_s:
        link = replace(link, version=V5, v5_again_s=None, hung_up=0)
    return replace(link, phase=Phase.CONNECTING, up_since_s=None)


def _down(link: Link, trouble: Trouble, now_s: float, times: Backoff, entropy: random.Random) -> Link:
    healthy = link.up_since_s is not None and now_s - link.up_since_s >= times.healthy_s
    failures = 1 if healthy else link.failures + 1
    longest_s = min(times.min_s * 2.0 ** min(failures - 1, 32), times.max_s)
    if trouble.kind is TroubleKind.PERSON:
        longest_s = times.max_s
    link = replace(
        link,
        phase=Phase.FAILED if trouble.kind is TroubleKind.PERSON else Phase.WAITING,
        failures=failures,
        next_dial_s=now_s + longest_s * entropy.uniform(0.5, 1.0),
        up_since_s=None,
        trouble=trouble,
        hung_up=link.hung_up + 1 if trouble.kind is TroubleKind.CLOSED_EARLY else 0,
    )
    return _choose_version(link, trouble, now_s, times)


def _choose_version(link: Link, trouble: Trouble, now_s: float, times: Backoff) -> Link:
    """Fall back, or take a wrong guess back."""
    if link.wanted != "auto":
        return replace(link, phase=Phase.FAILED) if trouble.kind is TroubleKind.VERSION else link
    if link.version == V5:
        if trouble.kind is TroubleKind.VERSION:
            return replace(link, version=V311, v5_again_s=now_s + times.told_s, next_dial_s=now_s, guessed=False)
        if link.hung_up >= 2:
            return replace(link, version=V311, v5_again_s=now_s + times.guessed_s, hung_up=0, guessed=True)
        return link
    if trouble.kind is TroubleKind.VERSION or link.guessed:
        return replace(link, version=V5, v5_again_s=None, hung_up=0, guessed=False)
    return link
