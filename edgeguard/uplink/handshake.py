"""Whether renewed certificates would do, asked of the broker by a handshake beside the session that is there.

A wrong CA bundle, or a certificate that the broker does not know, is as readable as a right one: whoever put it there would have
cut the gateway off. Nothing of MQTT is said. Blocks, and is called on a thread.
"""

import contextlib
import socket
import ssl
from typing import Final

from edgeguard.core.site import UplinkSpec
from edgeguard.uplink import tls
from edgeguard.uplink.trouble import LinkTrouble, TroubleKind

_VERDICT_S: Final = 2.0
"""With TLS 1.3 the broker judges our certificate when the handshake is over for us; it has so long to say no."""


def try_credentials(spec: UplinkSpec, within_s: float) -> bool:
    """True if a session with the files as they are now may be begun, False if the network does not let anybody know.

    LinkTrouble if they cannot be used, or the broker and we do not accept each other with them. A password is only read: whether
    it is right the broker says to a whole session alone.
    """
    if spec.password_file is not None:
        tls.read_secret(spec.password_file)
    if not spec.tls:
        return True
    context = tls.client_context(spec)
    try:
        with (
            socket.create_connection((spec.host, spec.port), within_s) as plain,
            context.wrap_socket(plain, server_hostname=spec.host) as secured,
        ):
            secured.settimeout(_VERDICT_S)
            with contextlib.suppress(TimeoutError):
                secured.recv(1)
    except ssl.SSLError as error:
        trouble = tls.tls_trouble(error, spec.host)
        if trouble.kind is TroubleKind.PERSON:
            raise LinkTrouble(trouble) from error
        return False
    except OSError:
        return False
    return True
