"""Groups, roles and reactions of a site: what is right becomes values, what is wrong is named with its line."""

from pathlib import Path

import pytest

from edgeguard.config import load_site
from edgeguard.core.errors import ConfigError
from edgeguard.core.reaction import Mode, Until
from edgeguard.core.site import Site

BASE = """\
[gateway]
site = "lakeside"
id = "b07"
[[bus]]
name = "plant"
url = "tcp://10.0.0.7"
[[device]]
name = "inputs"
bus = "plant"
address = 1
profile = "wellpro-wp8028adam"
every = "2s"
[device.role]
input_1 = "sump.high"
input_2 = { "fire.valve-open" = [false] }
[device.interlock.output_1]
requires = ["not input_8"]
[[device]]
name = "meter"
bus = "plant"
address = 2
profile = "eastron-sdm630"
every = "2s"
"""
GOOD = """\
[[reaction]]
name = "siren"
alarm = "inputs.sump-high"
target = "inputs.output_1"
value = true
reset = false
mode = "test"
until = "acked"
requires = ["meter.voltage_l1 > 180", "not input_7"]
min_on = "10s"
longest = "10m"
"""


def site(folder: Path, more: str = "", base: str = BASE) -> Site:
    path = folder / "site.toml"
    path.write_text(base + more, "utf-8")
    return load_site(path)


def test_roles_of_the_site_switch_rules_on_and_a_reaction_hangs_on_one(tmp_path: Path) -> None:
    made = site(tmp_path, GOOD)
    inputs = made.devices[0]
    watched = {str(rule.name).removeprefix("inputs.") for rule in inputs.alarms}
    assert watched == {"comms-lost", "sump-high", "fire-valve-closed", "output-changed"}
    assert all(rule.advice for rule in inputs.alarms if rule.name != "inputs.comms-lost")
    (reaction,) = made.reactions
    assert (reaction.mode, reaction.until, reaction.min_on_ms, reaction.longest_ms) == (Mode.TEST, Until.ACKED, 10_000, 600_000)
    assert len(reaction.requires) == 2


def test_it_is_off_unless_said_otherwise(tmp_path: Path) -> None:
    (reaction,) = site(tmp_path, GOOD.replace('mode = "test"\n', "")).reactions
    assert reaction.mode is Mode.OFF


@pytest.mark.parametrize(
    ("change", "to", "expected"),
    [
        ("inputs.sump-high", "inputs.sump-hihg", '26: reaction[0].alarm: there is no alarm "inputs.sump-hihg" (did you mean'),
        ("inputs.output_1", "inputs.output_9", '27: reaction[0].target: inputs has no point "output_9" that can be written'),
        ("inputs.output_1", "outputs.output_1", '27: reaction[0].target: there is no device "outputs"'),
        ("inputs.output_1", "inputs.output_2", "27: reaction[0].target: inputs.output_2 can do harm and has no second condition"),
        ("inputs.output_1", "inputs.input_1", '27: reaction[0].target: inputs has no point "input_1" that can be written'),
        ("value = true", "value = 3", "28: reaction[0].value: output_1 is true or false"),
        ("reset = false", "reset = true", "29: reaction[0].reset: is the value itself"),
        ('mode = "test"', 'mode = "trial"', '30: reaction[0].mode: "trial" is not one of off, test, on'),
        ("not input_7", "not input_17", '32: reaction[0].requires[1]: device inputs has no polled point "input_17"'),
        ("not input_7", "not output_1", "32: reaction[0].requires[1]: speaks of inputs.output_1 itself"),
        ('"10m"', '"5s"', "34: reaction[0].longest: is shorter than min_on"),
        ("min_on", "min_onn", '33: reaction[0].min_onn: unknown key (did you mean "min_on"?)'),
        (
            GOOD,
            GOOD + GOOD.replace("siren", "siren-2"),
            '38: reaction[1].target: target "inputs.output_1" is already',
        ),
    ],
)
def test_mistakes_of_reactions(tmp_path: Path, change: str, to: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        site(tmp_path, GOOD.replace(change, to))
    assert any(f":{expected}" in line for line in caught.value.mistakes), caught.value.mistakes


def test_an_output_that_its_own_interlock_would_keep_on_is_refused(tmp_path: Path) -> None:
    base = BASE.replace("not input_8", "not output_1")
    with pytest.raises(ConfigError) as caught:
        site(tmp_path, GOOD, base)
    assert [line.partition(":")[2] for line in caught.value.mistakes] == [
        (
            "27: reaction[0].target: its interlock [device.interlock.output_1] "
            '"not output_1" speaks of inputs.output_1 itself, so that what is switched on could never be switched back'
        )
    ]
    assert site(tmp_path, GOOD.replace("reset = false\n", ""), base).reactions, "nothing is to be switched back there"


@pytest.mark.parametrize(
    ("change", "to", "expected"),
    [
        ('"sump.high"', '"sump.hihg"', '14: device[0].role.input_1: there is no role "sump.hihg" (did you mean "sump.high"?)'),
        ('"sump.high"', '"sump.level"', "14: device[0].role.input_1: sump.level is a number, and point input_1 is none"),
        ("input_1 =", "input_11 =", '14: device[0].role.input_11: profile wellpro-wp8028adam has no polled point "input_11"'),
        ("[false]", '["no"]', "15: device[0].role.input_2: 'no' is no value of input_2"),
        ("[false]", "[]", "15: device[0].role.input_2: must be a role such as"),
        (
            "every = ",
            '[[group]]\nname = "g"\ndevices = ["inputs", "metre"]\n# ',
            '14: group[0].devices[1]: there is no device "metre"',
        ),
    ],
)
def test_mistakes_of_roles_and_groups(tmp_path: Path, change: str, to: str, expected: str) -> None:
    base = BASE.replace(change, to, 1) if "[[group]]" not in to else BASE + to.removesuffix("# ")
    expected = expected.replace("14: group", "26: group") if "[[group]]" in to else expected
    with pytest.raises(ConfigError) as caught:
        site(tmp_path, base=base)
    assert any(f":{expected}" in line for line in caught.value.mistakes), caught.value.mistakes


def test_a_rule_is_set_otherwise_like_any_alarm(tmp_path: Path) -> None:
    more = "[device.alarms.voltage-unbalance]\nlimit = 3.0\non_delay = '5m'\n[device.alarms.phase-loss]\nenabled = false\n"
    meter = site(tmp_path, more).devices[1]
    unbalance = next(rule for rule in meter.alarms if rule.name == "meter.voltage-unbalance")
    assert (unbalance.limit, unbalance.on_delay_ms) == (3.0, 300_000)
    assert "meter.phase-loss" not in {rule.name for rule in meter.alarms}
    for wrong, sentence in (("limit = 'x'", "must be a number"), ("hysteresis = 1.0", "makes no sense for a domain rule")):
        with pytest.raises(ConfigError, match=sentence):
            site(tmp_path, f"[device.alarms.voltage-unbalance]\n{wrong}\n")
    with pytest.raises(ConfigError, match="fire-valve-closed has no limit that could be set"):
        site(tmp_path, base=BASE.replace("[device.interlock", "[device.alarms.fire-valve-closed]\nlimit = 1\n[device.interlock", 1))
