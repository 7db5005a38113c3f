"""Combinations of points: read, judged by Kleene's logic, and every mistake with its column."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeguard.config.expression import parse_expression
from edgeguard.core.ids import DeviceName, PointName
from edgeguard.core.interlock import PointRef
from edgeguard.core.point import Kind, Labels, Outcome, Point, Value
from edgeguard.core.quality import Fault, Reason
from edgeguard.rules.expression import Memory, Sight, compile_expression

HERE = DeviceName("pump-1")
BAD = Fault(Reason.TIMEOUT)
MODES = {0: Labels("自动", "auto"), 1: Labels("手动", "manual")}
POINTS = {
    "pressure": Point(PointName("pressure"), Kind.NUMBER, Labels("压力", "pressure"), unit="bar"),
    "setpoint": Point(PointName("setpoint"), Kind.NUMBER, Labels("设定", "setpoint"), unit="bar"),
    "running": Point(PointName("running"), Kind.BOOLEAN, Labels("运行", "running")),
    "mode": Point(PointName("mode"), Kind.TEXT, Labels("模式", "mode"), choices=MODES),
}
OWN = {PointRef(HERE, PointName(name)): at for at, name in enumerate(POINTS)}


def find(ref: PointRef) -> Point | str | None:
    if ref.device != HERE:
        return None if ref.device == "tank-2" else f'there is no device "{ref.device}"'
    return POINTS.get(ref.point) or f'there is no point "{ref.point}"'


def judge(text: str, *outcomes: Outcome, other: Outcome = BAD) -> Value | None:
    compiled = compile_expression(parse_expression(text, HERE, find).expression, OWN)
    memory: Memory = [None] * compiled.helds
    return compiled.judge(Sight(outcomes, lambda _ref: other, 0, memory))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pressure > 4", True),
        ("pressure - setpoint > 0.5", True),
        ("abs(setpoint - pressure) <= 1", True),
        ("-pressure < -4.9 and running", True),
        ("pressure + 1 * 2 == 7", True),
        ("(pressure + 1) * 2 == 12", True),
        ("pressure / 0 > 1", None),
        ("pressure / (setpoint - 4) > 1 or running", True),
        ("min(pressure, setpoint, 3) == 3", True),
        ("max(pressure, setpoint) == avg(5, pressure)", True),
        ("mode == 'auto' and not mode != \"auto\"", True),
        ("not running or mode == 'manual'", False),
        ("running", True),
        ("bad(pressure) or bad(tank-2.level)", True),
        ("tank-2.level > 1", None),
        ("tank-2.level > 1 and not running", False),
        ("tank-2.level > 1 or running", True),
        ("not (tank-2.level > 1)", None),
    ],
)
def test_what_an_expression_says(text: str, expected: bool | None) -> None:
    assert judge(text, 5.0, 4.0, True, "auto") is expected


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "must not be empty"),
        ("pressure >", "column 11: a point or a constant is missing before the end"),
        ("pressure = 4", "column 10: '= 4' is not understood; comparisons are written"),
        ("presure > 4", 'column 1: there is no point "presure"'),
        ("attic.level > 4", 'column 1: there is no device "attic"'),
        ("running > 4", "column 1: compares true or false with a number"),
        ("running > running", "column 1: > compares numbers, and this is true or false"),
        ("pressure and running", 'column 1: "and" joins conditions, and this is a number'),
        ("not pressure", 'column 5: "not" is for a condition, and this is a number'),
        ("pressure + running > 1", 'column 12: "+" computes with numbers, and this is true or false'),
        ("1 < pressure < 2", "column 14: comparisons cannot be chained"),
        ("(pressure > 1", "column 14: a bracket is not closed"),
        ("pressure > 1)", "column 13: ')' is not expected here"),
        ("abs(pressure, 1) > 1", "column 1: abs() takes one number, not 2"),
        ("sin(pressure) > 1", "column 1: there is no function sin"),
        ("held(running, 5)", "column 15: held() takes a time with its unit"),
        ("held(pressure, 5m)", "column 6: held() is for a condition"),
        ("held(running)", "column 13: held() takes a condition and a time"),
        ("mode == 'automatic'", 'column 9: "automatic" is not the English text of a choice of point mode'),
        ("pressure", "column 1: is a number, but must be true or false"),
        ("1 == 1", "column 1: compares two constants"),
        ("(" * 13 + "running" + ")" * 13, "column 13: nests deeper than 12"),
        ("not " * 13 + "running", "nests deeper than 12"),
        ("-" * 20 + "pressure > 1", "nests deeper than 12"),
        (" or ".join(["running"] * 80), "is too long|is too large"),
        ("running or " * 30 + "__import__('os')", "column 331: .__import__"),
    ],
)
def test_mistakes_name_their_column(text: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong.replace("(", r"\(").replace(")", r"\)").replace("+", r"\+")):
        parse_expression(text, HERE, find)


@given(st.text(alphabet="()+-*/<>=!,. '\"abrunigpesd0159mh", max_size=60))
def test_whatever_is_written_is_read_or_refused_with_a_sentence(text: str) -> None:
    try:
        written = parse_expression(text, HERE, find)
    except ValueError:
        return
    assert judge(written.text, 5.0, 4.0, True, "auto", other=1.0) in (True, False, None)


def test_held_wants_the_condition_without_a_break_and_forgives_short_silence() -> None:
    compiled = compile_expression(parse_expression("held(running, 5s)", HERE, find).expression, OWN)
    memory: Memory = [None]
    said = []
    for now_ms, running in ((0, True), (2000, BAD), (5000, True), (6000, False), (7000, True), (13_000, BAD), (14_000, True)):
        said.append(compiled.judge(Sight((0.0, 0.0, running, "auto"), lambda _ref: BAD, now_ms, memory)))
    assert said == [False, None, True, False, False, None, False]
