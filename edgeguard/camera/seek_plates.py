"""Number plates in a live stream: looked for while something moves, told once for each vehicle, in the shape the site allows."""

from collections.abc import Callable
from typing import Any, Final, Protocol

import cv2
import numpy as np
import orjson
import structlog

from edgeguard.camera.lane_gate import LaneGate
from edgeguard.camera.masking import hide
from edgeguard.camera.pictures import Bgr
from edgeguard.camera.reports import Report
from edgeguard.camera.video import Picture, VideoSource
from edgeguard.control.camera_views import SightingView
from edgeguard.core.camera import CameraSpec, PlateShape
from edgeguard.core.clock import Stamp
from edgeguard.core.plate_shape import shaped
from edgeguard.vision.plate_geometry import stretched
from edgeguard.vision.plate_passes import Pass, PassState, Seen, finish, step

_log = structlog.get_logger()
_LOOK_S: Final = 0.075
"""Pictures that are looked at are at least so far apart: a car at 15 km/h has then moved by 30 cm."""
_BEYOND: Final = 0.15
"""A plate is made black with so much around it, in shares of its width and height."""


class Looks(Protocol):
    """Finds and reads plates in one picture."""

    def look(self, picture: Bgr) -> list[Seen]:
        """Every plate, read where that is sure."""
        ...


class PlateSeeker:
    """Feed it the pictures of a stream; each vehicle is one sighting of type plate. `key` is that of hashed plates."""

    def __init__(self, spec: CameraSpec, reader: Looks, tell: Callable[[Report], None], key: bytes = b"") -> None:
        self._spec = spec
        self._reader = reader
        self._tell = tell
        self._key = key
        self._gate = LaneGate()
        self._state = PassState()
        self._next_s = self._last_s = 0.0
        self._told = 0
        self.looked = 0
        """Pictures in which plates were looked for."""

    def see(self, source: VideoSource, picture: Picture, now: Stamp) -> None:
        """One more picture, which came at `now`."""
        del source
        self._last_s = picture.t_s
        if not self._gate.moves(picture.t_s, picture.luma) or picture.t_s < self._next_s:
            return
        self._next_s = picture.t_s + _LOOK_S
        self.looked += 1
        self._state, passes = step(self._state, picture.t_s, self._reader.look(picture.bgr()))
        self._report(passes, picture.t_s, now)

    def lost(self, now: Stamp) -> None:
        """The stream has ended: who was on the way is told; the next stream begins anew."""
        self._state, passes = finish(self._state, self._last_s)
        self._report(passes, self._last_s, now)
        self._gate, self._next_s = LaneGate(), 0.0
        self._state = PassState()

    def remember(self) -> None:
        """What could not be told lies in the reporter's journal."""

    @property
    def restless(self) -> int:
        """Every picture can be judged."""
        return 0

    def hide(self, shown: Bgr) -> None:
        """Burn in the privacy masks, and blacken the plates where they may leave the gateway only masked or hashed."""
        hide(shown, self._spec)
        if self._spec.plate_shape is PlateShape.CLEAR:
            return
        for seen in self._reader.look(shown):
            corners = stretched(seen.found.corners, _BEYOND, _BEYOND, _BEYOND)
            cv2.fillConvexPoly(shown, np.round(corners).astype(np.int32), (0, 0, 0))

    def _report(self, passes: tuple[Pass, ...], t_s: float, now: Stamp) -> None:
        for one in passes:
            ago_ms = round((t_s - one.first_s) * 1000)
            at = Stamp(now.wall_ms - ago_ms, now.boot_ms - ago_ms, now.boot, now.synced)
            self._told += 1
            identity = f"{at.boot[:8]}-{at.boot_ms}-{self._told}"
            event = self._event(one)
            _log.info("plate.passed", text=None if one.text is None else shaped_for_log(one.text), direction=one.direction.value)
            facts = orjson.dumps(event).decode()
            self._tell(Report(SightingView(identity, "plate", at.wall_ms, at.boot_ms, at.boot, at.synced, facts)))

    def _event(self, one: Pass) -> dict[str, Any]:
        reading = one.best.reading if one.best is not None else None
        return {
            "camera": self._spec.name,
            "text": None if one.text is None else shaped(one.text, self._spec.plate_shape, self._key),
            "shape": self._spec.plate_shape.value,
            "confidence": round(one.confidence, 3),
            "kind": reading.kind.value if reading else None,
            "color": reading.colour.value if reading else None,
            "direction": one.direction.value,
            "duration_s": round(one.last_s - one.first_s, 3),
            "sightings": one.sightings,
            "width_px": round(one.best.found.width_px) if one.best is not None else None,
        }


def shaped_for_log(text: str) -> str:
    """Never more than a hint: logs are read by many."""
    return text[:1] + "*" * (len(text) - 1)
