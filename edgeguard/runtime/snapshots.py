"""Pictures that the platform asks cameras for: ordered from a camera's process with its next sign of life, awaited, and handed on.

The process makes black what must not be seen and keeps the picture; what is sent on is the file that it has made for that, if
its hash is still what the process said, and that somebody gets it is on record before.
"""

import asyncio
import base64
import hashlib
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edgeguard.control.command_views import InlineView, SnapshotView
from edgeguard.core.camera import SEALED, CameraSpec, SnapshotUse, snapshot_folder
from edgeguard.core.camera_limits import SNAPSHOT_SENT_BYTES, SNAPSHOT_WITHIN_S
from edgeguard.core.clock import Clock, Stamp, iso_utc
from edgeguard.core.errors import CommandRefused, Permanent
from edgeguard.core.ids import CameraName
from edgeguard.core.item import Item
from edgeguard.rules.items import command_item

_BY: Final = "platform"


@dataclass(frozen=True, slots=True)
class Taken:
    """A picture as the camera's process tells of it: the id it is kept under, when it was taken, the facts of it."""

    id: str
    at: Stamp
    facts: Mapping[str, Any]

    @property
    def order(self) -> str:
        """Which order it answers."""
        return str(self.facts.get("order"))

    @property
    def why_not(self) -> str:
        """Why there is no picture; empty if there is one."""
        return str(self.facts.get("why", ""))

    def file(self, what: str) -> Mapping[str, Any]:
        """`picture` or `sent`: file, sha256, bytes, width and height; empty where there is none."""
        found = self.facts.get(what)
        return found if isinstance(found, dict) else {}

    def outcome(self, camera: CameraName) -> Item:
        """What goes to the platform beside the answer, which nobody may be there to hear."""
        return command_item(
            "snapshot", camera, self.at, _BY, "done", self.id, detail=f"sha256 {self.file('picture').get('sha256')}"
        )


@dataclass(frozen=True, slots=True)
class _Order:
    """A picture that is waited for."""

    id: str
    comes: asyncio.Future[Taken]


class Snapshots:
    """One order at a time for each camera."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._numbers = itertools.count(1)
        self._orders: dict[CameraName, _Order] = {}

    def wanted(self, camera: CameraName) -> str:
        """The order that its process is to carry out; empty for none."""
        order = self._orders.get(camera)
        return "" if order is None else order.id

    def is_sent(self, spec: CameraSpec, taken: Taken) -> bool:
        """Whether this picture will be handed to whoever waits for it."""
        return spec.snapshot is SnapshotUse.SENT and bool(taken.file("sent")) and self.wanted(spec.name) == taken.order

    def has_come(self, camera: CameraName, taken: Taken) -> None:
        """The process has told of it, and it is on record. Nobody may be waiting any more."""
        order = self._orders.get(camera)
        if order is not None and order.id == taken.order and not order.comes.done():
            order.comes.set_result(taken)

    async def take(self, spec: CameraSpec, state: Path) -> SnapshotView:
        """A picture of this moment. CommandRefused says why there is none."""
        if spec.snapshot is SnapshotUse.NONE:
            raise CommandRefused("not-allowed", f'no picture of {spec.name} may be taken: [[camera]] snapshot = "none"')
        if spec.name in self._orders:
            raise CommandRefused("busy", f"a picture of {spec.name} is being taken already")
        order = _Order(f"{self._clock.now().boot_ms}-{next(self._numbers)}", asyncio.get_running_loop().create_future())
        self._orders[spec.name] = order
        try:
            async with asyncio.timeout(SNAPSHOT_WITHIN_S):
                taken = await order.comes
        except TimeoutError:
            raise CommandRefused("no-picture", f"{spec.name} has given no whole picture within {SNAPSHOT_WITHIN_S:g} s") from None
        finally:
            del self._orders[spec.name]
        if taken.why_not:
            raise CommandRefused("no-picture", f"the picture could not be kept: {taken.why_not}")
        return await asyncio.to_thread(_view, spec, Path(snapshot_folder(state, spec.name)), taken)


def _view(spec: CameraSpec, folder: Path, taken: Taken) -> SnapshotView:
    kept = taken.file("picture")
    inline, note = _inline(spec, folder, taken)
    return SnapshotView(
        camera=spec.name,
        id=taken.id,
        at=iso_utc(taken.at.wall_ms),
        sha256=str(kept.get("sha256")),
        bytes=int(kept.get("bytes", 0)),
        width=int(kept.get("width", 0)),
        height=int(kept.get("height", 0)),
        kept_until=iso_utc(taken.at.wall_ms + spec.evidence_age_ms),
        inline=inline,
        note=note,
    )


def _inline(spec: CameraSpec, folder: Path, taken: Taken) -> tuple[InlineView | None, str]:
    """The picture that goes along, or why none does."""
    sent = taken.file("sent")
    if spec.snapshot is not SnapshotUse.SENT:
        return None, 'it stays on the gateway: [[camera]] snapshot = "sent" would send it'
    if not sent:
        return None, f"even its smallest form has more than {SNAPSHOT_SENT_BYTES} bytes"
    path = folder / Path(str(sent.get("file"))).name
    try:
        data = _content(spec, path)
    except OSError as error:
        raise CommandRefused("no-picture", f"the picture {taken.id} cannot be read any more: {error.strerror}") from error
    except Permanent as error:
        raise CommandRefused("no-picture", f"the picture {taken.id} cannot be opened: {error}") from error
    if len(data) > SNAPSHOT_SENT_BYTES or hashlib.sha256(data).hexdigest() != sent.get("sha256"):
        raise CommandRefused("no-picture", f"the picture {taken.id} is not as the camera's process has kept it")
    jpeg = base64.b64encode(data).decode()
    return InlineView(jpeg, str(sent.get("sha256")), len(data), int(sent.get("width", 0)), int(sent.get("height", 0))), ""


def _content(spec: CameraSpec, path: Path) -> bytes:
    """What the file holds, a byte more than may be sent at most. OSError where it, or the key of what is sealed, cannot be read."""
    if path.suffix != SEALED or spec.picture_key_file is None:
        with path.open("rb") as file:
            return file.read(SNAPSHOT_SENT_BYTES + 1)
    from edgeguard.camera.sealing import Seal, key_of

    with Seal(key_of(Path(spec.picture_key_file))).reader(path) as opened:
        return opened.read(SNAPSHOT_SENT_BYTES + 1)
