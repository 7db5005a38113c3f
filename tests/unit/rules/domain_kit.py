"""Words for the tests of domain rules: moments, and what one step finds."""

from collections.abc import Mapping, Sequence

from edgeguard.core.clock import Stamp
from edgeguard.core.domain import DomainRule, Family
from edgeguard.core.ids import BootId
from edgeguard.core.lift_rules import LIFT_RULES
from edgeguard.core.power_rules import POWER_RULES
from edgeguard.core.pump_rules import PUMP_RULES, PUMPSET_RULES
from edgeguard.core.water_rules import WATER_RULES
from edgeguard.rules.families import Memory, recall, step_family
from edgeguard.rules.truth import Inputs, Says, Truth

RULES: Mapping[Family, tuple[DomainRule, ...]] = {
    Family.LIFT: LIFT_RULES,
    Family.PUMP: PUMP_RULES,
    Family.PUMPSET: PUMPSET_RULES,
    Family.POWER: POWER_RULES,
    Family.WATER: WATER_RULES,
}
BEGUN_MS = 1_790_000_000_000


def at(second: float, boot: str = "boot", synced: bool = True) -> Stamp:
    ms = round(second * 1000)
    return Stamp(BEGUN_MS + ms, 500_000 + ms, BootId(boot), synced)


def limits(family: Family) -> dict[str, float]:
    return {rule.name: rule.limit for rule in RULES[family] if rule.limit is not None}


class Watcher:
    """One device under one family."""

    def __init__(self, family: Family) -> None:
        self.family = family
        self.memory: Memory = recall(family, {})

    def see(self, second: float, inputs: Inputs, members: Sequence[Inputs] = (), boot: str = "boot", synced: bool = True) -> Says:
        now = at(second, boot, synced)
        self.memory, says = step_family(self.memory, inputs, members, limits(self.family), now)
        return says

    def truth(self, rule: str, second: float, inputs: Inputs, members: Sequence[Inputs] = ()) -> Truth:
        return self.see(second, inputs, members).found[rule].truth

    def restart(self) -> None:
        """Only what is kept survives."""
        self.memory = recall(self.family, self.memory.body())
