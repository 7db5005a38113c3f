"""What a platform needs to understand the streams: devices, points and alarm definitions, as retained JSON pages.

Small buildings: one page on `catalog`, `{"v":1,"site":…,"gateway":…,"version":…,"labels":…,"alarms":[…],"devices":[…],
"cameras":[…],"models":[…]}`; `alarms` are those of no device: of buses, cameras, the site, the gateway itself.

Larger than MESSAGE_MAX_BYTES: `catalog` is an index, the same object with `"pages":{"pump-1":1,…}` (device -> number of pages)
in place of `devices`, and each device is on `catalog/{device}`, `{"v":1,"page":1,"of":2,"device":{…}}`. A device too large for a
page continues on `catalog/{device}/2` and so on with further points and alarms; an index too large continues on `catalog/-/2`
(no device can be named `-`). The index alone says which pages are valid: what it does not name is left over from before.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import orjson

from edgeguard.core import limits
from edgeguard.core.alarm import AlarmRule
from edgeguard.core.camera import ModelMark
from edgeguard.core.point import Labels, Point
from edgeguard.core.site import DeviceSpec, Site

ROOT: Final = "catalog"
_Entry = TypeVar("_Entry")


@dataclass(frozen=True, slots=True)
class Page:
    """One retained message: topic below the gateway's root, and its payload."""

    subtopic: str
    payload: bytes


Catalog = tuple[Page, ...]
"""Pages in the order of publishing; the index comes last, so that what it names is already there."""


def build_catalog(site: Site, version: str, models: Sequence[ModelMark] = (), max_bytes: int = limits.MESSAGE_MAX_BYTES) -> Catalog:
    """The catalog of a building; no page is larger than `max_bytes`."""
    head: dict[str, object] = {
        "v": 1,
        "site": site.site,
        "gateway": site.gateway,
        "version": version,
        "labels": _labels(site.labels),
        "config": site.sha256,
        "models": [{"model": one.name, "version": one.version, "sha256": one.sha256, "whole": one.whole} for one in models],
        "cameras": [
            {"camera": one.name, "task": one.task.value, "labels": _labels(one.labels), "purpose": _labels(one.stated_purpose)}
            for one in site.cameras
        ],
        "alarms": [_alarm(rule) for rule in site.alarms],
    }
    # Two hundred meters of one model have the same points: told once, they do not cost the gateway twenty megabytes.
    profiles = {id(device.profile): device.profile for device in site.devices}
    points = {key: [_point(point) for point in profile.points] for key, profile in profiles.items()}
    devices = [_Device(device, points[id(device.profile)]) for device in site.devices]
    if (whole := _whole(head, devices, max_bytes)) is not None:
        return (Page(ROOT, whole),)
    pages = [device.pages(max_bytes) for device in devices]
    entries = [(str(spec.name), len(of_device)) for spec, of_device in zip(site.devices, pages, strict=True)]
    index = _index(head, entries, max_bytes)
    return (*(page for of_device in pages for page in of_device), *index)


def _whole(head: dict[str, object], devices: "Sequence[_Device]", max_bytes: int) -> bytes | None:
    """The catalog on one page; None as soon as it is seen not to fit."""
    told: list[orjson.Fragment] = []
    size = 0
    for device in devices:
        one = orjson.dumps(device.whole())
        size += len(one)
        if size > max_bytes:
            return None
        told.append(orjson.Fragment(one))
    whole = orjson.dumps({**head, "devices": told})
    return whole if len(whole) <= max_bytes else None


def _labels(labels: Labels) -> dict[str, object]:
    return {"zh": labels.zh, "en": labels.en}


