"""Meters and tariffs in a site file: what is known without a word, what the register tells, and every mistake with its line."""

from datetime import date
from pathlib import Path

import pytest

from edgeguard.config import load_site
from edgeguard.core.alarm import Condition
from edgeguard.core.errors import ConfigError
from edgeguard.core.metering import MICRO, EnergySpec, Medium, MeterSpec
from edgeguard.core.site import Site
from edgeguard.testing.shipped import shipped_profiles

GROUND = """\
[gateway]
site = "lakeside"
id = "b07"
[[bus]]
name = "plant"
url = "tcp://10.0.0.7:502"
[[device]]
name = "main-meter"
bus = "plant"
address = 10
profile = "{main}"
every = "2s"
[[device]]
name = "water-meter"
bus = "plant"
address = 20
profile = "generic-water-meter-modbus"
every = "5s"
"""
"""Eighteen lines."""


def site_of(tmp_path: Path, text: str, main: str = "eastron-sdm630") -> Site:
    path = tmp_path / "site.toml"
    path.write_text(GROUND.format(main=main) + text, encoding="utf-8")
    return load_site(path, shipped_profiles())


def spec_of(tmp_path: Path, text: str, main: str = "eastron-sdm630") -> EnergySpec:
    return site_of(tmp_path, text, main).energy


def test_counters_that_are_known_are_metered_without_a_word(tmp_path: Path) -> None:
    site = site_of(tmp_path, "")
    meters = {str(meter.name): meter for meter in site.energy.meters}
    assert {name: (str(meter.point), meter.medium, meter.unit) for name, meter in meters.items()} == {
        "main-meter": ("energy_import", Medium.ELECTRICITY, "kWh"),
        "water-meter": ("volume", Medium.WATER, "m3"),
    }
    assert site.energy.zone == "Asia/Shanghai"
    alarms = {str(rule.name): rule for device in site.devices for rule in device.alarms if rule.condition is Condition.WATCHED}
    assert alarms["main-meter.consumption-excess"].text.en == "main-meter: consumption above what is usual"
    assert site_of(tmp_path, "[energy]\nexcess_percent = 0\n").energy.meters[0].excess is None


def test_what_a_counter_can_show_is_taken_from_its_register_and_nothing_else_is_assumed(tmp_path: Path) -> None:
    def meter(main: str) -> MeterSpec:
        return spec_of(tmp_path, "", main).meters[0]

    water = spec_of(tmp_path, "").meters[1]
    assert (water.resolution, water.modulus) == (1000, 2**32 * 1000)
    floating = meter("eastron-sdm630")
    assert (floating.resolution, floating.modulus) == (10_000, None)
    signed = meter("acrel-dtsd1352")
    assert (signed.resolution, signed.modulus) == (10_000, None)
    wide = meter("abb-b23")
    assert (wide.resolution, wide.modulus) == (10_000, 2**64 * 10_000)


def test_digits_of_a_meter_tell_where_it_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    text = GROUND.format(main="eastron-sdm630").replace('url = "tcp://10.0.0.7:502"', 'url = "rtu+tcp://10.0.0.7:4001"')
    flat = 'name = "flat"\nbus = "plant"\naddress = "003411001043"\nprofile = "generic-dlt645-2007-single"\nevery = "60s"\n'
    path.write_text(f"{text}[[device]]\n{flat}", encoding="utf-8")
    meter = load_site(path, shipped_profiles()).energy.meters[-1]
    assert (str(meter.name), meter.resolution, meter.modulus) == ("flat", 10_000, 10**6 * MICRO)


