"""Judges messages by the published schemas, closed: a field that no schema names is an offence too. Needs jsonschema.

For tests: whatever a test sees published, or made to be published, goes through one of these. An offence is an AssertionError
that names the message, the place and the sentence. A new type of event, field or command belongs into uplink/event_schemas.py,
uplink/message_schemas.py or control/commands.py, and then `make schemas`.
"""

import re
from functools import cache, lru_cache
from typing import Any, Final

import orjson
from jsonschema import Draft202012Validator

from edgeguard.core.item import Stream
from edgeguard.uplink.message_schemas import COMMAND, HISTORY, RESULT, item_schema, message_schemas
from edgeguard.uplink.schema_parts import MOMENT, Schema

_MOMENT: Final = re.compile(MOMENT["pattern"])
_MEMBERS: Final = ("items", "prefixItems", "oneOf", "anyOf", "allOf")


def check_message(topic: str, payload: bytes) -> None:
    """A message on any topic below a gateway's root; one on a response topic of the asker's choice is a reply."""
    if payload == b"":
        return  # a retained page is taken away
    lane, _, rest = topic.split("/", 4)[4].partition("/")
    message = _parsed(topic, payload)
    if lane in (*Stream, HISTORY):
        _judge(f"stream.{lane}", message, topic)
        stream = Stream(message["stream"])
        for item in message["items"]:
            _check_timed(stream, item, topic)
    elif lane == "catalog":
        _judge("catalog.device" if rest and not rest.startswith("-/") else "catalog", message, topic)
    elif lane == "commands":
        _judge(f"{COMMAND}{rest}", message, topic)
    else:
        _judge("status" if lane == "status" else "reply", message, topic)


def check_item(stream: Stream, body: bytes) -> None:
    """An item before it has a time: the body that goes into the store."""
    item = _parsed(stream.value, body)
    _check_timed(stream, {"at": "2026-01-01T00:00:00.000Z", **item}, stream.value)


def check_reply(payload: bytes, command: str = "") -> None:
    """An answer to a command; with the command's name its result too."""
    message = _parsed("reply", payload)
    _judge("reply", message, "reply")
    if command and message.get("result") is not None:
        _judge(f"{RESULT}{command}", message["result"], f"result of {command}")


def check_command(name: str, payload: bytes) -> None:
    """A command as a platform sends it."""
    _judge(f"{COMMAND}{name}", _parsed(name, payload), name)


def closed(schema: Schema) -> Schema:
    """The same schema, but no object may have fields that it does not name."""
    made = {key: _closed_within(key, value) for key, value in schema.items()}
    if "properties" in made and "additionalProperties" not in made:
        made["additionalProperties"] = False
    return made


def _closed_within(key: str, value: Any) -> Any:
    if key == "properties":
        return {name: closed(inner) for name, inner in value.items()}
    if key in ("additionalProperties", *_MEMBERS):
        if isinstance(value, list):
            return [closed(inner) for inner in value]
        return closed(value) if isinstance(value, dict) else value
    return value


def _parsed(where: str, payload: bytes) -> Any:
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise AssertionError(f"{where}: not JSON: {error}: {payload[:200]!r}") from None


def _check_timed(stream: Stream, item: Any, where: str) -> None:
    name = f"item.{stream.value}"
    if stream is Stream.EVENTS:
        name += f".{item.get('type')}"
    if isinstance(item, dict) and _MOMENT.fullmatch(str(item.get("at"))):
        item = {**item, "at": "2026-01-01T00:00:00.000Z"}
    _judge_once(name, orjson.dumps(item), where)


@lru_cache(2000)
def _judge_once(name: str, item: bytes, where: str) -> None:
    """Thousands of items of a test differ in their time alone."""
    _judge(name, orjson.loads(item), where)


def _judge(name: str, value: Any, where: str) -> None:
    for error in _judge_of(name).iter_errors(value):
        place = "/".join(map(str, error.absolute_path)) or "(whole)"
        raise AssertionError(f"{where}: {place}: {error.message[:500]}")


@cache
def _judge_of(name: str) -> Draft202012Validator:
    kind, _, rest = name.partition(".")
    if kind == "item":
        stream, _, event = rest.partition(".")
        try:
            return Draft202012Validator(closed(item_schema(Stream(stream), event)))
        except KeyError:
            raise AssertionError(f"an event of type {event!r}, which uplink/event_schemas.py does not have") from None
    schemas = message_schemas()
    if kind == "stream":
        schema = schemas[rest]
        schema["properties"]["items"] = {**schema["properties"]["items"], "items": {"type": "object"}}
        return Draft202012Validator(closed(schema))
    if name not in schemas:
        raise AssertionError(f"there is no schema {name}")
    return Draft202012Validator(closed(schemas[name]))
