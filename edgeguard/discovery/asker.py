"""Questions of a scan on a bus: at the lowest priority, patient with a line that is down, and honest about what was heard."""

import asyncio
from dataclasses import dataclass

from edgeguard.bus import Bus, ExchangeFailed, Priority, Request
from edgeguard.core.errors import Retryable
from edgeguard.core.limits import SCAN_RECONNECT_S, SCAN_RECONNECTS
from edgeguard.core.line import LineSettings, Protocol, Station
from edgeguard.core.quality import Fault, Reason

_HEARD = frozenset({Reason.CHECKSUM, Reason.GARBAGE, Reason.SHORT_ANSWER, Reason.WRONG_FUNCTION})
"""Faults that mean that somebody spoke who may have been meant."""


class ScanBroken(Retryable):
    """The wire is gone and does not come back."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Whom to ask: a station that speaks a protocol at certain settings of the line."""

    protocol: Protocol
    station: Station
    line: LineSettings | None


class Asker:
    """Asks on one bus. `asked` counts the requests."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.asked = 0

    async def ask(self, peer: Peer, pdu: bytes, timeout_s: float) -> bytes | Fault:
        """The answer's PDU, or what came instead. ScanBroken if the wire is gone for good."""
        failed: ExchangeFailed | None = None
        for _ in range(SCAN_RECONNECTS):
            self.asked += 1
            request = Request(peer.station, pdu, timeout_s, Priority.SEARCH, protocol=peer.protocol, line=peer.line)
            try:
                return await self.bus.exchange(request)
            except ExchangeFailed as error:
                failed = error
            if failed.sent and failed.fault.reason is not Reason.NO_CONNECTION:
                return failed.fault
            stats = self.bus.stats
            # What could not even be opened will not be there in a moment; what was lost may be.
            never_there = not stats.requests and bool(stats.error)
            if failed.fault.reason is Reason.REFUSED or never_there:
                raise ScanBroken(stats.error if never_there else failed.fault.detail)
            await asyncio.sleep(SCAN_RECONNECT_S)
        raise ScanBroken(str(failed.fault) if failed else "")


def is_noise(answer: bytes | Fault) -> bool:
    """Somebody spoke, and it could not be understood."""
    return isinstance(answer, Fault) and answer.reason in _HEARD
