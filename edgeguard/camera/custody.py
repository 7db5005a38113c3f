"""The list of what was kept as evidence and what was removed again, so that a piece that somebody took away whole is missed.

A line for each, a JSON text with its number and the SHA-256 of the line before it. What is kept is on the disk before its line, the
line before the event that names it (the audit log then binds all lines up to there); what is removed has its line before it goes.
So a power cut never leaves a line that is not true: a piece without a line gets one, a removal that has one is carried out. A last
line that is not whole was never told to anybody, and is none. One process writes; knows nothing of the daemon.
"""

import errno
import fcntl
import hashlib
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson
import structlog

from edgeguard.core.camera import CUSTODY, ERASED
from edgeguard.core.camera_limits import CUSTODY_BYTES, CUSTODY_RESERVE_BYTES

_log = structlog.get_logger()
_RESERVE: Final = f".{CUSTODY}.reserve"
_PARTIAL: Final = f".{CUSTODY}.partial"
_RECORD: Final = ".json"
_BEGUN, _KEPT, _REMOVED = "begun", "kept", "removed"


@dataclass(frozen=True, slots=True)
class Link:
    """One line by its list's name, its number and its hash, which covers all before it."""

    log: str
    n: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Removal:
    """Why a piece was removed, and when."""

    why: str
    wall_ms: int


@dataclass(slots=True)
class Custody:
    """What a list says. `kept` has the SHA-256 of each record; `size` counts the bytes up to the end of the last whole line.

    `first` is the number of the first line, for a list that has grown too long begins anew with what is still there.
    `broken`: the first line that does not follow on the one before it.
    """

    log: str = ""
    first: int = 0
    n: int = 0
    sha256: str = ""
    size: int = 0
    broken: int | None = None
    spoilt: bool = False
    """It ends in the middle: what followed cannot be told from what was put there."""
    kept: dict[str, str] = field(default_factory=dict)
    removed: dict[str, Removal] = field(default_factory=dict)
    hashes: dict[int, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)

    def link(self, stem: str) -> Link | None:
        """The line by which a piece was kept, or the one with which the list begins that still has it."""
        n = self.lines.get(stem)
        return None if n is None else Link(self.log, n, self.hashes[n])

    def holds(self, link: Link) -> bool:
        """Whether the list has this line, or began anew after it."""
        return link.log == self.log and (link.n < self.first or self.hashes.get(link.n) == link.sha256)

    def take(self, line: bytes) -> bool:
        """One more line; False where it is none."""
        try:
            told = orjson.loads(line)
            n, what, before = int(told["n"]), told["what"], str(told["before"])
            if what == _BEGUN:
                changes = {str(stem): str(sha256) for stem, sha256 in told["kept"].items()}
                broken = told["broken"]
                log = str(told["log"])
            else:
                stem, removal, record = (
                    str(told["id"]),
                    Removal(str(told.get("why")), int(told["wall_ms"])),
                    str(told.get("record")),
                )
        except (ValueError, KeyError, TypeError, AttributeError):
            return False
        follows = what in (_KEPT, _REMOVED) and n == self.n + 1 and before == self.sha256
        if not (follows if self.n else what == _BEGUN) and self.broken is None:
            self.broken = n
        self.n, self.sha256 = n, hashlib.sha256(line).hexdigest()
        self.hashes[n] = self.sha256
        if what == _BEGUN:
            self.first, self.log, self.kept = n, log, changes
            self.lines = dict.fromkeys(changes, n)
            self.broken = broken if self.broken is None else self.broken
        elif what == _KEPT:
            self.kept[stem], self.lines[stem] = record, n
            self.removed.pop(stem, None)
        else:
            self.removed[stem] = removal
            self.kept.pop(stem, None)
        self.size += len(line) + 1
        return True


def read_custody(folder: Path) -> Custody | None:
    """The list of a folder, up to where it is no list any more; None where there is none. OSError if it cannot be read.

    What is no line and has lines after it was spoilt by somebody: no power cut leaves that.
    """
    try:
        content = (folder / CUSTODY).read_bytes()
    except FileNotFoundError:
        return None
    found = Custody()
    lines = content.split(b"\n")[:-1]
    for place, line in enumerate(lines):
        if not found.take(line):
            found.spoilt = any(_is_line(later) for later in lines[place + 1 :])
            if found.spoilt and found.broken is None:
                found.broken = found.n + 1
            break
    return found


def _is_line(line: bytes) -> bool:
    try:
        return "before" in orjson.loads(line)
    except (ValueError, TypeError):
        return False


def custody_now(folder: Path) -> Custody | None:
    """The same, and what `erase` removes though the camera's process has not put it down yet: before it does, the mark is there."""
    marks = {_erased_stem(mark) for mark in folder.glob(f".*{ERASED}")}
    found = read_custody(folder)
    if found is not None:
        for stem in marks & found.kept.keys():
            del found.kept[stem]
            found.removed[stem] = Removal("erase", 0)
    return found


