"""`[device.interlock]`: what it becomes, and each mistake at its line."""

from pathlib import Path

import pytest

from edgeguard.config import load_site
from edgeguard.core.errors import ConfigError
from edgeguard.core.ids import DeviceName, PointName
from edgeguard.core.interlock import Comparison, Interlock, Operator, PointRef
from edgeguard.core.limits import INTERLOCK_MAX_AGE_MS, WRITES_PER_HOUR
from edgeguard.core.site import DeviceSpec

GOOD = """\
[gateway]
site = "lakeside"
id = "b07"
[[bus]]
name = "plant"
url = "tcp://10.0.0.7:502"
[[device]]
name = "pump-1"
bus = "plant"
address = 1
profile = "grundfos-cim200"
every = "2s"
[[device]]
name = "relay"
bus = "plant"
address = 2
profile = "kmtronic-relay8"
every = "2s"
"""
"""Eighteen lines; cases add from line 19 on."""


def relay(tmp_path: Path, text: str) -> DeviceSpec:
    path = tmp_path / "site.toml"
    path.write_text(GOOD + text, encoding="utf-8")
    return load_site(path).devices[1]


def test_an_interlock_with_its_defaults(tmp_path: Path) -> None:
    spec = relay(tmp_path, "[device.interlock.relay_1]\nrequires = ['pump-1.power > 100', 'not relay_2']\n")
    assert list(spec.interlocks) == ["relay_1"]
    made = spec.interlocks[PointName("relay_1")]
    assert [requirement.text for requirement in made.requires] == ["pump-1.power > 100", "not relay_2"]
    assert (made.max_age_ms, made.min_interval_ms, made.per_hour) == (INTERLOCK_MAX_AGE_MS, 0, WRITES_PER_HOUR)


def test_one_for_all_points_but_those_that_have_their_own(tmp_path: Path) -> None:
    text = "[device.interlock.'*']\nmin_interval = '5s'\nmax_age = '1m'\n[device.interlock.relay_8]\nper_hour = 3\n"
    spec = relay(tmp_path, text)
    assert len(spec.interlocks) == 8
    assert spec.interlocks[PointName("relay_1")] == Interlock((), 60_000, 5000, WRITES_PER_HOUR)
    assert spec.interlocks[PointName("relay_8")] == Interlock((), INTERLOCK_MAX_AGE_MS, 0, 3)


def test_a_control_is_never_enabled_for_an_address_that_several_meters_hear(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    meter = """\
[[bus]]
name = "riser"
port = "/dev/ttyUSB0"
[[device]]
name = "water"
bus = "riser"
address = "{}"
profile = "generic-cjt188-valve-water"
every = "1m"
[device.interlock.valve]
requires = ["pump-1.power < 100"]
"""
    for address in ("AAAAAAAAAAAAAA", "78330012AA5678"):
        path.write_text(GOOD + meter.format(address), encoding="utf-8")
        with pytest.raises(ConfigError) as caught:
            load_site(path)
        (mistake,) = caught.value.mistakes
        assert "site.toml:25: device[2].address: 10" in mistake
        assert "may be heard by more than one meter: a control is never sent to it" in mistake
    path.write_text(GOOD + meter.format("7833001A223344"), encoding="utf-8")
    assert list(load_site(path).devices[2].interlocks) == ["valve"]


def test_texts_of_an_enumeration_may_be_chinese(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text(GOOD, encoding="utf-8")
    pump = load_site(path).devices[0]
    point = next(point for point in pump.profile.points if point.choices)
    labels = next(iter(point.choices.values()))
    spec = relay(tmp_path, f"[device.interlock.relay_1]\nrequires = ['pump-1.{point.name} == \"{labels.zh}\"']\n")
    (requirement,) = spec.interlocks[PointName("relay_1")].requires
    assert requirement.condition == Comparison(PointRef(DeviceName("pump-1"), point.name), Operator.EQUAL, labels.en)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("interlock = 3\n", "19: device[1].interlock: must be tables such as [device.interlock.POINT], not a whole number"),
        (
            "[device.interlock.relay_9]\nrequires = ['relay_2']\n",
            '19: device[1].interlock.relay_9: profile kmtronic-relay8 has no polled point "relay_9" (did you mean',
        ),
        (
            "[device.interlock.relay_1]\nrequires = ['tank.level > 1']\n",
            '20: device[1].interlock.relay_1.requires[0]: there is no device "tank"',
        ),
        (
            "[device.interlock.relay_1]\nrequires = ['relay_2', 'pump-1.powr > 1']\n",
            '20: device[1].interlock.relay_1.requires[1]: device pump-1 has no polled point "powr" (did you mean "power"?)',
        ),
        ("[device.interlock.relay_1]\nrequires = ['pump-1.power']\n", "requires[0]: pump-1.power is not true or false"),
        ("[device.interlock.relay_1]\nrequires = ['relay_2 > 1']\n", "compares relay.relay_2 (true or false) with 1"),
        ("[device.interlock.relay_1]\nrequires = ['pump-1.power == true']\n", "compares pump-1.power (a number) with True"),
        ("[device.interlock.relay_1]\nrequires = ['relay_2 < relay_3']\n", "< compares numbers, not relay.relay_2"),
        ("[device.interlock.relay_1]\nrequires = ['relay_2 =']\n", "requires[0]: column 9: '=' is not understood"),
        ("[device.interlock.relay_1]\nmax_age = '1ms'\n", "20: device[1].interlock.relay_1.max_age: is out of range: 200ms to 10m"),
        ("[device.interlock.relay_1]\nper_hour = 0\n", "20: device[1].interlock.relay_1.per_hour: "),
        (
            "[device.interlock.relay_1]\nrequire = []\n",
            '20: device[1].interlock.relay_1.require: unknown key (did you mean "requires"?)',
        ),
    ],
)
def test_each_mistake_has_its_place(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        relay(tmp_path, text)
    (line,) = (line.removeprefix(f"{tmp_path / 'site.toml'}:") for line in caught.value.mistakes)
    assert sentence in line


def test_a_value_that_a_point_never_has_is_a_mistake(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text(GOOD, encoding="utf-8")
    point = next(point for point in load_site(path).devices[0].profile.points if point.choices)
    with pytest.raises(ConfigError, match=f'"nonsense" is no value of pump-1.{point.name}'):
        relay(tmp_path, f"[device.interlock.relay_1]\nrequires = [\"pump-1.{point.name} != 'nonsense'\"]\n")
