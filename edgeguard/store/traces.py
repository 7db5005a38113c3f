"""Texts that stand for residents, looked for in bytes and in files outside of the database: sightings, evidence, set aside files.

Knows nothing of SQLite. What it removes it removes whole.
"""

import mmap
import os
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

import orjson

from edgeguard.core.camera import CUSTODY, ERASED, EVIDENCE, REPORTS, SEALED
from edgeguard.core.outbox_limits import ERASE_LOOK_BYTES, PARQUET_PAGE_BYTES
from edgeguard.store.damage import DATABASE, QUARANTINE, remove_tree
from edgeguard.store.erase_job import JOB

_ESCAPED: Final = re.compile(r"[^\x00-\x7f]")
_FILES: Final = (DATABASE, f"{DATABASE}-wal")
_PARQUET: Final = b"PAR1"
_GZIP: Final = b"\x1f\x8b\x08"
_RECORD: Final = ".json"
_PICTURES: Final = frozenset({".jpg", ".png", ".mp4", ".mkv"})


def spellings(text: str) -> tuple[bytes, ...]:
    """The bytes that a text may have in JSON: as it is, and escaped in small or capital digits."""
    plain = orjson.dumps(text)[1:-1]
    small, capital = (_ESCAPED.sub(partial(_escape, digits=digits), plain.decode()).encode() for digits in ("04x", "04X"))
    return tuple(dict.fromkeys((text.encode(), plain, small, capital)))


def _escape(char: re.Match[str], digits: str) -> str:
    """A character as JSON's escapes: its UTF-16 units."""
    units = char.group().encode("utf-16-be")
    return "".join(f"\\u{int.from_bytes(units[at : at + 2], 'big'):{digits}}" for at in range(0, len(units), 2))


def holds(body: bytes, needles: Sequence[bytes]) -> bool:
    """Whether one of them is in there as a word of its own: 'A123' is not found in 'A1234', but right behind Chinese it is."""
    return any(_holds_word(body, needle) for needle in needles)


def _holds_word(body: bytes, needle: bytes) -> bool:
    at = body.find(needle)
    while at >= 0:
        before, after = body[at - 1 : at] if at else b"", body[at + len(needle) : at + len(needle) + 1]
        if body[at - 2 : at - 1] == b"\\":
            before = b""  # the letter of an escape, as of a new line, belongs to no word
        if not (before.isalnum() and needle[:1].isalnum()) and not (after.isalnum() and needle[-1:].isalnum()):
            return True
        at = body.find(needle, at + 1)
    return False


def database_traces(directory: Path, needles: Sequence[bytes]) -> tuple[str, ...]:
    """Names of the database's files that hold one of the texts as bytes, in whatever place; may take as long as reading them."""
    return tuple(name for name in _FILES if _has_bytes(directory / name, needles))


def all_traces(directory: Path, needles: Sequence[bytes]) -> tuple[str, ...]:
    """Every file of the state directory that holds one of the texts as a word, the store's or not, and those that we may not read.

    Pictures and clips are left out: there may be gigabytes of them, and no text is found in those. So is the note of what is to be
    erased, which goes last.
    """
    files = (path for path in _files_below(directory) if path != directory / JOB)
    looked_at = (path for path in files if not _is_picture(path.relative_to(directory)))
    return tuple(str(path.relative_to(directory)) for path in looked_at if _may_have_word(path, needles))


def files_holding(places: Sequence[Path], text: str) -> tuple[str, ...]:
    """Files, and those in folders, that hold a text as bytes (copies, exports); changes nothing. OSError if one cannot be read."""
    needles = spellings(text)
    found = [path for place in places for path in ([place] if place.is_file() else sorted(place.rglob("*")))]
    plain = (path for path in found if path.is_file() and not path.is_symlink())
    return tuple(str(path) for path in plain if _has_bytes(path, needles) or _packs(path, needles))


def _packs(path: Path, needles: Sequence[bytes]) -> bool:
    """Whether a Parquet file, as `export` writes it, holds one of the texts in its packed pages, each a member of gzip."""
    with path.open("rb") as file:
        if file.read(len(_PARQUET)) != _PARQUET:
            return False
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole:
            at = whole.find(_GZIP)
            while at >= 0:
                page = _unpacked(whole, at)
                if any(needle in page for needle in needles):
                    return True
                at = whole.find(_GZIP, at + 1)
    return False


