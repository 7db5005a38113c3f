"""Combinations of points as people write them in alarms, read by a grammar of a few lines; nothing is ever executed.

    condition = all { "or" all }
    all       = one { "and" one }
    one       = "not" one | sum [ comparison sum ]
    sum       = product { ("+" | "-") product }
    product   = factor { ("*" | "/") factor }
    factor    = "-" factor | "(" condition ")" | number | 'text' | true | false | POINT | DEVICE.POINT
              | abs(x) | min(x, y ...) | max(x, y ...) | avg(x, y ...) | bad(POINT) | held(condition, 5m)

Numbers are in the unit of the point. Device names have hyphens, so a minus between two points wants blanks around it. Every
mistake names its column; what cannot be compared or computed is a mistake, as far as the kinds of the points are known.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from edgeguard.config.mistakes import did_you_mean
from edgeguard.config.quantity import duration_ms
from edgeguard.core.alarm_limits import EXPRESSION_CHARS, EXPRESSION_DEPTH, EXPRESSION_NODES
from edgeguard.core.expression import (
    AllOf,
    AnyOf,
    Arithmetic,
    Call,
    Compare,
    Compared,
    Computed,
    Constant,
    Expression,
    Function,
    Held,
    IsBad,
    Negated,
    PointValue,
    Written,
)
from edgeguard.core.ids import DeviceName, PointName
from edgeguard.core.interlock import PointRef
from edgeguard.core.limits import MAX_ALARM_DELAY_MS
from edgeguard.core.point import Kind, Point

_TOKEN: Final = re.compile(
    r"""\s*(?:
      (?P<point>[a-z0-9][a-z0-9-]{0,63}\.[a-z][a-z0-9_]{0,63}(?![a-z0-9_.-]))
    | (?P<duration>[0-9]{1,9}(?:\.[0-9]{1,3})?(?:ms|s|m|h|d)(?![\w.]))
    | (?P<number>[0-9]{1,15}(?:\.[0-9]{1,15})?(?![\w.]))
    | (?P<word>[a-z][a-z0-9_]{0,63}(?![\w.]))
    | (?P<text>'[^'"\\]*'|"[^'"\\]*")
    | (?P<sign>==|!=|<=|>=|<|>|\(|\)|\+|-|\*|/|,)
    )""",
    re.VERBOSE,
)
_COMPARISONS: Final = frozenset(sign.value for sign in Compare)
_FUNCTIONS: Final = frozenset(function.value for function in Function)
_RESERVED: Final = frozenset({"and", "or", "not"})

Find = Callable[[PointRef], Point | str | None]
"""The point that is meant; a sentence if there is none, None if it is not known yet."""


class _Token(NamedTuple):
    kind: str
    text: str
    column: int


class _Part(NamedTuple):
    """An expression, its kind (None if that is not known), and where it begins."""

    expression: Expression
    kind: Kind | None
    column: int
    point: Point | None = None


def parse_expression(text: str, device: DeviceName, find: Find) -> Written:
    """The condition; bare names are points of `device`. ValueError with a sentence that names the column."""
    if len(text) > EXPRESSION_CHARS:
        raise ValueError(f"is too long: at most {EXPRESSION_CHARS} characters")
    reader = _Reader(tuple(_tokens(text)), len(text) + 1, device, find)
    part = reader.whole()
    if part.kind not in (Kind.BOOLEAN, None):
        raise ValueError(f"column {part.column}: is {_named(part.kind)}, but must be true or false; compare it with something")
    return Written(text, part.expression)


def _tokens(text: str) -> Iterator[_Token]:
    place, count = 0, 0
    while text[place:].strip():
        match = _TOKEN.match(text, place)
        count += 1
        if match is None or match.lastgroup is None:
            column = place + len(text[place:]) - len(text[place:].lstrip()) + 1
            hint = "; comparisons are written == != <= >= < >" if text[column - 1] in "=!&|" else ""
            raise ValueError(f"column {column}: {text[column - 1 : column + 11]!r} is not understood{hint}")
        if count > EXPRESSION_NODES:
            raise ValueError(f"is too large: at most {EXPRESSION_NODES} names, numbers and signs")
        yield _Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup) + 1)
        place = match.end()


def _named(kind: Kind | None) -> str:
    return {Kind.NUMBER: "a number", Kind.BOOLEAN: "true or false", Kind.TEXT: "a text"}.get(kind or Kind.TEXT, "a text")


class _Reader:
    """Reads tokens from the first to the last."""

    def __init__(self, tokens: tuple[_Token, ...], end: int, device: DeviceName, find: Find) -> None:
        self._tokens = tokens
        self._end = end
        self._device = device
        self._find = find
        self._next = 0
        self._depth = 0

    def whole(self) -> _Part:
        """The whole text."""
        if not self._tokens:
            raise ValueError("must not be empty")
        part = self._any()
        if (token := self._peek()) is not None:
            raise ValueError(f"column {token.column}: {token.text!r} is not expected here; join conditions with and, or")
        return part

    def _any(self) -> _Part:
        self._depth += 1
        if self._depth > EXPRESSION_DEPTH:
            raise ValueError(f"column {self._column}: nests deeper than {EXPRESSION_DEPTH}")
        part = self._joined("or", self._all, AnyOf)
        self._depth -= 1
        return part

    def _all(self) -> _Part:
        return self._joined("and", self._one, AllOf)

    def _joined(self, word: str, read: Callable[[], _Part], make: Callable[[tuple[Expression, ...]], Expression]) -> _Part:
        parts = [read()]
        while self._takes(word):
            parts.append(read())
        if len(parts) == 1:
            return parts[0]
        for part in parts:
            _want(part, Kind.BOOLEAN, f'"{word}" joins conditions')
        return _Part(make(tuple(part.expression for part in parts)), Kind.BOOLEAN, parts[0].column)

    def _one(self) -> _Part:
        column = self._column
        if self._takes("not"):
            self._depth += 1
            if self._depth > EXPRESSION_DEPTH:
                raise ValueError(f"column {column}: nests deeper than {EXPRESSION_DEPTH}")
            inner = self._one()
            self._depth -= 1
            _want(inner, Kind.BOOLEAN, '"not" is for a condition')
            return _Part(Negated(inner.expression), Kind.BOOLEAN, column)
        left = self._sum()
        token = self._peek()
        if token is None or token.kind != "sign" or token.text not in _COMPARISONS:
            return left
        self._next += 1
        right = self._sum()
        if (after := self._peek()) is not None and after.kind == "sign" and after.text in _COMPARISONS:
            raise ValueError(f"column {after.column}: comparisons cannot be chained; join two with and")
        return _compared(left, Compare(token.text), right)

    def _sum(self) -> _Part:
        return self._computed(self._product, ("+", "-"))

    def _product(self) -> _Part:
        return self._computed(self._factor, ("*", "/"))

    def _computed(self, read: Callable[[], _Part], signs: tuple[str, ...]) -> _Part:
        left = read()
        while (token := self._peek()) is not None and token.kind == "sign" and token.text in signs:
            self._next += 1
            right = read()
            for side in (left, right):
                _want(side, Kind.NUMBER, f'"{token.text}" computes with numbers')
            left = _Part(Computed(left.expression, Arithmetic(token.text), right.expression), Kind.NUMBER, left.column)
        return left

    def _factor(self) -> _Part:
        column = self._column
        if self._takes("-"):
            self._depth += 1
            if self._depth > EXPRESSION_DEPTH:
                raise ValueError(f"column {column}: nests deeper than {EXPRESSION_DEPTH}")
            inner = self._factor()
            self._depth -= 1
            _want(inner, Kind.NUMBER, '"-" is for a number')
            return _Part(Computed(Constant(0), Arithmetic.MINUS, inner.expression), Kind.NUMBER, column)
        if self._takes("("):
            part = self._any()
            self._expect(")", "a bracket is not closed")
            return part._replace(column=column)
        token = self._peek()
        if token is None or token.kind in ("sign", "duration") or token.text in _RESERVED:
            found = "the end" if token is None else repr(token.text)
            raise ValueError(f"column {column}: a point or a constant is missing before {found}")
        self._next += 1
        if token.kind == "word" and (following := self._peek()) is not None and following.text == "(":
            return self._function(token)
        return self._operand(token)

    def _operand(self, token: _Token) -> _Part:
        match token.kind:
            case "number":
                number = float(token.text) if "." in token.text else int(token.text)
                return _Part(Constant(number), Kind.NUMBER, token.column)
            case "text":
                return _Part(Constant(token.text[1:-1]), Kind.TEXT, token.column)
            case "word" if token.text in ("true", "false"):
                return _Part(Constant(token.text == "true"), Kind.BOOLEAN, token.column)
            case _:
                ref, point = self._point(token)
                return _Part(PointValue(ref), None if point is None else point.kind, token.column, point)

    def _point(self, token: _Token) -> tuple[PointRef, Point | None]:
        device, dot, name = token.text.partition(".")
        ref = PointRef(DeviceName(device), PointName(name)) if dot else PointRef(self._device, PointName(device))
        found = self._find(ref)
        if isinstance(found, str):
            raise ValueError(f"column {token.column}: {found}")  # noqa: TRY004 (what is wrong is the text)
        return ref, found

    def _function(self, token: _Token) -> _Part:
        self._next += 1
        if token.text == "held":
            return self._held(token)
        if token.text == "bad":
            named = self._peek()
            if named is None or named.kind not in ("point", "word"):
                raise ValueError(f"column {self._column}: bad() is for one point")
            self._next += 1
            ref, _ = self._point(named)
            self._expect(")", "bad() is for one point")
            return _Part(IsBad(ref), Kind.BOOLEAN, token.column)
        if token.text not in _FUNCTIONS:
            known = (*_FUNCTIONS, "held", "bad")
            raise ValueError(f"column {token.column}: there is no function {token.text}{did_you_mean(token.text, known)}")
        arguments = [self._any()]
        while self._takes(","):
            arguments.append(self._any())
        self._expect(")", "a bracket is not closed")
        function = Function(token.text)
        if function is Function.ABS and len(arguments) != 1:
            raise ValueError(f"column {token.column}: abs() takes one number, not {len(arguments)}")
        for argument in arguments:
            _want(argument, Kind.NUMBER, f"{function.value}() computes with numbers")
        return _Part(Call(function, tuple(part.expression for part in arguments)), Kind.NUMBER, token.column)

    def _held(self, token: _Token) -> _Part:
        inner = self._any()
        _want(inner, Kind.BOOLEAN, "held() is for a condition")
        self._expect(",", "held() takes a condition and a time, such as held(running, 5m)")
        time = self._peek()
        if time is None or time.kind != "duration":
            raise ValueError(f"column {self._column}: held() takes a time with its unit, such as 30s or 5m")
        self._next += 1
        for_ms = duration_ms(time.text)
        if not 0 < for_ms <= MAX_ALARM_DELAY_MS:
            raise ValueError(f"column {time.column}: {time.text} is out of range: up to {MAX_ALARM_DELAY_MS // 86_400_000}d")
        self._expect(")", "a bracket is not closed")
        return _Part(Held(inner.expression, for_ms), Kind.BOOLEAN, token.column)

    def _takes(self, text: str) -> bool:
        token = self._peek()
        if token is None or token.text != text or token.kind not in ("word", "sign"):
            return False
        self._next += 1
        return True

    def _expect(self, text: str, otherwise: str) -> None:
        column = self._column
        if not self._takes(text):
            raise ValueError(f"column {column}: {otherwise}")

    def _peek(self) -> _Token | None:
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    @property
    def _column(self) -> int:
        token = self._peek()
        return self._end if token is None else token.column


def _want(part: _Part, kind: Kind, why: str) -> None:
    if part.kind not in (kind, None):
        raise ValueError(f"column {part.column}: {why}, and this is {_named(part.kind)}")


def _compared(left: _Part, sign: Compare, right: _Part) -> _Part:
    kinds = {left.kind, right.kind} - {None}
    if len(kinds) > 1:
        raise ValueError(f"column {left.column}: compares {_named(left.kind)} with {_named(right.kind)}")
    if sign not in (Compare.EQUAL, Compare.DIFFERENT) and kinds and kinds != {Kind.NUMBER}:
        raise ValueError(f"column {left.column}: {sign.value} compares numbers, and this is {_named(left.kind or right.kind)}")
    if isinstance(left.expression, Constant) and isinstance(right.expression, Constant):
        raise ValueError(f"column {left.column}: compares two constants; one side must be a point")  # noqa: TRY004
    for side, other in ((left, right), (right, left)):
        if side.point is not None and side.point.choices and isinstance(other.expression, Constant):
            texts = [labels.en for labels in side.point.choices.values()]
            if other.expression.value not in texts:
                raise ValueError(
                    f'column {other.column}: "{other.expression.value}" is not the English text of a choice of point'
                    f" {side.point.name}{did_you_mean(str(other.expression.value), texts)}"
                )
    return _Part(Compared(left.expression, sign, right.expression), Kind.BOOLEAN, left.column)
