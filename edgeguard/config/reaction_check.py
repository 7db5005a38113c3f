"""`[[reaction]]`: which alarm acts on which output, checked against the devices, alarms and points that there are."""

from collections.abc import Mapping, Sequence
from typing import Any

from edgeguard.config.interlock_check import requirements
from edgeguard.config.mistakes import Mistakes, did_you_mean
from edgeguard.config.positions import KeyPath
from edgeguard.config.reaction_model import ReactionTable
from edgeguard.config.rows import FirstUse, table_rows, text_of
from edgeguard.core.ids import AlarmName, DeviceName, PointName, ReactionName
from edgeguard.core.interlock import PointRef, points_of
from edgeguard.core.point import Kind, Point, Value
from edgeguard.core.reaction import Mode, ReactionSpec
from edgeguard.core.rule_limits import MAX_REACTIONS
from edgeguard.core.site import DeviceSpec


def build_reactions(data: Mapping[str, Any], devices: Sequence[DeviceSpec], mistakes: Mistakes) -> tuple[ReactionSpec, ...]:
    """The reactions that are in order; every mistake in the others is added. `devices`: those without mistakes."""
    made: list[ReactionSpec] = []
    names, targets = FirstUse(mistakes, "reaction name"), FirstUse(mistakes, "target")
    alarms = {str(rule.name) for device in devices for rule in device.alarms}
    for i, row in table_rows(data, "reaction", mistakes, MAX_REACTIONS):
        path: KeyPath = ("reaction", i)
        names.claim((*path, "name"), text_of(row, "name"))
        raw = mistakes.examine(ReactionTable, row, path)
        if raw is None:
            continue
        if raw.alarm not in alarms:
            mistakes.add((*path, "alarm"), f'there is no alarm "{raw.alarm}"{did_you_mean(raw.alarm, alarms)}')
        targets.claim((*path, "target"), raw.target, advice="; two reactions on one output would undo each other")
        target = _target(raw, devices, path, mistakes)
        requires = requirements(raw.requires, DeviceName(raw.target.partition(".")[0]), devices, (*path, "requires"), mistakes)
        own = {one.text for one in requires if target in points_of(one.condition)}
        for at, text in enumerate(raw.requires):
            if text in own:
                mistakes.add((*path, "requires", at), f"speaks of {target} itself: a reaction cannot wait for its own output")
        if raw.longest is not None and raw.longest < raw.min_on:
            mistakes.add((*path, "longest"), "is shorter than min_on")
        made.append(
            ReactionSpec(
                name=ReactionName(raw.name),
                alarm=AlarmName(raw.alarm),
                target=target,
                value=raw.value,
                reset=raw.reset,
                mode=raw.mode,
                until=raw.until,
                requires=requires,
                min_on_ms=raw.min_on,
                min_off_ms=raw.min_off,
                per_hour=raw.per_hour,
                longest_ms=raw.longest,
                retries=raw.retries,
            )
        )
    return tuple(made)


def _target(raw: ReactionTable, devices: Sequence[DeviceSpec], path: KeyPath, mistakes: Mistakes) -> PointRef:
    name, _, point_name = raw.target.partition(".")
    ref = PointRef(DeviceName(name), PointName(point_name))
    device = next((one for one in devices if one.name == name), None)
    if device is None:
        mistakes.add((*path, "target"), f'there is no device "{name}"{did_you_mean(name, [one.name for one in devices])}')
        return ref
    writable = {str(one.name): one for one in device.profile.points if one.write is not None}
    point = writable.get(point_name)
    if point is None:
        mistakes.add(
            (*path, "target"), f'{name} has no point "{point_name}" that can be written{did_you_mean(point_name, writable)}'
        )
        return ref
    for key, value in (("value", raw.value), ("reset", raw.reset)):
        if value is not None and (wrong := _unfit(point, value)):
            mistakes.add((*path, key), wrong)
    if raw.reset is not None and raw.reset == raw.value:
        mistakes.add((*path, "reset"), "is the value itself; leave it out where nothing is to be switched back")
    if raw.reset is None and raw.mode is not Mode.OFF:
        mistakes.note(path, f"has no reset: {raw.target} stays as it is when the alarm is over")
    interlock = device.interlocks.get(point.name)
    texts = () if interlock is None else tuple(one.text for one in interlock.requires if ref in points_of(one.condition))
    if texts and raw.reset is not None:
        trap = f'"{texts[0]}" speaks of {ref} itself, so that what is switched on could never be switched back'
        mistakes.add((*path, "target"), f"its interlock [device.interlock.{point_name}] {trap}")
    if point.write is not None and not point.write.harmless and (interlock is None or not interlock.requires):
        advice = f"[device.interlock.{point_name}] requires = [...]"
        mistakes.add((*path, "target"), f"{raw.target} can do harm and has no second condition, so it is never written: {advice}")
    return ref


def _unfit(point: Point, value: Value) -> str:
    """Why a point can never have a value; empty if it can."""
    if point.kind is Kind.BOOLEAN:
        return "" if isinstance(value, bool) else f"{point.name} is true or false"
    if point.kind is Kind.TEXT:
        texts = [labels.en for labels in point.choices.values()]
        return "" if value in texts else f"{value!r} is not the English text of a choice of {point.name}: {', '.join(texts)}"
    if isinstance(value, bool | str):
        return f"{point.name} is a number"
    rule = point.write
    low = None if rule is None else rule.minimum
    high = None if rule is None else rule.maximum
    if (low is not None and value < low) or (high is not None and value > high):
        return f"{value:g} lies outside of what may be written, {low:g} to {high:g}"
    return ""
