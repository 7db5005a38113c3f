"""The flight recorder: what it keeps, in which order, within which bounds, and what a reader can miss."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeguard.bus.flight import FlightRecorder, Kind, Record
from edgeguard.bus.tap import Passing, WireEvent
from edgeguard.core.limits import FLIGHT_MERGE_S
from edgeguard.core.quality import Fault, Reason


def event(at_s: float, passing: Passing, data: bytes = b"", station: int | None = None, fault: Fault | None = None) -> WireEvent:
    return WireEvent(at_s, passing, data, station, None, None, fault)


def test_pieces_of_an_answer_are_one_record_once_it_is_whole() -> None:
    box = FlightRecorder()
    box.note(event(1.0, Passing.SENT, b"ask"))
    box.note(event(1.01, Passing.RECEIVED, b"an"))
    box.note(event(1.02, Passing.RECEIVED, b"swer"))
    assert [record.data for record in box.since(0, 1.03)] == [b"ask"]

    box.note(event(1.02, Passing.ANSWERED))

    (sent, received) = box.since(0, 1.03)
    assert (received.number, received.kind, received.data) == (1, Kind.RECEIVED, b"answer")
    assert (sent.at_s, received.at_s) == (1.0, 1.01)
    assert received.end_s == pytest.approx(1.02)


def test_what_comes_after_a_pause_is_another_record() -> None:
    box = FlightRecorder()
    box.note(event(1.0, Passing.RECEIVED, b"a"))
    box.note(event(1.0 + 2 * FLIGHT_MERGE_S, Passing.RECEIVED, b"b"))

    assert [record.data for record in box.since(0, 9.0)] == [b"a", b"b"]


def test_a_failure_says_whose_and_why() -> None:
    box = FlightRecorder()
    box.note(event(1.0, Passing.FAILED, station=7, fault=Fault(Reason.TIMEOUT, "no answer within 1 s")))
    box.note(event(2.0, Passing.CLOSED, fault=Fault(Reason.NO_CONNECTION, "unplugged")))

    assert [(record.kind, record.text) for record in box.since(0, 3.0)] == [
        (Kind.FAILED, f"7\t{Fault(Reason.TIMEOUT, 'no answer within 1 s')}"),
        (Kind.CLOSED, str(Fault(Reason.NO_CONNECTION, "unplugged"))),
    ]


def test_old_records_go_by_age_and_by_size() -> None:
    box = FlightRecorder(max_bytes=2000, max_s=60.0)
    for second in range(100):
        box.note(event(float(second), Passing.SENT, bytes(40)))

    kept = list(box.since(0, 100.0))
    assert box.held_bytes <= 2000
    assert kept[-1].number == 99
    assert kept[0].number == box.first == 100 - len(kept) > 0

    box.note(event(500.0, Passing.SENT, b"x"))
    assert [record.data for record in box.since(0, 500.0)] == [b"x"]


def test_a_reader_goes_on_where_it_was_and_sees_what_it_missed() -> None:
    box = FlightRecorder(max_bytes=500)
    box.note(event(0.0, Passing.SENT, b"0"))
    assert [record.number for record in box.since(box.next, 0.0)] == []

    for second in range(1, 20):
        box.note(event(float(second), Passing.SENT, b"x"))

    assert next(box.since(1, 20.0)).number == box.first > 1


def test_the_last_seconds() -> None:
    box = FlightRecorder()
    for second in range(10):
        box.note(event(float(second), Passing.SENT, bytes((second,))))

    assert [record.data[0] for record in box.last(3.0, 9.5)] == [7, 8, 9]


EVENTS = st.lists(
    st.tuples(
        st.floats(0, 5), st.sampled_from([Passing.SENT, Passing.RECEIVED, Passing.ANSWERED, Passing.FAILED]), st.binary(max_size=9)
    ),
    max_size=40,
)


@settings(max_examples=25, deadline=None)
@given(EVENTS, st.integers(100, 3000))
def test_bounds_hold_and_records_that_were_read_do_not_change(events: list[tuple[float, Passing, bytes]], max_bytes: int) -> None:
    box, now_s = FlightRecorder(max_bytes, 20.0), 0.0
    read: dict[int, Record] = {}
    for pause_s, passing, data in events:
        now_s += pause_s
        box.note(event(now_s, passing, data))
        for record in box.since(0, now_s):
            assert read.setdefault(record.number, record) == record
        assert box.held_bytes <= max_bytes
        assert box.first <= box.next
