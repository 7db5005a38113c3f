"""What fire-alarm transmitters tell, GB/T 26875.3-2011, 8: states of systems and parts, operations, the transmitter itself.

`type 1 | count 1 | objects`; texts are GB18030. Whatever does not have the shape of its type becomes a Fault, never half a state.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from edgeguard.codec.fire_frame import moment_bytes, moment_of
from edgeguard.core.point import Labels
from edgeguard.core.quality import Fault, Reason

_TEXT_BYTES: Final = 31

NORMAL: Final = "normal"
"""Bit 0 of every state: in normal operation; 0 means in test."""


def _bits(*names: tuple[str, str, str]) -> Mapping[str, Labels]:
    return MappingProxyType({name: Labels(zh, en) for name, zh, en in names})


_COMMON: Final = (
    (NORMAL, "正常运行", "in normal operation"),
    ("fire", "火警", "fire alarm"),
    ("fault", "故障", "fault"),
    ("shielded", "屏蔽", "shielded"),
    ("supervised", "监管", "supervisory signal"),
    ("started", "启动", "started"),
    ("feedback", "反馈", "feedback"),
    ("delay", "延时", "in delay"),
)
SYSTEM_BITS: Final = _bits(
    *_COMMON,
    ("mains-fault", "主电故障", "mains fault"),
    ("battery-fault", "备电故障", "battery fault"),
    ("bus-fault", "总线故障", "loop fault"),
    ("manual", "手动状态", "on manual"),
    ("config-changed", "配置改变", "configuration changed"),
    ("reset", "复位", "reset"),
)
PART_BITS: Final = _bits(*_COMMON, ("power-fault", "电源故障", "power fault"))
TRANSMITTER_BITS: Final = _bits(
    (NORMAL, "正常监视", "in normal operation"),
    ("fire", "火警", "fire alarm"),
    ("fault", "故障", "fault"),
    ("mains-fault", "主电故障", "mains fault"),
    ("battery-fault", "备电故障", "battery fault"),
    ("uplink-fault", "与监控中心通信信道故障", "no channel to the monitoring centre"),
    ("line-fault", "监测连接线路故障", "fault of the line to the panel"),
)
OPERATION_BITS: Final = _bits(
    ("reset", "复位", "reset"),
    ("mute", "消音", "silenced"),
    ("manual-alarm", "手动报警", "alarm raised by hand"),
    ("cancel", "警情消除", "alarm cancelled"),
    ("self-test", "自检", "self-test"),
    ("confirm", "确认", "confirmed"),
    ("test", "测试", "test"),
)
SYSTEM_TYPES: Final[Mapping[int, Labels]] = {
    0: Labels("通用", "general"),
    1: Labels("火灾报警系统", "fire-alarm system"),
    10: Labels("消防联动控制器", "fire linkage controller"),
    11: Labels("消火栓系统", "hydrant system"),
    12: Labels("自动喷水灭火系统", "sprinkler system"),
    13: Labels("气体灭火系统", "gas extinguishing system"),
    14: Labels("水喷雾灭火系统(泵启动)", "water spray system (pump)"),
    15: Labels("水喷雾灭火系统(压力容器启动)", "water spray system (pressure vessel)"),
    16: Labels("泡沫灭火系统", "foam system"),
    17: Labels("干粉灭火系统", "powder system"),
    18: Labels("防烟排烟系统", "smoke control system"),
    19: Labels("防火门及卷帘系统", "fire doors and shutters"),
    20: Labels("消防电梯", "firefighters' lift"),
    21: Labels("消防应急广播", "emergency announcements"),
    22: Labels("消防应急照明和疏散指示系统", "emergency lighting and escape signs"),
    23: Labels("消防电源", "fire power supply"),
    24: Labels("消防电话", "fire telephone"),
}
PART_TYPES: Final[Mapping[int, Labels]] = {
    0: Labels("通用", "general"),
    1: Labels("火灾报警控制器", "fire-alarm panel"),
    10: Labels("可燃气体探测器", "gas detector"),
    16: Labels("电气火灾监控报警器", "electrical fire monitor"),
    21: Labels("探测回路", "detection loop"),
    22: Labels("火灾显示盘", "repeater panel"),
    23: Labels("手动火灾报警按钮", "manual call point"),
    24: Labels("消火栓按钮", "hydrant button"),
    25: Labels("火灾探测器", "fire detector"),
    30: Labels("感温火灾探测器", "heat detector"),
    40: Labels("感烟火灾探测器", "smoke detector"),
    82: Labels("输入模块", "input module"),
    83: Labels("输出模块", "output module"),
    84: Labels("输入/输出模块", "input/output module"),
    91: Labels("消防水泵", "fire pump"),
    92: Labels("消防水箱", "fire water tank"),
    95: Labels("喷淋泵", "sprinkler pump"),
    96: Labels("水流指示器", "flow switch"),
    97: Labels("信号阀", "supervised valve"),
    98: Labels("报警阀", "alarm valve"),
    99: Labels("压力开关", "pressure switch"),
    102: Labels("防火门", "fire door"),
    103: Labels("防火阀", "fire damper"),
    111: Labels("防烟排烟风机", "smoke exhaust fan"),
    117: Labels("防火卷帘控制器", "fire shutter controller"),
    121: Labels("报警装置", "sounder"),
}
"""Parts that a residential building has; a number that is not here is shown as such."""


@dataclass(frozen=True, slots=True)
class SystemState:
    """Type 1: all of one system. `state` has the bits of SYSTEM_BITS."""

    system: int
    address: int
    state: int
    at: datetime | None = None

    @property
    def conditions(self) -> tuple[str, ...]:
        """Names of the bits that are set."""
        return _set_of(self.state, SYSTEM_BITS)


@dataclass(frozen=True, slots=True)
class PartState:
    """Type 2: one detector, button, module ... of a system; `text` is what its panel calls the place."""

    system: int
    address: int
    part: int
    part_address: int
    state: int
    text: str = ""
    at: datetime | None = None

    @property
    def conditions(self) -> tuple[str, ...]:
        """Names of the bits that are set."""
        return _set_of(self.state, PART_BITS)


@dataclass(frozen=True, slots=True)
class Operation:
    """Type 4: somebody did something at the panel. `flags` has the bits of OPERATION_BITS."""

    system: int
    address: int
    flags: int
    operator: int
    at: datetime | None = None

    @property
    def conditions(self) -> tuple[str, ...]:
        """Names of what was done."""
        return _set_of(self.flags, OPERATION_BITS)


@dataclass(frozen=True, slots=True)
class TransmitterState:
    """Type 21: the transmitter itself."""

    state: int
    at: datetime | None = None

    @property
    def conditions(self) -> tuple[str, ...]:
        """Names of the bits that are set."""
        return _set_of(self.state, TRANSMITTER_BITS)


FireUnit = SystemState | PartState | Operation | TransmitterState


def decode_units(data: bytes) -> tuple[FireUnit, ...] | Fault:
    """The objects of a packet's data; a Fault for another type, a count of none, and a length that is not that of the count."""
    if len(data) < 2:
        return Fault(Reason.SHORT_ANSWER, f"{len(data)} bytes are no data unit")
    kind, count, body = data[0], data[1], data[2:]
    shape = _SHAPES.get(kind)
    if shape is None:
        return Fault(Reason.UNDECODABLE, f"data units of type {kind} are not decoded")
    size, read = shape
    if count == 0 or len(body) != count * size:
        return Fault(Reason.GARBAGE, f"{len(body)} bytes are not {count} objects of {size}")
    return tuple(read(body[i : i + size]) for i in range(0, len(body), size))


