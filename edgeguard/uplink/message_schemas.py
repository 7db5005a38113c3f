"""A JSON Schema (2020-12) for every message on MQTT, by name: what the gateway says, and the commands that it takes.

Made of the code's own words (enumerations, views, the table of commands), and held by tests: every message that a test sees
published is judged by these. They are open for fields to come; a test closes them, so that no field is forgotten here.
"""

from collections.abc import Mapping
from typing import Any, Final

from edgeguard.control.commands import COMMANDS
from edgeguard.core.afar_limits import COMMAND_MAX_TTL_S
from edgeguard.core.alarm import AlarmState, Condition, Severity
from edgeguard.core.camera import Task
from edgeguard.core.command import Outcome
from edgeguard.core.item import Stream
from edgeguard.core.limits import BATCH_MAX_ITEMS
from edgeguard.core.point import Kind
from edgeguard.core.quality import Reason
from edgeguard.uplink.event_schemas import event_schemas
from edgeguard.uplink.schema_parts import (
    COUNT,
    DIALECT,
    ID,
    LABELS,
    MAYBE,
    MOMENT,
    POINT,
    VALUE,
    Schema,
    arguments,
    empty_or,
    listed,
    of_type,
    one_of,
    record,
    shared,
    table,
    text,
)

HISTORY: Final = "history"
COMMAND: Final = "command."
"""Begins the name of each command's schema."""
RESULT: Final = "result."
"""Begins the name of each command's result, which is no message of its own but stands in a reply."""

_CLOCK: Final[Mapping[str, Any]] = {"const": "unsynced", "description": "there while the clock is not synchronised"}
_REASONS: Final = tuple(reason.value for reason in Reason if reason is not Reason.NOT_DUE)


def message_schemas() -> dict[str, Schema]:
    """Every message by name; each is whole in itself."""
    made = {
        "status": _status(),
        "catalog": _catalog(),
        "catalog.device": _catalog_device(),
        Stream.ALARMS.value: _stream(Stream.ALARMS, _timed(_alarm())),
        Stream.EVENTS.value: _stream(Stream.EVENTS, {"oneOf": [event_schema(name) for name in event_schemas()]}),
        Stream.TELEMETRY.value: _stream(Stream.TELEMETRY, _timed(_telemetry())),
        HISTORY: _stream(Stream.TELEMETRY, _timed(_telemetry())),
        "reply": _reply(),
    }
    made |= {f"{COMMAND}{name}": command_schema(str(name)) for name in COMMANDS}
    made |= {f"{RESULT}{name}": of_type(method.result) for name, method in COMMANDS.items()}
    return {name: {"$schema": DIALECT, "$id": f"urn:edgeguard:v1:{name}", **schema} for name, schema in made.items()}


def item_schema(stream: Stream, event_type: str = "") -> Schema:
    """One item of a stream as it stands in a message, of events one of this type. KeyError for a type that there is not."""
    if stream is Stream.EVENTS:
        return event_schema(event_type)
    return _timed(_alarm() if stream is Stream.ALARMS else _telemetry())


def event_schema(name: str) -> Schema:
    """One event as it stands in a message."""
    body = event_schemas()[name]
    typed = {**body, "required": ["type", *body["required"]], "properties": {"type": {"const": name}, **body["properties"]}}
    return _timed(typed)


def command_schema(name: str) -> Schema:
    """A command as the platform sends it."""
    args = arguments(COMMANDS[name])
    required: dict[str, Schema] = {
        "id": text("chosen by the sender; never used twice", pattern=r"^[A-Za-z0-9._:-]{1,64}$"),
        "issued_at": text("ISO 8601 with its zone", format="date-time"),
        "ttl_s": {"type": "number", "exclusiveMinimum": 0, "maximum": COMMAND_MAX_TTL_S},
    }
    must = args.get("required")
    made = record(required | {"args": args}) if must else record(required, {"args": args})
    return {**made, "additionalProperties": False}


def _timed(body: Schema) -> Schema:
    """An item's fields with its time in front."""
    time = {
        "at": shared(MOMENT),
        "clock": dict(_CLOCK),
        "boot_ms": {"type": "integer", "description": "milliseconds since its boot"},
    }
    return {**body, "required": ["at", *body["required"]], "properties": {**time, **body["properties"]}}


def _stream(stream: Stream, item: Schema) -> Schema:
    return record(
        {
            "v": {"const": 1},
            "gateway": shared(ID),
            "epoch": text("new only when the numbers of all streams begin anew", minLength=1),
            "stream": {"const": stream.value},
            "seq": {"type": "integer", "minimum": 1, "description": "number of the first item; each further one counts on by 1"},
            "items": listed(item, 1, maxItems=BATCH_MAX_ITEMS),
        }
    )


