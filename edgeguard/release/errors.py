"""Why a release is not taken."""

from edgeguard.core.errors import Permanent


class ReleaseRefused(Permanent):
    """A release that must not be installed; the sentence names the file and what is wrong with it."""
