"""The catalog: one page while it fits, an index with a page per device when not, nothing lost on the way."""

import json
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

import pytest

from edgeguard.core.alarm import AlarmRule, Condition, Severity
from edgeguard.core.ids import BusName, DeviceName, GatewayId, PointName, ProfileName, SiteId, alarm_name
from edgeguard.core.point import Kind, Labels, Point, WriteRule
from edgeguard.core.profile import DeviceProfile, ModbusLimits
from edgeguard.core.site import ControlSpec, DeviceSpec, LogSpec, Site, StoreSpec
from edgeguard.uplink import Page, build_catalog

LABELS = Labels("名称", "Name")


def point(index: int) -> Point:
    if index == 0:
        return Point(PointName("mode"), Kind.TEXT, LABELS, choices={0: Labels("停", "stop"), 1: Labels("转", "run")})
    if index == 1:
        write = WriteRule(minimum=0.0, maximum=50.0)
        return Point(PointName("setpoint"), Kind.NUMBER, LABELS, "Hz", minimum=0.0, maximum=60.0, decimals=1, write=write)
    return Point(PointName(f"p{index}"), Kind.NUMBER, LABELS, "bar")


def device(name: str, points: int) -> DeviceSpec:
    profile = DeviceProfile(
        ProfileName("pump"),
        "Maker",
        "Model",
        "pump",
        LABELS,
        tuple(point(index) for index in range(points)),
        (),
        ModbusLimits(),
        (),
        "",
        "",
        "",
    )
    rule = AlarmRule(
        alarm_name(DeviceName(name), "high"),
        DeviceName(name),
        Condition.HIGH,
        Severity.MAJOR,
        Labels("高", "high"),
        PointName("setpoint"),
        55.0,
    )
    return DeviceSpec(DeviceName(name), BusName("riser-a"), 1, profile, 1000, LABELS, (rule,), 5000)


def site(devices: Sequence[DeviceSpec]) -> Site:
    store = StoreSpec(PurePath("/var/lib/edgeguard"), 1, 1, None, 200, 100)
    control = ControlSpec(PurePath("/run/edgeguard.sock"))
    return Site(
        SiteId("lakeside"),
        GatewayId("b07"),
        LABELS,
        None,
        store,
        control,
        LogSpec(),
        (),
        tuple(devices),
        PurePath("site.toml"),
        "ab12",
    )


def read(page: Page) -> Any:
    return json.loads(page.payload)


def test_a_small_building_is_one_page_that_says_everything() -> None:
    (page,) = build_catalog(site([device("pump-1", 3)]), "0.1.0")
    document = read(page)
    assert page.subtopic == "catalog"
    assert (document["v"], document["site"], document["gateway"], document["version"]) == (1, "lakeside", "b07", "0.1.0")
    assert (document["config"], document["models"]) == ("ab12", [])
    (pump,) = document["devices"]
    assert (pump["device"], pump["profile"], pump["labels"]) == ("pump-1", "pump", {"zh": "名称", "en": "Name"})
    mode, setpoint, plain = pump["points"]
    assert mode["choices"] == [{"value": 0, "zh": "停", "en": "stop"}, {"value": 1, "zh": "转", "en": "run"}]
    assert setpoint == {
        "point": "setpoint",
        "kind": "number",
        "unit": "Hz",
        "labels": {"zh": "名称", "en": "Name"},
        "minimum": 0.0,
        "maximum": 60.0,
        "decimals": 1,
        "writable": True,
        "write": {"minimum": 0.0, "maximum": 50.0},
    }
    assert plain["writable"] is False
    (alarm,) = pump["alarms"]
    assert alarm == {
        "alarm": "pump-1.high",
        "severity": "major",
        "point": "setpoint",
        "condition": "high",
        "limit": 55.0,
        "text": {"zh": "高", "en": "high"},
    }


@pytest.mark.parametrize(("devices", "points"), [(40, 60), (2, 1500), (1, 2000), (2000, 2)])
def test_a_large_building_is_an_index_and_pages_within_the_limit(devices: int, points: int) -> None:
    names = [f"pump-{index}" for index in range(devices)]
    pages = build_catalog(site([device(name, points) for name in names]), "0.1.0")
    assert all(len(page.payload) <= 65536 for page in pages)
    topics = [page.subtopic for page in pages]
    assert len(set(topics)) == len(topics)
    assert topics[-1] == "catalog"
    by_topic = {page.subtopic: read(page) for page in pages}
    index: dict[str, int] = {}
    for number in range(1, by_topic["catalog"]["of"] + 1):
        index |= by_topic["catalog" if number == 1 else f"catalog/-/{number}"]["pages"]
    assert list(index) == names
    for name, count in index.items():
        parts = [by_topic[f"catalog/{name}" + (f"/{number}" if number > 1 else "")] for number in range(1, count + 1)]
        assert [(part["page"], part["of"]) for part in parts] == [(number, count) for number in range(1, count + 1)]
        found = [entry["point"] for part in parts for entry in part["device"]["points"]]
        assert len(found) == len(set(found)) == points
        assert sum(len(part["device"]["alarms"]) for part in parts) == 1


def test_an_index_too_long_for_a_page_continues() -> None:
    names = [f"{'x' * 50}-{index}" for index in range(200)]
    pages = build_catalog(site([device(name, 2) for name in names]), "0.1.0", max_bytes=4096)
    roots = [page for page in pages if page.subtopic == "catalog" or page.subtopic.startswith("catalog/-/")]
    assert len(roots) > 1
    assert [name for page in [roots[-1], *roots[:-1]] for name in read(page)["pages"]] == names
