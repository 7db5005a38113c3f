"""Bounds of what decides at a gate: lists of plates, stays, passes under way."""

from typing import Final

from edgeguard.core.limits import HOUR_MS, INTERLOCK_MAX_AGE_MS

GATE_ENTRIES_MAX: Final = 20_000
"""Entries of all lists together: a large compound with its visitors of a week."""
GATE_CSV_BYTES: Final = 4 * 1024 * 1024
GATE_MISTAKES_TOLD: Final = 50
"""Mistakes of a file or of a list from the platform that are told one by one."""
GATE_PART_CHARS: Final = 12_000
"""Characters of one part of a list on its way: with everything around it, a message of a command holds it."""
GATE_PARTS_MAX: Final = 400
GATE_STAGED_MAX: Final = 4
"""Lists of which some parts, but not yet all, have come."""
GATE_STAGED_MS: Final = 10 * 60_000
"""After so long without a further part those that have come are forgotten."""
GATE_NOTE_CHARS: Final = 64
GATE_BAY_CHARS: Final = 32
GATE_HOURS_MAX: Final = 6
GATE_STAYS_MAX: Final = 20_000
GATE_ZONES_MAX: Final = 32
GATE_EYES_MAX: Final = 8
"""Cameras of one way of a gate."""
GATE_DECISIONS_KEPT: Final = 64
"""Decisions of each gate that are shown; they are events as well, and kept nowhere else."""
GATE_CONFIRM_MS: Final = 5 * 60_000
"""So long a person may let in by name what a gate has left to people."""
GATE_SAME_MS: Final = 20_000
"""The same plate at the same gate within this time of its passage is the same vehicle, whichever camera has read it."""
GATE_CLEAR_MS: Final = 30_000
"""A vehicle that was let in and has not come to the loop within this time has not gone through."""
GATE_DOWN_MS: Final = 2 * 60_000
"""An arm that is still up so long after nothing keeps it there any more stays up: it is stuck, or somebody holds it. Unless set."""
GATE_LOOP_STUCK_MS: Final = 2 * 60_000
"""A loop that shows a vehicle for so long is stuck, or somebody has broken down on it: a person has to look. Unless set."""
GATE_LOOP_STUCK_LEAST_MS: Final = 30_000
GATE_LOOP_STUCK_MOST_MS: Final = 30 * 60_000
GATE_WAITING_MS: Final = 20_000
"""So long a vehicle behind another may wait for the loop to clear before it is left to people."""
GATE_RESUMED_MS: Final = 10_000
"""A vehicle that was let in before the daemon began anew, and has not come to the loop so long after that, is told as unseen."""
GATE_LOOP_UNKNOWN_MS: Final = 2 * 60_000
"""So long a relay stays closed because nobody knows whether a vehicle stands under the barrier; while one does, without an end."""
GATE_READ_OLD_MS: Final = 5_000
"""A reading that comes to the gateway later than this opens nothing: the vehicle may have left."""
GATE_INPUT_OLD_MS: Final = INTERLOCK_MAX_AGE_MS
"""What an input of a gate showed longer ago than this is not known any more: nothing is opened by it, and no arm let down."""
GATE_HOLD_MS: Final = HOUR_MS
GATE_HOLD_MAX_MS: Final = 12 * HOUR_MS
GATE_CLOCK_KEPT_MS: Final = 60 * 24 * HOUR_MS
"""So long after its last synchronisation, within one boot, the boot clock carries the wall clock on: seconds a day at worst."""
GATE_EXPIRED_KEPT_MS: Final = 24 * HOUR_MS
"""An entry is removed so long after its last day, since nothing needs the plate any more."""
GATE_STAY_KEPT_MS: Final = 180 * 24 * HOUR_MS
"""A stay that nobody has ended for so long is given up, with an event: its plate is not needed any more."""
GATE_LOOK_S: Final = 0.1
