"""Three kinds of trouble: worth another try, not worth one, and bugs (which are none of these)."""


class EdgeguardError(Exception):
    """Anything the product can explain to a person in one sentence."""


class Retryable(EdgeguardError):
    """May pass by itself: line, broker, disk busy or full."""


class Permanent(EdgeguardError):
    """Stays until a person changes something: configuration, model file, credentials, a device's refusal."""


class NothingThere(Permanent):
    """A state directory that does not hold what was looked for: another one may be meant."""


class ConfigError(Permanent):
    """A configuration that is refused as a whole; `mistakes` holds one printable line per mistake."""

    def __init__(self, mistakes: tuple[str, ...]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


class StoreError(Retryable):
    """The database cannot take or give rows now (full, read-only, input/output error)."""


class WriteRefused(Permanent):
    """A write to a point that limits, the profile or the device do not allow."""


class CommandRefused(Permanent):
    """A command that was understood, and is not carried out; `code` is stable, the message is for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class RolledBack(EdgeguardError):
    """A configuration that was tried and taken back; the message says why."""


class WriteUnverified(EdgeguardError):
    """A write that was sent but whose value could not be read back as sent."""
