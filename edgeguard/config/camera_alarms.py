"""The alarms that every camera has without saying so: a camera that does not see what it should is somebody's business, and so is
what falls past one that looks for it.

What is judged and how long it must last before it counts stands in vision.blindness; the delays here come on top of that.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from edgeguard.config.mistakes import Mistakes
from edgeguard.config.overrides import override_alarms, rule_of
from edgeguard.config.positions import KeyPath
from edgeguard.core.alarm import AlarmRule, AlarmTraits, Condition, Severity
from edgeguard.core.blindness import Blindness
from edgeguard.core.camera import FALL_ALARM, Task
from edgeguard.core.ids import CameraName, DeviceName
from edgeguard.core.point import Labels
from edgeguard.core.profile import AlarmTemplate

_OFF_MS: Final = 10_000
_LOST_MS: Final = 20_000
"""A camera that only starts anew is no alarm."""
_FAILED_MS: Final = 30_000
_WIRE: Final = Labels(
    "检查摄像头供电、网线和交换机;edgeguard cameras 显示原因",
    "Look at its power, cable and switch; edgeguard cameras shows why",
)
_LENS: Final = Labels("到现场查看镜头:清洁、除去遮挡、重新对焦", "Look at the lens on the spot: clean it, free it, focus it")
_VIEW: Final = Labels(
    "恢复原来的朝向,或重新标定:edgeguard camera NAME --setup,然后 --accept-view",
    "Turn it back, or set it up anew: edgeguard camera NAME --setup, then --accept-view",
)
_LOAD: Final = Labels(
    "降低摄像头的分辨率或帧率,或换更快的主机", "Lower its resolution or rate in the camera, or use a faster machine"
)
_FALL: Final = Labels(
    "查看证据:edgeguard evidence list,再 show 或 export;确认地面无人受伤",
    "See that nobody is hurt; look at the evidence: edgeguard evidence list, then show or export",
)
_Facts = tuple[Severity, str, str, Labels, int]

BLIND_ALARMS: Final[Mapping[Blindness, _Facts]] = MappingProxyType(
    {
        Blindness.FAILED: (Severity.MAJOR, "摄像头处理进程未运行", "No process looks at the camera", _WIRE, _FAILED_MS),
        Blindness.LOST: (Severity.MAJOR, "摄像头没有图像", "The camera gives no picture", _WIRE, _LOST_MS),
        Blindness.FROZEN: (Severity.MAJOR, "摄像头画面冻结", "The camera shows the same picture again and again", _WIRE, 0),
        Blindness.BLACK: (Severity.MAJOR, "摄像头画面全黑", "The camera shows black", _LENS, 0),
        Blindness.COVERED: (Severity.MAJOR, "摄像头镜头被遮挡", "The camera is covered", _LENS, 0),
        Blindness.BLURRED: (Severity.MAJOR, "摄像头画面模糊", "The camera is blurred", _LENS, 0),
        Blindness.MOVED: (
            Severity.MAJOR,
            "摄像头已移位,标定暂停使用",
            "The camera has been moved; what was set up for its view does not count",
            _VIEW,
            0,
        ),
        Blindness.OVERLOAD: (Severity.MINOR, "主机处理不过来,摄像头丢帧", "The machine cannot keep up with the camera", _LOAD, 0),
    }
)
"""Rain and shaking are told as health events alone: nobody can mend the weather."""
_PARENTS: Final = (Blindness.FAILED, Blindness.LOST)
"""Each explains what comes after it: without a process there is no stream, without a stream no picture."""


def camera_alarms(camera: CameraName, row: Mapping[str, Any], path: KeyPath, mistakes: Mistakes) -> tuple[AlarmRule, ...]:
    """The camera's alarms with `[camera.alarms.NAME]` applied to them; mistakes in those tables are added."""
    owner = DeviceName(camera)
    templates = {trouble.value: _template(trouble) for trouble in BLIND_ALARMS}
    if row.get("task") == Task.FALLING.value:
        templates[FALL_ALARM] = _fall()
    override_alarms(owner, templates, {}, row, path, mistakes, "a camera")
    return tuple(rule_of(owner, template, common=True) for template in templates.values())


def _fall() -> AlarmTemplate:
    """It stays until somebody has acknowledged it. No parents: what was seen before the camera was lost was seen."""
    return AlarmTemplate(
        name=FALL_ALARM,
        condition=Condition.WATCHED,
        severity=Severity.MAJOR,
        text=Labels("高空抛物", "Something fell past the facade"),
        on_delay_ms=0,
        off_delay_ms=0,
        advice=_FALL,
        has_limit=False,
        traits=AlarmTraits(latching=True),
    )


def _template(trouble: Blindness) -> AlarmTemplate:
    severity, zh, en, advice, on_delay_ms = BLIND_ALARMS[trouble]
    before = _PARENTS[: _PARENTS.index(trouble)] if trouble in _PARENTS else _PARENTS
    return AlarmTemplate(
        name=trouble.value,
        condition=Condition.WATCHED,
        severity=severity,
        text=Labels(zh, en),
        on_delay_ms=on_delay_ms,
        off_delay_ms=_OFF_MS,
        advice=advice,
        has_limit=False,
        traits=AlarmTraits(parents=tuple(parent.value for parent in before)),
    )
