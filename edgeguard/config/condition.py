"""Conditions as people write them, read by a grammar of a few lines; nothing is ever executed.

    condition  = all { "or" all }
    all        = one { "and" one }
    one        = "not" one | "(" condition ")" | operand [ operator operand ]
    operand    = DEVICE.POINT | POINT (of this device) | number | 'text' | "text" | true | false
    operator   = == != <= >= < >

An operand that stands alone must be a point that is true or false. Pure: which points there are is not known here.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from edgeguard.core.ids import DeviceName, PointName
from edgeguard.core.interlock import Comparison, Condition, Every, Not, Operand, Operator, PointRef, Some, Truth
from edgeguard.core.limits import CONDITION_CHARS, CONDITION_DEPTH

_TOKEN: Final = re.compile(
    r"""\s*(?:
      (?P<point>[a-z0-9][a-z0-9-]{0,63}\.[a-z][a-z0-9_]{0,63}(?![a-z0-9_.-]))
    | (?P<number>-?[0-9]{1,15}(?:\.[0-9]{1,15})?(?![\w.]))
    | (?P<word>[a-z][a-z0-9_]{0,63}(?![\w.-]))
    | (?P<text>'[^'"\\]*'|"[^'"\\]*")
    | (?P<sign>==|!=|<=|>=|<|>|\(|\))
    )""",
    re.VERBOSE,
)
_OPERATORS: Final = frozenset(operator.value for operator in Operator)
_KEYWORDS: Final = frozenset({"and", "or", "not", "true", "false"})


class _Token(NamedTuple):
    kind: str
    text: str
    column: int


def parse_condition(text: str, device: DeviceName) -> Condition:
    """The condition; bare point names mean points of `device`. ValueError with a sentence that names the column."""
    if len(text) > CONDITION_CHARS:
        raise ValueError(f"is too long: at most {CONDITION_CHARS} characters")
    return _Reader(tuple(_tokens(text)), len(text) + 1, device).condition()


def _tokens(text: str) -> Iterator[_Token]:
    place = 0
    while text[place:].strip():
        match = _TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            column = place + len(text[place:]) - len(text[place:].lstrip()) + 1
            hint = "; comparisons are written == != <= >= < >" if text[column - 1] in "=!&|" else ""
            raise ValueError(f"column {column}: {text[column - 1 : column + 11]!r} is not understood{hint}")
        yield _Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup) + 1)
        place = match.end()


class _Reader:
    """Reads tokens from the first to the last."""

    def __init__(self, tokens: tuple[_Token, ...], end: int, device: DeviceName) -> None:
        self._tokens = tokens
        self._end = end
        self._device = device
        self._next = 0

    def condition(self) -> Condition:
        """The whole text."""
        if not self._tokens:
            raise ValueError("must not be empty")
        made = self._some(1)
        if (token := self._peek()) is not None:
            raise ValueError(f"column {token.column}: after the condition comes {token.text!r}; join conditions with and, or")
        return made

    def _some(self, depth: int) -> Condition:
        if depth > CONDITION_DEPTH:
            raise ValueError(f"nests deeper than {CONDITION_DEPTH}")
        parts = [self._every(depth)]
        while self._takes("or"):
            parts.append(self._every(depth))
        return parts[0] if len(parts) == 1 else Some(tuple(parts))

    def _every(self, depth: int) -> Condition:
        parts = [self._one(depth)]
        while self._takes("and"):
            parts.append(self._one(depth))
        return parts[0] if len(parts) == 1 else Every(tuple(parts))

    def _one(self, depth: int) -> Condition:
        if self._takes("not"):
            if depth >= CONDITION_DEPTH:
                raise ValueError(f"nests deeper than {CONDITION_DEPTH}")
            return Not(self._one(depth + 1))
        if self._takes("("):
            inner = self._some(depth + 1)
            if not self._takes(")"):
                raise ValueError(f"column {self._column}: a bracket is not closed")
            return inner
        column = self._column
        left = self._operand()
        token = self._peek()
        if token is not None and token.text in _OPERATORS and token.kind == "sign":
            self._next += 1
            return self._compared(left, Operator(token.text), self._operand(), column)
        if isinstance(left, PointRef):
            return Truth(left)
        raise ValueError(f"column {column}: a constant alone says nothing; compare a point with it")

    def _compared(self, left: Operand, operator: Operator, right: Operand, column: int) -> Condition:
        if not isinstance(left, PointRef) and not isinstance(right, PointRef):
            raise ValueError(f"column {column}: compares two constants; one side must be a point")  # noqa: TRY004 (the text is wrong)
        for side in (left, right):
            if operator.is_order and isinstance(side, bool | str):
                raise ValueError(f"column {column}: {operator.value} compares numbers, not {side!r}")
        following = self._peek()
        if following is not None and following.text in _OPERATORS and following.kind == "sign":
            raise ValueError(f"column {following.column}: comparisons cannot be chained; join two with and")
        return Comparison(left, operator, right)

    def _operand(self) -> Operand:
        token = self._peek()
        if token is None or token.kind == "sign" or (token.kind == "word" and token.text in {"and", "or", "not"}):
            found = "the end" if token is None else repr(token.text)
            raise ValueError(f"column {self._column}: a point or a constant is missing before {found}")
        self._next += 1
        match token.kind:
            case "point":
                device, _, point = token.text.partition(".")
                return PointRef(DeviceName(device), PointName(point))
            case "number":
                return float(token.text) if "." in token.text else int(token.text)
            case "text":
                return token.text[1:-1]
            case _ if token.text in _KEYWORDS:
                return token.text == "true"
            case _:
                return PointRef(self._device, PointName(token.text))

    def _takes(self, text: str) -> bool:
        token = self._peek()
        if token is None or token.text != text or token.kind not in ("word", "sign"):
            return False
        self._next += 1
        return True

    def _peek(self) -> _Token | None:
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    @property
    def _column(self) -> int:
        token = self._peek()
        return self._end if token is None else token.column
