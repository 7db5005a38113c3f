"""`set-time`: asks, broadcasts, and says of each meter what its clock shows, in words and as JSON."""

import json

import pytest
from cli_kit import desk


def test_each_meter_is_told_and_one_that_is_not_right_makes_the_exit_code() -> None:
    with desk() as made:
        printed = made.type("set-time", "riser-a", "--yes", width=200)
        again = made.type("set-time", "riser-a", "--yes")
    assert (printed.code, again.code) == (1, 1)
    for words in ("-74.0 s", "nobody answers a broadcast", "maker's tool", "could not be read"):
        assert words in printed.out
    assert "it has been broadcast today" in again.err


def test_in_chinese_and_as_json() -> None:
    with desk() as made:
        made.building.meter_clocks.meters = made.building.meter_clocks.meters[:2]
        printed = made.type("set-time", "riser-a", "-y", "--json")
        made.building.meter_clocks.times = 0
        chinese = made.type("set-time", "riser-a", "-y", lang="zh")
    told = json.loads(printed.out)
    assert (printed.code, told["fate"], told["frames"], told["meters"][0]["before_s"]) == (0, "done", 1, -74.0)
    assert (chinese.code, "已校准" in chinese.out) == (0, True)


def test_somebody_must_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with desk() as made:
        alone = made.type("set-time", "riser-a")
        as_json = made.type("set-time", "riser-a", "--json")
        monkeypatch.setattr("edgeguard.cli.set_time.somebody_is_here", lambda: True)
        declined = made.type("set-time", "riser-a", answer="n\n")
        assert (alone.code, as_json.code, declined.code) == (2, 2, 1)
        assert "nothing was broadcast" in declined.out
        assert made.building.meter_clocks.times == 0
        assert made.type("set-time", "riser-a", answer="y\n").code == 1
        assert made.building.meter_clocks.times == 1
