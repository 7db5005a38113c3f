"""What a platform may change in a configuration, and how a change is told."""

import tomllib

import pytest

from edgeguard.config.change import FREE, NEVER, PERMITTED, differences, forbidden
from edgeguard.config.site import _SECTIONS
from edgeguard.core.afar_limits import CHANGE_SHOWN

OLD = tomllib.loads("""
[gateway]
site = "lakeside"
id = "b07"
[uplink]
url = "mqtts://mqtt.example:8883"
history_rate = 2000
[store]
max_size = "512MiB"
[commands]
allow = ["config.put"]
[[bus]]
name = "riser"
url = "tcp://10.0.0.7:502"
[[device]]
name = "pump-1"
bus = "riser"
every = "2s"
[device.interlock.setpoint]
requires = ["pump-1.mode == 'auto'"]
[[device]]
name = "pump-2"
bus = "riser"
every = "2s"
""")


def changed(text: str, *words: str) -> dict[str, object]:
    """OLD with one thing replaced, by its TOML."""
    from copy import deepcopy

    new = deepcopy(OLD)
    where: dict[str, object] = new
    for word in words[:-1]:
        found = where[word] if not word.isdigit() else None
        where = found if isinstance(found, dict) else where
    where[words[-1]] = tomllib.loads(f"x = {text}")["x"]
    return new


@pytest.mark.parametrize(
    ("new", "sentence"),
    [
        (changed('"mqtts://evil.example:8883"', "uplink", "url"), "[uplink] url"),
        (changed('"b08"', "uplink", "client_id"), "[uplink] client_id"),
        (changed('["restart"]', "commands", "allow"), "[commands]"),
        (changed('"b08"', "gateway", "id"), "[gateway]"),
        (changed('"1GiB"', "store", "max_size"), "[store]"),
        (changed('{ operators = ["eve"] }', "control"), "[control]"),
        (changed('{ directories = ["/tmp"] }', "profiles"), "[profiles]"),
        (changed('[{ name = "north" }]', "gate"), "[gate]"),
        (changed("{ a = 1 }", "something-new"), "[something-new]"),
        ({key: value for key, value in OLD.items() if key != "uplink"}, "[uplink]"),
        ({key: value for key, value in OLD.items() if key != "commands"}, "[commands]"),
        ({**OLD, "device": [{"name": "pump-1", "bus": "riser"}]}, "the interlocks of pump-1"),
        ({**OLD, "device": [*OLD["device"], {"name": "pump-3", "interlock": {"*": {}}}]}, "the interlocks of pump-3"),
    ],
)
def test_what_the_platform_may_not_change(new: dict[str, object], sentence: str) -> None:
    found = forbidden(OLD, new, frozenset())
    assert [line for line in found if line.startswith(sentence)] == list(found) != []


@pytest.mark.parametrize(
    "new",
    [
        OLD,
        changed("500", "uplink", "history_rate"),
        changed('{ level = "debug" }', "log"),
        {**OLD, "device": [{**OLD["device"][0], "every": "5s"}, *OLD["device"][1:]]},
        {**OLD, "device": OLD["device"][1:]},
        {**OLD, "bus": []},
    ],
)
def test_what_it_may(new: dict[str, object]) -> None:
    assert forbidden(OLD, new, frozenset()) == ()


def test_the_gateway_s_own_file_may_permit_more_but_never_everything() -> None:
    new = {**changed('"mqtts://new.example:8883"', "uplink", "url"), "store": {}, "device": []}
    assert forbidden(OLD, new, frozenset({"uplink"})) == ("[store] may be changed on the gateway itself only",)
    assert any("may_change" in line for line in forbidden(OLD, new, frozenset()))
    no_lock = {**OLD, "device": [{"name": "pump-1"}]}
    assert forbidden(OLD, no_lock, frozenset({"interlock"})) == ()


def test_every_table_that_there_is_is_either_free_or_protected_on_purpose() -> None:
    assert set(_SECTIONS) <= FREE | NEVER | set(PERMITTED)


def test_a_change_is_told_value_by_value_and_cut() -> None:
    new = {**OLD, "device": [{**OLD["device"][0], "every": "5s"}], "log": {"level": "debug"}}
    told = differences(OLD, new)
    assert 'device[pump-1].every: "2s" -> "5s"' in told
    assert 'device[pump-2].every: "2s" -> nothing' in told
    assert 'log.level: nothing -> "debug"' in told
    many = {"bus": [{"name": f"b{i}"} for i in range(100)]}
    told = differences({}, many)
    assert (len(told), told[-1]) == (CHANGE_SHOWN + 1, f"and {100 - CHANGE_SHOWN} more")


def test_a_secret_that_has_strayed_into_a_url_is_not_told() -> None:
    who = "gate" + ":" + "open"
    assert differences({}, {"camera": [{"name": "c", "url": f"rtsp://{who}@10.0.0.9/1"}]})[1].endswith('"rtsp://…@10.0.0.9/1"')
