"""How many steps a regular expression takes: a backtracking matcher that counts, and the patterns of the product that it looks at.

Python's engine tells nobody how often it turned back, and a clock tells more of the machine than of the pattern. This one goes the
same way through the same parsed tree, so that what grows faster than the text here does so there.
"""

import ast
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import sre_constants as code
    import sre_parse

HEAPS = 20_000
"""More steps than any text of these tests can be worth."""
FEW = 8
"""Repeats up to so many times are no repeats."""
OTHERS = "aZ0 \t\n_-.\x00é中"
SEARCHES = frozenset({"search", "sub", "subn", "split", "findall", "finditer"})
CALLS = SEARCHES | {"compile", "match", "fullmatch"}


class TooMany(Exception):
    """HEAPS are passed."""


@dataclass(frozen=True, slots=True)
class Found:
    """A pattern of the product: where, what, its flags, and how it is applied."""

    place: str
    text: str
    flags: int
    ways: frozenset[str]


class Counter:
    """Applies one parsed pattern as `re` would and counts."""

    def __init__(self, text: str, flags: int) -> None:
        parsed = sre_parse.parse(text, flags)
        self.tree: list[Any] = list(parsed)  # type: ignore[call-overload]
        self.flags = int(parsed.state.flags)
        self.steps = 0
        self._subject = ""

    def match(self, subject: str, start: int = 0, *, whole: bool = False) -> int | None:
        """Where a match that begins at `start` ends; None if there is none."""
        self._subject = subject
        end: list[int] = []

        def done(at: int) -> bool:
            if whole and at != len(subject):
                return False
            end.append(at)
            return True

        return end[-1] if self._run(self.tree, 0, start, done) else None

    def find_all(self, subject: str) -> int:
        """As `finditer`; how many there are."""
        start = count = 0
        while start <= len(subject):
            end = self.match(subject, start)
            count += end is not None
            start = start + 1 if end is None or end == start else end
        return count

    def _step(self) -> None:
        self.steps += 1
        if self.steps > HEAPS:
            raise TooMany

    def _run(self, nodes: Sequence[Any], place: int, at: int, done: Callable[[int], bool]) -> bool:
        self._step()
        if place == len(nodes):
            return done(at)
        op, arg = nodes[place]

        def rest(end: int) -> bool:
            return self._run(nodes, place + 1, end, done)

        if (fits := self._single(op, arg)) is not None:
            return at < len(self._subject) and fits(self._subject[at]) and rest(at + 1)
        if op in (code.MAX_REPEAT, code.MIN_REPEAT, code.POSSESSIVE_REPEAT):
            return self._repeat(op, arg, at, rest)
        if op is code.BRANCH:
            return any(self._run(list(branch), 0, at, rest) for branch in arg[1])
        if op is code.SUBPATTERN:
            return self._run(list(arg[3]), 0, at, rest)
        if op is code.ATOMIC_GROUP:
            return self._alone(list(arg), at, rest)
        if op in (code.ASSERT, code.ASSERT_NOT):
            direction, inner = arg
            begin = at if direction > 0 else at - inner.getwidth()[0]
            holds = begin >= 0 and self._run(list(inner), 0, begin, lambda _: True)
            return holds is (op is code.ASSERT) and rest(at)
        if op is code.AT:
            return self._stands(arg, at) and rest(at)
        assert op is code.GROUPREF, f"{op} is not known here"
        return rest(at)  # what was caught is not kept: as if it were empty, which costs no less turning back

    def _alone(self, nodes: Sequence[Any], at: int, rest: Callable[[int], bool]) -> bool:
        ends: list[int] = []
        return self._run(nodes, 0, at, _kept(ends)) and rest(ends[0])

    def _repeat(self, op: Any, arg: tuple[int, Any, Any], at: int, rest: Callable[[int], bool]) -> bool:
        least, unbounded, inner = arg
        most = sys.maxsize if unbounded is code.MAXREPEAT else int(unbounded)
        nodes = list(inner)
        if len(nodes) == 1 and (fits := self._single(*nodes[0])) is not None:
            return self._repeat_single(op, (least, most), fits, at, rest)
        if op is code.POSSESSIVE_REPEAT:
            ends = [at]
            while len(ends) <= most and self._run(nodes, 0, ends[-1], _kept(ends)) and ends[-1] > ends[-2]:
                pass
            return len(ends) > least and rest(ends[-1])

        def more(count: int, here: int) -> bool:
            def again(end: int) -> bool:
                return end > here and more(count + 1, end)

            if count < least:
                return self._run(nodes, 0, here, lambda end: more(count + 1, end))
            if op is code.MIN_REPEAT:
                return rest(here) or (count < most and self._run(nodes, 0, here, again))
            return (count < most and self._run(nodes, 0, here, again)) or rest(here)

        return more(0, at)

    def _repeat_single(
        self, op: Any, bounds: tuple[int, int], fits: Callable[[str], bool], at: int, rest: Callable[[int], bool]
    ) -> bool:
        least, most = bounds
        run = 0
        while at + run < len(self._subject) and run < most and fits(self._subject[at + run]):
            self._step()
            run += 1
        if op is code.POSSESSIVE_REPEAT:
            return run >= least and rest(at + run)
        counts = range(least, run + 1) if op is code.MIN_REPEAT else range(run, least - 1, -1)
        return any(rest(at + count) for count in counts)

    def _single(self, op: Any, arg: Any) -> Callable[[str], bool] | None:
        """Whether one character is what this node wants; None if it is no node for one character."""
        if op not in (code.LITERAL, code.NOT_LITERAL, code.ANY, code.IN):
            return None
        if op is code.ANY:
            return lambda char: bool(self.flags & re.DOTALL) or char != "\n"
        if op is code.IN:
            negated = arg[0][0] is code.NEGATE
            return lambda char: any(self._in(char, one) for one in arg[negated:]) is not negated
        return lambda char: self._in(char, (code.LITERAL, arg)) is (op is code.LITERAL)

    def _in(self, char: str, one: tuple[Any, Any]) -> bool:
        op, arg = one
        ways = {char, char.lower(), char.upper()} if self.flags & re.IGNORECASE else {char}
        if op is code.LITERAL:
            return chr(arg) in ways
        if op is code.RANGE:
            return any(len(way) == 1 and arg[0] <= ord(way) <= arg[1] for way in ways)
        name = str(arg)
        found = char.isdigit() if "DIGIT" in name else char.isspace() if "SPACE" in name else char.isalnum() or char == "_"
        return found is not ("NOT" in name)

    def _stands(self, where: Any, at: int) -> bool:
        name, text = str(where), self._subject
        if "BEGINNING" in name:
            return at == 0
        if "END" in name:
            return at == len(text) or ("STRING" not in name and text[at:] == "\n")
        word = [0 <= i < len(text) and (text[i].isalnum() or text[i] == "_") for i in (at - 1, at)]
        return (word[0] is not word[1]) is ("NON" not in name)


