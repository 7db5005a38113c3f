"""What is watched for wear on devices of the shipped profiles, without a word of configuration."""

import pytest

from edgeguard.core.alarm import AlarmRule
from edgeguard.core.ids import DeviceName, PointName, ProfileName, alarm_name
from edgeguard.core.interlock import PointRef
from edgeguard.core.maintenance import CurvePoint, DeviceMaintenance, HintKind, MaintenanceSpec, PumpCurve, Usage
from edgeguard.rules.gauges import care_of
from edgeguard.rules.maintenance import DeviceCare
from edgeguard.rules.sights import OnCurve
from edgeguard.testing.shipped import shipped_profiles

DEVICE = DeviceName("d")
WATCHED = {
    "inovance-nice3000plus": (["door-close-time", "door-open-time", "start-current"], ["trips", "door-cycles"]),
    "gbt24476-lift-terminal": (["door-cycle-time"], ["trips", "door-cycles"]),
    "grundfos-cim200": (["start-current", "pump-head", "pump-power"], ["run-hours", "starts"]),
    "imp-nmtc": (["pump-head", "pump-power", "temperature-motor-temperature"], ["run-hours"]),
    "abb-acq580": (["start-current", "temperature-drive-temperature"], ["run-hours"]),
    "vacon-10": (["start-current", "temperature-drive-temperature"], ["run-hours"]),
    "eastron-sdm630": ([], []),
    "generic-cjt188-water": ([], []),
}


def care(profile: str, site: MaintenanceSpec | None = None) -> DeviceCare:
    made = shipped_profiles().get(profile)
    alarms = [
        AlarmRule(alarm_name(DEVICE, one.name), DEVICE, one.condition, one.severity, one.text, one.point, one.limit)
        for one in made.alarms
    ]
    return care_of(DEVICE, made.points, alarms, {}, site or MaintenanceSpec())


@pytest.mark.parametrize("profile", WATCHED)
def test_what_a_profile_has_is_watched(profile: str) -> None:
    gauges, intervals = WATCHED[profile]
    made = care(ProfileName(profile))

    assert [gauge.name for gauge in made.gauges] == gauges
    assert [interval.usage.value for interval in made.intervals] == intervals
    assert all(interval.assumed for interval in made.intervals)


def test_a_temperature_goes_to_the_limit_of_its_alarm_and_above_its_surroundings_where_they_are_told() -> None:
    alone = care("abb-acq580").gauges[1]
    told = care("abb-acq580", MaintenanceSpec(outside=PointRef(DeviceName("x"), PointName("t")), hottest=40.0)).gauges[1]

    assert (alone.bound.absolute, alone.bound.surroundings, alone.ratio) == (80.0, 0.0, False)
    assert alone.season.swing > 0
    assert (told.bound.absolute, told.bound.surroundings, told.ratio) == (80.0, 40.0, True)
    assert told.season.swing == 0


def test_a_site_has_the_last_word() -> None:
    curve = PumpCurve((CurvePoint(0.0, 60.0), CurvePoint(8.0, 40.0)), 2900.0)
    own = DeviceMaintenance(
        intervals={Usage.STARTS: 9000.0}, limits={HintKind.PUMP_HEAD: 0.05}, off=frozenset({HintKind.PUMP_POWER}), curve=curve
    )
    made = care("grundfos-cim200", MaintenanceSpec(devices={DEVICE: own}))
    head = next(gauge for gauge in made.gauges if gauge.kind is HintKind.PUMP_HEAD)

    assert [gauge.name for gauge in made.gauges] == ["start-current", "pump-head"]
    assert (head.bound.share, head.curve) == (-0.05, ((0.0, 60.0), (8.0, 40.0)))
    assert isinstance(head.sight, OnCurve)
    assert head.sight.reference == 2900.0
    assert [(one.usage, one.length, one.assumed) for one in made.intervals][1] == (Usage.STARTS, 9000.0, False)
