"""The shipped profiles, read once for all tests of a process: each file costs milliseconds, and many tests want them all."""

from functools import cache

from edgeguard.config import ProfileLibrary


@cache
def shipped_profiles() -> ProfileLibrary:
    """The profiles that come with the product."""
    return ProfileLibrary.shipped()
