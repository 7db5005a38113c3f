"""Columns of a reader -> texts that a plate can bear."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgeguard.vision.plate_decoding import Reading, agreed, candidates, greedy, likelihood, read, voted
from edgeguard.vision.plate_grammar import ALPHABET, Colour, PlateKind, kind_of

CLASSES = len(ALPHABET) + 1
SAMPLES = ("皖A12345", "皖AD11212", "沪A12345D", "京A1234警", "粤Z1234港", "使014578", "鲁B6543挂")


def columns_for(text: str, columns: int = 32, sure: float = 0.98) -> NDArray[np.float32]:
    """What a reader gives that sees `text` with a blank between any two characters."""
    probability = np.full((columns, CLASSES), (1 - sure) / (CLASSES - 1))
    for column in range(columns):
        turn, rest = divmod(column, 2)
        number = ALPHABET.index(text[turn]) + 1 if turn < len(text) and not rest else 0
        probability[column, number] = sure
    return np.asarray(np.log(probability), np.float32)


def put(columns: NDArray[np.float32], column: int, shares: dict[str, float]) -> NDArray[np.float32]:
    """The same columns with one of them torn between characters."""
    probability = np.full(CLASSES, 1e-5)
    for char, share in shares.items():
        probability[ALPHABET.index(char) + 1] = share
    changed = columns.copy()
    changed[column] = np.log(probability / probability.sum())
    return changed


def colours_for(colour: Colour | None, sure: float = 0.97) -> NDArray[np.float32]:
    probability = np.full(len(Colour) + 1, (1 - sure) / len(Colour))
    probability[len(Colour) if colour is None else list(Colour).index(colour)] = sure
    return np.asarray(np.log(probability), np.float32)


@pytest.mark.parametrize("text", SAMPLES)
def test_a_clear_strip_is_read(text: str) -> None:
    columns = columns_for(text)
    assert greedy(columns) == text
    assert candidates(columns)[0].text == text
    assert likelihood(columns, text) > 0.5


def test_double_characters_need_a_blank_between() -> None:
    assert greedy(columns_for("皖A11222")) == "皖A11222"
    assert candidates(columns_for("皖A11222"))[0].text == "皖A11222"


def test_the_grammar_overrules_a_reader_that_mistakes_a_digit_for_a_letter() -> None:
    """The last four of a small new-energy plate are digits, so that B gives way to 8."""
    columns = put(columns_for("皖AD11212"), 10, {"B": 0.6, "8": 0.39})
    assert greedy(columns) == "皖AD11B12"
    reading = read(columns, colours_for(Colour.GREEN))
    assert reading is not None
    assert (reading.text, reading.kind) == ("皖AD11812", PlateKind.ENERGY_SMALL)
    assert reading.confidence < 0.5


def test_a_torn_character_leaves_a_rival() -> None:
    columns = put(columns_for("皖A12345"), 12, {"5": 0.6, "S": 0.39})
    reading = read(columns, colours_for(Colour.BLUE))
    assert reading is not None
    assert reading.text == "皖A12345"
    assert "皖A1234S" in [rival.text for rival in reading.rivals]
    assert reading.confidence < 0.7


def test_nothing_is_read_where_no_plate_stands() -> None:
    blank = np.full((32, CLASSES), -12.0, np.float32)
    blank[:, 0] = 0.0
    assert read(blank, colours_for(None)) is None
    assert candidates(blank) == ()


def test_a_foreign_plate_is_no_text() -> None:
    assert kind_of(greedy(columns_for("AB12345"))) is None
    assert read(columns_for("AB12345", sure=0.9999999), colours_for(None)) is None


def test_a_strip_that_is_no_plate_by_its_colour_loses_its_confidence() -> None:
    reading = read(columns_for("皖A12345"), colours_for(None, sure=0.8))
    assert reading is not None
    assert reading.confidence < 0.2
    assert read(columns_for("皖A12345"), colours_for(None)) is None


def test_a_lost_eighth_character_is_not_passed_off_as_a_plate_of_seven() -> None:
    """On a green ground the weaker reading with eight characters is believed, since seven cannot stand there."""
    columns = columns_for("皖AD11212")
    columns[14] = -12.0
    columns[14, [0, ALPHABET.index("2") + 1]] = np.log([0.68, 0.31])
    assert greedy(columns) == "皖AD1121"
    green, blue = read(columns, colours_for(Colour.GREEN)), read(columns, colours_for(Colour.BLUE))
    assert green is not None
    assert blue is not None
    assert (green.text, blue.text) == ("皖AD11212", "皖AD1121")


def test_the_colour_is_one_in_which_the_kind_comes() -> None:
    reading = read(columns_for("皖AD11212"), colours_for(Colour.BLUE))
    assert reading is not None
    assert reading.colour is Colour.GREEN


def alignments(columns: NDArray[np.float32], text: str) -> float:
    """The sum over all alignments, by trying every path of a few classes."""
    numbers = [0, *sorted({ALPHABET.index(char) + 1 for char in text})]
    total = 0.0
    for path in itertools.product(numbers, repeat=len(columns)):
        kept = [number for number, before in zip(path, (-1, *path[:-1]), strict=True) if number not in (0, before)]
        if "".join(ALPHABET[number - 1] for number in kept) == text:
            total += float(np.exp(sum(columns[at, number] for at, number in enumerate(path))))
    return total


@given(st.integers(0, 2**32 - 1), st.sampled_from(["京A", "11", "1", "A1A", ""]))
@settings(max_examples=25, deadline=None)
def test_a_texts_probability_is_the_sum_over_its_alignments(seed: int, text: str) -> None:
    logits = np.random.default_rng(seed).normal(0, 2, (5, CLASSES))
    columns = (logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)).astype(np.float32)
    assert likelihood(columns, text) == pytest.approx(alignments(columns, text), rel=1e-4, abs=1e-12)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=12, deadline=None)
def test_only_what_a_plate_can_bear_is_ever_told(seed: int) -> None:
    logits = np.random.default_rng(seed).normal(0, 4, (32, CLASSES))
    columns = (logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)).astype(np.float32)
    found = candidates(columns)
    assert all(kind_of(one.text) for one in found)
    assert [one.probability for one in found] == sorted((one.probability for one in found), reverse=True)
    assert all(0.0 <= one.probability <= 1.0 for one in found)


def reading(text: str, confidence: float) -> Reading:
    return Reading(text, confidence, PlateKind.ORDINARY, Colour.BLUE, ())


def test_views_that_agree_are_as_sure_as_the_surest() -> None:
    assert agreed([reading("皖A12345", 0.7), reading("皖A12345", 0.9)]) == reading("皖A12345", 0.9)


@pytest.mark.parametrize("other", [None, reading("浙A12345", 0.2)])
def test_a_view_that_contradicts_takes_half_of_the_confidence(other: Reading | None) -> None:
    assert agreed([reading("皖A12345", 0.8), other]) == reading("皖A12345", 0.4)


def test_many_faint_views_outvote_a_sure_one() -> None:
    views = [reading("浙A12345", 0.8), *[reading("皖A12345", share) for share in (0.4, 0.5, 0.3)]]
    won = voted(views)
    assert won is not None
    assert won.text == "皖A12345"
    assert won.confidence == pytest.approx(1.2 / 4)


def test_views_that_saw_nothing_count_against_a_text() -> None:
    won = voted([reading("皖A12345", 0.9), None, None])
    assert won is not None
    assert won.confidence == pytest.approx(0.3)
    assert voted([None, None]) is None
    assert agreed([None, None]) is None
