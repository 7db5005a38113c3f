"""The folder in which a camera's evidence lies: what is there, what the daemon has not been told of yet, and what has to go.

A piece of evidence is a few files of one stem: clip, picture, record; beside them `.unsent` until the daemon has the event, and
`.exported` once a person has taken a copy. Stems begin with the UTC time, so that their order is that of time.
"""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from edgeguard.camera.custody import CustodyBook, Link
from edgeguard.core.camera_limits import EVIDENCE_FREE_BYTES, EVIDENCE_UNSENT

UNSENT: Final = ".unsent"
EXPORTED: Final = ".exported"
RECORD: Final = ".json"
_TRUSTED_FROM_MS: Final = 1_704_067_200_000
"""2024: earlier than this no edgeguard had a right clock."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of evidence. `taken_ms` is UTC by its stem."""

    stem: str
    files: tuple[Path, ...]
    bytes: int
    taken_ms: int
    exported: bool
    unsent: bool


@dataclass(frozen=True, slots=True)
class Gone:
    """A piece that was removed, and why: age, size or disk."""

    stem: str
    reason: str
    unsent: bool


def stem_of(wall_ms: int) -> str:
    """The stem of evidence of that moment: `20261124T215501123Z`."""
    seconds, ms = divmod(wall_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y%m%dT%H%M%S}{ms:03d}Z"


def disk_free(folder: Path) -> int:
    """Free bytes of the file system for an ordinary user."""
    return shutil.disk_usage(folder).free


class Shelf:
    """The evidence of one camera within its bounds; `book` has the list of what was kept and removed, where there is one."""

    def __init__(
        self,
        folder: Path,
        max_bytes: int,
        max_age_ms: int,
        free: Callable[[Path], int] = disk_free,
        least_free: int = EVIDENCE_FREE_BYTES,
        book: CustodyBook | None = None,
    ) -> None:
        self.folder = folder
        self._max_bytes = max_bytes
        self._max_age_ms = max_age_ms
        self._free = free
        self._least_free = least_free
        self._book = book

    def open(self) -> None:
        """Make the folder, and clear away what a power cut left half written. OSError if it cannot be made."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for partial in self.folder.glob(".*.partial*"):
            with contextlib.suppress(OSError):
                partial.unlink()
        self._settle()

    def fresh_stem(self, wall_ms: int) -> str:
        """A stem that is not taken, for evidence of that moment; marked as not yet told."""
        while True:
            stem = stem_of(wall_ms)
            if self._book is not None and self._book.knows(stem):
                wall_ms += 1
                continue
            try:
                with (self.folder / f"{stem}{UNSENT}").open("xb"):
                    return stem
            except FileExistsError:
                wall_ms += 1

    def keep(self, stem: str) -> Link | None:
        """A piece is whole: it is put on the list, where there is one."""
        return None if self._book is None else self._book.keep(stem)

    def link(self, stem: str) -> Link | None:
        """Where a piece stands on the list."""
        return None if self._book is None else self._book.link(stem)

    def told(self, stem: str) -> None:
        """The daemon has the event."""
        with contextlib.suppress(OSError):
            (self.folder / f"{stem}{UNSENT}").unlink(missing_ok=True)

    def untold(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Stems and records that the daemon may not have, oldest first; a mark without a record tells of nothing and goes."""
        for mark in sorted(self.folder.glob(f"*{UNSENT}"))[:EVIDENCE_UNSENT]:
            stem = mark.name.removesuffix(UNSENT)
            try:
                record = orjson.loads((self.folder / f"{stem}{RECORD}").read_bytes())
            except (OSError, orjson.JSONDecodeError):
                record = None
            if isinstance(record, dict):
                yield stem, record
            else:
                self.told(stem)

    def pieces(self) -> list[Piece]:
        """Everything that is here, oldest first. Links and folders are not ours and are left alone."""
        groups: dict[str, list[Path]] = {}
        for entry in os.scandir(self.folder):
            if entry.is_file(follow_symlinks=False) and not entry.name.startswith("."):
                groups.setdefault(entry.name.partition(".")[0], []).append(Path(entry.path))
        return sorted(
            (piece for stem, files in groups.items() if (piece := _piece(stem, files)) is not None), key=lambda piece: piece.stem
        )

    def tidy(self, now_ms: int | None) -> Sequence[Gone]:
        """Remove what is too old, and the oldest of what is too much: what nobody has exported goes first. Gives what went.

        A disk that something else fills does not take what has just been kept: the newest piece stays.
        `now_ms` is None while the clock is not trusted: nothing is too old then, nor is what was taken at such a time.
        """
        gone = self._settle()
        left: list[Piece] = []
        old: list[Piece] = []
        for piece in self.pieces():
            is_old = now_ms is not None and _TRUSTED_FROM_MS < piece.taken_ms < now_ms - self._max_age_ms
            (old if is_old else left).append(piece)
        gone += self._remove(old, "age")
        waiting = sorted(left, key=lambda one: (one.exported, one.stem))
        total, over = sum(piece.bytes for piece in left), 0
        while total > self._max_bytes:
            total -= waiting[over].bytes
            over += 1
        gone += self._remove(waiting[:over], "size")
        for piece in waiting[over:]:
            if piece is not left[-1]:
                if self._free(self.folder) >= self._least_free:
                    break
                gone += self._remove([piece], "disk")
        return gone

    def make_room(self, needed: int) -> Sequence[Gone]:
        """Remove the oldest pieces until so many bytes are free for a new one: what nobody has exported goes first, nothing that
        the daemon has not been told of. Where all of it would not be enough nothing goes. Gives what went. OSError if the folder
        cannot be read.
        """
        missing = needed - self._free(self.folder)
        if missing <= 0:
            return ()
        told = sorted((piece for piece in self.pieces() if not piece.unsent), key=lambda one: (one.exported, one.stem))
        if sum(piece.bytes for piece in told) < missing:
            return ()
        gone: list[Gone] = []
        for piece in told:
            if self._free(self.folder) >= needed:
                break
            gone += self._remove([piece], "disk")
        return gone

    def _remove(self, pieces: Sequence[Piece], reason: str) -> list[Gone]:
        """Put down first, where there is a list; none goes where that cannot be written."""
        if not pieces or (self._book is not None and not self._book.remove([piece.stem for piece in pieces], reason)):
            return []
        return [_removed(piece, reason) for piece in pieces]

    def _settle(self) -> list[Gone]:
        """The list fits what is there again, and what was to go and is still there goes."""
        if self._book is None:
            return []
        here = {piece.stem: piece for piece in self.pieces()}
        whole = {stem: any(file.suffix == RECORD for file in piece.files) for stem, piece in here.items()}
        return [_removed(here[stem], removal.why) for stem, removal in self._book.settle(whole).items()]


def _removed(piece: Piece, reason: str) -> Gone:
    """The record last, so that what a power cut leaves half removed is still a piece."""
    for file in sorted(piece.files, key=lambda file: file.suffix == RECORD):
        with contextlib.suppress(OSError):
            file.unlink()
    return Gone(piece.stem, reason, piece.unsent)


def _piece(stem: str, files: list[Path]) -> Piece | None:
    try:
        taken = datetime.strptime(stem[:15], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
        size = sum(file.stat().st_size for file in files)
    except (ValueError, OSError):
        return None
    suffixes = {file.suffix for file in files}
    return Piece(stem, tuple(files), size, round(taken.timestamp() * 1000), EXPORTED in suffixes, UNSENT in suffixes)
