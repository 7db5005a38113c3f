"""The nights of a zone of water in the report: for people in both languages, for programs, and on the page."""

import json
from datetime import date, timedelta
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

from edgeguard.cli.energy import facts
from edgeguard.cli.energy_html import page
from edgeguard.cli.energy_zones import zone_text
from edgeguard.cli.session import Lang
from edgeguard.core.ids import DeviceName, PointName, alarm_name
from edgeguard.core.metering import MICRO, EnergySpec, Medium, MeterName, MeterSpec, ZoneSpec
from edgeguard.core.point import Labels
from edgeguard.rules.energy_report import Report, report
from edgeguard.rules.intervals import Slot, quarters_of
from edgeguard.rules.meter import Calendar, DayRecord

SHANGHAI = Calendar(ZoneInfo("Asia/Shanghai"))
FIRST = date(2026, 3, 1)


def meter(name: str) -> MeterSpec:
    labels = Labels(name, name)
    return MeterSpec(
        MeterName(name), DeviceName(name), PointName("volume"), Medium.WATER, "m3", MICRO, 2000 * MICRO, labels, resolution=1000
    )


def month(flows: dict[str, tuple[float, ...]], behind: tuple[str, ...]) -> Report:
    """The flow of each meter (m3/h) on the first days of March, the same all day."""
    alarm = alarm_name(DeviceName("house"), "night-loss")
    house, labels = MeterName("house"), Labels("塔楼", "Tower")
    zone = ZoneSpec("tower", (house,), tuple(map(MeterName, behind)), 100_000, 2000, DeviceName("house"), alarm, labels)
    spec = EnergySpec(meters=tuple(meter(name) for name in flows), zones=(zone,))
    days = {MeterName(name): [_day(FIRST + timedelta(days=i), flow) for i, flow in enumerate(row)] for name, row in flows.items()}
    return report(spec, SHANGHAI, days, FIRST, date(2026, 4, 1))


def _day(day: date, flow_m3h: float) -> DayRecord:
    return DayRecord(
        day, tuple(Slot(quarter, round(flow_m3h * 250_000), 0, 900_000) for quarter in quarters_of(day, SHANGHAI.zone))
    )


LEAK = month({"house": (0.1, 0.35, 0.36), "flats": (0.1, 0.1, 0.1)}, ("flats",))


def test_what_is_lost_is_told_in_both_languages() -> None:
    assert zone_text(Lang.EN, LEAK.zones[0]) == (
        "Tower: 0.350 m3/h flow in at night, 0.100 behind meters, 0.250 lost (limit 0.1); 2 of 3 nights speak of a leak"
    )
    assert zone_text(Lang.ZH, LEAK.zones[0]).endswith("失水 0.250(限值 0.1);2/3 夜超限,可能漏水")


def test_without_meters_behind_it_the_quietest_hour_is_told() -> None:
    made = month({"house": (0.1, 0.1, 0.1)}, ())
    assert zone_text(Lang.EN, made.zones[0]) == (
        "Tower: 0.100 m3/h in the quietest hour (100 % of the day's mean); 3 of 3 nights speak of a leak"
    )
    assert "没有全部水表都有数据的夜间" in zone_text(Lang.ZH, month({"house": ()}, ()).zones[0])


def test_programs_get_every_night() -> None:
    (zone,) = json.loads(json.dumps(facts(LEAK, SHANGHAI)))["zones"]
    assert (zone["zone"], zone["bad_nights"], len(zone["nights"])) == ("tower", 2, 3)
    assert zone["nights"][1] == {
        "day": "2026-03-02", "inflow": 0.35, "known": 0.1, "lost": 0.25, "least": 0.35, "percent": 100.0,
        "uncertainty": 0.000666, "leak": True,
    }  # fmt: skip


def test_the_page_shows_the_nights_and_is_well_formed() -> None:
    text = page(LEAK, SHANGHAI, Labels("湖畔", "Lakeside"), Lang.EN)
    assert "Water at night" in text
    assert "2 of 3 nights speak of a leak" in text
    section = text.partition('<h2><span class="zh">夜间水量')[2].partition("</section>")[0]
    drawn = ElementTree.fromstring("<svg" + section.partition("<svg")[2].partition("</svg>")[0] + "</svg>")
    assert len(drawn.findall("rect")) == 3
