"""The newest picture of a camera or a film while somebody sets it up: a stream kept open on a thread, a picture on demand.

Knows nothing of what the picture is for.
"""

import random
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from edgeguard.camera.live import LiveCamera, Lost
from edgeguard.camera.pictures import Bgr, decode_picture, picture_data
from edgeguard.camera.video import Picture, StreamAccess
from edgeguard.core.errors import Permanent

_QUALITY: Final = 88


@dataclass(frozen=True, slots=True)
class Still:
    """One picture in colour; `number` grows with every newer one, from 1 on."""

    number: int
    bgr: Bgr

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, px."""
        return self.bgr.shape[1], self.bgr.shape[0]

    def jpeg(self) -> bytes:
        """As a browser takes it."""
        done, data = cv2.imencode(".jpg", self.bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        if not done:
            raise Permanent("the picture cannot be written as JPEG")
        return data.tobytes()


class StillCamera:
    """Opens the stream when started and holds its newest picture until stopped. `trouble` says why there is none."""

    def __init__(self, access: StreamAccess) -> None:
        self._camera = LiveCamera(access, random.SystemRandom())
        self._newest: Picture | None = None
        self._count = 0
        self._stop = threading.Event()
        self._fresh = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="still", daemon=True)
        self.trouble = ""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, within_s: float) -> None:
        """End, unless the camera holds the thread up for longer."""
        self._stop.set()
        self._thread.join(within_s)

    def still(self, wait_s: float) -> Still | None:
        """The newest picture, the first one after at most so long; None where there was none."""
        with self._fresh:
            self._fresh.wait_for(lambda: self._newest is not None, wait_s)
            newest, number = self._newest, self._count
        return None if newest is None else Still(number, newest.bgr())

    def _run(self) -> None:
        happenings = self._camera.happenings()
        for happening in happenings:
            if self._stop.is_set():
                break
            if isinstance(happening, Lost):
                self.trouble = happening.why
            elif isinstance(happening, tuple):
                with self._fresh:
                    self._newest, self._count, self.trouble = happening[1], self._count + 1, ""
                    self._fresh.notify_all()
        happenings.close()


class StillFile:
    """A picture file in the place of a camera."""

    def __init__(self, picture: Bgr) -> None:
        self._still = Still(1, picture)
        self.trouble = ""

    def start(self) -> None:
        """Nothing has to begin."""

    def stop(self, within_s: float) -> None:
        """Nothing has to end."""

    def still(self, wait_s: float) -> Still | None:
        """The picture."""
        return self._still


Stills = StillCamera | StillFile


def stills_of(path: Path) -> Stills:
    """Of a file that is a picture or a film, which is played again and again. Permanent where it is neither."""
    data = picture_data(path, whatever=False)
    return StillCamera(StreamAccess(f"file:{path}", str(path))) if data is None else StillFile(decode_picture(data, str(path)))


def drawn(
    still: Still, lines: tuple[tuple[float, float, float, float, str], ...], areas: tuple[tuple[tuple[float, float], ...], ...]
) -> Still:
    """The picture with lines (x0, y0, x1, y1, what stands beside it in ASCII) and the outlines of areas."""
    picture = still.bgr.copy()
    thick = max(1, still.size[1] // 500)
    for area in areas:
        points = np.round(np.array(area)).astype(np.int32)
        cv2.polylines(picture, [points], isClosed=True, color=(80, 220, 80), thickness=thick)
    for x0, y0, x1, y1, text in lines:
        cv2.line(picture, (round(x0), round(y0)), (round(x1), round(y1)), (0, 200, 255), thick, cv2.LINE_AA)
        place = (max(4, round(min(x0, x1)) + 6), max(14, round(min(y0, y1)) - 4))
        cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5 * thick, (0, 0, 0), 3 * thick, cv2.LINE_AA)
        cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5 * thick, (255, 255, 255), thick, cv2.LINE_AA)
    return Still(still.number, picture)
