"""Mistakes collected until the end, so that a person gets them all at once, each with its line and a way out.

Turns pydantic's errors into sentences; knows nothing of sites and profiles.
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from edgeguard.config.positions import KeyPath, Positions
from edgeguard.core.errors import ConfigError
from edgeguard.core.limits import CONFIG_MAX_MISTAKES, CONFIG_MISTAKE_CHARS

SECRET_KEY: Final = re.compile(r"(?i)(^|_)(password|passwd|passphrase|pwd|secret|token|psk|api_?key|private_?key)$")
"""Keys whose value would be a secret; files of secrets are named by `password_file` and `key`."""


class Table(BaseModel):
    """A table of a file: unknown keys are mistakes, and nothing is converted silently (no "5" for 5)."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

    keystones: ClassVar[frozenset[str]] = frozenset()
    """Keys that may be left out, but whose mistake makes every judgement of the rest of the table worthless."""


TableT = TypeVar("TableT", bound=Table)


@dataclass(slots=True)
class Mistakes:
    """The mistakes and notes of one file, in the order found; `lines()` sorts them as the file goes."""

    file: str
    positions: Positions = field(default_factory=Positions)
    _found: list[tuple[int, str]] = field(default_factory=list)
    _foreign: list[str] = field(default_factory=list)
    _notes: list[str] = field(default_factory=list)

    def add(self, path: KeyPath, sentence: str, at: KeyPath | None = None) -> None:
        """A mistake at `path`; `at` is given when the line to look at is another one."""
        line = self.positions.line(path if at is None else at)
        self._found.append((line, f"{self.file}:{line}: {spell(path)}: {sentence}"))

    def add_line(self, line: int, where: str, sentence: str) -> None:
        """A mistake that has a line but no key."""
        self._found.append((line, f"{self.file}:{line}: {where}: {sentence}"))

    def adopt(self, error: ConfigError) -> None:
        """The mistakes of another file that this one leads to; each file's are told once."""
        self._foreign.extend(line for line in error.mistakes if line not in self._foreign)

    def note(self, path: KeyPath, sentence: str) -> None:
        """Something that works but that a person should know."""
        self._notes.append(f"{self.file}:{self.positions.line(path)}: {spell(path)}: {sentence}")

    def line(self, path: KeyPath) -> int:
        """The line of a key, for sentences that point to a second place."""
        return self.positions.line(path)

    def lines(self) -> tuple[str, ...]:
        """Every mistake, one printable line each, at most CONFIG_MAX_MISTAKES of them."""
        own = dict.fromkeys(text for _, text in sorted(self._found, key=lambda found: found[0]))
        told = [_printable(text) for text in (*own, *self._foreign)]
        if len(told) > CONFIG_MAX_MISTAKES:
            rest = len(told) - CONFIG_MAX_MISTAKES
            told = [*told[:CONFIG_MAX_MISTAKES], f"{self.file}:1: file: and {rest} more mistakes"]
        return tuple(told)

    def notes(self) -> tuple[str, ...]:
        """Every note, one printable line each."""
        return tuple(_printable(text) for text in self._notes)

    def raise_if_any(self) -> None:
        """ConfigError with all of them, if there is one."""
        if self._found or self._foreign:
            raise ConfigError(self.lines())

    def examine(self, model: type[TableT], raw: object, path: KeyPath) -> TableT | None:
        """`raw` as a `model` after adding every mistake in it; None when too little is left to judge the rest by.

        Keys with mistakes take their defaults, so that the checks to come find what else is wrong. Nothing is ever built
        from such a table, because `raise_if_any` comes before.
        """
        if not isinstance(raw, Mapping):
            self.add(path, f"must be a table, not {kind_of(raw)}")
            return None
        try:
            return model.model_validate(raw)
        except ValidationError as error:
            found = error.errors(include_url=False)
        for details in found:
            self.add((*path, *_location(details)), _sentence(details, model))
        wrong = {str(details["loc"][0]) for details in found}
        if wrong & model.keystones:
            return None
        try:
            return model.model_validate({key: value for key, value in raw.items() if key not in wrong})
        except ValidationError:
            return None