WRITTEN = """
[energy]
timezone = "Europe/Berlin"
holidays = [2026-10-01, "2026-10-02"]
[[energy.specific]]
name = "pumping"
of = "main"
per = "water"
[[meter]]
name = "main"
source = "main-meter.energy_import"
rollover = 1000000
max_rate = 400
labels = { zh = "总表", en = "Main" }
[[meter.replaced]]
at = "2026-05-01T10:00"
old_last = 4711.5
new_first = 2
[[meter]]
name = "shops"
source = "main-meter.energy_export"
parent = "main"
[[meter]]
name = "water"
source = "water-meter.volume"
[[tariff]]
from = 2026-01-01
until = 2026-07-01
prices = { peak = 1.1, valley = 0.3 }
[[tariff.season]]
months = [7, 8]
windows = ["00:00-10:00 valley", "10:00-24:00 peak"]
[[tariff.season]]
windows = ["08:00-24:00 peak", "00:00-08:00 valley"]
"""


def test_what_is_written_is_taken(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, WRITTEN)
    main, shops, water = spec.meters
    assert (main.modulus, main.max_rate, main.resolution, main.labels.zh) == (10**6 * MICRO, 400 * MICRO, 10_000, "总表")
    assert [(one.at_ms, one.old_last, one.new_first) for one in main.replacements] == [
        (1_777_622_400_000, 4_711_500_000, 2_000_000)
    ]
    assert (shops.parent, water.parent) == ("main", None)
    assert spec.holidays == {date(2026, 10, 1), date(2026, 10, 2)}
    (tariff,) = spec.tariffs
    assert [window.period for window in tariff.seasons[1].windows] == ["valley", "peak"]
    assert (tariff.first, tariff.until, tariff.prices) == (date(2026, 1, 1), date(2026, 7, 1), {"peak": 1.1, "valley": 0.3})
    assert [(one.of, one.per) for one in spec.specifics] == [("main", "water")]


def test_zones_are_those_that_are_written(tmp_path: Path) -> None:
    meters = (
        '[[meter]]\nname = "house"\nsource = "water-meter.volume"\n[[meter]]\nname = "flats"\nsource = "main-meter.energy_import"\n'
    )
    assert spec_of(tmp_path, meters).zones == ()
    written = '[[energy.zone]]\nname = "tower"\ninflow = ["house"]\nlabels = { zh = "塔楼", en = "Tower" }\n'
    site = site_of(tmp_path, meters + written)
    (zone,) = site.energy.zones
    assert (zone.inflow, zone.behind, zone.limit, zone.alarm) == (("house",), (), 100_000, "water-meter.tower-night-loss")
    texts = {str(rule.name): rule.text.en for device in site.devices for rule in device.alarms}
    assert texts["water-meter.tower-night-loss"] == "Tower: water is lost at night, there may be a leak"


