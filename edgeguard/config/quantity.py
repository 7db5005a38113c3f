"""Durations and sizes as people write them, always with their unit. Pure: text in, ms or bytes out."""

import re
from collections.abc import Mapping
from typing import Final

_WRITTEN: Final = re.compile(r"(?P<number>[0-9]{1,12}(?:\.[0-9]{1,6})?) ?(?P<unit>[A-Za-z]{1,3})")
_MS_PER: Final[Mapping[str, int]] = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_BYTES_PER: Final[Mapping[str, int]] = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "kB": 10**3, "MB": 10**6, "GB": 10**9}


_NUMBER: Final = r"[0-9]{1,12}(\.[0-9]{1,6})? ?"
DURATION_PATTERN: Final = f"^{_NUMBER}({'|'.join(_MS_PER)})$"
SIZE_PATTERN: Final = f"^{_NUMBER}({'|'.join(_BYTES_PER)})$"
"""The same for JSON Schema."""


def duration_ms(written: object) -> int:
    """`"500ms"`, `"2s"`, `"15m"`, `"1h"`, `"30d"` as ms. ValueError with a sentence for anything else."""
    value = _quantity(written, _MS_PER, "a duration", '"500ms", "2s", "15m" or "1h"')
    if value != int(value):
        raise ValueError(f"{written} is finer than a millisecond")
    return int(value)


def size_bytes(written: object) -> int:
    """`"64KiB"`, `"256MiB"`, `"2GiB"` (or `kB`, `MB`, `GB`) as bytes. ValueError with a sentence for anything else."""
    return int(_quantity(written, _BYTES_PER, "a size", '"256MiB" or "2GiB"'))


def say_ms(duration_ms: int) -> str:
    """A duration in the shortest form that `duration_ms` takes."""
    for unit in ("d", "h", "m", "s"):
        if duration_ms and duration_ms % _MS_PER[unit] == 0:
            return f"{duration_ms // _MS_PER[unit]}{unit}"
    return f"{duration_ms}ms"


def say_bytes(size_bytes: int) -> str:
    """A size in the shortest form that `size_bytes` takes."""
    for unit in ("GiB", "MiB", "KiB"):
        if size_bytes and size_bytes % _BYTES_PER[unit] == 0:
            return f"{size_bytes // _BYTES_PER[unit]}{unit}"
    return f"{size_bytes}B"


def _quantity(written: object, units: Mapping[str, int], what: str, examples: str) -> float:
    # pydantic takes ValueError, and only that, for a mistake of the person who wrote it
    if isinstance(written, int | float) and not isinstance(written, bool):
        raise ValueError(f"{what} needs its unit in quotes, such as {examples}, not the bare number {written}")  # noqa: TRY004
    if not isinstance(written, str):
        raise ValueError(f"must be {what} such as {examples}")  # noqa: TRY004
    match = _WRITTEN.fullmatch(written.strip())
    if match is None:
        raise ValueError(f'"{written}" is not {what}; write a number and its unit, such as {examples}')
    unit = match["unit"]
    if unit not in units:
        raise ValueError(f'"{unit}" is not a unit of {what}; use one of {", ".join(units)}')
    return float(match["number"]) * units[unit]
