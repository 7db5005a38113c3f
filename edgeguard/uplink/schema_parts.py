"""The few words of JSON Schema (2020-12) that the messages need, and schemas made of the very types that the code answers with."""

import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import StrEnum
from re import Pattern
from typing import Any, Final

from edgeguard.control.methods import Kind, Method
from edgeguard.core.afar_limits import COMMAND_CONFIG_BYTES
from edgeguard.core.ids import ID_PATTERN, POINT_PATTERN
from edgeguard.core.limits import CONTROL_LIST_ITEMS, CONTROL_TEXT_CHARS

Schema = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_SIMPLE: Final[Mapping[object, str]] = types.MappingProxyType(
    {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}
)


def anchored(pattern: Pattern[str]) -> str:
    r"""The same pattern as JSON Schema wants it: whole text, and without Python's `\Z`."""
    return f"^{pattern.pattern.removesuffix(chr(92) + 'Z')}$"


def text(about: str = "", **more: Any) -> Schema:
    """A text, with what it is about and any further words."""
    return {"type": "string", **({"description": about} if about else {}), **more}


def one_of(words: type[StrEnum] | Sequence[str], about: str = "") -> Schema:
    """One of some words: those of an enumeration of the code, or these."""
    values = [word.value for word in words] if isinstance(words, type) else list(words)
    return text(about, enum=values)


def listed(items: Schema, least: int = 0, **more: Any) -> Schema:
    """A list of such values."""
    return {"type": "array", "items": items, **({"minItems": least} if least else {}), **more}


def table(values: Schema, names: Schema | None = None, about: str = "") -> Schema:
    """An object whose keys are not known beforehand."""
    named = {"propertyNames": names} if names else {}
    return {"type": "object", **({"description": about} if about else {}), **named, "additionalProperties": values}


def record(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None, about: str = "") -> Schema:
    """An object with these fields. Further ones may come with later versions: whoever reads passes over what it does not know."""
    return {
        "type": "object",
        **({"description": about} if about else {}),
        "required": list(required),
        "properties": {**required, **(optional or {})},
    }


def empty_or(schema: Schema) -> Schema:
    """The same, or null."""
    if isinstance(schema.get("type"), str) and not {"enum", "const"} & schema.keys():
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


ID: Final[Mapping[str, Any]] = types.MappingProxyType(text(pattern=anchored(ID_PATTERN)))
POINT: Final[Mapping[str, Any]] = types.MappingProxyType(text(pattern=anchored(POINT_PATTERN)))
MOMENT: Final[Mapping[str, Any]] = types.MappingProxyType(
    text("UTC with milliseconds", pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
)
VALUE: Final[Mapping[str, Any]] = types.MappingProxyType({"type": ["number", "string", "boolean"]})
MAYBE: Final[Mapping[str, Any]] = types.MappingProxyType({"type": ["number", "string", "boolean", "null"]})
COUNT: Final[Mapping[str, Any]] = types.MappingProxyType({"type": "integer", "minimum": 0})
LABELS: Final[Mapping[str, Any]] = types.MappingProxyType(record({"zh": text(), "en": text()}, about="in Chinese and in English"))


def shared(part: Mapping[str, Any]) -> Schema:
    """A copy of one of the parts above, to be put into a schema."""
    return dict(part)


def of_type(annotation: Any) -> Schema:
    """The JSON that orjson makes of a value of this type: dataclasses, tuples, dictionaries by text, unions, plain values."""
    if annotation in _SIMPLE:
        return {"type": _SIMPLE[annotation]}
    if is_dataclass(annotation) and isinstance(annotation, type):
        return of_dataclass(annotation)
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        parts = [of_type(part) for part in inner]
        if all(part.keys() == {"type"} for part in parts):
            return {"type": [part["type"] for part in parts]}
        return {"anyOf": parts}
    if origin is tuple and len(inner) == 2 and inner[1] is Ellipsis:
        return listed(of_type(inner[0]))
    if origin is tuple:
        return {"type": "array", "prefixItems": [of_type(part) for part in inner], "items": False, "minItems": len(inner)}
    if origin is dict and inner[0] is str:
        return table(of_type(inner[1]))
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return one_of(annotation)
    raise TypeError(f"no JSON Schema for {annotation!r}")


def of_dataclass(kind: type) -> Schema:
    """An object with the dataclass's fields; all of them are always there."""
    hints = typing.get_type_hints(kind)
    about = (kind.__doc__ or "").strip().replace("\n    ", " ")
    return record({field.name: of_type(hints[field.name]) for field in fields(kind)}, about=about)


def arguments(method: Method[Any]) -> Schema:
    """The `args` of a command. `by` is the daemon's to fill in."""
    wanted = {name: parameter for name, parameter in method.parameters.items() if name != "by"}
    made = {
        "type": "object",
        "properties": {name: _argument(parameter.kind) for name, parameter in wanted.items()},
        "additionalProperties": False,
    }
    required = [name for name, parameter in wanted.items() if parameter.required]
    return {**made, "required": required} if required else made


def _argument(kind: Kind) -> Schema:
    short = text(maxLength=CONTROL_TEXT_CHARS, pattern=r"^[^\u0000-\u001f\u007f]*$")
    match kind:
        case Kind.TEXT:
            return short
        case Kind.TEXTS:
            return listed(short, maxItems=CONTROL_LIST_ITEMS)
        case Kind.FLAG:
            return {"type": "boolean"}
        case Kind.VALUE:
            return {"anyOf": [{"type": ["number", "boolean"]}, short]}
        case Kind.NUMBER:
            return {"type": "number"}
        case Kind.PAGE:
            return text(maxLength=COMMAND_CONFIG_BYTES)
