"""One device's end of a bus: its address, its time-outs and pauses, its faults and response times."""

import asyncio
import functools
import math
from collections import Counter
from collections.abc import Callable
from types import MappingProxyType
from typing import Final

from edgeguard.bus import Bus, ExchangeFailed, Priority, Request, ResponseTimes
from edgeguard.codec.alike import is_read
from edgeguard.core.errors import WriteRefused
from edgeguard.core.limits import FIRST_TRIES
from edgeguard.core.line import LineSettings, Protocol, Station
from edgeguard.core.quality import Fault, Reason
from edgeguard.driver.gap import Gap
from edgeguard.driver.patience import first_look_s, knock_timeout_s, look_s

_FRAME_BYTES: Final = MappingProxyType({Protocol.MODBUS: 6, Protocol.DLT645: 26, Protocol.CJT188: 27})
"""Of a request and its answer, beside their PDUs. RTU: unit and CRC, twice. Meters: start, address, length, checksum and end,
twice, and the bytes that wake them before the request.
"""


Still = Callable[[], str]
"""Why a request must not go out any more, in words; empty as long as it may."""


class _Withdrawn(ValueError):
    """A request must not go out any more."""


class _Sending:
    """When a request went on the wire (loop time); until the bus says so, when it was asked for.

    `since_s`: how long after the last answer of the same device that was, None if there was none.
    """

    __slots__ = ("_line", "at_s", "loop", "since_s")

    def __init__(self, loop: asyncio.AbstractEventLoop, line: "DeviceLine") -> None:
        self._line = line
        self.loop = loop
        self.since_s: float | None = None
        self.at_s = loop.time()

    def mark(self) -> None:
        self.at_s = self.loop.time()
        answered_s = self._line.answered_s
        if answered_s is not None:
            self.since_s = self.at_s - answered_s


class DeviceLine:
    """Requests to one address. `faults` counts requests without a good answer by reason, `retries` those that followed one.

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
        self.retries = 0
        self.gap = Gap(delay_s)
        """The silence that the device needs before a request, as far as it has taught it."""
        self.answered_s: float | None = None
        """When its last answer came (loop time)."""
        self.took_s = 0.0
        """How long the answer that was just given has taken, for whoever asked for it."""
        self.address = address
        self._bus = bus
        self._delay_s = delay_s
        self._settings = line
        self._protocol = protocol
        self._silent = True
        self._looked = False
        """It is silent, and was not given its whole time-out since, because too many were."""
        self._tries = 0
        self._failed = False
        self._asked_s: float | None = None

    def first_wait_s(self, knock: bool) -> float:
        """Time-out for the first request of a round: short if it is a mere knock, or the device was silent when last asked.

        On a serial line what is usual of its neighbours says little of a device that nobody has heard yet, meters are slow beside
        drives: after a look it has whole tries. Behind one network endpoint the network is most of what all of them take.
        """
        usual_s = self.responses.quantile_s(0.95) or self._bus.stats.response_p95_s
        if self.answered_s is None and self._tries <= FIRST_TRIES and self._bus.cost.byte_s > 0:
            return self.timeout_s if self._tries else first_look_s(self.timeout_s, usual_s, self._protocol is not Protocol.MODBUS)
        if self._looked or not (knock or self._silent):
            return self.timeout_s
        since_s = 0.0 if self._asked_s is None else asyncio.get_running_loop().time() - self._asked_s
        return knock_timeout_s(self.timeout_s, usual_s, since_s)

    def knock_priority(self) -> Priority:
        """Of a sign of life. A first look at a stranger goes before those that are known to be silent, in the share of both."""
        return Priority.PROBE if self._tries or self.answered_s is not None else Priority.ROUTINE

    def urgent(self, priority: Priority) -> Priority:
        """Of what alarms watch. Who was silent when last asked, or was never heard, does not go before those that answer."""
        return priority if self._silent else min(priority, Priority.ALARM)

    async def exchange(
        self,
        pdu: bytes,
        priority: Priority,
        timeout_s: float | None = None,
        still: Still | None = None,
        told: Callable[[], bytes] | None = None,
    ) -> bytes:
        """The answer's PDU. ExchangeFailed if none came; WriteRefused if `still` has forbidden it when its turn came.

        A read with a `timeout_s` has no more than a look while too many others are silent; what has none is given the device's
        whole time-out: a write, and what somebody waits for.

        `told` makes the PDU anew at the moment at which it goes out, for one that tells the time.
        """
        refused: list[str] = []

        def if_still(allowed: Still) -> bytes:
            why = allowed()
            if why:
                refused.append(why)
                raise _Withdrawn(why)
            return pdu

        polls = timeout_s is not None and is_read(self._protocol, pdu)
        sending = _Sending(asyncio.get_running_loop(), self)
        request = Request(
            self.address,
            pdu,
            self.timeout_s if timeout_s is None else timeout_s,
            priority,
            max(self._delay_s, self.gap.silence_s),
            sending.mark,
            protocol=self._protocol,
            line=self._settings,
            pdu_now=told if still is None else functools.partial(if_still, still),
            look_s=look_s(self.responses.worst_s) if polls else math.inf,
            stranger=polls and self.answered_s is None,
        )
        try:
            answer = await self._bus.exchange(request)
        except ExchangeFailed as failed:
            if refused:
                raise WriteRefused(refused[0]) from None
            self.faults[failed.fault.reason] += 1
            if failed.sent:
                self._silent, self._looked, self._asked_s = True, failed.looked, sending.at_s
                self._tries += 1
                self._conclude(sending, failed.fault)
            raise
        self._silent, self._looked, self._asked_s = False, False, sending.at_s
        self._conclude(sending, None)
        self.answered_s = sending.loop.time()
        self.took_s = took_s = self.answered_s - sending.at_s
        self.responses.note(took_s)
        byte_s = self._bus.cost.switched_to(self._settings).byte_s
        self.turnarounds.note(max(0.0, took_s - (len(pdu) + len(answer) + _FRAME_BYTES[self._protocol]) * byte_s))
        return answer

    def _conclude(self, sending: _Sending, fault: Fault | None) -> None:
        """What a request that went out teaches; a lost connection says nothing of the device."""
        self.retries += self._failed
        self._failed = fault is not None
        if sending.since_s is not None and (fault is None or fault.reason is not Reason.NO_CONNECTION):
            self.gap.note(sending.since_s, fault is None)

    def failure(self, fault: Fault) -> ExchangeFailed:
        """The error for a request that went out and that the device will take later, or not at all."""
        return ExchangeFailed(self._bus.name, self.address, fault, sent=True)
