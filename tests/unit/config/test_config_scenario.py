"""Scenario files of the simulator: what they say, and every mistake with its line."""

from pathlib import Path

import pytest

from edgeguard.config.scenario import Scenario, ScenarioFault, load_scenario
from edgeguard.core.errors import ConfigError
from edgeguard.core.point import Labels


def load(folder: Path, text: str) -> Scenario:
    path = folder / "bad-day.toml"
    path.write_text(text, encoding="utf-8")
    return load_scenario(path)


def test_a_scenario_says_what_goes_wrong_and_when(tmp_path: Path) -> None:
    text = """
repeat = "5m"

[[fault]]
target = "pump-1"
kind = "dry-run"
at = "90s"
lasts = "30s"
text = { zh = "缺水", en = "no water" }

[[fault]]
target = "riser"
kind = "unplugged"
"""
    assert load(tmp_path, text) == Scenario(
        (
            ScenarioFault("pump-1", "dry-run", 90.0, 30.0, Labels("缺水", "no water")),
            ScenarioFault("riser", "unplugged", 0.0, None, None),
        ),
        300.0,
    )
    assert load(tmp_path, "") == Scenario()


def test_mistakes_name_their_place(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        load(tmp_path, 'repeat = "0s"\nrepeats = 3\n[[fault]]\ntarget = "pump-1"\nat = 5\nkind = "dead"\n[[fault]]\nkind = "x"\n')
    said = str(error.value)
    for words in ("bad-day.toml:1: repeat", "bad-day.toml:2: repeats", "bad-day.toml:5: fault[0].at", "fault[1].target"):
        assert words in said
