"""The cameras at run time: their processes, what those tell, and the news that comes of it. A handler table for the control socket.

Only the process that was started for a camera may speak for it: the kernel says which process is at the other end.
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

import orjson
import structlog

from edgeguard.codec.strict_json import JsonRefused, parse_strict_json
from edgeguard.config.handover import Handover, handed
from edgeguard.config.mistakes import did_you_mean
from edgeguard.control import BadArguments, Call, Handler, UnknownName
from edgeguard.control.camera_views import (
    BeatAnswerView,
    BeatView,
    CameraTroubleView,
    CameraView,
    LostView,
    ReadView,
    SightingView,
)
from edgeguard.control.command_views import SnapshotView
from edgeguard.control.decode import Undecodable, decode
from edgeguard.control.errors import NotAllowed
from edgeguard.control.views import CountView, LabelsView
from edgeguard.core.blindness import BLIND_WORDS, OF_EVIDENCE, SEEING, Blindness
from edgeguard.core.camera import CameraSpec, view_file
from edgeguard.core.camera_limits import CAMERA_TOLD_AGAIN_S, FALL_ALARM_S
from edgeguard.core.clock import Clock, Stamp, iso_utc
from edgeguard.core.errors import CommandRefused, StoreError
from edgeguard.core.health import Health
from edgeguard.core.ids import BootId, CameraName
from edgeguard.core.item import Item, Stream
from edgeguard.core.json_value import JsonValue
from edgeguard.core.limits import AUDIT_WITHIN_S, CONTROL_DEPTH, ITEM_MAX_BYTES
from edgeguard.core.point import Labels
from edgeguard.core.site import Site
from edgeguard.rules.items import health_item
from edgeguard.rules.throws import where
from edgeguard.runtime.camera_link import CameraLink
from edgeguard.runtime.camera_watch import Sighted
from edgeguard.runtime.pipeline import Pipeline
from edgeguard.runtime.snapshots import Snapshots, Taken
from edgeguard.runtime.supervisor import ChildState, Supervisor
from edgeguard.runtime.throw_watch import ThrowWatch
from edgeguard.runtime.told_once import ToldOnce
from edgeguard.store import Batch, Store, audit_body

_log = structlog.get_logger()
_V = TypeVar("_V")
_EVENTS: Final = ("fall", "plate")
_DETAIL: Final = 200
_ACCESS: Final = ("show", "export")
_DEPTH: Final = CONTROL_DEPTH + 2


@dataclass(slots=True)
class _Watched:
    """One camera: its link, the troubles that have been told (with the boot ms of their beginning), how much it has seen."""

    link: CameraLink
    troubles: dict[Blindness, tuple[int, str]] = field(default_factory=dict)
    carried: dict[Blindness, tuple[int, str]] = field(default_factory=dict)
    """Of these, what its process has neither told itself nor looked long enough for: they hold."""
    heard_ms: int = 0
    """When its process showed its first sign of life, boot ms."""
    sightings: int = 0
    resized: int = 0
    """Changes of the picture's size that have been told, of this process."""
    failing_ms: int | None = None
    """Since when, boot ms, its process has failed again and again; None once it has run for a healthy while."""
    fell: tuple[int, str] | None = None
    """When something last fell, boot ms, and where it came from."""

    def go_on_from(self, before: "_Watched") -> None:
        """As of the same camera with other settings: what was told of it holds as over any restart of its process."""
        self.troubles, self.sightings = before.troubles, before.sightings
        if self.link.spec.task is before.link.spec.task:
            self.fell = before.fell

    def hear(self, beat: BeatView, now_ms: int) -> None:
        """A sign of life; with the first of a new process all holds that was told of the camera before."""
        if self.link.beat is None:
            self.heard_ms, self.carried = now_ms, dict(self.troubles)
        self.link.hear(beat)
        over = {Blindness.FAILED, *(trouble.code for trouble in beat.troubles)} | ({Blindness.LOST} if beat.pictures else set())
        has_looked = now_ms - self.heard_ms >= CAMERA_TOLD_AGAIN_S * 1000
        self.carried = {} if has_looked else {trouble: self.carried[trouble] for trouble in self.carried if trouble not in over}


