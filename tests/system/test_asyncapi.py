"""The shipped AsyncAPI document by AsyncAPI's own meta-schema, and the schemas of messages by JSON Schema's."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from edgeguard.uplink.message_schemas import message_schemas

pytestmark = pytest.mark.slow
DOCUMENT = Path(__file__).resolve().parents[2] / "edgeguard" / "docs" / "asyncapi.json"


def test_every_schema_is_a_right_one() -> None:
    for schema in message_schemas().values():
        jsonschema.Draft202012Validator.check_schema(schema)


@pytest.fixture
def judge(node: Path) -> Any:
    """As @asyncapi/specs has it."""
    meta = json.loads((node / "node_modules/@asyncapi/specs/schemas/3.0.0-without-$id.json").read_text(encoding="utf-8"))
    return jsonschema.validators.validator_for(meta)(meta)


def test_the_document_is_one_of_asyncapi_3(judge: Any) -> None:
    document = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    assert [error.message for error in judge.iter_errors(document)] == []


@pytest.mark.parametrize("spoil", ["action", "address", "channels"])
def test_a_spoilt_one_would_be_noticed(judge: Any, spoil: str) -> None:
    document = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    match spoil:
        case "action":
            document["operations"]["sayStatus"]["action"] = "shout"
        case "address":
            document["channels"]["status"]["address"] = 7
        case "channels":
            document["channels"] = []
    assert list(judge.iter_errors(document))
