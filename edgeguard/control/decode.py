"""From parsed JSON back to the frozen views, checked field by field, so that a client never works on guesses.

A field that this client does not know is skipped, one with a default may be missing: daemon and client may differ by a release.
"""

import dataclasses
import types
from collections.abc import Callable, Hashable
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

R = TypeVar("R")
Decoder = Callable[[object], Any]


class Undecodable(ValueError):
    """The answer does not have the shape that it should have; the message names the place."""


def decode(result: type[R], raw: object) -> R:
    """`raw` as a `result`: a dataclass, tuple, mapping by text, plain value, or a union of these; Undecodable if it is not."""
    return cast(R, decoder(cast(Hashable, result))(raw))


@cache
def decoder(hint: Any) -> Decoder:
    """What decodes `hint`; made once per type."""
    if dataclasses.is_dataclass(hint):
        return _dataclass(cast(type, hint))
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _union(inner)
    if origin is tuple and len(inner) == 2 and inner[1] is Ellipsis:
        return _tuple(decoder(inner[0]))
    if origin is dict and inner[0] is str:
        return _mapping(decoder(inner[1]))
    return _plain(hint)


def _dataclass(made: type) -> Decoder:
    hints = get_type_hints(made)
    fields = dataclasses.fields(made)
    plan = [(field.name, decoder(hints[field.name]), _is_required(field)) for field in fields]

    def decode_dataclass(raw: object) -> Any:
        if not isinstance(raw, dict):
            raise Undecodable(f"{made.__name__} is not an object")
        values = {}
        for name, inner, required in plan:
            if name in raw:
                try:
                    values[name] = inner(raw[name])
                except Undecodable as error:
                    raise Undecodable(f"{made.__name__}.{name}: {error}") from None
            elif required:
                raise Undecodable(f"{made.__name__}.{name} is missing")
        return made(**values)

    return decode_dataclass


def _is_required(field: "dataclasses.Field[Any]") -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _union(members: tuple[Any, ...]) -> Decoder:
    plain = tuple(member for member in members if not dataclasses.is_dataclass(member))
    decoders = [decoder(member) for member in members]

    def decode_union(raw: object) -> Any:
        if raw.__class__ in plain:
            return raw
        for inner in decoders:
            try:
                return inner(raw)
            except Undecodable as error:
                last = error
        raise last

    return decode_union


def _tuple(inner: Decoder) -> Decoder:
    def decode_tuple(raw: object) -> Any:
        if not isinstance(raw, list):
            raise Undecodable("not a list")
        return tuple(inner(entry) for entry in raw)

    return decode_tuple


def _mapping(inner: Decoder) -> Decoder:
    def decode_mapping(raw: object) -> Any:
        if not isinstance(raw, dict):
            raise Undecodable("not an object")
        return {str(key): inner(value) for key, value in raw.items()}

    return decode_mapping


def _plain(hint: type) -> Decoder:
    def decode_plain(raw: object) -> Any:
        if raw.__class__ is hint:
            return raw
        if hint is float and raw.__class__ is int:
            return float(raw)
        raise Undecodable(f"{type(raw).__name__} instead of {hint.__name__}")

    return decode_plain
