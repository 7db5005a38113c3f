"""No text that somebody sends can keep the gateway busy: every pattern of the product takes steps in proportion to the text."""

import math
import re
import sys
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path

import pytest
from pattern_steps import SEARCHES, Counter, Found, TooMany, attacks, patterns

import edgeguard

ROOT = Path(edgeguard.__file__).resolve().parent
COUNTS = (12, 24, 48)
HANDED_ON = {"config/positions.py": "match"}
"""How patterns are applied that are handed to a function which does it."""
ALLOWED = 3.0
"""Twice the text costs twice the steps, and a little for the beginning; four times would be one repeat too many."""
LONG = 5000


@cache
def every() -> tuple[Found, ...]:
    return tuple(patterns(ROOT))


@pytest.fixture(autouse=True)
def deep() -> Iterator[None]:
    """The counter calls itself for every character of a text."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(20_000)
    yield
    sys.setrecursionlimit(before)


def steps(counter: Counter, way: str, subject: str) -> float:
    """Without end if it is given up."""
    counter.steps = 0
    try:
        if way in SEARCHES:
            counter.find_all(subject)
        else:
            counter.match(subject, whole=way == "fullmatch")
    except TooMany:
        return math.inf
    return counter.steps


def grows(found: Found) -> str:
    """The text on which a pattern takes more than its share; "" if there is none."""
    named = next((way for place, way in HANDED_ON.items() if found.place.startswith(place)), "search")
    ways = {"search" if way in SEARCHES else way for way in found.ways if way != "compile"} or {named}
    counter = Counter(found.text, found.flags)
    for way in sorted(ways):
        for prefix, pump, spoilt in attacks(Counter(found.text, found.flags)):
            subjects = [[prefix + pump * count + spoilt for count in COUNTS]]
            if way == "search" and prefix:
                subjects.append([(prefix + pump) * count + spoilt for count in COUNTS])
            for texts in subjects:
                if _too_fast([partial(steps, counter, way, text) for text in texts]):
                    return f"{found.place}: {found.text!r} by {way} of {texts[0][:60]!r}..."
    return ""


def _too_fast(taken: list[partial[float]]) -> bool:
    """Every doubling costs too much; a bound of the pattern that is passed does so once."""
    costs: list[float] = []
    for count in taken:
        costs.append(count())
        if costs[-1] == math.inf:
            return True
        if len(costs) > 1 and costs[-1] <= ALLOWED * costs[-2]:
            return False
    return True


@pytest.mark.slow
def test_every_pattern_of_the_product_takes_steps_in_proportion_to_the_text() -> None:
    found = every()
    assert len(found) > 80
    assert [words for words in map(grows, found) if words] == []


@pytest.mark.slow
def test_the_engine_itself_comes_to_an_end_with_long_texts() -> None:
    for found in every():
        pattern = re.compile(found.text, found.flags)
        for prefix, pump, spoilt in attacks(Counter(found.text, found.flags)):
            for subject in (prefix + pump * (LONG // len(pump)) + spoilt, (prefix + pump) * (LONG // len(prefix + pump)) + spoilt):
                if found.ways & SEARCHES:
                    sum(1 for _ in pattern.finditer(subject))
                pattern.fullmatch(subject)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "way"),
    [
        (r"(a+)+b", "match"),
        (r"(a|a)*b", "match"),
        (r"(?:a|ab|b)*c", "match"),
        (r"\s*a?\s*b", "match"),
        (r"\s+([a-z\s]+?)\s*END", "match"),
        (r"\d+x", "search"),
        (r"a*", "fullmatch"),
    ],
)
def test_what_grows_is_seen_and_what_does_not_is_not(text: str, way: str) -> None:
    assert bool(grows(Found("here", text, 0, frozenset({way})))) is (way != "fullmatch")


@pytest.mark.parametrize(
    ("text", "flags", "subject"),
    [
        (r"(?i)(^|_)(pass|key)$", 0, "API_KEY"),
        (r'"(?:[^"\\]|\\.)*"?|[\[\]{}]', re.DOTALL, '{"a\\"b":[1,"x"'),
        (r"a{2,3}?b|(?<=x)\d++(?!\d)", 0, "aaab x12 aab"),
        (r"\bon\b|\Boff|[^\W\d]+$", 0, "on off go_1 on\n"),
        (r"(?>a+)b?|.", 0, "aab\nc"),
    ],
)
def test_the_counter_finds_what_python_finds(text: str, flags: int, subject: str) -> None:
    assert Counter(text, flags).find_all(subject) == len(list(re.finditer(text, subject, flags)))
