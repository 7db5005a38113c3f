"""Opening the outbox, whatever became of it: sound, damaged, foreign, gone. Runs on the desk's thread.

A file that cannot be trusted is set aside whole (the database with its -wal and -shm) and a new one is begun; nothing here
waits for a person, except for a database of a later edgeguard, which is left as it is.
"""

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from edgeguard.core.ids import Epoch
from edgeguard.core.limits import QUARANTINE_KEEP, QUICK_CHECK_S, STORE_BUSY_S, WAL_CHECKPOINT_PAGES, WAL_MAX_BYTES
from edgeguard.store import schema
from edgeguard.store.ledger import Ledger
from edgeguard.store.trouble import DamageError, Trouble, trouble_of
from edgeguard.store.witness import Testimony, Witness, hear

DATABASE: Final = "outbox.db"
QUARANTINE: Final = "quarantine"
_WITNESS: Final = ".last"
_BESIDE: Final = ("", "-wal", "-shm", _WITNESS)
_NEW: Final = ".new"
READY: Final = "restore.ready"
"""A whole outbox, durable, that is to take the place of the one that is being set aside."""
HALF: Final = ("restore.old", "restore.new")
"""What a restore works in."""
_MAGIC: Final = b"SQLite format 3\0"
_CHECK_STEPS: Final = 10_000

Connect = Callable[[str], sqlite3.Connection]
"""Opens an SQLite URI in autocommit mode; tests put faults in here."""


def connect(uri: str) -> sqlite3.Connection:
    """A plain connection: we begin and end transactions ourselves."""
    return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=STORE_BUSY_S, cached_statements=64)


@dataclass(frozen=True, slots=True)
class Loss:
    """A file that was given up: why, where it has been set aside, and its epoch if that could still be read."""

    reason: str
    folder: Path | None
    epoch: Epoch | None


def open_outbox(
    directory: Path, epoch: Epoch, wall_ms: int, on_loss: Callable[[Loss], None], open_connection: Connect = connect
) -> Ledger:
    """Open outbox.db in `directory`, which must be there, or begin it anew under `epoch` where there is none or a damaged one.

    `on_loss` hears of a damaged one. Raises Permanent for a database of a later edgeguard, sqlite3.Error or OSError if the disk
    refuses; never for damage.
    """
    path = directory / DATABASE
    finish_restore(directory, wall_ms)
    if os.path.lexists(path):
        known = _peek(path)
        try:
            return _open_sound(path, known, open_connection)
        except sqlite3.Error as error:
            if not _is_damage(error):
                raise
            on_loss(set_aside(directory, str(error), known, wall_ms))
    elif any(os.path.lexists(_beside(path, suffix)) for suffix in _BESIDE):
        on_loss(set_aside(directory, "the database file is gone, what belongs to it is not", None, wall_ms))
    _create(path, epoch, open_connection)
    return _open_sound(path, None, open_connection)


def set_aside(directory: Path, reason: str, epoch: Epoch | None, wall_ms: int) -> Loss:
    """Move the database with what belongs to it into `quarantine/<utc>-<n>/`; only the newest few are kept."""
    home = directory / QUARANTINE
    home.mkdir(exist_ok=True, mode=0o700)
    held = sorted((entry for entry in home.iterdir() if entry.is_dir()), key=_order)
    for old in held[: max(len(held) - QUARANTINE_KEEP + 1, 0)]:
        remove_tree(old)
    number = _order(held[-1])[0] + 1 if held else 1
    folder = home / f"{datetime.fromtimestamp(wall_ms / 1000, UTC):%Y%m%dT%H%M%SZ}-{number}"
    folder.mkdir(mode=0o700)
    for suffix in _BESIDE:
        source = _beside(directory / DATABASE, suffix)
        if os.path.lexists(source):
            source.rename(folder / source.name)
    sync_directory(folder)
    sync_directory(directory)
    return Loss(reason, folder, epoch)


def finish_restore(directory: Path, wall_ms: int) -> None:
    """What a restore that was cut off has left: one that had begun to set the old outbox aside is carried out, else it never was.

    Nobody restores meanwhile: whoever does holds the directory's lock. OSError if the disk refuses.
    """
    ready, path = directory / READY, directory / DATABASE
    for name in HALF:
        for suffix in (*_BESIDE, "-journal"):
            (directory / f"{name}{suffix}").unlink(missing_ok=True)
    if not os.path.lexists(ready):
        return
    if os.path.lexists(path):
        ready.unlink()
        sync_directory(directory)
        return
    if any(os.path.lexists(_beside(path, suffix)) for suffix in _BESIDE):
        # Of the outbox that was set aside: its -wal would be taken for one of the new file.
        set_aside(directory, "what is left of a replaced outbox", None, wall_ms)
    ready.rename(path)
    sync_directory(directory)


def close_sound(ledger: Ledger) -> None:
    """Write the marks, move everything into the database file and close."""
    try:
        with closing(ledger.connection):
            with ledger.transaction():
                ledger.save_marks()
            ledger.tell_witness(at_once=True)
            ledger.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        ledger.witness.close()


