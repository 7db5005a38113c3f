"""How a device of unknown make is recognised: what a profile expects to see, what was seen, and how well the two agree.

A rule is part of a profile and never asks for a write. Identification objects are those of MODBUS Application Protocol V1.1b3,
6.21 (function 43/14): 0 vendor, 1 product code, 2 revision, 4 product name, 5 model name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgeguard.core.ids import PointName, ProfileName
from edgeguard.core.point import Labels, Outcome
from edgeguard.core.register import RegisterField, Table

Cell = tuple[Table, int]
"""One register or bit by its address."""


@dataclass(frozen=True, slots=True)
class RegisterCheck:
    """A register whose content tells the model. One of `equals`, `contains` (texts) or the bounds is given; `means` says what."""

    field: RegisterField
    means: str
    equals: tuple[int, ...] = ()
    contains: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, slots=True)
class Expectation:
    """What is plausible for one point: bounds in its unit, some of its values, a counter that never falls, a sum of others.

    `zero` allows 0 outside of the bounds (a phase that is not connected). `within_percent` is how far a sum may be off.
    """

    point: PointName
    minimum: float | None = None
    maximum: float | None = None
    among: tuple[str | bool, ...] = ()
    zero: bool = False
    never_falls: bool = False
    sum_of: tuple[PointName, ...] = ()
    within_percent: float = 5.0


@dataclass(frozen=True, slots=True)
class IdentifyRule:
    """Texts are looked for without regard to case, each anywhere in what the device says; one of a tuple is enough.

    `vendor` is sought in object 0 of function 43/14, `product` in objects 1, 4 and 5, `server_id` in the answer to function 17.
    """

    vendor: tuple[str, ...] = ()
    product: tuple[str, ...] = ()
    server_id: tuple[str, ...] = ()
    registers: tuple[RegisterCheck, ...] = ()
    expect: tuple[Expectation, ...] = ()

    @property
    def is_empty(self) -> bool:
        """There is nothing by which the model could be told."""
        return not (self.vendor or self.product or self.server_id or self.registers or self.expect)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen of one device, without a write. Whatever was not asked for is simply not there.

    `objects`: answers to 43/14 by object id; `server_id`: printable part of the answer to 17. `rounds`: registers as read, one
    mapping for each time they were read; `refused`: registers that the device answered with exception 1, 2 or 3.
    `readings`: decoded values by point, for protocols that read point by point instead of register by register.
    """

    objects: Mapping[int, str] = field(default_factory=dict)
    server_id: str = ""
    rounds: tuple[Mapping[Cell, int], ...] = ()
    refused: frozenset[Cell] = frozenset()
    readings: tuple[Mapping[PointName, Outcome], ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that speaks for the profile (`gained` > 0) or against it (0), of all that it could have been worth."""

    gained: float
    worth: float
    text: Labels


@dataclass(frozen=True, slots=True)
class Score:
    """How well a profile fits: `value` from 0 to 1, and the findings that it comes from, the weightiest first."""

    profile: ProfileName
    value: float
    findings: tuple[Finding, ...]
