"""What a bus knows of a protocol: how to wrap a request and how to find its answer among the bytes that come in.

A bus speaks to this face alone, so a protocol joins by bringing one framing. Nothing here knows Modbus.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from edgeguard.core.errors import Retryable
from edgeguard.core.line import Station
from edgeguard.core.quality import Fault


class Answer(NamedTuple):
    """A complete answer: which request it belongs to, and its payload without address, numbers and checksum."""

    transaction: int
    pdu: bytes


class StreamBroken(Retryable):
    """Bytes came that cannot be a frame, on a stream without a way to resynchronise: the connection must be dropped.

    `answers` stood before them.
    """

    def __init__(self, fault: Fault, answers: Sequence[Answer] = ()) -> None:
        super().__init__(f"the byte stream is broken ({fault})")
        self.fault = fault
        self.answers = tuple(answers)


class Framing(Protocol):
    """Frames of one connection. It remembers outstanding requests and bytes not yet understood, nothing else.

    The caller numbers its requests (`transaction`, 0 to 65535, never two outstanding with the same number).
    """

    @property
    def parallel(self) -> int:
        """Requests that may be outstanding at once: 1 where a frame bears no number."""
        ...

    @property
    def quiet_s(self) -> float:
        """Silence to keep after a request without an answer, so that a late one is not taken for the next; 0 if impossible."""
        ...

    @property
    def torn(self) -> bool:
        """Part of a frame has come and its end has not, where that leaves the stream without a foothold."""
        ...

    @property
    def damaged(self) -> bool:
        """What has come since the request has the shape of its answer, one damaged byte set aside, and is no other's request."""
        ...

    @property
    def junk_bytes(self) -> int:
        """Bytes received so far that were part of no answer to an outstanding request."""
        ...

    @property
    def late_answers(self) -> int:
        """Whole answers so far that came after their request had been given up."""
        ...

    def request(self, transaction: int, address: Station, pdu: bytes) -> bytes:
        """The request's bytes on the wire; its answer is expected from now on."""
        ...

    def feed(self, data: bytes) -> list[Answer]:
        """Answers that these bytes complete, in the order of arrival. StreamBroken if the connection is of no more use."""
        ...

    def take_late(self) -> Sequence[Answer]:
        """Answers that have come under a number given up, once; none where a frame bears no number."""
        ...

    def forget(self, transaction: int) -> Fault | None:
        """Give a request up; says what came instead of its answer, None if nothing did."""
        ...

    def reset(self) -> None:
        """A new connection, or a line drained: no request is outstanding and no byte is left over. Counts go on."""
        ...
