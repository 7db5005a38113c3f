"""`bus`: what a technician sees of the wires, and when the exit code says that somebody should look."""

import json
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cli_kit import Desk, desk
from rich.cells import cell_len

from edgeguard.config import load_profile
from edgeguard.core.profile import ModbusLimits


@pytest.fixture
def here() -> Iterator[Desk]:
    with desk() as made:
        yield made


def test_every_bus_is_a_line_and_what_is_wrong_is_said_below(here: Desk) -> None:
    printed = here.type("bus")

    assert printed.code == 1
    assert [line.split()[0] for line in printed.out.splitlines()[1:3]] == ["riser-a", "riser-b"]
    assert "✗ riser-b: no such device; next attempt in 1.0 s" in printed.out
    assert "! riser-b: 41 answers spoilt (4.1 %)" in printed.out
    assert "edgeguard bus riser-b --flight" in printed.out


def test_good_lines_are_no_reason_to_look(here: Desk) -> None:
    here.building.healthy = True

    printed = here.type("bus")

    assert printed.code == 0
    assert "!" not in printed.out


def test_one_bus_shows_its_devices_and_its_day(here: Desk) -> None:
    printed = here.type("bus", "riser-b", width=140)

    assert "9600 8E1" in printed.out
    assert "failed: timeout 590, checksum 410" in printed.out
    (device,) = [line for line in printed.out.splitlines() if line.startswith("fan-2")]
    assert "5 s" in device
    assert "7.5 s" in device
    assert "line quality 55" in printed.out
    assert printed.out.count("41 answers spoilt") == 5


def test_the_frames_before_a_fault(here: Desk) -> None:
    printed = here.type("bus", "riser-b", "--flight")

    assert "device-silent" in printed.out
    assert "→ 7: read holding 0  070300000001846c" in printed.out
    assert "no fault has been recorded" in here.type("bus", "riser-a", "--flight").out
    assert here.type("bus", "--flight").code == 2


def test_json_is_the_views_as_they_are(here: Desk) -> None:
    told = json.loads(here.type("bus", "--json").out)

    assert [bus["score"] for bus in told] == [100, 55]
    assert len(told[1]["hours"]) == 24
    assert json.loads(here.type("bus", "riser-b", "--flight", "--json").out)[0]["device"] == "fan-2"


def test_an_unknown_bus_is_bad_usage(here: Desk) -> None:
    assert here.type("bus", "cellar").code == 2


@pytest.mark.parametrize("words", [["bus"], ["bus", "riser-b"]], ids=" ".join)
@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("width", [80, 160])
def test_no_line_is_wider_than_the_terminal(here: Desk, words: list[str], lang: str, width: int) -> None:
    printed = here.type(*words, lang=lang, width=width)

    assert max(cell_len(line) for line in printed.out.splitlines()) <= width


def test_what_a_device_has_taught_is_shown_and_can_be_pasted_into_its_profile(here: Desk) -> None:
    shown = here.type("bus", "riser-a", width=160).out
    assert "pump-1: thinks 18 ms; gives 20 registers at once; needs 20 ms between requests; cannot be" in shown
    assert "4 sent again" in shown

    printed = here.type("profile", "diff", "pump-1")
    assert printed.code == 0
    assert tomllib.loads(printed.out) == {"modbus": {"max_registers": 20}}
    assert here.type("profile", "diff", "fan-2").code == 1
    assert here.type("profile", "diff", "nobody").code == 2
    assert json.loads(here.type("profile", "diff", "pump-1", "--json").out)["learned"]["largest"] == 20


def test_where_the_sites_own_profile_is_has_to_be_said(here: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    buses = here.building.lines.buses()
    own = tuple(replace(bus, devices=tuple(replace(device, profile="ours") for device in bus.devices)) for bus in buses)
    monkeypatch.setattr(here.building.lines, "buses", lambda: own)

    printed = here.type("profile", "diff", "pump-1", "--write", str(tmp_path / "new.toml"))

    assert printed.code == 2
    assert "ours.toml:1: file: this profile is the site's own; --profiles DIR says where it is" in printed.err
    assert not list(tmp_path.iterdir())


def test_what_a_device_has_taught_becomes_a_profile_of_its_own(here: Desk, tmp_path: Path) -> None:
    made = tmp_path / "our-pump.toml"
    printed = here.type("profile", "diff", "pump-1", "--write", str(made))
    assert (printed.code, "max_registers = 20" in printed.out) == (0, True)
    assert 'profile = "our-pump" at device pump-1' in printed.out
    profile = load_profile(made)
    assert isinstance(profile.limits, ModbusLimits)
    assert (profile.name, profile.limits.max_registers) == ("our-pump", 20)

    before = made.read_bytes()
    again = here.type("profile", "diff", "pump-1", "--write", str(made))
    assert (again.code, "is there already" in again.err) == (2, True)
    assert made.read_bytes() == before
    taken = here.type("profile", "diff", "pump-1", "--write", str(tmp_path / "grundfos-cim200.toml"))
    assert (taken.code, "there is a profile called grundfos-cim200 already" in taken.err) == (2, True)
    assert here.type("profile", "diff", "pump-1", "--write", str(tmp_path / "no good.toml")).code == 2
    assert here.type("profile", "diff", "pump-1", "--write", str(tmp_path / "pump.txt")).code == 2
    assert here.type("profile", "diff", "fan-2", "--write", str(tmp_path / "fan.toml")).code == 1
    assert here.type("profile", "diff", "nobody", "--write", str(tmp_path / "x.toml")).code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["our-pump.toml"]
    told = json.loads(here.type("profile", "diff", "pump-1", "--write", str(tmp_path / "second.toml"), "--json").out)
    assert (told["device"], told["profile"]) == ("pump-1", "second")
