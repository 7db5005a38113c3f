"""The clock by which lists are read: when it was last known to be right, carried on by the boot clock and over restarts."""

from collections.abc import Mapping
from typing import Final
from zoneinfo import ZoneInfo

import orjson

from edgeguard.core.clock import Stamp
from edgeguard.core.ids import BootId
from edgeguard.core.limits import HOUR_MS
from edgeguard.core.rule_state import RuleState
from edgeguard.rules.gate import Moment
from edgeguard.rules.gate_time import known_time
from edgeguard.runtime.gateway import Gateway

OWNER: Final = "gate-clock"
_SYNCED: Final = "synced"


class GateClock:
    """What time it is at the gates, as far as anybody knows."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._anchor: Stamp | None = None
        self._kept_ms = -HOUR_MS

    def recall(self, states: Mapping[str, bytes]) -> None:
        """When an earlier run last knew the wall clock to be right; nothing if that cannot be read."""
        try:
            told = orjson.loads(states[_SYNCED])
            self._anchor = Stamp(int(told["wall_ms"]), int(told["boot_ms"]), BootId(told["boot"]), True)
        except (KeyError, ValueError, TypeError):
            return

    def moment(self) -> Moment:
        """Now, and the zone whose clock lists mean."""
        now, parking = self._gateway.clock.now(), self._gateway.site.parking
        if now.synced:
            self._anchor = now
        return Moment(known_time(now, self._anchor, trusted=parking.trust_clock), ZoneInfo(parking.timezone))

    def news(self) -> tuple[RuleState, ...]:
        """For the store, once an hour while the clock is right."""
        now = self._gateway.clock.now()
        if not now.synced or now.boot_ms - self._kept_ms < HOUR_MS:
            return ()
        self._kept_ms = now.boot_ms
        told = {"wall_ms": now.wall_ms, "boot_ms": now.boot_ms, "boot": now.boot}
        return (RuleState(OWNER, _SYNCED, orjson.dumps(told)),)

    def keep(self) -> None:
        """A store has begun a new file: it is to be told at the next occasion."""
        self._kept_ms = -HOUR_MS
