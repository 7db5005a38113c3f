"""The time for all DL/T 645 meters of a line at once: sent, never answered, so that nothing is known but that it went out."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from edgeguard.bus import Bus, Priority, Request
from edgeguard.codec.dlt645 import broadcast_time_request
from edgeguard.core.clock import Clock, local_time
from edgeguard.core.limits import METER_CLOCK_QUIET_S
from edgeguard.core.line import LineSettings, Protocol
from edgeguard.core.meter import DLT645_BROADCAST

_CHARACTERS = 22
"""Of the frame, with its wake-up bytes: the meters have the time when its last one has come."""


async def broadcast_time(bus: Bus, lines: Iterable[LineSettings | None], clock: Clock, usual: LineSettings | None) -> int:
    """Tell the time once at each of these settings, None being the line's `usual` ones; how many frames went out.

    ExchangeFailed if one of them could not be sent; the later ones are not sent then.
    """
    count = 0
    for line in lines:
        settings = line or usual
        travels_s = 0.0 if settings is None else _CHARACTERS * settings.character_s

        def told(travels_s: float = travels_s) -> bytes:
            arrives = local_time(clock.now().wall_ms) + timedelta(seconds=travels_s + 0.5)
            return broadcast_time_request(arrives)

        timeout_s = METER_CLOCK_QUIET_S
        request = Request(DLT645_BROADCAST, b"", timeout_s, Priority.PERSON, protocol=Protocol.DLT645, line=line)
        await bus.exchange(replace(request, answered=False, pdu_now=told))
        count += 1
    return count
