"""Views of what is known: states of a device, ages, texts of enumerations."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from runtime_kit import POINTS, FakeStore, device, low

from edgeguard.control.views import LabelsView, PointView, WriteRuleView
from edgeguard.core.clock import Stamp
from edgeguard.core.ids import BootId, DeviceName
from edgeguard.core.point import Outcome
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.snapshot import Snapshot
from edgeguard.runtime import show
from edgeguard.runtime.pipeline import Pipeline
from edgeguard.runtime.record import DeviceRecord
from edgeguard.testing.clock import FakeClock

NAME = DeviceName("pump-1")
GOOD: tuple[Outcome, ...] = (5.0, "manual", True)
LOST: tuple[Outcome, ...] = (Fault(Reason.TIMEOUT, "0.5 s"),) * 3


class Known:
    """One device, and what its rounds have said."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.pipeline = Pipeline(FakeStore(), self.clock)
        self.pipeline.add(device("pump-1", "riser-a", period_ms=1000, alarms=(low("pump-1"), low("pump-1", 1.0))), {})

    @property
    def record(self) -> DeviceRecord:
        return self.pipeline.records[NAME]

    def take(self, outcomes: tuple[Outcome, ...], answered: bool = True) -> None:
        self.pipeline.take(Snapshot(NAME, self.clock.now(), POINTS, outcomes, answered))

    @property
    def points(self) -> Mapping[str, PointView]:
        return {view.point: view for view in show.point_views(self.record, self.clock.now())}


def test_a_device_is_starting_online_degraded_or_offline() -> None:
    known = Known()
    assert show.device_state(known.record) == "starting"
    known.take(GOOD)
    assert show.device_state(known.record) == "online"
    known.take((Fault(Reason.REFUSED), "manual", True))
    assert show.device_state(known.record) == "degraded"
    known.take(LOST, answered=False)
    assert show.device_state(known.record) == "offline"


def test_the_trouble_of_a_silent_device_is_that_of_its_last_round_and_goes_with_it() -> None:
    known = Known()
    for outcomes, trouble in (
        (LOST, "timeout"),
        ((Fault(Reason.NO_CONNECTION),) * 3, "no-connection"),
        ((Fault(Reason.NOT_POLLED),) * 3, ""),
    ):
        known.take(outcomes, answered=False)
        assert show.device_view(known.record, None, 1000.0).trouble == trouble
    known.take((Fault(Reason.CHECKSUM), "manual", True))
    assert show.device_view(known.record, None, 1000.0).trouble == ""


def test_values_that_cannot_be_are_named() -> None:
    known = Known()
    known.take((Fault(Reason.OUT_OF_RANGE, "-574518.2 V is below 0 V"), "manual", Fault(Reason.REFUSED)))
    assert show.device_view(known.record, None, 1000.0).implausible == (str(POINTS[0].name),)


def test_a_device_without_a_poller_is_shown_with_empty_figures() -> None:
    view = show.device_view(Known().record, None, 1000.0)
    assert (view.state, view.polls, view.failures, view.errors, view.refused, view.last_answer) == ("starting", 0, 0, {}, {}, "")
    assert (view.labels, view.address, view.period_s, view.points_bad) == (LabelsView("pump-1", "pump-1"), "1", 1.0, 3)


def test_before_the_first_round_a_point_has_no_value_and_says_why() -> None:
    view = Known().points["pressure"]
    assert (view.value, view.quality, view.at, view.age_s) == (None, "bad", "", 0.0)
    assert view.reason == "not-polled: no poll round has ended yet"


def test_the_last_good_value_is_shown_beside_the_fault_with_its_age() -> None:
    known = Known()
    known.take(GOOD)
    known.clock.advance(7.5)
    known.take(LOST, answered=False)
    view = known.points["pressure"]
    assert (view.value, view.quality, view.reason, view.age_s) == (5.0, "bad", "timeout: 0.5 s", 7.5)
    assert view.at == "2026-09-21T14:13:20.000Z"


def test_a_stale_value_is_called_stale() -> None:
    known = Known()
    known.take(GOOD)
    for _ in range(5):
        known.clock.advance(1)
        known.pipeline.sweep()
    view = known.points["pressure"]
    assert (view.value, view.quality, view.age_s) == (5.0, "stale", 5.0)


def test_ages_of_points_do_not_follow_the_wall_clock() -> None:
    known = Known()
    known.take(GOOD)
    known.clock.advance(2)
    known.clock.step_wall(-86_400)
    assert known.points["pressure"].age_s == 2.0


def test_an_enumeration_has_its_chinese_text_and_its_choices() -> None:
    known = Known()
    known.take(GOOD)
    mode = known.points["mode"]
    assert (mode.value, mode.value_zh, mode.labels) == ("manual", "手动", LabelsView("模式", "Mode"))
    assert mode.write_rule == WriteRuleView(None, None, ("auto", "manual"))
    pressure, running = known.points["pressure"], known.points["running"]
    assert (pressure.value_zh, pressure.write_rule, pressure.decimals, pressure.unit) == ("", WriteRuleView(0.0, 10.0), 1, "bar")
    assert (running.value_zh, running.write_rule, running.writable) == ("", None, False)


def test_a_text_that_no_choice_knows_has_no_chinese() -> None:
    known = Known()
    known.take((5.0, "7", True))
    assert known.points["mode"].value_zh == ""


def test_a_reading_for_a_person_has_no_old_value() -> None:
    known = Known()
    known.take(GOOD)
    known.clock.advance(60)
    fresh = Snapshot(NAME, known.clock.now(), POINTS[:2], (Fault(Reason.TIMEOUT), "auto"), answered=True)
    lost, mode = show.reading_views(known.record, fresh)
    assert (lost.value, lost.quality, lost.reason, lost.at) == (None, "bad", "timeout", "2026-09-21T14:14:20.000Z")
    assert (mode.value, mode.value_zh, mode.quality, mode.age_s) == ("auto", "自动", "good", 0.0)


def test_alarms_are_shown_with_their_limit_and_since_when() -> None:
    known = Known()
    known.take((1.5, "manual", True))
    (standing,) = show.alarm_views(known.pipeline.desk, everything=False)
    assert (standing.state, standing.severity, standing.value, standing.limit) == ("active", "major", 1.5, 2.0)
    assert (standing.since, standing.text) == ("2026-09-21T14:13:20.000Z", LabelsView("低", "low"))
    assert [view.state for view in show.alarm_views(known.pipeline.desk, everything=True)] == ["active", "normal"]


NOW = Stamp(wall_ms=10_000_000, boot_ms=70_000, boot=BootId("b"), synced=True)


@pytest.mark.parametrize(
    ("at", "age_s"),
    [
        (None, 0.0),
        (replace(NOW, boot_ms=10_000, wall_ms=0), 60.0),
        (replace(NOW, boot=BootId("a"), boot_ms=999_999_999, wall_ms=9_900_000), 100.0),
        (replace(NOW, boot=BootId("a"), boot_ms=0, wall_ms=99_000_000), 70.0),
        (replace(NOW, boot=BootId("a"), wall_ms=0, synced=False), 70.0),
    ],
    ids=["never", "within a boot", "before a boot", "from the future: before this boot", "before a boot whose clock was never set"],
)
def test_ages(at: Stamp | None, age_s: float) -> None:
    assert show.age_s(at, NOW) == age_s


def test_this_process_uses_memory_and_time() -> None:
    assert show.rss_mib() > 5.0
    assert show.cpu_s() > 0.0
