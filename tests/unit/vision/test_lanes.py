"""Lanes and lines of a gate camera: early word of a sure text, the pass itself at the line, nothing of what is in no lane."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_plate_passes import STEP_S, coming, plate

from edgeguard.core.lane import LaneSpec
from edgeguard.vision.lanes import Lane, crossing, lane_at, lanes_of
from edgeguard.vision.plate_passes import FOR_THE_GATE, Pass, PassState, Seen, Stage, finish, rest, step

LINE = ((0.0, 190.0), (1000.0, 190.0))
LANE = Lane("left", ((200.0, 0.0), (600.0, 0.0), (600.0, 600.0), (200.0, 600.0)), LINE)


def run(pictures: list[list[Seen]], *lanes: Lane) -> list[Pass]:
    state, told, t_s = PassState(), list[Pass](), 0.0
    for number, seen in enumerate(pictures):
        t_s = number * STEP_S
        state, passes = step(state, t_s, seen, lanes)
        told += passes
    return [*told, *finish(state, t_s, lanes)[1]]


def test_the_gate_hears_before_the_line_and_the_pass_is_told_at_it() -> None:
    sure, passed = run(coming("皖A12345", 30) + [[]] * 40, LANE)
    assert (sure.stage, sure.text, sure.lane, sure.crossed_s) == (Stage.SURE, "皖A12345", "left", None)
    assert (passed.stage, passed.number, passed.lane) == (Stage.LINE, sure.number, "left")
    assert passed.crossed_s is not None
    assert sure.last_s < passed.crossed_s <= passed.last_s < passed.crossed_s + 2 * STEP_S


def test_who_turns_back_before_the_line_is_told_when_gone() -> None:
    sure, passed = run(coming("皖A12345", 10) + [[]] * 140, LANE)
    assert (sure.stage, passed.stage, passed.crossed_s) == (Stage.SURE, Stage.TURNED, None)


def test_who_is_hidden_before_the_line_is_the_same_when_it_crosses() -> None:
    whole = coming("皖A12345", 30)
    hidden: list[list[Seen]] = [[]] * 60
    sure, passed = run([*whole[:8], *hidden, *whole[12:], *[[]] * 140], LANE)
    assert (sure.stage, passed.stage, passed.number, passed.first_s) == (Stage.SURE, Stage.LINE, sure.number, 0.0)


def test_who_turns_back_and_comes_again_within_a_moment_passes() -> None:
    whole = coming("皖A12345", 30)
    told = run([*whole[:10], *[[]] * 160, *whole, *[[]] * 40], LANE)
    assert [one.stage for one in told] == [Stage.SURE, Stage.TURNED, Stage.SURE, Stage.LINE]


@pytest.mark.parametrize(("first", "second"), [(None, "苏E8CD20"), ("皖A12345", None), (None, None)])
def test_bumper_to_bumper_are_two_though_one_cannot_be_read(first: str | None, second: str | None) -> None:
    """The second is seen, far off and half as large, when the first is hidden; it has not crossed the line that the first has."""
    way = [(100.0 + 12 * i, 110 + 5.0 * i) for i in range(30)]
    pictures = [[plate(300 - width / 2, y, width, first)] for y, width in way[:20]]
    pictures += [[plate(300 - width / 2, y, width, second)] for y, width in way]
    passes = run([*pictures, *[[]] * 140], replace(LANE, line=((0.0, 250.0), (1000.0, 250.0))))
    told = sorted((one for one in passes if one.stage not in FOR_THE_GATE), key=lambda one: one.first_s)
    assert [(one.text, one.crossed_s is not None) for one in told] == [(first, True), (second, True)]
    assert told[1].crossed_s is not None
    assert told[1].crossed_s > 20 * STEP_S + 0.5, "the second by its own crossing"


def queue(first: str | None, leaves: bool) -> list[list[Seen]]:
    """Who comes first stands before the line, a resident stops behind; the first then crosses the line, or backs out of view."""
    start = [[plate(300 + 2 * i, 60 + 4 * i, 80 + 2 * i, first)] for i in range(20)]
    before = start[-1]
    behind = [[*before, plate(340 + i, 40 + i, 50 + i / 2, "皖A12345")] for i in range(20)]
    waiting = [behind[-1]] * 60
    resident = behind[-1][1]
    if leaves:
        return [*start, *behind, *waiting, *[[resident]] * 60]
    away = [[plate(340 + 2 * i, 140 + 6 * i, 118 + 2 * i, first), resident] for i in range(20)]
    return [*start, *behind, *waiting, *away, *[[resident]] * 60]


@pytest.mark.parametrize("first", ["苏E8CD20", None])
@pytest.mark.parametrize("leaves", [False, True])
def test_a_resident_behind_a_stranger_opens_once_the_stranger_is_away(first: str | None, leaves: bool) -> None:
    state, told = PassState(), list[tuple[int, Pass]]()
    for number, seen in enumerate(queue(first, leaves)):
        state, passes = step(state, number * STEP_S, seen, (LANE,))
        told += [(number, one) for one in passes]
    (at,) = [number for number, one in told if one.text == "皖A12345"]
    assert at > 100, "the stranger stood before the line until then"


def test_who_cannot_be_read_holds_the_one_behind_beyond_the_line_too_until_it_is_out_of_sight() -> None:
    standing = plate(300, 230, 120, None)
    comes = [[plate(300 + 2 * i, 60 + 8.5 * i, 80 + 2 * i, None)] for i in range(20)]
    behind = [[standing, plate(340 + i, 40 + i, 50 + i / 2, "皖A12345")] for i in range(40)]
    still = behind[-1][1:]
    state, told = PassState(), list[tuple[int, Pass]]()
    for number, seen in enumerate([*comes, *behind, *[still] * 60]):
        state, passes = step(state, number * STEP_S, seen, (LANE,))
        told += [(number, one) for one in passes]
    (at,) = [number for number, one in told if one.text == "皖A12345"]
    assert at >= 60
    assert [one.stage for _, one in told if one.text is None] == [Stage.WAITS, Stage.END]


def test_a_car_that_has_left_the_lane_for_a_bay_holds_nobody() -> None:
    bay = [[plate(300 + 20 * i, 60 + 4 * i, 80 + 2 * i, "苏E8CD20")] for i in range(20)]
    told = run([*bay, *[[*bay[-1], plate(340 + i, 40 + i, 50 + i / 2, "皖A12345")] for i in range(20)]], LANE)
    assert {one.text for one in told if one.stage is Stage.SURE} == {"苏E8CD20", "皖A12345"}


def test_who_is_held_is_told_when_nothing_moves_any_more() -> None:
    state, told = PassState(), list[Pass]()
    pictures = queue("苏E8CD20", True)[:100]
    for number, seen in enumerate(pictures):
        state, passes = step(state, number * STEP_S, seen, (LANE,))
        told += passes
    state, passes = step(state, 100 * STEP_S, pictures[-1][1:], (LANE,))
    for number in range(101, 200):
        state, passes = rest(state, number * STEP_S, (LANE,))
        told += passes
    assert [one.text for one in told if one.stage is Stage.SURE] == ["苏E8CD20", "皖A12345"]


@pytest.mark.parametrize(("up", "width"), [(-40, 70), (40, 110), (40, 240), (-45, 130)])
def test_what_else_is_written_on_a_lorry_does_not_hold_it(up: int, width: int) -> None:
    """Below its plate, or above it where the line lies further off. Its plate is read when it stands there."""
    line = 400.0 if up < 0 else 20.0
    way = [(300.0, 300.0 - 6 * min(i, 20) if up > 0 else 20.0 + 6 * min(i, 20)) for i in range(60)]
    texts = [None] * 25 + ["皖A12345"] * 35
    pictures = [[plate(x, y, 110, text), plate(x, y - up, width, None)] for (x, y), text in zip(way, texts, strict=True)]
    told = run(pictures, replace(LANE, line=((0.0, line), (1000.0, line))))
    assert [one.text for one in told if one.stage is Stage.SURE] == ["皖A12345"]


def test_without_an_area_a_parked_car_holds_nobody() -> None:
    told = run(queue("苏E8CD20", True)[:100], Lane("all", (), LINE))
    assert {one.text for one in told if one.stage is Stage.SURE} == {"苏E8CD20", "皖A12345"}


def test_who_walks_past_a_waiting_car_makes_no_second_one_of_it() -> None:
    """Of a plate that is hidden from one side to the other what comes out first is small, far from where it was, and unread."""
    waiting, hidden = coming("皖A12345", 10), [[plate(350 - 10 * i, 154, 20 + 10 * i, None)] for i in range(5)]
    pictures = [*waiting, [], [], *hidden, *[waiting[-1]] * 5, *[[]] * 140]
    told = run(pictures, LANE)
    assert [(one.stage, one.text, one.number) for one in told] == [(Stage.SURE, "皖A12345", 1), (Stage.TURNED, "皖A12345", 1)]


def test_who_drives_too_fast_for_its_places_to_tell_is_known_by_its_text() -> None:
    quick = [[plate(300, 60 + 150 * i, 80 + 6 * i, "皖A12345")] for i in range(3)]
    (passed,) = run([*quick, *[[]] * 40], LANE)
    assert (passed.sightings, passed.crossed_s is not None) == (3, True)


def test_what_is_in_no_lane_is_nobodys_pass() -> None:
    elsewhere = [[plate(700 + 4 * i, 100 + 6 * i, 80, "皖A12345")] for i in range(30)]
    assert run([*elsewhere, *[[]] * 40], LANE) == []
    assert len(run([*elsewhere, *[[]] * 40], Lane("all"))) == 1


def test_an_unreadable_plate_is_a_pass_without_text_once() -> None:
    (passed,) = run(coming(None, 30) + [[]] * 40, LANE)
    assert (passed.text, passed.stage, passed.lane) == (None, Stage.END, "left")


def test_a_lane_without_a_line_tells_as_soon_as_it_is_sure() -> None:
    (passed,) = run(coming("皖A12345", 30) + [[]] * 40, Lane("all"))
    assert (passed.stage, passed.lane) == (Stage.LINE, "all")


def test_lanes_are_shares_of_the_picture() -> None:
    (lane,) = lanes_of([LaneSpec("a", ((0.0, 0.5), (1.0, 0.5), (1.0, 1.0)), ((0.0, 0.5), (1.0, 0.5)))], 1920, 1080)
    assert lane.polygon == ((0.0, 540.0), (1920.0, 540.0), (1920.0, 1080.0))
    assert lane.line == ((0.0, 540.0), (1920.0, 540.0))


def test_the_first_lane_that_holds_a_place_counts() -> None:
    other = Lane("right", ((600.0, 0.0), (900.0, 0.0), (900.0, 600.0), (600.0, 600.0)))
    assert [lane_at((LANE, other), (x, 100.0)) for x in (300.0, 700.0, 950.0)] == [LANE, other, None]


def test_beside_the_end_of_a_line_nothing_is_crossed() -> None:
    assert crossing(((0.0, 0.0), (10.0, 0.0)), (5.0, -1.0), (5.0, 3.0)) == pytest.approx(0.25)
    assert crossing(((0.0, 0.0), (10.0, 0.0)), (11.0, -1.0), (11.0, 3.0)) is None


PLACES = st.lists(st.tuples(st.floats(-50, 50), st.floats(-50, 50)), min_size=2, max_size=8)


@settings(max_examples=40, deadline=None)
@given(PLACES)
def test_along_any_way_a_line_is_crossed_as_often_as_the_side_changes(places: list[tuple[float, float]]) -> None:
    line = ((-1000.0, 0.0), (1000.0, 0.0))
    count = sum(crossing(line, a, b) is not None for a, b in itertools.pairwise(places))
    sides = [y >= 0 for _, y in places]
    assert count == sum(a != b for a, b in itertools.pairwise(sides))
