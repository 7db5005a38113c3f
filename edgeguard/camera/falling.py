"""Falls in a stream of pictures: the motion field's spots through the decisions of `vision`. One object for a file or a camera."""

import math
from dataclasses import replace
from typing import Final

from edgeguard.camera.motion import MotionField
from edgeguard.camera.video import Luma, Picture
from edgeguard.core.camera_limits import FALL_MAX_WAITING
from edgeguard.core.facade import FacadeSpec
from edgeguard.vision.facade import Plane, column_at, plane_of, release, watched_area
from edgeguard.vision.falls import Fall, FallState, due_s, finish, step
from edgeguard.vision.verdict import Learned, Scene

_TOGETHER_S: Final = 0.475
"""So much of the stream is looked at and judged at once, at most a picture more, unless a fall is due to be told: decoding drives
all else out of the processor's caches, and each step after another one costs half of what it costs after a picture. A fall is held
for longer than this and the patience of its track together, so that it is told no later."""


class FallWatch:
    """Feed it every picture; it gives every fall once, about a second after it ended. `learned`: who judges."""

    def __init__(self, learned: Learned, spec: FacadeSpec | None = None) -> None:
        self._spec = spec or FacadeSpec()
        self._learned = learned
        self._field: MotionField | None = None
        self._size = (0, 0)
        self._facade_plane: Plane | None = None
        self._place_known = True
        self.state = FallState(Scene(0, 0))
        self._waiting: list[tuple[float, Luma]] = []
        self._due_s = math.inf

    def see(self, picture: Picture) -> tuple[Fall, ...]:
        """The falls that are known to be over with this picture."""
        told: tuple[Fall, ...] = ()
        if self._field is None or picture.size != self._size:
            told = self.end()
            self._size = picture.size
            self._facade_plane = plane_of(self._spec, picture.size)
            self._field = MotionField(*picture.size, watched_area(self._spec, picture.size))
            self.state = FallState(Scene(*picture.size, self.plane, self._spec.slow_falls, self._learned))
        self._waiting.append((picture.t_s, self._field.reduced(picture.luma)))
        waits = picture.t_s < self._due_s and picture.t_s - self._waiting[0][0] < _TOGETHER_S
        return told if waits and len(self._waiting) < FALL_MAX_WAITING else (*told, *self._judged())

    def _judged(self) -> tuple[Fall, ...]:
        """The falls that are over with the pictures that wait."""
        told: list[Fall] = []
        if self._field is not None:
            for (t_s, _), motion in zip(self._waiting, self._field.steps(self._waiting), strict=True):
                self.state, falls = step(self.state, t_s, motion.spots, motion.busy, motion.unrest)
                told += falls
        self._waiting.clear()
        self._due_s = due_s(self.state)
        return tuple(told)

    @property
    def plane(self) -> Plane | None:
        """The facade in the present picture size, when the spec says where its floors are and they are still there."""
        return self._facade_plane if self._place_known else None

    def column(self, fall: Fall) -> int | None:
        """The window column that it came from; None where borders are not said, or lie elsewhere by now."""
        return column_at(self._spec, self._size, release(fall.path)[0]) if self._place_known else None

    def trust_place(self, known: bool) -> None:
        """Whether the view is the one that was set up: in another one falls are judged in px alone."""
        if known is not self._place_known:
            self._place_known = known
            self.state = replace(self.state, scene=replace(self.state.scene, plane=self.plane))

    @property
    def suspended(self) -> int:
        """Pictures of the present size that could not be judged."""
        return self._field.suspended if self._field else 0

    @property
    def restless(self) -> int:
        """Pictures of the present size that could not be judged, or not wholly: more stood out in them than is looked at."""
        return self.suspended + (self._field.crowded if self._field else 0)

    def end(self) -> tuple[Fall, ...]:
        """The falls that were still in the air or on hold when the stream ended."""
        if self._field is None:
            return ()
        told = self._judged()
        self.state, falls = finish(self.state)
        return (*told, *falls)
