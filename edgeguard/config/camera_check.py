"""The `[[camera]]` rows: where the pictures come from, what is looked for in them, what is kept and for how long."""

import os
import re
import stat
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, Field

from edgeguard.config.camera_alarms import camera_alarms
from edgeguard.config.common_alarms import GATEWAY, SITE
from edgeguard.config.document import read_document
from edgeguard.config.endpoint import PUBLIC_ADDRESS
from edgeguard.config.facade import load_facade
from edgeguard.config.fields import Duration, Id, LabelsTable, Line, Size
from edgeguard.config.files import Files
from edgeguard.config.lane_check import LaneTable, build_lanes
from edgeguard.config.mistakes import Mistakes, Table
from edgeguard.config.positions import KeyPath
from edgeguard.config.rows import FirstUse, table_rows, text_of
from edgeguard.core.address import is_public
from edgeguard.core.camera import KEY_LEAST_BYTES, KEY_MOST_BYTES, CameraSpec, PassPictures, PlateShape, SnapshotUse, Task
from edgeguard.core.camera_limits import (
    CAMERA_LANES,
    CAMERA_MASK_POINTS,
    CAMERA_MASKS,
    CAMERA_MEMORY_BYTES,
    CAMERA_MEMORY_LEAST,
    EVIDENCE_MAX_AGE_MS,
    EVIDENCE_MAX_BYTES,
    EVIDENCE_MIN_BYTES,
    MAX_CAMERAS,
)
from edgeguard.core.errors import ConfigError
from edgeguard.core.facade import FacadeSpec
from edgeguard.core.ids import CameraName
from edgeguard.core.point import Labels

CAMERA_FORMS: Final = (
    'write "rtsp://HOST/PATH" or "rtsps://HOST/PATH" as the camera\'s manual says, "http://HOST/PATH" for a stream over HTTP,'
    ' "/dev/video0" for a camera on this machine, or "file:NAME" for a film that is played again and again'
)
_SCHEMES: Final = ("rtsp", "rtsps", "http", "https")
_VIDEO_DEVICE: Final = re.compile(r"/dev/(video[0-9]{1,3}|v4l/by-(path|id)/[^/]{1,200})")


def _memory(value: int) -> int:
    if value < CAMERA_MEMORY_LEAST:
        raise ValueError(f"is too small: at least {CAMERA_MEMORY_LEAST // 2**20}MiB")
    return value


def _evidence(value: int) -> int:
    if value < EVIDENCE_MIN_BYTES:
        raise ValueError(f"is too small: at least {EVIDENCE_MIN_BYTES // 2**20}MiB")
    return value


def _keeping(value_ms: int) -> int:
    if value_ms < 3_600_000:
        raise ValueError("is too short: at least 1h")
    return value_ms


Share = Annotated[float, Field(strict=False, ge=0, le=1, allow_inf_nan=False)]
Mask = Annotated[
    list[Annotated[list[Share], Field(min_length=2, max_length=2)]], Field(min_length=3, max_length=CAMERA_MASK_POINTS)
]


