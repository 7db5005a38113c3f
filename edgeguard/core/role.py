"""What a point means, in the words of the field: `lift.door-closed`, `pump.flow`. Rules find their inputs by it, never by a name.

A role is a truth value or a number in one unit. A point of another unit of the same quantity is converted; a text or a code
becomes a truth value by the list of those of its values that mean "true".
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NewType

from edgeguard.core.point import Kind, Labels, Outcome, Point, RoleUse, Value
from edgeguard.core.quality import Fault

RoleName = NewType("RoleName", str)


@dataclass(frozen=True, slots=True)
class Role:
    """One meaning: BOOLEAN, or NUMBER in `unit` (empty for a ratio or a count)."""

    name: RoleName
    kind: Kind
    unit: str
    labels: Labels


_FLAGS: Final = (
    ("lift.moving", "轿厢运行", "car moves"),
    ("lift.travelling", "行程中", "car is on its way between two landings"),
    ("lift.door-closed", "门关到位", "car door fully closed"),
    ("lift.door-open", "门开到位", "car door fully open"),
    ("lift.door-opening", "正在开门", "door is opening"),
    ("lift.door-closing", "正在关门", "door is closing"),
    ("lift.door-fault", "门故障", "controller reports a door fault"),
    ("lift.door-zone", "开锁区域", "car stands in the unlocking zone"),
    ("lift.occupied", "轿内有人", "somebody is in the car"),
    ("lift.inspection", "检修", "under inspection or locked off: technicians at work"),
    ("lift.stop-outside-zone", "开锁区域外停止", "controller reports a stop outside the unlocking zone"),
    ("lift.fault", "故障", "controller reports a fault"),
    ("pump.running", "运行", "pump is on"),
    ("pump.fault", "故障", "pump reports a fault"),
    ("pump.dry-run", "缺水保护", "pump has stopped itself for want of water"),
    ("pump.unavailable", "不可用", "pump is locked off or in local control"),
    ("sump.high", "高液位", "float switch of the sump's highest level"),
    ("water.reverse", "反向流动", "meter runs backwards"),
    ("water.leak", "漏水", "meter itself reports a leak"),
    ("drive.running", "运行", "drive runs its motor"),
    ("drive.fault", "故障", "drive has tripped"),
    ("fire.alarm", "火警", "fire alarm"),
    ("fire.panel-fault", "火灾报警系统故障", "fire alarm panel reports a fault"),
    ("fire.valve-open", "消防阀全开", "valve of the fire main is fully open"),
    ("fire.pump-running", "消防泵运行", "fire pump runs"),
)
_NUMBERS: Final = (
    ("lift.speed", "m/s", "速度", "speed of the car"),
    ("lift.rated-speed", "m/s", "额定速度", "rated speed"),
    ("lift.floor", "", "楼层", "floor"),
    ("lift.position", "m", "位置", "position of the car"),
    ("lift.load", "%", "载荷", "load of the car"),
    ("lift.levelling-offset", "mm", "平层偏差", "sill of the car above the landing's"),
    ("lift.current", "A", "曳引机电流", "current of the machine"),
    ("lift.trips", "", "运行次数", "trips since it was new"),
    ("lift.door-cycles", "", "开关门次数", "door cycles since it was new"),
    ("lift.run-hours", "h", "运行时间", "hours of motion since it was new"),
    ("pump.speed", "rpm", "转速", "speed"),
    ("pump.frequency", "Hz", "频率", "frequency that the motor is fed with"),
    ("pump.flow", "m3/h", "流量", "flow of this pump"),
    ("pump.head", "m", "扬程", "head"),
    ("pump.discharge-pressure", "bar", "出口压力", "pressure behind the pump or the set"),
    ("pump.suction-pressure", "bar", "进口压力", "pressure before the pump"),
    ("pump.power", "kW", "功率", "electric power of the pump"),
    ("pump.current", "A", "电流", "motor current"),
    ("pump.motor-temperature", "°C", "电机温度", "temperature of the motor"),
    ("pump.run-hours", "h", "运行时间", "run hours since it was new"),
    ("pump.starts", "", "启动次数", "starts since it was new"),
    ("pump.energy", "kWh", "耗电量", "energy of the pump"),
    ("tank.level", "m", "水箱液位", "level of the suction tank above the pumps' intake"),
    ("sump.level", "m", "集水坑液位", "level of the sump"),
    ("supply.flow", "m3/h", "供水流量", "flow to the users, behind the pressure vessel"),
    ("water.flow", "m3/h", "流量", "flow"),
    ("water.volume", "m3", "累计水量", "volume that the meter has counted"),
    ("water.pressure", "bar", "水压", "water pressure"),
    ("electric.voltage", "V", "电压", "voltage of a single-phase supply"),
    ("electric.voltage.l1", "V", "A相电压", "voltage L1-N"),
    ("electric.voltage.l2", "V", "B相电压", "voltage L2-N"),
    ("electric.voltage.l3", "V", "C相电压", "voltage L3-N"),
    ("electric.voltage.l1-l2", "V", "AB线电压", "voltage L1-L2"),
    ("electric.voltage.l2-l3", "V", "BC线电压", "voltage L2-L3"),
    ("electric.voltage.l3-l1", "V", "CA线电压", "voltage L3-L1"),
    ("electric.current", "A", "电流", "current"),
    ("electric.current.l1", "A", "A相电流", "current L1"),
    ("electric.current.l2", "A", "B相电流", "current L2"),
    ("electric.current.l3", "A", "C相电流", "current L3"),
    ("electric.power", "kW", "有功功率", "active power"),
    ("electric.reactive-power", "kvar", "无功功率", "reactive power"),
    ("electric.apparent-power", "kVA", "视在功率", "apparent power"),
    ("electric.power-factor", "", "功率因数", "power factor"),
    ("electric.frequency", "Hz", "频率", "frequency"),
    ("electric.energy", "kWh", "有功电能", "energy taken from the network"),
    ("electric.load", "%", "负载率", "load of the source"),
    ("electric.temperature.l1", "°C", "A相端子温度", "temperature of terminal L1"),
    ("electric.temperature.l2", "°C", "B相端子温度", "temperature of terminal L2"),
    ("electric.temperature.l3", "°C", "C相端子温度", "temperature of terminal L3"),
    ("electric.temperature.n", "°C", "N端子温度", "temperature of terminal N"),
    ("measured.level", "m", "液位", "a level: of what, the site says by a group or by [device.role]"),
    ("measured.pressure", "bar", "压力", "a pressure: of what, the site says by a group or by [device.role]"),
    ("drive.frequency", "Hz", "输出频率", "output frequency of a drive"),
    ("drive.current", "A", "输出电流", "output current of a drive"),
    ("drive.power", "kW", "输出功率", "output power of a drive"),
    ("drive.temperature", "°C", "变频器温度", "temperature of a drive"),
    ("drive.run-hours", "h", "运行时间", "run hours of a drive"),
    ("drive.energy", "kWh", "电能", "energy that a drive has counted"),
    ("heat.flow", "m3/h", "流量", "flow of the heating water"),
    ("heat.power", "kW", "热功率", "thermal power"),
    ("heat.supply-temperature", "°C", "供水温度", "supply temperature"),
    ("heat.return-temperature", "°C", "回水温度", "return temperature"),
    ("heat.energy", "kWh", "热量", "heat that the meter has counted"),
    ("gas.volume", "m3", "燃气量", "gas that the meter has counted"),
    ("fire.pressure", "bar", "消防管网压力", "standing pressure of the fire main at its worst hydrant"),
    ("fire.level", "m", "消防水位", "level of the fire water tank"),
)

ROLES: Final[Mapping[str, Role]] = MappingProxyType(
    {
        **{name: Role(RoleName(name), Kind.BOOLEAN, "", Labels(zh, en)) for name, zh, en in _FLAGS},
        **{name: Role(RoleName(name), Kind.NUMBER, unit, Labels(zh, en)) for name, unit, zh, en in _NUMBERS},
    }
)
"""Every role there is, by name."""

_SIZES: Final[Mapping[str, tuple[str, float]]] = MappingProxyType(
    {
        "kPa": ("bar", 0.01),
        "MPa": ("bar", 10.0),
        "mbar": ("bar", 0.001),
        "cm": ("m", 0.01),
        "W": ("kW", 0.001),
        "MW": ("kW", 1000.0),
        "var": ("kvar", 0.001),
        "VA": ("kVA", 0.001),
        "Wh": ("kWh", 0.001),
        "MWh": ("kWh", 1000.0),
        "mA": ("A", 0.001),
        "kV": ("V", 1000.0),
        "L": ("m3", 0.001),
        "m³": ("m3", 1.0),
        "L/h": ("m3/h", 0.001),
        "L/s": ("m3/h", 3.6),
        "m³/h": ("m3/h", 1.0),
        "s": ("h", 1 / 3600.0),
        "min": ("h", 1 / 60.0),
        "d": ("h", 24.0),
        "mm/s": ("m/s", 0.001),
    }
)
"""Units that a point may have beside its role's own: of which unit they are, and how much of it."""


