"""Bounds of what is done to the outbox as a whole: thinning, restoring, erasing. The other bounds are in limits.py."""

from typing import Final

THIN_ABOVE_PARTS: Final = 8
"""Above a cap less one part in so many telemetry is thinned."""
THIN_STRETCH_MS: Final = 300_000
"""Of each stretch so long the lowest, the highest and the last value of a point stay."""
THIN_STRETCH_ROWS: Final = 20_000
THIN_SLICE_ROWS: Final = 500
THIN_SLICES_PER_COMMIT: Final = 2
THIN_GAIN_PARTS: Final = 10
"""Where less than one row in so many would go, all stay."""
THIN_WORDS: Final = 16
THIN_TOLD: Final = 2500
"""Numbers in one gap record that stay: about 25 kB of JSON."""
ROW_BESIDE_BYTES: Final = 100
"""More than a row takes beside its body, which itself takes no more than twice its bytes: the rest of a page may be too small."""
RESTORE_ROWS: Final = 2000
ERASE_SLICE_ROWS: Final = 20_000
"""Numbers looked through at a time, so that commits go on between."""
ERASE_SLICE_BLOCKS: Final = 500
"""The same of the history's blocks."""
ERASE_MIN_CHARS: Final = 3
ERASE_JOB_BYTES: Final = 64 * 1024
"""The note of what is being erased: the text, and who asked."""
ERASE_ANSWER_S: Final = 40.0
"""So long whoever asks waits, less than the control socket lets him; a large database on a card takes longer to be rebuilt."""
ERASE_RETRY_S: Final = 60.0
"""After so long what could not be finished is tried again."""
ERASE_LOOK_BYTES: Final = 1 << 20
ERASE_TRIES: Final = 20
"""A reader may keep the write-ahead log from being cut for a moment."""
ERASE_PAUSE_S: Final = 0.1
REFILL_ROWS: Final = 512
REFILL_BYTES: Final = 256 * 1024
"""Rows left behind a range that goes: up to so many the table is emptied and filled again."""
PARQUET_PAGE_BYTES: Final = 64 << 20
"""More than a page of an export unpacks to."""
COPIES_KEPT: Final = 1000
"""Places of copies that are remembered."""
COPIES_BYTES: Final = 8 << 20
AUDIT_BREAKS_TOLD: Final = 20
"""Rows of an audit log that do not fit which are named one by one."""
RECORD_URGENT_S: Final = 1.0
"""So long a barrier, and what an alarm switches, wait for the disk to take the record of it."""
DISK_STUCK_S: Final = 5.0
"""A piece of work that the disk has not answered for so long is trouble."""
OPEN_WITHIN_S: Final = 20.0
"""So long a start waits for the outbox; then it goes on without, as on a disk that refuses. A slow card takes a while to look
through a large file, and the service manager waits for a minute.
"""
START_TOLD_S: Final = 10.0
"""A start that has waited so long says for what, and again after as long."""
FIGURES_WITHIN_S: Final = 0.5
"""So long whoever asks how the outbox is waits for the disk; then it is told as it was."""
HEAP_BLOCK_BYTES: Final = 8 << 20
"""Larger than anything that reading a backlog ahead takes at once; twice as much of freed memory the process may keep."""
