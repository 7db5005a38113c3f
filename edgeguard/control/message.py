"""Lines of the control socket and their meaning: a request is checked to the last character before anybody acts on it.

    {"id": 7, "method": "points", "args": {"device": "pump-1"}}
    {"id": 7, "ok": true, "result": [...]}
    {"id": 7, "ok": false, "error": {"code": "unknown-name", "message": "..."}}

Sans-IO: bytes in, values out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import orjson

from edgeguard.codec.strict_json import JsonRefused, parse_strict_json
from edgeguard.control.errors import AnswerTooLarge, BadArguments, BadRequest, InternalError, code_of
from edgeguard.control.methods import Kind, Method
from edgeguard.core.afar_limits import COMMAND_CONFIG_BYTES
from edgeguard.core.errors import EdgeguardError
from edgeguard.core.limits import (
    CONTROL_ANSWER_BYTES,
    CONTROL_ARGS,
    CONTROL_DEPTH,
    CONTROL_LIST_ITEMS,
    CONTROL_MESSAGE_CHARS,
    CONTROL_TEXT_CHARS,
)
from edgeguard.core.point import Value

Argument = str | int | float | bool | tuple[str, ...]
"""What an argument can be once it is inside."""
RequestId = int | str | None
"""Chosen by the client and echoed; None where the request was too broken to have one."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request of the right shape; whether its method exists and takes these arguments is still open."""

    id: RequestId
    method: str
    args: Mapping[str, object]


def parse_request(line: bytes) -> Request:
    """A line without its line feed. BadRequest with a sentence for the person who wrote the client."""
    try:
        raw = parse_strict_json(line, CONTROL_DEPTH)
    except JsonRefused as error:
        raise BadRequest(str(error)) from None
    if not isinstance(raw, dict):
        raise BadRequest("a request is a JSON object with id, method and args")
    strange = sorted(raw.keys() - {"id", "method", "args"})
    if strange:
        raise BadRequest(f"a request has id, method and args, but no {strange[0][:40]!r}")
    identity, method, args = raw.get("id"), raw.get("method"), raw.get("args", {})
    if isinstance(identity, bool) or not isinstance(identity, int | str | None):
        raise BadRequest("id must be a whole number or a text")
    if isinstance(identity, str) and len(identity) > 64:
        raise BadRequest("id must be at most 64 characters long")
    if not isinstance(method, str):
        raise BadRequest("method must be a text")
    if not isinstance(args, dict):
        raise BadRequest("args must be an object")
    return Request(identity, method, MappingProxyType(args))


def check_arguments(method: Method[Any], args: Mapping[str, object]) -> Mapping[str, Argument]:
    """The arguments as the method's table row wants them. BadArguments names the first that does not fit.

    An absent optional argument and one that is null are the same.
    """
    if len(args) > CONTROL_ARGS:
        raise BadArguments(f"{method.name} has {len(args)} arguments; {CONTROL_ARGS} are the most")
    for name in args:
        if name not in method.parameters:
            known = ", ".join(method.parameters) or "none"
            raise BadArguments(f"{method.name} has no argument {name[:40]!r} (it takes: {known})")
    checked: dict[str, Argument] = {}
    for name, parameter in method.parameters.items():
        value = args.get(name)
        if value is not None:
            checked[name] = _argument(f"{method.name}: {name}", parameter.kind, value)
        elif parameter.required:
            raise BadArguments(f"{method.name}: {name} is missing")
    return MappingProxyType(checked)


def encode_request(identity: int, method: str, args: Mapping[str, object]) -> bytes:
    """The client's line, with its line feed."""
    return orjson.dumps({"id": identity, "method": method, "args": dict(args)}) + b"\n"


def encode_result(identity: RequestId, result: object) -> bytes:
    """A good answer's line. AnswerTooLarge past the bound; InternalError if the result is not made of views."""
    try:
        line = orjson.dumps({"id": identity, "ok": True, "result": result}, option=orjson.OPT_APPEND_NEWLINE)
    except orjson.JSONEncodeError as error:
        raise InternalError(f"the answer cannot be written as JSON: {error}") from error
    if len(line) > CONTROL_ANSWER_BYTES:
        raise AnswerTooLarge(f"the answer has {len(line)} bytes, {CONTROL_ANSWER_BYTES} are the most; ask for one device at a time")
    return line


def encode_error(identity: RequestId, error: EdgeguardError) -> bytes:
    """A bad answer's line: the error's code and its sentence, cut where it is too long, never a traceback."""
    message = str(error)[:CONTROL_MESSAGE_CHARS].encode("utf-8", "replace").decode("utf-8")
    body = {"id": identity, "ok": False, "error": {"code": code_of(error), "message": message}}
    return orjson.dumps(body, option=orjson.OPT_APPEND_NEWLINE)


def json_value(text: str) -> Value:
    """A number, a text, true or false, written as JSON. BadArguments if it is something else."""
    try:
        value = parse_strict_json(text.encode(), CONTROL_DEPTH)
    except JsonRefused as error:
        raise BadArguments(f"{text[:40]!r} is no value: {error}") from None
    if not isinstance(value, bool | int | float | str):
        raise BadArguments(f"{text[:40]!r} is neither a number nor a text, true or false")
    return _text("value", value) if isinstance(value, str) else value


def _argument(where: str, kind: Kind, value: object) -> Argument:
    match kind, value:
        case Kind.FLAG | Kind.VALUE, bool():
            return value
        case _, bool():
            pass
        case Kind.VALUE | Kind.NUMBER, int() | float():
            return value
        case Kind.TEXT | Kind.VALUE, str():
            return _text(where, value)
        case Kind.PAGE, str():
            if len(value) > COMMAND_CONFIG_BYTES:
                raise BadArguments(f"{where} is longer than {COMMAND_CONFIG_BYTES} characters")
            return value
        case Kind.TEXTS, list():
            if len(value) > CONTROL_LIST_ITEMS:
                raise BadArguments(f"{where} has {len(value)} entries; {CONTROL_LIST_ITEMS} are the most")
            if all(isinstance(entry, str) for entry in value):
                return tuple(_text(where, entry) for entry in value)
    raise BadArguments(f"{where} must be {kind.value}")


def _text(where: str, text: str) -> str:
    if len(text) > CONTROL_TEXT_CHARS:
        raise BadArguments(f"{where} is longer than {CONTROL_TEXT_CHARS} characters")
    if not text.isprintable():
        raise BadArguments(f"{where} holds control characters")
    return text
