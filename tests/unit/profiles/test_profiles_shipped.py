"""What every shipped profile owes its users: two languages, units, honest provenance, and alarms that people can act on."""

import re
from pathlib import Path

import pytest

import edgeguard
from edgeguard.core.alarm import Condition
from edgeguard.core.meter import Control
from edgeguard.core.point import Kind, Labels
from edgeguard.core.profile import DeviceProfile, ModbusLimits
from edgeguard.core.register import RawType, Table
from edgeguard.testing.shipped import shipped_profiles

LIBRARY = shipped_profiles()
NAMES = LIBRARY.names()
HAN = re.compile(r"[一-鿿]")
UNITS = {
    "",
    "V",
    "A",
    "kW",
    "kvar",
    "kVA",
    "Hz",
    "kWh",
    "MWh",
    "kvarh",
    "%",
    "m",
    "m/s",
    "m3",
    "m3/h",
    "MPa",
    "kPa",
    "bar",
    "rpm",
    "°C",
    "h",
    "d",
    "s",
    "min",
}
WRITABLE: dict[str, set[str]] = {
    "grundfos-cim200": {"setpoint"},
    "waveshare-relay8": set(),
    "kmtronic-relay8": set(),
    "wellpro-wp8027adam": set(),
    "wellpro-wp8028adam": set(),
    "danfoss-fc51": {"command", "speed_setpoint"},
    "delta-vfd": {"frequency_setpoint"},
    "enc-eds300": {"command"},
    "vacon-10": {"run_command", "reverse_command", "reset_command", "speed_setpoint"},
    "veda-vf51": {"command", "frequency_setpoint"},
}
"""Profiles that may write at all, and which registers; coils of relay boards are listed by table instead."""


@pytest.fixture(params=NAMES)
def profile(request: pytest.FixtureRequest) -> DeviceProfile:
    return LIBRARY.get(request.param)


CODES = re.compile(r"(_code|_word|last_fault)\Z")
"""Numbers that measure nothing: a table tells what each means, and all of them are possible."""


def is_bilingual(labels: Labels) -> bool:
    """Chinese where there is a Chinese word for it, and English without any."""
    return bool(labels.zh) and bool(labels.en) and not HAN.search(labels.en)


def test_the_devices_that_a_building_needs_are_there() -> None:
    kinds = {LIBRARY.get(name).kind for name in NAMES}
    assert kinds >= {
        *("lift", "pump", "vfd", "electricity-meter", "water-meter", "heat-meter", "transmitter"),
        *("relay", "io", "ups", "ats", "generator", "fire-alarm"),
    }
    assert sum(not LIBRARY.get(name).template for name in NAMES) >= 20


def test_the_page_names_profiles_that_are_there_and_which_are_templates() -> None:
    page = (Path(edgeguard.__file__).parent / "docs" / "profiles.md").read_text(encoding="utf-8")
    table = page.partition("## Shipped")[2].partition("\n\n")[0]
    named = re.findall(r"`([a-z0-9-]+)`( \(template\))?", table)
    assert len(named) > 30
    for name, mark in named:
        assert LIBRARY.get(name).template == bool(mark), name


def test_everything_has_two_languages(profile: DeviceProfile) -> None:
    assert is_bilingual(profile.labels)
    for point in profile.points:
        assert is_bilingual(point.labels), point.name
        assert HAN.search(point.labels.zh), point.name
        for labels in point.choices.values():
            assert is_bilingual(labels), (point.name, labels)
    for alarm in profile.alarms:
        assert is_bilingual(alarm.text), alarm.name
        assert HAN.search(alarm.text.zh), alarm.name


def test_labels_tell_points_and_alarms_apart(profile: DeviceProfile) -> None:
    for texts in ([point.labels for point in profile.points], [alarm.text for alarm in profile.alarms]):
        assert len({labels.zh for labels in texts}) == len({labels.en for labels in texts}) == len(texts)


def test_numbers_have_known_units_and_decimals(profile: DeviceProfile) -> None:
    for point in profile.points:
        assert point.unit in UNITS, point.name
        if point.kind is Kind.NUMBER:
            assert point.decimals is not None, point.name
            if point.unit and point.unit not in ("h", "d", "s", "min", "kWh", "MWh", "bar"):
                assert point.minimum is not None or profile.name == "vacon-10", point.name
            assert point.report.deadband >= 0
            assert point.report.deadband == 0 or point.report.deadband >= 10**-point.decimals, point.name


def test_the_source_and_its_worth_are_told(profile: DeviceProfile) -> None:
    assert profile.source
    assert "Not checked on hardware" in profile.trust or "not checked on hardware" in profile.trust or "compare" in profile.trust


