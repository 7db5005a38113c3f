"""What interlocks, reactions and gates rest on cannot be exchanged from afar, neither at once nor step by step."""

from pathlib import Path

import pytest

from edgeguard.config import load_site
from edgeguard.config.change import PERMITTED
from edgeguard.config.grounds import shaken
from edgeguard.core.site import Site

HEAD = """[gateway]
site = "lakeside"
id = "b07"
[profiles]
directories = ["profiles"]
[[bus]]
name = "riser"
url = "tcp://10.0.0.7:502"
[[bus]]
name = "other"
url = "tcp://10.0.0.8:502"
"""
PROFILE = """[profile]
name = "relay-box"
kind = "other"
maker = "test"
model = "relay box"
labels = { zh = "继电器", en = "relay box" }
source = "for a test"
trust = "unverified"
[[point]]
name = "relay"
table = "coil"
address = 0
labels = { zh = "继电器", en = "relay" }
write = {}
[[point]]
name = "remote"
table = "discrete"
address = 0
labels = { zh = "远方", en = "remote" }
[[point]]
name = "level"
table = "input"
address = 0
type = "uint16"
unit = "m"
labels = { zh = "水位", en = "level" }
"""


def row(name: str, address: int, more: str = "", *, bus: str = "riser", points: str = "", profile: str = "relay-box") -> str:
    only = f"points = [{points}]\n" if points else ""
    return f'[[device]]\nname = "{name}"\nbus = "{bus}"\nprofile = "{profile}"\naddress = {address}\nevery = "2s"\n{only}{more}'


PANEL = row("panel", 1, points='"remote"')
HIGH = 'name = "high"\npoint = "level"\ncondition = "high"\nlimit = 3.0\nseverity = "major"\ntext = { zh = "高", en = "high" }\n'
SUMP = row("sump", 2, f"[[device.alarm]]\n{HIGH}", points='"level"')
BOTH = (
    '[[alarm]]\nname = "both"\ncondition = "when"\nwhen = "sump.level > 2"\nseverity = "minor"\ntext = { zh = "高", en = "high" }\n'
)
LOCK = '[device.interlock.relay]\nrequires = ["panel.remote"]\n'
PUMP = row("pump", 3, LOCK)
GATE_INPUT = row("loop", 4, points='"remote"')
REACTION = '[[reaction]]\nname = "drain"\nalarm = "sump.high"\ntarget = "pump.relay"\nvalue = true\n'
GATE = '[[gate]]\nname = "north"\nopen = "pump.relay"\npulse = "1s"\nfeedback = "loop.remote"\n'
PARTS = (HEAD, PANEL, SUMP, PUMP, GATE_INPUT, REACTION, GATE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "relay-box.toml").write_text(PROFILE, encoding="utf-8")
    (tmp_path / "profiles" / "relay-box-2.toml").write_text(PROFILE.replace("relay-box", "relay-box-2"), encoding="utf-8")
    return tmp_path


def site(folder: Path, old: str = "", new: str = "", more: str = "") -> Site:
    text = "".join(PARTS)
    assert old in text
    changed = text.replace(old, new, 1) if old else text
    (folder / "site.toml").write_text(changed + more, encoding="utf-8")
    return load_site(folder / "site.toml")


@pytest.mark.parametrize(
    ("old", "new", "permission", "words"),
    [
        (
            PANEL,
            row("panel", 9, points='"remote"'),
            "interlock",
            "device[panel].address, which the interlock of pump.relay rests on,",
        ),
        (PANEL, row("panel", 1, points='"remote"', bus="other"), "interlock", "device[panel].bus, which the interlock"),
        (PANEL, row("panel", 1, points='"remote"', profile="relay-box-2"), "interlock", "device[panel].profile, which the inter"),
        ("10.0.0.7:502", "10.0.0.9:502", "interlock", "device[panel].bus, which the interlock"),
        (SUMP, SUMP.replace("address = 2", "address = 7"), "reaction", "device[sump].address, which the reaction drain rests on,"),
        ("limit = 3.0", "limit = 0.1", "reaction", "alarm sump.high, on which the reaction drain acts,"),
        (GATE_INPUT, row("loop", 8, points='"remote"'), "gate", "device[loop].address, which the gate north rests on,"),
        (PUMP, PUMP.replace("address = 3", "address = 9"), "writable", "device[pump].address, of a device that can be written"),
        (PANEL, row("panel", 1), "writable", "device[panel].points, which would let relay be written,"),
        (
            SUMP,
            SUMP.replace('points = ["level"]', 'points = ["level", "relay"]'),
            "writable",
            "device[sump].points, which would let",
        ),
    ],
)
def test_what_controls_rest_on_needs_its_permission_by_name(folder: Path, old: str, new: str, permission: str, words: str) -> None:
    before, after = site(folder), site(folder, old, new)
    found = shaken(before, after, frozenset())
    told = [one for one in found if one.startswith(words)]
    assert len(told) == 1, found
    assert told[0].endswith(f'unless its own file says: [commands] may_change = ["{permission}"]')
    assert not [one for one in shaken(before, after, frozenset({permission})) if one.startswith(words)]
    assert shaken(before, after, frozenset(PERMITTED)) == ()


@pytest.mark.parametrize(
    ("old", "new", "more"),
    [
        ("", "", ""),
        ('every = "2s"', 'every = "5s"', ""),
        ("", "", row("meter", 20, points='"level"')),
        ('name = "riser"', 'name = "riser"\nconnect_timeout = "2s"', ""),
        ("", "", BOTH),
    ],
    ids=["nothing", "a period", "a device that is only read", "patience", "an alarm that nothing acts on"],
)
def test_the_rest_is_free(folder: Path, old: str, new: str, more: str) -> None:
    assert shaken(site(folder), site(folder, old, new, more), frozenset()) == ()


def test_a_device_that_can_be_written_is_not_added_from_afar(folder: Path) -> None:
    """Under another name it could be the pump, without its interlock."""
    (found,) = shaken(site(folder), site(folder, more=row("twin", 3, bus="other")), frozenset())
    assert found.startswith("device[twin], of a device that can be written")
