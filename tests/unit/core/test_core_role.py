"""What points mean: units, lists of values, what does not fit; and what the shipped profiles say."""

import pytest

from edgeguard.core.ids import PointName
from edgeguard.core.point import Kind, Labels, Outcome, Point, RoleUse
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.role import ROLES, factor, meaning, misfit
from edgeguard.testing.shipped import shipped_profiles

WORDS = {0: Labels("停", "stopped"), 1: Labels("开门", "opening")}


def point(kind: Kind, unit: str = "", choices: dict[int, Labels] | None = None) -> Point:
    return Point(PointName("p"), kind, Labels("点", "point"), unit=unit, choices=choices or {})


NUMBER, FLAG, TEXT = point(Kind.NUMBER, "MPa"), point(Kind.BOOLEAN), point(Kind.TEXT, choices=WORDS)


@pytest.mark.parametrize(
    ("of", "use", "outcome", "expected"),
    [
        (NUMBER, RoleUse("water.pressure"), 0.45, 4.5),
        (NUMBER, RoleUse("water.pressure"), Fault(Reason.TIMEOUT), None),
        (FLAG, RoleUse("lift.door-closed"), True, True),
        (FLAG, RoleUse("fire.valve-open", (False,)), False, True),
        (FLAG, RoleUse("fire.valve-open", (False,)), Fault(Reason.STALE), None),
        (TEXT, RoleUse("lift.door-opening", ("opening",)), "opening", True),
        (TEXT, RoleUse("lift.door-opening", ("opening",)), "stopped", False),
        (point(Kind.NUMBER), RoleUse("pump.dry-run", (57,)), 57, True),
        (point(Kind.NUMBER, "min"), RoleUse("pump.run-hours"), 90, 1.5),
        (point(Kind.NUMBER, "m"), RoleUse("lift.levelling-offset"), 0.02, 20.0),
    ],
)
def test_meaning(of: Point, use: RoleUse, outcome: Outcome, expected: bool | float | None) -> None:
    assert misfit(of, use) == ""
    found = meaning(of, use, outcome)
    assert found == (pytest.approx(expected) if isinstance(expected, float) else expected)


@pytest.mark.parametrize(
    ("of", "use", "sentence"),
    [
        (NUMBER, RoleUse("water.presure"), "there is no role"),
        (NUMBER, RoleUse("pump.flow"), '"MPa" cannot be converted'),
        (FLAG, RoleUse("pump.flow"), "is a number, and point p is none"),
        (NUMBER, RoleUse("pump.running"), "say which values of p mean true"),
        (TEXT, RoleUse("lift.door-opening", ("open",)), "is not the English text of a choice"),
        (FLAG, RoleUse("lift.door-opening", (1,)), "1 is no value of p, which is a boolean"),
        (NUMBER, RoleUse("water.pressure", (1.0,)), "a list of values is for roles that are true or false"),
    ],
)
def test_what_does_not_fit(of: Point, use: RoleUse, sentence: str) -> None:
    assert sentence in misfit(of, use)


def test_units_convert_only_within_their_quantity() -> None:
    assert factor("kPa", "bar") == pytest.approx(0.01)
    assert factor("kPa", "m3") is None
    assert factor("", "") == 1.0


def test_every_measuring_profile_says_what_it_means() -> None:
    """Meters, pumps, lifts and transmitters; relays and inputs mean what the site wires to them."""
    mute = {"io", "relay", "ats", "other"}
    profiles = [shipped_profiles().get(name) for name in shipped_profiles().names()]
    silent = [one.name for one in profiles if one.kind not in mute and not any(point.roles for point in one.points)]
    assert silent == ["enc-eds300"], "its registers are raw numbers of no known unit"
    assert {use.role for one in profiles for point in one.points for use in point.roles} <= set(ROLES)
