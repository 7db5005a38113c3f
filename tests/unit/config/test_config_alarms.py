"""Alarms of devices and of the whole site: what a file may say of them, and every mistake with its line."""

from pathlib import Path

import pytest

from edgeguard.config import load_site
from edgeguard.core.alarm import Condition, Direction, Escalation, Severity
from edgeguard.core.errors import ConfigError
from edgeguard.core.ids import DeviceName, PointName
from edgeguard.core.interlock import PointRef

SITE = """
[gateway]
site = "lakeside"
id = "b07"
[[bus]]
name = "riser"
url = "rtu+tcp://127.0.0.1:4001"
[[device]]
name = "meter"
bus = "riser"
profile = "eastron-sdm120"
address = 1
every = "10s"
[[device]]
name = "other"
bus = "riser"
profile = "eastron-sdm120"
address = 2
every = "10s"
"""
END = "severity = 'minor'\ntext = { zh = '某', en = 'some' }\n"
OF_SITE = "[[alarm]]\nname = 'a'\n"
ON_POWER = "[[device.alarm]]\nname = 'a'\npoint = 'power'\n"
LINES = SITE.count("\n")


def mistakes(tmp_path: Path, extra: str) -> tuple[str, ...]:
    path = tmp_path / "site.toml"
    path.write_text(SITE + extra, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_site(path)
    return tuple(line.partition("site.toml:")[2] for line in caught.value.mistakes)


def test_an_alarm_of_a_device_may_have_every_trait(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text(
        SITE
        + "[[device.alarm]]\nname = 'jump'\npoint = 'power'\ncondition = 'rate'\nlimit = 2.0\nper = '10s'\nwindow = '1m'\n"
        + "direction = 'up'\nlatching = true\ngroup = 'room'\nescalate_after = '15m'\nparents = ['comms-lost', 'riser.bus-lost']\n"
        + "only_while = 'voltage > 200 and not bad(meter.power)'\n"
        + END
        + "[[device.alarm]]\nname = 'differ'\npoint = 'power'\ncondition = 'deviation'\nreference = 'meter.power'\nlimit = 1.0\n"
        + END
        + "[[alarm]]\nname = 'both'\ncondition = 'when'\nwhen = 'held(meter.power > 1 and other.power > 1, 5m)'\n"
        + END,
        encoding="utf-8",
    )
    loaded = load_site(path)
    rules = {str(rule.name): rule for rule in (*loaded.alarms, *(rule for spec in loaded.devices for rule in spec.alarms))}
    jump = rules["other.jump"]
    assert (jump.condition, jump.traits.direction, jump.traits.per_ms, jump.traits.window_ms) == (
        *(Condition.RATE, Direction.UP, 10_000),
        60_000,
    )
    assert (jump.traits.latching, jump.traits.group, jump.traits.escalation) == (True, "room", Escalation(900_000, Severity.MAJOR))
    assert rules["other.differ"].traits.reference == PointRef(DeviceName("meter"), PointName("power"))
    assert {"riser.bus-lost", "gateway.alarm-flood", "gateway.alarm-chattering", "site.both"} <= rules.keys()
    assert rules["site.both"].common


@pytest.mark.parametrize(
    ("extra", "wrong"),
    [
        (
            OF_SITE + "condition = 'when'\nwhen = 'attic.power > 1'\n" + END,
            'alarm[0].when: column 1: there is no device "attic"',
        ),
        (OF_SITE + "condition = 'when'\nwhen = 'meter.pover > 1'\n" + END, 'device meter has no polled point "pover"'),
        (OF_SITE + "condition = 'when'\nwhen = 'power > 1'\n" + END, "write the device, too: DEVICE.power"),
        (OF_SITE + "condition = 'when'\n" + END, "alarm[0].when: is missing: such as"),
        (
            OF_SITE + "condition = 'high'\npoint = 'power'\nlimit = 1\n" + END,
            "an alarm of the whole site combines points",
        ),
        (ON_POWER + "condition = 'rate'\n" + END, "device[1].alarm[0].limit: is missing"),
        (
            ON_POWER + "condition = 'stuck'\nwindow = '19s'\n" + END,
            "device[1].alarm[0].window: 19s is too short where every = 10s, so the alarm would never come: at least 20s",
        ),
        (
            ON_POWER + "condition = 'high'\nlimit = 1\nper = '1m'\n" + END,
            'per: is for "rate" only',
        ),
        ("[[device.alarm]]\nname = 'a'\ncondition = 'high'\nlimit = 1\n" + END, "point: is missing"),
        (ON_POWER + "condition = 'deviation'\nlimit = 1\n" + END, "reference: is missing"),
        (
            ON_POWER + "condition = 'stale'\nlimit = 1\n" + END,
            "limit: makes no sense for stale",
        ),
        (
            ON_POWER + "condition = 'stuck'\nlimit = -1\n" + END,
            "limit: says how far a number must move",
        ),
        (ON_POWER + "condition = 'flood'\nlimit = 1\n" + END, "it cannot be chosen"),
        ("[device.alarms.comms-lost]\nparents = ['nobody']\n", 'parents: there is no alarm "other.nobody"'),
        ("[device.alarms.comms-lost]\nescalate_to = 'major'\n", "escalate_to: says to what"),
        ("[device.alarms.comms-lost]\nescalate_after = '5m'\nescalate_to = 'minor'\n", "minor is not more urgent than major"),
        ("[device.alarms.comms-lost]\nonly_while = 'attic.x > 1'\n", 'only_while: column 1: there is no device "attic"'),
    ],
)
def test_mistakes_in_alarms_are_told_with_their_line(tmp_path: Path, extra: str, wrong: str) -> None:
    found = mistakes(tmp_path, extra)
    assert any(wrong in line for line in found), found
    assert all(int(line.partition(":")[0]) > LINES for line in found if wrong in line)


BOARD = """[gateway]
site = "lakeside"
id = "b07"
[[bus]]
name = "riser"
url = "rtu+tcp://127.0.0.1:4001"
[[device]]
name = "board"
bus = "riser"
profile = "{profile}"
address = 1
every = "2s"
"""


@pytest.mark.parametrize(
    ("profile", "extra", "has"),
    [
        ("waveshare-relay8", "", True),
        ("kmtronic-relay8", "", True),
        ("wellpro-wp8027adam", "", True),
        ("wellpro-wp8028adam", "", True),
        ("wellpro-wp8028adam", "points = ['input_1']\n", False),
        ("eastron-sdm120", "", False),
        ("grundfos-cim200", "", False),
        ("waveshare-relay8", "[device.alarms.output-changed]\nenabled = false\n", False),
    ],
)
def test_a_device_with_switched_outputs_watches_them(tmp_path: Path, profile: str, extra: str, has: bool) -> None:
    path = tmp_path / "site.toml"
    path.write_text(BOARD.format(profile=profile) + extra, encoding="utf-8")
    (device,) = load_site(path).devices
    assert ("board.output-changed" in {rule.name for rule in device.alarms}) is has


def test_an_alarm_of_the_site_s_own_takes_its_place(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    own = "[[device.alarm]]\nname = 'output-changed'\npoint = 'relay_1'\ncondition = 'equals'\nlimit = true\n" + END
    path.write_text(BOARD.format(profile="waveshare-relay8") + own, encoding="utf-8")
    (device,) = load_site(path).devices
    assert [rule.condition for rule in device.alarms if rule.name == "board.output-changed"] == [Condition.EQUALS]
