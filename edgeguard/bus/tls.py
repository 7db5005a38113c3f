"""Modbus/TCP Security as a wire: Modbus TCP inside TLS, the other end known by its certificate, ours shown if there is one.

Source: MODBUS/TCP Security Protocol Specification V36, 8 (TLS 1.2 at least, mutual authentication, port 802). The name is
always checked; there is no switch to turn any of it off. Files are read anew for each connection, so that renewed ones hold.
"""

import ssl
from collections.abc import Callable
from pathlib import PurePath

from edgeguard.bus.aside import aside
from edgeguard.bus.hostname import Lookup, ask_resolver
from edgeguard.bus.tcp import StreamLink, TcpOpener
from edgeguard.bus.turns import Turns
from edgeguard.core.site import BusSpec, TlsSpec


class TlsOpener(TcpOpener):
    """Connects to a host and port and shakes hands; see bus.wire_bus.Opener."""

    def __init__(self, spec: BusSpec, tls: TlsSpec, lookup: Lookup = ask_resolver) -> None:
        super().__init__(spec, lookup)
        self._name = spec.host
        self._tls = tls

    async def open(self, turns: Turns) -> StreamLink:
        """The first of the host's addresses that takes a connection and proves to be the host."""
        context = await aside(lambda: client_context(self._tls), f"certificates of {self.where}")
        try:
            return await self._first(await self._host.addresses(), turns, context, self._name)
        except ssl.SSLCertVerificationError as error:
            raise OSError(f"the certificate of {self._name} is not accepted: {error.verify_message}") from error
        except ssl.SSLError as error:
            raise OSError(f"TLS failed: {_words(error)}") from error


def client_context(tls: TlsSpec) -> ssl.SSLContext:
    """A context for one connection. OSError names the file that is at fault. Reads files."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = True
    context.verify_mode = ssl.CERT_REQUIRED
    if tls.ca is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    else:
        _load(tls.ca, "CA file", lambda: context.load_verify_locations(cafile=str(tls.ca)))
    certificate = tls.certificate
    if certificate is not None:
        # An encrypted key must fail, not ask a terminal that is not there.
        _load(
            certificate,
            "certificate or its key",
            lambda: context.load_cert_chain(str(certificate), str(tls.key or certificate), password=lambda: ""),
        )
    return context


def _load(path: PurePath, what: str, load: Callable[[], None]) -> None:
    try:
        load()
    except ssl.SSLError as error:
        raise OSError(f"{what} {path} is not valid: {_words(error)}") from error
    except OSError as error:
        raise OSError(f"{what} {error.filename or path} cannot be read: {error.strerror or error}") from error


def _words(error: ssl.SSLError) -> str:
    return (error.reason or str(error)).replace("_", " ").lower()
