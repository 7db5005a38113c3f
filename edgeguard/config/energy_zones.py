"""Zones of a water net as the site writes them: nobody else knows whether all that is drawn somewhere is metered."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final

from edgeguard.config.energy_model import ZoneTable
from edgeguard.config.mistakes import Mistakes, did_you_mean
from edgeguard.config.positions import KeyPath
from edgeguard.config.rows import FirstUse
from edgeguard.core.ids import alarm_name
from edgeguard.core.metering import MICRO, Medium, MeterName, MeterSpec, ZoneSpec
from edgeguard.core.point import Labels

LOST_M3H: Final = 0.1
"""So much may be lost in an hour of the night: two toilets that run. A guess."""


def zones(written: Sequence[ZoneTable], meters: Sequence[MeterSpec], mistakes: Mistakes) -> tuple[ZoneSpec, ...]:
    """Mistakes are added, and what has any is not to be used."""
    known = {str(meter.name): meter for meter in meters}
    names = FirstUse(mistakes, "name")
    made: list[ZoneSpec] = []
    for i, row in enumerate(written):
        path: KeyPath = ("energy", "zone", i)
        names.claim((*path, "name"), row.name)
        inflow = list(_meters(row.inflow, known, (*path, "inflow"), mistakes))
        behind = list(_meters(row.behind, known, (*path, "behind"), mistakes))
        for name in sorted({str(one.name) for one in inflow} & {str(one.name) for one in behind}):
            mistakes.add((*path, "behind"), f'"{name}" feeds the zone and cannot be behind itself')
        if row.limit is not None and not row.behind:
            mistakes.add((*path, "limit"), "is about what is lost between inflow and behind, and there is no behind")
        if inflow:
            labels = Labels(row.name, row.name) if row.labels is None else row.labels.value()
            made.append(_zone(row.name, inflow, behind, LOST_M3H if row.limit is None else row.limit, labels))
    return tuple(made)


def _meters(names: Sequence[str], known: Mapping[str, MeterSpec], path: KeyPath, mistakes: Mistakes) -> Iterator[MeterSpec]:
    for i, name in enumerate(names):
        meter = known.get(name)
        if meter is None:
            mistakes.add((*path, i), f'there is no meter "{name}"{did_you_mean(name, known)}')
        elif meter.medium is not Medium.WATER or meter.unit != "m3":
            mistakes.add(
                (*path, i), f"{name} counts {meter.medium.value} in {meter.unit or 'numbers'}: a zone is one of water in m3"
            )
        elif name in names[:i]:
            mistakes.add((*path, i), f"{name} is named twice")
        else:
            yield meter


def _zone(name: str, inflow: Sequence[MeterSpec], behind: Sequence[MeterSpec], limit_m3h: float, labels: Labels) -> ZoneSpec:
    device = inflow[0].device
    alarm = alarm_name(device, "night-loss" if name == str(device) else f"{name[:52]}-night-loss")
    return ZoneSpec(
        name=name,
        inflow=tuple(MeterName(meter.name) for meter in inflow),
        behind=tuple(MeterName(meter.name) for meter in behind),
        limit=int((Decimal(repr(limit_m3h)) * MICRO).to_integral_value()),
        resolution=sum(meter.resolution for meter in (*inflow, *behind)),
        device=device,
        alarm=alarm,
        labels=labels,
    )
