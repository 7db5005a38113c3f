"""Zones of water at night: sums over their meters, what a leak is, and what is concluded from nothing."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest

from edgeguard.core.ids import DeviceName, alarm_name
from edgeguard.core.metering import MeterName, ZoneSpec
from edgeguard.core.point import Labels
from edgeguard.rules.intervals import Slot, local, quarters_of
from edgeguard.rules.meter import DayRecord
from edgeguard.rules.night import Night, ZoneState, dump_zone, is_bad, load_zone, nights_of, part_of, step_zone
from edgeguard.rules.water import NIGHT

SHANGHAI = ZoneInfo("Asia/Shanghai")
DAY = date(2026, 3, 2)
A, B, FLAT_1, FLAT_2 = (MeterName(name) for name in ("a", "b", "flat-1", "flat-2"))
ALARM = alarm_name(DeviceName("a"), "night-loss")
ZONE = ZoneSpec("tower", (A, B), (FLAT_1, FLAT_2), 100_000, 4_000, DeviceName("a"), ALARM, Labels("塔楼", "tower"))
OPEN = replace(ZONE, behind=())


def lived(night_m3h: float, day_m3h: float, day: date = DAY, missing: int = -1, zone: ZoneInfo = SHANGHAI) -> DayRecord:
    """A day with one flow at night and another else; `missing`: the hour whose second quarter was not measured to its end."""
    slots = []
    for quarter in quarters_of(day, zone):
        at = local(quarter, zone)
        flow = night_m3h if at.hour in NIGHT else day_m3h
        torn = at.hour == missing and at.minute == 15
        slots.append(Slot(quarter, round(flow * 250_000), 0, 400_000 if torn else 900_000))
    return DayRecord(day, tuple(slots))


def seen(
    zone: ZoneSpec, days: Mapping[MeterName, DayRecord], state: ZoneState | None = None, restart: bool = False
) -> tuple[ZoneState, Night | None]:
    state = ZoneState() if state is None else state
    found = None
    for name, day in days.items():
        if restart:
            state = load_zone(dump_zone(state))
        state, night = step_zone(zone, state, name, part_of(day, SHANGHAI))
        found = night or found
    return state, found


def tower(lost_m3h: float, day: date = DAY) -> dict[MeterName, DayRecord]:
    """Two risers feed it; two flats draw 0.05 m3/h each at night."""
    half = (0.1 + lost_m3h) / 2
    return {A: lived(half, 1.0, day), B: lived(half, 1.0, day), FLAT_1: lived(0.05, 0.9, day), FLAT_2: lived(0.05, 0.9, day)}


@pytest.mark.parametrize("restart", [False, True])
def test_what_is_lost_two_nights_in_a_row_is_a_leak_and_goes_when_it_is_mended(restart: bool) -> None:
    state, night = seen(ZONE, tower(0.15), restart=restart)
    assert night is not None
    assert (night.inflow, night.known, night.lost) == (250_000, 100_000, 150_000)
    assert state.leaks is False, "one night is none"
    state, _ = seen(ZONE, tower(0.15, DAY + timedelta(days=1)), state, restart)
    assert state.leaks is True
    state, _ = seen(ZONE, tower(0.0, DAY + timedelta(days=2)), state, restart)
    assert state.leaks is False


def test_a_little_above_the_limit_is_within_what_the_last_digits_can_make() -> None:
    _, night = seen(ZONE, tower(0.101))
    assert night is not None
    assert is_bad(ZONE, night) is False
    assert is_bad(replace(ZONE, resolution=0), replace(night, unsure=0)) is True


def test_much_water_that_is_drawn_by_known_meters_is_no_leak() -> None:
    days = {A: lived(1.0, 1.0), B: lived(1.0, 1.0), FLAT_1: lived(1.0, 0.9), FLAT_2: lived(0.95, 0.9)}
    _, night = seen(ZONE, days)
    assert night is not None
    assert is_bad(ZONE, night) is False


def test_without_meters_behind_it_the_quietest_hour_of_the_sum_is_compared_with_the_day() -> None:
    _, night = seen(OPEN, {A: lived(0.3, 1.0), B: lived(0.5, 1.0)})
    assert night is not None
    assert night.percent == pytest.approx(100 * 0.8 / ((0.8 * 3 + 2.0 * 21) / 24), abs=0.1)
    assert is_bad(OPEN, night) is True
    _, quiet = seen(OPEN, {A: lived(0.05, 1.0), B: lived(0.5, 1.0)})
    assert quiet is not None
    assert is_bad(OPEN, quiet) is False
    _, trifle = seen(OPEN, {A: lived(0.01, 0.01), B: lived(0.009, 0.01)})
    assert trifle is not None
    assert is_bad(OPEN, trifle) is False, "a dripping tap"


def test_a_sum_of_which_a_part_is_not_known_says_nothing() -> None:
    for missing in (A, FLAT_2):
        days = {**tower(0.5), missing: lived(0.05, 1.0, missing=3)}
        state, night = seen(ZONE, days)
        assert night is None
        assert state.leaks is None
        without = {name: day for name, day in tower(0.5).items() if name != missing}
        assert seen(ZONE, without)[1] is None
    state, night = seen(ZONE, {**tower(0.5), FLAT_2: lived(0.05, 1.0, DAY - timedelta(days=1))})
    assert night is None, "parts of two days make no night"


def test_a_hole_by_day_does_not_spoil_the_night_of_a_zone_whose_draws_are_metered() -> None:
    days = {name: replace(day, slots=day.slots[:60]) for name, day in tower(0.15).items()}
    _, night = seen(ZONE, days)
    assert night is not None
    assert night.mean is None
    assert is_bad(ZONE, night) is True
    assert is_bad(OPEN, night) is None


def test_a_day_that_comes_twice_counts_once_and_one_far_behind_begins_anew() -> None:
    state, _ = seen(ZONE, tower(0.15))
    again, night = seen(ZONE, tower(0.15), state)
    assert (again, night) == (state, None)
    ahead, _ = seen(ZONE, tower(0.15, date(2036, 1, 1)), state)
    _, night = seen(ZONE, tower(0.15, DAY + timedelta(days=1)), ahead)
    assert night is not None


def test_a_night_in_which_the_clocks_are_set_is_left_out() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    for day, whole in ((date(2026, 3, 28), True), (date(2026, 3, 29), False), (date(2026, 10, 25), False)):
        assert (part_of(lived(0.1, 1.0, day, zone=berlin), berlin) is not None) == whole


def test_the_nights_of_a_month_for_a_report() -> None:
    days = {name: [tower(0.15, DAY + timedelta(days=i))[name] for i in range(5)] for name in tower(0.0)}
    del days[FLAT_1][2]
    found = nights_of(ZONE, days, SHANGHAI, DAY, DAY + timedelta(days=4))
    assert [night.day.day for night in found] == [2, 3, 5]


@pytest.mark.parametrize("body", [b"", b"[]", b'{"parts": 1, "bad": 0, "last": null}', b'{"parts": [], "bad": "x", "last": null}'])
def test_nights_of_another_form_are_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        load_zone(body)
