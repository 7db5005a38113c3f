"""What a listener makes of the bytes on a wire: one stretch of them, and what it was.

The words of the bus monitor. A sighting of a whole frame bears its payload in the words of `bus.exchange.Request.pdu`;
bytes that are no frame are sightings too, so that nothing that passed is left out.
"""

from dataclasses import dataclass
from enum import StrEnum

from edgeguard.core.line import Protocol, Station


class Way(StrEnum):
    """Where bytes went. LINE: somebody else is the master and this is only overheard, so only their shape tells."""

    OUT = "out"
    IN = "in"
    LINE = "line"


class Form(StrEnum):
    """The frame that bytes are wrapped in."""

    RTU = "rtu"
    ASCII = "ascii"
    TCP = "tcp"
    DLT645 = "dlt645"
    CJT188 = "cjt188"

    @property
    def protocol(self) -> Protocol:
        """What is spoken in such frames."""
        return {Form.DLT645: Protocol.DLT645, Form.CJT188: Protocol.CJT188}.get(self, Protocol.MODBUS)


class Sort(StrEnum):
    """What a stretch of bytes was."""

    REQUEST = "request"
    ANSWER = "answer"
    EXCEPTION = "exception"
    """A whole answer by which the device refuses: a Modbus exception, an error answer of a meter."""
    ECHO = "echo"
    """Our own request, heard again: the line's two wires loop back what is sent."""
    BROKEN = "broken"
    """The shape of a frame, but its checksum is wrong or its end is missing; `detail` says which."""
    JUNK = "junk"

    @property
    def is_frame(self) -> bool:
        """Whole, with a right checksum."""
        return self not in (Sort.BROKEN, Sort.JUNK)


@dataclass(frozen=True, slots=True)
class Sighting:
    """One stretch of bytes, `start_s` to `end_s` (the clock of whoever fed them), preamble and checksum included.

    `station` and `form` stand for BROKEN ones too where the shape shows them; `detail` is empty for whole frames.
    """

    start_s: float
    end_s: float
    way: Way
    sort: Sort
    data: bytes
    form: Form | None = None
    station: Station | None = None
    pdu: bytes = b""
    transaction: int | None = None
    detail: str = ""
