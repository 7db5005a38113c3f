"""The alarm that every device with switched outputs has without saying so: an output is not as this gateway has last written it.

Most relay boards tell nothing but the state of their outputs. This is how one shows that it has lost its supply and begun anew,
that its watchdog has let go, or that somebody else has switched it.
"""

from collections.abc import Collection
from typing import Final

from edgeguard.core.alarm import Condition, Severity
from edgeguard.core.ids import PointName
from edgeguard.core.line_limits import OUTPUT_CHANGED_MS
from edgeguard.core.point import Labels
from edgeguard.core.profile import AlarmTemplate, DeviceProfile
from edgeguard.core.register import Table

OUTPUT_CHANGED: Final = "output-changed"


def outputs_of(profile: DeviceProfile) -> tuple[PointName, ...]:
    """The coils that can be written."""
    placed = zip(profile.points, profile.fields, strict=bool(profile.fields))
    return tuple(point.name for point, field in placed if point.write is not None and field.table is Table.COIL)


def output_alarms(profile: DeviceProfile, own: Collection[str] = ()) -> tuple[AlarmTemplate, ...]:
    """That alarm, unless there is an alarm of its name already."""
    if OUTPUT_CHANGED in own or not outputs_of(profile):
        return ()
    return (
        AlarmTemplate(
            name=OUTPUT_CHANGED,
            condition=Condition.WATCHED,
            severity=Severity.MAJOR,
            text=Labels("输出状态与最后一次写入不符", "Output is not as it was written last"),
            on_delay_ms=OUTPUT_CHANGED_MS,
            advice=Labels(
                "检查模块是否曾断电重启、通信看门狗是否动作、是否有人就地或由其他主站操作",
                "Check whether the module has lost its supply, its watchdog has let go, or somebody else has switched it",
            ),
            has_limit=False,
        ),
    )
