"""Vehicles on the loop that no camera has told of: never one that has a pass, never one that went nowhere."""

import pytest

from edgeguard.core.gate import Way
from edgeguard.rules.loop_traffic import Traffic, glimpse, look, spend
from edgeguard.rules.passage import Passage, Phase, Vehicle

LONG_AGO = -(2**40)


def crossed(
    traffic: Traffic, at_s: float, arm: bool | None = True, passage: Passage | None = None, is_held: bool = False
) -> tuple[Traffic, list[float]]:
    """Somebody drives over the loop for two seconds, and a minute goes by; when somebody unread left it."""
    told = list[float]()
    for tenth in range(650):
        loop = 10 <= tenth < 30
        now_ms = round(at_s * 1000) + tenth * 100
        of = passage or Passage(last_ms=LONG_AGO)
        traffic, unread = look(traffic, Passage(of.phase, of.vehicle, loop=loop, last_ms=of.last_ms), arm, now_ms, is_held=is_held)
        told += [at_ms / 1000 for at_ms in unread]
    return traffic, told


@pytest.mark.parametrize("arm", [True, None])
def test_who_was_told_by_nobody_is_told_once_with_the_moment_it_left(arm: bool | None) -> None:
    traffic, told = crossed(Traffic(), 100, arm)
    assert told == [103.0]
    assert crossed(traffic, 200, arm)[1] == [203.0]


def test_under_an_arm_that_is_down_nobody_goes_through() -> None:
    assert crossed(Traffic(), 100, arm=False)[1] == []


@pytest.mark.parametrize("seen_s", [-190.0, 99.0, 102.0, 114.0])
def test_whom_a_camera_has_seen_has_a_pass_and_explains_one_crossing_only(seen_s: float) -> None:
    traffic, told = crossed(glimpse(Traffic(), "a", round(seen_s * 1000)), 100)
    assert told == []
    assert crossed(traffic, 200)[1] == [203.0]
    assert crossed(glimpse(traffic, "a", 199_000), 200)[1] == [203.0], "its last word does not count anew"


def test_whom_the_loop_has_counted_explains_nobody_else() -> None:
    assert crossed(spend(glimpse(Traffic(), "a", 99_000), "a"), 100)[1] == [103.0]


@pytest.mark.parametrize("phase", [Phase.OPENING, Phase.OPEN, Phase.UNDER, Phase.RESUMED])
def test_whoever_is_under_way_is_told_as_that(phase: Phase) -> None:
    passage = Passage(phase, Vehicle("b", None, Way.IN), last_ms=LONG_AGO)
    assert crossed(Traffic(), 100, passage=passage)[1] == []


@pytest.mark.parametrize(("is_held", "told"), [(False, []), (True, [103.0])])
def test_right_behind_another_it_is_a_tailgater_unless_the_gate_is_held_open(is_held: bool, told: list[float]) -> None:
    assert crossed(Traffic(), 100, passage=Passage(last_ms=98_000), is_held=is_held)[1] == told


def test_a_loop_that_is_stuck_or_unknown_says_nothing() -> None:
    traffic, told = Traffic(), list[int]()
    looks = [(False, False), (True, False), (True, True), (False, False), (None, False), (True, False), (False, False)]
    for number, (loop, stuck) in enumerate([*looks, *[(False, False)] * 30]):
        passage = Passage(loop=loop, stuck=stuck, last_ms=LONG_AGO)
        traffic, unread = look(traffic, passage, True, number * 1000, is_held=False)
        told += unread
    assert told == []
