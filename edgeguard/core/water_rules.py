"""Rules of water: leaks by the flow of the night, and what fire water must have at any time."""

from typing import Final

from edgeguard.core.alarm import Severity
from edgeguard.core.domain import DomainRule, Family
from edgeguard.core.point import Labels

NIGHT_FLOW: Final = DomainRule(
    "night-flow",
    Family.WATER,
    ways=(("water.volume",), ("water.flow",)),
    severity=Severity.MINOR,
    text=Labels("夜间最小流量偏高,可能漏水", "Much water flows at night: there may be a leak"),
    advice=Labels(
        "逐级关阀排查:水箱浮球、马桶、埋地管;与分区水表对照",
        "Close valves one after the other: float valves, toilets, buried pipes; compare with the zone meters",
    ),
    source="minimum night flow as CJJ 92 uses it for districts; 40 % of the day's mean in the quietest hour between 2 and 5, two"
    " nights in a row, is a guess",
    limit=40.0,
    unit="%",
)
FIRE_PRESSURE: Final = DomainRule(
    "fire-pressure-low",
    Family.WATER,
    ways=(("fire.pressure",),),
    severity=Severity.CRITICAL,
    text=Labels("消防管网压力低", "Fire main pressure low"),
    advice=Labels("检查稳压泵、高位水箱和管网泄漏", "Check jockey pump, roof tank, leaks of the main"),
    source="GB 50974-2014, 5.2.2: standing pressure at the worst hydrant of high residential buildings at least 0.07 MPa"
    " (0.10 MPa for public ones and sprinklers)",
    limit=0.7,
    unit="bar",
    on_delay_ms=30_000,
    off_delay_ms=30_000,
)
FIRE_LEVEL: Final = DomainRule(
    "fire-level-low",
    Family.WATER,
    ways=(("fire.level",),),
    severity=Severity.CRITICAL,
    text=Labels("消防水箱水位低", "Fire water tank low"),
    advice=Labels("检查补水阀和浮球;确认未被挪用", "Check filling valve and float; see that nobody draws from it"),
    source="GB 50974-2014 wants a low-level alarm; the level that still holds the fire volume is the site's: 1.0 m is a guess",
    limit=1.0,
    unit="m",
    on_delay_ms=60_000,
    off_delay_ms=60_000,
)
FIRE_VALVE: Final = DomainRule(
    "fire-valve-closed",
    Family.WATER,
    ways=(("fire.valve-open",),),
    severity=Severity.CRITICAL,
    text=Labels("消防阀门未全开", "Fire valve is not open"),
    advice=Labels("打开阀门并加锁;查明谁关的", "Open it and lock it; find out who closed it"),
    source="GB 50974-2014, operation: valves of the fire main stand open and locked; 1 min is a guess",
    on_delay_ms=60_000,
)
FIRE_PUMP: Final = DomainRule(
    "fire-pump-running",
    Family.WATER,
    ways=(("fire.pump-running",),),
    severity=Severity.MAJOR,
    text=Labels("消防泵已启动", "Fire pump runs"),
    advice=Labels("确认火情或巡检;检查管网", "Make sure whether it is a fire or a test; look at the main"),
    source="GB 50974-2014 (the pump's state is told to the control room)",
    on_delay_ms=2_000,
)
WATER_RULES: Final = (NIGHT_FLOW, FIRE_PRESSURE, FIRE_LEVEL, FIRE_VALVE, FIRE_PUMP)