def spell(path: KeyPath) -> str:
    """A key path for people: `device[2].alarms.dry-run.limit`; list indices count from 0."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f"{'.' if text else ''}{part if re.fullmatch(r'[A-Za-z0-9_-]+', part) else repr(part)}"
    return text or "file"


def did_you_mean(written: str, known: Iterable[str]) -> str:
    """` (did you mean "every"?)`, or what there is when nothing is near."""
    names = sorted(known)
    near = difflib.get_close_matches(written, names, n=1, cutoff=0.6)
    if near:
        return f' (did you mean "{near[0]}"?)'
    if not names:
        return ""
    shown = ", ".join(names[:12])
    return f" (known: {shown}{', …' if len(names) > 12 else ''})"


def unknown_key(key: str, known: Iterable[str]) -> str:
    """The sentence for a key that nobody knows, or that would hold a secret."""
    if SECRET_KEY.search(key):
        return (
            "secrets do not belong in this file; put it into a file of its own with mode 0600 and name that file"
            " (password_file for the broker's password, key for a private key)"
        )
    return f"unknown key{did_you_mean(key, known)}"


_KINDS: Final[Mapping[type, str]] = {
    bool: "a truth value",
    int: "a whole number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "a table",
}


def kind_of(value: object) -> str:
    """What a TOML value is, in a person's words."""
    kinds: dict[type, str] = {
        bool: "a truth value",
        int: "a whole number",
        float: "a number",
        str: "a text",
        list: "a list",
        dict: "a table",
    }
    return kinds.get(type(value), "a date or time")


def _location(details: ErrorDetails) -> KeyPath:
    """pydantic's location without the names of union members and validators, which no file contains."""
    return tuple(part for part in details["loc"] if isinstance(part, int) or not _UNION_MEMBER.fullmatch(part))


_UNION_MEMBER: Final = re.compile(r"(bool|int|float|str|number|function-.*|constrained-.*|list\[.*|tuple\[.*|\[key\])")

_TYPE_SENTENCES: Final[Mapping[str, str]] = {
    "string_type": "must be a text in quotes",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false, without quotes",
    "list_type": "must be a list in [ ]",
    "tuple_type": "must be a list in [ ]",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "finite_number": "must be a finite number",
}


def _sentence(details: ErrorDetails, model: type[BaseModel]) -> str:
    kind, context = details["type"], details.get("ctx", {})
    if kind == "missing":
        return "is missing"
    if kind == "extra_forbidden":
        holder = _model_at(model, details["loc"][:-1])
        return unknown_key(str(details["loc"][-1]), holder.model_fields if holder else ())
    if kind in _TYPE_SENTENCES:
        return f"{_TYPE_SENTENCES[kind]}, not {kind_of(details['input'])}"
    if kind == "value_error":
        return str(context["error"])
    if kind in ("literal_error", "enum"):
        return _choice(details["input"], str(context["expected"]))
    bounds = {"greater_than_equal": ("ge", "at least"), "less_than_equal": ("le", "at most"), "greater_than": ("gt", "more than")}
    if kind in bounds:
        key, words = bounds[kind]
        return f"{details['input']} is out of range: must be {words} {context[key]}"
    lengths = {"too_long": ("max_length", "at most"), "too_short": ("min_length", "at least")}
    if kind in lengths:
        key, words = lengths[kind]
        return f"must have {words} {context[key]} entries, not {context['actual_length']}"
    if kind in ("string_too_long", "string_too_short"):
        return f"must have {'at most' if 'max_length' in context else 'at least'} {next(iter(context.values()))} characters"
    return details["msg"]


def _choice(written: object, expected: str) -> str:
    options = re.findall(r"'([^']*)'", expected)
    near = difflib.get_close_matches(str(written), options, n=1, cutoff=0.6)
    hint = f' (did you mean "{near[0]}"?)' if near else ""
    shown = f'"{written}"' if isinstance(written, str) else kind_of(written)
    return f"{shown} is not one of {', '.join(options)}{hint}"


def _model_at(model: type[BaseModel], location: Iterable[str | int]) -> type[BaseModel] | None:
    """The model that describes the table at `location` within `model`."""
    here: type[BaseModel] | None = model
    for part in location:
        if isinstance(part, int) or here is None:
            continue
        info = here.model_fields.get(part)
        if info is not None:
            here = _model_in(info.annotation)
    return here


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in get_args(annotation):
        found = _model_in(argument)
        if found is not None:
            return found
    return None


def _printable(text: str) -> str:
    """Without control and direction characters and not without end, so that a hostile file cannot paint the terminal."""
    if len(text) > CONFIG_MISTAKE_CHARS:
        half = CONFIG_MISTAKE_CHARS // 2
        text = f"{text[:half]} … {text[-half:]}"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
