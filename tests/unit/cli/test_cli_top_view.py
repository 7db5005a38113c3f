"""The picture of `top` fits every terminal, keeps what matters, and cannot be broken by what devices say."""

from dataclasses import replace
from functools import cache
from io import StringIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from edgeguard.cli.top_view import Look, choose, order_devices, render, render_lines
from edgeguard.control.views import LabelsView, TopView
from edgeguard.testing.examples import examples
from edgeguard.testing.handlers import FakeBuilding

SIZES = [(80, 24), (120, 40), (200, 60), (40, 12), (20, 6), (119, 24), (300, 10), (1, 1)]
ARRIVALS = tuple(f"05:40:0{second} telemetry {91820 + second} pump-1 pressure" for second in range(10))

PICTURE_80X24 = """\
 lakeside/b07  edgeguard 0.1.0                         up 3 d 4 h  05:40:00 UTC
 ● online 2 h  mqtts://mqtt.example:8883              queue 3 (1 s)  lasts 42 d
 5/6 devices  25 points, 3 bad  13.2 points/s                            42 MiB
─ ALARMS 3 ─────────────────────────────────────────────────────────────────────
 critical active      2 min pump-1.dry-run          0.61 / 1    Pump runs dry
 major    active     62 min fan-2.comms-lost        —           Device does not…
 minor    acked        41 s lift-1.door-blocked     blocked / … Car door blocked
─ DEVICES                               state    every    ans/p95 failed  points
 fan-2              Garage exhaust fan  offline     5s          —    745     0/2
 lift-2             Lift 2              degraded    1s    12/31ms      2     2/3
 lift-1             Lift 1              online      1s    12/31ms      2       5
▸pump-1             Domestic water pum… online      2s    12/31ms      2       7
 meter-main         Main electricity m… online      5s    12/31ms      2       6
 water-main         Main water meter    online     30s    12/31ms      2       2
─ pump-1  Domestic water pumps ─────────────────────────────────────────────────
 Outlet pressure               0.61 bar   Mode                              auto
 Flow                         12.4 m³/h   Speed                         2860 rpm
 Pressure setpoint             3.50 bar   Power                           1480 W
 Running                            yes
─ EVENTS ───────────────────────────────────────────────────────────────────────
 05:39:19 lift-1.door-blocked active (blocked): Car door blocked
 05:39:31 lift-1.door-blocked acked (blocked): Car door blocked
 05:39:46 pump-1.dry-run active (0.61): Pump runs dry
 q  quit   ↑↓ tab  device   p  pause"""


@cache
def large_top(extra_devices: int) -> TopView:
    return FakeBuilding(extra_devices=extra_devices).top()


def picture(view: TopView, width: int, height: int, lang: str = "en", **more: object) -> list[str]:
    return [line.plain.rstrip() for line in render_lines(view, width, height, lang, **more)]  # type: ignore[arg-type]


def test_the_picture_on_a_small_terminal() -> None:
    assert "\n".join(picture(FakeBuilding().top(), 80, 24)) == PICTURE_80X24


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("extra", [0, 500])
@pytest.mark.parametrize("arrivals", [(), ARRIVALS])
def test_it_fits_any_terminal(width: int, height: int, lang: str, extra: int, arrivals: tuple[str, ...]) -> None:
    lines = render_lines(large_top(extra), width, height, lang, arrivals)

    assert len(lines) == max(6, height)
    assert {line.cell_len for line in lines} == {max(20, width)}


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (200, 60)])
def test_rich_prints_it_as_it_is(width: int, height: int) -> None:
    out = StringIO()
    Console(file=out, width=width, height=height).print(render(FakeBuilding().top(), width, height, "zh"))

    printed = out.getvalue().splitlines()
    assert len(printed) == height
    assert all(cell_len(line) == width for line in printed)


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (200, 60)])
@pytest.mark.parametrize("arrivals", [(), ARRIVALS])
def test_what_matters_is_there(width: int, height: int, arrivals: tuple[str, ...]) -> None:
    text = "\n".join(picture(large_top(100), width, height, arrivals=arrivals))

    for wanted in ("lakeside/b07", "online", "queue 3", "pump-1.dry-run", "fan-2.comms-lost", "offline", "0.61 bar", "quit"):
        assert wanted in text
    assert (ARRIVALS[-1] in text) is bool(arrivals)


def test_a_large_terminal_shows_more_devices_and_both_feeds() -> None:
    text = "\n".join(picture(FakeBuilding().top(), 200, 60, arrivals=ARRIVALS))

    for wanted in ("Energy import", "Main water meter", "88120.412 m³", "AT THE BROKER", "EVENTS", ARRIVALS[-1], "1284551.4 kWh"):
        assert wanted in text