def factor(unit: str, wanted: str) -> float | None:
    """What a number in `unit` is multiplied by to be in `wanted`; None if they are no units of one quantity."""
    if unit == wanted:
        return 1.0
    of, size = _SIZES.get(unit, ("", 0.0))
    if of == wanted:
        return size
    return 1000.0 if (unit, wanted) == ("m", "mm") else None


def misfit(point: Point, use: RoleUse) -> str:
    """Why a point cannot have a role, in words; empty if it can."""
    role = ROLES.get(use.role)
    if role is None:
        return f'there is no role "{use.role}"'
    if role.kind is Kind.NUMBER:
        if use.when:
            return f"{use.role} is a number; a list of values is for roles that are true or false"
        if point.kind is not Kind.NUMBER:
            return f"{use.role} is a number, and point {point.name} is none"
        if factor(point.unit, role.unit) is None:
            return f'{use.role} is in {role.unit or "no unit"}, and "{point.unit}" cannot be converted to it'
        return ""
    if not use.when:
        if point.kind is Kind.BOOLEAN:
            return ""
        return f'{use.role} is true or false: say which values of {point.name} mean true, as in role = {{ "{use.role}" = [...] }}'
    return next(filter(None, (_strange(point, value) for value in use.when)), "")


def _strange(point: Point, value: Value) -> str:
    kind = Kind.BOOLEAN if isinstance(value, bool) else Kind.TEXT if isinstance(value, str) else Kind.NUMBER
    if kind is not point.kind:
        return f"{value!r} is no value of {point.name}, which is a {point.kind.value}"
    if point.choices and value not in [labels.en for labels in point.choices.values()]:
        return f'"{value}" is not the English text of a choice of {point.name}'
    return ""


def meaning(point: Point, use: RoleUse, outcome: Outcome) -> bool | float | None:
    """What an outcome says of a role, in the role's unit; None if it says nothing."""
    if isinstance(outcome, Fault):
        return None
    if use.when:
        return outcome in use.when
    role = ROLES[use.role]
    if role.kind is Kind.BOOLEAN:
        return bool(outcome)
    if isinstance(outcome, str | bool):
        return None
    return outcome * (factor(point.unit, role.unit) or 1.0)


def roles_of(points: tuple[Point, ...]) -> Iterator[tuple[str, int, RoleUse]]:
    """Role name, index of the point, and use, of everything that has a meaning."""
    for index, point in enumerate(points):
        for use in point.roles:
            yield use.role, index, use
