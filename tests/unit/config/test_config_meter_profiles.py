"""Profiles of meters: what they become, and each mistake in them with its line, its key and a way out."""

from pathlib import Path

import pytest

from edgeguard.config import load_profile
from edgeguard.core.errors import ConfigError
from edgeguard.core.meter import Control, Dimension, Edition, PartKind
from edgeguard.core.point import Kind
from edgeguard.core.profile import Cjt188Limits, Dlt645Limits

HEAD = """\
[profile]
name = "meter"
maker = "Maker"
model = "Model"
kind = "electricity-meter"
protocol = "{protocol}"
labels = {{ zh = "电表", en = "Meter" }}
source = "somewhere"
trust = "some"
{more}
"""
"""10 lines with one line of `more`."""
LABELS = 'labels = { zh = "点", en = "Point" }\n'


def point(name: str, text: str) -> str:
    return f'[[point]]\nname = "{name}"\n{LABELS}{text}\n'


def electric(*points: str, more: str = "[dlt645]") -> str:
    return HEAD.format(protocol="dlt645", more=more) + "".join(points)


def water(*points: str, more: str = "[cjt188]") -> str:
    return HEAD.format(protocol="cjt188", more=more) + "".join(points)


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "meter.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_a_meter_of_electricity_becomes(tmp_path: Path) -> None:
    text = electric(
        point("energy_import", 'data = "00010000"'),
        point("demand_at", 'data = "01010000"\nitem = 1\nevery = "1h"'),
        point(
            "relay",
            'data = "04000503"\nbits = [4, 4]\nwrite = {}\ncontrol = "relay"\n'
            'choices = { 0 = { zh = "合", en = "closed" }, 1 = { zh = "断", en = "open" } }',
        ),
        point("own", 'data = "04801234"\nlayout = "XX.XX ±XXX.X"\nitem = 1\nunit = "mA"\nscale = 60'),
        point("clock_low", 'data = "04000501"\nbit = 2'),
    )
    profile = load_profile(write(tmp_path, text))
    assert profile.limits == Dlt645Limits()
    assert profile.fields == ()
    energy, demand_at, relay, own, clock = profile.data
    assert [p.kind for p in profile.points] == [Kind.NUMBER, Kind.TEXT, Kind.TEXT, Kind.NUMBER, Kind.BOOLEAN]
    assert (profile.points[0].unit, profile.points[0].decimals) == ("kWh", 2)
    assert (demand_at.part.kind, demand_at.every_ms) == (PartKind.MOMENT, 3_600_000)
    assert (relay.bits, relay.control) == ((4, 4), Control.RELAY)
    assert (own.part.signed, own.part.size, own.scale, profile.points[3].decimals) == (True, 2, 60.0, None)
    assert clock.bits == (2, 2)
    assert energy.item == 0


def test_what_a_meter_of_water_and_one_of_1997_become(tmp_path: Path) -> None:
    profile = load_profile(
        write(
            tmp_path,
            water(
                point("volume", 'data = "901F"\nitem = "volume"\nunit = "m3"'),
                point("status", 'data = "901F"\nitem = "status"'),
                point("last", 'data = "D120"\nunit = "L"'),
                more="[cjt188]\nform = 'water'\nidentifier_order = '1F-90'\ntimeout = '3s'",
            ),
        )
    )
    assert profile.limits == Cjt188Limits("water", True, 0, 3000)
    volume, status, last = profile.data
    assert (volume.dimension, volume.unit, volume.item, len(volume.layout)) == (Dimension.VOLUME, "m3", 0, 4)
    assert (status.part.kind, last.unit) == (PartKind.BITS, "L")
    old = load_profile(write(tmp_path, electric(point("e", 'data = "9010"'), more="[dlt645]\nedition = 1997")))
    assert old.limits == Dlt645Limits(Edition.Y1997)
    assert old.points[0].unit == "kWh"