def _kept(ends: list[int]) -> Callable[[int], bool]:
    """Notes where a match ends and is content with it."""

    def keep(end: int) -> bool:
        ends.append(end)
        return True

    return keep


def attacks(counter: Counter) -> Iterator[tuple[str, str, str]]:
    """What comes before, what is repeated without end, and what spoils it at the end: for every repeat of the pattern."""
    letters = "".join(dict.fromkeys(_letters(counter.tree)))[:20] + OTHERS
    for prefix, body in _repeats(counter, counter.tree, ""):
        alike = [char for char in dict.fromkeys(letters) if _takes(counter, body, char)]
        pumps = dict.fromkeys([_sample(counter, body), *alike[:6], *(alike[i] + alike[-1 - i] for i in range(min(2, len(alike))))])
        for pump in filter(None, pumps):
            for spoilt in ("", "\x00"):
                yield prefix, pump, spoilt


def _takes(counter: Counter, body: Sequence[Any], char: str) -> bool:
    counter.steps, counter._subject = 0, char
    return counter._run(body, 0, 0, lambda end: end == 1)


def _letters(tree: Any) -> Iterator[str]:
    for op, arg in tree:
        if op in (code.LITERAL, code.NOT_LITERAL):
            yield chr(arg)
        elif op is code.IN:
            yield from (chr(a) for o, a in arg if o is code.LITERAL)
            yield from (chr(a[0]) for o, a in arg if o is code.RANGE)
        else:
            for inner in _inside(op, arg):
                yield from _letters(inner)


