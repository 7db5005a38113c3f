"""Bounds of the local history: what waits in memory, what a block holds, how much the file may grow."""

from typing import Final

TREND_FLUSH_S: Final = 60.0
"""Rounds are written together so often: a memory card wears by pages, not by bytes."""
TREND_BUFFER_VALUES: Final = 200_000
"""Readings that wait in memory as they are; beyond that the fullest device's are packed at once."""
TREND_CHUNK_VALUES: Final = 4096
"""So many readings of a device are packed into a block without waiting for the next writing."""
TREND_BLOCK_ROUNDS: Final = 4096
TREND_BLOCK_SPAN_MS: Final = 1_800_000
"""No block spans more time, so that whoever looks for an hour finds all of it near."""
TREND_BLOCK_BYTES: Final = 64 * 1024 * 1024
TREND_PENDING_BYTES: Final = 8 * 1024 * 1024
"""Packed blocks that wait for the disk; beyond that the oldest are dropped, and counted."""
TREND_CLOCK_SLACK_MS: Final = 1000
"""A block ends where the wall clock has moved so far against the boot clock."""
TREND_GRACE_MS: Final = 120_000
"""An hour is aggregated so long after its end, when its last rounds have been written."""
TREND_COMPACT_AT_ONCE: Final = 8
TREND_MAX_BYTES_DEFAULT: Final = 256 * 1024 * 1024
TREND_MIN_BYTES: Final = 4 * 1024 * 1024
TREND_DROP_ROWS: Final = 256
TREND_DROP_PARTS: Final = 16
"""A full history gives up one block in so many at once, and never more than TREND_DROP_ROWS."""
TREND_RETRY_S: Final = 30.0
TREND_CLOSE_S: Final = 0.75
TREND_READ_ROWS: Final = 64
TREND_QUARANTINE_KEEP: Final = 1
TREND_MAX_HOURS: Final = 24 * 366 * 10
