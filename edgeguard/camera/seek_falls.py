"""Falling objects in a live stream: falls found, their evidence kept once it is whole, and both told as one sighting."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import structlog

from edgeguard.camera.custody import link_facts
from edgeguard.camera.evidence import keep
from edgeguard.camera.fall_judge import fall_judge
from edgeguard.camera.falling import FallWatch
from edgeguard.camera.masking import hide
from edgeguard.camera.pictures import Bgr
from edgeguard.camera.removals import tell_gone
from edgeguard.camera.reports import Report
from edgeguard.camera.sealing import Seal
from edgeguard.camera.shelf import Shelf
from edgeguard.camera.video import Picture, VideoError, VideoSource
from edgeguard.camera.watch_file import Found
from edgeguard.control.camera_views import SightingView
from edgeguard.core.camera import CameraSpec
from edgeguard.core.camera_limits import EVIDENCE_AFTER_S, EVIDENCE_BEFORE_S, EVIDENCE_MAX_PENDING, EVIDENCE_PICTURE_SHARE
from edgeguard.core.clock import Stamp
from edgeguard.core.facade import FacadeSpec
from edgeguard.core.ids import BootId
from edgeguard.core.limits import DISK_RESUME_BYTES

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Held:
    """A fall whose last seconds of evidence are still to come; `at` is when it began."""

    found: Found
    at: Stamp
    moved: bool = False
    """The camera showed another view than the one that was set up."""


class FallSeeker:
    """Feed it the pictures of a stream. What it finds is told EVIDENCE_AFTER_S later, when the clip is whole.

    `knows_place`: whether the view is still the one that was set up. While it is not, no floor is told. Without a seal the evidence
    lies as it is: it is never given up for want of a key.
    """

    def __init__(
        self,
        spec: CameraSpec,
        shelf: Shelf,
        tell: Callable[[Report], None],
        knows_place: Callable[[], bool] = lambda: True,
        seal: Seal | None = None,
    ) -> None:
        self._spec = spec
        self._facade = spec.facade or FacadeSpec()
        self._shelf = shelf
        self._tell = tell
        self._knows_place = knows_place
        self._seal = seal
        self._judge = fall_judge()
        self._watch = FallWatch(self._judge, self._facade)
        self._held: list[_Held] = []
        self._source: VideoSource | None = None

    def see(self, source: VideoSource, picture: Picture, now: Stamp) -> None:
        """One more picture, which came at `now`."""
        self._source = source
        self._watch.trust_place(self._knows_place())
        self._hold(self._watch.see(picture), picture.t_s, now)
        due = [one for one in self._held if picture.t_s >= one.found.fall.path.end_s + EVIDENCE_AFTER_S]
        for one in due or self._held[: max(0, len(self._held) - EVIDENCE_MAX_PENDING)]:
            self._held.remove(one)
            self._keep(source, one, now)

    def lost(self, now: Stamp) -> None:
        """The stream has ended: what was found is kept with what there is of it; the next stream begins anew."""
        source, self._source = self._source, None
        if source is None:
            return
        self._hold(self._watch.end(), max(0.0, source.ring.newest_s), now)
        for one in self._held:
            self._keep(source, one, now)
        self._held = []
        self._watch = FallWatch(self._judge, self._facade)

    def remember(self) -> None:
        """Tell what an earlier process kept but may not have told."""
        for stem, record in self._shelf.untold():
            try:
                at, clip, picture = record["at"], record["clip"], record["picture"]
                stamp = Stamp(int(at["wall_ms"]), int(at["boot_ms"]), BootId(str(at["boot"])), bool(at["synced"]))
                shown = _evidence(stem, clip["file"], clip["sha256"], picture["file"], picture["sha256"])
                shown["evidence"] |= link_facts(self._shelf.link(stem))
                self._report(stem, stamp, dict(record["event"]) | shown)
            except (KeyError, TypeError, ValueError):
                _log.warning("evidence.foreign", stem=stem)
                self._shelf.told(stem)

    @property
    def restless(self) -> int:
        """Pictures so far that could not be judged, or not wholly, because too much moved."""
        return self._watch.restless

    def hide(self, shown: Bgr) -> None:
        """Burn in the privacy masks."""
        hide(shown, self._spec)

    def _hold(self, falls: Sequence[Any], t_s: float, now: Stamp) -> None:
        for fall in falls:
            ago_ms = round((t_s - fall.path.start_s) * 1000)
            at = Stamp(now.wall_ms - ago_ms, now.boot_ms - ago_ms, now.boot, now.synced)
            moved = not self._knows_place()
            found = Found(fall, None, None) if moved else Found(fall, self._watch.plane, self._watch.column(fall))
            self._held.append(_Held(found, at, moved))

    def _keep(self, source: VideoSource, one: _Held, now: Stamp) -> None:
        """Evidence to the disk, then the event to the daemon. On a full disk older evidence makes room; a disk that refuses costs
        the evidence, never the event."""
        path, event = one.found.fall.path, _event(self._spec, one)
        packets = source.ring.cut(path.start_s - EVIDENCE_BEFORE_S, path.end_s + EVIDENCE_AFTER_S)
        stem = ""
        try:
            codec = source.template.codec_context
            picture_bytes = EVIDENCE_PICTURE_SHARE * codec.width * codec.height
            # What the outbox needs stays: else neither the fall nor what had to go for it could be told.
            needed = sum(len(packet.data) for packet in packets) + picture_bytes + DISK_RESUME_BYTES
            tell_gone(self._shelf.make_room(needed), now, self._tell)
            stem = self._shelf.fresh_stem(one.at.wall_ms)
            at = {"wall_ms": one.at.wall_ms, "boot_ms": one.at.boot_ms, "boot": one.at.boot, "synced": one.at.synced}
            record = {"at": at, "event": event}
            kept = keep(self._shelf.folder, stem, source.template, packets, one.found.fall, record, self._seal)
            shown = _evidence(stem, kept.clip.name, kept.clip_sha256, kept.picture.name, kept.picture_sha256)
            shown["evidence"] |= link_facts(self._shelf.keep(stem))
            event = event | shown
        except (VideoError, OSError) as error:
            _log.warning("evidence.lost", error=str(error))
            event = event | {"evidence": None, "evidence_lost": str(error)[:200]}
        self._report(stem, one.at, event)

    def _report(self, stem: str, at: Stamp, event: dict[str, Any]) -> None:
        identity = stem or f"{at.boot[:8]}-{at.boot_ms}"
        sighting = SightingView(identity, "fall", at.wall_ms, at.boot_ms, at.boot, at.synced, orjson.dumps(event).decode())
        self._tell(Report(sighting, lambda: self._shelf.told(stem) if stem else None, on_disk=bool(stem)))


def _event(spec: CameraSpec, one: _Held) -> dict[str, Any]:
    """The event's body: px of the picture, seconds, metres; `calibrated` false where nothing is known of the facade, with `moved`
    where that is so because the camera was moved."""
    found, facts, purpose = one.found, one.found.facts(), spec.stated_purpose
    event: dict[str, Any] = {
        "camera": spec.name,
        "class": facts["class"],
        "confidence": facts["confidence"],
        "duration_s": round(facts["t_end_s"] - facts["t_start_s"], 3),
        "calibrated": found.plane is not None,
        "purpose": {"zh": purpose.zh, "en": purpose.en},
    }
    for key in ("floor", "height_m", "column", "origin", "end", "size_px", "speed_px_s", "merged"):
        if key in facts:
            event[key] = facts[key]
    if one.moved:
        event["moved"] = True
    return event


def _evidence(stem: str, clip: str, clip_sha256: str, picture: str, picture_sha256: str) -> dict[str, dict[str, Any]]:
    """What the event says of its evidence; `edgeguard evidence show ID` finds the files."""
    files = {"clip": clip, "clip_sha256": clip_sha256, "picture": picture, "picture_sha256": picture_sha256}
    return {"evidence": {"id": stem, **files}}
