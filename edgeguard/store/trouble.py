"""What can befall a database file, told from SQLite's and the kernel's error codes, with the words for people."""

import errno
import os
import sqlite3
from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from pathlib import Path
from types import MappingProxyType
from typing import Final, ParamSpec, TypeVar

from edgeguard.core.point import Labels

_P = ParamSpec("_P")
_R = TypeVar("_R")
NUMBERS_END: Final = 1 << 62
"""No row has such a number: nothing lives so long."""


SPOILT: Final = "the disk has changed it: it is not what was committed"
"""Why a row is a dead letter that may never be sent again."""


class Trouble(StrEnum):
    """Kinds of trouble; the value is the code of the health news."""

    FULL = "disk-full"
    READ_ONLY = "read-only"
    IO = "io-error"
    BUSY = "busy"
    STUCK = "not-answering"
    DAMAGED = "damaged"


class DamageError(sqlite3.DatabaseError):
    """The file contradicts itself although SQLite did not notice; the sentence says where."""


def interprets(what: str) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """For functions that make values of rows: they fail only where a row holds what was never written there. DamageError then.

    SQLite notices neither a bit within a text nor a value of another type.
    """

    def wrapped(read: Callable[_P, _R]) -> Callable[_P, _R]:
        @wraps(read)
        def interpreted(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            try:
                return read(*args, **kwargs)
            except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
                raise DamageError(f"{what}: holds what was never written there ({error})") from error

        return interpreted

    return wrapped


LOW_ON_SPACE: Final = Labels(zh="磁盘空间不足：只保存告警", en="the disk is nearly full: only alarms are stored")

TEXTS: Final = MappingProxyType(
    {
        Trouble.FULL: Labels(zh="磁盘已满：数据暂存于内存", en="the disk is full: items wait in memory"),
        Trouble.READ_ONLY: Labels(zh="磁盘只读：数据暂存于内存", en="the disk is read-only: items wait in memory"),
        Trouble.IO: Labels(zh="磁盘读写错误：数据暂存于内存", en="the disk reports errors: items wait in memory"),
        Trouble.BUSY: Labels(zh="数据库被其他进程锁定", en="another process holds the database"),
        Trouble.STUCK: Labels(zh="磁盘无响应：数据暂存于内存", en="the disk does not answer: items wait in memory"),
        Trouble.DAMAGED: Labels(zh="数据库损坏：已隔离并重建", en="the database was damaged: set aside and begun anew"),
    }
)
WELL_AGAIN: Final = Labels(zh="存储已恢复", en="the store works again")

_BY_CODE: Final = MappingProxyType(
    {
        sqlite3.SQLITE_FULL: Trouble.FULL,
        sqlite3.SQLITE_READONLY: Trouble.READ_ONLY,
        sqlite3.SQLITE_PERM: Trouble.READ_ONLY,
        sqlite3.SQLITE_IOERR: Trouble.IO,
        sqlite3.SQLITE_CANTOPEN: Trouble.IO,
        sqlite3.SQLITE_BUSY: Trouble.BUSY,
        sqlite3.SQLITE_LOCKED: Trouble.BUSY,
        sqlite3.SQLITE_PROTOCOL: Trouble.BUSY,
        sqlite3.SQLITE_CORRUPT: Trouble.DAMAGED,
        sqlite3.SQLITE_NOTADB: Trouble.DAMAGED,
    }
)
_BY_ERRNO: Final = MappingProxyType(
    {
        errno.ENOSPC: Trouble.FULL,
        errno.EDQUOT: Trouble.FULL,
        errno.EROFS: Trouble.READ_ONLY,
        errno.EACCES: Trouble.READ_ONLY,
        errno.EPERM: Trouble.READ_ONLY,
    }
)


def trouble_of(error: sqlite3.Error | OSError) -> Trouble | None:
    """The kind of trouble, or None if the error is none of the disk's but a bug of ours."""
    if isinstance(error, OSError):
        return _BY_ERRNO.get(error.errno or 0, Trouble.IO)
    if isinstance(error, DamageError):
        return Trouble.DAMAGED
    return _BY_CODE.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)


def sentence_of(error: sqlite3.Error | OSError) -> str:
    """The error for people, with SQLite's own name of it where there is one."""
    name = getattr(error, "sqlite_errorname", None)
    return f"{error} ({name})" if name else str(error)


def plainly(directory: Path) -> str:
    """What is to be seen of the disk itself: of a read-only or full one SQLite says only that a file cannot be opened."""
    try:
        seen = os.statvfs(directory)
    except OSError as error:
        return error.strerror or str(error)
    if seen.f_flag & os.ST_RDONLY:
        return f"{directory} lies on a file system that is mounted read-only"
    if not seen.f_bavail or (seen.f_files and not seen.f_favail):
        return f"{directory} lies on a file system that is full"
    return ""
