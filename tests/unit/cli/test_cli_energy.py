"""`energy`: a month from what was kept, for people, for programs, and as one page that needs nothing else."""

import asyncio
import json
from datetime import date
from pathlib import Path
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest
from cli_kit import Desk

from edgeguard.core.clock import Stamp
from edgeguard.core.health import Health
from edgeguard.core.ids import BootId
from edgeguard.core.metering import Incident, MeterEvent
from edgeguard.core.rule_state import ENERGY_DAYS, RuleState
from edgeguard.core.site import StoreSpec
from edgeguard.rules.consumption import Counted, CounterState
from edgeguard.rules.demand import Window
from edgeguard.rules.intervals import Slot, quarters_of
from edgeguard.rules.meter import DayRecord, Judged, MeterState
from edgeguard.rules.meter_json import dump_day, dump_state
from edgeguard.store import Batch, Store
from edgeguard.testing.clock import FakeClock
from edgeguard.testing.handlers import FakeBuilding

ZONE = ZoneInfo("Asia/Shanghai")
SHOWN = CounterState(Counted(Stamp(1_790_934_400_000, 0, BootId("a"), True), 12_500_000))
SITE = """\
[gateway]
site = "lakeside"
id = "b07"
labels = {{ zh = "湖畔 <7>号楼", en = "Lakeside <7>" }}
[store]
directory = "{folder}"
[[bus]]
name = "plant"
url = "tcp://10.0.0.7:502"
[[device]]
name = "main-meter"
bus = "plant"
address = 10
profile = "acrel-dtsd1352"
every = "2s"
points = ["energy_import", "energy_export"]
[[meter]]
name = "main"
source = "main-meter.energy_import"
labels = {{ zh = "总表", en = "Main" }}
[[meter]]
name = "shops"
source = "main-meter.energy_export"
parent = "main"
[[tariff]]
from = 2026-01-01
prices = {{ peak = 1.0, valley = 0.5 }}
[[tariff.season]]
windows = ["00:00-12:00 valley", "12:00-24:00 peak"]
"""


def deaf(_: Health) -> None:
    """Hears nothing."""


def day_of(day: date, amount: int, *events: MeterEvent) -> DayRecord:
    slots = tuple(Slot(quarter, amount, 0, 900_000) for quarter in quarters_of(day, ZONE))
    return DayRecord(day, slots, Window(29_000_000, 2 * amount), events, (), Judged(100, 150_000_000, 50_000_000, 24))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Two full days of October, the running one in the meter's state, an addend, and the last of September."""
    reset = MeterEvent(Incident.RESET, Stamp(1_790_900_000_000, 0, BootId("a"), True), 5_000_000, 1_000_000)
    states = [
        RuleState(ENERGY_DAYS, "main/2026-09-30", dump_day(day_of(date(2026, 9, 30), 500_000))),
        RuleState(ENERGY_DAYS, "main/2026-10-01", dump_day(day_of(date(2026, 10, 1), 1_000_000, reset))),
        RuleState(ENERGY_DAYS, "main/2026-10-01+0", dump_day(DayRecord(date(2026, 10, 1), (Slot(1_989_792, 40_000, 0, 0),)))),
        RuleState(
            "energy", "main/main-meter.energy_import", dump_state(MeterState(SHOWN, day=day_of(date(2026, 10, 2), 1_000_000)))
        ),
        *(RuleState(ENERGY_DAYS, f"shops/2026-10-0{day}", dump_day(day_of(date(2026, 10, day), 900_000))) for day in (1, 2)),
        RuleState(ENERGY_DAYS, "main2/2026-10-01", b"of another meter"),
    ]

    async def kept() -> None:
        store = await Store.open(StoreSpec(tmp_path, 64 << 20, 10**6, None, 200, 100), FakeClock(), deaf)
        store.submit(Batch((), states=tuple(states)))
        await store.flush()
        await store.close()

    asyncio.run(kept())
    path = tmp_path / "site.toml"
    path.write_text(SITE.format(folder=tmp_path), encoding="utf-8")
    return path


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "none.sock", FakeBuilding())


def test_a_month_for_programs(desk: Desk, site: Path) -> None:
    printed = desk.type("energy", "--json", "--month", "2026-10", "--config", str(site))
    assert printed.code == 0
    told = json.loads(printed.out)
    main, shops = told["meters"]
    assert (main["amount"], main["before"], shops["amount"]) == (192.04, 48.0, 172.8)
    assert {one["period"]: (one["amount"], one["cost"]) for one in main["periods"]} == {
        "peak": (96.0, 96.0),
        "valley": (96.04, 48.02),
    }
    assert main["demand_sliding"]["value"] == 8.0
    assert [day["amount"] for day in main["days"]][:3] == [96.04, 96.0, None]
    assert main["incidents"][0]["incident"] == "reset"
    (balance,) = told["balances"]
    assert (balance["loss"], balance["verdict"]) == (19.24, "loss")
    assert main["habit"]["excess_cost"] == pytest.approx(144.02 * 100 / 192.04)


def test_a_month_for_people_in_both_languages(desk: Desk, site: Path) -> None:
    told = desk.type("energy", "--month", "2026-10", "--config", str(site)).out
    assert "Lakeside <7>  2026-10" in told
    assert "peak 96.00 (96.00 CNY)" in told
    assert "5 → 1 kWh  the counter shows less (reset or exchanged); not counted" in told
    assert "main − (shops) = 19.24 kWh = 10.0 %, ± 0.02 kWh: not behind a sub-meter" in told
    assert "██" in told
    chinese = desk.type("energy", "--month", "2026-10", "--config", str(site), lang="zh").out
    assert "峰 96.00" in chinese
    assert "最大需量" in chinese


def test_a_month_of_which_nothing_is_known_is_no_success(desk: Desk, site: Path) -> None:
    printed = desk.type("energy", "--month", "2025-01", "--config", str(site))
    assert printed.code == 1
    assert "main: showed 12.50 kWh at 10-02 17:46; the first interval is there after 18:00" in printed.out
    assert "shops: no reading yet" in printed.out
    assert desk.type("energy", "--month", "October", "--config", str(site)).code == 2
    assert desk.type("energy", "--config", str(site), "--directory", "/nonexistent").code == 1


def test_the_page_stands_alone_and_is_well_formed(desk: Desk, site: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    assert desk.type("energy", "--month", "2026-10", "--config", str(site), "--html", str(page)).code == 0
    text = page.read_text(encoding="utf-8")
    for foreign in ("http:", "https:", "src=", "href=", "<script", "@import", "url("):
        assert foreign not in text
    assert "湖畔 &lt;7&gt;号楼" in text
    assert "@media print" in text
    for start in range(text.count("<svg")):
        svg = "<svg" + text.split("<svg")[start + 1].partition("</svg>")[0] + "</svg>"
        ElementTree.fromstring(svg)
    assert text.count("<svg") >= 6
    assert ('id="en" checked' in text, 'id="zh" checked' in text) == (True, False)


def test_sub_meters_that_count_more_than_the_main_one_are_an_error(desk: Desk, site: Path) -> None:
    text = site.read_text(encoding="utf-8")
    text = text.replace('parent = "main"\n', "").replace('energy_import"\nlabels', 'energy_import"\nparent = "shops"\nlabels')
    site.write_text(text, encoding="utf-8")
    printed = desk.type("energy", "--month", "2026-10", "--config", str(site))
    assert printed.code == 1
    assert "count more" in printed.out
