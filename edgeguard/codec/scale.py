"""Raw numbers to values in a point's unit and back: exact decimal scaling and the digits that a float really bears.

A scale of 0.1 means a tenth, not the double nearest to it: raw x scale + offset is computed as (raw x S + O) / D in
integers and divided once, so that 2301 x 0.1 is 230.1 and a 64-bit counter without scale stays exact.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

from edgeguard.core.register import RegisterField

_EXACT: Final = 1e9
"""Beyond it an integer in float32 has more digits than the 9 that tell it from its neighbours."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """value = (raw x factor + shift) / divisor, all integers."""

    factor: int
    shift: int
    divisor: int

    @classmethod
    def of(cls, field: RegisterField) -> "Scaling":
        """The field's scale and offset, taken as the decimals that they are written as."""
        scale, offset = Fraction(Decimal(repr(field.scale))), Fraction(Decimal(repr(field.offset)))
        divisor = math.lcm(scale.denominator, offset.denominator)
        return cls(int(scale * divisor), int(offset * divisor), divisor)

    @property
    def is_identity(self) -> bool:
        """Nothing to do."""
        return self.factor == self.divisor == 1 and self.shift == 0

    def raw(self, value: float | int) -> Fraction:
        """The exact raw number of a value, taken as the decimal that it is written as."""
        return (Fraction(Decimal(repr(value))) * self.divisor - self.shift) / self.factor


def single_digits(number: float) -> float:
    """A float32 as the decimal that it bears: 230.10000610351562 is 230.1 (7 digits); integers, such as counters, keep all."""
    if number.is_integer():
        return number if -_EXACT < number < _EXACT else float(format(number, ".9g"))
    return float(format(number, ".7g"))


def integer_scaler(scaling: Scaling, decimals: int | None) -> Callable[[int], float | int] | None:
    """Scale an integer raw number; None if it is the value already."""
    factor, shift, divisor = scaling.factor, scaling.shift, scaling.divisor
    if scaling.is_identity:
        return None
    if divisor == 1:
        return lambda raw: raw * factor + shift
    if decimals is not None and 10**decimals % divisor:
        if decimals == 0:
            return lambda raw: round((raw * factor + shift) / divisor)
        return lambda raw: round((raw * factor + shift) / divisor, decimals)
    if factor == 1 and shift == 0:
        return lambda raw: raw / divisor
    return lambda raw: (raw * factor + shift) / divisor


def float_scaler(scaling: Scaling, decimals: int | None, single: bool) -> Callable[[float], float | int] | None:
    """Scale a finite IEEE number; float32 keeps the digits it bears, `decimals` overrules them. None if nothing is to be done."""
    factor, shift, divisor = scaling.factor, scaling.shift, scaling.divisor
    digits: int | None = decimals or None
    if decimals is not None:
        if scaling.is_identity:
            return lambda raw: round(raw, digits)
        return lambda raw: round((raw * factor + shift) / divisor, digits)
    if scaling.is_identity:
        return single_digits if single else None
    if single:
        return lambda raw: single_digits((raw * factor + shift) / divisor)
    return lambda raw: float(format((raw * factor + shift) / divisor, ".15g"))