def encode_units(*units: FireUnit) -> bytes:
    """The data of a packet with these objects, which are of one type."""
    kinds = {_TYPE_OF[type(unit)] for unit in units}
    if len(kinds) != 1:
        raise ValueError("a data unit holds objects of one type, and at least one")
    return bytes((kinds.pop(), len(units))) + b"".join(_object(unit) for unit in units)


def _set_of(state: int, bits: Mapping[str, Labels]) -> tuple[str, ...]:
    return tuple(name for i, name in enumerate(bits) if state >> i & 1)


def _text(data: bytes) -> str:
    """Up to the first NUL; a character that is cut in two at the end is left out."""
    text = data.partition(b"\0")[0].decode("gb18030", "ignore")
    return "".join(c if c.isprintable() else " " for c in text).strip()


def _system(data: bytes) -> SystemState:
    return SystemState(data[0], data[1], int.from_bytes(data[2:4], "little"), moment_of(data[4:10]))


def _part(data: bytes) -> PartState:
    address, state = int.from_bytes(data[3:7], "little"), int.from_bytes(data[7:9], "little")
    return PartState(data[0], data[1], data[2], address, state, _text(data[9:40]), moment_of(data[40:46]))


def _operation(data: bytes) -> Operation:
    return Operation(data[0], data[1], data[2], data[3], moment_of(data[4:10]))


def _transmitter(data: bytes) -> TransmitterState:
    return TransmitterState(data[0], moment_of(data[1:7]))


_SHAPES: Final[Mapping[int, tuple[int, Callable[[bytes], FireUnit]]]] = {
    1: (10, _system),
    2: (46, _part),
    4: (10, _operation),
    21: (7, _transmitter),
}
_TYPE_OF: Final[Mapping[type, int]] = {SystemState: 1, PartState: 2, Operation: 4, TransmitterState: 21}


def _object(unit: FireUnit) -> bytes:
    if isinstance(unit, TransmitterState):
        return bytes((unit.state,)) + moment_bytes(unit.at)
    head = bytes((unit.system, unit.address))
    if isinstance(unit, SystemState):
        return head + unit.state.to_bytes(2, "little") + moment_bytes(unit.at)
    if isinstance(unit, Operation):
        return head + bytes((unit.flags, unit.operator)) + moment_bytes(unit.at)
    text = unit.text.encode("gb18030")[:_TEXT_BYTES].ljust(_TEXT_BYTES, b"\0")
    place = bytes((unit.part,)) + unit.part_address.to_bytes(4, "little") + unit.state.to_bytes(2, "little")
    return head + place + text + moment_bytes(unit.at)
