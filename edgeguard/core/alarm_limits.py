"""Bounds of alarms; a part of `core.limits`, which is long enough without them."""

from typing import Final

MINUTE_MS: Final = 60_000
ALARM_FLOOD_MS: Final = 600_000
ALARM_FLOOD_COUNT: Final = 10
"""More alarms than this in ALARM_FLOOD_MS are a flood (ISA-18.2); it is over when they are fewer than ALARM_CALM_COUNT."""
ALARM_CALM_COUNT: Final = 5
ALARM_CHATTER_MS: Final = 60_000
ALARM_CHATTER_COUNT: Final = 3
ALARM_CHATTER_HELD_MS: Final = 600_000
"""So long an alarm that chatters is shelved by the gateway itself."""
ALARM_NAMES_TOLD: Final = 40
ALARM_SHELVE_MAX_MS: Final = 7 * 86_400_000
ALARM_REASON_CHARS: Final = 200
RATE_SAMPLES: Final = 24
"""Kept of the window of a rate of change."""
EXPRESSION_CHARS: Final = 500
EXPRESSION_NODES: Final = 120
EXPRESSION_DEPTH: Final = 12
ALARM_PARENTS: Final = 16
MAX_COMMON_ALARMS: Final = 500
REPLAY_LINE_BYTES: Final = 256 * 1024
REPLAY_TICK_MS: Final = 1000
REPLAY_TICKED_MS: Final = 900_000
"""In a gap of a recording time goes by seconds for so long, then by minutes."""
REPLAY_PAUSE_MS: Final = MINUTE_MS
"""Rounds of a recording that are further apart are not passed over in one stretch: counters are judged by the time between."""
REPLAY_DENSE_MS: Final = 5000
"""Of devices that are polled less often than this a history is replayed round by round: there is little to pass over at once."""
REPLAY_SHAPES: Final = 10_000
"""Devices of a recording whose points are remembered from round to round."""
