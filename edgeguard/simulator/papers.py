"""Certificates for simulated devices behind TLS: an authority of one's own, a server's certificate by it, one for a client.

They lie in a folder and are made there once, by the `openssl` program; whoever has better ones puts them there first.
"""

import ipaddress
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edgeguard.core.errors import Permanent
from edgeguard.core.limits import SIMULATE_OPENSSL_S

_KEY: Final = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "825")


@dataclass(frozen=True, slots=True)
class Papers:
    """A folder with `ca.pem`, `server.pem`, `client.pem`, and the key of each."""

    folder: Path

    def make(self, host: str) -> None:
        """Make what is missing, for a server that is called `host`. Permanent if that cannot be."""
        self.folder.mkdir(parents=True, exist_ok=True)
        kind = "DNS" if _address(host) is None else "IP"
        if not self._has("ca"):
            self._openssl("-x509", "-subj", "/CN=edgeguard simulator", "-keyout", "ca.key", "-out", "ca.pem")
        for name, called in (("server", host), ("client", "edgeguard")):
            if not self._has(name):
                names = f"subjectAltName={kind}:{host}" if name == "server" else "extendedKeyUsage=clientAuth"
                by = ("-CA", "ca.pem", "-CAkey", "ca.key", "-addext", names)
                self._openssl("-x509", "-subj", f"/CN={called}", *by, "-keyout", f"{name}.key", "-out", f"{name}.pem")

    def context(self, demand: bool) -> ssl.SSLContext:
        """For a server; one that demands a client's certificate, by the same authority, or takes any client. Reads files."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self.folder / "server.pem", self.folder / "server.key")
            if demand:
                context.verify_mode = ssl.CERT_REQUIRED
                context.load_verify_locations(self.folder / "ca.pem")
        except OSError as error:
            raise Permanent(f"{self.folder}: ca.pem, server.pem or server.key is not valid: {error.strerror or error}") from error
        return context

    def _has(self, name: str) -> bool:
        return (self.folder / f"{name}.pem").exists()

    def _openssl(self, *arguments: str) -> None:
        command = ["openssl", "req", *_KEY, *arguments]
        try:
            subprocess.run(command, cwd=self.folder, check=True, capture_output=True, timeout=SIMULATE_OPENSSL_S)  # noqa: S603
        except FileNotFoundError:
            raise Permanent(f"certificates for {self.folder} are made by openssl, which is not installed") from None
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            said = (error.stderr or b"").decode("utf-8", "replace").strip().splitlines()
            raise Permanent(f"openssl cannot make certificates in {self.folder}: {said[-1] if said else error}") from error


def _address(host: str) -> object | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
