"""Opening the history's own file, whatever became of it. It is worth less than the outbox: no damage of it stops anything.

A file that cannot be trusted is set aside whole and a new one is begun. Runs on the thread of the one who opens it.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Final

from edgeguard.core.errors import NothingThere, Permanent, StoreError
from edgeguard.core.history_limits import TREND_QUARANTINE_KEEP
from edgeguard.core.limits import STORE_BUSY_S, WAL_CHECKPOINT_PAGES, WAL_MAX_BYTES
from edgeguard.store.damage import Connect, check_plain, connect, remove_tree, sync_directory
from edgeguard.store.trouble import DamageError, Trouble, trouble_of

DATABASE: Final = "trends.db"
QUARANTINE: Final = "trends-quarantine"
APPLICATION_ID: Final = 0x45475452
_BESIDE: Final = ("", "-wal", "-shm")
_MAGIC: Final = b"SQLite format 3\0"


@dataclass(frozen=True, slots=True)
class TrendLoss:
    """A history that was given up: why, and where it lies now."""

    reason: str
    folder: Path


def open_trends(directory: Path, wall_ms: int, open_connection: Connect = connect) -> tuple[sqlite3.Connection, TrendLoss | None]:
    """The file, opened for writing, and what was lost if a damaged one had to be set aside.

    Raises Permanent for a file of a later edgeguard, sqlite3.Error or OSError if the disk refuses; never for damage.
    """
    path = directory / DATABASE
    loss = None
    if os.path.lexists(path):
        try:
            return _opened(path, open_connection), None
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            loss = set_aside(directory, str(error), wall_ms)
    elif any(os.path.lexists(_beside(path, suffix)) for suffix in _BESIDE):
        loss = set_aside(directory, "the file is gone, what belongs to it is not", wall_ms)
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
    return _opened(path, open_connection), loss


def set_aside(directory: Path, reason: str, wall_ms: int) -> TrendLoss:
    """Move the file and what belongs to it into a folder of its own; only the newest few folders are kept."""
    home = directory / QUARANTINE
    home.mkdir(exist_ok=True, mode=0o700)
    numbers = sorted(int(entry.name.rpartition("-")[2]) for entry in home.iterdir() if entry.name.rpartition("-")[2].isdigit())
    for number in numbers[: max(len(numbers) - TREND_QUARANTINE_KEEP + 1, 0)]:
        for folder in home.glob(f"*-{number}"):
            for entry in folder.iterdir():
                entry.unlink()
            folder.rmdir()
    folder = home / f"{datetime.fromtimestamp(wall_ms / 1000, UTC):%Y%m%dT%H%M%SZ}-{numbers[-1] + 1 if numbers else 1}"
    folder.mkdir(mode=0o700)
    for suffix in _BESIDE:
        source = _beside(directory / DATABASE, suffix)
        if os.path.lexists(source):
            source.rename(folder / source.name)
    sync_directory(folder)
    sync_directory(directory)
    return TrendLoss(reason, folder)


def clear_quarantine(directory: Path) -> None:
    """Remove every history that was set aside."""
    home = directory / QUARANTINE
    if home.is_dir():
        remove_tree(home)


def is_damage(error: sqlite3.Error) -> bool:
    """Damage, and not a disk that refuses for now. A table or column that is not there is damage too."""
    return getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_ERROR or trouble_of(error) is Trouble.DAMAGED


@contextmanager
def reading(directory: Path) -> Iterator[sqlite3.Connection]:
    """A read-only connection, beside the daemon or without it. NothingThere without a history, StoreError if it cannot be read.

    No transaction is left open between two questions, so that a long export holds up no checkpoint.
    """
    path = directory / DATABASE
    try:
        there = path.is_file()
    except PermissionError as error:
        raise StoreError(f"the history in {directory} cannot be read: permission denied") from error
    if not there:
        raise NothingThere(f"there is no history in {directory} ({DATABASE})")
    try:
        uri = f"{path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=STORE_BUSY_S, isolation_level=None)) as connection:
            if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
                raise Permanent(f"{path} is not a history of edgeguard")
            yield connection
    except sqlite3.Error as error:
        raise StoreError(f"the history in {directory} cannot be read: {error}") from error


def _opened(path: Path, open_connection: Connect) -> sqlite3.Connection:
    check_plain(path)
    if path.stat().st_size:
        with path.open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                raise DamageError("it is not a database")
    connection = open_connection(f"{path.absolute().as_uri()}?mode=rw")
    try:
        _prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """NORMAL: a power cut costs the last minutes of curves and never the file; what must not be lost is in the outbox."""
    for pragma in (
        "journal_mode = WAL",
        "synchronous = NORMAL",
        "secure_delete = OFF",
        "mmap_size = 0",
        f"wal_autocheckpoint = {WAL_CHECKPOINT_PAGES}",
        f"journal_size_limit = {WAL_MAX_BYTES}",
    ):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    found = int(connection.execute("PRAGMA application_id").fetchone()[0])
    if found != APPLICATION_ID and int(connection.execute("PRAGMA schema_version").fetchone()[0]):
        raise DamageError(f"it belongs to another program (application id {found:#x})")
    steps = _steps()
    if version > steps[-1][0]:
        raise Permanent(f"{path} has schema {version}, this edgeguard knows up to {steps[-1][0]}: install the later version again")
    for number, sql in steps:
        if number > version:
            with _all_or_nothing(connection):
                connection.executescript(f"BEGIN IMMEDIATE;\n{sql}\nPRAGMA user_version = {number};\nCOMMIT;")
    connection.execute("SELECT 1 FROM raw, due, aggregates, boots, layouts LIMIT 1").fetchone()


@contextmanager
def _all_or_nothing(connection: sqlite3.Connection) -> Iterator[None]:
    """What fails inside leaves no transaction open; the error goes on."""
    try:
        yield
    except sqlite3.Error:
        with suppress(sqlite3.Error):
            if connection.in_transaction:
                connection.rollback()
        raise


def _steps() -> tuple[tuple[int, str], ...]:
    folder = resources.files("edgeguard.store") / "trend_schema"
    files = sorted((entry.name, entry) for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return tuple((int(name.partition("_")[0]), entry.read_text("utf-8")) for name, entry in files)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