ELECTRIC = [
    ('data = "9010"', '14: point[0].data: "9010" is no identifier: write 8 hexadecimal digits in capitals'),
    ('data = "0001ff00"', "14: point[0].data: "),
    ('data = "0001FF00"', "is a block; name the items, such as 00010100"),
    ('data = "99990000"', "14: point[0].data: 99990000 is not in the table of DL/T 645-2007; say what it holds with layout"),
    ('data = "99990000"\nlayout = "XXX"', '15: point[0].layout: "XXX" has 3 digits'),
    ('data = "99990000"\nlayout = "ABC"', '15: point[0].layout: "ABC" is no layout of an item'),
    ('data = "00010000"\nitem = 1', "15: point[0].item: 1 is too much: 00010000 has 1 item, counted from 0"),
    ('data = "01010000"\nitem = "when"', '15: point[0].item: "when" must be the place of the item'),
    ('data = "00010000"\nbit = 2', "15: point[0].bit: bits can be taken from a layout of bits such as B16 only"),
    ('data = "04000501"\nbit = 16', "15: point[0].bit: bit 16 does not exist: 04000501 has 16 bits"),
    ('data = "04000501"\nbits = [4, 2]', "15: point[0].bits: [4, 2] must be [lowest, highest]"),
    ('data = "04000501"\nbit = 2\nrange = [0, 1]', "16: point[0].range: makes no sense for a truth value"),
    ('data = "04000102"\nunit = "s"', "15: point[0].unit: makes no sense for a text"),
    ('data = "00010000"\nscale = 0', "15: point[0].scale: must be more than 0"),
    ('data = "00010000"\nrange = [5, 1]', "15: point[0].range: [5, 1] must be [least, most]"),
    ('data = "00010000"\nwrite = { min = 0, max = 1 }', "15: point[0].write: a meter's point is written by a control"),
    ('data = "00010000"\nwrite = {}\ncontrol = "data"', "15: point[0].write: a number that can be written needs both min and max"),
    ('data = "00010000"\nwrite = {}\ncontrol = "relay"', "11: point[0].choices: a relay is read from bits"),
    ('data = "00010000"\nwrite = {}\ncontrol = "valve"', '16: point[0].control: "valve" is of the other protocol'),
    ('data = "00010000"\ntable = "holding"', "15: point[0].table: unknown key"),
    ('data = "00010000"\nevery = "1"', "15: point[0].every: "),
]


@pytest.mark.parametrize(("text", "sentence"), ELECTRIC)
def test_each_mistake_of_a_meters_point_is_told_with_its_line(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_profile(write(tmp_path, electric(point("x", text))))
    assert sentence in caught.value.mistakes[0]
    assert len(caught.value.mistakes) == 1


WATER = [
    ('data = "901F"', "14: point[0].data: ", "item: 901F has several items; name one of volume, settled_volume, clock, status"),
    ('data = "901F"\nitem = "volum"', "15: point[0].item: ", 'has no item "volum" (did you mean "volume"?)'),
    ('data = "901F"\nitem = "volume"', "point[0].unit: ", "the meter says the unit of this volume; give the one to show: m3 or L"),
    ('data = "901F"\nitem = "volume"\nunit = "kWh"', "16: point[0].unit: ", "m3 or L"),
    ('data = "9999"', "14: point[0].data: ", "9999 of a water meter is not in the table of CJ/T 188"),
    ('data = "9999"\nlayout = "XXXX+U"', "point[0].unit: ", "the meter says its unit; give the one to show"),
    ('data = "9999"\nlayout = "U+XXXX+U"', "15: point[0].layout: ", "has a unit on both sides"),
]


@pytest.mark.parametrize(("text", "where", "sentence"), WATER)
def test_each_mistake_of_a_water_meters_point_is_told(tmp_path: Path, text: str, where: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_profile(write(tmp_path, water(point("x", text))))
    (mistake,) = caught.value.mistakes
    assert where.split(": ")[-2].split(".")[0] in mistake
    assert sentence in mistake


def test_tables_of_another_protocol_and_points_at_one_place_are_mistakes(tmp_path: Path) -> None:
    twice = point("a", 'data = "00010000"') + point("b", 'data = "00010000"')
    with pytest.raises(ConfigError) as caught:
        load_profile(write(tmp_path, electric(twice, more="[dlt645]\n[modbus]\n[cjt188]")))
    assert [m.split("meter.toml:")[1] for m in caught.value.mistakes] == [
        '11: modbus: makes no sense for protocol = "dlt645"',
        '12: cjt188: makes no sense for protocol = "dlt645"',
        "20: point[1].data: data 00010000 item 0 is already used in line 16",
    ]
    with pytest.raises(ConfigError, match=r"dlt645: makes no sense for protocol = .modbus"):
        load_profile(write(tmp_path, HEAD.format(protocol="modbus", more="[dlt645]")))


def test_a_meter_without_points_and_with_a_wrong_table_is_told_both(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_profile(write(tmp_path, electric(more="[dlt645]\nedition = 2020")))
    assert any("dlt645.edition" in m for m in caught.value.mistakes)
    assert any("point: is missing" in m for m in caught.value.mistakes)
