"""How bytes travel on a serial line: speed, parity, the time a character takes, and the protocols that may share the line.

Source of the character formula: one start bit, data bits, a parity bit if there is one, stop bits (EIA-404, and MODBUS over
Serial Line V1.02, 2.5.1 and 2.5.2).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

SILENCE_CHARACTERS: Final = 3.5
FAST_BAUDRATE: Final = 19_200
FAST_SILENCE_S: Final = 0.00175
BAUDRATES: Final = (
    300,
    600,
    1200,
    2400,
    4800,
    9600,
    14_400,
    19_200,
    28_800,
    38_400,
    57_600,
    76_800,
    115_200,
    230_400,
    460_800,
    921_600,
)
"""Speeds that devices of this field are set to."""


class Parity(StrEnum):
    """The parity bit behind the data bits; the value is pyserial's and the field's letter."""

    NONE = "N"
    EVEN = "E"
    ODD = "O"


class Protocol(StrEnum):
    """What a device speaks. Devices of different protocols may share a line; each request says which one it is in."""

    MODBUS = "modbus"
    DLT645 = "dlt645"
    CJT188 = "cjt188"


Station = int | str
"""A device's address on its bus: a Modbus unit number, or the digits of a meter's address.

DL/T 645: 12 characters, most significant digit first, 0-9, with A for a wildcard nibble (`AAAAAAAAAAAA` is everybody) and
`999999999999` for broadcast. CJ/T 188: 16 hexadecimal characters, the meter type byte T first, then the 14 address digits
A6..A0, most significant first (`1078330011223344`; `AA` in each byte is everybody).
"""


@dataclass(frozen=True, slots=True)
class LineSettings:
    """Settings of a serial port. Defaults are the commonest ones of Modbus devices in the field."""

    baudrate: int = 9600
    parity: Parity = Parity.NONE
    data_bits: int = 8
    stop_bits: int = 1

    @property
    def character_bits(self) -> int:
        """Bits that one character takes on the line, start and stop bits included."""
        return 1 + self.data_bits + (self.parity is not Parity.NONE) + self.stop_bits

    @property
    def character_s(self) -> float:
        """Seconds that one character takes on the line."""
        return self.character_bits / self.baudrate

    @property
    def silence_s(self) -> float:
        """Silence between two frames: 3.5 characters, 1.75 ms above 19200 baud (MODBUS over Serial Line V1.02, 2.5.1.1)."""
        return FAST_SILENCE_S if self.baudrate > FAST_BAUDRATE else SILENCE_CHARACTERS * self.character_s

    def __str__(self) -> str:
        return f"{self.baudrate} {self.data_bits}{self.parity.value}{self.stop_bits}"
