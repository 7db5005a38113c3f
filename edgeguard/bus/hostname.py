"""From a host's name to its addresses, without anybody waiting for a resolver that hangs.

The loop's own resolution runs on threads that the end of the program waits for: one dead name server would hold up a
stop for half a minute. Here the question is asked on a daemon thread, one at a time for each name however often it is
awaited, and whoever gives up waiting leaves it alone.
"""

import asyncio
import ipaddress
import socket
import threading
from collections.abc import Callable, Sequence

Lookup = Callable[[str], Sequence[str]]
"""Addresses of a name, blocking. OSError if there are none."""


def ask_resolver(host: str) -> Sequence[str]:
    """The system's answer: addresses in the order in which they are to be tried."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(info[4][0]) for info in found))


class HostName:
    """A host by name or by address. Belongs to one loop."""

    def __init__(self, host: str, lookup: Lookup = ask_resolver) -> None:
        self._host = host
        self._lookup = lookup
        self._under_way: asyncio.Future[Sequence[str]] | None = None

    async def addresses(self) -> Sequence[str]:
        """Where the host is now, asked anew each time; an address is its own. OSError or UnicodeError if nobody knows it."""
        if _is_address(self._host):
            return (self._host,)
        if self._under_way is None:
            self._under_way = self._ask()
        return await asyncio.shield(self._under_way)

    def _ask(self) -> asyncio.Future[Sequence[str]]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Sequence[str]] = loop.create_future()

        def deliver(addresses: Sequence[str], error: OSError | UnicodeError | None) -> None:
            self._under_way = None
            if error is None:
                answer.set_result(addresses)
                return
            answer.set_exception(error)
            # Those who asked may all have left, and an error that nobody looks at would be complained of.
            answer.exception()

        def work() -> None:
            addresses: Sequence[str] = ()
            error: OSError | UnicodeError | None = None
            try:
                addresses = self._lookup(self._host)
            except (OSError, UnicodeError) as failure:
                error = failure
            try:
                loop.call_soon_threadsafe(deliver, addresses, error)
            except RuntimeError:
                # The loop was closed in the meantime: nobody wants to know any more.
                return

        threading.Thread(target=work, name=f"resolve {self._host}", daemon=True).start()
        return answer


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
