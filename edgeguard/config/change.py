"""What differs between two site files, and what of it a platform may not change. Pure: parsed TOML in, sentences out.

What is not known to be harmless is protected: a table that a later version brings cannot be changed from afar until it is listed.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from edgeguard.core.afar_limits import CHANGE_SHOWN, CHANGE_SHOWN_CHARS

FREE: Final = frozenset({"alarm", "bus", "device", "energy", "group", "history", "log", "maintenance", "meter", "tariff"})
"""Tables that a platform may change as it likes, but for the interlocks of devices and what these rest on (config.grounds)."""
FREE_UPLINK: Final = frozenset({"ack_timeout", "history_delay", "history_rate", "window"})
"""Keys of [uplink] that have nothing to do with whom the gateway speaks to, and as whom."""
NEVER: Final = frozenset({"gateway", "store", "control"})
"""Tables that nothing but a restart can apply, and that decide who may do what on the gateway itself."""
INTERLOCK: Final = "interlock"
WRITABLE: Final = "writable"
PERMITTED: Final = ("camera", "commands", "gate", "parking", "profiles", "reaction", "uplink", INTERLOCK, WRITABLE)
"""What `[commands] may_change` can name."""

_USERINFO: Final = re.compile(r"(?<=://)[^/@\s]+@")


def forbidden(old: Mapping[str, Any], new: Mapping[str, Any], may_change: frozenset[str]) -> tuple[str, ...]:
    """Every change that the platform may not make, one sentence each."""
    found = []
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name), new.get(name)
        if before == after or name in FREE or name in may_change:
            continue
        if name == "uplink" and isinstance(before, Mapping) and isinstance(after, Mapping):
            found += _uplink(before, after)
        else:
            found.append(sentence(f"[{name}]", name))
    return tuple(found) if INTERLOCK in may_change else (*found, *_interlocks(old, new))


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, ...]:
    """`device[pump-1].every: "2s" -> "5s"` for every value that differs; at most CHANGE_SHOWN, the last saying how many more."""
    before, after = _flat(old, ""), _flat(new, "")
    told = [
        f"{key}: {_shown(before.get(key))} -> {_shown(after.get(key))}"
        for key in dict.fromkeys((*before, *after))
        if before.get(key) != after.get(key)
    ]
    more = len(told) - CHANGE_SHOWN
    return (*told[:CHANGE_SHOWN], f"and {more} more") if more > 0 else tuple(told)


def _uplink(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    changed = (key for key in sorted(before.keys() | after.keys()) if before.get(key) != after.get(key))
    return [sentence(f"[uplink] {key}", "uplink") for key in changed if key not in FREE_UPLINK]


def _interlocks(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Devices that would get, lose or change an interlock; one that goes altogether takes its interlocks with it."""
    before, after = _of_devices(old), _of_devices(new)
    return [sentence(f"the interlocks of {name}", INTERLOCK) for name, locks in after.items() if locks != before.get(name, {})]


def _of_devices(data: Mapping[str, Any]) -> dict[str, Any]:
    rows = data.get("device", [])
    named = [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
    return {str(row.get("name")): row.get(INTERLOCK, {}) for row in named}


def sentence(what: str, name: str) -> str:
    """That a change is forbidden, and what would permit it."""
    if name in NEVER or name not in PERMITTED:
        return f"{what} may be changed on the gateway itself only"
    return f'{what} may be changed on the gateway itself only, unless its own file says: [commands] may_change = ["{name}"]'


def _flat(value: Any, path: str) -> dict[str, Any]:
    """Values by their path; tables of a list by their name where they have one."""
    if isinstance(value, Mapping):
        inner = ((f"{path}.{key}" if path else str(key), part) for key, part in value.items())
    elif isinstance(value, list) and value and all(isinstance(row, Mapping) for row in value):
        inner = ((f"{path}[{row.get('name', i)}]", row) for i, row in enumerate(value))
    else:
        return {path: value}
    return {key: part for where, row in inner for key, part in _flat(row, where).items()}


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return _USERINFO.sub("…@", text)[:CHANGE_SHOWN_CHARS]
