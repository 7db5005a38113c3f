"""`[[group]]`: which devices belong together, checked against the devices that there are."""

from collections.abc import Mapping
from typing import Any

from edgeguard.config.domain_model import GroupTable
from edgeguard.config.mistakes import Mistakes, did_you_mean
from edgeguard.config.positions import KeyPath
from edgeguard.config.rows import FirstUse, table_rows, text_of
from edgeguard.core.domain import GroupSpec
from edgeguard.core.ids import DeviceName, GroupName
from edgeguard.core.point import Labels
from edgeguard.core.rule_limits import MAX_GROUPS


def build_groups(data: Mapping[str, Any], named: frozenset[str], mistakes: Mistakes) -> tuple[GroupSpec, ...]:
    """The groups that are in order; every mistake in the others is added. `named`: all devices, also those with mistakes."""
    groups: list[GroupSpec] = []
    names, members = FirstUse(mistakes, "group name"), FirstUse(mistakes, "device")
    for i, row in table_rows(data, "group", mistakes, MAX_GROUPS):
        path: KeyPath = ("group", i)
        names.claim((*path, "name"), text_of(row, "name"))
        raw = mistakes.examine(GroupTable, row, path)
        if raw is None:
            continue
        for k, device in enumerate(raw.devices):
            at = (*path, "devices", k)
            if device not in named:
                mistakes.add(at, f'there is no device "{device}"{did_you_mean(device, named)}')
            else:
                members.claim(at, device, advice="; a device belongs to one group at most")
        labels = raw.labels.value() if raw.labels else Labels(zh=raw.name, en=raw.name)
        groups.append(GroupSpec(GroupName(raw.name), tuple(DeviceName(name) for name in raw.devices), labels))
    return tuple(groups)
