"""A copy of the outbox in one file, taken beside the running daemon, and an outbox made of such a copy.

A restored outbox is a new epoch: the platform has seen numbers that the copy does not know of, so none may be given again. What
the copy had still to deliver is delivered under new numbers, and a record tells which old ones will not come any more.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import orjson

from edgeguard.core.clock import Stamp
from edgeguard.core.errors import Permanent, StoreError
from edgeguard.core.ids import Epoch
from edgeguard.core.item import STREAMS, Item, OutboxRow, Stream
from edgeguard.core.outbox_limits import RESTORE_ROWS
from edgeguard.store import schema
from edgeguard.store.audit import AuditVerdict, verify_chain
from edgeguard.store.audit_carry import AuditCarried, carry_audit
from edgeguard.store.audit_chain import audit_body, deed
from edgeguard.store.copies import note_copy
from edgeguard.store.damage import (
    DATABASE,
    HALF,
    READY,
    begin_epoch,
    begins_like_sqlite,
    connect,
    empty_file,
    finish_restore,
    set_aside,
    sync_directory,
)
from edgeguard.store.ledger import Ledger
from edgeguard.store.lock import StateLock
from edgeguard.store.retention import DAMAGED, GAP_MARK, REPLACED, RESTORED, Gap, gap_of
from edgeguard.store.seal import is_sealed, seal
from edgeguard.store.trouble import DamageError, Trouble, sentence_of, trouble_of
from edgeguard.store.witness import Witness

_READ_BYTES: Final = 1 << 24
_NEVER_COPIED: Final = frozenset({"meta", "boots", "streams", "done", *(stream.value for stream in STREAMS)})
"""Tables that belong to an epoch; all others are taken over as they are."""


@dataclass(frozen=True, slots=True)
class Copied:
    """A copy that was made: its place, its size, whose it is, and how many rows of each stream it has still to deliver.

    `noted`: erasing a resident's data will look there by itself. `audit`: the log in the copy as it was found; None of an outbox
    with an older schema.
    """

    path: str
    size: int
    epoch: str
    waiting: dict[str, int]
    noted: bool = True
    audit: AuditVerdict | None = None


@dataclass(frozen=True, slots=True)
class Restored:
    """An outbox that was made of a copy: the epochs, the rows of each stream that it will deliver, where the old file went.

    `audit`: the audit log that it goes on from, and what was found wrong with it.
    """

    epoch: str
    from_epoch: str
    waiting: dict[str, int]
    set_aside: str
    audit: AuditCarried


def backup(directory: Path, target: Path) -> Copied:
    """Copy the outbox of a state directory as it is at one moment into `target`, which must not be there yet.

    Only reads, with one short-lived view: the daemon goes on meanwhile. Permanent for what a person has to change, StoreError if
    a disk refuses.
    """
    source = directory / DATABASE
    if os.path.lexists(target):
        raise Permanent(f"{target} is there already")
    partial = target.with_name(target.name + ".partial")
    with _told(target, source):
        empty_file(partial)
        note_copy(directory, partial)  # whoever is killed at it leaves what has been written
        try:
            with closing(_reading(source)) as held, closing(connect(f"{partial.absolute().as_uri()}?mode=rw")) as copy:
                held.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE").fetchall()
                _check(copy, source)
                epoch, waiting = copy.execute("SELECT epoch FROM meta").fetchone()[0], _waiting(copy, partial)
                audit = verify_chain(copy) if _is_ours(copy) else None
            seal(partial)
            noted = note_copy(directory, target)
            partial.rename(target)
            note_copy(directory, target)  # and forget the other
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        sync_directory(target.absolute().parent)
    return Copied(str(target), target.stat().st_size, epoch, waiting, noted, audit)


@dataclass(frozen=True, slots=True)
class Restoring:
    """Under which epoch, when and by whom a restore is done. `over`: an outbox that is there is set aside into the quarantine.

    `noted`: number and hash of the audit log's newest row when the copy was made, as `verify_audit` takes them.
    """

    epoch: Epoch
    now: Stamp
    by: str
    over: bool = False
    noted: tuple[int, bytes] | None = None


def restore(source: Path, directory: Path, way: Restoring) -> Restored:
    """Make the outbox of `directory` from a copy, under a new epoch, while no daemon runs there.

    An outbox that is there already is refused unless it may be set aside. An audit log that somebody has changed hinders nothing,
    but is told for as long as the row of the restore is kept. Permanent and StoreError as `backup`.
    """
    with _told(directory, source), StateLock.acquire(directory), closing(_sound(source)) as held:
        path = directory / DATABASE
        finish_restore(directory, way.now.wall_ms)
        if os.path.lexists(path) and not way.over:
            raise Permanent(f"{path} is there already: what waits in it would not be sent any more")
        old, new = (directory / name for name in HALF)
        try:
            with closing(connect(f"{empty_file(old).absolute().as_uri()}?mode=rw")) as copy:
                held.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE").fetchall()
                _check(copy, source)
                schema.migrate(copy, str(source))
                schema.refuse_lacking(copy)
                made = _rebuild(copy, old, new, path if os.path.lexists(path) else None, way)
            _sync(new)
            _give_to_owner(directory)  # whoever starts next may have to go on from here
            # From here on each step may be the last one: the next start finds the old outbox, or carries the restore out.
            new.rename(directory / READY)
            sync_directory(directory)
            aside = ""
            if os.path.lexists(path):
                aside = str(set_aside(directory, "replaced by a restored one", None, way.now.wall_ms).folder)
        finally:
            finish_restore(directory, way.now.wall_ms)
            _give_to_owner(directory)
    return replace(made, set_aside=aside)


def _rebuild(copy: sqlite3.Connection, old: Path, new: Path, replaced: Path | None, way: Restoring) -> Restored:
    """Fill `new` with the content of `copy`, which is the file `old`."""
    before = Ledger(copy, Witness(old.with_name(f"{old.name}.last")))
    with closing(connect(f"{empty_file(new).absolute().as_uri()}?mode=rw")) as connection:
        begin_epoch(connection, new, way.epoch)
        _copy_tables(connection, old)
        ledger = Ledger(connection, Witness(new.with_name(f"{new.name}.last")))
        waiting = {stream.value: _carry_over(before, ledger, stream) for stream in STREAMS}
        audit = carry_audit(connection, verify_chain(copy, way.noted), replaced)
        with ledger.transaction():
            ledger.append([gap.item(way.now) for gap in (*_not_coming(before), *_left_behind(replaced, before))])
            rows, detail = sum(waiting.values()), f"made of epoch {before.epoch}"
            ledger.append([Item(Stream.EVENTS, way.now, deed("restore", "outbox", rows, way.by, detail=detail))])
            more = {"detail": detail, "from_epoch": before.epoch, "epoch": way.epoch, **audit.told()}
            ledger.audit.append([audit_body(way.now, deed("restore", "outbox", rows, way.by, **more))])
            ledger.save_marks()
        ledger.witness.close()
    before.witness.close()
    return Restored(way.epoch, before.epoch, waiting, "", audit)


def _copy_tables(connection: sqlite3.Connection, old: Path) -> None:
    """Alarm states, the audit log, ids of commands, dead letters and whatever else is no row of a stream."""
    connection.execute("ATTACH ? AS old", (str(old),))
    for (table,) in connection.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'").fetchall():
        if table not in _NEVER_COPIED and not table.startswith("sqlite_"):
            connection.execute(f'INSERT OR REPLACE INTO main."{table}" SELECT * FROM old."{table}"')  # noqa: S608 - our own names
    connection.execute("DETACH old")


def _carry_over(before: Ledger, ledger: Ledger, stream: Stream) -> int:
    """Append everything that was still to be delivered, with its true time where that was known; how many items that were.

    Rows that the disk has changed stay behind, and are told as damaged.
    """
    count = after = 0
    while rows := before.read(stream, after, RESTORE_ROWS, _READ_BYTES, None):
        with ledger.transaction():
            items = [(row, _item(row, before.epoch)) for row in rows]
            ledger.append([item for row, item in items if row.sound])
            spoilt = [row for row in rows if not row.sound]
            ledger.append([Gap(stream, DAMAGED, row.seq, row.seq, epoch=before.epoch).item(row.at) for row in spoilt])
        count, after = count + len(rows) - len(spoilt), rows[-1].seq
    return count


def _item(row: OutboxRow, epoch: Epoch) -> Item:
    """The same item without its number; a gap record says from now on whose numbers it speaks of. DamageError if it is no item."""
    try:
        told: object = orjson.loads(row.body)
    except orjson.JSONDecodeError:
        told = None
    if not isinstance(told, dict):
        raise DamageError(f"{row.stream}: row {row.seq} holds no item")
    if row.stream is Stream.EVENTS and row.body.startswith(GAP_MARK):
        gap = gap_of(row.body)
        return replace(gap, epoch=gap.epoch or epoch).item(row.at)
    return Item(row.stream, row.at, row.body)


def _not_coming(before: Ledger) -> Iterator[Gap]:
    """The old numbers that are now delivered under new ones."""
    for stream, state in before.streams.items():
        for first, last in state.holes():
            yield Gap(stream, RESTORED, first, last, epoch=before.epoch)


def _left_behind(replaced: Path | None, before: Ledger) -> tuple[Gap, ...]:
    """What waits in the outbox that is set aside and not in the copy: the platform would never know that it is to come no more."""
    if replaced is None:
        return ()
    try:
        with closing(connect(f"{replaced.absolute().as_uri()}?mode=ro")) as connection:
            theirs = Ledger(connection, before.witness)
            same = theirs.epoch == before.epoch
            return tuple(
                Gap(stream, REPLACED, first, last, epoch=theirs.epoch)
                for stream, state in theirs.streams.items()
                for first, last in state.holes(before.streams[stream].last + 1 if same else 1)
            )
    except (sqlite3.Error, OSError):
        return tuple(Gap(stream, DAMAGED) for stream in STREAMS)


def _sound(path: Path) -> sqlite3.Connection:
    """As `_reading`, of a copy that is as it was made; one without a seal was made by an earlier edgeguard, or by other means."""
    connection = _reading(path)
    try:
        with _told(path, path):
            is_sealed(path)
    except BaseException:
        connection.close()
        raise
    return connection


def _reading(path: Path) -> sqlite3.Connection:
    """A read-only connection to an outbox, ours and of a schema that we know."""
    if not path.is_file():
        raise Permanent(f"{path} is not there")
    if not begins_like_sqlite(path):
        raise Permanent(f"{path} is no outbox")
    connection = connect(f"{path.absolute().as_uri()}?mode=ro")
    try:
        _check_kind(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _check_kind(connection: sqlite3.Connection, path: Path) -> None:
    if connection.execute("PRAGMA application_id").fetchone()[0] != schema.APPLICATION_ID:
        raise Permanent(f"{path} is no outbox")
    schema.refuse_newer(schema.version_of(connection), str(path))


def _check(copy: sqlite3.Connection, source: Path) -> None:
    if (found := copy.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
        raise DamageError(f"the copy of {source} is damaged: {found}")


def _is_ours(copy: sqlite3.Connection) -> bool:
    """Its schema is that of this edgeguard."""
    return schema.version_of(copy) == schema.steps()[-1][0]


def _waiting(copy: sqlite3.Connection, path: Path) -> dict[str, int]:
    """Rows still to be delivered; of a copy with an older schema, which a restore would bring to ours, rows that are there."""
    if not _is_ours(copy):
        return {stream.value: copy.execute(f"SELECT count(*) FROM {stream.value}").fetchone()[0] for stream in STREAMS}  # noqa: S608
    witness = Witness(path.with_name(f"{path.name}.last"))
    try:
        ledger = Ledger(copy, witness)
        return {stream.value: ledger.backlog(stream).rows for stream in STREAMS}
    finally:
        witness.close()
        path.with_name(f"{path.name}.last").unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _give_to_owner(directory: Path) -> None:
    """What root has made belongs to whom the directory belongs to: the daemon's user must be able to open it."""
    owner = directory.stat()
    if os.geteuid() == 0 and owner.st_uid != 0:
        for path in (directory, *directory.rglob("*")):
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


@contextmanager
def _told(place: Path, read: Path) -> Iterator[None]:
    """SQLite's and the kernel's errors become ours, of what is `read` where damage is told, else of where it is written."""
    try:
        yield
    except OSError as error:
        raise StoreError(f"{place}: {error.strerror or error}") from error
    except sqlite3.Error as error:
        damaged = trouble_of(error) is Trouble.DAMAGED
        raise StoreError(f"{read if damaged else place}: {sentence_of(error)}") from error
