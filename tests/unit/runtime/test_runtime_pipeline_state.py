"""What the pipeline keeps beside the stream of snapshots: alarms for a new file, order, counts, and knocks at a dead door."""

from runtime_kit import POINTS, FakeStore, device, low

from edgeguard.core.alarm import AlarmState
from edgeguard.core.ids import DeviceName
from edgeguard.core.item import Stream
from edgeguard.core.point import Outcome
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.snapshot import Snapshot
from edgeguard.runtime.pipeline import Pipeline
from edgeguard.testing.clock import FakeClock

GOOD: tuple[Outcome, ...] = (5.0, "auto", True)
NOT_POLLED = Fault(Reason.NOT_POLLED)


class Plant:
    """Some pumps before one pipeline."""

    def __init__(self, *names: str) -> None:
        self.clock = FakeClock()
        self.store = FakeStore()
        self.pipeline = Pipeline(self.store, self.clock)
        for name in names or ("pump-1",):
            self.pipeline.add(device(name, "riser-a"), {})

    def take(self, *outcomes: Outcome, answered: bool = True, name: str = "pump-1") -> None:
        self.clock.advance(1)
        self.pipeline.take(Snapshot(DeviceName(name), self.clock.now(), POINTS, outcomes, answered))

    def knock(self, fault: Fault, asked: int = 0) -> None:
        """One point was asked in vain, the others not at all."""
        outcomes: list[Outcome] = [NOT_POLLED] * len(POINTS)
        outcomes[asked] = fault
        self.take(*outcomes, answered=False)

    @property
    def bad(self) -> list[dict[str, str]]:
        """Telemetry's `bad` maps in the order of telling."""
        return [body["bad"] for body in self.store.bodies(Stream.TELEMETRY) if "bad" in body]


def test_a_new_file_is_given_every_alarm_that_is_not_normal_and_no_item() -> None:
    plant = Plant("pump-1", "pump-2", "pump-3")
    for name, pressure in (("pump-1", 1.0), ("pump-2", 5.0), ("pump-3", 1.5)):
        plant.take(pressure, "auto", True, name=name)
    plant.pipeline.acknowledge(low("pump-3").name, "li")
    plant.store.submitted.clear()
    plant.pipeline.keep_alarms()
    (batch,) = plant.store.submitted
    assert batch.items == ()
    assert {name: alarm.state for name, alarm in batch.alarms} == {
        "pump-1.low": AlarmState.ACTIVE,
        "pump-3.low": AlarmState.ACKED,
    }


def test_a_new_file_is_given_nothing_if_all_is_normal() -> None:
    plant = Plant()
    plant.take(*GOOD)
    plant.store.submitted.clear()
    plant.pipeline.keep_alarms()
    assert plant.store.submitted == []


def test_the_order_is_what_is_asked_for_and_records_stay_what_they_are() -> None:
    plant = Plant("a", "b", "c")
    before = dict(plant.pipeline.records)
    plant.pipeline.order(DeviceName(name) for name in ("c", "a", "b"))
    assert list(plant.pipeline.records) == ["c", "a", "b"]
    assert all(plant.pipeline.records[name] is record for name, record in before.items())


def test_a_device_that_goes_hands_its_alarms_on_and_is_heard_no_more() -> None:
    plant = Plant()
    plant.take(1.0, "auto", True)
    known = plant.pipeline.remove(DeviceName("pump-1"))
    assert {name: alarm.state for name, alarm in known.items()} == {"pump-1.low": AlarmState.ACTIVE}
    told = len(plant.store.submitted)
    plant.take(5.0, "auto", True)
    assert len(plant.store.submitted) == told
    plant.pipeline.add(device("pump-1", "riser-b"), known)
    assert plant.pipeline.alarm_counts()[AlarmState.ACTIVE] == 1


def test_knocks_in_vain_tell_nothing_as_long_as_the_cause_is_the_same() -> None:
    plant = Plant()
    plant.take(*GOOD)
    lost = Fault(Reason.TIMEOUT, "0.5 s")
    plant.take(lost, lost, lost, answered=False)
    for detail in ("0.5 s", "0.1 s", "0.2 s"):
        plant.knock(Fault(Reason.TIMEOUT, detail), asked=1)
    assert plant.bad == [dict.fromkeys(("pressure", "mode", "running"), "timeout")]


def test_a_change_of_cause_is_told_once_and_of_all_points_together() -> None:
    plant = Plant()
    plant.take(*GOOD)
    lost = Fault(Reason.TIMEOUT)
    plant.take(lost, lost, lost, answered=False)
    for _ in range(3):
        plant.knock(Fault(Reason.NO_CONNECTION, "refused"))
    for _ in range(3):
        plant.knock(Fault(Reason.TIMEOUT))
    assert plant.bad == [
        dict.fromkeys(("pressure", "mode", "running"), reason) for reason in ("timeout", "no-connection", "timeout")
    ]


def test_a_knock_at_which_nothing_was_asked_says_so() -> None:
    plant = Plant()
    plant.take(NOT_POLLED, NOT_POLLED, NOT_POLLED, answered=False)
    assert plant.pipeline.records[DeviceName("pump-1")].outcomes == (NOT_POLLED,) * 3


def test_a_faulty_point_of_a_device_that_answers_keeps_its_own_cause() -> None:
    plant = Plant()
    plant.take(5.0, Fault(Reason.REFUSED), NOT_POLLED)
    assert plant.bad == [{"mode": "refused", "running": "not-polled"}]


def test_only_rounds_that_were_answered_count_as_points_read() -> None:
    plant = Plant()
    plant.take(*GOOD)
    plant.take(5.0, Fault(Reason.REFUSED), True)
    assert plant.pipeline.points_read == 6
    plant.take(Fault(Reason.TIMEOUT), Fault(Reason.TIMEOUT), Fault(Reason.TIMEOUT), answered=False)
    plant.knock(Fault(Reason.TIMEOUT))
    assert plant.pipeline.points_read == 6
    assert plant.pipeline.records[DeviceName("pump-1")].answered_at is not None


def test_rates_follow_what_was_read_and_told() -> None:
    plant = Plant()
    plant.pipeline.sweep()
    for second in range(10):
        plant.take(3.0 + second, "auto", True)
        plant.pipeline.sweep()
    assert plant.pipeline.points_rate.per_s == 3.0
    assert plant.pipeline.stream_rates[Stream.TELEMETRY].per_s == 1.0
    assert plant.pipeline.stream_rates[Stream.ALARMS].per_s == 0.0


def test_recent_events_are_bounded_and_the_newest_stay() -> None:
    plant = Plant()
    for round_ in range(500):
        plant.clock.advance(600)
        plant.take(1.0 if round_ % 2 else 5.0, "auto", True)
        plant.pipeline.acknowledge(low("pump-1").name, "li")
    assert len(plant.pipeline.recent) == plant.pipeline.recent.maxlen == 100
    assert "acked" in plant.pipeline.recent[-1]


def test_an_acknowledgement_travels_with_its_author_and_its_state_in_one_batch() -> None:
    plant = Plant()
    plant.take(1.0, "auto", True)
    batch = plant.pipeline.acknowledge(low("pump-1").name, "li")
    assert batch is not None
    assert [item.stream for item in batch.items] == [Stream.EVENTS, Stream.ALARMS]
    assert [(name, alarm.state) for name, alarm in batch.alarms] == [("pump-1.low", AlarmState.ACKED)]
    assert plant.pipeline.acknowledge(low("pump-1").name, "li") is None
