"""CJ/T 188 requests and answers in the form in which they pass a bus: control code, DI0, DI1, SER, data, in wire order.

Source: CJ/T 188-2004, 7 and 8, as public implementations agree on it. Meters differ in the order of an identifier's bytes, and a
wrong order is met with silence, so each request says which one it takes.
"""

from datetime import datetime
from typing import Final

from edgeguard.codec.meter_frame import ERROR_BIT
from edgeguard.core.quality import Fault, Reason

READ: Final = 0x01
READ_ADDRESS: Final = 0x03
WRITE: Final = 0x04
VALVE: Final = "A017"
CURRENT: Final = "901F"
"""The data of now, with the meter's clock among them."""
CLOCK: Final = "A015"
"""Where the clock is written."""
CLOCK_BYTES: Final = 7
VALVE_OPEN: Final = 0x55
VALVE_CLOSE: Final = 0x99
DATA_AT: Final = 4
"""Where the data of a good answer begins: behind control code, identifier and number."""


def identifier_bytes(identifier: str, low_first: bool) -> bytes:
    """An identifier in one of the two orders that meters want."""
    octets = bytes.fromhex(identifier)
    return octets[::-1] if low_first else octets


def read_request(identifier: str, low_first: bool, number: int) -> bytes:
    """Ask for the data of an identifier; `number` (0 to 255) comes back with it."""
    return bytes((READ,)) + identifier_bytes(identifier, low_first) + bytes((number,))


def valve_request(close: bool, low_first: bool, number: int) -> bytes:
    """Open or close the valve."""
    command = VALVE_CLOSE if close else VALVE_OPEN
    return bytes((WRITE,)) + identifier_bytes(VALVE, low_first) + bytes((number, command))


def clock_request(at: datetime, low_first: bool, number: int) -> bytes:
    """Set the clock: seconds first, the century last, each in two digits. Answered by the meter, unlike a broadcast."""
    moment = bytes.fromhex(f"{at:%Y%m%d%H%M%S}")[::-1]
    return bytes((WRITE,)) + identifier_bytes(CLOCK, low_first) + bytes((number,)) + moment


def clock_of(octets: bytes) -> datetime | Fault:
    """What a meter's clock shows, from its seven bytes in the data of CURRENT."""
    try:
        return datetime.strptime(octets[::-1].hex(), "%Y%m%d%H%M%S")  # noqa: DTZ007  a meter knows no time zone
    except ValueError:
        return Fault(Reason.UNDECODABLE, f"clock {octets.hex(' ')} is no moment")


def error_of(answer: bytes) -> Fault | None:
    """What an error answer says; None if it is none."""
    if not answer[0] & ERROR_BIT:
        return None
    return Fault(Reason.REFUSED, f"control code {answer[0]:02X}, status {answer[2:].hex(' ') or 'not given'}")
