"""Bounds of what is read of a release before anything of it is believed."""

from typing import Final

RELEASE_SUMS_BYTES: Final = 64 * 1024
RELEASE_SIGNATURE_BYTES: Final = 8 * 1024
RELEASE_KEYS_BYTES: Final = 64 * 1024
RELEASE_KEYS: Final = 20
RELEASE_FILES: Final = 100
RELEASE_FILE_BYTES: Final = 1024 * 1024 * 1024
RELEASE_PIECE_BYTES: Final = 1024 * 1024
"""A file is hashed in pieces of this size."""
