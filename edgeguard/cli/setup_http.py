"""One page for one person for a short while: HTTP on the loopback address alone, behind a random name, with bounds on everything.

The person comes through `ssh -L`. Whoever does not know the name gets nothing, not even told that there is something; pages of
other sites cannot reach it through the person's browser, for Host and Origin must be loopback. Knows nothing of cameras.
"""

import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from edgeguard.core.camera_limits import SETUP_BODY_BYTES, SETUP_CONNECTIONS, SETUP_REQUEST_S
from edgeguard.core.errors import Permanent

LOOPBACK: Final = "127.0.0.1"
_LOOPBACKS: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_TOKEN_BYTES: Final = 24
_HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Content-Security-Policy": "default-src 'none'; img-src 'self' blob:; connect-src 'self'; script-src 'unsafe-inline';"
        " style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        "Connection": "close",
    }
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a browser gets."""

    body: bytes
    kind: str = "application/json"
    status: int = 200


class Desk(Protocol):
    """What lies behind the page. Called on several threads."""

    def get(self, name: str) -> Answer | None:
        """What `name` shows; empty for the page itself, None for what there is not."""
        ...

    def post(self, name: str, body: bytes) -> Answer | None:
        """What comes of a wish; None for what there is not."""
        ...


class SetupServer(ThreadingHTTPServer):
    """Serves `desk` at `path` from its making until `close`. Permanent where the port is taken."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, desk: Desk, port: int) -> None:
        self.desk = desk
        self.token = secrets.token_urlsafe(_TOKEN_BYTES)
        self._free = threading.BoundedSemaphore(SETUP_CONNECTIONS)
        try:
            super().__init__((LOOPBACK, port), _Handler)
        except OSError as error:
            raise Permanent(f"port {port} of {LOOPBACK} cannot be used: {error.strerror}; choose another with --port") from error
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, name="setup", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The one that it listens on."""
        return int(self.server_address[1])

    @property
    def path(self) -> str:
        """Of the page."""
        return f"/{self.token}/"

    def close(self) -> None:
        """Serve nobody any more."""
        self.shutdown()
        self._thread.join()
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        """As the base does, for so many at once."""
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """The same, and room for the next."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away in the middle is nothing to tell."""


class _Handler(BaseHTTPRequestHandler):
    server: SetupServer
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "edgeguard", ""
    timeout = SETUP_REQUEST_S

    def do_GET(self) -> None:
        """Show something."""
        name = self._name()
        self._give(None if name is None else self.server.desk.get(name))

    def do_POST(self) -> None:
        """Take a wish, from the page itself alone."""
        name, origin = self._name(), self.headers.get("Origin")
        if name is None or (origin is not None and urlsplit(origin).hostname not in _LOOPBACKS):
            self._give(None)
            return
        written = self.headers.get("Content-Length", "")
        if not written.isdecimal() or int(written) > SETUP_BODY_BYTES:
            self._give(Answer(b"", status=413))
            return
        self._give(self.server.desk.post(name, self.rfile.read(int(written))))

    def _name(self) -> str | None:
        """What is asked for behind the random name; None for whoever does not know it, or comes from another site."""
        host = urlsplit(f"//{self.headers.get('Host', '')}").hostname
        parts = urlsplit(self.path).path.split("/")
        knows = len(parts) == 3 and secrets.compare_digest(parts[1].encode(), self.server.token.encode())
        is_foreign = self.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin")
        return parts[2] if knows and host in _LOOPBACKS and not is_foreign else None

    def _give(self, answer: Answer | None) -> None:
        answer = answer or Answer(b"", "text/plain", 404)
        self.close_connection = True
        self.send_response(answer.status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base's name)
        """Nothing: the random name would stand in the log."""
