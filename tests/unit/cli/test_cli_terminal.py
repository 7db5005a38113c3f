"""Keys are understood as terminals send them; only what has changed is sent; the screen is always given back."""

from io import StringIO

import pytest
from rich.console import Console
from rich.text import Text

from edgeguard.cli.lines import Field, beside, columns_of, fit, grid, row, rule, spread
from edgeguard.cli.terminal import Canvas, Key, keyboard, parse_keys


@pytest.mark.parametrize(
    ("typed", "keys"),
    [
        (b"q", [Key.QUIT]),
        (b"\x03", [Key.QUIT]),
        (b"\x1b", [Key.QUIT]),
        (b"\x1b[B\x1b[A\x1bOB\x1bOA", [Key.NEXT, Key.BACK, Key.NEXT, Key.BACK]),
        (b"\t\x1b[Z", [Key.NEXT, Key.BACK]),
        (b"p p", [Key.PAUSE, Key.PAUSE, Key.PAUSE]),
        (b"\x0c", [Key.REDRAW]),
        (b"xyz", []),
        (b"\x1b[15~j", [Key.NEXT]),
        (b"\x1b[1;5C", []),
        (b"\x1b[", []),
        (b"\xff\xfeq", [Key.QUIT]),
        (b"", []),
    ],
)
def test_keys(typed: bytes, keys: list[Key]) -> None:
    assert parse_keys(typed) == keys


def canvas() -> tuple[Canvas, StringIO]:
    out = StringIO()
    return Canvas(Console(file=out, width=20, height=4, force_terminal=True, color_system=None)), out


def test_only_changed_lines_are_sent() -> None:
    screen, out = canvas()
    screen.paint([Text("one"), Text("two")])
    out.truncate(0)
    out.seek(0)

    sent = screen.paint([Text("one"), Text("TWO")])

    assert out.getvalue() == "\x1b[2;1H\x1b[2KTWO"
    assert sent == len(out.getvalue())
    assert screen.paint([Text("one"), Text("TWO")]) == 0


def test_lines_that_are_gone_are_cleared_and_a_redraw_sends_all() -> None:
    screen, out = canvas()
    screen.paint([Text("one"), Text("two")])
    out.truncate(0)
    out.seek(0)
    screen.paint([Text("one")])
    assert out.getvalue() == "\x1b[2;1H\x1b[2K"

    screen.forget()
    screen.paint([Text("one")])
    assert out.getvalue().endswith("\x1b[2J\x1b[1;1H\x1b[2Kone")


def test_no_line_feed_is_ever_sent() -> None:
    screen, out = canvas()
    screen.paint([Text("x" * 30), Text("名" * 15, style="bold"), Text()])

    assert "\n" not in out.getvalue()
    assert "x" * 21 not in out.getvalue()


def test_the_screen_is_given_back_after_a_failure() -> None:
    screen, out = canvas()

    with pytest.raises(ZeroDivisionError), screen.open():
        raise ZeroDivisionError

    assert out.getvalue().endswith("\x1b[?25h\x1b[?1049l")


def test_without_a_keyboard_there_is_none() -> None:
    with keyboard() as descriptor:
        assert descriptor is None


def test_fields_are_cut_and_padded_by_cells() -> None:
    assert fit(Text("电梯门"), 5).plain == "电梯…"
    assert fit(Text("ab"), 5).plain == "ab   "
    assert row([Field("ab", 4), Field("7", 3, right=True), Field("gone", 0)]).plain == "ab     7"
    assert spread(Text("left"), Text("right"), 20).plain == "left           right"
    assert rule("DEVICES", 20, "1/2").plain == "─ DEVICES ──── 1/2 ─"
    assert spread(Text("left side"), Text("right"), 11).plain == "left side  "
    assert [line.plain for line in beside([Text("a")], [Text("b"), Text("c")], 2, 2)] == ["a  │ b ", "   │ c "]


def test_a_grid_fills_downwards_and_says_what_it_leaves_out() -> None:
    cells = [Text(letter) for letter in "abcde"]

    assert columns_of(20, 5) == (3, 5)
    assert columns_of(3, 5) == (1, 3)
    assert [line.plain for line in grid(cells, 2, 2, 9)] == ["a   d ", "b   e ", "c "]
    assert [line.plain for line in grid(cells, 2, 2, 2, Text("…"))] == ["a   c ", "b   … "]
    assert grid(cells, 2, 2, 0) == grid([], 2, 2, 5) == []
