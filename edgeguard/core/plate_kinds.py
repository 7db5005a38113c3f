"""The kinds of plate that the reader tells apart, by the words of events and configuration."""

from typing import Final

PLATE_KINDS: Final = (
    *("ordinary", "energy_small", "energy_large", "police", "coach", "trailer", "hong_kong_macao", "consulate", "embassy"),
)
