"""The parts of a profile file for a protocol that another package speaks. Nothing of that package is loaded here.

What only its driver can judge it judges when the device starts, and then parks that device alone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from edgeguard.config.foreign_model import DriverTable, ForeignPointTable
from edgeguard.config.mistakes import Mistakes, did_you_mean
from edgeguard.config.point_check import Finding
from edgeguard.config.positions import KeyPath
from edgeguard.config.role_check import uses
from edgeguard.config.rows import FirstUse, table_rows, text_of
from edgeguard.core.ids import PointName
from edgeguard.core.limits import MAX_POINTS_PER_DEVICE
from edgeguard.core.point import Kind, Point, ReportRule, WriteRule
from edgeguard.core.profile import ForeignLimits, Setting

OWN_PROTOCOLS: Final = ("modbus", "dlt645", "cjt188")
FOREIGN_SECTION: Final = "driver"


@dataclass(frozen=True, slots=True)
class ForeignPart:
    """What such a profile has in place of registers. `places[i]` says where the i-th of `points` is."""

    limits: ForeignLimits
    points: Mapping[PointName, Point]
    places: tuple[Mapping[str, Setting], ...]


def foreign_part(data: Mapping[str, Any], mistakes: Mistakes) -> ForeignPart | None:
    """The part, after adding every mistake in it; None for a protocol of the product's own."""
    head = data.get("profile")
    protocol = head.get("protocol", "modbus") if isinstance(head, Mapping) else "modbus"
    if not isinstance(protocol, str) or protocol in OWN_PROTOCOLS:
        if FOREIGN_SECTION in data and isinstance(protocol, str):
            mistakes.add((FOREIGN_SECTION,), f'makes no sense for protocol = "{protocol}"')
        return None
    if FOREIGN_SECTION not in data:
        hint = did_you_mean(protocol, OWN_PROTOCOLS)
        sentence = f'"{protocol}" is none of {", ".join(OWN_PROTOCOLS)}{hint}; a protocol of another package needs a [driver] table'
        mistakes.add(("profile", "protocol"), sentence)
        return ForeignPart(ForeignLimits(protocol), {}, ())
    raw = mistakes.examine(DriverTable, data[FOREIGN_SECTION], (FOREIGN_SECTION,)) or DriverTable()
    limits = ForeignLimits(protocol, raw.settings, raw.delay, raw.timeout)
    points: dict[PointName, Point] = {}
    places: list[Mapping[str, Setting]] = []
    names = FirstUse(mistakes, "point")
    if not data.get("point", []):
        mistakes.add(("point",), "is missing: a profile needs at least one [[point]]")
    for i, row in table_rows(data, "point", mistakes, MAX_POINTS_PER_DEVICE):
        path: KeyPath = ("point", i)
        fresh = names.claim((*path, "name"), text_of(row, "name"))
        point = mistakes.examine(ForeignPointTable, row, path)
        findings = [] if point is None else list(_check(point))
        for key, sentence in findings:
            mistakes.add((*path, *key.split(".", 1)), sentence)
        if fresh and point is not None and not findings:
            points[PointName(point.name)] = _point_of(point)
            places.append(point.at)
    return ForeignPart(limits, points, tuple(places))


def _check(raw: ForeignPointTable) -> Iterator[Finding]:
    if raw.range is not None and not raw.range[0] < raw.range[1]:
        yield "range", f"[{raw.range[0]:g}, {raw.range[1]:g}] must be [least, most]"
    if raw.kind != "number":
        for key in ("range", "unit", "decimals", "deadband"):
            if key in raw.model_fields_set:
                yield key, f"makes no sense for a {raw.kind} point"
    if raw.choices and raw.kind != "text":
        yield "choices", 'are for kind = "text"'
    for key in raw.choices:
        if not key.isascii() or not key.isdigit() or len(key) > 10:
            yield f"choices.{key}", f'"{key}" is not a whole number'
    rule = raw.write
    if rule is not None and raw.kind == "number" and (rule.min is None or rule.max is None):
        yield "write", "a number that can be written needs both min and max"


def _point_of(raw: ForeignPointTable) -> Point:
    rule = raw.write
    return Point(
        name=PointName(raw.name),
        kind=Kind(raw.kind),
        labels=raw.labels.value(),
        unit=raw.unit,
        minimum=raw.range[0] if raw.range else None,
        maximum=raw.range[1] if raw.range else None,
        decimals=raw.decimals,
        choices={int(number): labels.value() for number, labels in raw.choices.items()},
        report=ReportRule(raw.deadband[0], raw.deadband[1], raw.min_interval, raw.heartbeat),
        write=None if rule is None else WriteRule(rule.min, rule.max, rule.tolerance, rule.harmless),
        roles=uses(raw.role),
    )
