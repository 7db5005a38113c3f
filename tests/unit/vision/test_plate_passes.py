"""Plates picture by picture -> passes: one for each vehicle, early where it is sure, without a text where it never was."""

from collections.abc import Iterable

import pytest

from edgeguard.vision.plate_cells import Found
from edgeguard.vision.plate_decoding import Candidate, Reading
from edgeguard.vision.plate_geometry import box_corners
from edgeguard.vision.plate_grammar import Colour, PlateKind
from edgeguard.vision.plate_passes import Direction, Pass, PassState, Seen, Stage, finish, rest, step

STEP_S = 0.08


def reading(text: str, confidence: float = 0.9) -> Reading:
    return Reading(text, confidence, PlateKind.ORDINARY, Colour.BLUE, (Candidate(text, confidence),))


def plate(x: float, y: float, width: float, text: str | None, confidence: float = 0.9, score: float = 0.9) -> Seen:
    found = Found(box_corners(x, y, x + width, y + width / 3.14), score)
    return Seen(found, None if text is None else reading(text, confidence))


def run(pictures: Iterable[list[Seen]], state: PassState | None = None) -> list[tuple[int, Pass]]:
    """Every pass with the number of the picture after which it was told; the end of the stream is -1."""
    state, told, t_s = state or PassState(), [], 0.0
    for number, seen in enumerate(pictures):
        t_s = number * STEP_S
        state, passes = step(state, t_s, seen)
        told += [(number, one) for one in passes]
    state, passes = finish(state, t_s)
    return told + [(-1, one) for one in passes]


def coming(text: str | None, count: int = 20, **more: float) -> list[list[Seen]]:
    return [[plate(300 + 4 * i, 100 + 6 * i, 80 + 3 * i, text, **more)] for i in range(count)]


def test_a_car_that_comes_is_told_once_and_while_it_is_still_there() -> None:
    ((number, one),) = run(coming("皖A12345") + [[]] * 40)
    assert (one.text, one.direction) == ("皖A12345", Direction.TOWARDS)
    assert number <= 5, "told within 0.4 s"
    assert one.best is not None and one.best.reading.text == "皖A12345"  # noqa: PT018


def test_a_car_that_leaves() -> None:
    ((_, one),) = run(coming("皖A12345")[::-1] + [[]] * 40)
    assert one.direction is Direction.AWAY


@pytest.mark.parametrize("way", [1, -1])
def test_a_car_that_turns_as_it_comes_or_leaves_goes_the_way_it_goes(way: int) -> None:
    pictures = []
    for i in range(20):
        high, wide = 25 + 1.0 * i, 100 - 2.0 * i
        pictures.append([Seen(Found(box_corners(300, 100 + 6 * i, 300 + wide, 100 + 6 * i + high), 0.9), reading("皖A12345", 0.4))])
    for seen in pictures[::way][-6:]:
        seen[0] = Seen(seen[0].found, reading("皖A12345"))
    ((_, one),) = run([*pictures[::way], *[[]] * 40])
    assert one.direction is (Direction.TOWARDS if way == 1 else Direction.AWAY)


def test_a_stopped_car_is_one_pass_however_long_it_stands() -> None:
    standing = [[plate(300, 200, 120, "皖A12345")]] * 500
    assert len(run(coming("皖A12345") + standing + [[]] * 40)) == 1


def test_who_has_gone_is_told_though_nothing_moves_any_more() -> None:
    quick = coming("皖A12345", 2)
    state, told = PassState(), list[Pass]()
    for number, seen in enumerate([*quick, [], [], [], []]):
        state, passes = step(state, number * STEP_S, seen)
        told += passes
    assert told == []
    state, early = rest(state, 1.0)
    state, passes = rest(state, 2.0)
    assert (early, [one.text for one in passes], state.tracks) == ((), ["皖A12345"], ())


@pytest.mark.parametrize("text", [None, "苏E8CD20"])
def test_who_comes_long_after_in_the_same_place_is_another(text: str | None) -> None:
    state = PassState()
    for number, seen in enumerate([*coming(None, 16), [], []]):
        state, _ = step(state, number * STEP_S, seen)
    _, passes = step(state, 60.0, [plate(360, 195, 130, text)])
    assert [(one.text, one.sightings) for one in passes] == [(None, 16)], "the first, and nothing of the second"


def test_a_stopped_car_is_the_same_after_minutes_in_which_nobody_looked_and_hidden_when_somebody_does() -> None:
    whole = coming("皖A12345", 30)
    state, told = PassState(), list[Pass]()
    for number, seen in enumerate(whole[:20]):
        state, passes = step(state, number * STEP_S, seen)
        told += passes
    for number, seen in enumerate([*[[]] * 30, *whole[20:], *[[]] * 40]):
        state, passes = step(state, 180.0 + number * STEP_S, seen)
        told += passes
    assert [one.text for one in told] == ["皖A12345"]


