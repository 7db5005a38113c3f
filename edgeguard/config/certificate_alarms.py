"""The gateway's own alarms about certificates that end: there only where the uplink speaks TLS."""

from typing import Final

from edgeguard.core.afar_limits import CERTIFICATE_DAYS_AHEAD
from edgeguard.core.alarm import AlarmRule, Condition, Severity
from edgeguard.core.ids import AlarmName, DeviceName
from edgeguard.core.point import Labels
from edgeguard.core.site import UplinkSpec

_GATEWAY: Final = DeviceName("gateway")
CLIENT: Final = AlarmName("gateway.client-certificate")
AUTHORITY: Final = AlarmName("gateway.authority-certificate")
BROKER: Final = AlarmName("gateway.broker-certificate")


def certificate_alarms(uplink: UplinkSpec | None) -> tuple[AlarmRule, ...]:
    """One for each certificate that the uplink rests on."""
    if uplink is None or not uplink.tls:
        return ()
    texts = [(BROKER, "平台证书即将过期", "The broker's certificate ends soon")]
    if uplink.ca is not None:
        texts.append((AUTHORITY, "CA 证书即将过期", "The authorities' certificate ends soon"))
    if uplink.certificate is not None:
        texts.append((CLIENT, "本机证书即将过期", "Our certificate ends soon"))
    return tuple(
        AlarmRule(
            name=name,
            device=_GATEWAY,
            condition=Condition.WATCHED,
            severity=Severity.MAJOR,
            text=Labels(zh, en),
            limit=CERTIFICATE_DAYS_AHEAD,
            common=True,
        )
        for name, zh, en in texts
    )