def sync_directory(directory: Path) -> None:
    """Make names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _peek(path: Path) -> Epoch | None:
    """The epoch by the database file's own word, without its -wal; None if that cannot be had, as after a checkpoint cut short.

    Raises Permanent for a database of a later edgeguard, which so is never opened for writing.
    """
    if path.is_symlink() or not path.is_file():
        return None
    with suppress(sqlite3.Error), closing(connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1")) as connection:
        if connection.execute("PRAGMA application_id").fetchone()[0] == schema.APPLICATION_ID:
            schema.refuse_newer(schema.version_of(connection), str(path))
            found = connection.execute("SELECT epoch FROM meta").fetchone()
            return Epoch(found[0]) if found and isinstance(found[0], str) else None
    return None


def _open_sound(path: Path, epoch: Epoch | None, open_connection: Connect) -> Ledger:
    """Open, or raise: DamageError or SQLite's own word for damage, other sqlite3.Error or OSError for a disk that refuses."""
    check_plain(path)
    if not begins_like_sqlite(path):
        raise DamageError("it is not a database")
    seen = hear(_beside(path, _WITNESS))
    connection = open_connection(f"{path.absolute().as_uri()}?mode=rw")
    witness = Witness(_beside(path, _WITNESS))
    try:
        ledger = _prepare(connection, path, witness)
        _compare(ledger, epoch, seen)
        # Not a mere tidying: after a failed fsync the kernel may call pages of the -wal clean that never reached the disk.
        # What recovery made of it is written again, into the database file, before anything is built upon it.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except BaseException:
        witness.close()
        connection.close()
        raise
    return ledger


def _compare(ledger: Ledger, epoch: Epoch | None, seen: Testimony | None) -> None:
    """The -wal belongs to the file, and nothing that was committed has gone."""
    if epoch is not None and epoch != ledger.epoch:
        raise DamageError(f"its -wal belongs to another outbox, {ledger.epoch}")
    if seen is not None and seen.epoch == ledger.epoch:
        for stream, state in ledger.streams.items():
            if state.last < seen.last[stream]:
                raise DamageError(
                    f"{stream} ends at {state.last}, but {seen.last[stream]} was committed: its -wal is gone or broken"
                )


def begins_like_sqlite(path: Path) -> bool:
    """Asked before SQLite is: from a file that is none it would take the -wal away."""
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def _prepare(connection: sqlite3.Connection, path: Path, witness: Witness) -> Ledger:
    found = connection.execute("PRAGMA application_id").fetchone()[0]
    if found != schema.APPLICATION_ID:
        raise DamageError(f"it belongs to another program (application id {found:#x})")
    _quick_check(connection)
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "secure_delete = FAST",
        "mmap_size = 0",
        "foreign_keys = OFF",
        f"wal_autocheckpoint = {WAL_CHECKPOINT_PAGES}",
        f"journal_size_limit = {WAL_MAX_BYTES}",
    ):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    schema.migrate(connection, str(path))
    schema.refuse_lacking(connection)
    return Ledger(connection, witness, path.stat().st_ino)


def _quick_check(connection: sqlite3.Connection) -> None:
    """Look through the file for a bounded time; damage in what was not looked at shows when it is read."""
    until = time.monotonic() + QUICK_CHECK_S
    connection.set_progress_handler(lambda: time.monotonic() > until, _CHECK_STEPS)
    try:
        found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", 0) != sqlite3.SQLITE_INTERRUPT:
            raise
        return
    finally:
        connection.set_progress_handler(None, 0)
    if found != "ok":
        raise DamageError(str(found))


def _create(path: Path, epoch: Epoch, open_connection: Connect) -> None:
    """Make the whole file under another name first, so that a half-made one is never met."""
    new = empty_file(path.with_name(path.name + _NEW))
    with closing(open_connection(f"{new.absolute().as_uri()}?mode=rw")) as connection:
        begin_epoch(connection, new, epoch)
    new.rename(path)
    sync_directory(path.parent)


def empty_file(path: Path) -> Path:
    """An empty file for the owner alone where a database is to be made; whatever was left there by an earlier attempt goes."""
    for suffix in (*_BESIDE, "-journal"):
        _beside(path, suffix).unlink(missing_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    return path


def begin_epoch(connection: sqlite3.Connection, path: Path, epoch: Epoch) -> None:
    """Make an empty file an outbox of this epoch."""
    connection.execute("PRAGMA synchronous = FULL")
    schema.migrate(connection, str(path))
    connection.execute("INSERT INTO meta VALUES (1, ?)", (epoch,))


def _is_damage(error: sqlite3.Error) -> bool:
    """While opening, a table or column that is not there is damage too."""
    missing = getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_ERROR
    return missing or trouble_of(error) is Trouble.DAMAGED


def check_plain(path: Path) -> None:
    """DamageError unless a database is a plain file, and what lies beside it for SQLite, where there is any, too."""
    for suffix in ("", "-wal", "-shm"):
        place = _beside(path, suffix)
        if (not suffix or os.path.lexists(place)) and (place.is_symlink() or not place.is_file()):
            raise DamageError(f"its {suffix} is not a plain file" if suffix else "it is not a plain file")


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _order(folder: Path) -> tuple[int, str]:
    """Quarantine folders by their number: a clock that was wrong must not make an old one look new."""
    number = folder.name.rpartition("-")[2]
    return (int(number) if number.isdigit() else 0, folder.name)


def remove_tree(folder: Path) -> None:
    """Remove a folder with all that is in it; links are removed, not followed."""
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            remove_tree(entry)
        else:
            entry.unlink()
    folder.rmdir()
