"""`check` and `profile` read files and need no daemon."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from cli_kit import Desk

from edgeguard.config import shipped_configs
from edgeguard.testing.handlers import FakeBuilding
from edgeguard.testing.shipped import shipped_profiles

GOOD = """\
[gateway]
site = "lakeside"
id = "b07"

[[bus]]
name = "riser-a"
url = "tcp://10.0.0.7:502"

[[device]]
name = "device-1"
bus = "riser-a"
profile = "{profile}"
address = 3
every = "2s"
"""


@pytest.fixture
def nobody(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "none.sock", FakeBuilding())


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "site.toml"
    path.write_text(text, encoding="utf-8")
    return path


def first_profile() -> str:
    return shipped_profiles().names()[0]


def test_a_good_configuration_is_summed_up(nobody: Desk, tmp_path: Path) -> None:
    path = written(tmp_path, GOOD.format(profile=first_profile()))

    printed = nobody.type("check", str(path))
    told = json.loads(nobody.type("check", str(path), "--json").out)

    assert printed.code == 0
    assert "lakeside/b07; buses: 1, devices: 1, points: " in printed.out
    assert "cameras" not in printed.out
    path.write_text(path.read_text() + '\n[[camera]]\nname = "gate-in"\nurl = "rtsp://10.0.0.9/1"\ntask = "plates"\n')
    assert ", cameras: 1\n" in nobody.type("check", str(path)).out
    assert (told["ok"], told["buses"][0]["bus"], told["buses"][0]["devices"]) == (True, "riser-a", 1)
    assert told["buses"][0]["requests_per_round"] >= 1


def test_the_environment_names_the_files_of_another_installation(
    nobody: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, GOOD.format(profile=first_profile()))
    monkeypatch.setenv("EDGEGUARD_CONFIG", str(path))
    monkeypatch.setenv("EDGEGUARD_STATE", str(tmp_path / "elsewhere"))

    assert "lakeside/b07" in nobody.type("check").out
    assert f"there is no database in {tmp_path / 'elsewhere'}" in nobody.type("audit", "show").err


LINE = """\
[gateway]
site = "lakeside"
id = "b07"

[store]
directory = "state"

[[bus]]
name = "riser-a"
port = "/dev/ttyUSB0"

