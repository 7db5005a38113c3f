"""The end of the audit log: append-only rows, each bound to the one before it by a hash.

hash(n) = SHA-256(hash(n - 1) followed by body(n)). Whoever changes, removes or slips in a row must change every later hash.
Old rows go in order, and leave their hash as the anchor, so that what is left can still be verified.
"""

import hashlib
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Final

import orjson

from edgeguard.core.clock import Stamp, iso_utc
from edgeguard.core.json_value import JsonValue
from edgeguard.core.limits import AUDIT_MAX_ROWS, AUDIT_PRUNE_ROWS
from edgeguard.store.trouble import NUMBERS_END, DamageError, interprets

ERASED_BODY: Final = b'{"type":"erased"}'
"""Stands in a row whose content was erased. Its hash stays, so that the chain goes on; a later row names it as erased."""
COMMAND_MARK: Final = b'{"type":"command",'
"""How the body of an event begins that tells of what a person or the platform had done: it stands in the audit log, too."""


def audit_body(at: Stamp, told: bytes) -> bytes:
    """`told`, a JSON object, with its time in front: what the row will say for ever."""
    head = {"at": iso_utc(at.wall_ms), "synced": at.synced, "boot": at.boot, "boot_ms": at.boot_ms}
    return orjson.dumps(head)[:-1] + b"," + told[1:]


def deed(name: str, target: str, value: int, by: str, **more: object) -> bytes:
    """What the store itself had done to its rows, as the body of a command item; `more` are further fields."""
    told = {"type": "command", "name": name, "target": target, "value": value, "by": by, "result": "done"}
    return orjson.dumps(told | {"read_back": None, "old": None} | more)


def link(before: bytes, body: bytes) -> bytes:
    """The hash of a row with this body behind a row with that hash."""
    return hashlib.sha256(before + body).digest()


def fields_of(body: bytes) -> Mapping[str, JsonValue]:
    """What a row tells, by name; nothing of one that was tampered with."""
    try:
        told: object = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return told if isinstance(told, dict) else {}


def erased_in(body: bytes) -> dict[int, str]:
    """Rows that this one says were erased, each with the hash (hex) that it stood behind, "" where that was not told.

    Without that hash whoever can write here could compute everything before an erased row anew: nothing else binds it to them.
    """
    if b'"erased":' not in body:
        return {}
    told = fields_of(body)
    numbers = told.get("erased") if told.get("name") == "erase" else None
    if not isinstance(numbers, list):
        return {}
    behind = told.get("behind")
    hashes = behind if isinstance(behind, list) and len(behind) == len(numbers) else [""] * len(numbers)
    return {n: str(digest) for n, digest in zip(numbers, hashes, strict=True) if isinstance(n, int)}


def broken_in(body: bytes) -> tuple[int, str] | None:
    """The first row of a log that was found broken when the outbox was restored, with the reason, if this row tells of one."""
    if b'"broken":' not in body:
        return None
    told = fields_of(body)
    n = told.get("broken") if told.get("name") == "restore" else None
    return (n, str(told.get("reason", ""))) if isinstance(n, int) else None


class AuditChain:
    """The end of the chain, as the writer's connection sees it. Writing happens inside a transaction of the ledger."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def append(self, bodies: Sequence[bytes]) -> None:
        """Bind these bodies, in order, to the end of the chain; the oldest rows go when there are too many."""
        n, before = self.head()
        for body in bodies:
            n, before = n + 1, link(before, body)
            self._connection.execute("INSERT INTO audit VALUES (?, ?, ?)", (n, body, before))
        self._prune(n)

    @interprets("audit")
    def head(self) -> tuple[int, bytes]:
        """Number and hash of the newest row."""
        row = self._connection.execute("SELECT n, hash FROM audit ORDER BY n DESC LIMIT 1").fetchone()
        row = row or self._connection.execute("SELECT n, hash FROM audit_anchor").fetchone()
        if row is None or not row[0] < NUMBERS_END:
            raise DamageError("audit: it has no end to go on from")
        return int(row[0]), bytes(row[1])

    def accepted(self, name: str) -> int | None:
        """What deeds of the store with this name that were accepted and not done yet come to together; None if there are none."""
        sql = "SELECT CAST(body AS BLOB) FROM audit WHERE instr(CAST(body AS BLOB), ?) ORDER BY n DESC"
        found = None
        for (body,) in self._connection.execute(sql, (b'"name":"%s"' % name.encode(),)):
            told = fields_of(body)
            if told.get("name") != name:
                continue
            if told.get("result") != "accepted":
                break
            value = told.get("value")
            found = (found or 0) + (value if isinstance(value, int) else 0)
        return found

    def empty(self, numbers: Sequence[int]) -> Mapping[int, str]:
        """Take out of these rows what they tell. Gives, in order, what the row that says so must tell, as `erased_in` finds it:

        rows with the hash (hex) that each stood behind. A row that told of earlier erasures hands them on.
        """
        erased: dict[int, str] = {}
        for n in numbers:
            row = self._connection.execute("SELECT CAST(body AS BLOB) FROM audit WHERE n = ?", (n,)).fetchone()
            erased |= erased_in(row[0])
            erased[n] = self._hash_of(n - 1).hex()
        self._connection.executemany("UPDATE audit SET body = ? WHERE n = ?", [(ERASED_BODY, n) for n in numbers])
        return {n: erased[n] for n in sorted(erased)}

    def _hash_of(self, n: int) -> bytes:
        row = self._connection.execute("SELECT hash FROM audit WHERE n = ?", (n,)).fetchone()
        row = row or self._connection.execute("SELECT hash FROM audit_anchor WHERE n = ?", (n,)).fetchone()
        return b"" if row is None else bytes(row[0])

    def _prune(self, newest: int) -> None:
        first = self._connection.execute("SELECT min(n) FROM audit").fetchone()[0]
        if first is None or newest - first + 1 <= AUDIT_MAX_ROWS + AUDIT_PRUNE_ROWS:
            return
        last_gone = newest - AUDIT_MAX_ROWS
        self._connection.execute("UPDATE audit_anchor SET (n, hash) = (SELECT n, hash FROM audit WHERE n = ?)", (last_gone,))
        self._connection.execute("DELETE FROM audit WHERE n <= ?", (last_gone,))
