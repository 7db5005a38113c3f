"""Words to systemd over its notification socket (sd_notify(3)); silent where there is none."""

import os
import socket


class Notifier:
    """Sends READY, STATUS, WATCHDOG, RELOADING and STOPPING. `watchdog_s` is the interval asked for, None if there is none."""

    def __init__(self, address: str | None, watchdog_s: float | None) -> None:
        self.watchdog_s = watchdog_s
        self._address = None if not address else ("\0" + address[1:] if address.startswith("@") else address)

    @classmethod
    def from_environment(cls) -> "Notifier":
        """As systemd tells it: NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID."""
        usec = os.environ.get("WATCHDOG_USEC", "")
        meant = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        watchdog_s = int(usec) / 1e6 if meant and usec.isdigit() and int(usec) > 0 else None
        return cls(os.environ.get("NOTIFY_SOCKET"), watchdog_s)

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
