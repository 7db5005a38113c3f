"""One look at a broker, as the daemon would connect, and away again: for whoever wants to know why it does not work."""

from dataclasses import dataclass

from edgeguard.codec.x509_dates import CertificateDates, NotACertificate, dates_of_der
from edgeguard.core.site import UplinkSpec
from edgeguard.uplink.reconnect import V5, V311
from edgeguard.uplink.session import Call, Session
from edgeguard.uplink.trouble import LinkTrouble, Trouble, TroubleKind


@dataclass(frozen=True, slots=True)
class Seen:
    """What stood in the way, None if nothing did; and the broker's certificate, where there was one to see."""

    trouble: Trouble | None
    certificate: CertificateDates | None = None


async def look(spec: UplinkSpec, client_id: str) -> Seen:
    """Connect and disconnect. No will is left behind, nothing is published, nothing subscribed to."""
    versions = (V5, V311) if spec.protocol == "auto" else (spec.protocol,)
    seen = Seen(None)
    for version in versions:
        seen = await _once(spec, client_id, version)
        if seen.trouble is None or seen.trouble.kind not in (TroubleKind.VERSION, TroubleKind.CLOSED_EARLY):
            return seen
    return seen


async def _once(spec: UplinkSpec, client_id: str, version: str) -> Seen:
    session = Session(Call(spec, client_id, version, will_topic=None, will=b""), lambda _: None, lambda: None)
    try:
        await session.open()
    except LinkTrouble as error:
        return Seen(error.trouble)
    certificate = session.peer_certificate
    session.goodbye()
    return Seen(None, None if certificate is None else _dates(certificate))


def _dates(der: bytes) -> CertificateDates | None:
    try:
        return dates_of_der(der)
    except NotACertificate:
        return None
