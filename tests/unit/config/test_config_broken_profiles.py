"""Broken profiles: each mistake with its line, its key path and a way out."""

from pathlib import Path

import pytest

from edgeguard.config import load_profile
from edgeguard.core.errors import ConfigError

GOOD = """\
[profile]
name = "meter"
maker = "Maker"
model = "Model"
kind = "electricity-meter"
labels = { zh = "电表", en = "Meter" }
source = "somewhere"
trust = "some"
[modbus]
max_registers = 60
forbidden = [{ table = "holding", first = 100, last = 110 }]
[[point]]
name = "power"
table = "input"
address = 0x34
type = "float32"
unit = "W"
range = [-1000, 1000]
labels = { zh = "功率", en = "Power" }
[[point]]
name = "mode"
table = "holding"
address = 5
type = "uint16"
labels = { zh = "模式", en = "Mode" }
[point.choices]
0 = { zh = "停", en = "off" }
1 = { zh = "开", en = "on" }
[[point]]
name = "door"
table = "discrete"
address = 3
labels = { zh = "门", en = "Door" }
[[alarm]]
name = "high-power"
point = "power"
condition = "high"
limit = 900.0
severity = "major"
text = { zh = "功率高", en = "Power high" }
# what the cases add follows
"""
"""41 lines; cases add from line 42 on."""


def mistakes_of(tmp_path: Path, text: str, name: str = "meter") -> list[str]:
    path = tmp_path / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    try:
        load_profile(path)
    except ConfigError as error:
        lines = error.mistakes
    else:
        lines = ()
    assert all(line.startswith(f"{path}:") for line in lines)
    return [line.removeprefix(f"{path}:") for line in lines]


def test_the_ground_under_the_cases_is_sound(tmp_path: Path) -> None:
    assert mistakes_of(tmp_path, GOOD) == []


def point(name: str, rest: str) -> str:
    """Another point, from line 42 on; `rest` starts at line 45."""
    return f'[[point]]\nname = "{name}"\nlabels = {{ zh = "x", en = "x" }}\n{rest}'


def alarm(watched: str, rest: str) -> str:
    """Another alarm, from line 42 on; `rest` starts at line 47."""
    return f'[[alarm]]\nname = "x"\npoint = "{watched}"\nseverity = "minor"\ntext = {{ zh = "x", en = "x" }}\n{rest}'


REGISTER = "table = 'holding'\naddress = 9\n"
"""Two lines of a point; what follows starts at line 47."""