class CustodyBook:
    """Writes the list of one folder. Where it cannot be written nothing that is in it may be removed, but everything be kept."""

    def __init__(self, folder: Path, wall_ms: Callable[[], int]) -> None:
        self._folder = folder
        self._file = folder / CUSTODY
        self._wall_ms = wall_ms
        self._lock: int | None = None
        self._list: Custody | None = None
        self.why_not = ""
        """Why the list could not be written when it was last settled; empty where it could."""

    def settle(self, here: Mapping[str, bool]) -> Mapping[str, Removal]:
        """Once a minute, and at the start: pieces that are `here` (by stem, whether with a record) and have no line get one, and so
        does what was erased. Gives those that are removed by their lines and still there: their removal was cut off.
        """
        try:
            known = self._open()
            if known is None:
                self.why_not = "another process of this camera has it"
                return {}
            if known.size > CUSTODY_BYTES and known.size > 2 * len(_begun(known)):
                known = self._begin(known)
            marks = list(self._folder.glob(f".*{ERASED}"))
            new = [stem for stem, whole in here.items() if whole and stem not in known.kept and stem not in known.removed]
            self._add(self._kept_lines(new))
            for mark in marks:
                if self.remove([_erased_stem(mark)], "erase"):
                    mark.unlink(missing_ok=True)
            self._reserve()
        except OSError as error:
            _log.warning("custody.unwritten", error=error.strerror)
            self.why_not = error.strerror or str(error)
            return {}
        self.why_not = ""
        return {stem: known.removed[stem] for stem in here if stem in known.removed}

    def knows(self, stem: str) -> bool:
        """Whether the name was given before."""
        return self._list is not None and (stem in self._list.kept or stem in self._list.removed)

    def keep(self, stem: str) -> Link | None:
        """A piece is whole in the folder; its line. None where that cannot be written now: it gets one later."""
        try:
            if self._open() is None:
                return None
            self._add(self._kept_lines([stem]))
        except OSError as error:
            _log.warning("custody.unwritten", error=error.strerror)
        return self.link(stem)

    def link(self, stem: str) -> Link | None:
        """The line of a piece that is kept."""
        return None if self._list is None else self._list.link(stem)

    def remove(self, stems: Iterable[str], why: str) -> bool:
        """Put down that these go. False where they must not, because that cannot be put down."""
        try:
            if self._open() is None:
                return not self._file.exists()
            at_ms = self._wall_ms()
            known = self._list
            gone = [stem for stem in stems if known is not None and stem in known.kept]
            self._add({"what": _REMOVED, "id": stem, "why": why, "wall_ms": at_ms} for stem in gone)
        except OSError as error:
            _log.warning("custody.unwritten", error=error.strerror)
            return not self._file.exists()
        return True

    def close(self) -> None:
        """Let another process write the list."""
        if self._lock is not None:
            os.close(self._lock)
        self._list = self._lock = None

    def _kept_lines(self, stems: Iterable[str]) -> Iterator[dict[str, Any]]:
        for stem in stems:
            with suppress(FileNotFoundError):  # erased meanwhile
                record = hashlib.sha256((self._folder / f"{stem}{_RECORD}").read_bytes()).hexdigest()
                yield {"what": _KEPT, "id": stem, "wall_ms": self._wall_ms(), "record": record}

    def _open(self) -> Custody | None:
        """The list, begun where there is none; None while another process of this camera writes it."""
        if self._list is not None and self._file.exists():
            return self._list
        if self._lock is None:
            descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                os.close(descriptor)
                if error.errno == errno.EWOULDBLOCK:
                    return None
                raise
            self._lock = descriptor
        found = read_custody(self._folder)
        # One that another has taken away is begun anew, under another name: the audit log still tells of the first.
        # One that was spoilt is, too, and says for ever from which line on it was no list.
        self._list = found if found is not None and found.n and not found.spoilt else self._begin(found or Custody())
        return self._list

    def _begin(self, before: Custody) -> Custody:
        """A list anew, with what is still there; in place of the old one once it is whole on the disk."""
        line = _begun(before)
        partial = self._folder / _PARTIAL
        try:
            _write(partial, os.O_TRUNC, 0, line + b"\n")
            partial.replace(self._file)
        except OSError:
            partial.unlink(missing_ok=True)
            raise
        _sync(self._folder)
        self._list = Custody()
        self._list.take(line)
        return self._list

    def _add(self, told: Iterable[dict[str, Any]]) -> None:
        """Lines, on the disk when this returns, after all that is in the folder. OSError if the disk refuses: then none is."""
        now = self._list
        if now is None:
            return
        n, before, lines = now.n, now.sha256, []
        for one in told:
            n += 1
            lines.append(orjson.dumps({"n": n, "before": before, **one}))
            before = hashlib.sha256(lines[-1]).hexdigest()
        if not lines:
            return
        _sync(self._folder)
        content = b"".join(line + b"\n" for line in lines)
        try:
            _write(self._file, 0, now.size, content)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT) or not (self._folder / _RESERVE).exists():
                raise
            (self._folder / _RESERVE).unlink()
            _write(self._file, 0, now.size, content)
        for line in lines:
            now.take(line)

    def _reserve(self) -> None:
        """Room for lines on a disk that something else has filled: what is to be removed has to be put down first."""
        reserve = self._folder / _RESERVE
        if not reserve.exists():
            try:
                _write(reserve, os.O_TRUNC, 0, os.urandom(CUSTODY_RESERVE_BYTES))
            except OSError:
                with suppress(OSError):
                    reserve.unlink(missing_ok=True)


def _begun(before: Custody) -> bytes:
    told = {"n": before.n + 1, "before": before.sha256, "what": _BEGUN, "log": before.log or secrets.token_hex(8)}
    return orjson.dumps(told | {"broken": before.broken, "kept": before.kept})


def _erased_stem(mark: Path) -> str:
    return mark.name.removesuffix(ERASED)[1:]


def _write(path: Path, flags: int, at: int, content: bytes) -> None:
    """Everything from there on is this, on the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | flags, 0o600)
    try:
        os.ftruncate(descriptor, at)
        sent = 0
        while sent < len(content):
            sent += os.pwrite(descriptor, content[sent:], at + sent)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def link_facts(link: Link | None) -> dict[str, Any]:
    """As an event says it of its evidence."""
    return {} if link is None else {"custody": asdict(link)}
