"""Raw registers read in every type and word order, with what speaks for each reading; pure.

The wrong byte order is what most often goes wrong with a new device. Seen side by side, the right one mostly stands out:
one order gives 231.4, the others 2.4e-41 and 9e+23.
"""

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from edgeguard.codec.layout import is_bcd, reorder, struct_code
from edgeguard.core.point import Labels
from edgeguard.core.register import RawType, RegisterField, Table, WordOrder

_TYPES: Final = tuple(t for t in RawType if t not in (RawType.BIT, RawType.STRING))
_NEAR: Final = 0.1
_MAINS_V: Final = (230.0, 400.0)
_MAINS_HZ: Final = 50.0
_HZ_NEAR: Final = 0.02
_SCALES: Final = (1, 10, 100, 1000)
_COUNTER_MAX: Final = 10**8
_EPOCH_FROM: Final = 1_420_070_400
"""2015."""
_EPOCH_TO: Final = 2_208_988_800
"""2040."""
_TEXT_LEAST: Final = 4


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read the registers from `register` on (counted from 0): the value as text, and what speaks for it.

    `weight` 0: possible, nothing speaks for it; below 0: hardly what is meant.
    """

    register: int
    words: int
    type: RawType
    order: WordOrder
    value: str
    marks: tuple[Labels, ...]
    weight: int


def readings(data: bytes) -> tuple[Reading, ...]:
    """Every reading at every register of `data` (an odd last byte is left out), and a text where all of it is one."""
    count = len(data) // 2
    made = [
        reading
        for register in range(count)
        for type_ in _TYPES
        if register + type_.words <= count
        for reading in _orders(data, register, type_)
    ]
    return (*made, *_texts(data[: 2 * count]))


def _orders(data: bytes, register: int, type_: RawType) -> Iterator[Reading]:
    words = type_.words
    piece = data[2 * register : 2 * (register + words)]
    field = RegisterField(Table.HOLDING, 0, type_, words)
    orders = WordOrder if words > 1 else (WordOrder.BIG, WordOrder.BIG_SWAPPED)
    for order in orders:
        arranged = reorder(words, order)(piece)
        if is_bcd(field):
            digits = arranged.hex()
            if digits.isdecimal():
                marks, weight = _bcd_marks(digits)
                yield Reading(register, words, type_, order, str(int(digits)), marks, weight)
            continue
        (value,) = struct.unpack(f">{struct_code(field)}", arranged)
        if isinstance(value, float):
            marks, weight = _float_marks(value)
            yield Reading(register, words, type_, order, f"{value:.7g}", marks, weight)
        else:
            marks, weight = _integer_marks(value, words if type_ in (RawType.UINT16, RawType.UINT32, RawType.UINT64) else 0)
            yield Reading(register, words, type_, order, str(value), marks, weight)


def _float_marks(value: float) -> tuple[tuple[Labels, ...], int]:
    if not math.isfinite(value):
        return (Labels("无值", "no value"),), -1
    if value == 0:
        return (), 0
    size = abs(value)
    if not 1e-4 <= size <= 1e9:
        return (), -2
    near = _near_mains(value)
    if near is not None:
        return (near,), 5
    return (Labels("可信的浮点数", "believable float"),), 2


def _integer_marks(value: int, words: int) -> tuple[tuple[Labels, ...], int]:
    """`words` 0: a signed one, which the unsigned reading beside it speaks for already."""
    if words == 0:
        return (), 0 if abs(value) <= 0xFFFF else -1
    for scale in _SCALES:
        near = _near_mains(value / scale)
        if near is not None:
            shown = "" if scale == 1 else f" ×{1 / scale:g}"
            return (Labels(near.zh + shown, near.en + shown),), 4 if words == 1 else 2
    if words == 2 and _EPOCH_FROM <= value < _EPOCH_TO:
        return (Labels("日期(秒)", "date (seconds since 1970)"),), 1
    if words > 1 and 0xFFFF < value < _COUNTER_MAX:
        return (Labels("可信的计数", "believable counter"),), 2
    return (), 0 if words == 1 or 0 <= value <= 0xFFFF else -1


def _near_mains(value: float) -> Labels | None:
    volts = next((v for v in _MAINS_V if abs(value - v) <= _NEAR * v), None)
    if volts is not None:
        return Labels(f"接近 {volts:g} V", f"near {volts:g} V")
    if abs(value - _MAINS_HZ) <= _HZ_NEAR * _MAINS_HZ:
        return Labels("接近 50 Hz", "near 50 Hz")
    return None


def _bcd_marks(digits: str) -> tuple[tuple[Labels, ...], int]:
    if not int(digits):
        return (), 0
    if len(digits) >= 8 and _is_date(digits):
        return (Labels("日期", "date"),), 3
    return (Labels("均为十进制数字", "all digits"),), 1 if len(digits) > 4 else 0


def _is_date(digits: str) -> bool:
    """YYYYMMDD, with a time behind it or not."""
    year, month, day = int(digits[:4]), int(digits[4:6]), int(digits[6:8])
    return 2000 <= year < 2100 and 1 <= month <= 12 and 1 <= day <= 31


def _texts(data: bytes) -> Iterator[Reading]:
    for order in (WordOrder.BIG, WordOrder.BIG_SWAPPED):
        words = len(data) // 2
        if words == 0:
            return
        text = reorder(words, order)(data).rstrip(b"\0 ")
        if len(text) >= _TEXT_LEAST and all(32 <= byte < 127 for byte in text):
            yield Reading(
                0,
                words,
                RawType.STRING,
                order,
                text.decode("ascii"),
                (Labels("文本", "text"),),
                4 if len(text) > _TEXT_LEAST else 1,
            )
