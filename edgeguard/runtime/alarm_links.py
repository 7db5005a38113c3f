"""Who explains whom among the alarms of a site, and where each of them is: found once per configuration."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from edgeguard.core.alarm import Alarm, AlarmRule, Condition
from edgeguard.core.expression import points_in
from edgeguard.core.ids import AlarmName, BusName, DeviceName, PointName
from edgeguard.core.interlock import PointRef
from edgeguard.rules.engine import DeviceRules, DeviceState
from edgeguard.runtime.record import DeviceRecord


class Sheet(Protocol):
    """Some alarms that belong together: those of a device, of a bus, of the site, of the gateway itself."""

    rules: DeviceRules
    state: DeviceState


@dataclass(frozen=True, slots=True)
class Place:
    """One alarm, by its sheet and its index there."""

    sheet: Sheet
    k: int

    @property
    def rule(self) -> AlarmRule:
        """Its definition."""
        return self.sheet.rules.alarms[self.k]

    @property
    def alarm(self) -> Alarm:
        """Its state now."""
        return self.sheet.state.alarms[self.k]

    def put(self, alarm: Alarm) -> None:
        """Give it another state."""
        state = self.sheet.state
        alarms = (*state.alarms[: self.k], alarm, *state.alarms[self.k + 1 :])
        self.sheet.state = replace(state, alarms=alarms, plan=None, timed=True)


@dataclass(slots=True)
class Links:
    """`parents` and `children` only across sheets; what is so within one, the sheet's own rules say."""

    places: dict[AlarmName, Place] = field(default_factory=dict)
    parents: dict[AlarmName, tuple[Place, ...]] = field(default_factory=dict)
    children: dict[AlarmName, tuple[Place, ...]] = field(default_factory=dict)
    groups: dict[str, tuple[Place, ...]] = field(default_factory=dict)
    bus_lost: dict[BusName, Place] = field(default_factory=dict)
    devices_on: Counter[BusName] = field(default_factory=Counter)
    _combined: dict[tuple[DeviceName, DeviceName | None], tuple[int, ...]] = field(default_factory=dict)
    _index: dict[int, Mapping[PointName, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, records: Mapping[DeviceName, DeviceRecord], common: Mapping[DeviceName, Sheet]) -> "Links":
        """Everything found anew."""
        links = cls()
        sheets: tuple[Sheet, ...] = (*records.values(), *common.values())
        for sheet in sheets:
            links._take(sheet)
        for record in records.values():
            links.devices_on[record.spec.bus] += 1
        for owner, sheet in common.items():
            links._combine(owner, sheet)
        links._explain(records)
        return links

    def combined(self, owner: DeviceName, device: DeviceName | None) -> tuple[int, ...]:
        """Alarms of a common sheet that speak of points of this device; of any, for None."""
        return self._combined.get((owner, device), ())

    @property
    def combines(self) -> bool:
        """There is an alarm that combines points of devices."""
        return bool(self._combined)

    def point_index(self, rules: DeviceRules, point: PointName) -> int:
        """Where a point is among the device's; -1 for nowhere."""
        index = self._index.get(id(rules))
        if index is None:
            index = self._index[id(rules)] = {one.name: at for at, one in enumerate(rules.points)}
        return index.get(point, -1)

    def _take(self, sheet: Sheet) -> None:
        for k, rule in enumerate(sheet.rules.alarms):
            place = Place(sheet, k)
            self.places[rule.name] = place
            if rule.traits.group:
                self.groups[rule.traits.group] = (*self.groups.get(rule.traits.group, ()), place)
            if rule.condition is Condition.BUS_LOST:
                self.bus_lost[BusName(rule.device)] = place

    def _combine(self, owner: DeviceName, sheet: Sheet) -> None:
        for k, rule in enumerate(sheet.rules.alarms):
            for device in {ref.device for ref in refs_of(rule)}:
                self._combined[owner, device] = (*self._combined.get((owner, device), ()), k)
                if k not in self._combined.get((owner, None), ()):
                    self._combined[owner, None] = (*self._combined.get((owner, None), ()), k)

    def _explain(self, records: Mapping[DeviceName, DeviceRecord]) -> None:
        for place in self.places.values():
            own = {rule.name for rule in place.sheet.rules.alarms}
            if place.rule.condition is Condition.COMMS_LOST and (record := records.get(place.rule.device)) is not None:
                lost = self.bus_lost.get(record.spec.bus)
                self._join(() if lost is None else (lost,), place)
            named = (self.places.get(AlarmName(name)) for name in place.rule.traits.parents if name not in own)
            self._join((one for one in named if one is not None), place)

    def _join(self, parents: Iterable[Place], child: Place) -> None:
        """A link that would close a circle counts for nothing: alarms that explain each other would all be lost."""
        for parent in parents:
            if not self._leads_to(parent, child):
                self.parents[child.rule.name] = (*self.parents.get(child.rule.name, ()), parent)
                self.children[parent.rule.name] = (*self.children.get(parent.rule.name, ()), child)

    def _leads_to(self, start: Place, end: Place) -> bool:
        waiting, seen = [start], set[AlarmName]()
        while waiting:
            place = waiting.pop()
            name = place.rule.name
            if name == end.rule.name:
                return True
            if name not in seen:
                seen.add(name)
                waiting += self.parents.get(name, ())
                waiting += (Place(place.sheet, k) for k in place.sheet.rules.parents[place.k])
        return False


def refs_of(rule: AlarmRule) -> tuple[PointRef, ...]:
    """The points that an alarm's expressions and its reference speak of."""
    traits = rule.traits
    written = [text.expression for text in (traits.when, traits.only_while) if text is not None]
    refs = [ref for expression in written for ref in points_in(expression)]
    return (*refs, traits.reference) if isinstance(traits.reference, PointRef) else tuple(refs)
