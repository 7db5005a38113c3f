"""A camera as the site describes it, and where what it leaves behind lies."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath
from types import MappingProxyType
from typing import Final

from edgeguard.core.alarm import AlarmRule
from edgeguard.core.facade import FacadeSpec, Spot
from edgeguard.core.ids import CameraName
from edgeguard.core.lane import LaneSpec
from edgeguard.core.point import Labels

EVIDENCE: Final = "evidence"
"""The folder below the store's in which what cameras have kept lies. Beside the files of a piece, which have one stem, lies its
record, STEM.json: when a resident's data are erased, a piece goes whole if its record names them."""
CUSTODY: Final = "custody.jsonl"
"""Beside evidence of falls: what was kept and what was removed, a line each."""
ERASED: Final = ".erased"
"""Until a camera's process has put down there that a piece was erased, a hidden file of its stem says so."""
REPORTS: Final = "cameras/*.reports"
"""The folders below the store's in which cameras' processes keep what they have not been able to tell yet."""


SEALED: Final = ".sealed"
"""What the name of a file ends in that lies sealed on the disk."""
KEY_LEAST_BYTES: Final = 16
"""So long at least is the first line of a file that seals pictures."""
KEY_MOST_BYTES: Final = 4096
"""So much of it counts."""
PASSES_KEY: Final = ".key"
"""The key under which the records of passes name plates that they may not name; whoever erases a plate looks for it by this."""


class Task(StrEnum):
    """What is looked for in a camera's pictures."""

    PLATES = "plates"
    FALLING = "falling"


PURPOSES: Final[Mapping[Task, Labels]] = MappingProxyType(
    {
        Task.FALLING: Labels(
            "高空抛物取证,维护公共安全(《民法典》第一千二百五十四条、《个人信息保护法》第二十六条)",
            "evidence of objects thrown from buildings, for public safety (Civil Code art. 1254, PIPL art. 26)",
        ),
        Task.PLATES: Labels("小区车辆出入管理", "access of vehicles to the estate"),
    }
)
"""What pictures are taken for where the site says nothing else. The operator answers for it, not this program."""


class PlateShape(StrEnum):
    """How a plate leaves the gateway."""

    CLEAR = "clear"
    MASKED = "masked"
    """Province, letter and the last character: `皖A****2`."""
    HASHED = "hashed"
    """HMAC-SHA-256 under the site's own key: the same car is the same text, and nobody without the key can tell which."""


class SnapshotUse(StrEnum):
    """What becomes of a picture that the platform asks for."""

    NONE = "none"
    """None is taken."""
    KEPT = "kept"
    """It stays on the gateway; the platform is told its id and hash."""
    SENT = "sent"
    """The platform gets it as well, made smaller where it would not fit into an answer."""


class PassPictures(StrEnum):
    """What is kept of how a vehicle looked that has passed a gate camera; it stays on the gateway."""

    NONE = "none"
    MASKED = "masked"
    """A picture in which no plate can be read."""
    CLEAR = "clear"
    """The picture as it is, and its plate by itself."""


@dataclass(frozen=True, slots=True)
class CameraSpec:
    """One camera. `url` holds no password; `facade` is for falling objects, None where the file says nothing of it."""

    name: CameraName
    url: str
    task: Task
    labels: Labels
    transport: str = "tcp"
    username: str | None = None
    password_file: PurePath | None = None
    facade: FacadeSpec | None = None
    video_size: str = ""
    """Of a camera of this machine, as the next two: `1920x1080`; empty for what the device offers first."""
    video_fps: int = 0
    video_format: str = ""
    """`mjpeg`, `yuyv422`, `h264` ..."""
    side: str = ""
    """Cameras with the same one look at one wall: a throw that several of them see is one event."""
    evidence_bytes: int = 0
    evidence_age_ms: int = 0
    memory_bytes: int = 0
    """What its process may take at most."""
    plate_shape: PlateShape = PlateShape.MASKED
    plate_key_file: PurePath | None = None
    alarms: tuple[AlarmRule, ...] = ()
    """That it does not see what it should."""
    masks: tuple[tuple[Spot, ...], ...] = ()
    """What no picture of it may show, in shares of width and height, beside the masks of the facade."""
    snapshot: SnapshotUse = SnapshotUse.KEPT
    lanes: tuple[LaneSpec, ...] = ()
    """For plates; without any the whole picture is one lane without a line."""
    pictures: PassPictures = PassPictures.NONE
    picture_key_file: PurePath | None = None
    """Whose first line seals on the disk what is kept of its pictures: clips, passes, what somebody has asked for."""
    plate_free: tuple[tuple[Spot, ...], ...] = ()
    """Where no vehicle can be, in shares of width and height: shown sharp where plates may be seen only masked."""
    purpose: Labels | None = None
    """What its pictures are taken for, and by which law, in the operator's own words."""

    @property
    def stated_purpose(self) -> Labels:
        """The operator's words, or those of PURPOSES."""
        return self.purpose or PURPOSES[self.task]


FALL_ALARM: Final = "fall"
"""The alarm of a camera for falling objects: something fell a short while ago."""


def view_file(state: PurePath, name: CameraName) -> PurePath:
    """Where, in the store's folder, the reference of a camera's view is kept; without it the next view that is seen is right."""
    return state / "cameras" / f"{name}.view.npz"


def evidence_folder(state: PurePath, name: CameraName) -> PurePath:
    """Where a camera's evidence lies."""
    return state / EVIDENCE / name


def snapshot_folder(state: PurePath, name: CameraName) -> PurePath:
    """Where the pictures lie that somebody has asked a camera for."""
    return evidence_folder(state, name) / "snapshots"


def pass_folder(state: PurePath, name: CameraName) -> PurePath:
    """Where the pictures of passes lie, with PASSES_KEY."""
    return evidence_folder(state, name) / "passes"


def reports_folder(state: PurePath, name: CameraName) -> PurePath:
    """Where a camera's process keeps what it has not been able to tell yet."""
    return state / REPORTS.replace("*", name)


def standing_file(socket: PurePath, name: CameraName) -> PurePath:
    """Where a gate camera's process leaves word of who is before it, for the next one."""
    return socket.parent / f"{name}.standing"


@dataclass(frozen=True, slots=True)
class ModelMark:
    """Which model lies on this gateway, for its inventory."""

    name: str
    version: str
    sha256: str
    """Of the file as it is; empty where it cannot be read."""
    whole: bool
    """Whether that is the file that the manifest names; another one is not loaded."""
