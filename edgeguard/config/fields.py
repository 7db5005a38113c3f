"""Field types that site and profile files share: ids, durations, labels, limits, dead-bands."""

import math
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from edgeguard.config.mistakes import Table, kind_of
from edgeguard.config.quantity import DURATION_PATTERN, SIZE_PATTERN, duration_ms, say_ms, size_bytes
from edgeguard.core.ids import ID_PATTERN, POINT_PATTERN
from edgeguard.core.limits import (
    MAX_ALARM_DELAY_MS,
    MAX_CHOICES_PER_POINT,
    MAX_PERIOD_MS,
    MAX_REQUEST_DELAY_MS,
    MAX_TEXT_CHARS,
    MAX_TIMEOUT_MS,
    MIN_PERIOD_MS,
    MIN_TIMEOUT_MS,
    ROLES_PER_POINT,
)
from edgeguard.core.line import BAUDRATES, Parity
from edgeguard.core.point import Labels


def _id(text: str) -> str:
    if ID_PATTERN.match(text) is None:
        raise ValueError(f'"{text}" is not an id: use 1 to 64 small letters, digits and hyphens, such as "pump-1"')
    return text


def _point_id(text: str) -> str:
    if POINT_PATTERN.match(text) is None:
        raise ValueError(f'"{text}" is not a point name: use small letters, digits and underscores, such as "flow_rate"')
    return text


def _one_line(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    if not text.isprintable():
        raise ValueError("must be one line without control characters")
    return text


def _within_ms(least_ms: int, most_ms: int) -> Callable[[int], int]:
    def check(value_ms: int) -> int:
        if value_ms < least_ms:
            raise ValueError(f"{say_ms(value_ms)} is too short: at least {say_ms(least_ms)}")
        if value_ms > most_ms:
            raise ValueError(f"{say_ms(value_ms)} is too long: at most {say_ms(most_ms)}")
        return value_ms

    return check


def _scalar(value: object) -> object:
    if not isinstance(value, bool | int | float | str):
        raise ValueError(f"must be a number, a text or true/false, not {kind_of(value)}")  # noqa: TRY004 (pydantic wants ValueError)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("must be a finite number")
    return value


def _anchored(pattern: re.Pattern[str]) -> str:
    """The same pattern for JSON Schema, which does not anchor by itself and knows no \\Z."""
    return f"^{pattern.pattern.removesuffix(chr(92) + 'Z')}$"


def _station(written: object) -> object:
    """A unit of Modbus, or the digits of a meter; which of them a device has, its profile says."""
    if isinstance(written, str):
        return written
    if not isinstance(written, int) or isinstance(written, bool):
        raise ValueError(f"must be a whole number, not {kind_of(written)}")  # noqa: TRY004
    return written


_PERCENT: Final = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?) ?%")


def _deadband(written: object) -> tuple[float, float]:
    """(absolute, percent) from a number in the point's unit or a text such as "2%"."""
    if isinstance(written, str):
        match = _PERCENT.fullmatch(written)
        if match is None:
            raise ValueError(f'"{written}" is not a dead-band: write a number in the point\'s unit, or a percentage such as "2%"')
        if not 0 < float(match[1]) <= 100:
            raise ValueError(f"{written} is out of range: more than 0% and at most 100%")
        return 0.0, float(match[1])
    if isinstance(written, bool) or not isinstance(written, int | float):
        raise ValueError(f'must be a number in the point\'s unit or a percentage such as "2%", not {kind_of(written)}')  # noqa: TRY004
    if not math.isfinite(written) or written < 0:
        raise ValueError(f"{written} is out of range: must be at least 0")
    return float(written), 0.0


_PARITIES: Final[Mapping[str, Parity]] = {
    **{parity.value: parity for parity in Parity},
    **{parity.name.lower(): parity for parity in Parity},
}


