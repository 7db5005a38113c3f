"""What is being erased, noted until it is done: whoever is killed on the way finds here what to go on with at the next start.

A line of JSON in a file of its own, which is overwritten before it goes. Written in place, never beside: a note that is cut off
half-way belongs to an erasing that had not begun. Knows nothing of what is erased where.
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

from edgeguard.core.errors import StoreError
from edgeguard.core.outbox_limits import ERASE_JOB_BYTES
from edgeguard.store.damage import sync_directory

JOB: Final = "erasing"


@dataclass(frozen=True, slots=True)
class EraseJob:
    """The text to be erased, and who has asked for it."""

    text: str
    by: str


def note_job(directory: Path, job: EraseJob) -> None:
    """Make it durable. StoreError if the disk refuses, or if it is too long to be read again."""
    line = orjson.dumps([job.text, job.by]) + b"\n"
    if len(line) > ERASE_JOB_BYTES:
        raise StoreError("a text so long is not erased")
    try:
        _write(directory / JOB, line)
        sync_directory(directory)
    except OSError as error:
        raise StoreError(f"what is to be erased cannot be noted: {error.strerror}") from error


def pending_job(directory: Path) -> EraseJob | None:
    """What has not come to its end; None if there is nothing, or a note that was cut off. StoreError if it cannot be read."""
    try:
        with (directory / JOB).open("rb") as file:
            line = file.read(ERASE_JOB_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"what is to be erased cannot be read: {error.strerror}") from error
    with suppress(ValueError):
        match orjson.loads(line):
            case [str(text), str(by)] if text and line.endswith(b"\n"):
                return EraseJob(text, by)
    return None


def forget_job(directory: Path) -> None:
    """It is done: overwrite the note and remove it. StoreError if the disk refuses."""
    path = directory / JOB
    try:
        if path.exists():
            _write(path, b"\0" * path.stat().st_size)
            path.unlink()
            sync_directory(directory)
    except OSError as error:
        raise StoreError(f"the note of what was erased cannot be removed: {error.strerror}") from error


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())
