"""One group commit, and the housekeeping between commits, as they run on the desk's thread."""

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edgeguard.core.alarm import Alarm
from edgeguard.core.clock import Stamp
from edgeguard.core.ids import AlarmName, BootId
from edgeguard.core.item import Item, Stream
from edgeguard.core.limits import DISK_BALLAST_BYTES, DISK_LOW_BYTES, DISK_RESUME_BYTES, WAL_MAX_BYTES
from edgeguard.core.rule_state import RuleState
from edgeguard.store import retention, thinning
from edgeguard.store.audit_chain import COMMAND_MARK, audit_body
from edgeguard.store.ledger import Ledger
from edgeguard.store.retention import Caps, Gap

BALLAST: Final = "ballast"
"""Name of a file that only takes up room: it is removed when the disk is full, so that alarms get the last bytes."""

Ack = tuple[Stream, int, int]
FreeBytes = Callable[[Path], int]


@dataclass(frozen=True, slots=True)
class Group:
    """What goes into one transaction. `save_marks`: acknowledgements are written along."""

    items: tuple[Item, ...]
    alarms: tuple[tuple[AlarmName, Alarm], ...]
    gaps: tuple[Gap, ...]
    offset: tuple[BootId, int | None] | None
    now: Stamp
    save_marks: bool
    commands: tuple[tuple[str, int], ...] = ()
    audit: tuple[bytes, ...] = ()
    states: tuple[RuleState, ...] = ()


@dataclass(frozen=True, slots=True)
class Committed:
    """Numbers in the order of the group's items; what the caps cost; whether caps are near."""

    numbers: tuple[int, ...]
    lost: tuple[Gap, ...]
    near_caps: bool


def commit(ledger: Ledger, group: Group, caps: Caps) -> Committed:
    """All of the group or nothing; durable when this returns."""
    with ledger.transaction():
        if group.offset is not None:
            ledger.set_boot_offset(*group.offset)
        numbers = ledger.append(group.items)
        if group.gaps:
            ledger.append([gap.item(group.now) for gap in group.gaps])
        ledger.save_alarms(group.alarms)
        if group.states:
            ledger.save_states(group.states)
        if group.commands:
            ledger.save_commands(group.commands, group.now.wall_ms)
        commands = [item for item in group.items if item.body.startswith(COMMAND_MARK) and item.stream is Stream.EVENTS]
        if group.audit or commands:  # what a person or the platform had done stands in the audit log, too
            ledger.audit.append((*group.audit, *(audit_body(item.at, item.body) for item in commands)))
        filled = retention.filled(ledger, caps, thinning.NEAR)
        lost = retention.enforce(ledger, caps, group.now) if filled > 1.0 else ()
        if group.save_marks:
            ledger.save_marks()
    return Committed(numbers, lost, filled > thinning.NEAR)


def prune(ledger: Ledger, at_least: int) -> int:
    """Remove one big range of rows that nobody needs, if there are so many; gives how many went."""
    with ledger.transaction():
        return retention.prune(ledger, at_least)


def park(ledger: Ledger, stream: Stream, first: int, last: int, reason: str, now: Stamp) -> int:
    """Move what is still to be delivered of a range to the dead letters and record the gap; gives the number of rows."""
    with ledger.transaction():
        return retention.park(ledger, stream, first, last, reason, now)


@dataclass(frozen=True, slots=True)
class Tidied:
    """What the cap on age cost, and the fuller of the other two caps as a part of 1."""

    lost: tuple[Gap, ...]
    filled: float


def tidy(ledger: Ledger, caps: Caps, now: Stamp, database: Path) -> Tidied:
    """Drop what is too old, cut a -wal that outgrew its bound, and let the witness see what it may have missed.

    Raises OSError if the database's name now belongs to another file: what is written to the old one would be lost.
    """
    if database.stat().st_ino != ledger.inode:
        raise OSError(errno.ESTALE, "the database was replaced while in use", str(database))
    ledger.tell_witness(at_once=True)
    lost: tuple[Gap, ...] = ()
    if caps.max_age_ms is not None:
        with ledger.transaction():
            lost = retention.expire(ledger, caps, now)
    wal = database.with_name(database.name + "-wal")
    if wal.exists() and wal.stat().st_size > WAL_MAX_BYTES:
        ledger.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    rows = sum(max(state.rows - max(state.removable, 0), 0) for state in ledger.streams.values())
    return Tidied(lost, max(rows / caps.max_rows, ledger.used_bytes() / caps.max_bytes))


@dataclass(frozen=True, slots=True)
class Room:
    """Free bytes on the disk; `low`: keep them for alarms; `ample`: everything may be written again."""

    free_bytes: int
    low: bool
    ample: bool


def look_for_room(directory: Path, free_bytes: FreeBytes, *, make_ballast: bool) -> Room:
    """How much the disk has left; makes the ballast if wanted, when there is ample room and none yet."""
    free = free_bytes(directory)
    ample = free >= DISK_RESUME_BYTES
    ballast = directory / BALLAST
    if make_ballast and ample and not ballast.exists():
        _make_ballast(ballast)
    return Room(free, free < DISK_LOW_BYTES, ample)


def drop_ballast(directory: Path) -> bool:
    """Give the ballast's bytes back to the disk; True if there were any."""
    try:
        (directory / BALLAST).unlink()
    except OSError:
        return False
    return True


def disk_free(directory: Path) -> int:
    """Bytes that this user may still write on the directory's file system."""
    found = os.statvfs(directory)
    return found.f_bavail * found.f_frsize


def _make_ballast(path: Path) -> None:
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, DISK_BALLAST_BYTES)
    finally:
        os.close(descriptor)