def _parity(written: object) -> object:
    if not isinstance(written, str):
        raise ValueError(f'must be "N", "E" or "O" (none, even, odd), not {kind_of(written)}')  # noqa: TRY004 (pydantic wants ValueError)
    parity = _PARITIES.get(written)
    if parity is None:
        raise ValueError(f'"{written}" is not a parity: "N", "E" or "O" (none, even, odd)')
    return parity


def _baudrate(value: int) -> int:
    if value not in BAUDRATES:
        nearest = min(BAUDRATES, key=lambda known: abs(known - value))
        raise ValueError(f"{value} is not a baud rate that devices use; the nearest is {nearest}")
    return value


# What an editor is told of texts that are read by a function; config.schema writes their defaults in the same way.
_AS_DURATION: Final = WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN, "examples": ["500ms", "2s", "15m", "1h"]})
_AS_SIZE: Final = WithJsonSchema({"type": "string", "pattern": SIZE_PATTERN, "examples": ["256MiB", "2GiB"]})
_AS_LIMIT: Final = WithJsonSchema({"type": ["boolean", "number", "string"]})
_AS_DEADBAND: Final = WithJsonSchema(
    {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": f"^{_PERCENT.pattern}$"}]}
)
_AS_ID: Final = WithJsonSchema({"type": "string", "pattern": _anchored(ID_PATTERN)})
_AS_POINT: Final = WithJsonSchema({"type": "string", "pattern": _anchored(POINT_PATTERN)})
_AS_BAUDRATE: Final = WithJsonSchema({"type": "integer", "enum": sorted(BAUDRATES)})
_AS_PARITY: Final = WithJsonSchema({"type": "string", "enum": list(_PARITIES)})

Baudrate = Annotated[int, AfterValidator(_baudrate), _AS_BAUDRATE]
ParityName = Annotated[Parity, BeforeValidator(_parity), _AS_PARITY]
DataBits = Annotated[int, Field(ge=7, le=8)]
StopBits = Annotated[int, Field(ge=1, le=2)]
Id = Annotated[str, AfterValidator(_id), _AS_ID]
PointId = Annotated[str, AfterValidator(_point_id), _AS_POINT]
Line = Annotated[str, Field(max_length=MAX_TEXT_CHARS), AfterValidator(_one_line)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Limit = Annotated[bool | int | float | str, BeforeValidator(_scalar), _AS_LIMIT]
Deadband = Annotated[tuple[float, float], BeforeValidator(_deadband), _AS_DEADBAND]
Size = Annotated[int, BeforeValidator(size_bytes), _AS_SIZE]
Duration = Annotated[int, BeforeValidator(duration_ms), _AS_DURATION]
Period = Annotated[Duration, AfterValidator(_within_ms(MIN_PERIOD_MS, MAX_PERIOD_MS))]
ReportTime = Annotated[Duration, AfterValidator(_within_ms(0, MAX_PERIOD_MS))]
Heartbeat = Annotated[Duration, AfterValidator(_within_ms(1000, MAX_PERIOD_MS))]
AlarmDelay = Annotated[Duration, AfterValidator(_within_ms(0, MAX_ALARM_DELAY_MS))]
RequestDelay = Annotated[Duration, AfterValidator(_within_ms(0, MAX_REQUEST_DELAY_MS))]
Timeout = Annotated[Duration, AfterValidator(_within_ms(MIN_TIMEOUT_MS, MAX_TIMEOUT_MS))]
RoleValues = Annotated[list[Limit], Field(max_length=MAX_CHOICES_PER_POINT)]
StationText = Annotated[int | str, BeforeValidator(_station)]


RoleText = Annotated[str, Field(max_length=64)] | Annotated[dict[str, RoleValues], Field(min_length=1, max_length=ROLES_PER_POINT)]
"""What a point means: one role, or a table from roles to the values that mean "true" for them."""


class LabelsTable(Table):
    """A name in the two languages of the field."""

    zh: Line
    en: Line

    def value(self) -> Labels:
        """As core knows it."""
        return Labels(zh=self.zh, en=self.en)
