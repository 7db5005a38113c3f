"""Lanes as the text of their tables, and that text put into a site's file where it belongs. Everything else of the file stays."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import Field

from edgeguard.config.lane_check import LaneTable, build_lanes
from edgeguard.config.mistakes import Mistakes, Table
from edgeguard.core.camera_limits import CAMERA_LANES
from edgeguard.core.errors import ConfigError
from edgeguard.core.lane import LaneSpec

_HEADER: Final = re.compile(r"\s*\[\[?([A-Za-z0-9_.\- \t\"']+)\]\]?\s*(#.*)?$")
_CAMERA: Final = re.compile(r"\s*\[\[\s*camera\s*\]\]")
_LANE: Final = re.compile(r"\s*\[\[\s*camera\s*\.\s*lane\s*\]\]")
_IDLE: Final = re.compile(r"\s*(#.*)?$")


class LanesTable(Table):
    """What a person has drawn."""

    lanes: list[LaneTable] = Field(default_factory=list, max_length=CAMERA_LANES)


def lanes_of(data: Mapping[str, Any], name: str) -> tuple[LaneSpec, ...]:
    """The lanes of `{"lanes": [...]}`; ConfigError with every mistake. `name` is what complaints call it."""
    mistakes = Mistakes(name)
    table = mistakes.examine(LanesTable, data, ())
    lanes = () if table is None else build_lanes(table.lanes, ("lanes",), mistakes)
    mistakes.raise_if_any()
    return lanes


def lane_text(lanes: Sequence[LaneSpec]) -> str:
    """Their tables, to stand below those of their camera."""
    blocks = []
    for lane in lanes:
        block = ["[[camera.lane]]", f'name = "{lane.name}"']
        if lane.polygon:
            block.append(f"polygon = {_spots(lane.polygon)}")
        if lane.line is not None:
            block.append(f"line = {_spots(lane.line)}")
        blocks.append("\n".join(block) + "\n")
    return "\n".join(blocks)


def lane_data(lane: LaneSpec) -> dict[str, Any]:
    """A lane as JSON, with the keys of its table."""
    told: dict[str, Any] = {"name": lane.name}
    if lane.polygon:
        told["polygon"] = [list(spot) for spot in lane.polygon]
    if lane.line is not None:
        told["line"] = [list(spot) for spot in lane.line]
    return told


def with_lanes(text: str, camera: str, lanes: Sequence[LaneSpec]) -> str:
    """The text of a site in which `camera` has these lanes and nothing else is other than it was.

    ConfigError where that cannot be done by putting tables in: the file is written in an unusual way.
    """
    data = tomllib.loads(text)
    rows = data.get("camera", [])
    index = next((i for i, row in enumerate(rows) if row.get("name") == camera), None)
    if index is None:
        raise ConfigError((f"there is no camera {camera}",))
    made = _put_in(text.splitlines(), index, lane_text(lanes))
    rows[index].pop("lane", None)
    if lanes:
        rows[index]["lane"] = tomllib.loads(lane_text(lanes).replace("camera.lane", "lane"))["lane"]
    try:
        same = tomllib.loads(made) == data
    except tomllib.TOMLDecodeError:
        same = False
    if not same:
        raise ConfigError((f"the lanes of {camera} cannot be put in without a person; copy the text below its [[camera]]",))
    return made


def _put_in(lines: Sequence[str], index: int, tables: str) -> str:
    """The file's lines, with the lanes of the camera's row taken out and `tables` at the row's end."""
    starts = [n for n, line in enumerate(lines) if _CAMERA.match(line)]
    if index >= len(starts):
        return "\n".join(lines)
    begin = starts[index]
    end = next((n for n in range(begin + 1, len(lines)) if _ends_row(lines[n])), len(lines))
    last = max(n for n in range(begin, end) if not _IDLE.match(lines[n])) + 1
    kept: list[str] = []
    within = False
    for line in lines[begin:last]:
        if _HEADER.match(line):
            within = _LANE.match(line) is not None
        if not within:
            kept.append(line)
    while _IDLE.match(kept[-1]):
        kept.pop()
    added = ["", *tables.splitlines()] if tables else []
    after = lines[last:]
    if added and after and after[0].strip():
        added.append("")
    return "\n".join([*lines[:begin], *kept, *added, *after]) + "\n"


def _ends_row(line: str) -> bool:
    found = _HEADER.match(line)
    return found is not None and not re.match(r"\s*camera\s*\.", found[1])


def _spots(spots: Sequence[tuple[float, float]]) -> str:
    return "[" + ", ".join(f"[{x:.4g}, {y:.4g}]" for x, y in spots) + "]"
