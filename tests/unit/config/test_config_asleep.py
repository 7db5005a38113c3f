"""What no profile can know: the rule that sleeps, and the line to write; written, the rule is on and nothing is said any more."""

from pathlib import Path

import pytest

from edgeguard.config.site import load_site_with_notes
from edgeguard.core.domain import Missing
from edgeguard.core.site import Site
from edgeguard.testing.shipped import shipped_profiles

BUS = """\
[gateway]
site = "lakeside"
id = "b07"
[[bus]]
name = "plant"
url = "tcp://10.0.0.7"
"""


def device(name: str, profile: str, number: int, more: str = "") -> str:
    head = f'[[device]]\nname = "{name}"\nbus = "plant"\naddress = {number}\nprofile = "{profile}"\nevery = "2s"\n'
    return head + more


LEVEL = device("level", "generic-level-transmitter", 1)
PUMPS = device("p1", "grundfos-cim200", 2) + device("p2", "grundfos-cim200", 3)


def loaded(folder: Path, text: str) -> tuple[Site, str]:
    path = folder / "site.toml"
    path.write_text(BUS + text, "utf-8")
    made = load_site_with_notes(path, shipped_profiles())
    notes = [note for note in made.notes if "sleep" in note]
    return made.site, "\n".join(note.partition("site.toml:")[2] for note in notes)


def lines(site: Site, name: str) -> dict[str, str]:
    spec = next(spec for spec in site.devices if spec.name == name)
    return {one.rule.name: one.line for one in spec.domain.missing if one.line}


def test_a_level_that_nobody_has_named_wakes_nothing_and_says_so(tmp_path: Path) -> None:
    site, notes = loaded(tmp_path, LEVEL)
    assert lines(site, "level") == {
        "sump-high": '[device.role] level = "sump.level"',
        "fire-level-low": '[device.role] level = "fire.level"',
        "dry-run": "[[group]] with its pumps",
    }
    assert notes.startswith("7: device[0]: sump-high, fire-level-low, dry-run sleep here until somebody says what it is")
    site, notes = loaded(tmp_path, LEVEL + '[device.role]\nlevel = "fire.level"\n')
    assert notes == ""
    assert any(alarm.name == "level.fire-level-low" for alarm in site.devices[0].alarms)


def test_pumps_that_nobody_has_grouped_are_named(tmp_path: Path) -> None:
    site, notes = loaded(tmp_path, LEVEL + PUMPS)
    assert lines(site, "p1") == dict.fromkeys(("all-out", "alternation"), '[[group]] devices = ["p1", "p2"]')
    assert lines(site, "p2") == {}
    assert "13: device[1]: all-out, alternation sleep here" in notes
    site, notes = loaded(tmp_path, LEVEL + PUMPS + '[[group]]\nname = "set"\ndevices = ["p1", "p2", "level"]\n')
    assert notes == ""
    assert {"p1.set-all-out", "p1.set-alternation"} <= {alarm.name for alarm in site.devices[1].alarms}


@pytest.mark.parametrize(
    ("profile", "more", "noted"),
    [
        ("wellpro-wp8028adam", "", True),
        ("wellpro-wp8028adam", '[device.role]\ninput_3 = "sump.high"\n', False),
        (
            "wellpro-wp8028adam",
            (
                '[[device.alarm]]\nname = "hatch"\npoint = "input_1"\ncondition = "equals"\nlimit = true\nseverity = "info"\n'
                'text = { zh = "盖", en = "hatch" }\n'
            ),
            False,
        ),
        ("danfoss-fc51", "", False),
        ("waveshare-relay8", "", False),
        ("eastron-sdm630", "", False),
    ],
)
def test_who_has_said_what_a_device_is_hears_nothing(tmp_path: Path, profile: str, more: str, noted: bool) -> None:
    _, notes = loaded(tmp_path, device("one", profile, 1, more))
    assert bool(notes) is noted


def test_a_drive_tells_in_the_list_of_rules_what_it_lacks(tmp_path: Path) -> None:
    site, _ = loaded(tmp_path, device("fan", "danfoss-fc51", 1))
    (missing,) = [one for one in site.devices[0].domain.missing if isinstance(one, Missing)]
    assert (missing.rule.name, missing.line) == ("short-cycling", '[device.role] output_frequency = "pump.frequency"')
