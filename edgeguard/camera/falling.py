"""Falls in a stream of pictures: the motion field's spots through the decisions of `vision`. One object for a file or a camera."""

import numpy as np
from numpy.typing import NDArray

from edgeguard.camera.motion import MotionField
from edgeguard.camera.video import Picture
from edgeguard.vision.falls import Fall, FallState, Scene, finish, step


class FallWatch:
    """Feed it every picture; it gives every fall once, about a second after it ended."""

    def __init__(self, watched: NDArray[np.bool_] | None = None) -> None:
        self._watched = watched
        self._field: MotionField | None = None
        self._size = (0, 0)
        self.state = FallState(Scene(0, 0))

    def see(self, picture: Picture) -> tuple[Fall, ...]:
        """The falls that are known to be over with this picture."""
        told: tuple[Fall, ...] = ()
        if self._field is None or picture.size != self._size:
            told = self.end()
            self._size = picture.size
            self._field = MotionField(*picture.size, self._watched)
            self.state = FallState(Scene(*picture.size))
        motion = self._field.step(picture.t_s, picture.luma)
        self.state, falls = step(self.state, picture.t_s, motion.spots, motion.busy)
        return (*told, *falls)

    def end(self) -> tuple[Fall, ...]:
        """The falls that were still in the air or on hold when the stream ended."""
        if self._field is None:
            return ()
        self.state, falls = finish(self.state)
        return falls
