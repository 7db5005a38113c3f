"""Tables on terminals of all widths: nothing that matters is cut away on a narrow one, and a pipe always gets lines."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from edgeguard.cli.output import styled, table

NAMES = ("device", "state", "every", "answer/p95", "failed", "points", "bus:address", "profile", "")
ROWS = (
    ("electricity-meter-12345678", "online", "60 s", "282/337 ms", "0", "29", "line-1:000012345678", "dlt645-2007-three", "ok"),
    ("lift-1", "offline", "1 s", "4/26 ms", "", "32", "network-1:1", "电梯", "—"),
)


def shown(width: int, rows: tuple[tuple[str, ...], ...] = ROWS) -> list[str]:
    made = table(*NAMES)
    for row in rows:
        made.add_row(row[0], styled(row[1], "red"), *row[2:])
    out = io.StringIO()
    Console(file=out, width=width, highlight=False, markup=False, emoji=False).print(made)
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_where_it_fits_a_row_is_a_line() -> None:
    head, first, second = shown(160)
    assert head.split() == [name for name in NAMES if name]
    assert (first.split()[0], second.split()[0]) == ("electricity-meter-12345678", "lift-1")


def test_on_a_narrow_terminal_each_row_stands_by_itself_and_whole() -> None:
    lines = shown(40)
    assert lines[0] == "electricity-meter-12345678"
    assert lines[1] == "  state online  every 60 s"
    assert lines[lines.index("lift-1") + 1 :] == [
        "  state offline  every 1 s",
        "  answer/p95 4/26 ms  points 32",
        "  bus:address network-1:1  profile 电梯",
        "  —",
    ]


def test_short_words_and_figures_are_whole_where_long_names_have_to_be_cut() -> None:
    """Ten cells for each of the long ones: what is shorter loses nothing to them."""
    least = sum(min(10, max(map(cell_len, column))) + 2 for column in zip(NAMES, *ROWS, strict=True))
    _, first, second = shown(least + 6)
    assert first.startswith("electricity")
    for figure in ("online", "60 s", "282/337 ms", "29", "ok"):
        assert figure in first
    for figure in ("offline", "4/26 ms", "32", "电梯"):
        assert figure in second


@pytest.mark.parametrize("width", [120, 160])
def test_whoever_has_room_for_a_line_gets_one(width: int) -> None:
    wide = tuple(word.ljust(30, "x") for word in ROWS[0])
    assert len(shown(width, (wide,))) == 2


@settings(max_examples=40)
@given(st.integers(12, 119), st.lists(st.text("ab 电-…", max_size=30), min_size=len(NAMES), max_size=len(NAMES)))
def test_no_line_is_longer_than_the_terminal(width: int, row: list[str]) -> None:
    assert all(cell_len(line) <= width for line in shown(width, (tuple(row),)))
