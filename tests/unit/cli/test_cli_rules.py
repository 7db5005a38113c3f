"""`rules` and `reaction` as people and programs see them."""

import json

from cli_kit import desk

from edgeguard.cli.session import Exit
from edgeguard.config import shipped_configs
from edgeguard.control import Call
from edgeguard.control.rule_views import ReactionView
from edgeguard.testing.handlers import FakeBuilding


def test_rules_say_what_watches_and_what_is_lacking() -> None:
    with desk() as here:
        printed = here.type("rules", "pump-1")
        assert printed.code == Exit.FINE
        assert "pump-1.dry-run" in printed.out
        assert "0.2 m" in printed.out
        assert "lacks pump.flow" in printed.out
        assert "speed, tank.level" in printed.out
        assert "pump-1.speed" not in printed.out
        assert "水泵缺水干转" in here.type("rules", lang="zh").out
        views = json.loads(here.type("--json", "rules", "pump-1").out)
        assert [(view["rule"], view["state"]) for view in views] == [("dry-run", "on"), ("no-flow", "lacking")]
        assert here.type("rules", "nobody").code == Exit.BAD_USAGE


def test_rules_of_a_file_need_no_daemon() -> None:
    with desk() as here:
        example = str(shipped_configs() / "site.example.toml")
        views = json.loads(here.type("--json", "rules", "lift-1", "--config", example).out)
        by_rule = {view["rule"]: view for view in views}
        assert by_rule["overspeed"]["state"] == "on"
        assert by_rule["overspeed"]["limit"] == 115.0
        assert by_rule["trapped"]["on_delay_s"] == 20.0
        assert by_rule["levelling-error"]["lacks"] == ["lift.levelling-offset"]
        own = by_rule["door-not-opening"]
        assert (own["state"], own["on_delay_s"]) == ("own", 30.0), "what watches is the alarm of the profile, with its own delay"


def test_of_an_alarm_that_stands_in_its_own_limit_and_unit_are_shown() -> None:
    with desk() as here:
        example = str(shipped_configs() / "site.example.toml")
        views = json.loads(here.type("--json", "rules", "--config", example).out)
        by_alarm = {view["alarm"]: (view["state"], view["limit"], view["unit"], view["on_delay_s"]) for view in views}
        assert by_alarm["main-meter.over-voltage-l1"] == ("own", 246.1, "V", 10.0)
        assert by_alarm["water-meter.low-pressure"] == ("own", 0.14, "MPa", 60.0)


def test_pumps_of_the_example_run_dry_by_the_level_of_their_tank() -> None:
    with desk() as here:
        example = str(shipped_configs() / "site.example.toml")
        views = json.loads(here.type("--json", "rules", "pump-2", "--config", example).out)
        dry = next(view for view in views if view["rule"] == "dry-run")
        assert dry["state"] == "on"
        assert {"tank-level.level", "pump-2.alarm_code"} <= set(dry["inputs"])


def test_a_reaction_is_shown_held_released_stopped_and_tested() -> None:
    building = FakeBuilding()
    with desk(building) as here:
        assert "panel.relay_1 = True" in here.type("reaction", "list").out
        assert "would write True" in here.type("reaction", "test", "siren").out
        assert here.type("reaction", "hold", "siren").code == Exit.FINE
        assert building.rules.siren.held_by
        here.type("reaction", "release", "siren")
        assert json.loads(here.type("--json", "reaction", "stop", "siren").out)["phase"] == "spent"
        assert here.type("reaction", "hold", "sirene").code == Exit.BAD_USAGE


def test_a_site_without_reactions_says_so() -> None:
    async def none(_: Call) -> tuple[ReactionView, ...]:
        return ()

    with desk(handlers={"reactions": none}) as here:
        printed = here.type("reaction", "list")
    assert (printed.code, printed.out) == (Exit.FINE, "no reaction is configured: [[reaction]]\n")
