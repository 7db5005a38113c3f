"""Rules of lifts. Items of GB/T 24476 (what a lift's terminal tells of faults and events), judged from what the lift shows.

GB/T 24476 names the items and gives no times; the times here are guesses and say so.
"""

from typing import Final

from edgeguard.core.alarm import Severity
from edgeguard.core.domain import DomainRule, Family
from edgeguard.core.point import Labels

TRAPPED: Final = DomainRule(
    "trapped",
    Family.LIFT,
    ways=tuple(
        (who, motion, door)
        for who in ("lift.occupied", "lift.load")
        for motion in ("lift.speed", "lift.moving")
        for door in ("lift.door-open", "lift.door-closed")
    ),
    severity=Severity.CRITICAL,
    text=Labels("电梯困人:轿内有人,停止不动,门未打开", "Passenger trapped: the car stands, its door is shut"),
    advice=Labels(
        "通过对讲确认并安抚乘客,切断主电源后按规程救援;检查门机、门锁和安全回路",
        "Speak to the passenger, rescue by the book with the main switch off; check door operator, lock, safety circuit",
    ),
    source="GB/T 24476 (entrapment is an alarm of its own, confirmed by door, motion and occupancy); the delays are guesses:"
    " 30 s with a fault, a door fault or a stop outside the zone beside it, 120 s without",
    on_delay_ms=30_000,
    off_delay_ms=2_000,
    explains=("stopped-between-floors", "levelling-error", "door-not-opening", "door-not-closing"),
    kin=("lift.fault", "lift.door-fault", "lift.stop-outside-zone"),
    leads=True,
)
BETWEEN_FLOORS: Final = DomainRule(
    "stopped-between-floors",
    Family.LIFT,
    ways=(
        ("lift.stop-outside-zone",),
        ("lift.speed", "lift.door-zone"),
        ("lift.moving", "lift.door-zone"),
        ("lift.speed", "lift.travelling"),
    ),
    severity=Severity.CRITICAL,
    text=Labels("电梯停在两层之间", "Lift has stopped between two floors"),
    advice=Labels(
        "查看轿内是否有人;检查安全回路、曳引机电源和控制器故障码",
        "See whether somebody is in the car; check safety circuit, supply of the machine, fault code of the controller",
    ),
    source="GB/T 24476 (stop outside the unlocking zone); the delay of 15 s is a guess: longer than any stop for a re-plan",
    on_delay_ms=15_000,
    explains=("levelling-error",),
    kin=("lift.fault", "lift.stop-outside-zone"),
)
OVERSPEED: Final = DomainRule(
    "overspeed",
    Family.LIFT,
    ways=(("lift.speed", "lift.rated-speed"),),
    severity=Severity.CRITICAL,
    text=Labels("电梯超速", "Lift overspeed"),
    advice=Labels("停梯;检查限速器、制动器和变频器参数", "Take it out of service; check governor, brake, parameters of the drive"),
    source="GB/T 7588.1 (as EN 81-20, 5.6.2.2.1.1): the governor trips at 115 % of the rated speed at the earliest",
    limit=115.0,
    unit="%",
    on_delay_ms=1_000,
)
LEVELLING: Final = DomainRule(
    "levelling-error",
    Family.LIFT,
    ways=(
        ("lift.levelling-offset",),
        ("lift.speed", "lift.door-zone", "lift.door-closed"),
        ("lift.moving", "lift.door-zone", "lift.door-closed"),
    ),
    severity=Severity.MAJOR,
    text=Labels("电梯平层误差超限", "Lift does not level"),
    advice=Labels(
        "检查平层感应器、制动器和钢丝绳伸长;提防绊倒",
        "Somebody may trip: check levelling switches, brake, rope stretch",
    ),
    source="GB/T 7588.1 (as EN 81-20, 5.12.1.1.4): stopping within 10 mm, levelling kept within 20 mm; without an offset in mm the"
    " rule takes a door that is not closed outside the unlocking zone",
    limit=20.0,
    unit="mm",
    on_delay_ms=5_000,
    kin=("lift.stop-outside-zone",),
)
NOT_OPENING: Final = DomainRule(
    "door-not-opening",
    Family.LIFT,
    ways=(("lift.door-opening",),),
    severity=Severity.MAJOR,
    text=Labels("电梯门打不开", "Lift door does not open"),
    advice=Labels("检查门机、地坎异物和层门联动", "Check door operator, things in the sill, coupling of the landing door"),
    source="GB/T 24476 (door open fault); a door opens in 2-4 s, 15 s is a guess",
    on_delay_ms=15_000,
    kin=("lift.door-fault",),
)
NOT_CLOSING: Final = DomainRule(
    "door-not-closing",
    Family.LIFT,
    ways=(("lift.door-closing",),),
    severity=Severity.MAJOR,
    text=Labels("电梯门关不上", "Lift door does not close"),
    advice=Labels("检查光幕、地坎异物和门机", "Check light curtain, things in the sill, door operator"),
    source="GB/T 24476 (door close fault); 30 s is a guess",
    on_delay_ms=30_000,
    kin=("lift.door-fault",),
)
LIFT_RULES: Final = (TRAPPED, BETWEEN_FLOORS, OVERSPEED, LEVELLING, NOT_OPENING, NOT_CLOSING)
