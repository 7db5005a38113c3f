"""A request as a handler gets it: its arguments checked against the method's row, its peer known to the kernel."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from edgeguard.control.message import Argument
from edgeguard.control.peer import Peer
from edgeguard.core.point import Value


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `args` holds what methods.py lists, no more; a required argument is there, an optional one may be."""

    method: str
    args: Mapping[str, Argument]
    peer: Peer
    may_write: bool

    def text(self, name: str, default: str = "") -> str:
        """A TEXT argument, or `default` if it is absent."""
        value = self.args.get(name, default)
        return value if isinstance(value, str) else default

    def texts(self, name: str) -> tuple[str, ...]:
        """A TEXTS argument; empty if it is absent."""
        value = self.args.get(name, ())
        return value if isinstance(value, tuple) else ()

    def flag(self, name: str) -> bool:
        """A FLAG argument; False if it is absent."""
        return self.args.get(name) is True

    def value(self, name: str) -> Value:
        """A VALUE argument. KeyError if it is absent."""
        value = self.args[name]
        if isinstance(value, tuple):
            raise KeyError(name)
        return value

    @property
    def author(self) -> str:
        """Who asks, for the record: the user by the kernel's word, and the name that was claimed where it differs."""
        claimed = self.text("by")
        return f"{self.peer.user} (as {claimed})" if claimed and claimed != self.peer.user else self.peer.user


Handler = Callable[[Call], Awaitable[object]]
"""Returns what the method's row promises, or raises an EdgeguardError with a sentence for the person who asked."""