def test_two_tracks_of_one_vehicle_that_end_together_are_one_pass() -> None:
    state = PassState()
    for number in range(3):
        pair = [plate(x, 200 + 6 * number, 80, "皖A12345") for x in (100, 900)]
        state, _ = step(state, number * 0.01, pair)
    assert [one.text for one in finish(state, 0.03)[1]] == ["皖A12345"]


def test_a_car_hidden_for_three_seconds_is_the_same_pass() -> None:
    hidden: list[list[Seen]] = [[]] * 38
    assert len(run([*coming("皖A12345"), *hidden, *coming("皖A12345")])) == 1


def test_a_car_that_comes_back_a_minute_later_passes_twice() -> None:
    away: list[list[Seen]] = [[]] * 750
    assert [one.text for _, one in run([*coming("皖A12345"), *away, *coming("皖A12345")])] == ["皖A12345"] * 2


def test_bumper_to_bumper_are_two_though_the_second_takes_the_place_of_the_first() -> None:
    both = [[plate(300, 200 + 2 * i, 110, "皖A12345")] for i in range(10)]
    both += [[plate(300, 205 + 2 * i, 110, "苏E8CD20")] for i in range(10)]
    assert [one.text for _, one in run(both)] == ["皖A12345", "苏E8CD20"]


def test_two_lanes_at_once() -> None:
    pair = [[*a, plate(900 - 5 * i, 120 + 5 * i, 90 + 2 * i, "苏E8CD20")] for i, a in enumerate(coming("皖A12345"))]
    assert sorted(str(one.text) for _, one in run(pair)) == ["皖A12345", "苏E8CD20"]


def test_misread_pictures_are_outvoted() -> None:
    texts = ["皖A12345", "皖A1Z345", "皖A12345", "皖A12345", "皖A17345", "皖A12345"]
    pictures = [[plate(300 + 4 * i, 100 + 6 * i, 90, text, 0.85)] for i, text in enumerate(texts)]
    assert [one.text for _, one in run(pictures + [[]] * 40)] == ["皖A12345"]


def test_a_plate_that_cannot_be_read_is_a_pass_without_text() -> None:
    ((number, one),) = run(coming(None) + [[]] * 40)
    assert (one.text, one.best, one.confidence) == (None, None, 0.0)
    assert number > 20, "only once it has gone"


def test_who_stands_there_unread_is_told_to_the_gate_while_it_does_and_passes_later() -> None:
    state, told = PassState(), list[tuple[float, Stage, str | None]]()
    for number, seen in enumerate(coming(None, 20)):
        state, _ = step(state, number * STEP_S, seen)
    for t_s in (2.9, 3.1, 3.2, 60.0):
        state, passes = rest(state, t_s)
        told += [(t_s, one.stage, one.text) for one in passes]
    (last,) = finish(state, 60.0)[1]
    assert (told, last.stage, last.text, last.number) == ([(3.1, Stage.WAITS, None)], Stage.END, None, 1)


def test_who_is_read_after_a_while_passes_with_its_text() -> None:
    told = run([*coming(None, 50), *[[plate(500, 400, 230, "皖A12345")]] * 8])
    assert [(one.stage, one.text) for _, one in told] == [(Stage.WAITS, None), (Stage.LINE, "皖A12345")]


def test_readings_that_never_agree_are_no_guess() -> None:
    texts = [f"皖A{i}2345" for i in range(9)]
    pictures = [[plate(300 + 9 * i, 100 + 6 * i, 80, text, 0.5)] for i, text in enumerate(texts)]
    assert [one.text for _, one in run(pictures + [[]] * 40)] == [None]


@pytest.mark.parametrize("score", [0.3, 0.9])
def test_lettering_on_a_wall_is_nobody(score: float) -> None:
    assert run([[plate(300, 200, 80, None, score=score)]] * 300) == []


def test_a_shadow_that_flickers_is_nobody() -> None:
    assert run([[plate(300 + 20 * i, 200, 80, None, score=0.3)] if i % 3 == 0 else [] for i in range(60)]) == []


def test_one_sure_reading_of_a_car_in_a_hurry_is_enough_at_the_end() -> None:
    assert [one.text for _, one in run([[plate(300, 200, 80, "皖A12345", 0.95)], *[[]] * 40])] == ["皖A12345"]


@pytest.mark.slow
def test_memory_is_bounded() -> None:
    state = PassState()
    for number in range(40):
        crowd = [plate(100 * i, 97.0 * (number % 9), 80, f"皖A{number % 900 + 10000}"[:7]) for i in range(8)]
        state, _ = step(state, number * STEP_S, crowd)
    assert len(state.tracks) <= 32
    assert len(state.recent) <= 64
    assert all(len(track.places) <= 24 and len(track.readings) <= 24 for track in state.tracks)
