"""Number plates in a live stream: looked for while something moves, told once for each vehicle, in the shape the site allows."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, Protocol

import orjson
import structlog

from edgeguard.camera.lane_gate import LaneGate
from edgeguard.camera.masking import hide
from edgeguard.camera.pass_pictures import BestPictures, PassShelf
from edgeguard.camera.pictures import Bgr
from edgeguard.camera.reports import Report
from edgeguard.camera.standing import Standing
from edgeguard.camera.veil import veil
from edgeguard.camera.video import Picture, VideoSource
from edgeguard.control.camera_views import ReadView, SightingView
from edgeguard.core.camera import CameraSpec, PassPictures, PlateShape
from edgeguard.core.camera_limits import PASS_MAX_TOLD
from edgeguard.core.clock import Stamp
from edgeguard.core.plate_shape import shaped
from edgeguard.vision.lanes import Lane, lanes_of
from edgeguard.vision.plate_passes import FOR_THE_GATE, Pass, PassState, Seen, Stage, finish, rest, step

_log = structlog.get_logger()
_LOOK_S: Final = 0.075
"""Pictures that are looked at are at least so far apart: a car at 15 km/h has then moved by 30 cm."""
_NAMED: Final = 256
"""Vehicles whose ids are remembered from stage to stage."""


class Looks(Protocol):
    """Finds and reads plates in one picture."""

    def look(self, picture: Bgr) -> list[Seen]:
        """Every plate, read where that is sure."""
        ...


class PlateSeeker:
    """Feed it the pictures of a stream; each vehicle is one sighting of type plate. `key` is that of hashed plates.

    `reads` hears of each vehicle as soon as its text is sure, and again when it is told: for decisions at a gate. `album` keeps
    pictures of passes; `knows_place` is whether the view is still the one that was set up. By `standing` a vehicle that an earlier
    process has seen keeps its id, and a pass that was told already is told to the gate alone.
    """

    def __init__(
        self,
        spec: CameraSpec,
        reader: Looks,
        tell: Callable[[Report], None],
        key: bytes = b"",
        reads: Callable[[ReadView], None] = lambda _: None,
        album: PassShelf | None = None,
        knows_place: Callable[[], bool] = lambda: True,
        standing: Standing | None = None,
    ) -> None:
        self._spec = spec
        self._reader = reader
        self._tell = tell
        self._key = key
        self._gate = LaneGate()
        self.state = PassState()
        """What is on its way."""
        self._next_s = self._last_s = 0.0
        self._reads = reads
        self._album = album if spec.pictures is not PassPictures.NONE else None
        self._knows_place = knows_place
        self._standing = standing or Standing()
        self._best = BestPictures()
        self._lanes: tuple[Lane, ...] = ()
        self._size = (0, 0)
        self._named: dict[int, tuple[str, Stamp]] = {}
        """Ids and first moments of vehicles on their way, by the number of their track."""
        self._told_by_another: set[int] = set()
        """Those of them whose pass an earlier process has told."""
        self._told_before: tuple[tuple[str, float], ...] = ()
        """Texts told lately in streams that have ended, each with its second of the boot clock."""
        self.looked = 0
        """Pictures in which plates were looked for."""

    def see(self, source: VideoSource, picture: Picture, now: Stamp) -> None:
        """One more picture, which came at `now`."""
        del source
        self._last_s = picture.t_s
        if self._told_before:
            recent = tuple((text, picture.t_s - (now.boot_ms / 1000 - at_s)) for text, at_s in self._told_before)
            self.state, self._told_before = replace(self.state, recent=recent[-PASS_MAX_TOLD:]), ()
        moves = self._gate.moves(picture.t_s, picture.luma)
        if picture.t_s < self._next_s:
            return
        if not moves:
            self.state, passes = rest(self.state, picture.t_s, self._lanes)
            self._report(passes, picture.t_s, now)
            self._keep_standing(now)
            return
        self._next_s = picture.t_s + _LOOK_S
        self.looked += 1
        if picture.size != self._size:
            self._size = picture.size
            self._lanes = lanes_of(self._spec.lanes, *picture.size)
        seen = self._reader.look(picture.bgr())
        self.state, passes = step(self.state, picture.t_s, seen, self._lanes)
        if self._album is not None:
            self._best.see(picture, seen, self.state, passes)
        self._report(passes, picture.t_s, now)
        self._keep_standing(now)

    def lost(self, now: Stamp) -> None:
        """The stream has ended: who was on the way is told; the next stream begins anew."""
        self.state, passes = finish(self.state, self._last_s, self._lanes)
        self._report(passes, self._last_s, now)
        self._gate, self._next_s, self._best = LaneGate(), 0.0, BestPictures()
        told = tuple((text, now.boot_ms / 1000 - (self._last_s - at_s)) for text, at_s in self.state.recent)
        self.state, self._named, self._told_before = PassState(numbers=self.state.numbers), {}, (*self._told_before, *told)
        self._told_by_another.clear()
        self._keep_standing(now)

    def remember(self) -> None:
        """Who was there when an earlier process ended; what could not be told lies in the reporter's journal."""
        self._standing.recall()

    @property
    def restless(self) -> int:
        """Every picture can be judged."""
        return 0

    def hide(self, shown: Bgr) -> None:
        """Burn in the privacy masks, and make every plate unreadable where they may leave the gateway only masked or hashed."""
        plates = [] if self._spec.plate_shape is PlateShape.CLEAR else [one.found.corners for one in self._reader.look(shown)]
        hide(shown, self._spec)
        if self._spec.plate_shape is not PlateShape.CLEAR:
            veil(shown, plates, self._spec.plate_free if self._knows_place() else ())

    def _report(self, passes: tuple[Pass, ...], t_s: float, now: Stamp) -> None:
        for one in passes:
            identity, at = self._name(one, now.before(t_s - one.first_s))
            self._reads(_read_view(identity, one, now))
            if one.stage in FOR_THE_GATE or one.number in self._told_by_another:
                self._note(one, identity, at, now)
                continue
            event = self._event(one) | {"duration_s": round((now.boot_ms - at.boot_ms) / 1000 - (t_s - one.last_s), 3)}
            held = self._best.take(one.number)
            if self._album is not None and held is not None:
                event |= self._album.keep(held, one, at, event, self._knows_place())
            _log.info("plate.passed", text=None if one.text is None else shaped_for_log(one.text), direction=one.direction.value)
            facts = orjson.dumps(event).decode()
            self._tell(Report(SightingView(identity, "plate", at.wall_ms, at.boot_ms, at.boot, at.synced, facts)))
            self._note(one, identity, at, now)
        self._best.forget_all_but(self.state)

    def _name(self, one: Pass, first: Stamp) -> tuple[str, Stamp]:
        """The vehicle's id and first moment, the same at all stages."""
        if one.number not in self._named:
            stood = None if one.text is None else self._standing.taken_over(one.text, first)
            self._named[one.number] = (_new_id(first, one.number), first) if stood is None else (stood.id, stood.first)
            if stood is not None and stood.told:
                self._told_by_another.add(one.number)
        for number in [number for number in self._named if number <= one.number - _NAMED]:
            del self._named[number]
            self._told_by_another.discard(number)
        return self._named[one.number]

    def _note(self, one: Pass, identity: str, first: Stamp, now: Stamp) -> None:
        """For a process that takes over."""
        if one.text is not None and one.stage is Stage.TURNED:
            self._standing.drop(one.text)
        elif one.text is not None:
            told = one.stage not in FOR_THE_GATE or one.number in self._told_by_another
            self._standing.put(one.text, identity, first, now, told=told)

    def _keep_standing(self, now: Stamp) -> None:
        self._standing.keep({track.vote.text for track in self.state.tracks if track.vote is not None}, now)

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
            **({"lane": one.lane, "crossed": one.crossed_s is not None} if self._lanes else {}),
        }


def _new_id(first: Stamp, number: int) -> str:
    return f"{first.boot[:8]}-{first.boot_ms}-{number}"


def _read_view(identity: str, one: Pass, now: Stamp) -> ReadView:
    kind = one.best.reading.kind.value if one.best is not None else ""
    said = (identity, one.stage.value, one.lane, one.text, one.confidence, kind, one.direction.value)
    return ReadView(*said, now.boot_ms, now.boot)


def shaped_for_log(text: str) -> str:
    """Never more than a hint: logs are read by many."""
    return text[:1] + "*" * (len(text) - 1)