class Cameras:
    """All cameras of a gateway."""

    def __init__(self, supervisor: Supervisor, pipeline: Pipeline, store: Store, clock: Clock) -> None:
        self._supervisor = supervisor
        self._pipeline = pipeline
        self._store = store
        self._told = ToldOnce(store)
        self._clock = clock
        self._watched: dict[CameraName, _Watched] = {}
        self._state = Path()
        self.throws = ThrowWatch()
        """Falls that several cameras may see."""
        self._snapshots = Snapshots(clock)
        self.on_read: Callable[[CameraSpec, ReadView], None] | None = None
        """Who decides on what a gate camera reads."""

    def table(self) -> Mapping[str, Handler]:
        """Method name -> handler."""
        return {
            "cameras": self.cameras,
            "accept-view": self.accept_view,
            "evidence-access": self.evidence_access,
            "camera-beat": self.camera_beat,
            "camera-saw": self.camera_saw,
            "camera-lost": self.camera_lost,
            "camera-reads": self.camera_reads,
        }

    def start(self, site: Site) -> None:
        """Start the processes of cameras that do not run yet; those of others are given what is new when they start anew."""
        self.throws.look_with(site.cameras)
        self._state = Path(site.store.directory)
        for spec in site.cameras:
            papers = handed(Handover(spec, site.log, str(site.control.socket), str(site.store.directory)))
            if spec.name in self._watched:
                self._watched[spec.name].link.papers = papers
            else:
                self._start(spec, papers)

    def watch(self, link: CameraLink) -> None:
        """Listen to the process of this link."""
        self._watched[link.spec.name] = _Watched(link)

    async def become(self, site: Site) -> None:
        """After a reload: end what is gone or other, start what is new."""
        wanted = {spec.name: spec for spec in site.cameras}
        parked = self._supervisor.parked
        going = [
            name for name, watched in self._watched.items() if wanted.get(name) != watched.link.spec or f"camera.{name}" in parked
        ]
        before = {name: self._watched[name] for name in going}
        await self.stop(going)
        self.start(site)
        now = self._clock.now()
        for name, was in before.items():
            if name in self._watched:
                self._watched[name].go_on_from(was)
            else:
                self._tell_gone(name, was, now)

    async def stop(self, names: Iterable[CameraName] | None = None) -> None:
        """End these processes, or all."""
        going = tuple(self._watched if names is None else names)
        await asyncio.gather(*(self._supervisor.stop(f"camera.{name}") for name in going))
        for name in going:
            self._watched.pop(name, None)

    def look(self) -> None:
        """Once a second: tell what has changed in how the cameras see."""
        now = self._clock.now()
        for name, watched in self._watched.items():
            if not self._error_of(name):
                watched.failing_ms = None
            elif watched.failing_ms is None:
                watched.failing_ms = now.boot_ms
            self._tell(name, watched, self._present(name, watched, now), now)
            self._tell_size(name, watched)

    def sighted(self, name: CameraName) -> Sighted:
        """How this camera sees now, as its alarms are judged by."""
        watched = self._watched.get(name)
        if watched is None:
            return Sighted(heard=False)
        present = self._present(name, watched, self._clock.now())
        heard = watched.link.beat is not None
        counts = present if heard else {trouble: present[trouble] for trouble in present if trouble is Blindness.FAILED}
        known = {trouble: detail[:_DETAIL] for trouble, (_, detail) in counts.items()}
        return Sighted(heard, known, self._fell(watched), shaky=bool(self._error_of(name)))

    def _fell(self, watched: _Watched) -> str | None:
        """Where something has lately fallen past this camera; a throw that several have seen is the alarm of one of them."""
        now, fell = self._clock.now(), watched.fell
        if fell is not None and now.boot_ms - fell[0] < FALL_ALARM_S * 1000:
            return fell[1]
        return self.throws.alarm_at(watched.link.spec, now)

    async def cameras(self, _call: Call) -> tuple[CameraView, ...]:
        """Every camera."""
        return tuple(self._view(name, watched) for name, watched in self._watched.items())

    async def accept_view(self, call: Call) -> CameraView:
        """Forget how the view was, and start the process anew: what is seen now is right. A process that still runs would write
        down again what is to be forgotten."""
        name, watched = self._find(call.text("camera"))
        now = self._clock.now()
        body = {"command": "accept-view", "target": name, "by": call.author, "state": "done"}
        await self._put(Batch((), audit=(audit_body(now, orjson.dumps(body)),)))
        await self._supervisor.stop(f"camera.{name}")
        with contextlib.suppress(FileNotFoundError):
            await asyncio.to_thread(Path(view_file(self._state, name)).unlink)
        self._tell(name, watched, {}, self._clock.now())
        self._supervisor.start(f"camera.{name}", watched.link.run)
        return self._view(name, watched)

    async def evidence_access(self, call: Call) -> CountView:
        """Who looks at which evidence, durable before they see it."""
        what = call.text("what")
        if what not in _ACCESS:
            raise BadArguments(f"what: one of {', '.join(_ACCESS)}, not {what[:40]!r}")
        target = f"{call.text('camera')}.{call.text('id')}"
        told = {"command": f"evidence.{what}", "target": target, "by": call.author, "state": "done"}
        where = {"args": {"where": call.text("where")}} if call.text("where") else {}
        await self._put(Batch((), audit=(audit_body(self._clock.now(), orjson.dumps({**told, **where})),)))
        return CountView(1)

    async def snapshot(self, name: str) -> SnapshotView:
        """A picture of this moment, for the platform. CommandRefused where the camera is not there or sees nothing."""
        watched = self._watched.get(CameraName(name))
        if watched is None:
            there = ", ".join(self._watched) or "none"
            raise CommandRefused("no-camera", f"there is no camera {name[:64]!r} (there are: {there})")
        now = self._clock.now()
        for trouble, (_, detail) in self._present(watched.link.spec.name, watched, now).items():
            if trouble not in SEEING:
                said = f"{name} {BLIND_WORDS[trouble].en}{f' ({detail})' if detail else ''}"
                raise CommandRefused("camera-blind", f"{said}: no picture was taken")
        if watched.link.beat is None or not watched.link.beat.pictures:
            raise CommandRefused("camera-blind", f"{name} has given no picture yet: its process has only just started")
        return await self._snapshots.take(watched.link.spec, self._state)

    async def camera_beat(self, call: Call) -> BeatAnswerView:
        """A sign of life."""
        watched = self._own(call)
        watched.hear(_document(BeatView, call), self._clock.now().boot_ms)
        return BeatAnswerView(watched.sightings, self._snapshots.wanted(watched.link.spec.name))

    async def camera_lost(self, call: Call) -> CountView:
        """Sightings that its process had to give up: on disk before it is answered, for it then forgets that there were any."""
        watched = self._own(call)
        name, lost = watched.link.spec.name, _document(LostView, call)
        text = Labels(zh=f"{name} 有识别结果丢失", en=f"{name} has seen things of which nobody will ever hear")
        between = f", seen between {iso_utc(lost.first_wall_ms)} and {iso_utc(lost.last_wall_ms)}" if lost.first_wall_ms else ""
        detail = f"{lost.count} lost{between}"
        news = Health(f"camera.{name}", "sightings-lost", ok=False, text=text, detail=detail)
        await self._put(Batch((health_item(news, self._clock.now()),)))
        self._pipeline.note(self._clock.now(), f"{name} sightings-lost {detail}")
        return CountView(watched.sightings)

    async def camera_saw(self, call: Call) -> CountView:
        """A sighting: on disk before it is answered, with its row in the audit log where it has evidence."""
        watched = self._own(call)
        name, seen = watched.link.spec.name, _document(SightingView, call)
        if seen.type == "evidence-removed":
            self._tell_removed(name, seen)
            return CountView(watched.sightings)
        if seen.type == "snapshot":
            await self._keep_snapshot(watched, seen)
            return CountView(watched.sightings)
        if seen.type not in _EVENTS:
            raise BadArguments(f"there is no sighting of type {seen.type[:40]!r}")
        facts = _facts(seen)
        at = self._moment(seen)
        body = orjson.dumps({"type": seen.type, "id": seen.id, **facts})
        if len(body) > ITEM_MAX_BYTES:
            raise BadArguments(f"the sighting has {len(body)} bytes, at most {ITEM_MAX_BYTES} can be sent")
        audit: tuple[bytes, ...] = ()
        if facts.get("evidence"):
            kept: dict[str, object] = {
                "command": "evidence",
                "target": f"{name}.{_evidence_id(facts, seen.id)}",
                "by": f"camera {name}",
                "state": "kept",
            }
            kept |= {"evidence": facts["evidence"]}
            audit = (audit_body(at, orjson.dumps(kept)),)
        is_shared = seen.type == "fall" and self.throws.joins(watched.link.spec)
        if is_shared:
            kept_of_it = self.throws.see(watched.link.spec, seen.id, at, facts, self._clock.now())
            batch = Batch((), audit=audit, states=kept_of_it)
        else:
            batch = Batch((Item(Stream.EVENTS, at, body),), audit=audit)
        if not await self._told.put(f"{name}.{seen.id}", batch):
            return CountView(watched.sightings)
        watched.sightings += 1
        if seen.type == "fall" and not is_shared:
            watched.fell = self._clock.now().boot_ms, where(facts)
        _log.info("camera.saw", camera=name, type=seen.type, id=seen.id)
        self._pipeline.note(at, f"{name} {seen.type} {seen.id}")
        return CountView(watched.sightings)

    async def _keep_snapshot(self, watched: _Watched, seen: SightingView) -> None:
        """A picture that was asked for: on record that it is kept, and that it is sent, before whoever waits for it gets it."""
        spec, taken = watched.link.spec, Taken(seen.id, self._moment(seen), _facts(seen))
        if not taken.why_not:
            target, picture = f"{spec.name}.{seen.id}", taken.file("picture")
            evidence = {"id": seen.id, "picture": picture.get("file"), "picture_sha256": picture.get("sha256")}
            told = [{"command": "evidence", "target": target, "by": f"camera {spec.name}", "state": "kept", "evidence": evidence}]
            if self._snapshots.is_sent(spec, taken):
                told.append({"command": "evidence.send", "target": target, "by": "platform", "state": "done"})
            audit = tuple(audit_body(taken.at, orjson.dumps(one)) for one in told)
            await self._told.put(f"{target}.snapshot", Batch((taken.outcome(spec.name),), audit=audit))
        self._snapshots.has_come(spec.name, taken)

    async def camera_reads(self, call: Call) -> CountView:
        """A reading for a gate: decided upon at once, and kept nowhere."""
        watched = self._own(call)
        if self.on_read is not None:
            self.on_read(watched.link.spec, _document(ReadView, call))
        return CountView(watched.sightings)

    def _start(self, spec: CameraSpec, papers: bytes) -> None:
        command = (sys.executable, "-m", "edgeguard", "camera", spec.name, "--parent", str(os.getpid()))
        link = CameraLink(spec, command, papers)
        self.watch(link)
        self._supervisor.start(f"camera.{spec.name}", link.run)

    def _present(self, name: CameraName, watched: _Watched, now: Stamp) -> dict[Blindness, tuple[int, str]]:
        """The troubles that hold now: what was told of the camera is not over because nobody looks at it."""
        beat = watched.link.beat
        if beat is not None:
            told = {Blindness(t.code): (t.since_boot_ms, t.detail) for t in beat.troubles if t.code in set(Blindness)}
            return watched.carried | told
        before = dict(watched.troubles)
        before.pop(Blindness.FAILED, None)
        if error := self._error_of(name):
            return {Blindness.FAILED: (now.boot_ms if watched.failing_ms is None else watched.failing_ms, error), **before}
        return before

    def _error_of(self, name: CameraName) -> str:
        """How its process failed last, until it has run for a healthy while."""
        return next((child.error for child in self._supervisor.children if child.name == f"camera.{name}"), "")

    def _tell(self, name: CameraName, watched: _Watched, present: Mapping[Blindness, tuple[int, str]], now: Stamp) -> None:
        before = watched.troubles
        watched.troubles = {trouble: before.get(trouble, present[trouble]) for trouble in present}
        for trouble in present.keys() - before.keys():
            since_ms, detail = present[trouble]
            since = iso_utc(now.wall_ms - max(0, now.boot_ms - since_ms))
            self._health(name, trouble, False, f"since {since}{f'; {detail}' if detail else ''}")
        for trouble in before.keys() - present.keys():
            self._health(name, trouble, True, _lasted(before[trouble][0], now))

    def _tell_gone(self, name: CameraName, watched: _Watched, now: Stamp) -> None:
        """Of a camera that is not in the site any more nothing stays open."""
        for trouble, (since_ms, _) in watched.troubles.items():
            self._health(name, trouble, True, _lasted(since_ms, now), gone=True)

    def _tell_size(self, name: CameraName, watched: _Watched) -> None:
        """Somebody has set the camera to another size, or its other stream comes: what was drawn in px of a facade may not fit."""
        beat = watched.link.beat
        resized = 0 if beat is None else beat.resized
        if beat is not None and resized > watched.resized:
            text = Labels(zh=f"{name} 的分辨率已改变", en=f"{name} gives pictures of another size")
            detail = f"now {beat.width}x{beat.height}"
            self._pipeline.health(Health(f"camera.{name}", "resized", ok=True, text=text, detail=detail))
        watched.resized = resized

    def _health(self, name: CameraName, trouble: Blindness, ok: bool, detail: str, gone: bool = False) -> None:
        if trouble is Blindness.FAILED:
            return  # the supervisor tells that its process failed, restarts and works again
        words = BLIND_WORDS[trouble]
        if gone:
            text = Labels(zh=f"{name} 已从配置中移除;此前:{words.zh}", en=f"{name} is not in the site any more; it had: {words.en}")
        elif ok:
            text = Labels(zh=f"{name} 已恢复:{words.zh}", en=f"{name} is well again; it had this: {words.en}")
        else:
            text = Labels(zh=f"{name} {words.zh}", en=f"{name} {words.en}")
        self._pipeline.health(Health(f"camera.{name}", trouble.value, ok=ok, text=text, detail=detail))

    def _tell_removed(self, name: CameraName, seen: SightingView) -> None:
        facts = _facts(seen)
        ids = facts.get("ids")
        shown = ", ".join(str(one) for one in ids[:20]) if isinstance(ids, list) else ""
        detail = f"{facts.get('reason')}: {shown}"
        if facts.get("reason") == "unwritten":
            lost = Labels(zh=f"{name} 的过车照片无法写入磁盘", en=f"pictures of {name} could not be written to the disk")
            self._pipeline.health(Health(f"camera.{name}", "pictures-unwritten", ok=False, text=lost, detail=detail))
            return
        text = Labels(zh="证据已删除", en="evidence was removed to keep within its bounds")
        self._pipeline.health(Health(f"camera.{name}", "evidence-removed", ok=True, text=text, detail=detail))

    def _view(self, name: CameraName, watched: _Watched) -> CameraView:
        now, link = self._clock.now(), watched.link
        beat, spec = link.beat, link.spec
        child = next((c for c in self._supervisor.children if c.name == f"camera.{name}"), None)
        troubles = tuple(
            CameraTroubleView(
                trouble.value,
                iso_utc(now.wall_ms - max(0, now.boot_ms - since_ms)),
                LabelsView(BLIND_WORDS[trouble].zh, BLIND_WORDS[trouble].en),
                detail,
            )
            for trouble, (since_ms, detail) in watched.troubles.items()
        )
        sees = beat is not None and watched.troubles.keys() <= OF_EVIDENCE
        state = "well" if sees else "blind" if troubles else "starting"
        if Blindness.FAILED in watched.troubles or (child is not None and child.state is not ChildState.RUNNING):
            state = "failed"
        return CameraView(
            name=name,
            labels=LabelsView(spec.labels.zh, spec.labels.en),
            task=spec.task.value,
            url=spec.url,
            state=state,
            troubles=troubles,
            pid=link.pid,
            restarts=child.restarts if child else 0,
            rate=beat.rate if beat else 0.0,
            width=beat.width if beat else 0,
            height=beat.height if beat else 0,
            codec=beat.codec if beat else "",
            pictures=beat.pictures if beat else 0,
            skipped=beat.skipped if beat else 0,
            broken=beat.broken if beat else 0,
            connections=beat.connections if beat else 0,
            rss_mib=round(beat.rss_bytes / 2**20, 1) if beat else 0.0,
            cpu_s=beat.cpu_s if beat else 0.0,
            sightings=watched.sightings,
            error=child.error if child else "",
        )

    def _moment(self, seen: SightingView) -> Stamp:
        """When it was: on this boot's own time line as it is now, on another's as it was written down."""
        now = self._clock.now()
        if seen.boot == now.boot:
            return Stamp(now.wall_ms - (now.boot_ms - seen.boot_ms), seen.boot_ms, now.boot, now.synced)
        return Stamp(seen.wall_ms, seen.boot_ms, BootId(seen.boot), seen.synced)

    def _find(self, name: str) -> tuple[CameraName, _Watched]:
        watched = self._watched.get(CameraName(name))
        if watched is None:
            raise UnknownName(f"there is no camera {name}{did_you_mean(name, self._watched)}")
        return CameraName(name), watched

    def _own(self, call: Call) -> _Watched:
        name, watched = self._find(call.text("camera"))
        if call.peer.pid != watched.link.pid:
            raise NotAllowed(f"only the process that looks at {name} may speak for it")
        return watched

    async def _put(self, batch: Batch) -> None:
        try:
            async with asyncio.timeout(AUDIT_WITHIN_S):
                await self._store.put(batch)
        except TimeoutError:
            raise StoreError("the disk does not take it") from None


def _document(kind: type[_V], call: Call) -> _V:
    try:
        return decode(kind, parse_strict_json(call.text("what").encode(), _DEPTH))
    except (JsonRefused, Undecodable) as error:
        raise BadArguments(f"what: {error}") from None


def _lasted(since_ms: int, now: Stamp) -> str:
    return f"after {max(0, now.boot_ms - since_ms) / 1000:.0f} s"


def _evidence_id(facts: Mapping[str, JsonValue], otherwise: str) -> str:
    """Under which name the evidence is kept; a pass has an id of its own."""
    evidence = facts.get("evidence")
    return str(evidence.get("id", otherwise)) if isinstance(evidence, dict) else otherwise


def _facts(seen: SightingView) -> dict[str, JsonValue]:
    try:
        facts = parse_strict_json(seen.facts.encode(), _DEPTH)
    except JsonRefused as error:
        raise BadArguments(f"facts: {error}") from None
    if not isinstance(facts, dict):
        raise BadArguments("facts: not an object")
    return facts
