"""What a scan has found, as configuration: text that `edgeguard check` accepts, with what is doubtful said in comments. Pure."""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from edgeguard.control.scan_views import FoundView, ScanView, ScoreView

_LINE: Final = re.compile(r"(\d+) (\d)([NEO])(\d)\Z")
_SHOWN: Final = 3
_CLOSE: Final = 0.9


@dataclass(frozen=True, slots=True)
class BusPlace:
    """The bus that was scanned: its name, `key` and `where` of its row (`port`, a path; `url`, a URL), and its own settings.

    `exists`: its row is there already. `configured`: the names of devices that have rows on it, by address.
    """

    name: str
    key: str
    where: str
    line: str
    exists: bool
    configured: Mapping[str, str] | None = None


def snippet(scan: ScanView, place: BusPlace, taken: Collection[str] = ()) -> str:
    """[[bus]] and [[device]] rows; devices that no profile fits, and those that have a row already, stand in comments."""
    own = place.line or _commonest(scan)
    blocks = [] if place.exists else [_bus(place, own)]
    names, addresses = set(taken), set()
    for found in scan.found:
        if known := known_as(found, place):
            blocks.append(_known(found, known))
            continue
        name = _name(found, names)
        names.add(name)
        blocks.append(_device(found, name, place.name, own, found.address in addresses))
        addresses.add(found.address)
    return "\n".join(blocks)


def _commonest(scan: ScanView) -> str:
    lines = [found.line for found in scan.found if found.line]
    return max(lines, key=lines.count) if lines else ""


def _bus(place: BusPlace, own: str) -> str:
    rows = ["[[bus]]", f'name = "{place.name}"', f"{place.key} = {json.dumps(place.where, ensure_ascii=False)}"]
    if place.key == "port":
        rows += _settings(own, "")
    return "\n".join([*rows, ""])


def _settings(line: str, own: str) -> list[str]:
    """The keys in which a line differs from the bus's own."""
    match, base = _LINE.match(line), _LINE.match(own)
    if match is None or line == own:
        return []
    rows = [f"baudrate = {match[1]}"] if base is None or match[1] != base[1] else []
    rows += [f'parity = "{match[3]}"'] if base is None or match[3] != base[3] else []
    if match[4] != (base[4] if base else "1"):
        rows.append(f"stopbits = {match[4]}")
    return rows


def known_as(found: FoundView, place: BusPlace) -> str:
    """The name of the row that this device has already; empty if it has none."""
    return found.configured or (place.configured or {}).get(found.address, "")


def _known(found: FoundView, name: str) -> str:
    """A device that has a row already: how it answers, which may differ from what the row says."""
    line = found.line and f" at {found.line}"
    return f"# {name} is in the configuration already; it answers{line}\n"


def _device(found: FoundView, name: str, bus: str, own: str, shared: bool) -> str:
    best = found.best
    address = found.address if found.protocol == "modbus" else f'"{found.address}"'
    remarks = [f"# {found.said.en}"] if found.said.en else []
    rows = ["[[device]]", f'name = "{name}"', f'bus = "{bus}"', f"address = {address}"]
    rows += ["shared_address = true"] if shared else []
    rows += _settings(found.line, own)
    if best is None:
        variant = f" {found.variant}" if found.variant else ""
        remarks.append(f"# no profile fits this {found.protocol}{variant} device; write one: edgeguard profile new")
        return "\n".join([*remarks, *(f"# {row}" for row in rows), '# profile = "…"', ""])
    remarks += [f"# {text.en}" for text in best.speaks_for[:_SHOWN]]
    if found.doubtful:
        remarks.append(f"# compare with the display: {_doubt(found.scores)}")
    every = f"{found.every_s:g}s" if found.every_s == int(found.every_s) else f"{found.every_s * 1000:.0f}ms"
    return "\n".join([*remarks, *rows, f'profile = "{best.profile}"', f'every = "{every}"', ""])


def _doubt(scores: Sequence[ScoreView]) -> str:
    """Why a person should look."""
    others = [score.profile for score in scores[1:] if score.value > _CLOSE * scores[0].value]
    return f"{', '.join(others)} fits nearly as well" if others else "little speaks for this profile"


def _name(found: FoundView, taken: Collection[str]) -> str:
    """A name that is free: the kind of device, or the protocol, and its address."""
    best = found.best
    unknown = {"dlt645": "electricity-meter", "cjt188": "meter"}.get(found.protocol, "device")
    stem = best.kind if best is not None and best.kind != "other" else unknown
    tail = found.address.lstrip("0").lower() or "0"
    wanted, number = f"{stem}-{tail}"[:60], 2
    name = wanted
    while name in taken:
        name, number = f"{wanted}-{number}", number + 1
    return name