def _status() -> Schema:
    return record(
        {
            "v": {"const": 1},
            "online": {"type": "boolean"},
            "epoch": text(minLength=1),
            "boot": text("of the machine", minLength=1),
            "version": text("of the gateway's software"),
            "since": shared(MOMENT),
        },
        {"clock": dict(_CLOCK)},
        "whether the gateway is there; false is also its will",
    )


def _alarm() -> Schema:
    return record(
        {
            "alarm": text("owner.name", pattern=r"^[a-z0-9][a-z0-9-]{0,63}\.[a-z0-9][a-z0-9-]{0,63}$"),
            "state": one_of(AlarmState),
            "severity": one_of(Severity, "now: of the definition, or what it has escalated to"),
            "value": shared(MAYBE),
            "limit": shared(MAYBE),
            "text": shared(LABELS),
        },
        {"device": shared(ID), **_alarm_marks()},
        about="a change in the state of an alarm; without `device` it is a bus's, the site's or the gateway's own",
    )


def _alarm_marks() -> dict[str, Schema]:
    true: Schema = {"const": True}
    return {
        "first_out": {**true, "description": "the first of its group"},
        "latched": {**true, "description": "the condition has gone, and a person must say so"},
        "escalated": {**true, "description": "nobody has acknowledged it in time"},
        "suppressed": {**shared(COUNT), "description": "alarms that this one keeps back"},
        "beneath": one_of(AlarmState, "what it would be if it were not withheld"),
        "by": text("who withholds it"),
        "reason": text("why it is withheld"),
        "until": shared(MOMENT),
    }


def _telemetry() -> Schema:
    return record(
        {"device": shared(ID), "values": table(shared(VALUE), shared(POINT), "by point")},
        {"bad": table(one_of(_REASONS), shared(POINT), "why a point has no value, by point")},
        "values of one device",
    )


def _catalog_head() -> dict[str, Schema]:
    return {
        "v": {"const": 1},
        "site": shared(ID),
        "gateway": shared(ID),
        "version": text(),
        "labels": shared(LABELS),
        "config": text("SHA-256 of the configuration in force", pattern="^[0-9a-f]{64}$"),
        "models": listed(_model()),
        "cameras": listed(
            record({"camera": shared(ID), "task": one_of(Task), "labels": shared(LABELS), "purpose": shared(LABELS)})
        ),
        "alarms": listed(_alarm_definition()),
    }


def _model() -> Schema:
    digest = text("SHA-256 of its file; empty where it cannot be read", pattern="^([0-9a-f]{64})?$")
    whole = {"type": "boolean", "description": "whether that is the file that was shipped; another one is not run"}
    return record({"model": text(), "version": text(), "sha256": digest, "whole": whole})


def _catalog() -> Schema:
    whole = record({**_catalog_head(), "devices": listed(_device())}, about="a small building on one page")
    pages = {"page": _number(), "of": _number(), "pages": table(_number(), shared(ID), "device -> number of its pages")}
    return {"oneOf": [whole, record({**_catalog_head(), **pages}, about="the index of a large one")]}


def _catalog_device() -> Schema:
    return record({"v": {"const": 1}, "page": _number(), "of": _number(), "device": _device()})


def _number() -> Schema:
    return {"type": "integer", "minimum": 1}


def _device() -> Schema:
    fields = {
        "device": shared(ID),
        "profile": shared(ID),
        "maker": text(),
        "model": text(),
        "kind": text(),
        "labels": shared(LABELS),
    }
    return record({**fields, "period_ms": shared(COUNT), "points": listed(_point()), "alarms": listed(_alarm_definition())})


def _point() -> Schema:
    bounds = {"minimum": {"type": "number"}, "maximum": {"type": "number"}}
    choice = record({"value": {"type": "integer"}, "zh": text(), "en": text()})
    return record(
        {
            "point": shared(POINT),
            "kind": one_of(Kind),
            "unit": text(),
            "labels": shared(LABELS),
            "writable": {"type": "boolean"},
        },
        {
            **bounds,
            "decimals": shared(COUNT),
            "choices": listed(choice),
            "write": record({}, bounds, "what may be written"),
        },
    )


def _alarm_definition() -> Schema:
    return record(
        {
            "alarm": text("device.name"),
            "severity": one_of(Severity),
            "point": empty_or(shared(POINT)),
            "condition": one_of(Condition),
            "limit": shared(MAYBE),
            "text": shared(LABELS),
        },
        {"advice": shared(LABELS)},
        "advice: what to check on the spot",
    )


def _reply() -> Schema:
    error = record({"code": text("stable", pattern="^[a-z0-9-]+$"), "message": text("for people")})
    return record(
        {
            "id": text('of the command; "" where it could not be read', maxLength=64),
            "ok": {"type": "boolean"},
            "state": one_of(Outcome, "accepted, and later one of the others; or one of the others alone"),
        },
        {
            "result": {"description": f"as {RESULT}NAME describes it", "type": ["object", "array"]},
            "error": error,
        },
        "an answer to a command; when ok is false, error says why",
    )