def test_bad_points_say_why_and_keep_the_old_value_dim() -> None:
    text = "\n".join(picture(FakeBuilding().top(), 80, 24, look=Look(selected="fan-2")))

    assert "35.0 Hz timeout" in text
    assert "refused" in "\n".join(picture(FakeBuilding().top(), 80, 24, look=Look(selected="lift-2")))


def test_a_building_without_anything() -> None:
    top = FakeBuilding().top()
    empty = replace(
        top,
        status=replace(top.status, devices=0, devices_online=0, points=0, points_bad=0, uplink=None),
        devices=(),
        points=(),
        alarms=(),
        events=(),
    )

    text = "\n".join(picture(empty, 80, 24))

    assert "none configured" in text
    assert "✓ none" in text
    assert "no uplink" in text
    assert choose(empty, Look(selected="x")) == ""


def test_an_uplink_that_is_away_says_why() -> None:
    building = FakeBuilding(lambda: 100.0)
    building.online = False

    text = "\n".join(picture(building.top(), 80, 24))

    assert "waiting" in text
    assert "the broker does not answer" in text
    assert "queue 4003" in text


def test_trouble_of_the_gateway_itself_has_a_line() -> None:
    top = FakeBuilding().top()

    text = "\n".join(picture(replace(top, status=replace(top.status, store_error="disk full", clock_synced=False)), 80, 24))

    assert "disk full" in text
    assert "unsynced" in text


def test_more_alarms_than_lines_are_counted() -> None:
    top = FakeBuilding().top()
    many = replace(top, alarms=tuple(replace(top.alarms[0], alarm=f"pump-1.alarm-{number}") for number in range(30)))

    lines = picture(many, 80, 24)

    assert "ALARMS 30" in lines[3]
    assert "and 27 more" in lines[7]


def test_the_chosen_device_is_always_in_sight() -> None:
    top = FakeBuilding(extra_devices=500).top()

    for name in ("fan-2", "flat-000", "flat-250", "flat-499"):
        lines = picture(top, 80, 24, look=Look(selected=name))
        assert any(line.startswith(f"▸{name}") for line in lines)
    assert any("506/506" in line for line in lines)


def test_the_border_stays_when_another_device_is_chosen() -> None:
    top = FakeBuilding().top()
    pictures = [picture(top, 80, 24, look=Look(selected=device.name)) for device in top.devices]

    assert len({next(n for n, line in enumerate(lines) if line.startswith("─ DEVICES")) for lines in pictures}) == 1
    assert len({sum("online" in line for line in lines) for lines in pictures}) == 1


def test_silent_devices_come_first_and_the_urgent_one_is_chosen() -> None:
    top = FakeBuilding().top()

    assert [device.name for device in order_devices(top.devices)][:3] == ["fan-2", "lift-2", "lift-1"]
    assert choose(top, Look()) == "pump-1"
    assert choose(top, Look(selected="gone")) == "pump-1"
    assert choose(replace(top, alarms=()), Look()) == "fan-2"


def test_paused_and_notes_are_shown() -> None:
    lines = picture(FakeBuilding().top(), 80, 24, look=Look(paused=True, note="away", cpu_percent=1.25))

    assert "PAUSED" in lines[0]
    assert lines[-1].strip() == "away"
    assert "CPU 1.2 %" in lines[2]


HOSTILE = st.text(max_size=120) | st.sampled_from(["\x1b[2J\x1b[H", "\u202eabc", "[red]", "名" * 90, "e" + "\u0301" * 99, "\n\n\r"])


@settings(max_examples=examples(25), deadline=None)
@given(name=HOSTILE, other=HOSTILE, size=st.sampled_from(SIZES), lang=st.sampled_from(["zh", "en"]))
def test_no_name_breaks_the_picture(name: str, other: str, size: tuple[int, int], lang: str) -> None:
    top = FakeBuilding().top()
    labels = LabelsView(name, other)
    top = TopView(
        replace(top.status, site=name, version=other, started=other, store_error=name),
        tuple(replace(device, name=name, state=other, labels=labels) for device in top.devices),
        tuple(replace(point, device=name, value=other, unit=name, reason=other, labels=labels) for point in top.points),
        tuple(replace(alarm, alarm=name, severity=other, value=other, since=name, text=labels) for alarm in top.alarms),
        replace(top.outbox, error=other),
        (name, other),
    )
    lines = render_lines(top, *size, lang, (other, name))

    assert {line.cell_len for line in lines} == {max(20, size[0])}
    assert all(line.plain.isprintable() for line in lines)
