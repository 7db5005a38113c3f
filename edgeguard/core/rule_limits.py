"""Bounds of domain rules and reactions; the others are in core.limits, and their relations are tested beside those."""

from typing import Final

RUN_GAP_MS: Final = 120_000
"""Between two looks at a machine further apart than this its running time is not counted: nobody knows what it did."""
STARTS_KEPT: Final = 200
FIGURES_TOLD_MS: Final = 300_000
"""Counted figures are told at least so often while their device answers."""
DOMAIN_LOOK_MS: Final = 60_000
"""A family of domain rules whose inputs change nothing takes a step at least so often: times grow, and starts become old."""
MEASURED_MAX: Final = 1e15
"""No measurement is larger; a float of a device that is out of order may be, and counts as this, lest what comes of it overflow."""
STILL_LEAP_MS: Final = 250
"""A wall clock that has moved by less against the boot clock is only being steered: nobody has set it."""
STATE_KEPT_MS: Final = 60_000
"""Running times and the like are kept so often: a power cut costs a counter at most that much."""
MAX_GROUPS: Final = 200
MAX_REACTIONS: Final = 200
REACTIONS_PER_HOUR_MAX: Final = 120
REACTION_RETRIES_MAX: Final = 10
REACTION_LOOK_S: Final = 1.0
REACTION_FIRST_WAIT_MS: Final = 5000
"""Between the first and the second try of a write; then twice as long each time, up to the next."""
REACTION_WAIT_MAX_MS: Final = 300_000
REACTION_END_TRIES: Final = 4
"""After so many tries, 75 s, it is told that an output cannot be switched back; the trying goes on."""
REACTION_CHECK_MS: Final = 10_000
"""After a restart or a write the output's own word is waited for so long."""
REACTION_MANUAL_MS: Final = 600_000
"""An output that a person has written within this time is theirs when an alarm comes."""
REACTION_ASK_S: Final = 8.0
"""Who asks something of a reaction is answered within this time, even if it is only carried out later."""
REACTION_ASKED_MAX: Final = 16