[[device]]
name = "meter-1"
bus = "riser-a"
profile = "eastron-sdm630"
address = 3
every = "2s"
"""


def remember(tmp_path: Path, turnaround_ms: float, address: int = 3) -> None:
    """A state directory beside the configuration, in which the meter has taught how long it thinks."""
    profile = shipped_profiles().get("eastron-sdm630")
    taught = {"refused": {}, "cuts": [], "holes": [], "largest": 40, "too_large": 0, "turnaround_ms": turnaround_ms}
    devices = {"meter-1": {"is": f"riser-a:{address}:{profile.sha256}", **taught}}
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "learned.json").write_text(json.dumps({"format": 1, "devices": devices}), encoding="utf-8")


def test_what_devices_have_taught_counts_on_the_gateway_itself(nobody: Desk, tmp_path: Path) -> None:
    path = written(tmp_path, LINE)
    (guessed,) = json.loads(nobody.type("check", str(path), "--json").out)["buses"]
    remember(tmp_path, 60)

    told = json.loads(nobody.type("check", str(path), "--json").out)
    printed = nobody.type("check", str(path))

    (bus,) = told["buses"]
    assert (guessed["taught"], bus["taught"]) == (0, 1)
    assert bus["load"] == pytest.approx(guessed["load"] + 0.050 * bus["requests_per_s"], abs=1e-3)
    assert "what 1 device has taught" in told["notes"][-1]
    assert (printed.code, "what 1 device has taught" in printed.out) == (0, True)


def test_a_plan_that_its_devices_are_too_slow_for_is_told_with_one_that_fits(nobody: Desk, tmp_path: Path) -> None:
    path = written(tmp_path, LINE)
    remember(tmp_path, 900)

    printed = nobody.type("check", str(path))
    told = json.loads(nobody.type("check", str(path), "--json").out)

    assert printed.code == 1
    assert printed.out.startswith(f"! {path}")
    assert f"{path}:8: bus[0]: by what the devices have taught the plan does not fit on 9600 8N1" in told["notes"][-1]
    assert "every = meter-1" in told["notes"][-1]


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 1, "devices": {"meter-1": 7}}'])
def test_a_damaged_memory_is_left_out_with_a_note(text: str, nobody: Desk, tmp_path: Path) -> None:
    path = written(tmp_path, LINE)
    (guessed,) = json.loads(nobody.type("check", str(path), "--json").out)["buses"]
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "learned.json").write_text(text, encoding="utf-8")

    told = json.loads(nobody.type("check", str(path), "--json").out)

    assert told["buses"] == [guessed]
    assert "left out" in told["notes"][-1]


def test_another_meter_in_the_same_place_has_taught_nothing_yet(nobody: Desk, tmp_path: Path) -> None:
    path = written(tmp_path, LINE)
    remember(tmp_path, 900, address=4)

    told = json.loads(nobody.type("check", str(path), "--json").out)

    assert told["buses"][0]["taught"] == 0
    assert not any("taught" in note for note in told["notes"])


def test_every_mistake_is_told_with_its_place(nobody: Desk, tmp_path: Path) -> None:
    path = written(
        tmp_path,
        GOOD.format(profile=first_profile()).replace("2s", "2 parsecs") + "nix = 1\n",
    )

    printed = nobody.type("check", str(path))
    told = json.loads(nobody.type("check", str(path), "--json").out)

    assert printed.code == 2
    lines = [line for line in printed.out.splitlines() if line.startswith(f"{path}:")]
    assert len(lines) == len(told["mistakes"]) >= 2
    assert any(f"{path}:14: device[0].every" in line for line in lines)
    assert not told["ok"]


def test_a_file_that_is_not_there(nobody: Desk, tmp_path: Path) -> None:
    printed = nobody.type("check", str(tmp_path / "none.toml"))

    assert printed.code == 2
    assert "none.toml" in printed.out


def test_profiles_can_be_listed_shown_and_checked(nobody: Desk) -> None:
    _list_show_and_check(nobody, "zh", ("grundfos-cim200", "inovance-nice3000plus"))


@pytest.mark.slow
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_shipped_profile_can_be_listed_shown_and_checked(nobody: Desk, lang: str) -> None:
    _list_show_and_check(nobody, lang, shipped_profiles().names())


def _list_show_and_check(nobody: Desk, lang: str, shown_names: Sequence[str]) -> None:
    names = shipped_profiles().names()
    listed = nobody.type("profile", "list", lang=lang, width=160)
    assert listed.code == 0
    assert all(name in listed.out for name in names)
    assert {entry["name"] for entry in json.loads(nobody.type("profile", "list", "--json").out)} == set(names)
    for name in shown_names:
        shown = nobody.type("profile", "show", name, lang=lang)
        assert shown.code == 0
        assert name in shown.out
        assert json.loads(nobody.type("profile", "show", name, "--json").out)["point_list"]
        assert nobody.type("profile", "check", str(shipped_configs() / "profiles" / f"{name}.toml"), lang=lang).code == 0


def test_a_profile_with_mistakes_is_refused(nobody: Desk, tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_text('[profile]\nname = "broken"\n', encoding="utf-8")

    printed = nobody.type("profile", "check", str(path))

    assert printed.code == 2
    assert f"{path}:1: profile" in printed.out


def test_an_unknown_profile_is_code_2(nobody: Desk) -> None:
    printed = nobody.type("profile", "show", "no-such-thing")

    assert printed.code == 2
    assert "there is no profile of that name" in printed.err


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ('condition = "deviation"\npoint = "power"\nreference = "voltage"\nlimit = 3', "power is off voltage by > 3"),
        ('condition = "rate"\npoint = "power"\nlimit = 3\nper = "2m"', "power changes by > 3 in 2 min 0 s"),
        (
            'condition = "stuck"\npoint = "power"\nonly_while = "voltage > 3"',
            "power has not moved for 1 min 0 s, only while voltage > 3",
        ),
        ('condition = "stale"\npoint = "power"\non_delay = "1m"', "power has no good value, 60 s"),
        ('condition = "when"\nwhen = "power > 3 and voltage < 2"', "power > 3 and voltage < 2"),
        ('condition = "low-low"\npoint = "power"\nlimit = 3\nhysteresis = 1', "power < 3"),
    ],
)
def test_every_kind_of_alarm_of_a_profile_is_told_in_words(nobody: Desk, tmp_path: Path, condition: str, told: str) -> None:
    text = (shipped_configs() / "profiles" / "eastron-sdm120.toml").read_text(encoding="utf-8")
    alarm = f'[[alarm]]\nname = "mine"\nseverity = "minor"\ntext = {{ zh = "某", en = "some" }}\n{condition}\n'
    place = text.index("[[alarm]]")
    own = (text[:place] + alarm + text[place:]).replace('name = "eastron-sdm120"', 'name = "my-meter"')
    (tmp_path / "my-meter.toml").write_text(own, encoding="utf-8")
    shown = nobody.type("profile", "show", "my-meter", "--profiles", str(tmp_path), lang="en", width=160)
    assert any(line.startswith("mine ") and told in line for line in shown.out.splitlines()), shown.out


def test_what_a_relay_board_watches_is_shown(nobody: Desk) -> None:
    shown = nobody.type("profile", "show", "waveshare-relay8", lang="en", width=160)
    assert "output-changed" in shown.out
    assert "comms-lost" in shown.out
    names = [alarm["name"] for alarm in json.loads(nobody.type("profile", "show", "waveshare-relay8", "--json").out)["alarms"]]
    assert names == ["comms-lost", "output-changed"]


def test_a_profile_shows_what_it_is_worth(nobody: Desk) -> None:
    printed = nobody.type("profile", "show", "generic-ats", "--lang", "en")
    told = json.loads(nobody.type("profile", "show", "generic-ats", "--json").out)
    meter = json.loads(nobody.type("profile", "show", "abb-b23", "--json").out)

    assert "! this is a template" in printed.out
    assert "✓ recorded" in printed.out
    assert "(composed, not from the field)" in printed.out
    assert "- field-verified" in printed.out
    assert (told["template"], meter["template"]) == (True, False)
    assert told["ledger"]["recorded"]["composed"]
    assert told["ledger"]["field"] is None
    assert meter["identify"]["registers"] == ["holding 35168: type designation"]


def test_where_a_point_sits_is_told_in_the_language(nobody: Desk) -> None:
    meter, level = (
        nobody.type("profile", "show", name, lang="zh", width=200).out
        for name in ("generic-dlt645-2007-single", "generic-level-transmitter")
    )

    assert "04000503 位 4" in meter
    assert "数值" in meter
    assert "保持寄存器 3-6" in level


def test_the_list_marks_templates(nobody: Desk) -> None:
    printed = nobody.type("profile", "list", "--lang", "en")

    marked = {line.split()[0] for line in printed.out.splitlines() if ", template" in line}
    library = shipped_profiles()
    assert marked == {name for name in library.names() if library.get(name).template}


@pytest.mark.parametrize("kind", ["profile", "meter-profile", "driver-profile", "site"])
def test_the_schemas_are_printed(nobody: Desk, kind: str) -> None:
    shipped = shipped_configs() / "schemas" / f"{kind}.schema.json"

    assert nobody.type("schema", kind).out == shipped.read_text(encoding="utf-8")
    assert json.loads(nobody.type("schema", kind, "--json").out)["title"] == f"edgeguard {kind} file"


def test_there_is_no_schema_of_anything_else(nobody: Desk) -> None:
    printed = nobody.type("schema", "lift", "--lang", "en")

    assert printed.code == 2
    assert 'there is no schema "lift": profile, meter-profile, driver-profile, site, mqtt, mqtt.status' in printed.err


def test_a_fault_that_there_is_not_is_bad_usage_of_the_simulator(nobody: Desk, tmp_path: Path) -> None:
    site = written(tmp_path, GOOD.format(profile="grundfos-cim200"))

    printed = nobody.type("simulate", str(site), "--fault", "device-1=tired")

    assert printed.code == 2
    assert "tired" in printed.err
    assert "dead" in printed.err
