"""As much of JSON Schema (draft 7) as the product's own schemas use; anything else in a schema is an error, not ignored."""

import datetime
import re
from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

_TELLING = frozenset({"description", "title", "default", "examples", "$schema", "definitions", "format"})
_KNOWN = _TELLING | {
    *("$ref", "anyOf", "type", "enum", "const", "pattern", "properties", "required", "additionalProperties", "items"),
    *("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
}
_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str, datetime.date),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


def complaints(value: Any, schema: Schema, root: Schema, at: str = "") -> Iterator[str]:
    """What is wrong with a value, each with its place."""
    if schema.keys() - _KNOWN:
        raise AssertionError(f"{at}: unknown words {sorted(schema.keys() - _KNOWN)}")
    if "$ref" in schema:
        yield from complaints(value, root["definitions"][schema["$ref"].rsplit("/", 1)[1]], root, at)
    if "anyOf" in schema and all(any(complaints(value, option, root, at)) for option in schema["anyOf"]):
        yield f"{at}: fits none of the options"
    if "type" in schema and not _is_a(value, schema["type"]):
        yield f"{at}: is not of type {schema['type']}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at}: {value!r} is none of {schema['enum']}"
    if "const" in schema and value != schema["const"]:
        yield f"{at}: {value!r} is not {schema['const']!r}"
    if isinstance(value, str):
        yield from _text(value, schema, at)
    elif isinstance(value, dict):
        yield from _table(value, schema, root, at)
    elif isinstance(value, list):
        yield from _list(value, schema, root, at)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _number(value, schema, at)


def _is_a(value: Any, types: str | list[str]) -> bool:
    names = [types] if isinstance(types, str) else types
    return any(isinstance(value, _TYPES[name]) and (isinstance(value, bool) == (name == "boolean")) for name in names)


def _text(value: str, schema: Schema, at: str) -> Iterator[str]:
    if "pattern" in schema and re.search(schema["pattern"], value) is None:
        yield f"{at}: {value!r} does not match {schema['pattern']}"
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        yield f"{at}: {len(value)} characters"


def _number(value: float, schema: Schema, at: str) -> Iterator[str]:
    if value < schema.get("minimum", value) or value > schema.get("maximum", value):
        yield f"{at}: {value} is out of range"
    if ("exclusiveMinimum" in schema and value <= schema["exclusiveMinimum"]) or value >= schema.get("exclusiveMaximum", value + 1):
        yield f"{at}: {value} is out of range"


def _list(value: list[Any], schema: Schema, root: Schema, at: str) -> Iterator[str]:
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        yield f"{at}: {len(value)} entries"
    for i, inner in enumerate(value):
        yield from complaints(inner, schema.get("items", {}), root, f"{at}[{i}]")


def _table(value: dict[str, Any], schema: Schema, root: Schema, at: str) -> Iterator[str]:
    properties = schema.get("properties", {})
    yield from (f"{at}: {key} is missing" for key in schema.get("required", ()) if key not in value)
    if not schema.get("minProperties", 0) <= len(value) <= schema.get("maxProperties", len(value)):
        yield f"{at}: {len(value)} keys"
    for key, inner in value.items():
        beyond = schema.get("additionalProperties", {})
        if key in properties:
            yield from complaints(inner, properties[key], root, f"{at}.{key}")
        elif beyond is False:
            yield f"{at}: unknown key {key}"
        else:
            yield from complaints(inner, beyond, root, f"{at}.{key}")