def _unpacked(whole: mmap.mmap, at: int) -> bytes:
    """The page that begins there; bytes that only look like its beginning give nothing, or little."""
    plain, parts, size = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16), list[bytes](), 0
    with suppress(zlib.error):
        while not plain.eof and at < len(whole) and size < PARQUET_PAGE_BYTES:
            parts.append(plain.decompress(whole[at : at + ERASE_LOOK_BYTES]))
            size += len(parts[-1])
            at += ERASE_LOOK_BYTES
    return b"".join(parts)


def reports_with(directory: Path, needles: Sequence[bytes]) -> list[Path]:
    """What cameras could not tell yet and holds one of the texts."""
    found = [file for folder in directory.glob(REPORTS) for file in folder.iterdir() if file.is_file()]
    return [file for file in found if _has_word(file, needles)]


def records_with(directory: Path, needles: Sequence[bytes]) -> list[Path]:
    """Records beside pictures and clips of cameras that hold one of the texts."""
    return [file for file in _files_below(directory / EVIDENCE) if file.suffix == _RECORD and _has_word(file, needles)]


def remove(reports: Sequence[Path], records: Sequence[Path]) -> None:
    """Remove reports, whose cameras do not tell what is not there any more, and records with what lies beside them.

    What belongs together has one stem (`camera.shelf`). The record goes last: what a power cut leaves half removed is found again.
    Where a list of what was kept lies beside it, that it was erased is noted first, or it would be missed.
    """
    for report in reports:
        report.unlink(missing_ok=True)
    for record in records:
        stem = record.name.partition(".")[0]
        if stem and (record.parent / CUSTODY).exists():
            _note_erased(record.parent, stem)
        for file in record.parent.glob(f"{stem}.*") if stem else ():
            if file != record:
                file.unlink(missing_ok=True)
        record.unlink(missing_ok=True)


def _note_erased(folder: Path, stem: str) -> None:
    (folder / f".{stem}{ERASED}").touch(mode=0o600)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def unread_pictures(directory: Path) -> int:
    """Pictures and clips that are kept: no text is found in those."""
    return sum(_is_picture(file.relative_to(directory)) for file in _files_below(directory / EVIDENCE))


def clear_quarantine(directory: Path, needles: Sequence[bytes]) -> int:
    """Remove databases that were set aside and hold one of the texts; how many."""
    count = 0
    with suppress(FileNotFoundError):
        for folder in sorted((directory / QUARANTINE).iterdir()):
            if folder.is_dir() and any(_has_bytes(path, needles) for path in folder.rglob("*") if path.is_file()):
                remove_tree(folder)
                count += 1
    return count


def _files_below(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file() and not path.is_symlink())


def _has_bytes(path: Path, needles: Sequence[bytes]) -> bool:
    """Also as a part of a longer word: in a page of a database whatever stands beside it may belong to another value."""
    return any(any(needle in window for needle in needles) for window in _windows(path, needles))


def _is_picture(path: Path) -> bool:
    """Of a path within the state directory."""
    return path.parts[0] == EVIDENCE and Path(path.name.removesuffix(SEALED)).suffix in _PICTURES


def _may_have_word(path: Path, needles: Sequence[bytes]) -> bool:
    try:
        return _has_word(path, needles)
    except PermissionError:
        return True


def _has_word(path: Path, needles: Sequence[bytes]) -> bool:
    return any(holds(window, needles) for window in _windows(path, needles))


def _windows(path: Path, needles: Sequence[bytes]) -> Iterator[bytes]:
    """The file in blocks that overlap by a text and what stands on both sides of it; nothing if it is gone."""
    overlap = max(map(len, needles)) + 3
    try:
        with path.open("rb") as file:
            block = file.read(ERASE_LOOK_BYTES)
            while block:
                more = file.read(ERASE_LOOK_BYTES)
                yield block
                block = block[-overlap:] + more if more else b""
    except FileNotFoundError:
        return
