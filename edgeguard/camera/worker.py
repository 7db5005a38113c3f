"""One camera's process: pictures in, sightings and signs of life out. What `edgeguard camera NAME` runs.

The main thread decodes and looks; the reporter's thread talks to the daemon. The process ends with its parent, and when it is told
to; everything else (a lost stream, a full disk, a silent daemon) it lives with.
"""

import os
import resource
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import cv2
import structlog

from edgeguard.camera.live import Happening, LiveCamera, Lost
from edgeguard.camera.pictures import Bgr
from edgeguard.camera.sight import Sight
from edgeguard.camera.video import Picture, VideoSource
from edgeguard.control.camera_views import BeatView, TroubleView
from edgeguard.core.blindness import Blindness
from edgeguard.core.camera_limits import CAMERA_CAUGHT_UP_S, CAMERA_GAINS_S, CAMERA_LAG_S, CAMERA_STANDS_S
from edgeguard.core.clock import Clock, Stamp

_log = structlog.get_logger()
_LOST_AFTER_S: Final = 10.0
_WINDOW_S: Final = 30.0
_TOO_MANY_SKIPPED: Final = 0.1
_TOO_RESTLESS: Final = 0.3
_TOO_DAMAGED: Final = 0.1
_TIDY_S: Final = 60.0


class Seeker(Protocol):
    """What looks for something in the pictures."""

    def see(self, source: VideoSource, picture: Picture, now: Stamp) -> None:
        """One more picture of the stream, which came at `now`."""
        ...

    def lost(self, now: Stamp) -> None:
        """The stream has ended; the next picture belongs to another one."""
        ...

    def remember(self) -> None:
        """Tell what an earlier process saw and could not tell."""
        ...

    def hide(self, shown: Bgr) -> None:
        """Make black, in a picture that others may see, what they must not."""
        ...

    @property
    def restless(self) -> int:
        """Pictures so far that could not be judged."""
        ...


@dataclass(frozen=True, slots=True)
class _Counts:
    """Pictures so far: all, those that were left out, that could not be judged, that were not whole or could not be decoded."""

    pictures: int = 0
    skipped: int = 0
    restless: int = 0
    damaged: int = 0


@dataclass(frozen=True, slots=True)
class _Rates:
    """Of the last half minute: pictures a second, and the share of each kind."""

    per_s: float = 0.0
    skipped: float = 0.0
    restless: float = 0.0
    damaged: float = 0.0


@dataclass(slots=True)
class _Minute:
    """What was counted lately, at each second."""

    marks: deque[tuple[float, _Counts]] = field(default_factory=deque)

    def look(self, at_s: float, now: _Counts) -> _Rates:
        """The rates of the last half minute."""
        if not self.marks or at_s - self.marks[-1][0] >= 1.0:
            self.marks.append((at_s, now))
        while len(self.marks) > 2 and at_s - self.marks[1][0] > _WINDOW_S:
            self.marks.popleft()
        began_s, before = self.marks[0]
        seen, skipped = now.pictures - before.pictures, now.skipped - before.skipped
        if at_s - began_s < 1.0 or not seen:
            return _Rates()
        restless = max(0, now.restless - before.restless) / max(1, seen - skipped)
        damaged = max(0, now.damaged - before.damaged)
        return _Rates(seen / (at_s - began_s), skipped / seen, restless, damaged / (seen + damaged))


class Lag:
    """How far behind the camera the process is: the age of a picture beyond that of the freshest lately.

    Who leaves pictures out gains on the camera. Where the age stays as it is, nothing waits to be looked at: the camera stood still
    for a moment and counted on as if it had not, as those do that number their pictures.
    """

    def __init__(self) -> None:
        self._least_s = float("inf")
        self._mark = (0.0, 0.0)
        self.behind = False

    def see(self, age_s: float, now_s: float) -> bool:
        """Whether the picture is to be skipped. `age_s`: clock less the picture's own second, whatever both count from."""
        # The two clocks drift apart by a few ms a minute; the least age follows slowly, so that drift is no lag.
        self._least_s = age_s if age_s < self._least_s else self._least_s + 1e-5
        if age_s - self._least_s <= (CAMERA_CAUGHT_UP_S if self.behind else CAMERA_LAG_S):
            self.behind = False
        elif not self.behind:
            self.behind, self._mark = True, (age_s, now_s)
        elif now_s - self._mark[1] >= CAMERA_STANDS_S:
            if abs(age_s - self._mark[0]) < CAMERA_GAINS_S:
                self.behind, self._least_s = False, age_s
            self._mark = (age_s, now_s)
        return self.behind