def test_a_template_says_so_and_nothing_unverified_is_anything_else(profile: DeviceProfile) -> None:
    says = profile.trust.startswith("A template") or profile.trust.startswith("A pattern")
    assert says == profile.template
    assert profile.template == ("not verified" in profile.trust.lower() or "various" in profile.maker)


def test_only_what_is_meant_to_be_written_can_be(profile: DeviceProfile) -> None:
    for point, field in zip(profile.points, profile.fields, strict=bool(profile.fields)):
        if point.write is not None:
            assert profile.name in WRITABLE
            assert field.table is Table.COIL or point.name in WRITABLE[profile.name]
            assert not (profile.kind == "vfd" and point.write.harmless)
    if profile.kind in ("lift", "fire-alarm", "ats", "generator"):
        assert all(point.write is None for point in profile.points)


def test_every_setpoint_of_a_drive_is_bounded_and_every_command_is_one_of_a_few() -> None:
    drives = [LIBRARY.get(name) for name in NAMES if LIBRARY.get(name).kind == "vfd"]
    written = {f"{drive.name}.{point.name}": point for drive in drives for point in drive.points if point.write is not None}
    assert {key for key in written if "setpoint" in key} == {
        f"{name}_setpoint" for name in ("danfoss-fc51.speed", "delta-vfd.frequency", "vacon-10.speed", "veda-vf51.frequency")
    }
    for key, point in written.items():
        assert point.write is not None
        if key.endswith("_setpoint"):
            assert point.write.minimum == 0.0
            assert point.write.maximum in (50.0, 100.0)
        else:
            assert point.choices or point.name.endswith("_command")


def test_no_point_of_the_lift_touches_its_command_registers() -> None:
    lift = LIBRARY.get("inovance-nice3000plus")
    assert isinstance(lift.limits, ModbusLimits)
    assert {(area.first, area.last) for area in lift.limits.forbidden} == {(0x4000, 0x4000), (0x6000, 0x6004)}
    assert max(field.address for field in lift.fields if field.address < 0x4000) == 0x3000


def test_alarms_do_not_flutter(profile: DeviceProfile) -> None:
    """A limit on a number needs a delay or a hysteresis; a count of whole things needs neither."""
    raw = {point.name: field.type for point, field in zip(profile.points, profile.fields, strict=bool(profile.fields))}
    for alarm in profile.alarms:
        if alarm.condition in (Condition.HIGH, Condition.LOW) and alarm.point is not None:
            assert raw.get(alarm.point) is not RawType.STRING
            assert alarm.hysteresis > 0 or alarm.on_delay_ms > 0, alarm.name


@pytest.mark.parametrize("name", [name for name in NAMES if LIBRARY.get(name).kind == "electricity-meter"])
def test_every_electricity_meter_speaks_the_same_words(name: str) -> None:
    profile = LIBRARY.get(name)
    units = {str(point.name): point.unit for point in profile.points}
    assert units["power"] == "kW"
    assert units["energy_import"] == "kWh"
    phases = ["voltage"] if "voltage_l1" not in units else ["voltage_l1", "voltage_l2", "voltage_l3"]
    assert all(units[phase] == "V" for phase in phases)
    watched = {(str(alarm.point), alarm.condition): alarm.limit for alarm in profile.alarms}
    for phase in phases:
        assert watched[phase, Condition.HIGH] == 246.1
        assert watched[phase, Condition.LOW] == 198.0


def test_the_fault_list_of_the_lift_leaves_no_code_unread() -> None:
    lift = LIBRARY.get("inovance-nice3000plus")
    fault = next(point for point in lift.points if point.name == "fault")
    assert sorted(fault.choices) == list(range(100))
    assert (fault.choices[0].en, fault.choices[41].en) == ("none", "E41 safety circuit open")


def test_every_number_that_is_measured_has_a_range(profile: DeviceProfile) -> None:
    """A template's raw registers have no scale, so nobody knows what they can be."""
    raw = {point.name for point in profile.points if profile.template and point.name.endswith("_raw") and not point.unit}
    for point in profile.points:
        if point.kind is not Kind.NUMBER or point.choices or point.name in raw:
            continue
        if CODES.search(point.name) and not point.unit:
            continue
        assert point.minimum is not None, point.name
        assert point.maximum is not None, point.name
        assert point.minimum < point.maximum, point.name


def test_of_a_valve_or_relay_only_the_two_positions_can_be_commanded(profile: DeviceProfile) -> None:
    for point, field in zip(profile.points, profile.data, strict=False):
        if point.write is not None and field.control in (Control.RELAY, Control.VALVE):
            assert {number for number in point.choices if point.write.allows(number)} == {0, 1}
