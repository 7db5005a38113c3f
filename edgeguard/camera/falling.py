"""Falls in a stream of pictures: the motion field's spots through the decisions of `vision`. One object for a file or a camera."""

from edgeguard.camera.motion import MotionField
from edgeguard.camera.video import Picture
from edgeguard.core.facade import FacadeSpec
from edgeguard.vision.facade import Plane, plane_of, watched_area
from edgeguard.vision.falls import Fall, FallState, Scene, finish, step


class FallWatch:
    """Feed it every picture; it gives every fall once, about a second after it ended."""

    def __init__(self, spec: FacadeSpec | None = None) -> None:
        self._spec = spec or FacadeSpec()
        self._field: MotionField | None = None
        self._size = (0, 0)
        self.plane: Plane | None = None
        """The facade in the present picture size, when the spec says where its floors are."""
        self.state = FallState(Scene(0, 0))

    def see(self, picture: Picture) -> tuple[Fall, ...]:
        """The falls that are known to be over with this picture."""
        told: tuple[Fall, ...] = ()
        if self._field is None or picture.size != self._size:
            told = self.end()
            self._size = picture.size
            self.plane = plane_of(self._spec, picture.size)
            self._field = MotionField(*picture.size, watched_area(self._spec, picture.size))
            self.state = FallState(Scene(*picture.size, self.plane))
        motion = self._field.step(picture.t_s, picture.luma)
        self.state, falls = step(self.state, picture.t_s, motion.spots, motion.busy)
        return (*told, *falls)

    @property
    def suspended(self) -> int:
        """Pictures of the present size that could not be judged."""
        return self._field.suspended if self._field else 0

    def end(self) -> tuple[Fall, ...]:
        """The falls that were still in the air or on hold when the stream ended."""
        if self._field is None:
            return ()
        self.state, falls = finish(self.state)
        return falls