class Worker:
    """Puts the parts of one camera's process together. `tidy` keeps the evidence within its bounds, once a minute; `look_on` is
    shown every picture that is looked at; `standing` gives the troubles that are not of the picture.
    """

    def __init__(
        self,
        camera: LiveCamera,
        seeker: Seeker,
        sight: Sight,
        clock: Clock,
        tidy: Callable[[Stamp], None],
        tick: Callable[[], float] = time.monotonic,
        look_on: Callable[[Picture, Stamp], None] = lambda *_: None,
        standing: Callable[[], tuple[TroubleView, ...]] = tuple,
    ) -> None:
        self._camera = camera
        self._seeker = seeker
        self._sight = sight
        self._clock = clock
        self._tidy = tidy
        self._tick = tick
        self._look_on = look_on
        self._standing = standing
        self._lag = Lag()
        self._minute = _Minute()
        self._pulse_s = self._picture_s = tick()
        self._why = ""
        self._tidied_s = -1e9
        self._source: VideoSource | None = None
        self._since: dict[Blindness, tuple[int, str]] = {}
        self._rates = _Rates()
        self.pictures = self.skipped = self.resized = self.damaged = 0
        self.size = (0, 0)

    def run(self, should_stop: Callable[[], bool]) -> None:
        """Look at the camera until told to stop."""
        cv2.setNumThreads(1)
        self._seeker.remember()
        # Held by name: dropped by the loop, it would close the source before the last evidence has been taken from it.
        happenings = self._camera.happenings()
        for happening in happenings:
            self._pulse_s = self._tick()
            self._take(happening)
            if self._pulse_s - self._tidied_s >= _TIDY_S:
                self._tidied_s = self._pulse_s
                self._tidy(self._clock.now())
            if should_stop():
                break
        self._seeker.lost(self._clock.now())
        happenings.close()

    def beat(self) -> BeatView:
        """The sign of life; called on the reporter's thread, reads whole values only."""
        now_s = self._tick()
        usage = resource.getrusage(resource.RUSAGE_SELF)
        source = self._source
        return BeatView(
            pulse_s=round(now_s - self._pulse_s, 1),
            pictures=self.pictures,
            skipped=self.skipped,
            broken=self._camera.broken + (source.counts.broken if source else 0),
            connections=self._camera.connections,
            resized=self.resized,
            rate=round(self._rates.per_s, 1),
            width=self.size[0],
            height=self.size[1],
            codec=source.codec if source else "",
            rss_bytes=_rss_bytes(),
            cpu_s=round(usage.ru_utime + usage.ru_stime, 2),
            troubles=self._troubles(now_s),
        )

    def _take(self, happening: Happening) -> None:
        if isinstance(happening, Lost):
            _log.warning("camera.lost", why=happening.why)
            self._why = happening.why
            self._seeker.lost(self._clock.now())
            self._source, self._lag = None, Lag()
        elif isinstance(happening, tuple):
            self._look(*happening)

    def _look(self, source: VideoSource, picture: Picture) -> None:
        if source is not self._source:
            _log.info("camera.connected", codec=source.codec, width=picture.size[0], height=picture.size[1])
        elif picture.size != self.size:
            self.resized += 1
            _log.warning("camera.resized", before=self.size, now=picture.size)
        self._source, self.size = source, picture.size
        self.pictures += 1
        self._picture_s = self._pulse_s
        if self._lag.see(self._pulse_s - picture.t_s, self._pulse_s):
            self.skipped += 1
        else:
            self._sight.see(self._pulse_s, picture.luma)
            now = self._clock.now()
            self._seeker.see(source, picture, now)
            self._look_on(picture, now)
        self.damaged += picture.damaged
        damaged = self.damaged + self._camera.broken + source.counts.broken
        self._rates = self._minute.look(self._pulse_s, _Counts(self.pictures, self.skipped, self._seeker.restless, damaged))

    def _troubles(self, now_s: float) -> tuple[TroubleView, ...]:
        """What is wrong now, each since it was first so; a camera that gives nothing has no other trouble.

        What stands is told in any case.
        """
        now_boot_ms = self._clock.now().boot_ms
        found: dict[Blindness, tuple[float, str]] = {}
        if now_s - self._picture_s > _LOST_AFTER_S:
            found[Blindness.LOST] = (self._picture_s, self._why)
        else:
            rates = self._rates
            found |= {trouble: (since_s, "") for trouble, since_s in self._sight.troubles.items()}
            for trouble, share, most in (
                (Blindness.OVERLOAD, rates.skipped, _TOO_MANY_SKIPPED),
                (Blindness.RESTLESS, rates.restless, _TOO_RESTLESS),
                (Blindness.DAMAGED, rates.damaged, _TOO_DAMAGED),
            ):
                if share > most:
                    found[trouble] = (now_s, f"{share:.0%}")
        for trouble in tuple(self._since):
            if trouble not in found:
                del self._since[trouble]
        for trouble, (since_s, detail) in found.items():
            since_ms = now_boot_ms - round((now_s - since_s) * 1000)
            self._since[trouble] = (self._since.get(trouble, (since_ms, ""))[0], detail)
        passing = (TroubleView(trouble.value, since, detail) for trouble, (since, detail) in self._since.items())
        return (*passing, *self._standing())


def _rss_bytes() -> int:
    """Resident memory now; 0 where /proc cannot be read."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0
