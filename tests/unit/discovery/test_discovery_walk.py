"""The order of questions: never worse than any other order, and changed by what is heard."""

import itertools
import math

from hypothesis import given, settings
from hypothesis import strategies as st

from edgeguard.core.limits import RTU_QUIET_S, SCAN_MODBUS_PATIENCE_S
from edgeguard.core.line import LineSettings, Parity, Protocol
from edgeguard.core.meter import CJT188_EVERYBODY, DLT645_EVERYBODY
from edgeguard.discovery.walk import Group, Question, Walk, likely_lines, line_walk, network_walk
from edgeguard.testing.examples import examples

N9600, E2400 = LineSettings(), LineSettings(2400, Parity.EVEN)


def order(walk: Walk) -> list[Question]:
    asked = []
    while (question := walk.next()) is not None:
        asked.append(question)
    return asked


def price(asked: list[Question], weights: dict[Group, float]) -> float:
    """The expected sum of the times at which devices are found."""
    total = clock_s = 0.0
    for question in asked:
        clock_s += question.cost_s
        total += weights[question.group] * question.likely * clock_s
    return total


QUESTIONS = st.lists(st.tuples(st.sampled_from([N9600, E2400]), st.floats(0.01, 0.9), st.floats(0.05, 2.0)), min_size=1, max_size=6)


@settings(max_examples=examples(60))
@given(QUESTIONS, st.floats(0.05, 1.0), st.floats(0.05, 1.0))
def test_no_other_order_finds_things_sooner(rows: list[tuple[LineSettings, float, float]], first: float, second: float) -> None:
    questions = [Question(Protocol.MODBUS, line, i, "", likely, cost_s) for i, (line, likely, cost_s) in enumerate(rows)]
    weights: dict[Group, float] = {(Protocol.MODBUS, N9600): first, (Protocol.MODBUS, E2400): second}
    ours = price(order(Walk(questions, weights)), weights)
    best = min(price(list(other), weights) for other in itertools.permutations(questions))
    assert ours <= best * (1 + 1e-9)


def test_every_question_is_asked_once_and_the_time_expected_is_their_sum() -> None:
    walk = line_walk(likely_lines(Protocol))
    expected_s, count = walk.rest_s, walk.left
    asked = order(walk)
    assert len(asked) == len(set(asked)) == count
    assert math.isclose(sum(question.cost_s for question in asked), expected_s)
    assert walk.left == 0
    assert abs(walk.rest_s) < 1e-6


def test_a_question_costs_what_its_characters_and_the_waiting_take() -> None:
    (question,) = order(line_walk({Protocol.MODBUS: [N9600]}, units=[1]))
    assert math.isclose(question.cost_s, (8 + 3.5) * 10 / 9600 + SCAN_MODBUS_PATIENCE_S + RTU_QUIET_S)


def test_the_likely_comes_first() -> None:
    first = order(line_walk(likely_lines(Protocol)))[:40]
    assert (first[0].protocol, first[0].line, first[0].station) == (Protocol.MODBUS, N9600, 1)
    places = {(q.protocol, q.line, q.station) for q in first}
    assert places >= {(Protocol.DLT645, E2400, DLT645_EVERYBODY), (Protocol.CJT188, E2400, CJT188_EVERYBODY)}


def test_an_answer_draws_the_scan_to_its_line_and_its_neighbours() -> None:
    odd = LineSettings(19200, Parity.EVEN)
    walk = line_walk({Protocol.MODBUS: [N9600, odd], Protocol.DLT645: [odd, E2400]})
    while (question := walk.next()) is not None and question.line != odd:
        walk.silent(question)
    assert question is not None
    assert question.protocol is Protocol.MODBUS
    walk.heard(question)
    following = []
    for _ in range(12):
        question = walk.next()
        assert question is not None
        walk.silent(question)
        following.append(question)
    assert sum(question.line == odd for question in following) >= 10
    assert any(question.protocol is Protocol.DLT645 for question in following)


def test_long_silence_makes_room_for_other_settings() -> None:
    walk = line_walk({Protocol.MODBUS: [N9600, E2400]})
    lines = []
    for _ in range(30):
        question = walk.next()
        assert question is not None
        walk.silent(question)
        lines.append(question.line)
    assert lines[0] == N9600
    assert E2400 in lines


def test_what_is_known_is_not_asked() -> None:
    walk = line_walk({Protocol.MODBUS: [N9600, E2400]}, units=range(1, 6))
    walk.drop(3, Protocol.MODBUS)
    assert {question.station for question in order(walk)} == {1, 2, 4, 5}


def test_settings_can_be_given() -> None:
    assert likely_lines([Protocol.MODBUS], [4800]) == {
        Protocol.MODBUS: [LineSettings(4800), LineSettings(4800, Parity.EVEN)],
    }
    assert likely_lines([Protocol.CJT188], [4800, 9600], [Parity.ODD]) == {
        Protocol.CJT188: [LineSettings(4800, Parity.ODD), LineSettings(9600, Parity.ODD)],
    }


def test_a_network_has_every_unit_the_endpoint_itself_among_them() -> None:
    asked = order(network_walk())
    assert asked[0].station == 1
    assert {question.station for question in asked} == {0, *range(1, 248), 255}
    assert {question.line for question in asked} == {None}
