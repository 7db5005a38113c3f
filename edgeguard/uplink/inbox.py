"""Messages on the command topics -> commands, or refusals with a reason. Pure; does not know what may be carried out.

`commands/{name}`: `{"id":"…","issued_at":"2026-11-23T05:40:00.123Z","ttl_s":30,"args":{…}}`. Size is looked at before anything
is parsed. Answers go to `replies`, or to the MQTT 5 response topic if that lies below the gateway's own root: else whoever may
send commands could make the gateway publish anywhere.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from edgeguard.codec.strict_json import JsonRefused, parse_strict_json
from edgeguard.core.afar_limits import (
    COMMAND_CONFIG_BYTES,
    COMMAND_CORRELATION_BYTES,
    COMMAND_DEPTH,
    COMMAND_MAX_BYTES,
    COMMAND_MAX_TTL_S,
    COMMAND_TOPIC_CHARS,
)
from edgeguard.core.command import Command, CommandName, Refusal, ReplyTo
from edgeguard.core.item import STREAMS
from edgeguard.uplink.topics import HISTORY, Topics

_NAME: Final = re.compile(r"[a-z][a-z0-9.-]{0,39}\Z")
_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}\Z")
_TAKEN: Final = frozenset({"", "status", "catalog", "commands", HISTORY, *STREAMS})
_FIELDS: Final = frozenset({"id", "issued_at", "ttl_s", "args"})


@dataclass(frozen=True, slots=True)
class Inbound:
    """A message as it came from the broker. `response_topic` and `correlation` are MQTT 5 properties."""

    topic: str
    payload: bytes
    retained: bool = False
    response_topic: str | None = None
    correlation: bytes | None = None


class _Unfit(Exception):
    """A refusal in the making."""

    def __init__(self, code: str, message: str, command_id: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.command_id = command_id


def read_command(inbound: Inbound, topics: Topics) -> Command | Refusal:
    """The command in a message, or why there is none in it."""
    name = inbound.topic.removeprefix(topics.commands + "/")
    reply_to = _reply_to(inbound, topics)
    if _NAME.fullmatch(name) is None:
        return Refusal("unknown-command", "the topic's last level is no name of a command", "?", reply_to)
    try:
        return _checked(name, inbound, topics, reply_to)
    except _Unfit as unfit:
        return Refusal(unfit.code, str(unfit), name, reply_to, unfit.command_id)


def _checked(name: str, inbound: Inbound, topics: Topics, reply_to: ReplyTo) -> Command:
    if inbound.response_topic is not None and reply_to.topic != inbound.response_topic:
        where = f"must lie below {topics.root}, and not where the gateway itself speaks"
        raise _Unfit("response-topic", f"the response topic {where}")
    if (correlation := inbound.correlation) is not None and len(correlation) > COMMAND_CORRELATION_BYTES:
        raise _Unfit("too-large", f"correlation data of {len(correlation)} bytes; {COMMAND_CORRELATION_BYTES} are the most")
    if inbound.retained:
        raise _Unfit("retained", "a retained command would be carried out at each connection")
    most = COMMAND_CONFIG_BYTES if name == CommandName.CONFIG_PUT else COMMAND_MAX_BYTES
    if len(inbound.payload) > most:
        raise _Unfit("too-large", f"{len(inbound.payload)} bytes; {most} are the most")
    return _command(name, _fields(inbound.payload), reply_to)


def _reply_to(inbound: Inbound, topics: Topics) -> ReplyTo:
    correlation = inbound.correlation
    if correlation is not None and len(correlation) > COMMAND_CORRELATION_BYTES:
        correlation = None
    wanted = inbound.response_topic
    if wanted is None or not is_own(wanted, topics):
        return ReplyTo(topics.replies, correlation)
    return ReplyTo(wanted, correlation)


def is_own(topic: str, topics: Topics) -> bool:
    """Whether answers may go there: below the root, but not where the gateway itself speaks or is spoken to."""
    first = topic.removeprefix(topics.root + "/").partition("/")[0]
    own = topic.startswith(topics.root + "/") and first not in _TAKEN
    return own and len(topic) <= COMMAND_TOPIC_CHARS and topic.isprintable() and not set("+#\0") & set(topic)


def _fields(payload: bytes) -> Mapping[str, Any]:
    try:
        raw = parse_strict_json(payload, COMMAND_DEPTH)
    except JsonRefused as refused:
        raise _Unfit("malformed", str(refused)) from None
    if not isinstance(raw, dict):
        raise _Unfit("malformed", "a command is a JSON object with id, issued_at, ttl_s and args")
    command_id = raw.get("id")
    if not isinstance(command_id, str) or _ID.fullmatch(command_id) is None:
        raise _Unfit("malformed", "id must be 1 to 64 letters, digits and . _ : -")
    strange = sorted(raw.keys() - _FIELDS)
    if strange:
        raise _Unfit("malformed", f"a command has id, issued_at, ttl_s and args, but no {strange[0][:40]!r}", command_id)
    return raw


def _command(name: str, raw: Mapping[str, Any], reply_to: ReplyTo) -> Command:
    command_id, ttl_s, args = raw["id"], raw.get("ttl_s"), raw.get("args", {})
    if isinstance(ttl_s, bool) or not isinstance(ttl_s, int | float) or not 0 < ttl_s <= COMMAND_MAX_TTL_S:
        raise _Unfit("malformed", f"ttl_s must be a number above 0 and at most {COMMAND_MAX_TTL_S}", command_id)
    if not isinstance(args, dict):
        raise _Unfit("malformed", "args must be an object", command_id)
    issued_ms = _wall_ms(raw.get("issued_at"), command_id)
    return Command(name, command_id, issued_ms, int(ttl_s * 1000), MappingProxyType(args), reply_to)


def _wall_ms(text: object, command_id: str) -> int:
    """UTC milliseconds of a time that says its zone: one without could be anybody's."""
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else None
        if at is not None and at.tzinfo is not None:
            return int(at.astimezone(UTC).timestamp() * 1000)
    except (ValueError, OverflowError):
        pass
    raise _Unfit("malformed", "issued_at must be a time with its zone, such as 2026-11-23T05:40:00.123Z", command_id)
