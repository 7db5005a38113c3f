"""One device's end of a bus: its address, its time-outs and pauses, its faults and response times."""

import asyncio
from collections import Counter

from edgeguard.bus import Bus, ExchangeFailed, Priority, Request, ResponseTimes
from edgeguard.core.line import LineSettings, Protocol, Station
from edgeguard.core.quality import Fault, Reason
from edgeguard.driver.patience import knock_timeout_s

_FRAME_BYTES = 6
"""Of an RTU request and its answer, beside their PDUs: unit and CRC, twice."""


class _Sending:
    """When a request went on the wire (loop time); until the bus says so, when it was asked for."""

    __slots__ = ("at_s", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.at_s = loop.time()

    def mark(self) -> None:
        self.at_s = self.loop.time()


class DeviceLine:
    """Requests to one address. `faults` counts requests without a good answer by reason.

    `line`: what a serial port must be set to for this device, None for the bus's own settings.
    """

    def __init__(
        self,
        bus: Bus,
        address: Station,
        timeout_s: float,
        delay_s: float,
        line: LineSettings | None = None,
        protocol: Protocol = Protocol.MODBUS,
    ) -> None:
        self.timeout_s = timeout_s
        self.responses = ResponseTimes()
        self.turnarounds = ResponseTimes()
        """Response times without the time that the frames themselves took on the line."""
        self.faults: Counter[Reason] = Counter()
        self._bus = bus
        self._address = address
        self._delay_s = delay_s
        self._settings = line
        self._protocol = protocol
        self._silent = True
        self._asked_s: float | None = None

    def first_wait_s(self, knock: bool) -> float:
        """Time-out for the first request of a round: short if it is a mere knock, or the device was silent when last asked."""
        if not knock and not self._silent:
            return self.timeout_s
        usual_s = self.responses.quantile_s(0.95) or self._bus.stats.response_p95_s
        since_s = 0.0 if self._asked_s is None else asyncio.get_running_loop().time() - self._asked_s
        return knock_timeout_s(self.timeout_s, usual_s, since_s)

    async def exchange(self, pdu: bytes, priority: Priority, timeout_s: float | None = None) -> bytes:
        """The answer's PDU. ExchangeFailed if none came."""
        sending = _Sending(asyncio.get_running_loop())
        request = Request(
            self._address,
            pdu,
            self.timeout_s if timeout_s is None else timeout_s,
            priority,
            self._delay_s,
            sending.mark,
            protocol=self._protocol,
            line=self._settings,
        )
        try:
            answer = await self._bus.exchange(request)
        except ExchangeFailed as failed:
            self.faults[failed.fault.reason] += 1
            if failed.sent:
                self._silent, self._asked_s = True, sending.at_s
            raise
        self._silent, self._asked_s = False, sending.at_s
        took_s = sending.loop.time() - sending.at_s
        self.responses.note(took_s)
        byte_s = self._bus.cost.byte_s if self._settings is None else self._settings.character_s
        self.turnarounds.note(max(0.0, took_s - (len(pdu) + len(answer) + _FRAME_BYTES) * byte_s))
        return answer

    def failure(self, fault: Fault) -> ExchangeFailed:
        """The error for a request that went out and that the device will take later, or not at all."""
        return ExchangeFailed(self._bus.name, self._address, fault, sent=True)
