"""Pictures that somebody has asked a camera for: the next whole one, what must not be seen made black, kept for a while.

Knows nothing of who asked. A picture is kept like evidence (its record with its hash beside it, both on disk before it is told);
beside it lies, where the site allows that it leaves the house, the picture as it is to be sent. Both are sealed where the site has
a key; their hashes are those of the pictures in the seal.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import orjson
import structlog

from edgeguard.camera.evidence import write_whole
from edgeguard.camera.pictures import Bgr
from edgeguard.camera.reports import Report
from edgeguard.camera.sealing import Seal
from edgeguard.camera.shelf import Shelf
from edgeguard.camera.video import Picture, VideoError
from edgeguard.control.camera_views import SightingView
from edgeguard.core.camera import SEALED, CameraSpec, SnapshotUse
from edgeguard.core.camera_limits import SNAPSHOT_SENT_BYTES, SNAPSHOT_SIDES
from edgeguard.core.clock import Stamp
from edgeguard.core.ids import BootId

_log = structlog.get_logger()
_QUALITY: Final = 90
_SENT_QUALITIES: Final = (80, 60)


@dataclass(frozen=True, slots=True)
class _Jpeg:
    """An encoded picture."""

    data: bytes
    width: int
    height: int

    def facts(self, file: str) -> dict[str, Any]:
        """As a record and a sighting say it."""
        sha256 = hashlib.sha256(self.data).hexdigest()
        return {"file": file, "sha256": sha256, "bytes": len(self.data), "width": self.width, "height": self.height}


class Snapshots:
    """Of one camera. `hide` makes black what must not be seen."""

    def __init__(
        self,
        spec: CameraSpec,
        shelf: Shelf,
        hide: Callable[[Bgr], None],
        tell: Callable[[Report], None],
        seal: Seal | None = None,
    ) -> None:
        self._spec = spec
        self._shelf = shelf
        self._hide = hide
        self._tell = tell
        self._seal = seal
        self._order = self._served = ""

    def ask(self, order: str) -> None:
        """A picture is wanted; the same order again asks for nothing new. Called on the reporter's thread."""
        if order != self._served:
            self._order = order

    def see(self, picture: Picture, now: Stamp) -> None:
        """One more picture of the camera, which came at `now`."""
        order = self._order
        if not order or order == self._served or picture.damaged:
            return
        self._served = order
        try:
            self._keep(order, picture, now)
        except (OSError, VideoError) as error:
            _log.warning("snapshot.lost", error=str(error))
            self._report(f"not-{order}", now, {"order": order, "why": str(error)[:200]}, None)

    def remember(self) -> None:
        """Tell what an earlier process kept but may not have told."""
        for stem, record in self._shelf.untold():
            try:
                at = record["at"]
                stamp = Stamp(int(at["wall_ms"]), int(at["boot_ms"]), BootId(str(at["boot"])), bool(at["synced"]))
                self._report(stem, stamp, dict(record["event"]), stem)
            except (KeyError, TypeError, ValueError):
                _log.warning("evidence.foreign", stem=stem)
                self._shelf.told(stem)

    def _keep(self, order: str, picture: Picture, now: Stamp) -> None:
        shown = picture.bgr().copy()
        self._hide(shown)
        whole = _jpeg(shown, _QUALITY)
        stem = self._shelf.fresh_stem(now.wall_ms)
        kept = self._kept(f"{stem}.jpg", whole)
        event: dict[str, Any] = {"camera": self._spec.name, "order": order, "picture": kept, "sent": None}
        small = sendable(shown, whole) if self._spec.snapshot is SnapshotUse.SENT else None
        if small is not None:
            event["sent"] = self._kept(f"{stem}.small.jpg", small)
        at = {"wall_ms": now.wall_ms, "boot_ms": now.boot_ms, "boot": now.boot, "synced": now.synced}
        record = {"at": at, "event": event, "picture": {"file": kept["file"], "sha256": kept["sha256"]}}
        write_whole(self._file(f"{stem}.json"), orjson.dumps(record, option=orjson.OPT_INDENT_2))
        self._report(stem, now, event, stem)

    def _kept(self, name: str, made: _Jpeg) -> dict[str, Any]:
        """On the disk; the facts of it."""
        file, data = (name, made.data) if self._seal is None else (name + SEALED, self._seal.closed(name + SEALED, made.data))
        write_whole(self._file(file), data)
        return made.facts(file)

    def _report(self, identity: str, at: Stamp, event: dict[str, Any], stem: str | None) -> None:
        facts = orjson.dumps(event).decode()
        sighting = SightingView(identity, "snapshot", at.wall_ms, at.boot_ms, at.boot, at.synced, facts)
        self._tell(Report(sighting, lambda: self._shelf.told(stem) if stem else None, on_disk=True))

    def _file(self, name: str) -> Path:
        return self._shelf.folder / name


def sendable(shown: Bgr, whole: _Jpeg) -> _Jpeg | None:
    """The picture as it fits into an answer: as it is kept, or as large as goes. None if even the smallest does not fit."""
    if len(whole.data) <= SNAPSHOT_SENT_BYTES:
        return whole
    longest = max(shown.shape[:2])
    for side in SNAPSHOT_SIDES:
        zoom = min(1.0, side / longest)
        size = (max(1, round(shown.shape[1] * zoom)), max(1, round(shown.shape[0] * zoom)))
        smaller = cv2.resize(shown, size, interpolation=cv2.INTER_AREA)
        for quality in _SENT_QUALITIES:
            made = _jpeg(smaller, quality)
            if len(made.data) <= SNAPSHOT_SENT_BYTES:
                return made
    return None


def _jpeg(shown: Any, quality: int) -> _Jpeg:
    done, encoded = cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise VideoError("the picture could not be encoded")
    return _Jpeg(encoded.tobytes(), shown.shape[1], shown.shape[0])
