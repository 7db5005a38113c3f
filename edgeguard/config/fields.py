"""Field types that site and profile files share: ids, durations, labels, limits, dead-bands."""

import math
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field

from edgeguard.config.mistakes import Table, kind_of
from edgeguard.config.quantity import duration_ms, say_ms, size_bytes
from edgeguard.core.ids import ID_PATTERN, POINT_PATTERN
from edgeguard.core.limits import (
    MAX_ALARM_DELAY_MS,
    MAX_PERIOD_MS,
    MAX_REQUEST_DELAY_MS,
    MAX_TEXT_CHARS,
    MAX_TIMEOUT_MS,
    MIN_PERIOD_MS,
    MIN_TIMEOUT_MS,
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


Baudrate = Annotated[int, AfterValidator(_baudrate)]
ParityName = Annotated[Parity, BeforeValidator(_parity)]
DataBits = Annotated[int, Field(ge=7, le=8)]
StopBits = Annotated[int, Field(ge=1, le=2)]
Id = Annotated[str, AfterValidator(_id)]
PointId = Annotated[str, AfterValidator(_point_id)]
Line = Annotated[str, Field(max_length=MAX_TEXT_CHARS), AfterValidator(_one_line)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Limit = Annotated[bool | int | float | str, BeforeValidator(_scalar)]
Deadband = Annotated[tuple[float, float], BeforeValidator(_deadband)]
Size = Annotated[int, BeforeValidator(size_bytes)]
Duration = Annotated[int, BeforeValidator(duration_ms)]
Period = Annotated[int, BeforeValidator(duration_ms), AfterValidator(_within_ms(MIN_PERIOD_MS, MAX_PERIOD_MS))]
ReportTime = Annotated[int, BeforeValidator(duration_ms), AfterValidator(_within_ms(0, MAX_PERIOD_MS))]
Heartbeat = Annotated[int, BeforeValidator(duration_ms), AfterValidator(_within_ms(1000, MAX_PERIOD_MS))]
AlarmDelay = Annotated[int, BeforeValidator(duration_ms), AfterValidator(_within_ms(0, MAX_ALARM_DELAY_MS))]
RequestDelay = Annotated[int, BeforeValidator(duration_ms), AfterValidator(_within_ms(0, MAX_REQUEST_DELAY_MS))]
Timeout = Annotated[int, BeforeValidator(duration_ms), AfterValidator(_within_ms(MIN_TIMEOUT_MS, MAX_TIMEOUT_MS))]


class LabelsTable(Table):
    """A name in the two languages of the field."""

    zh: Line
    en: Line

    def value(self) -> Labels:
        """As core knows it."""
        return Labels(zh=self.zh, en=self.en)
