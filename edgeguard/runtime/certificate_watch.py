"""A family of rules about time alone: a certificate on which the uplink rests ends within thirty days. Its value is the days left.

It reads no file: whoever looks (once a minute, on a thread) gives it what is held.
"""

from collections.abc import Mapping

from edgeguard.config.certificate_alarms import AUTHORITY, BROKER, CLIENT
from edgeguard.core.afar_limits import CERTIFICATE_DAYS_AHEAD
from edgeguard.core.clock import Stamp
from edgeguard.core.rule_state import RuleState
from edgeguard.core.snapshot import Snapshot
from edgeguard.runtime.record import DeviceRecord
from edgeguard.runtime.watches import NOTHING, AlarmInput, Findings, Records
from edgeguard.uplink.certificates import Held, Role

_NAMES = ((Role.CLIENT, CLIENT), (Role.AUTHORITY, AUTHORITY), (Role.BROKER, BROKER))


class CertificateWatch:
    """Speaks when the days left have changed; an unset clock proves nothing."""

    def __init__(self) -> None:
        self.held: tuple[Held, ...] = ()
        self._told: dict[Role, int] = {}

    @property
    def owner(self) -> str:
        """It remembers nothing."""
        return "certificates"

    def begin(self, records: Records, states: Mapping[str, bytes], now: Stamp) -> None:
        """Nothing was to be remembered; under another configuration other certificates may count, so that they are seen anew."""
        self.held = ()
        self._told.clear()

    def take(self, record: DeviceRecord, snapshot: Snapshot) -> Findings:
        """Devices say nothing of certificates."""
        return NOTHING

    def tick(self, now: Stamp) -> Findings:
        """Which of them end soon, by a clock that can be trusted."""
        if not now.synced:
            return NOTHING
        found = []
        for held in self.held:
            days = int(held.days_left(now.wall_ms))
            if self._told.get(held.role) != days:
                self._told[held.role] = days
                found.append(AlarmInput(dict(_NAMES)[held.role], days <= CERTIFICATE_DAYS_AHEAD, days))
        return Findings(alarms=tuple(found)) if found else NOTHING

    def states(self) -> tuple[RuleState, ...]:
        """Nothing."""
        return ()
