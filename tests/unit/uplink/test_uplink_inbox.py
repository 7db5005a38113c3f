"""What comes on the command topics: a command only if every character of it is as it must be, and an answer never goes astray."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeguard.core.afar_limits import COMMAND_CORRELATION_BYTES, COMMAND_MAX_BYTES
from edgeguard.core.command import Command, Refusal, ReplyTo
from edgeguard.core.ids import GatewayId, SiteId
from edgeguard.uplink.inbox import Inbound, read_command
from edgeguard.uplink.topics import Topics

TOPICS = Topics.of(SiteId("lakeside"), GatewayId("b07"))
ROOT = TOPICS.root
GOOD: dict[str, Any] = {"id": "c-1", "issued_at": "2026-11-23T05:40:00.123Z", "ttl_s": 30, "args": {"targets": ["pump-1"]}}


def inbound(payload: object = GOOD, name: str = "read", **more: Any) -> Inbound:
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return Inbound(f"{ROOT}/commands/{name}", data, **more)


def refused(message: Inbound) -> Refusal:
    found = read_command(message, TOPICS)
    assert isinstance(found, Refusal)
    return found


def test_a_command() -> None:
    found = read_command(inbound(response_topic=f"{ROOT}/answers/7", correlation=b"\0x"), TOPICS)
    assert isinstance(found, Command)
    assert (found.name, found.id, found.issued_ms, found.ttl_ms) == ("read", "c-1", 1795412400123, 30_000)
    assert (dict(found.args), found.reply_to) == ({"targets": ["pump-1"]}, ReplyTo(f"{ROOT}/answers/7", b"\0x"))


def test_without_a_response_topic_answers_go_to_replies() -> None:
    found = read_command(inbound(), TOPICS)
    assert found.reply_to == ReplyTo(f"{ROOT}/replies", None)


@pytest.mark.parametrize(
    "topic",
    [
        "edgeguard/v1/lakeside/b08/replies",
        f"{ROOT}",
        f"{ROOT}/",
        f"{ROOT}/status",
        f"{ROOT}/alarms",
        f"{ROOT}/history",
        f"{ROOT}/catalog/devices",
        f"{ROOT}/commands/write",
        f"{ROOT}/replies/+",
        f"{ROOT}/replies/#",
        f"{ROOT}/replies/a\nb",
        f"{ROOT}x/replies",
        f"{ROOT}/replies/" + "x" * 600,
        "$SYS/broker",
        "",
    ],
)
def test_an_answer_never_goes_where_it_could_do_harm(topic: str) -> None:
    found = refused(inbound(response_topic=topic))
    assert (found.code, found.reply_to.topic) == ("response-topic", f"{ROOT}/replies")


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (inbound(retained=True), "retained"),
        (inbound(b"x" * (COMMAND_MAX_BYTES + 1)), "too-large"),
        (inbound(correlation=b"x" * (COMMAND_CORRELATION_BYTES + 1)), "too-large"),
        (inbound(b""), "malformed"),
        (inbound(b"\xff"), "malformed"),
        (inbound(b"[" * 10_000), "malformed"),
        (inbound([]), "malformed"),
        (inbound(b'{"id":"a","id":"b"}'), "malformed"),
        (inbound(b'{"id":"a","issued_at":"2026-11-23T05:40:00Z","ttl_s":NaN}'), "malformed"),
        (inbound(GOOD | {"id": 7}), "malformed"),
        (inbound(GOOD | {"id": "a b"}), "malformed"),
        (inbound(GOOD | {"id": "x" * 65}), "malformed"),
        (inbound(GOOD | {"ttl_s": 0}), "malformed"),
        (inbound(GOOD | {"ttl_s": True}), "malformed"),
        (inbound(GOOD | {"ttl_s": 1e9}), "malformed"),
        (inbound(GOOD | {"issued_at": "2026-11-23T05:40:00"}), "malformed"),
        (inbound(GOOD | {"issued_at": 5}), "malformed"),
        (inbound(GOOD | {"issued_at": "9999-12-31T23:59:59-23:59"}), "malformed"),
        (inbound(GOOD | {"args": []}), "malformed"),
        (inbound(GOOD | {"sudo": True}), "malformed"),
        (inbound(name="Read"), "unknown-command"),
        (inbound(name="a/b"), "unknown-command"),
        (inbound(name=""), "unknown-command"),
    ],
)
def test_what_is_no_command(message: Inbound, code: str) -> None:
    found = refused(message)
    assert found.code == code
    assert found.message


def test_a_refusal_names_the_command_as_far_as_it_could_be_read() -> None:
    assert refused(inbound(GOOD | {"ttl_s": 0})).id == "c-1"
    assert refused(inbound(b"{}")).id == ""


@given(st.binary(max_size=200) | st.text(max_size=60).map(str.encode) | st.from_type(dict).map(lambda d: repr(d).encode()))
def test_junk_is_refused_and_nothing_else(payload: bytes) -> None:
    assert refused(inbound(payload)).code == "malformed"
