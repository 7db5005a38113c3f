"""Conditions of interlocks: what the little grammar reads, and what it says of what it does not."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeguard.config.condition import parse_condition
from edgeguard.config.expression import parse_expression
from edgeguard.core.expression import (
    AllOf,
    AnyOf,
    Arithmetic,
    Compare,
    Compared,
    Computed,
    Constant,
    Expression,
    Negated,
    PointValue,
)
from edgeguard.core.ids import DeviceName, PointName
from edgeguard.core.interlock import Comparison, Condition, Every, Not, Operand, Operator, PointRef, Some, Truth, points_of
from edgeguard.core.limits import CONDITION_CHARS, CONDITION_DEPTH
from edgeguard.testing.examples import examples

HERE = DeviceName("valve-3")


def ref(text: str) -> PointRef:
    device, _, point = text.rpartition(".")
    return PointRef(DeviceName(device) if device else HERE, PointName(point))


def test_a_comparison_with_each_kind_of_constant() -> None:
    assert parse_condition("pump-1.mode == 'remote'", HERE) == Comparison(ref("pump-1.mode"), Operator.EQUAL, "remote")
    assert parse_condition('pump-1.mode != "自动"', HERE) == Comparison(ref("pump-1.mode"), Operator.DIFFERENT, "自动")
    assert parse_condition("tank.level>0.5", HERE) == Comparison(ref("tank.level"), Operator.ABOVE, 0.5)
    assert parse_condition("-3 <= tank.level", HERE) == Comparison(-3, Operator.AT_MOST, ref("tank.level"))
    assert parse_condition("tank.full == false", HERE) == Comparison(ref("tank.full"), Operator.EQUAL, False)
    assert parse_condition("a.x < b.x", HERE) == Comparison(ref("a.x"), Operator.BELOW, ref("b.x"))


def test_points_of_the_own_device_and_devices_whose_names_look_like_something_else() -> None:
    assert parse_condition("open", HERE) == Truth(ref("open"))
    assert parse_condition("3-pump.on and 1e5.on", HERE) == Every((Truth(ref("3-pump.on")), Truth(ref("1e5.on"))))
    assert parse_condition("not-so.on", HERE) == Truth(ref("not-so.on"))
    assert parse_condition("and.or", HERE) == Truth(ref("and.or"))


def test_and_binds_closer_than_or_and_not_closest() -> None:
    a, b, c = (Truth(ref(f"d.{name}")) for name in "abc")
    assert parse_condition("d.a or d.b and not d.c", HERE) == Some((a, Every((b, Not(c)))))
    assert parse_condition("(d.a or d.b) and d.c", HERE) == Every((Some((a, b)), c))
    assert parse_condition("not (d.a and d.b)", HERE) == Not(Every((a, b)))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "must not be empty"),
        ("  ", "must not be empty"),
        ("a.x = 1", "column 5: '= 1' is not understood; comparisons are written =="),
        ("a.x && b.x", "column 5: '&& b.x' is not understood; comparisons"),
        ("a.x >", "column 6: a point or a constant is missing before the end"),
        ("> 3", "column 1: a point or a constant is missing before '>'"),
        ("1 < 2", "column 1: compares two constants"),
        ("1 < a.x < 2", "column 9: comparisons cannot be chained"),
        ("a.x < 'b'", "column 1: < compares numbers, not 'b'"),
        ("true", "column 1: a constant alone says nothing"),
        ("(a.x", "column 5: a bracket is not closed"),
        ("a.x b.x", "column 5: after the condition comes 'b.x'"),
        ("a.x and", "column 8: a point or a constant is missing before the end"),
        ("a.x == 'it''s'", "column 12: after the condition comes"),
        ("__import__('os')", 'column 1: "__import__(\'" is not understood'),
        ("a.x.y == 1", "column 1: 'a.x.y == 1' is not understood"),
        ("a.x > 1e9", "column 7: '1e9' is not understood"),
        ("Pump.x", "column 1: 'Pump.x' is not understood"),
        ("(" * 9 + "a.x" + ")" * 9, "nests deeper than 8"),
        ("not " * 9 + "a.x", "nests deeper than 8"),
        ("a.x or " * 40 + "a.x", "is too long: at most 200 characters"),
    ],
)
def test_what_is_wrong_is_said_with_its_column(text: str, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_condition(text, HERE)
    assert sentence in str(caught.value)


def spelled(condition: Condition) -> str:
    match condition:
        case Truth(point):
            return str(point)
        case Not(inner):
            return f"not ({spelled(inner)})"
        case Every(parts):
            return " and ".join(f"({spelled(part)})" for part in parts)
        case Some(parts):
            return " or ".join(f"({spelled(part)})" for part in parts)
        case Comparison(left, operator, right):
            return f"{constant(left)} {operator.value} {constant(right)}"


def constant(side: object) -> str:
    return str(side).lower() if isinstance(side, bool) else f"'{side}'" if isinstance(side, str) else str(side)


def depth(condition: Condition) -> int:
    """Brackets and nots, each inside of another."""
    match condition:
        case Not(inner):
            return 2 + depth(inner)
        case Every(parts) | Some(parts):
            return 1 + max(depth(part) for part in parts)
        case _:
            return 0


POINTS = st.sampled_from(["a.x", "b-2.y_1", "9.z"]).map(ref)
CONSTANTS = st.one_of(st.booleans(), st.integers(-999, 999), st.sampled_from(["on", "远程"]))
LEAVES: st.SearchStrategy[Condition] = st.one_of(
    POINTS.map(Truth),
    st.builds(Comparison, POINTS, st.sampled_from([Operator.EQUAL, Operator.DIFFERENT]), CONSTANTS),
    st.builds(Comparison, st.integers(-9, 9), st.sampled_from(Operator), POINTS),
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        inner.map(Not),
        st.lists(inner, min_size=2, max_size=2).map(lambda parts: Every(tuple(parts))),
        st.lists(inner, min_size=2, max_size=2).map(lambda parts: Some(tuple(parts))),
    ),
    max_leaves=5,
).filter(lambda tree: len(spelled(tree)) <= CONDITION_CHARS and depth(tree) < CONDITION_DEPTH)


@settings(max_examples=examples(60))
@given(TREES)
def test_what_is_spelled_out_is_read_as_it_was(tree: Condition) -> None:
    read = parse_condition(spelled(tree), HERE)
    assert read == tree
    assert set(points_of(read)) == set(points_of(tree))


def as_expression(condition: Condition) -> Expression:
    """The same in the language of alarms."""
    match condition:
        case Truth(point):
            return PointValue(point)
        case Not(inner):
            return Negated(as_expression(inner))
        case Every(parts):
            return AllOf(tuple(map(as_expression, parts)))
        case Some(parts):
            return AnyOf(tuple(map(as_expression, parts)))
        case Comparison(left, operator, right):
            return Compared(operand(left), Compare(operator.value), operand(right))


def operand(side: Operand) -> Expression:
    """Below zero a number is written as a difference there."""
    if isinstance(side, PointRef):
        return PointValue(side)
    if isinstance(side, int | float) and not isinstance(side, bool) and side < 0:
        return Computed(Constant(0), Arithmetic.MINUS, Constant(-side))
    return Constant(side)


@settings(max_examples=examples(40))
@given(TREES)
def test_a_condition_means_the_same_in_the_language_of_alarms(tree: Condition) -> None:
    assert parse_expression(spelled(tree), HERE, lambda _: None).expression == as_expression(tree)


@settings(max_examples=examples(150))
@given(st.text(alphabet="ab.x1-_ '\"()=<>!notrd\\\n\t٣", max_size=40))
def test_no_text_does_more_than_be_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert list(points_of(parse_condition(text, HERE)))
