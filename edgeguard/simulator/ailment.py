"""What can be wrong with a device's answers, apart from what is wrong in the building."""

from dataclasses import dataclass

from edgeguard.simulator.registers import Refusal


@dataclass(frozen=True, slots=True)
class Silent:
    """The device never answers."""


@dataclass(frozen=True, slots=True)
class Refusing:
    """The device answers everything with an exception; a meter with an error of its own protocol."""

    code: Refusal = Refusal.DEVICE


@dataclass(frozen=True, slots=True)
class Slow:
    """The device takes its time; what it is asked meanwhile makes it forget the earlier question."""

    delay_s: float = 1.5


@dataclass(frozen=True, slots=True)
class Stuck:
    """The device goes on answering with what it held when it got stuck."""


@dataclass(frozen=True, slots=True)
class Drifting:
    """Everything that the device measures, counters apart, reads higher by such a share for every minute that passes."""

    per_min: float = 0.05


@dataclass(frozen=True, slots=True)
class Noisy:
    """The device's own wiring is bad: so many bits of its answers arrive turned over."""

    bit_errors: float = 0.02


@dataclass(frozen=True, slots=True)
class HalfFrame:
    """The device breaks off in the middle of its answers."""


@dataclass(frozen=True, slots=True)
class GluedFrame:
    """The device sends each answer twice, without a pause between."""


@dataclass(frozen=True, slots=True)
class Flooding:
    """The device sends without being asked, for such a share of the time."""

    share: float = 0.7


Ailment = Silent | Refusing | Slow | Stuck | Drifting | Noisy | HalfFrame | GluedFrame | Flooding
"""Stuck and Drifting change what the device holds, the others how it says it."""
