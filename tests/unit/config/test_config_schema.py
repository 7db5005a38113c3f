"""The JSON Schemas: in step with the models, true to shipped files, and useful to an editor."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from json_schema_kit import complaints

import edgeguard
from edgeguard.config import shipped_configs
from edgeguard.config.schema import FILES, schema_of, schema_text
from edgeguard.testing.shipped import shipped_profiles

PROFILE, SITE = schema_of("profile"), schema_of("site")
LIBRARY = shipped_profiles()


def read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("kind", FILES)
def test_the_shipped_schema_is_that_of_the_models(kind: str) -> None:
    shipped = (shipped_configs() / "schemas" / f"{kind}.schema.json").read_text(encoding="utf-8")
    assert shipped == schema_text(kind), f"run: edgeguard schema {kind} > configs/schemas/{kind}.schema.json"


def test_every_shipped_profile_satisfies_it() -> None:
    meter = schema_of("meter-profile")
    for name in LIBRARY.names():
        data = read(LIBRARY.path(name))
        schema = PROFILE if data["profile"].get("protocol", "modbus") == "modbus" else meter
        assert list(complaints(data, schema, schema)) == [], name


def test_a_profile_for_a_driver_of_another_package_satisfies_its_own() -> None:
    page = (Path(edgeguard.__file__).parent / "docs" / "drivers.md").read_text(encoding="utf-8")
    example = page.split("```toml\n")[2].partition("```")[0]
    data = tomllib.loads(example)
    data["profile"] |= {"maker": "Acme", "model": "S", "kind": "other", "source": "s", "trust": "t"}
    data["profile"]["labels"] = {"zh": "传感器", "en": "Sensor"}
    schema = schema_of("driver-profile")
    assert list(complaints(data, schema, schema)) == []


def test_the_example_satisfies_it() -> None:
    assert list(complaints(read(shipped_configs() / "site.example.toml"), SITE, SITE)) == []


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("tabel", "holding", ".point[0]: unknown key tabel"),
        ("table", "register", ".point[0].table: 'register' is none of ['coil', 'discrete', 'holding', 'input']"),
        ("heartbeat", 900, ".point[0].heartbeat: is not of type string"),
        ("heartbeat", "15 parsecs", ".point[0].heartbeat: '15 parsecs' does not match"),
        ("name", "Speed", ".point[0].name: 'Speed' does not match"),
        ("deadband", "lots", ".point[0].deadband: fits none of the options"),
        ("range", [1, 2, 3], ".point[0].range: 3 entries"),
        ("address", 70000, ".point[0].address: 70000 is out of range"),
    ],
)
def test_an_editor_finds_the_same_mistakes(key: str, value: object, complaint: str) -> None:
    data = read(LIBRARY.path("abb-b23"))
    data["point"][0][key] = value
    found = list(complaints(data, PROFILE, PROFILE))
    assert len(found) == 1
    assert found[0].startswith(complaint)


def test_defaults_are_told_as_they_are_written() -> None:
    point = PROFILE["definitions"]["PointTable"]["properties"]
    assert point["heartbeat"]["default"] == "15m"
    assert SITE["definitions"]["StoreTable"]["properties"]["max_size"]["default"] == "512MiB"
    assert "null" not in json.dumps([PROFILE, SITE])


def test_interlocks_alarms_and_reports_of_a_device_are_described() -> None:
    device = SITE["definitions"]["DeviceRow"]["properties"]
    assert {"alarm", "alarms", "report", "interlock"} <= device.keys()
    good = {"name": "p", "bus": "b", "profile": "x", "address": 1, "every": "2s", "alarms": {"a": {"enabled": False}}}
    schema = SITE["definitions"]["DeviceRow"]
    assert list(complaints(good, schema, SITE)) == []
    assert list(complaints({**good, "alarms": {"a": {"enable": False}}}, schema, SITE)) == [".alarms.a: unknown key enable"]
