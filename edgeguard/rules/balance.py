"""A main meter against the meters behind it: what is lost between, and whether the meters can tell it at all. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from edgeguard.core.metering import MeterName, MeterSpec
from edgeguard.rules.intervals import Slot


class BalanceVerdict(StrEnum):
    """What a balance says."""

    LOSS = "loss"
    WITHIN = "within-resolution"
    """The difference is no larger than what the last digits of the meters can make."""
    IMPOSSIBLE = "impossible"
    """The meters behind count more than the main one: a wrong parent, ratio, or a meter that counts both ways."""
    UNKNOWN = "unknown"
    """There is no quarter in which all of them were measured."""


@dataclass(frozen=True, slots=True)
class Balance:
    """Sums over the quarters in which main and all sub-meters were measured from end to end; amounts in micro."""

    main: MeterName
    subs: tuple[MeterName, ...]
    total: int
    behind: int
    uncertainty: int
    quarters: int
    verdict: BalanceVerdict

    @property
    def loss(self) -> int:
        """What the main meter counted and none of the others did."""
        return self.total - self.behind

    @property
    def loss_percent(self) -> float | None:
        """Of the main meter's amount; None where that is nothing."""
        return 100 * self.loss / self.total if self.total else None


def balance(main: MeterSpec, subs: Sequence[MeterSpec], slots: Mapping[MeterName, Mapping[int, Slot]]) -> Balance:
    """`slots`: the quarters of each meter by number. A run of quarters is a difference of two readings a meter."""
    names = (main.name, *(sub.name for sub in subs))
    common = [
        quarter
        for quarter in sorted(slots.get(main.name, {}))
        if all((slot := slots.get(name, {}).get(quarter)) is not None and slot.whole for name in names)
    ]
    runs = sum(1 for i, quarter in enumerate(common) if i == 0 or common[i - 1] != quarter - 1)
    total = sum(slots[main.name][quarter].amount for quarter in common)
    behind = sum(slots[sub.name][quarter].amount for sub in subs for quarter in common)
    uncertainty = runs * sum(meter.resolution for meter in (main, *subs))
    loss = total - behind
    if not common:
        verdict = BalanceVerdict.UNKNOWN
    elif abs(loss) <= uncertainty:
        verdict = BalanceVerdict.WITHIN
    else:
        verdict = BalanceVerdict.LOSS if loss > 0 else BalanceVerdict.IMPOSSIBLE
    return Balance(main.name, tuple(sub.name for sub in subs), total, behind, uncertainty, len(common), verdict)


@dataclass(frozen=True, slots=True)
class Specific:
    """An amount per unit of another, over the quarters in which both were measured; None where nothing of the other flowed."""

    amount: int
    per: int
    quarters: int

    @property
    def ratio(self) -> float | None:
        """Units of the one per unit of the other."""
        return self.amount / self.per if self.per > 0 else None


def specific(of: Mapping[int, Slot], per: Mapping[int, Slot]) -> Specific:
    """How much of one goes with how much of the other."""
    common = [quarter for quarter, slot in of.items() if slot.whole and (other := per.get(quarter)) is not None and other.whole]
    return Specific(sum(of[quarter].amount for quarter in common), sum(per[quarter].amount for quarter in common), len(common))
