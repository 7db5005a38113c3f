"""The position index against tomllib: the same keys, each at the line where it was written."""

import tomllib
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeguard.config.positions import KeyPath, Positions
from edgeguard.testing.examples import examples


def paths(value: object, path: KeyPath = ()) -> set[KeyPath]:
    """Every key path and list index in parsed TOML."""
    found = {path} if path else set()
    if isinstance(value, dict):
        for key, inner in value.items():
            found |= paths(inner, (*path, key))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            found |= paths(inner, (*path, i))
    return found


TEXT = """# a comment with [brackets] = "and more"
title = "first"   # line 2
a.b.c = 1
a.b.d = { x = 1, "y z" = [1, 2] }

[server]
host = 'C:\\not\\an\\escape'
lines = \"\"\"
[not.a.header]
key = 1 # not a key
five quotes: \"\"\"\"\"
after = 'x'
list = [
  1,
  # comment ] }
  { n = 2, m = '''
three
lines''' },
  [3,
   4],
]

  [ "server" . sub ]
  when = 1979-05-27 07:32:00

[[device]]
name = "one"
[device.alarms.dry-run]
limit = 1
[[device.alarm]]
name = "a"
[[device.alarm]]
name = "b"

[[device]]
name = "two"
alarms."dry run".limit = 2
[[device.alarm]]
name = "c"
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("title",), 2),
        (("a",), 3),
        (("a", "b", "c"), 3),
        (("a", "b", "d"), 4),
        (("a", "b", "d", "y z", 1), 4),
        (("server",), 6),
        (("server", "host"), 7),
        (("server", "lines"), 8),
        (("server", "after"), 12),
        (("server", "list", 0), 14),
        (("server", "list", 1), 16),
        (("server", "list", 1, "m"), 16),
        (("server", "list", 2), 19),
        (("server", "list", 2, 1), 20),
        (("server", "sub"), 23),
        (("server", "sub", "when"), 24),
        (("device", 0), 26),
        (("device", 0, "alarms", "dry-run"), 28),
        (("device", 0, "alarms", "dry-run", "limit"), 29),
        (("device", 0, "alarm", 0, "name"), 31),
        (("device", 0, "alarm", 1), 32),
        (("device", 1), 35),
        (("device", 1, "alarms", "dry run", "limit"), 37),
        (("device", 1, "alarm", 0, "name"), 39),
        (("device", 1, "missing"), 35),
        (("nowhere",), 1),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_every_form_of_key_has_its_line(path: KeyPath, line: int, newline: str) -> None:
    text = TEXT.replace("\n", newline)
    tomllib.loads(text)
    assert Positions(text).line(path) == line


def test_the_index_holds_the_same_paths_as_the_parsed_file() -> None:
    assert set(Positions(TEXT).lines) == paths(tomllib.loads(TEXT))


def test_text_that_is_not_toml_is_refused_and_not_looped_over() -> None:
    with pytest.raises(ValueError, match="line 2"):
        assert Positions("a = 1\n= 2\n").lines


SCALARS = ("1", "0x1F", "-1_000.5e3", "true", "1979-05-27 07:32:00", '"#]}=,"', "'#]}=,'", '"a \\" b"', "inf")
BLOCKS = ('"""one\n[two]\nthree = 3 \\""" """', "'''\n'' ]\n'''", '"""\n""two""\n"""', "'''x''''")


@dataclass
class Writer:
    """Writes TOML and notes where each path was written."""

    text: str = ""
    lines: dict[KeyPath, int] = field(default_factory=dict)
    names: int = 0

    def note(self, path: KeyPath) -> None:
        self.lines.setdefault(path, self.text.count("\n") + 1)

    def key(self, draw: Any) -> tuple[str, str]:
        """A fresh key as parsed and as written."""
        self.names += 1
        name = f"k{self.names}"
        forms = [(name, name), (f"{name} =", f'"{name} ="'), (f"{name}.#", f"'{name}.#'"), (f"{name}é", f'"{name}\\u00e9"')]
        form: tuple[str, str] = draw(st.sampled_from(forms))
        return form

    def value(self, draw: Any, path: KeyPath, depth: int) -> None:
        kind = draw(st.sampled_from(["scalar", "block", "array", "inline"] if depth else ["scalar", "block"]))
        if kind == "scalar":
            self.text += draw(st.sampled_from(SCALARS))
        elif kind == "block":
            self.text += draw(st.sampled_from(BLOCKS))
        elif kind == "array":
            self.text += "["
            for i in range(draw(st.integers(0, 3))):
                self.text += draw(st.sampled_from([" ", "\n  ", "\n# ] comment\n\n"]))
                self.note((*path, i))
                self.value(draw, (*path, i), depth - 1)
                self.text += draw(st.sampled_from([",", " ,", ", # }"])) + "\n"
            self.text += "]"
        else:
            self.text += "{"
            for i in range(draw(st.integers(0, 2))):
                self.text += ", " if i else " "
                self.pair(draw, path, 0)
            self.text += " }"

    def pair(self, draw: Any, path: KeyPath, depth: int) -> None:
        written = []
        for _ in range(draw(st.integers(1, 3))):
            name, key = self.key(draw)
            path = (*path, name)
            self.note(path)
            written.append(key)
        self.text += draw(st.sampled_from([".", " . "])).join(written) + draw(st.sampled_from(["=", " = "]))
        self.value(draw, path, depth)

    def section(self, draw: Any) -> None:
        rows = draw(st.integers(0, 3))
        prefix, header = self.key(draw)
        name, last = self.key(draw)
        for row in range(max(rows, 1)):
            self.text += draw(st.sampled_from(["", "  ", "\n# [comment]\n"]))
            self.note((prefix,))
            self.note((prefix, name))
            base: KeyPath = (prefix, name)
            if rows:
                base = (*base, row)
                self.note(base)
            self.text += f"[[{header} . {last}]]\n" if rows else f"[{header}.{last}] # ]\n"
            for _ in range(draw(st.integers(0, 3))):
                self.pair(draw, base, 2)
                self.text += draw(st.sampled_from(["\n", "  # x\n", "\n\n"]))


@st.composite
def documents(draw: Any) -> Writer:
    writer = Writer()
    for _ in range(draw(st.integers(0, 3))):
        writer.pair(draw, (), 2)
        writer.text += "\n"
    for _ in range(draw(st.integers(0, 3))):
        writer.section(draw)
    return writer


@settings(max_examples=examples(30), deadline=None)
@given(documents(), st.sampled_from(["\n", "\r\n"]))
def test_generated_toml_has_the_lines_it_was_written_at(written: Writer, newline: str) -> None:
    text = written.text.replace("\n", newline)
    assert paths(tomllib.loads(text)) == set(written.lines), "the writer writes what it means"
    assert Positions(text).lines == written.lines


@given(st.text(alphabet="ab[]{}\"'=.,#\n \\", max_size=40))
def test_whatever_tomllib_accepts_is_indexed_alike(text: str) -> None:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert set(Positions(text).lines) == paths(data)
