"""Words for the tests of domain rules: moments, and what one step finds."""

from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

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
ZONE = ZoneInfo("Asia/Shanghai")


def at(second: float, boot: str = "boot", synced: bool = True, *, wrong_s: float = 0.0, up_since_s: float = -500.0) -> Stamp:
    """A second of a test, of a boot that began at second `up_since_s`; `wrong_s`: how far the wall clock is ahead."""
    ms = round(second * 1000)
    return Stamp(BEGUN_MS + ms + round(wrong_s * 1000), ms - round(up_since_s * 1000), BootId(boot), synced)


def limits(family: Family) -> dict[str, float]:
    return {rule.name: rule.limit for rule in RULES[family] if rule.limit is not None}


class Watcher:
    """One device under one family. `wrong_s`: how far the wall clock is ahead at this time."""

    def __init__(self, family: Family, zone: ZoneInfo = ZONE) -> None:
        self.family, self.zone = family, zone
        self.memory: Memory = recall(family, {})
        self.wrong_s = 0.0
        self._boot, self._up_since_s = "boot", -500.0

    def see(self, second: float, inputs: Inputs, members: Sequence[Inputs] = (), synced: bool = True) -> Says:
        now = at(second, self._boot, synced, wrong_s=self.wrong_s, up_since_s=self._up_since_s)
        self.memory, says = step_family(self.memory, inputs, members, limits(self.family), now, self.zone)
        return says

    def truth(self, rule: str, second: float, inputs: Inputs, members: Sequence[Inputs] = ()) -> Truth:
        return self.see(second, inputs, members).found[rule].truth

    def restart(self, boot: str = "boot", up_since_s: float = -500.0) -> None:
        """Only what is kept survives; with another name the machine has restarted, too."""
        self.memory = recall(self.family, self.memory.body())
        self._boot, self._up_since_s = boot, up_since_s
