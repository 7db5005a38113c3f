"""The AsyncAPI 3 document of a gateway: its topics, what is said on each, and the commands with their answers.

Made of `message_schemas`, the topics and the table of commands; shipped as docs/asyncapi.json and printed by
`edgeguard schema mqtt`. It speaks of one gateway as seen by that gateway: it sends streams, and receives commands.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from edgeguard.core.ids import GatewayId, SiteId
from edgeguard.core.item import Stream
from edgeguard.uplink.message_schemas import COMMAND, HISTORY, RESULT, message_schemas
from edgeguard.uplink.schema_parts import Schema
from edgeguard.uplink.topics import Topics

PREFIX: Final = "mqtt"
"""`edgeguard schema mqtt` is the document, `mqtt.NAME` the schema of one message."""

_FORMAT: Final = "application/schema+json;version=draft-2020-12"
_BINDING: Final = "0.2.0"
_ABOUT: Final[Mapping[str, str]] = {
    "status": "Retained, and the will: whether the gateway is there.",
    "catalog": "Retained: what is needed to understand the streams.",
    "catalog.device": "Retained: a page of a device of a large building.",
    Stream.ALARMS.value: "Changes of alarm states, the most urgent of the streams.",
    Stream.EVENTS.value: "Health of the gateway, commands, gaps, figures and hints.",
    Stream.TELEMETRY.value: "Values, when they have changed enough or have not been told for long.",
    HISTORY: "Telemetry that could not be sent while it was young: the same items under the same numbers.",
    "reply": "Answers to commands: here, or on the MQTT 5 response topic that a command names below the gateway's root.",
}
_RETAINED: Final = frozenset({"status", "catalog", "catalog.device"})
_LEVELS: Final[Mapping[str, str]] = {
    "device": "as in the catalog",
    "page": "2 and so on: the index says how many of a device there are, `of` on each page of the index how many of that",
}
_BELOW: Final[Mapping[str, tuple[str, str]]] = {
    "catalog.device": ("catalog.device", "{device}"),
    "catalog.device.page": ("catalog.device", "{device}/{page}"),
    "catalog.page": ("catalog", "-/{page}"),
}
"""Pages of a large building's catalog: what is said there, and the levels below `catalog`."""


def schema_text(kind: str) -> str | None:
    """What `edgeguard schema KIND` prints for `mqtt` and `mqtt.NAME`; None for another kind."""
    if kind == PREFIX:
        return _printed(asyncapi())
    made = message_schemas().get(kind.removeprefix(f"{PREFIX}."))
    return _printed(made) if kind.startswith(f"{PREFIX}.") and made is not None else None


def kinds() -> tuple[str, ...]:
    """Every kind that `schema_text` knows."""
    return (PREFIX, *(f"{PREFIX}.{name}" for name in message_schemas()))


def asyncapi() -> Schema:
    """The document."""
    schemas = message_schemas()
    names = [name for name in schemas if not name.startswith(RESULT)]
    places = [*names, *(name for name in _BELOW if name not in names)]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "edgeguard",
            "version": "1.0.0",
            "description": "What an edge gateway of a residential building says over MQTT, and which commands it takes. QoS 1;"
            " payloads are UTF-8 JSON of at most 64 KiB. docs/mqtt.md says what holds beyond the form of the messages.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {_key(name): _channel(name) for name in places},
        "operations": {_key(name, "on" if name.startswith(COMMAND) else "say"): _operation(name) for name in places},
        "components": {
            "messages": {_key(name): _message(name, schemas) for name in names},
            "schemas": {_key(name): _payload(schemas[name]) for name in schemas if name.startswith(RESULT)},
        },
    }


def _printed(made: Schema) -> str:
    return orjson.dumps(made, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


def _key(name: str, before: str = "") -> str:
    """`command.config.get` as a key in camel case."""
    words = [word for part in ([before] if before else []) + name.split(".") for word in part.split("-")]
    return words[0] + "".join(word.capitalize() for word in words[1:])


def _address(name: str) -> str:
    topics = Topics.of(SiteId("{site}"), GatewayId("{gateway}"))
    if name.startswith(COMMAND):
        return f"{topics.commands}/{name.removeprefix(COMMAND)}"
    if name == "reply":
        return topics.replies
    return topics.page(f"{name.split('.')[0]}/{_BELOW[name][1]}" if name in _BELOW else name)


def _channel(name: str) -> Schema:
    address, said = _address(name), _key(_said(name))
    levels = {"site": "the estate", "gateway": "this gateway within it", **_LEVELS}
    return {
        "address": address,
        "parameters": {level: {"description": about} for level, about in levels.items() if f"{{{level}}}" in address},
        "messages": {said: {"$ref": f"#/components/messages/{said}"}},
    }


def _said(place: str) -> str:
    """The message of a place."""
    return _BELOW[place][0] if place in _BELOW else place


def _operation(name: str) -> Schema:
    made: dict[str, Any] = {
        "action": "receive" if name.startswith(COMMAND) else "send",
        "channel": {"$ref": f"#/channels/{_key(name)}"},
        "messages": [{"$ref": f"#/channels/{_key(name)}/messages/{_key(_said(name))}"}],
        "bindings": {"mqtt": {"qos": 1, "retain": _said(name) in _RETAINED, "bindingVersion": _BINDING}},
    }
    if name.startswith(COMMAND):
        made["reply"] = {"channel": {"$ref": "#/channels/reply"}, "messages": [{"$ref": "#/channels/reply/messages/reply"}]}
    return made


def _message(name: str, schemas: Mapping[str, Schema]) -> Schema:
    made: dict[str, Any] = {"name": name, "contentType": "application/json", "payload": _payload(schemas[name])}
    if name.startswith(COMMAND):
        command = name.removeprefix(COMMAND)
        result = f"#/components/schemas/{_key(RESULT + command)}"
        made["summary"] = f"Works only where the gateway's configuration allows {command}. `result` of its last reply: {result}."
    else:
        made["summary"] = _ABOUT[name]
    return made


def _payload(schema: Schema) -> Schema:
    return {"schemaFormat": _FORMAT, "schema": schema}


def write_all(folder: Path) -> None:
    """The document as `asyncapi.json`, and each message as `schemas/NAME.json`; files of messages that are gone go."""
    (folder / "asyncapi.json").write_text(_printed(asyncapi()), encoding="utf-8")
    schemas = message_schemas()
    (folder / "schemas").mkdir(exist_ok=True)
    for old in (folder / "schemas").glob("*.json"):
        if old.stem not in schemas:
            old.unlink()
    for name, schema in schemas.items():
        (folder / "schemas" / f"{name}.json").write_text(_printed(schema), encoding="utf-8")


if __name__ == "__main__":
    write_all(Path(sys.argv[1]))