ADDED = [
    (point("power", REGISTER + "type = 'int16'\n"), '43: point[3].name: point "power" is already used in line 13'),
    (point("Power", REGISTER + "type = 'int16'\n"), '43: point[3].name: "Power" is not a point name: use small letters'),
    (
        point("x", "table = 'input'\naddress = 52\ntype = 'float32'\n"),
        "46: point[3].address: field input 52 is already used in line 15",
    ),
    (
        point("x", "table = 'inputs'\naddress = 1\ntype = 'int16'\n"),
        '45: point[3].table: "inputs" is not one of coil, discrete, holding, input (did you mean "input"?)',
    ),
    (
        point("x", "table = 'input'\naddress = 70000\ntype = 'int16'\n"),
        "46: point[3].address: 70000 is out of range: must be at most 65535",
    ),
    (
        point("x", "table = 'input'\naddress = 65535\ntype = 'int32'\n"),
        "46: point[3].address: the last register would be 65536: at most 65535",
    ),
    (
        point("x", "table = 'holding'\naddress = 99\ntype = 'int32'\n"),
        "46: point[3].address: lies in the forbidden range 100..110 of the holding table",
    ),
    (
        point("x", "table = 'input'\naddress = 100\ntype = 'string'\nwords = 61\n"),
        "46: point[3].address: takes 61 registers at once, but modbus.max_registers is 60",
    ),
    (point("x", "table = 'holding'\naddress = 9\n"), "42: point[3].type: is missing: a point in holding registers needs one"),
    (point("x", REGISTER + "type = 'float16'\n"), '47: point[3].type: "float16" is not one of bit, uint16'),
    (
        point("x", REGISTER + "type = 'bit'\n"),
        '47: point[3].type: "bit" is for coils and discrete inputs; for a bit of a holding register give',
    ),
    (point("x", "table = 'coil'\naddress = 9\ntype = 'uint16'\n"), "47: point[3].type: a coil is a single bit; leave the type out"),
    (
        point("x", "table = 'coil'\naddress = 9\nscale = 2\n"),
        "47: point[3].scale: makes no sense for a coil, which is a single bit",
    ),
    (point("x", "table = 'coil'\naddress = 9\nunit = 'V'\n"), "47: point[3].unit: makes no sense for a truth value"),
    (point("x", REGISTER + "type = 'string'\n"), "42: point[3].words: is missing: a string needs the number of its registers"),
    (point("x", REGISTER + "type = 'int32'\nwords = 2\n"), "48: point[3].words: is for strings only; int32 always takes 2"),
    (
        point("x", REGISTER + "type = 'int16'\nword_order = 'little'\n"),
        "48: point[3].word_order: makes no sense for a single register",
    ),
    (
        point("x", REGISTER + "type = 'uint16'\nbit = 16\n"),
        "48: point[3].bit: bit 16 does not exist in uint16, whose bits are 0 to 15",
    ),
    (point("x", REGISTER + "type = 'float32'\nbit = 1\n"), "48: point[3].bit: bits can be taken from whole-number types only"),
    (
        point("x", REGISTER + "type = 'uint16'\nbits = [7, 4]\n"),
        "48: point[3].bits: [7, 4] must be [lowest, highest], counted from 0",
    ),
    (point("x", REGISTER + "type = 'uint16'\nbits = [7]\n"), "48: point[3].bits: must have at least 2 entries, not 1"),
    (point("x", REGISTER + "type = 'uint16'\nbit = 1\nbits = [1, 2]\n"), "48: point[3].bit: give bit or bits, not both"),
    (point("x", REGISTER + "type = 'int16'\nscale = 0\n"), "48: point[3].scale: must not be 0"),
    (point("x", REGISTER + "type = 'int16'\nscale = nan\n"), "48: point[3].scale: must be a finite number"),
    (point("x", REGISTER + "type = 'int16'\nscale = true\n"), "48: point[3].scale: must be a number, not a truth value"),
    (point("x", REGISTER + "type = 'int16'\nrange = [5, 5]\n"), "48: point[3].range: [5, 5] must be [least, most]"),
    (
        point("x", REGISTER + "type = 'int16'\nno_value = [0xFFFF]\n"),
        "48: point[3].no_value: entry 0: 65535 does not fit int16 (-32768 to 32767)",
    ),
    (point("x", REGISTER + "type = 'float32'\nno_value = [1]\n"), "48: point[3].no_value: is for whole-number types only"),
    (
        point("x", REGISTER + "type = 'int16'\ndeadband = '120%'\n"),
        "48: point[3].deadband: 120% is out of range: more than 0% and at most 100%",
    ),
    (
        point("x", REGISTER + "type = 'int16'\nheartbeat = '1s'\nmin_interval = '5s'\n"),
        "48: point[3].heartbeat: must not be shorter than min_interval",
    ),
    (point("x", REGISTER + "type = 'int16'\nheartbeat = '0s'\n"), "48: point[3].heartbeat: 0ms is too short: at least 1s"),
    (point("x", REGISTER + "type = 'int16'\ndecimals = 12\n"), "48: point[3].decimals: 12 is out of range: must be at most 9"),
    (
        point("x", REGISTER + "type = 'float32'\n[point.choices]\n1 = { zh = 'x', en = 'x' }\n"),
        "48: point[3].choices: need a whole-number type, not float32",
    ),
    (
        point("x", REGISTER + "type = 'uint16'\nbits = [0, 1]\n[point.choices]\n4 = { zh = 'x', en = 'x' }\n"),
        "50: point[3].choices.4: 4 does not fit the field (0 to 3)",
    ),
    (
        point("x", REGISTER + "type = 'uint16'\n[point.choices]\none = { zh = 'x', en = 'x' }\n"),
        '49: point[3].choices.one: "one" is not a whole number',
    ),
    (
        point("x", REGISTER + "type = 'uint16'\n[point.choices]\n1 = { zh = 'x', en = 'x' }\n2 = { zh = 'y', en = 'x' }\n"),
        '50: point[3].choices.2: the English text "x" is that of 1 too; the platform tells choices by it',
    ),
    (point("x", REGISTER + "type = 'uint16'\n[point.choices]\n1 = { en = 'x' }\n"), "49: point[3].choices.1.zh: is missing"),
    (
        point("x", REGISTER + "type = 'uint16'\nscale = 0.1\n[point.choices]\n1 = { zh = 'x', en = 'x' }\n"),
        "48: point[3].scale: makes no sense for a text",
    ),
    (
        point("x", "table = 'input'\naddress = 9\ntype = 'int16'\nwrite = { min = 0, max = 1 }\n"),
        "48: point[3].write: points of the input table cannot be written",
    ),
    (
        point("x", REGISTER + "type = 'int16'\nwrite = {}\n"),
        "48: point[3].write: a number that can be written needs both min and max",
    ),
    (point("x", REGISTER + "type = 'int16'\nwrite = { min = 2, max = 1 }\n"), "48: point[3].write.min: 2 is more than max 1"),
    (
        point("x", REGISTER + "type = 'int16'\nrange = [0, 5]\nwrite = { min = 0, max = 9 }\n"),
        "49: point[3].write: 0 to 9 leaves the point's range [0, 5]",
    ),
    (
        point("x", REGISTER + "type = 'uint32'\nbits = [12, 19]\nwrite = { min = 0, max = 9 }\n"),
        "49: point[3].write: bits 12 to 19 lie in two registers",
    ),
    (
        point("x", "table = 'coil'\naddress = 9\nwrite = { max = 1 }\n"),
        "47: point[3].write: min, max and tolerance are for numbers only",
    ),
    (point("x", REGISTER + "type = 'int16'\nlabel = 'x'\n"), '48: point[3].label: unknown key (did you mean "labels"?)'),
    (alarm("pover", "condition = 'high'\nlimit = 1\n"), '44: alarm[1].point: there is no point "pover" (did you mean "power"?)'),
    (
        alarm("power", "condition = 'high'\nlimit = 2000\n"),
        "48: alarm[1].limit: 2000 lies outside the range -1000 to 1000 of point power",
    ),
    (
        alarm("power", "condition = 'high'\nlimit = 1000\n"),
        "48: alarm[1].limit: 1000 is the very end of the range -1000 to 1000 of point power",
    ),
    (
        alarm("power", "condition = 'low'\nlimit = 0\nhysteresis = 1001\n"),
        "49: alarm[1].hysteresis: 1001 makes it clear at 1001, outside the range",
    ),
    (alarm("power", "condition = 'high'\nlimit = 'much'\n"), "48: alarm[1].limit: must be a number in W"),
    (alarm("power", "condition = 'high'\nlimit = [1]\n"), "48: alarm[1].limit: must be a number, a text or true/false, not a list"),
    (
        alarm("power", "condition = 'equals'\nlimit = 1\nhysteresis = 1\n"),
        "49: alarm[1].hysteresis: is for limits, deviation and rate only, not for equals",
    ),
    (
        alarm("mode", "condition = 'high'\nlimit = 1\n"),
        '47: alarm[1].condition: "high" needs a number, but point mode is a text; use equals or differs',
    ),
    (
        alarm("mode", "condition = 'equals'\nlimit = 'onn'\n"),
        '48: alarm[1].limit: "onn" is not the English text of a choice of point mode (did you mean "on"?)',
    ),
    (alarm("mode", "condition = 'equals'\nlimit = 1\n"), "48: alarm[1].limit: point mode is a text; the limit must be one too"),
    (
        alarm("door", "condition = 'equals'\nlimit = 1\n"),
        "48: alarm[1].limit: point door is a truth value; the limit must be true or false",
    ),
    (
        alarm("power", "condition = 'comms-lost'\nlimit = 1\n"),
        '47: alarm[1].condition: every device has its "comms-lost" alarm already',
    ),
    (alarm("power", "condition = 'high'\nlimit = 1\non_delay = '8d'\n"), "49: alarm[1].on_delay: 8d is too long: at most 7d"),
    (alarm("power", "condition = 'high'\n"), "42: alarm[1].limit: is missing"),
    ("[[alarm]]\nname = 'high-power'\n", '43: alarm[1].name: alarm "high-power" is already used in line 35'),
    ("[[alarm]]\nname = 'comms-lost'\n", '43: alarm[1].name: "comms-lost" is the alarm that every device has already'),
    ("[[points]]\n", '42: points: unknown key (did you mean "point"?)'),
]


