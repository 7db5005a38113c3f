"""The configuration room: TOML files in, the frozen values of `core.site` and `core.profile` out, or every mistake at once.

The only room that knows pydantic and tomllib; it opens no bus, no socket and no database.
"""

from edgeguard.config.profiles import ProfileLibrary, examine_profile, load_profile, shipped_configs
from edgeguard.config.site import SAMPLE, Loaded, load_site, load_site_with_notes

__all__ = [
    "SAMPLE",
    "Loaded",
    "ProfileLibrary",
    "examine_profile",
    "load_profile",
    "load_site",
    "load_site_with_notes",
    "shipped_configs",
]
