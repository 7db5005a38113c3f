"""The control socket: messages, client and server. Knows nothing of what the daemon does with a request.

The server is imported when somebody asks for it: a technician's command needs the client alone, and on a small machine the
difference (the logging library) can be felt.
"""

from typing import TYPE_CHECKING, Any

from edgeguard.control.call import Call, Handler
from edgeguard.control.client import ControlClient, call
from edgeguard.control.errors import BadArguments, CallRefused, DaemonSilent, NotAllowed, UnknownName
from edgeguard.control.methods import METHODS, Method
from edgeguard.control.peer import Peer

if TYPE_CHECKING:
    from edgeguard.control.server import ControlBounds, ControlFigures, ControlServer

__all__ = [
    "METHODS",
    "BadArguments",
    "Call",
    "CallRefused",
    "ControlBounds",
    "ControlClient",
    "ControlFigures",
    "ControlServer",
    "DaemonSilent",
    "Handler",
    "Method",
    "NotAllowed",
    "Peer",
    "UnknownName",
    "call",
]


def __getattr__(name: str) -> Any:
    if name in ("ControlBounds", "ControlFigures", "ControlServer"):
        from edgeguard.control import server

        return getattr(server, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
