"""What can go wrong on the control socket, for both ends; the code on the wire is the class's name in kebab case."""

import re

from edgeguard.core.errors import EdgeguardError, Permanent, Retryable


class BadRequest(Permanent):
    """A line that is no request: not UTF-8, not JSON, too deep, ambiguous, or of another shape."""


class UnknownMethod(Permanent):
    """A request for something that this daemon does not offer."""


class BadArguments(Permanent):
    """A request whose arguments are missing, unknown, of the wrong kind or too large."""


class UnknownName(Permanent):
    """A device, point or alarm that the daemon does not have; for handlers."""


class NotAllowed(Permanent):
    """A peer that may read asked for a write."""


class Overloaded(Retryable):
    """The daemon protects itself: too many connections, or too many answers that nobody has read yet."""


class HandlerTimeout(Retryable):
    """The daemon gave up on a request that took too long; of a write nobody knows what became."""


class AnswerTooLarge(Permanent):
    """The answer would exceed its bound; the request must ask for less."""


class InternalError(Permanent):
    """A bug in the daemon; its log says more than a peer may know."""


class DaemonSilent(Retryable):
    """For clients: nobody answers at the socket, in words that say what to do."""


class CallRefused(EdgeguardError):
    """For clients: the daemon answered, and said no. `code` is stable, the message is for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def code_of(error: EdgeguardError) -> str:
    """The stable name of an error: `WriteRefused` is `write-refused`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", type(error).__name__).lower()
