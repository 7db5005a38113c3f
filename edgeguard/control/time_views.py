"""The time for the meters of a bus as shown on the control socket: what went out, and each meter's clock before and after."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MeterClockView:
    """One meter: seconds by which its clock is ahead, None where it could not be read, which `reason` says.

    `verdict`: right, set, too-far, ignored or unknown.
    """

    device: str
    before_s: float | None
    after_s: float | None
    verdict: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SetTimeView:
    """`at`: when it went out; `frames`: how many, one broadcast for each setting of the line, and one for each meter that knows no
    broadcast and was off. Nobody answers a broadcast: what is known is what `meters` say. `fate`: done if every meter was seen to
    be right afterwards, else unverified.
    """

    bus: str
    at: str
    frames: int
    fate: str
    meters: tuple[MeterClockView, ...]
