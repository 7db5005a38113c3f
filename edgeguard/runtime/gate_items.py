"""Events of gates and stays: what happened, in the shape that the camera's setting allows plates to leave the gateway in."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson
import structlog

from edgeguard.core.camera import CameraSpec, PlateShape
from edgeguard.core.clock import Stamp, iso_utc
from edgeguard.core.item import Item, Stream
from edgeguard.core.plate_shape import shaped
from edgeguard.rules.gate import Decision
from edgeguard.rules.stays import StayNews

_log = structlog.get_logger()
_KEY_BYTES: Final = 4096


class PlateShaping:
    """How plates of each camera leave. A key that cannot be read makes plates masked, never clear."""

    def __init__(self) -> None:
        self._keys: dict[str, bytes] = {}

    def shape(self, camera: CameraSpec | None, plate: str | None) -> tuple[str | None, str]:
        """The text, and the word of its shape."""
        shape = PlateShape.MASKED if camera is None else camera.plate_shape
        key = b""
        if camera is not None and shape is PlateShape.HASHED:
            key = self._key(camera)
            shape = shape if key else PlateShape.MASKED
        return (None if plate is None else shaped(plate, shape, key)), shape.value

    def hashes(self, cameras: tuple[CameraSpec, ...], text: str) -> tuple[str, ...]:
        """What a plate is called where its hash has left the gateway: for whoever erases it."""
        keys = {self._key(camera) for camera in cameras if camera.plate_shape is PlateShape.HASHED}
        return tuple(shaped(text, PlateShape.HASHED, key) for key in sorted(keys) if key)

    def _key(self, camera: CameraSpec) -> bytes:
        if camera.name not in self._keys and camera.plate_key_file is not None:
            try:
                with Path(camera.plate_key_file).open("rb") as file:
                    self._keys[camera.name] = file.readline(_KEY_BYTES).rstrip(b"\r\n")
            except OSError as error:
                _log.warning("plate.key", camera=camera.name, error=error.strerror)
                return b""
        return self._keys.get(camera.name, b"")


def gate_item(at: Stamp, state: str, facts: Mapping[str, Any]) -> Item:
    """`{"type":"gate","state":…,…}`."""
    return Item(Stream.EVENTS, at, orjson.dumps({"type": "gate", "state": state, **facts}))


def decision_facts(decision: Decision) -> dict[str, Any]:
    """Of a decision: what was decided, why, and by which list."""
    words = decision.words
    return {
        "verdict": decision.verdict.value,
        "reason": decision.reason.value,
        "text": {"zh": words.zh, "en": words.en},
        "list": None if decision.entry is None else decision.entry.kind.value,
    }


def stay_item(news: StayNews, zone: str, gate: str, plate: str | None, shape: str, by: str = "") -> Item:
    """`{"type":"stay","state":…,"zone":…,"plate":…,"duration_s":…,"count":…}`."""
    body: dict[str, Any] = {
        "type": "stay",
        "state": news.happened.value,
        "zone": zone,
        "gate": gate or None,
        "plate": plate,
        "shape": shape,
        "duration_s": None if news.lasted_ms is None else round(news.lasted_ms / 1000, 1),
        "since": None if news.since is None or not news.since.synced else iso_utc(news.since.wall_ms),
        "count": news.count,
    }
    if by:
        body["by"] = by
    return Item(Stream.EVENTS, news.at, orjson.dumps(body))