@pytest.mark.parametrize("case", ADDED, ids=[case[1].split(": ")[1] + f"-{i}" for i, case in enumerate(ADDED)])
def test_added_lines(tmp_path: Path, case: tuple[str, str]) -> None:
    found = mistakes_of(tmp_path, GOOD + case[0])
    assert any(line.startswith(case[1]) for line in found), found


REPLACED = [
    ('name = "meter"', 'name = "metre"', '2: profile.name: "metre" must be the name of the file, "meter"'),
    ('kind = "electricity-meter"', 'kind = "electric-meter"', '5: profile.kind: "electric-meter" is not one of lift, pump, vfd'),
    ('maker = "Maker"\n', "", "1: profile.maker: is missing"),
    ("max_registers = 60", "max_registers = 200", "10: modbus.max_registers: 200 is out of range: must be at most 125"),
    ("max_registers = 60", 'delay = "1m"', "10: modbus.delay: 1m is too long: at most 10s"),
    ("first = 100, last = 110", "first = 111, last = 110", "11: modbus.forbidden[0]: first 111 comes after last 110"),
    (
        'forbidden = [{ table = "holding"',
        'forbidden = [{ tabel = "holding"',
        '11: modbus.forbidden[0].tabel: unknown key (did you mean "table"?)',
    ),
]


@pytest.mark.parametrize(
    ("old", "new", "expected"), REPLACED, ids=[case[2].split(": ")[1] + f"-{i}" for i, case in enumerate(REPLACED)]
)
def test_replaced_lines(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in GOOD
    found = mistakes_of(tmp_path, GOOD.replace(old, new, 1))
    assert any(line.startswith(expected) for line in found), found


def test_a_profile_without_points_is_refused(tmp_path: Path) -> None:
    head = GOOD[: GOOD.index("[[point]]")]
    assert mistakes_of(tmp_path, head) == ["1: point: is missing: a profile needs at least one [[point]]"]
    assert mistakes_of(tmp_path, "point = []\n" + head) == ["1: point: is missing: a profile needs at least one [[point]]"]


def test_one_wrong_point_is_not_one_more_mistake_in_its_alarm(tmp_path: Path) -> None:
    found = mistakes_of(tmp_path, GOOD.replace('unit = "W"', "unit = 5"))
    assert found == ["17: point[0].unit: must be a text in quotes, not a whole number"]