class CameraTable(Table):
    """`[[camera]]` without its alarms, which are examined one by one."""

    keystones = frozenset({"username", "password_file"})

    name: Id
    url: Annotated[str, Field(min_length=1, max_length=500)]
    task: Annotated[Task, Field(strict=False)]
    labels: LabelsTable | None = None
    purpose: LabelsTable | None = None
    transport: Literal["tcp", "udp"] = "tcp"
    allow_public: bool = False
    username: Line | None = None
    password_file: Annotated[str, Field(min_length=1, max_length=4000)] | None = None
    facade: Annotated[str, Field(min_length=1, max_length=4000)] | None = None
    side: Id | None = None
    video_size: Annotated[str, Field(pattern=r"^[1-9][0-9]{1,4}x[1-9][0-9]{1,4}$")] | None = None
    video_fps: Annotated[int, Field(ge=1, le=240)] | None = None
    video_format: Annotated[str, Field(pattern=r"^[a-z0-9_]{2,20}$")] | None = None
    evidence_size: Annotated[Size, AfterValidator(_evidence)] = EVIDENCE_MAX_BYTES
    evidence_age: Annotated[Duration, AfterValidator(_keeping)] = EVIDENCE_MAX_AGE_MS
    memory: Annotated[Size, AfterValidator(_memory)] = CAMERA_MEMORY_BYTES
    plates: Annotated[PlateShape, Field(strict=False)] = PlateShape.MASKED
    plate_key_file: Annotated[str, Field(min_length=1, max_length=4000)] | None = None
    alarms: Any = None
    masks: Annotated[list[Mask], Field(max_length=CAMERA_MASKS)] = Field(default_factory=list)
    snapshot: Annotated[SnapshotUse, Field(strict=False)] = SnapshotUse.KEPT
    pictures: Annotated[PassPictures, Field(strict=False)] = PassPictures.NONE
    picture_key_file: Annotated[str, Field(min_length=1, max_length=4000)] | None = None
    plate_free: Annotated[list[Mask], Field(max_length=CAMERA_MASKS)] = Field(default_factory=list)
    lane: Annotated[list[LaneTable], Field(max_length=CAMERA_LANES)] = Field(default_factory=list)


def build_cameras(data: Mapping[str, Any], files: Files) -> tuple[CameraSpec, ...]:
    """The cameras that are in order; every mistake in the others is added."""
    mistakes = files.mistakes
    names, urls = FirstUse(mistakes, "camera name"), FirstUse(mistakes, "picture source")
    cameras: list[CameraSpec] = []
    for i, row in table_rows(data, "camera", mistakes, MAX_CAMERAS):
        path: KeyPath = ("camera", i)
        names.claim((*path, "name"), name := text_of(row, "name"))
        if name in (GATEWAY, SITE):
            mistakes.add((*path, "name"), f'"{name}" is what alarms of no camera are called; choose another name')
        urls.claim((*path, "url"), text_of(row, "url"), advice="; one decode serves one camera")
        raw = mistakes.examine(CameraTable, row, path)
        if raw is not None and (spec := _camera(raw, row, path, files)) is not None:
            cameras.append(spec)
    sides = Counter(camera.side for camera in cameras)
    for i, camera in enumerate(cameras):
        if camera.side and sides[camera.side] == 1:
            mistakes.note(("camera", i, "side"), f'no other camera looks at side "{camera.side}", so there is nothing to join')
    return tuple(cameras)


@dataclass(frozen=True, slots=True)
class CameraRow:
    """One camera as far as its own row says it, for who sets it up: `facade` is where its facade file is or is to be, and `spec`
    says nothing of the facade."""

    spec: CameraSpec
    facade: Path | None


def read_camera(config: Path, name: str, environ: Mapping[str, str]) -> CameraRow:
    """The camera `name` of the file `config`, though its facade file, or the rest of the site, be missing or wrong.

    ConfigError where the file cannot be read, where it has no such camera, or with every mistake in that camera's row.
    """
    document = read_document(config)
    files = Files(Path(os.path.abspath(config)).parent, environ, document.mistakes)  # noqa: PTH100 (links stay)
    rows = document.data.get("camera")
    named = {text_of(row, "name"): i for i, row in enumerate(rows if isinstance(rows, list) else ()) if isinstance(row, Mapping)}
    if name not in named:
        known = ", ".join(str(one) for one in named if one) or "none"
        raise ConfigError((f"{config}: there is no camera {name} (there are: {known})",))
    path: KeyPath = ("camera", named[name])
    row = document.data["camera"][named[name]]
    raw = document.mistakes.examine(CameraTable, {key: row[key] for key in row if key != "facade"}, path)
    spec = None if raw is None else _camera(raw, row, path, files)
    document.mistakes.raise_if_any()
    assert spec is not None  # noqa: S101 (otherwise there was a mistake)
    facade = text_of(row, "facade")
    return CameraRow(spec, None if facade is None else files.resolve(facade, (*path, "facade")))


