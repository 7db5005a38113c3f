"""The alarms that a device of a profile has without a word of configuration, as people and programs are told."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from rich.table import Table

from edgeguard.cli.output import table
from edgeguard.cli.session import Lang
from edgeguard.cli.text import duration, label, number, value_text, word
from edgeguard.config.alarm_check import comms_lost
from edgeguard.config.output_alarms import output_alarms
from edgeguard.control.views import LabelsView
from edgeguard.core.alarm import Condition
from edgeguard.core.profile import AlarmTemplate, DeviceProfile

_SIGNS: Final[Mapping[Condition, str]] = MappingProxyType(
    {
        Condition.HIGH: ">",
        Condition.HIGH_HIGH: ">",
        Condition.LOW: "<",
        Condition.LOW_LOW: "<",
        Condition.EQUALS: "=",
        Condition.DIFFERS: "≠",
    }
)


def alarms_of(profile: DeviceProfile) -> tuple[AlarmTemplate, ...]:
    """Those of the profile, and those that a device has by its nature; rules of the house are told apart."""
    own = {alarm.name for alarm in profile.alarms}
    return (comms_lost(), *profile.alarms, *output_alarms(profile, own))


def alarm_table(profile: DeviceProfile, lang: Lang) -> Table:
    """A row each."""
    condition, text = lang.say("条件", "condition"), lang.say("说明", "text")
    made = table(lang.say("报警", "alarm"), lang.say("级别", "severity"), condition, text, wrap=(condition, text))
    for alarm in alarms_of(profile):
        labels = LabelsView(alarm.text.zh, alarm.text.en)
        made.add_row(alarm.name, word(alarm.severity.value, lang), condition_words(alarm, lang), label(labels, lang))
    return made


def condition_words(alarm: AlarmTemplate, lang: Lang) -> str:
    """When it comes: `voltage > 253, 10 s`."""
    parts = [_holds(alarm, lang)]
    if alarm.on_delay_ms:
        parts.append(f"{alarm.on_delay_ms / 1000:g} s")
    if alarm.traits.only_while is not None:
        parts.append(lang.say(f"仅当 {alarm.traits.only_while.text}", f"only while {alarm.traits.only_while.text}"))
    return ", ".join(parts)


def _holds(alarm: AlarmTemplate, lang: Lang) -> str:
    traits, limit = alarm.traits, value_text(alarm.limit, lang)
    if alarm.condition in _SIGNS:
        return f"{alarm.point} {_SIGNS[alarm.condition]} {limit}"
    if alarm.condition is Condition.COMMS_LOST:
        return lang.say("无应答", "no answer")
    if alarm.condition is Condition.WATCHED:
        return lang.say("输出与写入不符", "an output differs from what was written")
    if alarm.condition is Condition.WHEN:
        return traits.when.text if traits.when is not None else ""
    window, per = duration(traits.window_ms / 1000, lang), duration(traits.per_ms / 1000, lang)
    if alarm.condition is Condition.RATE:
        return lang.say(f"{alarm.point} 变化 > {limit} / {per}", f"{alarm.point} changes by > {limit} in {per}")
    if alarm.condition is Condition.STUCK:
        return lang.say(f"{alarm.point} 不变 {window}", f"{alarm.point} has not moved for {window}")
    if alarm.condition is Condition.DEVIATION:
        setpoint = number(traits.reference) if isinstance(traits.reference, float | int) else str(traits.reference).lstrip(".")
        return lang.say(f"{alarm.point} 偏离 {setpoint} > {limit}", f"{alarm.point} is off {setpoint} by > {limit}")
    return lang.say(f"{alarm.point} 无有效值", f"{alarm.point} has no good value")
