"""Interlocks: a write goes through only when everything is known, fresh and as required, and not too often."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeguard.core.ids import DeviceName, PointName
from edgeguard.core.interlock import Comparison, Condition, Every, Interlock, Not, Operator, PointRef, Requirement, Some, Truth
from edgeguard.core.point import Outcome
from edgeguard.core.quality import Fault, Reason
from edgeguard.rules.interlock import Look, Sight, stale_points, too_often, unmet


def ref(name: str) -> PointRef:
    return PointRef(DeviceName("d"), PointName(name))


LEVEL, MODE, OPEN = ref("level"), ref("mode"), ref("open")
HIGH = Comparison(LEVEL, Operator.ABOVE, 0.5)
REMOTE = Comparison(MODE, Operator.EQUAL, "remote")


def lock(*conditions: Condition, **more: int) -> Interlock:
    return Interlock(tuple(Requirement(f"rule {i}", condition) for i, condition in enumerate(conditions)), **more)


def seeing(outcomes: Mapping[str, Outcome], age_ms: int = 0) -> Look:
    return lambda point: Sight(outcomes[point.point], age_ms) if point.point in outcomes else None


def looking(**outcomes: Outcome) -> Look:
    return seeing(outcomes)


def test_everything_as_required_lets_the_write_through() -> None:
    assert unmet(lock(HIGH, REMOTE, Not(Truth(OPEN))), looking(level=0.6, mode="remote", open=False)) == ""
    assert unmet(Interlock(), looking()) == ""


def test_what_is_not_met_is_named_with_its_value() -> None:
    assert unmet(lock(HIGH, REMOTE), looking(level=0.6, mode="local")) == "the interlock requires rule 1, but d.mode is 'local'"
    assert unmet(lock(HIGH), looking(level=0.5)) == "the interlock requires rule 0, but d.level is 0.5"
    assert unmet(lock(Truth(OPEN)), looking(open=False)) == "the interlock requires rule 0, but d.open is false"


def test_a_value_that_is_bad_old_or_unknown_refuses_also_beside_one_that_would_do() -> None:
    either = Some((Truth(OPEN), HIGH))
    assert unmet(lock(either), looking(open=True)) == "the interlock requires rule 0, but d.level is unknown"
    bad = unmet(lock(either), looking(open=True, level=Fault(Reason.TIMEOUT, "no answer")))
    assert bad == "the interlock requires rule 0, but d.level has no good value (timeout: no answer)"
    old = unmet(lock(either, max_age_ms=2000), seeing({"open": True, "level": 1.0}, 2001))
    assert old == "the interlock requires rule 0, but d.open is 2.0 s old, 2 s are allowed"
    assert unmet(lock(either, max_age_ms=2000), seeing({"open": True, "level": 0.0}, 2000)) == ""
    assert unmet(lock(Not(HIGH)), looking(level=Fault(Reason.NO_VALUE))) != ""


def test_only_points_that_are_not_fresh_are_read_anew() -> None:
    ages = {"level": 6000, "mode": 10}

    def look(point: PointRef) -> Sight | None:
        return Sight(1.0, ages[point.point]) if point.point in ages else None

    assert stale_points(lock(HIGH, Every((REMOTE, Truth(OPEN))), HIGH), look) == (LEVEL, OPEN)


@pytest.mark.parametrize(
    ("left", "operator", "right", "holds"),
    [
        (1, "==", 1.0, True),
        (0.1 + 0.2, "==", 0.3, True),
        (0.1 + 0.2, "<=", 0.3, True),
        (0.3, ">=", 0.1 + 0.2, True),
        (1, "!=", 2, True),
        (True, "==", True, True),
        (True, "==", 1, False),
        (True, "!=", 1, False),
        ("a", "!=", "b", True),
        ("a", "==", 1, False),
        ("a", "!=", 1, False),
        ("a", "<", "b", False),
        (2, ">", 1, True),
        (1, ">", 1, False),
        (float("nan"), ">", 1, False),
        (float("nan"), "==", float("nan"), False),
    ],
)
def test_comparisons_never_hold_between_things_that_do_not_compare(
    left: Outcome, operator: str, right: Outcome, holds: bool
) -> None:
    condition = Comparison(ref("a"), Operator(operator), ref("b"))
    assert (unmet(lock(condition), looking(a=left, b=right)) == "") is holds


@given(
    st.recursive(
        st.sampled_from([HIGH, REMOTE, Truth(OPEN)]),
        lambda inner: st.one_of(inner.map(Not), st.tuples(inner, inner).map(Every), st.tuples(inner, inner).map(Some)),
        max_leaves=6,
    ),
    st.sampled_from(["level", "mode", "open"]),
)
def test_no_condition_is_met_while_a_point_of_it_is_dead(condition: Condition, dead: str) -> None:
    alive: dict[str, Outcome] = {"level": 1.0, "mode": "remote", "open": True}
    outcomes = {**alive, dead: Fault(Reason.TIMEOUT)}
    if dead in repr(condition):
        assert "no good value" in unmet(lock(condition), seeing(outcomes))
    else:
        assert unmet(lock(condition), seeing(outcomes)) == unmet(lock(condition), seeing(alive))


def test_the_time_between_two_writes() -> None:
    rule = Interlock(min_interval_ms=5000)
    assert too_often(rule, (), 1000) == ""
    assert too_often(rule, (1000,), 6000) == ""
    assert too_often(rule, (1000,), 4000) == "the last write is 3.0 s ago; wait 2.0 s more"


def test_the_number_of_writes_within_an_hour() -> None:
    rule = Interlock(per_hour=3)
    minute = 60_000
    written = tuple(minute * i for i in range(3))
    said = too_often(rule, written, 30 * minute)
    assert said == "3 writes within the last hour, 3 are allowed; the next one in 30 min"
    assert too_often(rule, written, 60 * minute) == ""
