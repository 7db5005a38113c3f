"""Strict JSON for whatever comes from outside: no repeated keys, no NaN, no number that a double or 64 bits cannot hold.

A lenient reader is a way past a check: of two equal keys one is checked and the other used. Size is the caller's business and
is looked at before any byte is parsed; depth is counted before the parser recurses.
"""

import json
import math
import re
from collections.abc import Mapping
from typing import Final, NoReturn

from edgeguard.core.json_value import JsonValue

_STRING_OR_BRACKET: Final = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[\]{}]', re.DOTALL)
_WHOLE_BOUND: Final = 2**63


class JsonRefused(ValueError):
    """Not JSON as it is taken here; the message says why and where."""


def parse_strict_json(data: bytes, max_depth: int) -> object:
    """The value. JsonRefused with a sentence for the person who wrote the sender; `max_depth` counts nested brackets."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise JsonRefused(f"not UTF-8 at byte {error.start}") from None
    if _depth(text) > max_depth:
        raise JsonRefused(f"nested deeper than {max_depth}")
    try:
        raw = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_refuse_constant,
            parse_float=_float,
            parse_int=_int,
        )
    except json.JSONDecodeError as error:
        raise JsonRefused(f"not JSON: {error.msg} at character {error.pos}") from None
    if re.search(r"\\u[dD][89a-fA-F]", text) and not _encodable(raw):
        raise JsonRefused("a text holds half a surrogate pair")
    return raw


def _depth(text: str) -> int:
    """How deep brackets nest, those within texts not counted."""
    depth = deepest = 0
    for match in _STRING_OR_BRACKET.finditer(text):
        bracket = match.group()
        if bracket in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif bracket in "]}":
            depth -= 1
    return deepest


def _object(pairs: list[tuple[str, JsonValue]]) -> Mapping[str, JsonValue]:
    made = dict(pairs)
    if len(made) == len(pairs):
        return made
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise JsonRefused(f"the key {key[:40]!r} stands twice")
        seen.add(key)
    return made


def _refuse_constant(constant: str) -> NoReturn:
    raise JsonRefused(f"{constant} is not JSON")


def _float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise JsonRefused(f"the number {digits[:40]} is too large")
    return value


def _int(digits: str) -> int:
    if len(digits) > 20 or not -_WHOLE_BOUND <= int(digits) < _WHOLE_BOUND:
        raise JsonRefused(f"the number {digits[:40]} is too large")
    return int(digits)


def _encodable(raw: object) -> bool:
    try:
        json.dumps(raw, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