def _point(point: Point) -> dict[str, object]:
    """`minimum` and `maximum` bound plausible values; `write` bounds what may be written. What does not apply is left out."""
    out: dict[str, object] = {"point": point.name, "kind": point.kind.value, "unit": point.unit, "labels": _labels(point.labels)}
    optional = {"minimum": point.minimum, "maximum": point.maximum, "decimals": point.decimals}
    out.update((key, value) for key, value in optional.items() if value is not None)
    if point.choices:
        out["choices"] = [{"value": value, **_labels(text)} for value, text in point.choices.items()]
    out["writable"] = point.write is not None
    if point.write is not None:
        bounds = {"minimum": point.write.minimum, "maximum": point.write.maximum}
        out["write"] = {key: value for key, value in bounds.items() if value is not None}
    return out


def _alarm(rule: AlarmRule) -> dict[str, object]:
    """`advice`, what to check on the spot, where there is any."""
    told: dict[str, object] = {
        "alarm": rule.name,
        "severity": rule.severity.value,
        "point": rule.point,
        "condition": rule.condition.value,
        "limit": rule.limit,
        "text": _labels(rule.text),
    }
    if rule.advice is not None:
        told["advice"] = _labels(rule.advice)
    return told


class _Device:
    """One device's part of the catalog, whole or in pages."""

    def __init__(self, spec: DeviceSpec, points: Sequence[dict[str, object]]) -> None:
        profile = spec.profile
        self._name = spec.name
        self._head: dict[str, object] = {
            "device": spec.name,
            "profile": profile.name,
            "maker": profile.maker,
            "model": profile.model,
            "kind": profile.kind,
            "labels": _labels(spec.labels),
            "period_ms": spec.period_ms,
        }
        self._points = [*points, *(_point(figure) for figure in spec.domain.figures)]
        self._alarms = [_alarm(rule) for rule in spec.alarms]

    def whole(self) -> dict[str, object]:
        return {**self._head, "points": self._points, "alarms": self._alarms}

    def pages(self, max_bytes: int) -> tuple[Page, ...]:
        """The device on as few pages as its points and alarms need, in order."""

        def page(points: Sequence[object], alarms: Sequence[object], number: int, of: int) -> bytes:
            device = {**self._head, "points": points, "alarms": alarms}
            return orjson.dumps({"v": 1, "page": number, "of": of, "device": device})

        room = max_bytes - len(page([], [], limits.MAX_POINTS_PER_DEVICE, limits.MAX_POINTS_PER_DEVICE))
        entries = [(0, entry) for entry in self._points] + [(1, entry) for entry in self._alarms]
        chunks = _chunks(entries, room, lambda entry: len(orjson.dumps(entry[1])) + 1)
        out: list[Page] = []
        for number, chunk in enumerate(chunks, start=1):
            points = [entry for kind, entry in chunk if kind == 0]
            alarms = [entry for kind, entry in chunk if kind == 1]
            subtopic = f"{ROOT}/{self._name}" + (f"/{number}" if number > 1 else "")
            out.append(Page(subtopic, page(points, alarms, number, len(chunks))))
        return tuple(out)


def _index(head: dict[str, object], entries: Sequence[tuple[str, int]], max_bytes: int) -> list[Page]:
    """The index on as few pages as it needs; the root comes last."""
    numbered = {**head, "page": limits.MAX_DEVICES, "of": limits.MAX_DEVICES, "pages": {}}
    room = max_bytes - len(orjson.dumps(numbered))
    chunks = _chunks(entries, room, lambda entry: len(orjson.dumps(dict([entry]))))
    out = [
        Page(
            ROOT if number == 1 else f"{ROOT}/-/{number}",
            orjson.dumps({**head, "page": number, "of": len(chunks), "pages": dict(chunk)}),
        )
        for number, chunk in enumerate(chunks, start=1)
    ]
    return out[1:] + out[:1]


def _chunks(entries: Sequence[_Entry], room: int, size_of: Callable[[_Entry], int]) -> list[list[_Entry]]:
    """Entries in order, cut so that each part fits `room` (a part holds one at least); one empty part for no entries."""
    parts: list[list[_Entry]] = [[]]
    used = 0
    for entry in entries:
        size = size_of(entry)
        if parts[-1] and used + size > room:
            parts.append([])
            used = 0
        parts[-1].append(entry)
        used += size
    return parts
