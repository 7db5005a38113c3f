"""Presentation stamps -> seconds that only grow. Containers leave stamps out, repeat them, send them back and jump; those of late
encoders tremble (`cadence`).

Physics is done on these seconds: a wrong one is worse than a guessed one. Knows no decoder.
"""

from fractions import Fraction
from typing import Final

from edgeguard.camera.cadence import Cadence
from edgeguard.core.camera_limits import VIDEO_GAP_MAX_S

_DEFAULT_PERIOD_S: Final = 0.04
_RATES: Final = (1.0, 240.0)
"""Frame rates that a camera can mean, per second; beyond them a container's word is a mistake."""
_SLACK: Final = 0.05
"""A stamp that comes less than this share of a period after the last one does not count as later."""
_TRUST: Final = 3
"""So many stamps that went backwards show a container that stamps in decoding order: from then on pictures are counted."""
_STRAY_S: Final = 1.0
"""A counted second that strays from its stamp by more than this takes the stamp. One that goes back by more is of a clock that was
set back: from there on stamps are counted from the last second."""


class Timeline:
    """The seconds of one stream's frames, in the order in which they are shown."""

    def __init__(self, time_base: Fraction, rate: Fraction | None) -> None:
        """`rate` is what the container says of frames per second, `time_base` the length of one tick of its stamps."""
        said = float(rate) if rate else 0.0
        self._tick_s = float(time_base) if time_base > 0 else 0.0
        self.period_s = 1.0 / said if _RATES[0] <= said <= _RATES[1] else _DEFAULT_PERIOD_S
        """Nominal time from frame to frame, s."""
        self.repaired = 0
        """Stamps that were missing, did not grow, or jumped."""
        self._first: int | None = None
        """The stamp that stands for second `_first_s`. Taken off in whole ticks, it gives a camera's stamps, which begin anywhere,
        the very seconds that a file's have."""
        self._first_s = 0.0
        self._last_s = -self.period_s
        self._backward = 0
        self._cadence = Cadence()

    def stamp(self, pts: int | None) -> float:
        """The second at which the next frame was taken, more than that of every frame before; 0.0 for the first."""
        return self._cadence.even(self._in_order(pts))

    def _in_order(self, pts: int | None) -> float:
        if pts is None or not self._tick_s:
            return self._guess()
        if self._first is None:
            self._first, self._first_s = pts, self._last_s + self.period_s
        t_s = (pts - self._first) * self._tick_s + self._first_s
        step_s = t_s - self._last_s
        if step_s > VIDEO_GAP_MAX_S or step_s < -_STRAY_S:
            self._first = None
            return self._guess()
        self._backward += step_s < -_SLACK * self.period_s
        counted = self._backward >= _TRUST and abs(step_s - self.period_s) < _STRAY_S
        if counted or step_s <= _SLACK * self.period_s:
            return self._guess()
        self._last_s = t_s
        return t_s

    def _guess(self) -> float:
        self.repaired += 1
        self._last_s += self.period_s
        return self._last_s

    def locate(self, pts: int | None) -> float:
        """The second that a packet's stamp means, without moving on; the last frame's where that cannot be said, as where the clock
        of the stamps was set."""
        if pts is None or self._first is None or not self._tick_s:
            return max(self._last_s, 0.0)
        t_s = (pts - self._first) * self._tick_s + self._first_s
        return t_s if -_STRAY_S <= t_s - self._last_s <= VIDEO_GAP_MAX_S else max(self._last_s, 0.0)
