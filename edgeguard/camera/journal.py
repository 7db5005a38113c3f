"""Sightings that the daemon does not have yet, a file each, so that they outlive the process and a power cut.

What has evidence of its own on disk needs none here. A disk that refuses costs this safety, never the sighting. A file that
somebody has removed (the daemon, when a resident's data are erased) takes its sighting with it.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import orjson
import structlog

from edgeguard.control.camera_views import LostView, SightingView
from edgeguard.control.decode import Undecodable, decode
from edgeguard.core.camera_limits import CAMERA_REPORT_BYTES, CAMERA_REPORTS

_log = structlog.get_logger()
_SUFFIX: Final = ".json"
_LOST: Final = "lost"


@dataclass(frozen=True, slots=True)
class Noted:
    """A sighting and its file."""

    sighting: SightingView
    file: Path

    @property
    def erased(self) -> bool:
        """Whether its file has been taken away."""
        return not self.file.exists()


class Journal:
    """The folder of one camera. `lost` tells of sightings that are neither told nor kept any more."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._next = 1
        self.lost = LostView(0, 0, 0)

    def open(self) -> Iterator[Noted]:
        """Make the folder; what an earlier process has left, oldest first. What cannot be read is set down as lost."""
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with contextlib.suppress(OSError, ValueError, Undecodable):
            self.lost = decode(LostView, orjson.loads((self._folder / _LOST).read_bytes()))
        for partial in self._folder.glob(".*"):
            partial.unlink(missing_ok=True)
        files = sorted(self._folder.glob(f"*{_SUFFIX}"))[-CAMERA_REPORTS:]
        self._next = 1 + max((int(file.stem) for file in files if file.stem.isdecimal()), default=0)
        for file in files:
            try:
                with file.open("rb") as opened:
                    sighting = decode(SightingView, orjson.loads(opened.read(CAMERA_REPORT_BYTES)))
            except (OSError, ValueError, Undecodable) as error:
                _log.warning("report.unreadable", file=file.name, error=str(error))
                self.forget(file)
                self.lose(None)
            else:
                yield Noted(sighting, file)

    def keep(self, sighting: SightingView) -> Noted | None:
        """Write it down, for a killed process; `settle` makes it outlive a power cut. None if the disk refuses."""
        file = self._folder / f"{self._next:012d}{_SUFFIX}"
        self._next += 1
        return Noted(sighting, file) if self._write(file, orjson.dumps(sighting)) else None

    def settle(self, file: Path) -> None:
        """Onto the disk."""
        with contextlib.suppress(OSError):
            for path in (file, self._folder):
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)

    def forget(self, file: Path) -> None:
        """The daemon has it, or it is given up."""
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)

    def lose(self, sighting: SightingView | None) -> None:
        """Set down that a sighting is given up."""
        at_ms = sighting.wall_ms if sighting is not None else 0
        first_ms = min(filter(None, (self.lost.first_wall_ms, at_ms)), default=0)
        self.lost = LostView(self.lost.count + 1, first_ms, max(self.lost.last_wall_ms, at_ms))
        self._write(self._folder / _LOST, orjson.dumps(asdict(self.lost)))

    def confess(self, told: LostView) -> None:
        """The daemon knows of these."""
        left = self.lost.count - told.count
        self.lost = LostView(left, told.last_wall_ms if left else 0, self.lost.last_wall_ms if left else 0)
        if left:
            self._write(self._folder / _LOST, orjson.dumps(asdict(self.lost)))
        else:
            self.forget(self._folder / _LOST)

    def _write(self, file: Path, content: bytes) -> bool:
        partial = file.with_name(f".{file.name}.partial")
        try:
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "wb") as opened:
                opened.write(content)
            partial.replace(file)
        except OSError as error:
            _log.warning("report.not-kept", error=error.strerror)
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
            return False
        return True