def _inside(op: Any, arg: Any) -> list[Any]:
    if op in (code.MAX_REPEAT, code.MIN_REPEAT, code.POSSESSIVE_REPEAT):
        return [arg[2]]
    if op is code.BRANCH:
        return list(arg[1])
    if op is code.SUBPATTERN:
        return [arg[3]]
    if op is code.ATOMIC_GROUP:
        return [arg]
    return [arg[1]] if op in (code.ASSERT, code.ASSERT_NOT) else []


def _repeats(counter: Counter, nodes: Sequence[Any], before: str) -> Iterator[tuple[str, list[Any]]]:
    """Each long repeat with a text that leads to it."""
    for op, arg in nodes:
        if op in (code.MAX_REPEAT, code.MIN_REPEAT, code.POSSESSIVE_REPEAT) and (arg[1] is code.MAXREPEAT or arg[1] > FEW):
            yield before, list(arg[2])
        for inner in _inside(op, arg):
            yield from _repeats(counter, list(inner), before)
        before += _sample(counter, [(op, arg)])


def _sample(counter: Counter, nodes: Sequence[Any]) -> str:
    """A short text that these nodes match."""
    text = ""
    for op, arg in nodes:
        if op is code.LITERAL:
            text += chr(arg)
        elif (fits := counter._single(op, arg)) is not None:
            text += next(char for char in chain("a0A -_.:", map(chr, range(32, 1 << 16)), map(chr, range(32))) if fits(char))
        elif op in (code.MAX_REPEAT, code.MIN_REPEAT, code.POSSESSIVE_REPEAT):
            text += _sample(counter, list(arg[2])) * max(arg[0], 0)
        elif op not in (code.ASSERT, code.ASSERT_NOT, code.AT, code.GROUPREF):
            text += _sample(counter, list(_inside(op, arg)[0]))
    return text


def patterns(root: Path) -> Iterator[Found]:
    """Every pattern of the product, wherever it is given to `re` or as a schema's `pattern`."""
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(root.rglob("*.py"))}
    uses: dict[str, set[str]] = {}
    for tree in trees.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CALLS:
                value = node.func.value
                name = value.id if isinstance(value, ast.Name) else value.attr if isinstance(value, ast.Attribute) else ""
                uses.setdefault(name, set()).add(node.func.attr)
    for path, tree in trees.items():
        yield from _in_module(path.relative_to(root).as_posix(), tree, uses)


def _in_module(place: str, tree: ast.Module, uses: dict[str, set[str]]) -> Iterator[Found]:
    named = {
        id(node.value): node.target.id
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    named |= {
        id(node.value): node.targets[0].id
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    tables = {
        name: node
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
        for name in [node.target.id]
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        at = f"{place}:{node.lineno}"
        for keyword in node.keywords:
            if keyword.arg == "pattern":
                yield from (Found(at, text, 0, frozenset({"search"})) for text in _texts(keyword.value, tables))
        func = node.func
        if isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name) and func.value.id == "re" and func.attr in CALLS:
            name = named.get(id(node), "")
            ways = frozenset(uses.get(name, ())) if func.attr == "compile" else frozenset({func.attr})
            given = [
                one.attr
                for extra in (*node.args[1:], *(k.value for k in node.keywords))
                for one in ast.walk(extra)
                if isinstance(one, ast.Attribute)
            ]
            flags = sum(int(getattr(re, one)) for one in given if one in ("IGNORECASE", "DOTALL", "VERBOSE", "MULTILINE"))
            yield from (Found(at, text, flags, ways) for text in _texts(node.args[0], tables))


def _texts(node: ast.expr, tables: dict[str, ast.AnnAssign]) -> list[str]:
    """What an expression may be; of a name that goes through a table every text of all tables of the module."""
    try:
        value = ast.literal_eval(node)
    except ValueError:
        if isinstance(node, ast.Name):
            texts = [
                one.value
                for table in tables.values()
                if table.value
                for one in ast.walk(table.value)
                if isinstance(one, ast.Constant)
            ]
            return [text for text in texts if isinstance(text, str)]
        return []
    return [value.decode("latin-1") if isinstance(value, bytes) else str(value)]