def _camera(raw: CameraTable, row: Mapping[str, Any], path: KeyPath, files: Files) -> CameraSpec | None:
    url = _source(raw, path, files)
    _refuse_foreign_keys(raw, path, files.mistakes)
    _refuse_device_keys(raw, path, files.mistakes)
    if raw.password_file is not None and raw.username is None:
        files.mistakes.add((*path, "password_file"), "needs username beside it")
    password = _secret(raw.password_file, (*path, "password_file"), files)
    key = _secret(raw.plate_key_file, (*path, "plate_key_file"), files)
    if raw.plates is PlateShape.HASHED and raw.plate_key_file is None:
        files.mistakes.add((*path, "plates"), '"hashed" needs plate_key_file: without a key of the site everybody could undo it')
    facade = _facade(raw, path, files)
    alarms = camera_alarms(CameraName(raw.name), row, path, files.mistakes)
    if url is None:
        return None
    return CameraSpec(
        name=CameraName(raw.name),
        url=url,
        task=raw.task,
        labels=raw.labels.value() if raw.labels else Labels(zh=raw.name, en=raw.name),
        transport=raw.transport,
        username=raw.username,
        password_file=password,
        facade=facade,
        side=raw.side or "",
        video_size=raw.video_size or "",
        video_fps=raw.video_fps or 0,
        video_format=raw.video_format or "",
        evidence_bytes=raw.evidence_size,
        evidence_age_ms=raw.evidence_age,
        memory_bytes=raw.memory,
        plate_shape=raw.plates,
        plate_key_file=key,
        alarms=alarms,
        masks=_areas(raw.masks),
        snapshot=raw.snapshot,
        pictures=raw.pictures,
        picture_key_file=_picture_key(raw, path, files),
        plate_free=_areas(raw.plate_free),
        purpose=raw.purpose.value() if raw.purpose else None,
        lanes=build_lanes(raw.lane, (*path, "lane"), files.mistakes),
    )


def _areas(drawn: list[Any]) -> tuple[tuple[tuple[float, float], ...], ...]:
    return tuple(tuple((x, y) for x, y in area) for area in drawn)


def _refuse_foreign_keys(raw: CameraTable, path: KeyPath, mistakes: Mistakes) -> None:
    """What belongs to the other task is a mistake, not something that is silently left alone."""
    falling, plates = (
        ("facade", "side"),
        ("plates", "plate_key_file", "masks", "lane", "pictures", "plate_free"),
    )
    foreign = falling if raw.task is Task.PLATES else plates
    for key in foreign:
        if key in raw.model_fields_set:
            other = Task.FALLING if raw.task is Task.PLATES else Task.PLATES
            mistakes.add((*path, key), f'does nothing with task = "{raw.task}"; it is for "{other}"')
    if raw.task is Task.PLATES and raw.pictures is PassPictures.NONE and "evidence_size" in raw.model_fields_set:
        mistakes.add((*path, "evidence_size"), 'does nothing with pictures = "none": no picture of a pass is kept')
    is_clear = raw.plates is PlateShape.CLEAR and raw.pictures is not PassPictures.MASKED
    if "plate_free" in raw.model_fields_set and is_clear and raw.task is Task.PLATES:
        mistakes.note((*path, "plate_free"), 'does nothing where no picture is made coarse: plates = "clear"')


def _refuse_device_keys(raw: CameraTable, path: KeyPath, mistakes: Mistakes) -> None:
    """What a camera of this machine is asked for cannot be asked of a stream: that is set in the camera."""
    for key in ("video_size", "video_fps", "video_format"):
        if key in raw.model_fields_set and not raw.url.startswith("/"):
            mistakes.add((*path, key), "is for a camera of this machine (/dev/video0); a network camera is set up in its own pages")


def _secret(written: str | None, path: KeyPath, files: Files) -> Any:
    return None if written is None else files.readable(written, path, secret=True)


