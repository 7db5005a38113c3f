"""A device's days through the step: hints come, go and stay one; clocks, gaps, restarts, replacements and services."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from maintenance_kit import CARE, DEVICE, FIRST_DAY, HOUR_MS, HOURS, QUANTITY, Life, growing, wavering

from edgeguard.core.ids import BootId
from edgeguard.core.point import Outcome
from edgeguard.core.quality import Fault, Reason
from edgeguard.rules.gauge import REFERENCE_DAYS
from edgeguard.rules.hint_memory import dump, load
from edgeguard.rules.hint_words import report_news, report_standing
from edgeguard.rules.hints import UNSEEN_DAYS, Gone, Telling
from edgeguard.rules.maintenance import DAY_MS, DeviceCare, Service, record_service, resume, snooze_hint

SILENT = Fault(Reason.TIMEOUT)
GAUGE_ALONE = DeviceCare(DEVICE, (QUANTITY,))


def test_a_quantity_that_stays_as_it_was_gives_no_hint_in_half_a_year() -> None:
    life = Life(GAUGE_ALONE)
    life.days(0, 180, wavering)

    assert life.told == []
    assert life.state.gauge(QUANTITY.name).reference is not None


def test_a_quantity_that_grows_gives_one_hint_with_a_date_that_holds_the_true_one() -> None:
    life = Life(GAUGE_ALONE)
    life.days(0, 75, growing(45, 0.05))
    raised = [(day, news) for day, _, news in life.told if news.telling is Telling.RAISED]

    assert len(raised) == 1
    day, news = raised[0]
    assert 50 < day < 78
    reach = news.hint.finding.reach
    assert reach is not None
    assert reach.latest is not None
    limit_day = 45 + 2.0 / 0.05
    told_day = news.hint.finding.day - FIRST_DAY
    assert told_day + reach.earliest - 1 <= limit_day <= told_day + reach.latest + 1
    assert abs(news.hint.finding.onset_day - FIRST_DAY - 45) <= 4


def test_the_hint_goes_when_the_quantity_is_as_it_was() -> None:
    life = Life(GAUGE_ALONE)
    life.days(0, 65, growing(45, 0.05))
    life.days(65, 80, wavering)

    assert life.names()[-1] == (QUANTITY.name, "withdrawn")
    assert life.told[-1][2].gone is Gone.CAUSE_GONE
    assert life.told[-1][0] < 73
    assert list(report_standing(life.care, life.state)) == []


def test_a_limit_that_is_passed_is_told_once_with_a_figure_beyond_it() -> None:
    life = Life(GAUGE_ALONE)
    life.days(0, 95, growing(45, 0.05))
    passed = [news.hint.finding for _, _, news in life.told if news.hint.finding.seen.value == "passed"]

    assert len(passed) == 1
    assert passed[0].level >= 6.0 - 1e-9
    assert passed[0].share >= 1.0 - 1e-9
    assert passed[0].reach is None


def test_a_step_is_told_as_one_with_its_day_and_without_a_date() -> None:
    life = Life(GAUGE_ALONE)
    life.days(0, 60, lambda day: wavering(day) + (1.4 if day >= 50 else 0.0))
    news = life.told[0][2]

    assert (news.hint.finding.seen.value, news.hint.finding.onset_day - FIRST_DAY) == ("step", 50)
    assert news.hint.finding.reach is None


def test_a_step_stays_one_and_what_goes_on_behind_it_is_dated_by_its_own_pace() -> None:
    flat, slow = Life(GAUGE_ALONE), Life(GAUGE_ALONE)
    flat.days(0, 90, lambda day: wavering(day) + (1.2 if day >= 45 else 0.0))
    slow.days(0, 80, lambda day: wavering(day) + (1.0 + 0.025 * (day - 45) if day >= 45 else 0.0))

    assert {news.hint.finding.seen.value for _, _, news in flat.told} == {"step"}
    finding = slow.told[-1][2].hint.finding
    assert finding.reach is not None
    day = finding.day - FIRST_DAY
    assert abs(day + finding.reach.expected - 85) < 6
    assert finding.reach.latest is None or day + finding.reach.latest >= 85
    assert finding.onset_day - FIRST_DAY in range(44, 47)


def test_learning_takes_its_days_and_a_faulty_day_is_none() -> None:
    life = Life(GAUGE_ALONE)
    life.days(0, 8, wavering)
    life.days(8, 20, lambda _: SILENT)
    life.days(20, 20 + REFERENCE_DAYS - 8, wavering)
    assert life.state.gauge(QUANTITY.name).reference is None
    life.days(20 + REFERENCE_DAYS - 8, 20 + REFERENCE_DAYS - 6, wavering)

    assert life.state.gauge(QUANTITY.name).reference is not None
    assert life.state.gauge(QUANTITY.name).values[8:20] == (None,) * 12


def test_a_hint_of_a_device_that_has_fallen_silent_goes_after_a_month() -> None:
    life = Life(GAUGE_ALONE)
    life.days(0, 65, growing(45, 0.05))
    life.days(65, 65 + UNSEEN_DAYS + 2, lambda _: SILENT)

    assert life.told[-1][2].gone is Gone.NOTHING_MEASURED


def test_a_better_device_is_learned_as_it_is_and_its_decay_is_seen_from_there() -> None:
    life = Life(GAUGE_ALONE)
    life.days(0, 40, lambda day: wavering(day) + 2.0)
    life.days(40, 70, wavering)
    reference = life.state.gauge(QUANTITY.name).reference

    assert life.told == []
    assert reference is not None
    assert reference.level == pytest.approx(4.0, abs=0.05)
    life.days(70, 100, growing(70, 0.06))
    assert life.names()[0] == (QUANTITY.name, "raised")


def test_a_service_is_announced_then_due_and_goes_when_it_is_recorded() -> None:
    life = Life(replace(CARE, gauges=()))
    life.days(0, 45, wavering, hours=lambda hour: 500 + hour)
    assert life.names() == [("wear-run-hours", "raised"), ("wear-run-hours", "updated")]
    assert life.told[-1][2].hint.finding.seen.value == "passed"

    day = FIRST_DAY + 45
    life.state, news = record_service(life.care, life.state, Service(day, "liwei", "oil changed"), lambda _: True)
    assert [(name, one.gone) for name, one in news.news] == [("wear-run-hours", Gone.SERVICED)]
    life.days(45, 46, wavering, hours=lambda hour: 500 + hour)
    assert life.state.hint("wear-run-hours") is None
    assert life.state.tally(HOURS.usage).used == pytest.approx(24, abs=2)
    assert life.state.service is not None


def test_a_service_of_one_thing_leaves_the_others() -> None:
    life = Life()
    life.days(0, 65, growing(45, 0.05))
    life.state, news = record_service(
        life.care, life.state, Service(FIRST_DAY + 65, "liwei", "x"), lambda name: name == QUANTITY.name
    )

    assert [name for name, _ in news.news] == [QUANTITY.name]
    assert life.state.gauge(QUANTITY.name).values == ()
    assert life.state.tally(HOURS.usage).used > 1000


def test_a_replaced_counter_is_told_and_invents_nothing() -> None:
    life = Life(replace(CARE, gauges=()))
    life.days(0, 42, wavering, hours=lambda hour: hour if hour < 600 else hour - 600)
    news = life.told[0][2]
    report = report_news(life.care, life.state, "wear-run-hours", news)

    assert life.state.tally(HOURS.usage).used == pytest.approx(42 * 24 - 1, abs=9)
    assert report.evidence["breaks"] == 1
    assert "broke off" in report.text.en
    assert "中断" in report.text.zh


def test_days_are_counted_on_while_the_clock_is_not_synchronised() -> None:
    life = Life(GAUGE_ALONE)
    life.days(0, 5, wavering)
    wall_ms, boot_ms = FIRST_DAY * DAY_MS + 5 * DAY_MS, 5 * DAY_MS
    for hour in range(72):
        life.round(wall_ms - 400 * DAY_MS, (4.0, 0), boot_ms=boot_ms + hour * HOUR_MS, synced=False)

    assert life.state.today == FIRST_DAY + 7
    assert len(life.state.gauge(QUANTITY.name).values) == 7


def test_a_clock_that_goes_back_ends_no_day_twice() -> None:
    life = Life(GAUGE_ALONE)
    life.days(0, 10, wavering)
    for hour in range(30):
        life.round((FIRST_DAY + 8) * DAY_MS + hour * HOUR_MS, (4.0, 0), boot_ms=10 * DAY_MS + hour * HOUR_MS)
    life.boot = BootId("b2")
    life.days(10, 12, wavering)

    assert len(life.state.gauge(QUANTITY.name).values) == 11


def test_a_clock_that_leaps_and_comes_back_forgets_nothing_and_withdraws_nothing() -> None:
    steady = Life()
    steady.days(0, 70, growing(45, 0.05))
    for leap in (400, -20):
        life = Life()
        life.days(0, 60, growing(45, 0.05))
        life.wrong_days = leap
        life.days(60, 66, growing(45, 0.05))
        life.restart(load(dump(life.state)))
        assert life.state.gauge(QUANTITY.name).last_day == FIRST_DAY + 64 + leap
        life.days(66, 67, growing(45, 0.05))
        life.wrong_days = 0
        life.days(67, 70, growing(45, 0.05))

        assert life.names() == steady.names()
        assert life.state.gauge(QUANTITY.name) == steady.state.gauge(QUANTITY.name)
        assert life.state.tally(HOURS.usage) == replace(
            steady.state.tally(HOURS.usage), raw_at=life.state.tally(HOURS.usage).raw_at
        )


@pytest.mark.parametrize("leap", [2000, -2000])
def test_a_clock_that_leaps_from_one_boot_to_the_next_forgets_nothing_either(leap: int) -> None:
    life = Life()
    life.days(0, 40, wavering)
    learned = life.state.gauge(QUANTITY.name)
    life.boot = BootId("b2")
    life.restart(load(dump(life.state)))
    life.wrong_days = leap
    life.days(40, 42, wavering)
    life.wrong_days = 0
    life.boot = BootId("b3")
    life.restart(load(dump(life.state)))
    life.days(42, 44, wavering)
    found = life.state.gauge(QUANTITY.name)

    assert {name for _, name, _ in life.told} == {"wear-run-hours"}
    assert found.values[:39] == learned.values[:39]
    assert found.reference is not None
    assert learned.reference is not None
    assert found.reference.level == learned.reference.level
    assert abs(found.first_day - learned.first_day) <= 1, "how long the device was off is not known to the day"
    assert life.state.today == FIRST_DAY + 43


def test_what_was_learned_before_the_clock_was_ever_set_belongs_to_the_days_before_it_was() -> None:
    life = Life()
    for hour in range(0, 15 * 24, 3):
        life.round(hour * HOUR_MS, (wavering(hour // 24), hour), boot_ms=hour * HOUR_MS, synced=False)
    life.days(15, 20, wavering)
    gauge = life.state.gauge(QUANTITY.name)

    assert gauge.last_day == FIRST_DAY + 18
    assert sum(value is not None for value in gauge.values) >= 17
    assert gauge.reference is not None
    assert life.state.tally(HOURS.usage).since_day == FIRST_DAY + 15


def test_a_service_that_the_site_names_is_not_taken_over_again_when_the_clock_leaps() -> None:
    care = replace(CARE, intervals=(replace(HOURS, serviced_day=FIRST_DAY + 5),))
    life = Life(care)
    life.days(0, 10, wavering)
    life.state, _ = resume(care, life.state)
    life.days(10, 20, wavering)
    used = life.state.tally(HOURS.usage).used
    life.wrong_days = -400
    life.days(20, 22, wavering)
    life.state, _ = resume(care, load(dump(life.state)))

    assert life.state.tally(HOURS.usage).used > used > 0
    assert life.state.tally(HOURS.usage).since_day == FIRST_DAY + 5


def test_a_restart_each_day_changes_nothing_but_what_was_under_way() -> None:
    steady, restarted = Life(GAUGE_ALONE), Life(GAUGE_ALONE)
    steady.days(0, 70, growing(45, 0.05))
    for day in range(70):
        restarted.days(day, day + 1, growing(45, 0.05))
        restarted.restart(load(dump(restarted.state)))

    assert [(day, name, news.telling) for day, name, news in restarted.told] == [
        (day, name, news.telling) for day, name, news in steady.told
    ]


def test_after_another_boot_boot_times_mean_nothing() -> None:
    life = Life(GAUGE_ALONE)
    life.days(0, 3, wavering)
    life.boot = BootId("b2")
    life.round((FIRST_DAY + 3) * DAY_MS + HOUR_MS, (4.0, 0), boot_ms=10)
    life.round((FIRST_DAY + 3) * DAY_MS + 2 * HOUR_MS, (4.0, 0), boot_ms=HOUR_MS)

    assert life.state.today == FIRST_DAY + 3
    assert life.state.gauge(QUANTITY.name).sample.seen >= 1


def test_a_state_is_kept_each_hour_at_most_and_when_the_day_ends() -> None:
    life = Life(GAUGE_ALONE)
    for minute in range(0, 48 * 60, 2):
        life.round(FIRST_DAY * DAY_MS + minute * 60_000, (wavering(0), 0))

    assert 46 <= life.kept <= 50


def test_what_is_no_longer_watched_is_withdrawn_and_forgotten() -> None:
    life = Life()
    life.days(0, 65, growing(45, 0.05))
    state, news = resume(replace(CARE, gauges=()), life.state)

    assert [(name, one.gone) for name, one in news.news] == [(QUANTITY.name, Gone.UNDEFINED)]
    assert [name for name, _ in state.hints] == ["wear-run-hours"]


def test_a_service_that_the_site_names_later_is_taken_over_once() -> None:
    life = Life()
    life.days(0, 30, wavering)
    care = replace(CARE, intervals=(replace(HOURS, serviced_day=FIRST_DAY + 30),))
    state, _ = resume(care, life.state)

    assert (state.tally(HOURS.usage).used, state.tally(HOURS.usage).since_day) == (0.0, FIRST_DAY + 30)
    assert resume(care, state)[0].tally(HOURS.usage) == state.tally(HOURS.usage)


def test_only_a_hint_that_stands_can_be_put_aside() -> None:
    life = Life()
    life.days(0, 65, growing(45, 0.05))

    assert snooze_hint(life.state, QUANTITY.name, FIRST_DAY + 90).hint(QUANTITY.name) is not None
    with pytest.raises(KeyError):
        snooze_hint(life.state, "quantity-x", FIRST_DAY + 90)


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"nonsense", b'{"v":99}', b'{"v":1,"gauges":7}', b'{"v":1,"today":1}'])
def test_a_state_that_cannot_be_read_is_as_good_as_none(body: bytes) -> None:
    assert load(body).gauges == ()


@settings(max_examples=8)
@given(st.lists(st.one_of(st.floats(0.1, 1e5), st.none()), min_size=20, max_size=45), st.floats(-0.3, 0.3))
def test_whatever_is_read_is_kept_and_read_back(values: list[float | None], slope: float) -> None:
    life = Life()

    def value(day: int) -> Outcome:
        read = values[day % len(values)]
        return SILENT if read is None else read * (1 + slope * day)

    life.days(0, len(values), value)
    again = load(dump(life.state))

    assert dump(again) == dump(life.state)
    assert again.hints == life.state.hints


def test_what_is_said_names_figures_days_and_what_to_check_in_both_languages() -> None:
    life = Life(GAUGE_ALONE)
    life.days(0, 75, growing(45, 0.05))
    (report,) = report_standing(life.care, life.state)
    onset = date(1970, 1, 1) + timedelta(days=FIRST_DAY + 45)

    assert report.id == "pump-1.quantity-pressure"
    assert abs((date.fromisoformat(report.onset) - onset).days) <= 4
    assert report.limit_date is not None
    for text in (report.text.zh, report.text.en):
        assert report.onset in text
        assert report.limit_date in text
        assert "6.00 bar" in text
    assert report.evidence["limit"] == 6.0
    assert report.evidence["reference"] == pytest.approx(4.0, abs=0.05)
    assert report.check.zh
    assert report.check.en
    assert report.confidence > 0.99
