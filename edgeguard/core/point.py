"""What a device offers: a point with its unit, labels, scale, range and rule for reporting it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from edgeguard.core.ids import PointName
from edgeguard.core.quality import Fault

Value = float | int | bool | str
"""A good reading: number, truth value, or text (strings and enumerations)."""
Outcome = float | int | bool | str | Fault
"""What stands in a column of readings: a value, or the fault in its place."""


class Kind(StrEnum):
    """How a point's value is typed on the platform side."""

    NUMBER = "number"
    BOOLEAN = "boolean"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Labels:
    """A name or text in the two languages of the field."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class ReportRule:
    """Report by exception: when a change is worth an item. Dead-bands in the point's unit or in % of the last reported value."""

    deadband: float = 0.0
    deadband_percent: float = 0.0
    min_interval_ms: int = 0
    heartbeat_ms: int = 900_000


@dataclass(frozen=True, slots=True)
class WriteRule:
    """What a person or the platform may write: bounds in the point's unit, and how close the value read back must be.

    `harmless`: a wrong write moves nothing and cuts nobody off, so that it needs no second enabling condition. `choices`: the
    numbers of an enumeration that can be commanded, empty for all of them: a valve tells that it is faulty, and nobody makes it so.
    """

    minimum: float | None = None
    maximum: float | None = None
    tolerance: float = 0.0
    harmless: bool = False
    choices: tuple[int, ...] = ()

    def allows(self, number: int) -> bool:
        """Whether a choice can be commanded."""
        return not self.choices or number in self.choices


@dataclass(frozen=True, slots=True)
class RoleUse:
    """One meaning of a point (core.role), by name. `when`: the point's values that mean "true", empty for the value as it is."""

    role: str
    when: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True)
class Point:
    """One readable (perhaps writable) quantity of a device; the protocol's address of it lives in the driver's field.

    `minimum`/`maximum` bound plausible values in the point's unit: outside of them a reading is BAD, never clipped.
    """

    name: PointName
    kind: Kind
    labels: Labels
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    decimals: int | None = None
    choices: Mapping[int, Labels] = field(default_factory=dict)
    """Texts of an enumeration by its number; the value on the platform is the number's English text."""
    report: ReportRule = ReportRule()
    write: WriteRule | None = None
    roles: tuple[RoleUse, ...] = ()
    """What the point means; rules find their inputs by it."""
