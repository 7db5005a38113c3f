"""The published schemas: right in themselves, what lies in docs, and no looser and no tighter than the code they speak of."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeguard.config import load_site
from edgeguard.control.commands import COMMANDS
from edgeguard.control.errors import BadArguments
from edgeguard.control.message import check_arguments
from edgeguard.core.camera import ModelMark
from edgeguard.core.command import Command, CommandName
from edgeguard.core.ids import DeviceName, GatewayId, SiteId
from edgeguard.core.item import Stream
from edgeguard.store.retention import DAMAGED, DEAD_LETTER, DISK_FULL, ERASED, REPLACED, RESTORED, STORE_FULL, THINNED, TOO_OLD
from edgeguard.testing.messages import check_command, check_item, check_message, check_reply
from edgeguard.uplink.asyncapi import asyncapi, schema_text
from edgeguard.uplink.catalog import build_catalog
from edgeguard.uplink.event_schemas import GAP_REASONS
from edgeguard.uplink.inbox import Inbound, read_command
from edgeguard.uplink.message_schemas import RESULT, message_schemas
from edgeguard.uplink.topics import Topics

REPOSITORY = Path(__file__).resolve().parents[3]
DOCS = REPOSITORY / "edgeguard" / "docs"
CATALOG = Topics.of(SiteId("{site}"), GatewayId("{gateway}")).page("catalog")
TOPICS = Topics.of(SiteId("lakeside"), GatewayId("b07"))
GOOD_ARGS: dict[str, dict[str, Any]] = {
    "read": {"targets": ["pump-1"]},
    "write": {"device": "pump-1", "point": "setpoint", "value": 3.5},
    "ack": {"alarm": "pump-1.low"},
}


def test_what_lies_in_docs_is_what_the_code_says() -> None:
    """If not: `make schemas`."""
    schemas = message_schemas()
    assert {path.stem for path in (DOCS / "schemas").glob("*.json")} == schemas.keys()
    for name in schemas:
        assert (DOCS / "schemas" / f"{name}.json").read_text(encoding="utf-8") == schema_text(f"mqtt.{name}"), name
    assert (DOCS / "asyncapi.json").read_text(encoding="utf-8") == schema_text("mqtt")


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [found for inner in value.values() for found in _references(inner)]
    return [found for inner in value for found in _references(inner)] if isinstance(value, list) else []


def test_the_document_names_every_message_and_every_reference_leads_somewhere() -> None:
    document = asyncapi()
    told = {message["name"] for message in document["components"]["messages"].values()}
    assert told == {name for name in message_schemas() if not name.startswith(RESULT)}
    addresses = {channel["address"] for channel in document["channels"].values()}
    assert {f"edgeguard/v1/{{site}}/{{gateway}}/commands/{name}" for name in COMMANDS} <= addresses
    references = _references(document)
    assert len(references) > 2 * len(told)
    for reference in references:
        place: Any = document
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]


def test_every_command_there_is_has_a_row() -> None:
    assert set(CommandName) == set(COMMANDS)


def test_gap_reasons_are_those_of_the_store() -> None:
    assert set(GAP_REASONS) == {STORE_FULL, TOO_OLD, DISK_FULL, DAMAGED, DEAD_LETTER, THINNED, ERASED, RESTORED, REPLACED}


MODELS = (ModelMark("plate_reader", "1.0+7", "ab" * 32, whole=True), ModelMark("plate_detector", "1.0", "", whole=False))


@pytest.mark.parametrize("max_bytes", [65_536, 6_000], ids=["one page", "many pages"])
def test_catalogs_are_as_described(max_bytes: int) -> None:
    site = load_site(REPOSITORY / "configs" / "site.example.toml")
    if max_bytes < 65_536:
        site = replace(site, devices=site.devices[:4])
    for page in build_catalog(site, "0.1.0", MODELS, max_bytes):
        check_message(TOPICS.page(page.subtopic), page.payload)


def test_every_topic_of_a_catalog_of_many_pages_stands_in_the_document() -> None:
    site = load_site(REPOSITORY / "configs" / "site.example.toml")
    site = replace(
        site, cameras=(), alarms=(), devices=tuple(replace(site.devices[0], name=DeviceName(f"m{n}" + "x" * 40)) for n in range(30))
    )
    addresses = {channel["address"]: channel["messages"] for channel in asyncapi()["channels"].values()}
    said = set()
    for page in build_catalog(site, "0.1.0", (), 1000):
        levels = page.subtopic.split("/")
        below = "" if len(levels) == 1 else "/-" if levels[1] == "-" else "/{device}"
        (message,) = addresses[f"{CATALOG}{below}{'/{page}' * (len(levels) > 2)}"]
        said.add((below, len(levels), message))
    assert said == {
        ("", 1, "catalog"),
        ("/-", 3, "catalog"),
        ("/{device}", 2, "catalogDevice"),
        ("/{device}", 3, "catalogDevice"),
    }


def _is_taken(name: str, payload: bytes) -> bool:
    found = read_command(Inbound(f"{TOPICS.commands}/{name}", payload), TOPICS)
    if not isinstance(found, Command):
        return False
    method = COMMANDS[name]
    args = {**found.args, "by": "x"} if "by" in method.parameters else dict(found.args)
    try:
        check_arguments(method, args)
    except BadArguments:
        return False
    return True


def _is_described(name: str, payload: bytes) -> bool:
    try:
        check_command(name, payload)
    except AssertionError:
        return False
    return True


_ODD = st.sampled_from([None, True, 0, -1, 3.5, "", "a b", "x" * 65, "x" * 1025, "a\nb", [], ["pump-1"], [7], {}, {"a": 1}])
_FIELDS = st.sampled_from(["id", "ttl_s", "args", "args.targets", "args.device", "args.value", "args.alarm", "sudo", "args.sudo"])


@settings(max_examples=60)
@given(st.sampled_from(sorted(GOOD_ARGS)), _FIELDS, _ODD)
def test_what_the_schema_lets_pass_is_taken_and_what_it_does_not_is_refused(name: str, field: str, odd: Any) -> None:
    """But null, which the gateway takes for absent: a sender that goes by the schema leaves it out."""
    args = dict(GOOD_ARGS[name])
    message: dict[str, Any] = {"id": "c-1", "issued_at": "2026-11-23T05:40:00Z", "ttl_s": 30, "args": args}
    first, _, inner = field.partition(".")
    if inner:
        args[inner] = odd
    else:
        message[first] = odd
    payload = json.dumps(message).encode()
    if odd is not None:
        assert _is_described(name, payload) == _is_taken(name, payload)
    elif _is_described(name, payload):
        assert _is_taken(name, payload)


HEALTH = {"type": "health", "source": "clock", "code": "synced", "ok": True, "text": {"zh": "好", "en": "well"}, "detail": ""}
ENVELOPE = {"v": 1, "gateway": "b07", "epoch": "e", "stream": "events", "seq": 1}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"type": "party"}, "of type 'party'"),
        ({"cod": 1}, "cod"),
        ({"ok": "yes"}, "ok: 'yes'"),
        ({"text": {"zh": "好"}}, "'en' is a required property"),
    ],
)
def test_a_wrong_event_is_refused_with_its_place(change: dict[str, Any], words: str) -> None:
    check_item(Stream.EVENTS, json.dumps(HEALTH).encode())
    with pytest.raises(AssertionError, match=words):
        check_item(Stream.EVENTS, json.dumps({**HEALTH, **change}).encode())


def test_messages_are_judged_by_their_topic() -> None:
    item = {"at": "2026-11-23T05:40:00.123Z", **HEALTH}
    check_message(TOPICS.stream(Stream.EVENTS), json.dumps({**ENVELOPE, "items": [item]}).encode())
    check_message(TOPICS.page("catalog/gone"), b"")
    for topic, message in (
        (TOPICS.stream(Stream.ALARMS), {**ENVELOPE, "items": [item]}),
        (TOPICS.stream(Stream.EVENTS), {**ENVELOPE, "items": []}),
        (TOPICS.stream(Stream.EVENTS), {**ENVELOPE, "items": [{**item, "at": "yesterday"}]}),
        (TOPICS.status, {"v": 1, "online": True}),
        (f"{TOPICS.root}/answers/7", {"id": "c", "ok": True, "state": "perhaps"}),
        (f"{TOPICS.commands}/ack", {"id": "c", "issued_at": "2026-11-23T05:40:00Z", "ttl_s": 30, "args": {}}),
    ):
        with pytest.raises(AssertionError):
            check_message(topic, json.dumps(message).encode())


def test_results_are_judged_by_their_command() -> None:
    reply = {"id": "c", "ok": True, "state": "done", "result": {"config_sha256": "ab"}}
    check_reply(json.dumps(reply).encode(), "reload")
    with pytest.raises(AssertionError, match="stops_in_s"):
        check_reply(json.dumps(reply).encode(), "restart")
