"""Words to systemd over its notification socket (sd_notify(3)); silent where there is none."""

import os
import socket


class Notifier:
    """Sends READY, STATUS, WATCHDOG, RELOADING and STOPPING."""

    def __init__(self, address: str | None) -> None:
        self._address = None if not address else ("\0" + address[1:] if address.startswith("@") else address)

    @classmethod
    def from_environment(cls) -> "Notifier":
        """As systemd tells it."""
        return cls(os.environ.get("NOTIFY_SOCKET"))

    def send(self, *lines: str) -> bool:
        """One datagram of assignments, one per line; False if nobody listens."""
        if self._address is None:
            return False
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
            try:
                sock.sendto("\n".join(lines).encode(), self._address)
            except OSError:
                return False
        return True

    def status(self, text: str) -> None:
        """The line that `systemctl status` shows."""
        self.send("STATUS=" + text.replace("\n", " "))
