"""What can be wrong with a device's answers, apart from what is wrong in the building."""

from dataclasses import dataclass

from edgeguard.simulator.registers import Refusal


@dataclass(frozen=True, slots=True)
class Silent:
    """The device never answers."""


@dataclass(frozen=True, slots=True)
class Refusing:
    """The device answers everything with an exception."""

    code: Refusal = Refusal.DEVICE


@dataclass(frozen=True, slots=True)
class Slow:
    """The device takes its time; what it is asked meanwhile makes it forget the earlier question."""

    delay_s: float


@dataclass(frozen=True, slots=True)
class Stuck:
    """The device goes on answering with what it held when it got stuck."""


Ailment = Silent | Refusing | Slow | Stuck
