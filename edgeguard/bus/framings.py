"""The framings of one wire: each request goes through that of its protocol, and only that one hears what comes.

On a line with several protocols one request is outstanding at a time, so no framing ever sees the answer to a request of
another; what a framing has left over is forgotten when the next protocol has its turn.
"""

from collections.abc import Mapping, Sequence

from edgeguard.bus.exchange import Request
from edgeguard.codec.framing import Answer, Framing
from edgeguard.core.line import Protocol
from edgeguard.core.quality import Fault


class Framings:
    """Framings by protocol. `parallel`: requests that may be outstanding at once."""

    def __init__(self, by_protocol: Mapping[Protocol, Framing]) -> None:
        self._all = dict(by_protocol)
        self._active, *self._resting = self._all.values()
        self.parallel = self._active.parallel if len(self._all) == 1 else 1

    @classmethod
    def only(cls, framing: Framing, protocol: Protocol = Protocol.MODBUS) -> "Framings":
        """A wire with a single protocol."""
        return cls({protocol: framing})

    def __contains__(self, protocol: Protocol) -> bool:
        return protocol in self._all

    @property
    def quiet_s(self) -> float:
        """Silence to keep after a request without an answer; see codec.framing.Framing."""
        return self._active.quiet_s

    @property
    def torn(self) -> bool:
        """Part of a frame has come and leaves the stream without a foothold."""
        return self._active.torn

    @property
    def damaged(self) -> bool:
        """The answer has come, by its shape, with a wrong checksum."""
        return self._active.damaged

    @property
    def junk_bytes(self) -> int:
        """Bytes so far that were part of no answer."""
        junk_bytes = self._active.junk_bytes
        for framing in self._resting:
            junk_bytes += framing.junk_bytes
        return junk_bytes

    @property
    def late_answers(self) -> int:
        """Whole answers so far that came after their request had been given up."""
        late_answers = self._active.late_answers
        for framing in self._resting:
            late_answers += framing.late_answers
        return late_answers

    def request(self, transaction: int, request: Request) -> bytes:
        """The request's bytes on the wire."""
        framing = self._all[request.protocol]
        if framing is not self._active:
            self._active.reset()
            framing.reset()
            self._active = framing
            self._resting = [other for other in self._all.values() if other is not framing]
        pdu = request.pdu if request.pdu_now is None else request.pdu_now()
        return framing.request(transaction, request.address, pdu)

    def feed(self, data: bytes) -> list[Answer]:
        """Answers that these bytes complete. StreamBroken if the connection is of no more use."""
        return self._active.feed(data)

    def take_late(self) -> Sequence[Answer]:
        """Answers that have come under a number given up, once."""
        return self._active.take_late()

    def forget(self, transaction: int) -> Fault | None:
        """Give a request up; says what came instead of its answer."""
        return self._active.forget(transaction)

    def reset(self) -> None:
        """A new connection, or a line drained."""
        for framing in self._all.values():
            framing.reset()
