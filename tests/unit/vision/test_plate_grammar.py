"""What a plate may say."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeguard.testing.examples import examples
from edgeguard.vision.plate_grammar import (
    ALPHABET,
    DIGITS,
    LETTERS,
    PROVINCES,
    START,
    Colour,
    Place,
    PlateKind,
    after,
    colours_of,
    kind_of,
    kinds_at,
)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("皖A12345", PlateKind.ORDINARY),
        ("京AF0236", PlateKind.ORDINARY),
        ("苏E8CD20", PlateKind.ORDINARY),
        ("京O12345", PlateKind.ORDINARY),
        ("皖AD11212", PlateKind.ENERGY_SMALL),
        ("粤BFA1234", PlateKind.ENERGY_SMALL),
        ("沪A12345D", PlateKind.ENERGY_LARGE),
        ("京A1234警", PlateKind.POLICE),
        ("川A123B学", PlateKind.COACH),
        ("鲁B6543挂", PlateKind.TRAILER),
        ("粤Z1234港", PlateKind.HONG_KONG_MACAO),
        ("粤ZAB12澳", PlateKind.HONG_KONG_MACAO),
        ("沪A0023领", PlateKind.CONSULATE),
        ("使014578", PlateKind.EMBASSY),
    ],
)
def test_every_kind_of_plate_is_known_by_its_text(text: str, kind: PlateKind) -> None:
    assert kind_of(text) is kind


@pytest.mark.parametrize(
    "text",
    [
        "",
        "皖",
        "皖A1234",
        "皖I12345",
        "皖A1234I",
        "皖A1O345",
        "皖AABC12",
        "A皖12345",
        "皖A123456",
        "皖AD112",
        "皖AL11212",
        "皖AD11A1A",
        "粤A1234港",
        "京A12警45",
        "使01457A",
        "使0145789",
        "AB12CDE",
        "皖A12345皖A12345",
    ],
)
def test_what_no_plate_says(text: str) -> None:
    assert kind_of(text) is None


def test_a_place_outside_the_alphabet_leads_nowhere() -> None:
    assert after(START, "é") is None
    assert after(START, "1") is None
    assert kinds_at(START) == ()


@given(st.text(alphabet=ALPHABET, min_size=1, max_size=9))
@settings(max_examples=examples(150), deadline=None)
def test_walking_a_text_agrees_with_judging_it(text: str) -> None:
    place: Place | None = START
    for char in text:
        place = after(place, char) if place else None
    assert (kind_of(text) is not None) == bool(place and kinds_at(place))


@given(st.sampled_from(PROVINCES), st.sampled_from(LETTERS), st.text(alphabet=DIGITS + LETTERS, min_size=5, max_size=5))
@settings(max_examples=examples(150), deadline=None)
def test_at_most_two_letters_stand_in_a_serial(province: str, city: str, serial: str) -> None:
    letters = sum(char in LETTERS for char in serial)
    assert (kind_of(province + city + serial) is PlateKind.ORDINARY) == (letters <= 2)


def test_an_eighth_character_means_new_energy() -> None:
    assert colours_of(PlateKind.ENERGY_SMALL) == (Colour.GREEN,)
    assert colours_of(PlateKind.ENERGY_LARGE) == (Colour.YELLOW_GREEN,)
    assert Colour.GREEN not in colours_of(PlateKind.ORDINARY)


def test_the_alphabet_names_each_character_once() -> None:
    assert len(set(ALPHABET)) == len(ALPHABET) == 31 + 10 + 25 + 7