MAIN = '[[meter]]\nname = "main"\nsource = "main-meter.energy_import"\n'
SEASON = '[[tariff.season]]\nwindows = ["00:00-24:00 flat"]\n'
TWO_PERIODS = '[[tariff.season]]\nwindows = ["00:00-08:00 valley", "08:00-24:00 peak"]\n'
BROKEN = [
    ("[energy]\ntimezone = 'Asia/Peking'\n", 'energy.timezone: "Asia/Peking" is no time zone'),
    ("[energy]\nholidays = ['1 May']\n", '20: energy.holidays[0]: "1 May" is not a day'),
    ('[[meter]]\nname = "m"\nsource = "main-meter"\n', '21: meter[0].source: "main-meter" is not a point of a device'),
    (
        '[[meter]]\nname = "m"\nsource = "main-metre.energy_import"\n',
        'no device "main-metre" (did you mean "main-meter"?)',
    ),
    ('[[meter]]\nname = "m"\nsource = "main-meter.energy_inport"\n', '(did you mean "energy_import"?)'),
    ('[[meter]]\nname = "m"\nsource = "main-meter.voltage_l1"\n', 'counts in "V"; a meter counts in Wh, kWh'),
    (MAIN + 'medium = "water"\n', 'medium: water is not metered in "kWh"'),
    (MAIN + "rollover = 0.001\n", "rollover: is no more than the counter's smallest step"),
    (MAIN + "max_rate = 0\n", "max_rate: 0 is out of range"),
    (MAIN + MAIN.replace('"main"', '"other"'), 'source "main-meter.energy_import" is already used in line 21'),
    (MAIN + 'parent = "mian"\n', 'there is no meter "mian" (did you mean "main"?)'),
    (MAIN + 'parent = "main"\n', "goes round in a circle"),
    (MAIN + 'parent = "w"\n[[meter]]\nname = "w"\nsource = "water-meter.volume"\n', "they have no balance"),
    (
        MAIN + '[[meter.replaced]]\nat = "yesterday"\nold_last = 1\nnew_first = 0\n',
        'replaced[0].at: "yesterday" is not a moment',
    ),
    (
        "[[energy.specific]]\nname = 'x'\nof = 'main-meter'\nper = 'trips'\n",
        '22: energy.specific[0].per: there is no meter "trips"',
    ),
    (
        '[[energy.zone]]\nname = "z"\ninflow = ["water-metre"]\n',
        '21: energy.zone[0].inflow[0]: there is no meter "water-metre" (did you mean "water-meter"?)',
    ),
    (
        '[[energy.zone]]\nname = "z"\ninflow = ["main-meter"]\n',
        "main-meter counts electricity in kWh: a zone is one of water",
    ),
    (
        '[[energy.zone]]\nname = "z"\ninflow = ["water-meter"]\nbehind = ["water-meter"]\n',
        '22: energy.zone[0].behind: "water-meter" feeds the zone and cannot be behind itself',
    ),
    (
        '[[energy.zone]]\nname = "z"\ninflow = ["water-meter"]\nlimit = 0.2\n',
        "zone[0].limit: is about what is lost between",
    ),
    ("[[tariff]]\n" + SEASON, "19: tariff[0].from: is missing"),
    ("[[tariff]]\nfrom = 2026-01-01\n", "19: tariff[0].season: is missing"),
    ("[[tariff]]\nfrom = 2026-01-01\nuntil = 2025-01-01\n" + SEASON, "21: tariff[0].until: is not after from"),
    ("[[tariff]]\nfrom = 2026-01-01\nprices = { peek = 1 }\n" + SEASON, 'prices.peek: no window has the period "peek"'),
    (
        "[[tariff]]\nfrom = 2026-01-01\nprices = { peak = 1 }\n" + TWO_PERIODS,
        "prices: have none for valley, and a sum would lack it",
    ),
    (f"[[tariff]]\nfrom = 2026-01-01\n{SEASON}[[tariff]]\nfrom = 2026-03-01\n{SEASON}", "overlaps the tariff in line 19"),
    ('[[tariff]]\nfrom = 2026-01-01\n[[tariff.season]]\nwindows = ["00:00-08:00 flat"]\n', "leave 08:00-24:00 without a period"),
    (
        '[[tariff]]\nfrom = 2026-01-01\n[[tariff.season]]\nwindows = ["00:00-12:00 a", "11:00-24:00 b"]\n',
        "overlap from 11:00 to 12:00",
    ),
    ('[[tariff]]\nfrom = 2026-01-01\n[[tariff.season]]\nwindows = ["00:00-08:10 a"]\n', "begin and end with a quarter of an hour"),
    ('[[tariff]]\nfrom = 2026-01-01\n[[tariff.season]]\nwindows = ["22:00-06:00 a"]\n', "split what passes midnight"),
    (
        '[[tariff]]\nfrom = 2026-01-01\n[[tariff.season]]\ndays = ["weekend"]\nwindows = ["00:00-24:00 a"]\n',
        "no season holds on workdays of the months 1, 2, 3",
    ),
    ("[history]\nraw = '200d'\n", "history.minutes: is shorter than raw"),
    ("[history]\nmax_size = '1MiB'\n", "history.max_size: is too small: at least 4MiB"),
]


@pytest.mark.parametrize(("text", "told"), BROKEN, ids=[str(i) for i in range(len(BROKEN))])
def test_every_mistake_is_told_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        site_of(tmp_path, text)
    (line,) = caught.value.mistakes
    assert told in line
