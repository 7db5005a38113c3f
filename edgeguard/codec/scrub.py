"""Takes out of frames what belongs to one building: meter addresses, passwords, operator codes, serial numbers. Pure.

The same address becomes the same new one everywhere, so that a recording still tells its story; checksums are made right
again where they were right. Wildcards and broadcasts stay. What is no whole frame becomes zeros on a line that bears meters,
since pieces of addresses may lie in it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from edgeguard.codec.ascii import lrc
from edgeguard.codec.meter_frame import WAKE_UP, checksum
from edgeguard.codec.modbus import EXCEPTION_BIT
from edgeguard.codec.rtu import crc16
from edgeguard.codec.shapes import METER_OFFSET
from edgeguard.codec.sighting import Form, Sighting, Sort
from edgeguard.core.profile import AddressRange
from edgeguard.core.register import Table

Secrets = Mapping[int, Sequence[AddressRange]]
"""Registers that identify a device, by Modbus unit."""

_METERS: Final = (Form.DLT645, Form.CJT188)
_KEPT_ADDRESSES: Final = frozenset({"AAAAAAAAAAAA", "999999999999", "AAAAAAAAAAAAAA"})
_PASSWORDS: Final[Mapping[int, tuple[int, int]]] = {
    0x14: (4, 12),
    0x04: (2, 6),
    0x16: (0, 0),
    0x18: (4, 12),
    0x19: (0, 8),
    0x1A: (0, 8),
    0x1B: (0, 8),
    0x1C: (0, 8),
}
"""Where password and operator code lie in the data of a DL/T 645 request, by control code."""
_ADDRESS_ITEMS: Final = frozenset({bytes.fromhex("01040004"), bytes.fromhex("02040004")})
"""Data identifiers 04000401 and 04000402, low byte first: the meter's address and its number."""
_READS: Final[Mapping[int, Table]] = {3: Table.HOLDING, 4: Table.INPUT}
_LONG_NUMBER: Final = re.compile(rb"[0-9]{5,}")


class Scrubber:
    """One recording's replacements; frames are given in the order in which they passed."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._addresses: dict[str, str] = {}
        self._asked: Sighting | None = None
        self._has_meters = False

    @property
    def addresses(self) -> int:
        """Meter addresses that were replaced."""
        return len(self._addresses)

    def scrub(self, seen: Sighting) -> bytes:
        """The sighting's bytes without what is secret; always as many as there were."""
        if seen.form in _METERS:
            self._has_meters = True
            return self._meter(seen)
        if seen.form is None or not seen.sort.is_frame:
            return seen.data if not self._has_meters else bytes(len(seen.data))
        made = self._modbus(seen)
        if seen.sort is Sort.REQUEST:
            self._asked = seen
        return made

    def note(self, seen: Sighting) -> None:
        """Look at a sighting before any is scrubbed: junk that passes before the first meter's frame is junk of its line too."""
        self._has_meters = self._has_meters or seen.form in _METERS

    def _meter(self, seen: Sighting) -> bytes:
        wake = len(seen.data) - len(seen.data.lstrip(bytes((WAKE_UP,))))
        body = bytearray(seen.data[wake:])
        first, size = (1, 6) if seen.form is Form.DLT645 else (2, 7)
        body[first : first + size] = self._replaced(bytes(body[first : first + size]))
        if not seen.sort.is_frame:
            return seen.data[:wake] + bytes(body[: first + size]) + bytes(max(0, len(body) - first - size))
        if seen.form is Form.DLT645:
            plain = self._dlt645(seen.pdu[0], seen.pdu[1:])
            body[10:-2] = bytes((byte + METER_OFFSET) & 0xFF for byte in plain)
        body[-2] = checksum(bytes(body[:-2]))
        return seen.data[:wake] + bytes(body)

    def _dlt645(self, control: int, data: bytes) -> bytes:
        """The data of a frame, 33H taken off."""
        if control & 0x80:
            is_address = data[:4] in _ADDRESS_ITEMS
            if control == 0x93:
                return self._replaced(data)
            return data[:4] + self._replaced(data[4:]) if is_address and len(data) == 10 else data
        if control == 0x15:
            return self._replaced(data)
        first, last = _PASSWORDS.get(control, (0, 0))
        end = min(last, len(data))
        plain = data[:first] + bytes(max(0, end - first)) + data[max(first, end) :]
        if data[:4] in _ADDRESS_ITEMS and control == 0x14 and len(data) == 18:
            return plain[:12] + self._replaced(data[12:])
        return plain

    def _replaced(self, wire: bytes) -> bytes:
        """An address as it is on the wire (low byte first), replaced by a running number of as many digits."""
        digits = wire[::-1].hex().upper()
        if len(digits) not in (12, 14) or digits in _KEPT_ADDRESSES or "A" in digits:
            return wire
        made = self._addresses.get(digits)
        if made is None:
            made = self._addresses[digits] = f"{len(self._addresses) + 1:0{len(digits)}d}"
        return bytes.fromhex(made)[::-1]

    def _modbus(self, seen: Sighting) -> bytes:
        pdu = self._pdu(seen)
        if pdu == seen.pdu:
            return seen.data
        if seen.form is Form.TCP:
            return seen.data[:7] + pdu
        unit = bytes((int(seen.station or 0),))
        if seen.form is Form.ASCII:
            return b":" + (unit + pdu + bytes((lrc(unit + pdu),))).hex().upper().encode("ascii") + b"\r\n"
        return unit + pdu + crc16(unit + pdu).to_bytes(2, "little")

    def _pdu(self, seen: Sighting) -> bytes:
        pdu, asked = seen.pdu, self._asked
        function = pdu[0]
        if seen.sort is Sort.ANSWER and function in (17, 43):
            return _LONG_NUMBER.sub(lambda found: b"0" * len(found.group()), pdu)
        ranges = self._secrets.get(int(seen.station or 0), ())
        if not ranges or function & EXCEPTION_BIT:
            return pdu
        if seen.sort is Sort.ANSWER and function in _READS and asked is not None and asked.pdu[:1] == pdu[:1]:
            first = int.from_bytes(asked.pdu[1:3], "big")
            return pdu[:2] + _blanked(pdu[2:], first, _READS[function], ranges)
        if seen.sort is Sort.REQUEST and function == 16:
            return pdu[:6] + _blanked(pdu[6:], int.from_bytes(pdu[1:3], "big"), Table.HOLDING, ranges)
        return pdu


def _blanked(data: bytes, first: int, table: Table, ranges: Sequence[AddressRange]) -> bytes:
    """Register bytes with those in the ranges made neutral: digits of a text become 0, all else zero bytes."""
    made = bytearray(data)
    for i in range(0, len(data) - 1, 2):
        address = first + i // 2
        if any(area.table is table and area.first <= address <= area.last for area in ranges):
            is_text = all(32 <= byte < 127 for byte in data[i : i + 2])
            made[i : i + 2] = b"00" if is_text else b"\0\0"
    return bytes(made)
