"""The data of CJ/T 188-2004 and -2018 meters as a table: identifier, form of the meter, layout, names of the items; and units.

Source: CJ/T 188 as public implementations agree on it. What an identifier holds depends on the meter: a `form` names the kind.
`heat-unit-first` is a family that sends the unit byte before the value instead of behind it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from edgeguard.core.meter import Dimension, Part, layout_of
from edgeguard.core.point import Labels

FORMS: Final = ("water", "heat", "heat-unit-first", "gas")

TYPES: Final[Mapping[str, Labels]] = {
    "10": Labels("冷水表", "cold-water meter"),
    "11": Labels("热水表", "hot-water meter"),
    "12": Labels("直饮水表", "drinking-water meter"),
    "13": Labels("中水表", "reclaimed-water meter"),
    "20": Labels("热量表", "heat meter"),
    "21": Labels("冷量表", "cooling meter"),
    "22": Labels("冷热量表", "heat and cooling meter"),
    "30": Labels("燃气表", "gas meter"),
    "40": Labels("电能表", "electricity meter"),
}
"""What the first byte of an address says that the meter measures."""

_TABLE: Final = """
901F | water gas | volume           | XXXXXX.XX+U    | volume | 累积流量     | Volume
901F | water gas | settled_volume   | XXXXXX.XX+U    | volume | 结算日累积流量 | Volume at the settlement day
901F | water gas | clock            | YYYYMMDDhhmmss |        | 实时时间     | Clock
901F | water gas | status           | B16            |        | 状态         | Status
901F | heat | settled_energy        | XXXXXX.XX+U    | energy | 结算日热量   | Energy at the settlement day
901F | heat | energy                | XXXXXX.XX+U    | energy | 当前热量     | Energy
901F | heat | power                 | XXXXXX.XX+U    | power  | 热功率       | Power
901F | heat | flow                  | XXXX.XXXX+U    | flow   | 瞬时流量     | Flow
901F | heat | volume                | XXXXXX.XX+U    | volume | 累积流量     | Volume
901F | heat | supply_temperature    | XXXX.XX        |        | 供水温度     | Supply temperature
901F | heat | return_temperature    | XXXX.XX        |        | 回水温度     | Return temperature
901F | heat | working_hours         | XXXXXX         |        | 累积工作时间 | Working time
901F | heat | clock                 | YYYYMMDDhhmmss |        | 实时时间     | Clock
901F | heat | status                | B16            |        | 状态         | Status
901F | heat-unit-first | settled_energy     | U+XXXXXX.XX    | energy | 结算日热量   | Energy at the settlement day
901F | heat-unit-first | energy             | U+XXXXXX.XX    | energy | 当前热量     | Energy
901F | heat-unit-first | power              | U+XXXXXX.XX    | power  | 热功率       | Power
901F | heat-unit-first | flow               | U+XXXX.XXXX    | flow   | 瞬时流量     | Flow
901F | heat-unit-first | volume             | U+XXXXXX.XX    | volume | 累积流量     | Volume
901F | heat-unit-first | supply_temperature | XXXX.XX        |        | 供水温度     | Supply temperature
901F | heat-unit-first | return_temperature | XXXX.XX        |        | 回水温度     | Return temperature
901F | heat-unit-first | working_hours      | XXXXXX         |        | 累积工作时间 | Working time
901F | heat-unit-first | clock              | YYYYMMDDhhmmss |        | 实时时间     | Clock
901F | heat-unit-first | status             | B16            |        | 状态         | Status
902F | water gas | volume           | XXXXX.XXX+U    | volume | 累积流量     | Volume
D120 | water gas | volume           | XXXXXX.XX+U    | volume | 上月累积流量 | Volume, settlements back
"""

_HISTORY_FIRST: Final = 0xD120
_HISTORY_LAST: Final = 0xD12B

_UNIT_BYTES: Final[Mapping[int, tuple[Dimension, int, int]]] = {
    0x01: (Dimension.ENERGY, 1, 1),
    0x0B: (Dimension.ENERGY, 1_000, 1),
    0x0E: (Dimension.ENERGY, 1_000_000, 1),
    0x11: (Dimension.ENERGY, 1_000_000_000, 1),
    0x13: (Dimension.ENERGY, 100_000_000_000, 1),
    0x02: (Dimension.ENERGY, 3_600, 1),
    0x05: (Dimension.ENERGY, 3_600_000, 1),
    0x08: (Dimension.ENERGY, 3_600_000_000, 1),
    0x0A: (Dimension.ENERGY, 360_000_000_000, 1),
    0x14: (Dimension.POWER, 1, 1),
    0x17: (Dimension.POWER, 1_000, 1),
    0x1A: (Dimension.POWER, 1_000_000, 1),
    0x29: (Dimension.VOLUME, 1, 1000),
    0x2B: (Dimension.VOLUME, 1, 10),
    0x2C: (Dimension.VOLUME, 1, 1),
    0x2D: (Dimension.VOLUME, 10, 1),
    0x2E: (Dimension.VOLUME, 100, 1),
    0x32: (Dimension.FLOW, 1, 1000),
    0x35: (Dimension.FLOW, 1, 1),
}
"""By unit byte: what it is a unit of, and how many of J, W, m3 or m3/h it is, as a fraction."""

_UNIT_NAMES: Final[Mapping[str, tuple[Dimension, int, int]]] = {
    "kWh": (Dimension.ENERGY, 3_600_000, 1),
    "MWh": (Dimension.ENERGY, 3_600_000_000, 1),
    "MJ": (Dimension.ENERGY, 1_000_000, 1),
    "GJ": (Dimension.ENERGY, 1_000_000_000, 1),
    "W": (Dimension.POWER, 1, 1),
    "kW": (Dimension.POWER, 1_000, 1),
    "m3": (Dimension.VOLUME, 1, 1),
    "L": (Dimension.VOLUME, 1, 1000),
    "m3/h": (Dimension.FLOW, 1, 1),
    "L/h": (Dimension.FLOW, 1, 1000),
}


@dataclass(frozen=True, slots=True)
class Item:
    """One item of an identifier's data."""

    name: str
    part: Part
    dimension: Dimension | None
    labels: Labels


@cache
def items_of(identifier: str, form: str) -> tuple[Item, ...]:
    """What an identifier holds in meters of this form, in the order sent; nothing if the table has it not."""
    known = identifier
    try:
        if _HISTORY_FIRST <= int(identifier, 16) <= _HISTORY_LAST:
            known = "D120"
    except ValueError:
        return ()
    found = []
    for line in _TABLE.strip().splitlines():
        row, forms, name, layout, dimension, zh, en = (cell.strip() for cell in line.split("|"))
        if row == known and form in forms.split():
            (part,) = layout_of(layout)
            found.append(Item(name, part, Dimension(dimension) if dimension else None, Labels(zh, en)))
    return tuple(found)


def unit_of_byte(byte: int) -> tuple[Dimension, int, int] | None:
    """What a unit byte says: a dimension, and its size as a fraction of the base unit; None if nobody knows."""
    return _UNIT_BYTES.get(byte)


def unit_of_name(name: str) -> tuple[Dimension, int, int] | None:
    """The same of a unit that a point is given in."""
    return _UNIT_NAMES.get(name)
