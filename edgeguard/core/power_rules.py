"""Rules of electric supplies: what GB/T 12325, GB/T 15543 and the terms of supply bound."""

from typing import Final

from edgeguard.core.alarm import Severity
from edgeguard.core.domain import DomainRule, Family
from edgeguard.core.point import Labels

NOMINAL_V: Final = 220.0
PHASES: Final = ("l1", "l2", "l3")
_ZH: Final = {"l1": "A相", "l2": "B相", "l3": "C相", "n": "N"}.get
_THREE: Final = tuple(f"electric.voltage.{phase}" for phase in PHASES)
_CHECK_V: Final = Labels("检查变压器分接头、零线和接线;通知供电部门", "Check tap changer, neutral and terminals; tell the supplier")


def _each_phase(name: str, zh: str, en: str, limit: float) -> tuple[DomainRule, ...]:
    """One rule for each phase of a three-phase supply; `limit` in volts to neutral."""
    return tuple(
        DomainRule(
            f"{name}-{phase}",
            Family.POWER,
            ways=((f"electric.voltage.{phase}",),),
            severity=Severity.MAJOR,
            text=Labels(f"{_ZH(phase)}{zh}", f"{en} {phase.upper()}"),
            advice=_CHECK_V,
            source="GB/T 12325-2008: three-phase supplies up to 20 kV within 7 % of the nominal voltage, here 220 V to neutral",
            limit=limit,
            unit="V",
            on_delay_ms=60_000,
            off_delay_ms=60_000,
        )
        for phase in PHASES
    )


OVER_VOLTAGE: Final = _each_phase("over-voltage", "过电压", "Over-voltage", 235.4)
UNDER_VOLTAGE: Final = _each_phase("under-voltage", "欠电压", "Under-voltage", 204.6)
SINGLE: Final = (
    DomainRule(
        "over-voltage",
        Family.POWER,
        ways=(("electric.voltage",),),
        severity=Severity.MAJOR,
        text=Labels("过电压", "Over-voltage"),
        advice=_CHECK_V,
        source="GB/T 12325-2008: single-phase supplies of 220 V at most 7 % above",
        limit=235.4,
        unit="V",
        on_delay_ms=60_000,
        off_delay_ms=60_000,
    ),
    DomainRule(
        "under-voltage",
        Family.POWER,
        ways=(("electric.voltage",),),
        severity=Severity.MAJOR,
        text=Labels("欠电压", "Under-voltage"),
        advice=_CHECK_V,
        source="GB/T 12325-2008: single-phase supplies of 220 V at most 10 % below",
        limit=198.0,
        unit="V",
        on_delay_ms=60_000,
        off_delay_ms=60_000,
    ),
)
PHASE_LOSS: Final = DomainRule(
    "phase-loss",
    Family.POWER,
    ways=(_THREE,),
    severity=Severity.CRITICAL,
    text=Labels("缺相", "A phase is lost"),
    advice=Labels("检查熔断器、断路器和接线端子;先停三相电机", "Stop three-phase motors first; check fuses, breaker, terminals"),
    source="a guess: one phase below half of 220 V while another stands above 80 % of it",
    limit=110.0,
    unit="V",
    on_delay_ms=2_000,
    off_delay_ms=5_000,
    explains=tuple(f"under-voltage-{phase}" for phase in PHASES),
)
UNBALANCE: Final = (
    DomainRule(
        "voltage-unbalance",
        Family.POWER,
        ways=(_THREE,),
        severity=Severity.MINOR,
        text=Labels("三相电压不平衡", "Voltages unbalanced"),
        advice=Labels("检查单相负荷分配和零线", "Check how single-phase loads are shared out, and the neutral"),
        source="GB/T 15543-2008: 2 % in normal operation; exact from line voltages, from phase voltages by the largest deviation"
        " from the mean, which takes in the zero sequence too",
        limit=2.0,
        unit="%",
        on_delay_ms=600_000,
        off_delay_ms=60_000,
    ),
    DomainRule(
        "voltage-unbalance-high",
        Family.POWER,
        ways=(_THREE,),
        severity=Severity.MAJOR,
        text=Labels("三相电压严重不平衡", "Voltages badly unbalanced"),
        advice=Labels("检查零线是否断开、单相大负荷和熔断器", "Look for a broken neutral, a large single-phase load, a blown fuse"),
        source="GB/T 15543-2008: 4 % for short times",
        limit=4.0,
        unit="%",
        on_delay_ms=60_000,
        off_delay_ms=60_000,
        explains=("voltage-unbalance",),
    ),
)
OVERLOAD: Final = DomainRule(
    "overload",
    Family.POWER,
    ways=(("electric.load",),),
    severity=Severity.MAJOR,
    text=Labels("过载", "Overload"),
    advice=Labels("减载;检查新接入的负荷", "Take load off; look for what was connected lately"),
    source="the source's own rating",
    limit=100.0,
    unit="%",
    on_delay_ms=60_000,
    off_delay_ms=30_000,
)
POWER_FACTOR: Final = DomainRule(
    "power-factor-low",
    Family.POWER,
    ways=(("electric.power-factor", "electric.power"),),
    severity=Severity.MINOR,
    text=Labels("功率因数低", "Power factor low"),
    advice=Labels("检查电容补偿柜和空载电机", "Check the capacitor bank, and motors that idle"),
    source="the tariff adjustment by power factor: 0.85 for supplies other than large ones (0.90); judged above 10 kW, a guess",
    limit=0.85,
    on_delay_ms=1_800_000,
    off_delay_ms=600_000,
)
TERMINAL_HOT: Final = DomainRule(
    "terminal-hot",
    Family.POWER,
    ways=tuple((f"electric.temperature.{place}",) for place in (*PHASES, "n")),
    severity=Severity.MAJOR,
    text=Labels("接线端子过热", "A terminal is hot"),
    advice=Labels("停电紧固端子;用红外检查", "Tighten the terminal with the supply off; look at it with an infrared camera"),
    source="DL/T 664: joints above 90 °C are a serious defect; PVC wire bears 70 °C",
    limit=90.0,
    unit="°C",
    on_delay_ms=60_000,
    off_delay_ms=60_000,
)
POWER_RULES: Final = (*OVER_VOLTAGE, *UNDER_VOLTAGE, *SINGLE, PHASE_LOSS, *UNBALANCE, OVERLOAD, POWER_FACTOR, TERMINAL_HOT)
