"""Whatever stands behind a key: the answer is a list of mistakes or a site, never a traceback."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgeguard.config import load_profile, load_site, shipped_configs
from edgeguard.core.errors import ConfigError
from edgeguard.testing.examples import examples
from edgeguard.testing.shipped import shipped_profiles

JUNK = (
    "[]",
    "{}",
    "0",
    "-1",
    "99999999999999999999",
    "1.5",
    "nan",
    '""',
    '"x"',
    '"2s"',
    "true",
    "1979-05-27",
    "[[1]]",
    "[{ a = 1 }]",
    "{ a = { b = 1 } }",
)
SITE = (
    (shipped_configs() / "site.example.toml").read_text(encoding="utf-8")
    + """
alarms.overload-l1.limit = 5
report.flow = { deadband = "2%" }
points = ["flow", "leak"]
[[device.alarm]]
name = "own"
point = "flow"
condition = "high"
limit = 3.0
severity = "minor"
text = { zh = "x", en = "x" }
"""
)
LIBRARY = shipped_profiles()
PROFILE = (shipped_configs() / "profiles" / "grundfos-cim200.toml").read_text(encoding="utf-8")
PAIR = re.compile(r"(?m)^([A-Za-z0-9_.-]+) = .*$")

changes = st.lists(st.tuples(st.integers(0, 10_000), st.sampled_from([*JUNK, None])), min_size=1, max_size=4)


SHAPE = re.compile(r".+:\d+: [^ ].*: .")


def told(load: Callable[[], object]) -> tuple[str, ...]:
    """The mistakes that loading tells, at least one; none if it loads."""
    try:
        load()
    except ConfigError as error:
        return error.mistakes or ("a refusal without a reason",)
    return ()


def spoilt(text: str, wanted: list[tuple[int, str | None]]) -> str:
    """`text` with some values replaced by junk, or their lines left out."""
    for place, junk in wanted:
        pairs = list(PAIR.finditer(text))
        match = pairs[place % len(pairs)]
        text = text[: match.start()] + ("" if junk is None else f"{match[1]} = {junk}") + text[match.end() :]
    return text


@pytest.mark.slow
@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes)
def test_a_spoilt_site(tmp_path: Path, wanted: list[tuple[int, str | None]]) -> None:
    path = tmp_path / "site.toml"
    path.write_text(spoilt(SITE, wanted), encoding="utf-8")
    assert all(SHAPE.match(line) for line in told(lambda: load_site(path, LIBRARY)))


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes)
def test_a_spoilt_profile(tmp_path: Path, wanted: list[tuple[int, str | None]]) -> None:
    path = tmp_path / "grundfos-cim200.toml"
    path.write_text(spoilt(PROFILE, wanted), encoding="utf-8")
    assert all(SHAPE.match(line) for line in told(lambda: load_profile(path)))


@pytest.mark.parametrize("key", ["gateway", "uplink", "store", "control", "log", "profiles", "bus", "device"])
@pytest.mark.parametrize("junk", JUNK)
def test_a_section_that_is_no_table(tmp_path: Path, key: str, junk: str) -> None:
    path = tmp_path / "site.toml"
    head = "" if key == "gateway" else '[gateway]\nsite = "s"\nid = "g"\n'
    path.write_text(f"{key} = {junk}\n{head}", encoding="utf-8")
    empty_is_fine = {"store": "{}", "control": "{}", "log": "{}", "profiles": "{}", "bus": "[]", "device": "[]"}
    if empty_is_fine.get(key) == junk:
        assert load_site(path, LIBRARY).site == "s"
    else:
        with pytest.raises(ConfigError) as caught:
            load_site(path, LIBRARY)
        assert caught.value.mistakes[0].startswith(f"{path}:1: {key}")
