"""Bytes that somebody copied from somewhere: which frames they are, and which registers lie in them."""

from dataclasses import dataclass, replace
from typing import Final

from edgeguard.codec.dissect import Dissector
from edgeguard.codec.rtu import crc16
from edgeguard.codec.shapes import pdu_shapes, tcp_shape
from edgeguard.codec.sighting import Sighting, Sort, Way

_LEAST_PDU: Final = 2


@dataclass(frozen=True, slots=True)
class Examined:
    """`frames` in order, none if the bytes are no frame of any protocol; `registers`: bytes worth reading as registers."""

    frames: tuple[Sighting, ...]
    registers: bytes


def examine(data: bytes) -> Examined:
    """What `data` is: frames with right or wrong checksums, a Modbus frame whose checksum was not copied, or bare registers."""
    serial = _serial(data)
    is_proved = bool(serial) and all(frame.sort is not Sort.BROKEN and frame.form is not None for frame in serial)
    # A frame of Modbus TCP has no checksum: a serial one whose checksum is right can look like it, and not the other way round.
    frames = serial if is_proved else _network(data) or serial or _without_checksum(data)
    if not frames:
        return Examined((), data)
    inside = b"".join(_registers_of(frame) for frame in frames)
    doubtful = all(frame.sort is Sort.BROKEN and not inside for frame in frames)
    return Examined(frames, data if doubtful else inside)


def _network(data: bytes) -> tuple[Sighting, ...]:
    shape = tcp_shape(data) if len(data) > _LEAST_PDU else None
    if shape is None or shape.size != len(data) or not shape.pdu:
        return ()
    return (Sighting(0.0, 0.0, Way.LINE, shape.sorts[0], data, shape.form, shape.station, shape.pdu, shape.transaction),)


def _serial(data: bytes) -> tuple[Sighting, ...]:
    wire = Dissector()
    seen = (*wire.feed(0.0, data, Way.LINE), *wire.finish())
    return seen if any(frame.form is not None for frame in seen) else ()


def _without_checksum(data: bytes) -> tuple[Sighting, ...]:
    sorts = [sort for size, sort in pdu_shapes(data[1:]) if size == len(data) - 1] if len(data) > _LEAST_PDU else []
    # A request of six bytes may as well be three registers; an answer counts its own bytes.
    if not any(sort in (Sort.ANSWER, Sort.EXCEPTION) for sort in sorts):
        return ()
    right = crc16(data).to_bytes(2, "little")
    (frame,) = _serial(data + right)
    return (replace(frame, sort=Sort.BROKEN, data=data, detail=f"there is no checksum; {right.hex(' ')} is right"),)


def _registers_of(frame: Sighting) -> bytes:
    """The registers that a Modbus answer or write bears; nothing for other frames."""
    pdu = frame.pdu
    if frame.form is None or frame.form.protocol.value != "modbus" or not pdu:
        return b""
    if pdu[0] in (3, 4) and len(pdu) > _LEAST_PDU and len(pdu) == 2 + pdu[1]:
        return pdu[2:]
    return pdu[6:] if pdu[0] == 16 and len(pdu) > 6 else b""
