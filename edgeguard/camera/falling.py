"""Falls in a stream of pictures: the motion field's spots through the decisions of `vision`. One object for a file or a camera."""

from dataclasses import replace

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
        self._facade_plane: Plane | None = None
        self._place_known = True
        self.state = FallState(Scene(0, 0))

    def see(self, picture: Picture) -> tuple[Fall, ...]:
        """The falls that are known to be over with this picture."""
        told: tuple[Fall, ...] = ()
        if self._field is None or picture.size != self._size:
            told = self.end()
            self._size = picture.size
            self._facade_plane = plane_of(self._spec, picture.size)
            self._field = MotionField(*picture.size, watched_area(self._spec, picture.size))
            self.state = FallState(Scene(*picture.size, self.plane, self._spec.slow_falls))
        motion = self._field.step(picture.t_s, picture.luma)
        self.state, falls = step(self.state, picture.t_s, motion.spots, motion.busy)
        return (*told, *falls)

    @property
    def plane(self) -> Plane | None:
        """The facade in the present picture size, when the spec says where its floors are and they are still there."""
        return self._facade_plane if self._place_known else None

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
        self.state, falls = finish(self.state)
        return falls
