"""Rules of pumps, of pump sets with their sensors, and of sumps."""

from typing import Final

from edgeguard.core.alarm import Condition, Severity
from edgeguard.core.domain import DomainRule, Family
from edgeguard.core.point import Labels

TURNING: Final = ("pump.speed", "pump.frequency", "pump.running")
"""What tells that a pump turns, the best first: a pump may be switched on and stand still."""

DRY_RUN: Final = DomainRule(
    "dry-run",
    Family.PUMP,
    ways=(("pump.dry-run",), *((turning, "tank.level") for turning in TURNING)),
    severity=Severity.CRITICAL,
    text=Labels("水泵缺水干转", "Pump runs dry"),
    advice=Labels(
        "检查进水阀、水箱液位和吸水管;干转会烧毁机封",
        "Check inlet valve, tank level, suction pipe at once: the seal burns",
    ),
    source="the pump's own protection, else the level above the intake: 0.2 m is a guess, set it to the height of the suction mouth"
    " and twice its diameter",
    limit=0.2,
    unit="m",
    on_delay_ms=3_000,
    off_delay_ms=10_000,
    explains=("pump-alarm", "low-pressure"),
)
NO_FLOW: Final = DomainRule(
    "no-flow",
    Family.PUMP,
    ways=tuple((turning, "pump.flow") for turning in TURNING),
    severity=Severity.MAJOR,
    text=Labels("水泵运转无流量", "Pump turns without flow"),
    advice=Labels("检查阀门、止回阀、气堵和联轴器", "Check valves, check valve, air in the pump, coupling"),
    source="a guess: a pump at shut-off heats its water; controllers stop one within a minute, 5 min leaves room for low demand",
    limit=0.05,
    unit="m3/h",
    on_delay_ms=300_000,
)
LOW_PRESSURE: Final = DomainRule(
    "low-pressure",
    Family.PUMP,
    ways=(("pump.discharge-pressure",), ("water.pressure",)),
    severity=Severity.MAJOR,
    text=Labels("供水压力低", "Supply pressure low"),
    advice=Labels("检查水泵、爆管和进水", "Check the pumps, look for a burst pipe, check the inlet"),
    source="a guess, far below any working pressure of a riser: set it around the set's own setpoint",
    limit=1.5,
    unit="bar",
    on_delay_ms=30_000,
    off_delay_ms=10_000,
    side=Condition.LOW,
)
HIGH_PRESSURE: Final = DomainRule(
    "high-pressure",
    Family.PUMP,
    ways=(("pump.discharge-pressure",), ("water.pressure",)),
    severity=Severity.MAJOR,
    text=Labels("供水压力高", "Supply pressure high"),
    advice=Labels("检查压力设定、压力传感器和减压阀", "Check setpoint, pressure sensor, reducing valve"),
    source="GB 50015 wants taps below 0.35 MPa; at the pumps of a high riser more stands: 10 bar is a guess for PN 10 fittings",
    limit=10.0,
    unit="bar",
    on_delay_ms=10_000,
    off_delay_ms=10_000,
    side=Condition.HIGH,
)
SHORT_CYCLING: Final = DomainRule(
    "short-cycling",
    Family.PUMP,
    ways=tuple((turning,) for turning in TURNING),
    severity=Severity.MINOR,
    text=Labels("水泵启停频繁", "Pump starts too often"),
    advice=Labels(
        "检查气压罐预充压力、止回阀和启停压差",
        "Check the vessel's precharge, check valve, pressure difference",
    ),
    source="NEMA MG 10, table of allowed starts: 6-15 an hour for two-pole motors of 0.75-7.5 kW on the line; drives start softly,"
    " and 20 is a guess that leaves healthy sets alone",
    limit=20.0,
    unit="1/h",
)
SUMP_HIGH: Final = DomainRule(
    "sump-high",
    Family.PUMP,
    ways=(("sump.high",), ("sump.level",)),
    severity=Severity.CRITICAL,
    text=Labels("集水坑高液位", "Sump level high"),
    advice=Labels("检查潜污泵、浮球和排出管;防止地下室进水", "Check sewage pumps, floats, pressure pipe: the basement floods"),
    source="GB 50015 wants an alarm at the sump's overflow level; without a float switch 1.5 m is a guess",
    limit=1.5,
    unit="m",
    on_delay_ms=10_000,
    off_delay_ms=10_000,
)
PUMP_RULES: Final = (DRY_RUN, NO_FLOW, LOW_PRESSURE, HIGH_PRESSURE, SHORT_CYCLING, SUMP_HIGH)

ALL_OUT: Final = DomainRule(
    "all-out",
    Family.PUMPSET,
    ways=(("pump.fault",), ("pump.unavailable",)),
    severity=Severity.CRITICAL,
    text=Labels("泵组全部退出", "No pump of the set can run"),
    advice=Labels("检查电源、控制柜和各泵故障", "Check supply, control cabinet, the fault of each pump"),
    source="GB 50015 (a set has a standby pump): a set without any is an outage",
    on_delay_ms=5_000,
)
IMBALANCE: Final = DomainRule(
    "alternation",
    Family.PUMPSET,
    ways=tuple((turning,) for turning in TURNING),
    severity=Severity.MINOR,
    text=Labels("水泵轮换不均", "Pumps do not take turns"),
    advice=Labels("检查轮换设置和备用泵是否能启动", "Check the alternation setting, and whether the standby pump starts at all"),
    source="GB 50015 (pumps alternate by themselves); 85 % of a week's run time on one pump is a guess",
    limit=85.0,
    unit="%",
)
CHECK_VALVE: Final = DomainRule(
    "check-valve",
    Family.PUMPSET,
    ways=tuple(
        (turning, pressure, "supply.flow") for turning in TURNING for pressure in ("pump.discharge-pressure", "water.pressure")
    ),
    severity=Severity.MINOR,
    text=Labels("止回阀或管段渗漏:停泵无用水仍掉压", "Pressure falls at rest without use: check valve or pipe leaks"),
    advice=Labels("检查各泵止回阀和泵组间管段", "Check the check valve of each pump and the pipes between them"),
    source="a guess: 0.3 bar within 10 min of rest without flow",
    limit=0.3,
    unit="bar",
)
PUMPSET_RULES: Final = (ALL_OUT, IMBALANCE, CHECK_VALVE)
