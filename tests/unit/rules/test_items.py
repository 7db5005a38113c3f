"""Bodies of items, as interfaces.md writes them."""

import json

from edgeguard.core.alarm import AlarmChange, AlarmRule, AlarmState, Condition, Severity
from edgeguard.core.clock import Stamp
from edgeguard.core.health import Health
from edgeguard.core.ids import AlarmName, BootId, DeviceName, PointName
from edgeguard.core.item import Stream
from edgeguard.core.limits import ITEM_MAX_BYTES
from edgeguard.core.point import Kind, Labels, Point
from edgeguard.core.quality import Fault, Reason
from edgeguard.rules.items import alarm_item, command_item, health_item, retired_alarm_item, telemetry_items

AT = Stamp(1, 2, BootId("b"), synced=True)
POINTS = tuple(Point(PointName(n), Kind.NUMBER, Labels(n, n)) for n in ("pressure", "running", "flow"))


def test_telemetry_holds_only_what_is_told_and_bad_only_when_there_is_some() -> None:
    outcomes = (0.42, True, Fault(Reason.TIMEOUT, "no answer"))
    (item,) = telemetry_items(DeviceName("pump-1"), AT, POINTS, outcomes, (0, 1, 2))
    assert item.stream is Stream.TELEMETRY
    assert json.loads(item.body) == {
        "device": "pump-1",
        "values": {"pressure": 0.42, "running": True},
        "bad": {"flow": "timeout"},
    }
    (item,) = telemetry_items(DeviceName("pump-1"), AT, POINTS, outcomes, (1,))
    assert json.loads(item.body) == {"device": "pump-1", "values": {"running": True}}


def test_a_wide_device_is_told_in_parts_that_fit() -> None:
    points = tuple(Point(PointName(f"point_{i:050d}"), Kind.TEXT, Labels("点", "p")) for i in range(2000))
    outcomes = tuple("x" * (i % 90) for i in range(2000))
    items = telemetry_items(DeviceName("wide"), AT, points, outcomes, tuple(range(2000)))
    assert len(items) > 1
    assert all(len(item.body) <= ITEM_MAX_BYTES for item in items)
    seen: dict[str, str] = {}
    for item in items:
        seen |= json.loads(item.body)["values"]
    assert seen == {p.name: o for p, o in zip(points, outcomes, strict=True)}


def test_alarm_body() -> None:
    rule = AlarmRule(
        name=AlarmName("pump-1.dry-run"),
        device=DeviceName("pump-1"),
        condition=Condition.LOW,
        severity=Severity.CRITICAL,
        text=Labels("干转", "dry run"),
        point=PointName("flow"),
        limit=0.5,
    )
    item = alarm_item(AlarmChange(rule, AlarmState.ACTIVE, AT, 0.1))
    assert item.stream is Stream.ALARMS
    assert json.loads(item.body) == {
        "alarm": "pump-1.dry-run",
        "device": "pump-1",
        "state": "active",
        "severity": "critical",
        "value": 0.1,
        "limit": 0.5,
        "text": {"zh": "干转", "en": "dry run"},
    }


def test_a_retired_alarm_is_closed() -> None:
    body = json.loads(retired_alarm_item(AlarmName("pump-1.old"), AT).body)
    assert (body["alarm"], body["device"], body["state"]) == ("pump-1.old", "pump-1", "normal")


def test_events_have_a_type() -> None:
    health = health_item(Health("uplink", "online", ok=True, text=Labels("在线", "online")), AT)
    assert health.stream is Stream.EVENTS
    assert json.loads(health.body)["type"] == "health"
    write = json.loads(command_item("write", "pump-1.setpoint", AT, "root", "accepted", 3.5).body)
    assert (write["type"], write["name"], write["target"], write["result"]) == ("command", "write", "pump-1.setpoint", "accepted")