def _picture_key(raw: CameraTable, path: KeyPath, files: Files) -> Any:
    """What pictures are sealed with. None of a pass is kept without; falls are: they must not be lost for want of a key."""
    if raw.task is Task.PLATES and raw.pictures is not PassPictures.NONE and raw.picture_key_file is None:
        files.mistakes.add(
            (*path, "pictures"),
            f'"{raw.pictures}" needs picture_key_file: pictures of vehicles and people lie encrypted on the disk',
        )
    if raw.picture_key_file is None and (raw.task is Task.FALLING or raw.snapshot is not SnapshotUse.NONE):
        kept = "clips and pictures" if raw.task is Task.FALLING else "pictures that the platform asks for"
        files.mistakes.note(path, f"without picture_key_file {kept} lie on the disk for everybody who takes it out")
    where = (*path, "picture_key_file")
    found = _secret(raw.picture_key_file, where, files)
    if found is not None and (count := _key_length(found)) is not None and count < KEY_LEAST_BYTES:
        files.mistakes.add(
            where,
            f"{found}: its first line has {count} characters, a key at least {KEY_LEAST_BYTES}; openssl rand -hex 32 makes one",
        )
    return found


def _key_length(file: Path) -> int | None:
    """None where it cannot be read, which is told elsewhere."""
    try:
        with file.open("rb") as opened:
            return len(opened.readline(KEY_MOST_BYTES).rstrip(b"\r\n"))
    except OSError:
        return None


def _facade(raw: CameraTable, path: KeyPath, files: Files) -> FacadeSpec | None:
    if raw.facade is None:
        if raw.task is Task.FALLING:
            files.mistakes.note((*path, "task"), "without facade no floor is told, and the whole picture is watched")
        return None
    where = files.readable(raw.facade, (*path, "facade"))
    try:
        return load_facade(where) if where.is_file() else None
    except ConfigError as error:
        files.mistakes.adopt(error)
        return None


def _source(raw: CameraTable, path: KeyPath, files: Files) -> str | None:
    """Where the pictures come from, ready to be opened; None after adding a mistake."""
    where: KeyPath = (*path, "url")
    url, mistakes = raw.url, files.mistakes
    if url.startswith("file:"):
        return f"file:{files.readable(url.removeprefix('file:').removeprefix('//'), where)}"
    if url.startswith("/"):
        return _video_device(url, where, files)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        mistakes.add(where, f"is not a URL ({error}); {CAMERA_FORMS}")
        return None
    sentence = _wrong_url(url, parts, port)
    if sentence:
        mistakes.add(where, sentence)
        return None
    if is_public(parts.hostname or "") and not raw.allow_public:
        mistakes.add(where, f"{parts.hostname} {PUBLIC_ADDRESS}")
    if raw.username is not None and parts.scheme in ("rtsp", "http"):
        mistakes.note(where, f"{parts.scheme}:// does not protect the password; keep cameras on a network of their own")
    return url


def _wrong_url(url: str, parts: SplitResult, port: int | None) -> str:
    if parts.username is not None or parts.password is not None:
        return "holds a user name or password; write username and password_file instead"
    if parts.scheme not in _SCHEMES or not parts.hostname:
        return f"is no source of pictures; {CAMERA_FORMS}"
    if not url.isprintable() or " " in url:
        return "holds spaces or control characters"
    return "needs a port from 1 to 65535" if port == 0 else ""


def _video_device(url: str, where: KeyPath, files: Files) -> str | None:
    if _VIDEO_DEVICE.fullmatch(url) is None:
        files.mistakes.add(where, f"is no camera of this machine; {CAMERA_FORMS}")
        return None
    device = files.resolve(url, where)
    try:
        if not stat.S_ISCHR(device.stat().st_mode):
            files.mistakes.add(where, f"{device} is not a device")
    except OSError:
        files.mistakes.note(where, f"{device} is not there now; the gateway will wait for it")
    return str(device)
