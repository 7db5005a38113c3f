"""Bodies of items as the gateway makes them, for tests that care for numbers and not for what is told."""

from collections.abc import Mapping
from typing import Any

import orjson

from edgeguard.core.item import Stream


def sample_body(stream: Stream, mark: int | str = 0) -> bytes:
    """A body that satisfies the published schema and bears a mark of the test's own, so that no two need be alike."""
    said = str(mark)
    match stream:
        case Stream.TELEMETRY:
            body: dict[str, object] = {"device": "pump-1", "values": {"mark": mark}}
        case Stream.ALARMS:
            text = {"zh": said, "en": said}
            life = {"state": "active", "severity": "major", "value": 1.0, "limit": 0.5}
            body = {"alarm": "pump-1.dry-run", "device": "pump-1", **life, "text": text}
        case Stream.EVENTS:
            text = {"zh": "试验", "en": "a test"}
            body = {"type": "health", "source": "test", "code": "sample", "ok": True, "text": text, "detail": said}
    return orjson.dumps(body)


def mark_of(item: Mapping[str, Any]) -> str:
    """The mark of an item that was made by `sample_body`; empty for any other."""
    if item.get("source", "test") != "test":
        return ""
    values, text = item.get("values", {}), item.get("text", {})
    return str(values.get("mark", "") or item.get("detail", "") or text.get("en", ""))


def sample_catalog(mark: str = "") -> bytes:
    """The page of a building without devices, with a mark of the test's own where the labels are."""
    head = {"v": 1, "site": "lakeside", "gateway": "b07", "version": "0.1.0", "labels": {"zh": mark, "en": mark}}
    return orjson.dumps({**head, "config": "0" * 64, "cameras": [], "models": [], "alarms": [], "devices": []})


def sample_device_page() -> bytes:
    """The page of a device without points."""
    words = {"device": "pump-1", "profile": "a-pump", "maker": "", "model": "", "kind": "pump", "labels": {"zh": "", "en": ""}}
    return orjson.dumps({"v": 1, "page": 1, "of": 1, "device": {**words, "period_ms": 1000, "points": [], "alarms": []}})
