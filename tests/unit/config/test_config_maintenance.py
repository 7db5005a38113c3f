"""`[maintenance]` and `[device.maintenance]`: what they say, and every mistake in them with its line."""

from pathlib import Path

import pytest

from edgeguard.config import load_site_with_notes
from edgeguard.core.errors import ConfigError
from edgeguard.core.ids import DeviceName, PointName
from edgeguard.core.interlock import PointRef
from edgeguard.core.maintenance import HintKind, MaintenanceSpec, Usage
from edgeguard.testing.shipped import shipped_profiles

GOOD = """\
[gateway]
site = "lakeside"
id = "b07"
[[bus]]
name = "plant"
url = "tcp://10.0.0.7:502"
[[device]]
name = "heat"
bus = "plant"
address = 11
profile = "generic-heat-meter-modbus"
every = "60s"
[[device]]
name = "pump-1"
bus = "plant"
address = 10
profile = "grundfos-cim200"
every = "2s"
"""
"""Eighteen lines; cases add from line 19 on."""


def loaded(tmp_path: Path, text: str) -> MaintenanceSpec:
    path = tmp_path / "site.toml"
    path.write_text(GOOD + text, encoding="utf-8")
    return load_site_with_notes(path, shipped_profiles(), environ={}).site.maintenance


def test_a_site_that_says_nothing_has_hints(tmp_path: Path) -> None:
    assert loaded(tmp_path, "") == MaintenanceSpec()


def test_everything_that_can_be_said(tmp_path: Path) -> None:
    spec = loaded(
        tmp_path,
        """\
[device.maintenance]
run_hours = 6000
starts = 40000
serviced = 2026-10-01
off = ["start-current"]
limits = { pump-head = "8%", levelling = 7.5 }
curve = [{ flow = 0, head = 62, power = 0.9 }, { flow = 6, head = 45, power = 1.4 }]
curve_speed = 2900
[[device.maintenance.watch]]
point = "outlet_pressure"
limit = 3.0
while_running = true
season = 0.4
check = { zh = "检查", en = "check" }
[maintenance]
outside = "heat.return_temperature"
hottest = 40
""",
    )
    pump = spec.devices[DeviceName("pump-1")]

    assert (spec.outside, spec.hottest) == (PointRef(DeviceName("heat"), PointName("return_temperature")), 40)
    assert pump.intervals == {Usage.RUN_HOURS: 6000, Usage.STARTS: 40000}
    assert pump.serviced_day == 20_727
    assert pump.limits == {HintKind.PUMP_HEAD: 0.08, HintKind.LEVELLING: 7.5}
    assert pump.off == {HintKind.START_CURRENT}
    assert pump.curve is not None
    assert (pump.curve.speed, pump.curve.points[1].head) == (2900, 45)
    (watched,) = pump.watch
    assert (watched.point, watched.limit, watched.running, watched.season_swing) == ("outlet_pressure", 3.0, True, 0.4)


OWN = "[device.maintenance]\n"
BROKEN = [
    (OWN + "run_hours = 0\n", "20: …run_hours: "),
    (OWN + "runhours = 1\n", '20: …runhours: unknown key (did you mean "run_hours"?)'),
    (OWN + "serviced = '2026-10-01'\n", "20: …serviced: must be a date such as 2026-10-01"),
    (OWN + "limits = { pump-head = 'much' }\n", '20: …limits.pump-head: "much" is not a limit'),
    (OWN + "limits = { pump-hed = '8%' }\n", '20: …limits.pump-hed: there is no limit for "pump-hed" (did you mean'),
    (OWN + "limits = { pump-head = '0.1%' }\n", "20: …limits.pump-head: is out of range"),
    (OWN + "limits = { levelling = 0.2 }\n", "20: …limits.levelling: is out of range: 1 to 100 mm"),
    (OWN + "off = ['doors']\n", "20: …off[0]: "),
    (OWN + "curve = [{ flow = 0, head = 1 }]\n", "20: …curve: must have two points at least"),
    (OWN + "curve = [{flow=3, head=1}, {flow=1, head=2}]\n", "20: …curve: must have two points at least, by ascending flow"),
    (OWN + "curve = [{flow=0, head=1}, {flow=1}]\n", "20: …curve: gives head for some of its points only"),
    (OWN + "curve = [{ flow = 0 }, { flow = 1 }]\n", "20: …curve: gives neither head nor power"),
    (OWN + "curve_speed = 2900\n", "20: …curve_speed: says at which speed a curve was taken, but there is"),
    (
        "[[device.maintenance.watch]]\npoint = 'pressur'\nlimit = 1\n",
        '20: …watch[0].point: device pump-1 has no polled point "pressur"',
    ),
    ("[[device.maintenance.watch]]\npoint = 'running'\nlimit = 1\n", "20: …watch[0].point: point running is no number"),
    ("[[device.maintenance.watch]]\npoint = 'head'\n", "19: device[1].maintenance.watch[0].limit: is missing"),
    ("maintenance = 3\n", "19: device[1].maintenance: must be a table, not a whole number"),
    ("[maintenance]\noutside = 'roof.temperature'\n", '20: maintenance.outside: there is no device "roof"'),
    ("[maintenance]\noutside = 'heat.flow'\n", '20: maintenance.outside: heat.flow is in "m3/h", and not in °C'),
    ("[maintenance]\nhottest = 300\n", "20: maintenance.hottest: "),
]


@pytest.mark.parametrize(("text", "mistake"), BROKEN, ids=[mistake[4:60] for _, mistake in BROKEN])
def test_a_mistake_has_its_line_and_a_way_out(tmp_path: Path, text: str, mistake: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, text)
    lines = [line.removeprefix(f"{tmp_path}/site.toml:") for line in caught.value.mistakes]

    assert any(line.startswith(mistake.replace("…", "device[1].maintenance.")) for line in lines), lines
