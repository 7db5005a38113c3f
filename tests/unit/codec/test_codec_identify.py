"""Which of two profiles a device fits better, and why: words, telling registers, plausible values, counters and sums."""

import struct

import pytest

from edgeguard.codec.identify import questions, score
from edgeguard.core.identify import Cell, Evidence, Expectation, IdentifyRule, RegisterCheck, Score
from edgeguard.core.ids import PointName, ProfileName
from edgeguard.core.point import Kind, Labels, Outcome, Point
from edgeguard.core.profile import DeviceProfile, ModbusLimits
from edgeguard.core.register import RawType, RegisterField, Table, WordOrder

VOLTAGE, FREQUENCY, ENERGY = PointName("voltage"), PointName("frequency"), PointName("energy")
EXPECT = (
    Expectation(VOLTAGE, 180, 260, zero=True),
    Expectation(FREQUENCY, 45, 65),
    Expectation(ENERGY, never_falls=True),
)


def point(name: PointName, least: float, most: float) -> Point:
    return Point(name, Kind.NUMBER, Labels(name, name), minimum=least, maximum=most)


def profile(rule: IdentifyRule, order: WordOrder = WordOrder.BIG, maker: str = "Acme") -> DeviceProfile:
    """A meter with floats at 0, 2 and 4 of the input table."""
    points = (point(VOLTAGE, 0, 500), point(FREQUENCY, 0, 100), point(ENERGY, 0, 1e9))
    fields = tuple(RegisterField(Table.INPUT, 2 * i, RawType.FLOAT32, 2, order) for i in range(3))
    name = ProfileName(f"meter-{order.value}")
    labels = Labels("表", "meter")
    return DeviceProfile(name, maker, "M1", "other", labels, points, fields, ModbusLimits(), (), "s", "t", "0", identify=rule)


def floats(*values: float, first: int = 0) -> dict[Cell, int]:
    words = struct.unpack(f">{2 * len(values)}H", struct.pack(f">{len(values)}f", *values))
    return {(Table.INPUT, first + i): word for i, word in enumerate(words)}


def texts(found: Score) -> list[str]:
    return [finding.text.en for finding in found.findings]


def test_the_right_word_order_wins_by_far() -> None:
    rule = IdentifyRule(expect=EXPECT)
    evidence = Evidence(rounds=(floats(231.2, 50.01, 12.5), floats(230.9, 50.0, 12.6)))
    right, wrong = score(profile(rule), evidence), score(profile(rule, WordOrder.LITTLE), evidence)
    assert right.value == pytest.approx(3 / 6)
    assert wrong.value < right.value / 4
    assert "the counter energy did not fall" in texts(right)


def test_what_the_device_says_of_itself_outweighs_everything_else() -> None:
    rule = IdentifyRule(vendor=("acme",), product=("M1",), expect=EXPECT)
    plain, named = IdentifyRule(expect=EXPECT), {0: "ACME Ltd", 1: "m1-x"}
    cells = (floats(231.2, 50.01, 12.5),)
    assert score(profile(rule), Evidence(named, rounds=cells)).value > score(profile(plain), Evidence(rounds=cells)).value
    liar = score(profile(rule), Evidence({0: "Other", 1: "X"}, rounds=cells))
    assert liar.value < 0.1
    assert 'the product "X" does not fit' in texts(liar)


def test_another_makers_name_speaks_against_a_profile_that_has_no_words() -> None:
    cells = (floats(231.2, 50.01, 12.5),)
    rule = IdentifyRule(expect=EXPECT)
    silent = score(profile(rule), Evidence(rounds=cells)).value
    assert score(profile(rule), Evidence({0: "Other"}, rounds=cells)).value < silent
    assert score(profile(rule), Evidence({0: "ACME"}, rounds=cells)).value > silent


def test_a_telling_register_and_a_telling_text() -> None:
    code = RegisterCheck(RegisterField(Table.HOLDING, 0x0B, RawType.UINT16), "model code", equals=(1648, 1651))
    name = RegisterCheck(RegisterField(Table.HOLDING, 0x8960, RawType.STRING, 2), "type", contains=("B23",))
    rule = IdentifyRule(registers=(code, name))
    asked = profile(rule)
    assert [field.address for field in questions(asked)] == [0x0B, 0x8960]
    cells = {(Table.HOLDING, 0x0B): 1651, (Table.HOLDING, 0x8960): 0x4232, (Table.HOLDING, 0x8961): 0x3320}
    assert score(asked, Evidence(rounds=(cells,))).value == pytest.approx(10 / 13)
    other = {(Table.HOLDING, 0x0B): 7, (Table.HOLDING, 0x8960): 0x4232, (Table.HOLDING, 0x8961): 0x3420}
    assert score(asked, Evidence(rounds=(other,))).value == 0.0
    refused = frozenset({(Table.HOLDING, 0x8961)})
    assert texts(score(asked, Evidence(refused=refused))) == ["holding 35168 is refused (type)"]


def test_a_sum_that_adds_up_is_worth_two_and_zero_is_worth_nothing() -> None:
    total = Expectation(ENERGY, sum_of=(VOLTAGE, FREQUENCY))
    asked = profile(IdentifyRule(expect=(total,)))
    assert score(asked, Evidence(rounds=(floats(100, 50, 151),))).value == pytest.approx(2 / 5)
    assert score(asked, Evidence(rounds=(floats(100, 50, 200),))).value == 0.0
    assert score(asked, Evidence(rounds=(floats(0, 0, 0),))).findings == ()
    assert [field.address for field in questions(asked)] == [4, 0, 2]


def test_registers_that_are_refused_or_absurd_speak_against() -> None:
    asked = profile(IdentifyRule(expect=EXPECT))
    refused = frozenset({(Table.INPUT, 2)})
    found = score(asked, Evidence(rounds=(floats(231.2, 50.01, 12.5),), refused=refused))
    assert "the device refuses frequency" in texts(found)
    absurd = score(asked, Evidence(rounds=(floats(9000, 50.01, 12.5),)))
    assert any(text.startswith("voltage cannot be: ") for text in texts(absurd))


def test_readings_of_another_protocol_count_as_well() -> None:
    first: dict[PointName, Outcome] = {VOLTAGE: 231.0, ENERGY: 5.0}
    later: dict[PointName, Outcome] = {VOLTAGE: 231.0, ENERGY: 4.0}
    found = score(profile(IdentifyRule(expect=EXPECT)), Evidence(readings=(first, later)))
    assert sorted(texts(found)) == ["the counter energy fell", "voltage = 231 (usual: 180 … 260)"]
    assert found.value == pytest.approx(0.25 * 2 / 5)


def test_nothing_seen_is_worth_nothing() -> None:
    assert score(profile(IdentifyRule(expect=EXPECT)), Evidence()).value == 0.0
    assert score(profile(IdentifyRule()), Evidence(rounds=(floats(231, 50, 1),))) == Score(ProfileName("meter-big"), 0.0, ())
    assert IdentifyRule().is_empty
