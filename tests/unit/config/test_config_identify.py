"""`[identify]`, `[ledger]`, weights and decimals of a profile: what they become, and each mistake with its line and key."""

import datetime
from pathlib import Path

import pytest
from test_config_broken_profiles import GOOD, mistakes_of, point

from edgeguard.config import load_profile
from edgeguard.core.identify import Expectation, RegisterCheck
from edgeguard.core.ids import PointName
from edgeguard.core.ledger import Claim, Entry
from edgeguard.core.register import Pointed, RawType, RegisterField, Table, Weighted

RULE = """\
[identify]
vendor = ["Maker"]
registers = [
  { table = "holding", address = 0x0B, type = "uint16", equals = [1648], means = "model code" },
  { table = "holding", address = 40, type = "string", words = 6, contains = ["MX"], means = "model name" },
]
expect = [
  { point = "power", range = [1, 5], zero = true },
  { point = "mode", among = ["on"] },
  { point = "door", among = [false] },
]
[ledger]
recorded = { date = 2026-11-24, done = "composed from the map", composed = true }
"""


def test_what_a_rule_and_a_ledger_become(tmp_path: Path) -> None:
    (tmp_path / "meter.toml").write_text(GOOD + RULE, encoding="utf-8")
    profile = load_profile(tmp_path / "meter.toml")
    assert not profile.template
    assert profile.identify.vendor == ("Maker",)
    assert profile.identify.registers == (
        RegisterCheck(RegisterField(Table.HOLDING, 0x0B, RawType.UINT16), "model code", equals=(1648,)),
        RegisterCheck(RegisterField(Table.HOLDING, 40, RawType.STRING, 6), "model name", contains=("MX",)),
    )
    assert profile.identify.expect[0] == Expectation(PointName("power"), 1, 5, zero=True)
    done = Entry(Claim.RECORDED, datetime.date(2026, 11, 24), "composed from the map", composed=True)
    assert profile.ledger.entries == (done,)
    assert profile.ledger.entry(Claim.FIELD) is None


def test_what_weights_and_decimals_become(tmp_path: Path) -> None:
    rows = point("hours", 'table = "input"\naddress = 839\ntype = "uint16"\nweights = [24, 0, 1]\n')
    rows += point("level", 'table = "holding"\naddress = 4\ntype = "int32"\ndecimals_at = 3\n')
    (tmp_path / "meter.toml").write_text(GOOD + rows, encoding="utf-8")
    hours, level = load_profile(tmp_path / "meter.toml").fields[-2:]
    assert hours == RegisterField(Table.INPUT, 839, RawType.UINT16, 3, form=Weighted((24, 0, 1)))
    assert level == RegisterField(Table.HOLDING, 3, RawType.INT32, 3, form=Pointed(number=1, decimals=0))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('[identify]\nvendors = ["x"]\n', '43: identify.vendors: unknown key (did you mean "vendor"?)'),
        (
            '[identify]\nexpect = [{ point = "powr", range = [0, 1] }]\n',
            '43: identify.expect[0].point: there is no point "powr" (did you mean "power"?)',
        ),
        (
            '[identify]\nexpect = [{ point = "power" }]\n',
            "43: identify.expect[0].point: expects nothing: give range, among, never_falls or sum_of",
        ),
        (
            '[identify]\nexpect = [{ point = "mode", among = ["of"] }]\n',
            '43: identify.expect[0].among: "of" is not the English text of a choice of mode (did you mean "off"?)',
        ),
        (
            '[identify]\nexpect = [{ point = "door", range = [0, 1] }]\n',
            "43: identify.expect[0].point: door is no number; use among",
        ),
        (
            '[identify]\nexpect = [{ point = "door", among = ["x"] }]\n',
            "43: identify.expect[0].among: 'x' cannot be a value of door",
        ),
        (
            '[[identify.registers]]\ntable = "holding"\naddress = 105\ntype = "uint16"\nequals = [1]\nmeans = "x"\n',
            "44: identify.registers[0].address: lies in the forbidden range 100..110 of the holding table",
        ),
        (
            '[[identify.registers]]\ntable = "holding"\naddress = 5\ntype = "uint16"\nmeans = "x"\n',
            "46: identify.registers[0].means: a register needs one of equals, contains and range, by which it tells the model",
        ),
        (
            '[[identify.registers]]\ntable = "holding"\naddress = 5\ntype = "string"\ncontains = ["x"]\nmeans = "x"\n',
            "42: identify.registers[0].words: is missing: a string needs the number of its registers",
        ),
        (
            '[[identify.registers]]\ntable = "coil"\naddress = 5\nequals = [2]\nmeans = "x"\n',
            "45: identify.registers[0].equals: a single bit is 0 or 1",
        ),
        (
            '[ledger]\nfield = { date = 2026-11-24, done = "x", composed = true }\n',
            "43: ledger.field.composed: is for recordings only",
        ),
        ('[ledger]\ntested = { date = 2026-11-24, done = "x" }\n', "43: ledger.tested: unknown key"),
        ('[ledger]\nfield = { done = "x" }\n', "43: ledger.field.date: is missing"),
    ],
)
def test_mistakes_in_rule_and_ledger(tmp_path: Path, text: str, sentence: str) -> None:
    found = mistakes_of(tmp_path, GOOD + text)
    assert len(found) == 1
    assert found[0].startswith(sentence)


@pytest.mark.parametrize(
    ("rest", "sentence"),
    [
        ('type = "uint32"\nweights = [2, 1]\n', "47: point[3].type: the parts of a number with weights are uint16 or int16"),
        ('type = "uint16"\nweights = [0, 1]\n', "48: point[3].weights: the first and the last register must count; leave out"),
        ('type = "uint16"\nweights = [2, 1]\nbit = 3\n', "49: point[3].bit: makes no sense together with weights"),
        ('type = "uint16"\ndecimals_at = 9\n', "48: point[3].decimals_at: is one of the number's own registers"),
        ('type = "float32"\ndecimals_at = 8\n', "47: point[3].type: a number with its decimals beside it is uint16, int16"),
    ],
)
def test_mistakes_in_forms(tmp_path: Path, rest: str, sentence: str) -> None:
    found = mistakes_of(tmp_path, GOOD + point("sum", f'table = "holding"\naddress = 9\n{rest}'))
    assert len(found) == 1
    assert found[0].startswith(sentence)
