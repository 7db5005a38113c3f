"""Sightings paired into requests and answers: who is asked how often, how fast the answer comes, what is lost."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeguard.codec.cjt188_framing import Cjt188Framing
from edgeguard.codec.conversation import Conversation, Passage
from edgeguard.codec.dissect import Dissector
from edgeguard.codec.dlt645_framing import Dlt645Framing
from edgeguard.codec.rtu import crc16
from edgeguard.codec.sighting import Way
from edgeguard.core.line_figures import StationFigures


def rtu(body: str) -> bytes:
    data = bytes.fromhex(body)
    return data + crc16(data).to_bytes(2, "little")


READ, VALUES, REFUSAL = rtu("03 03 0010 0002"), rtu("03 03 04 43670000"), rtu("03 83 02")


class Line:
    """Bytes in, passages and figures out."""

    def __init__(self, network: bool = False) -> None:
        self.wire, self.talk = Dissector(network), Conversation()
        self.passages: list[Passage] = []

    def put(self, at_s: float, data: bytes, way: Way = Way.LINE) -> None:
        self.passages += [self.talk.take(seen) for seen in self.wire.feed(at_s, data, way)]

    def end(self) -> "Line":
        self.passages += [self.talk.take(seen) for seen in self.wire.finish()]
        return self

    @property
    def station(self) -> StationFigures:
        (only,) = self.talk.figures().stations
        return only


def test_another_masters_polls_are_paired_and_timed() -> None:
    line = Line()
    for turn in range(10):
        line.put(2.0 * turn, READ)
        line.put(2.0 * turn + 0.04, VALUES)

    station = line.station
    assert (station.station, station.form, station.requests, station.answers, station.unanswered) == ("3", "rtu", 10, 10, 0)
    assert station.response_p50_s == pytest.approx(0.04)
    assert [(polled.request, polled.count) for polled in station.polled] == [("read holding 16..17", 10)]
    assert station.polled[0].every_s == pytest.approx(2.0)
    assert line.passages[1].response_s == pytest.approx(0.04)
    assert line.passages[2].gap_s == pytest.approx(1.96)


def test_a_water_meters_polls_are_one_whatever_number_each_bears() -> None:
    """SER counts up with each request: there were as many polls as requests, without a period, and never a retry."""
    line = Line()
    for turn in range(6):
        asked = Cjt188Framing().request(0, "1000000805000001", bytes((0x01, 0x90, 0x1F, turn)))
        line.put(5.0 * turn, asked, Way.OUT)

    station = line.station
    (polled,) = station.polled
    assert (polled.count, polled.every_s) == (6, 5.0)
    assert station.retries == 5


def test_a_broadcast_is_no_station_and_nobody_owes_it_an_answer() -> None:
    line = Line()
    time = Dlt645Framing().request(0, "9" * 12, bytes.fromhex("08 00 30 12 24 11 26"))
    for at_s, data in ((1.0, rtu("00 06 0001 0002")), (2.0, time), (3.0, READ), (3.1, VALUES)):
        line.put(at_s, data, Way.OUT if data != VALUES else Way.IN)

    figures = line.talk.figures()
    assert [(station.station, station.unanswered) for station in figures.stations] == [("3", 0)]
    assert (figures.broadcasts, figures.unasked) == (2, 0)


def test_a_request_that_comes_again_at_once_is_a_retry_and_its_first_try_unanswered() -> None:
    line = Line()
    for at_s, data in ((1.0, READ), (2.0, READ), (2.1, VALUES), (3.0, READ), (3.1, REFUSAL)):
        line.put(at_s, data)

    assert [passage.retry for passage in line.passages] == [False, True, False, False, False]
    station = line.station
    assert (station.requests, station.answers, station.exceptions, station.unanswered, station.retries) == (3, 1, 1, 1, 1)


def test_what_our_own_bus_gives_up_is_unanswered() -> None:
    line = Line()
    line.put(1.0, READ, Way.OUT)
    line.talk.failed(2.0)
    line.put(3.0, READ, Way.OUT)
    line.put(3.1, VALUES, Way.IN)

    assert (line.station.unanswered, line.station.answers, line.station.retries) == (1, 1, 1)


def test_two_devices_at_one_address_crowd_each_other_and_are_no_second_master() -> None:
    line = Line()
    line.put(1.0, READ, Way.OUT)
    line.put(1.1, VALUES, Way.IN)
    line.put(1.2, rtu("03 03 04 00000000"), Way.IN)
    line.put(2.0, READ, Way.OUT)
    line.put(2.1, b"\x88\x44", Way.IN)
    line.put(3.0, rtu("04 03 0010 0002"), Way.OUT)
    line.put(3.1, rtu("04 03 04 00000000"), Way.IN)

    figures = line.end().talk.figures()
    assert [(station.station, station.crowded) for station in figures.stations] == [("3", 2), ("4", 0)]
    assert figures.unasked == 0


def test_an_answer_behind_its_time_out_is_late_and_another_one_behind_that_is_none_of_its() -> None:
    line = Line()
    line.put(1.0, READ, Way.OUT)
    line.talk.failed(2.0)
    line.put(2.5, VALUES, Way.IN)
    line.put(2.7, VALUES, Way.IN)

    station = line.end().station
    assert (station.late, station.crowded, station.unanswered, station.heard) == (1, 1, 1, 0)
    assert station.late_s == pytest.approx(1.5)
    assert line.talk.figures().unasked == 0


def test_broken_answers_belong_to_whom_was_asked_and_come_in_bursts() -> None:
    line = Line()
    for turn in range(6):
        line.put(turn, READ, Way.OUT)
        line.put(turn + 0.1, VALUES[:-1] + b"\x00", Way.IN)

    line.end()
    figures = line.talk.figures()
    assert line.station.broken == 6
    assert (figures.broken, figures.bursts) == (6, 1)


def test_a_second_master_is_heard_and_does_not_disturb_the_pairing() -> None:
    line = Line()
    line.put(1.0, READ, Way.OUT)
    line.put(1.1, rtu("09 04 0000 0001") + rtu("09 04 02 0001") + VALUES, Way.IN)

    figures = line.talk.figures()
    assert (figures.foreign, figures.unasked) == (1, 1)
    assert [station.answers for station in figures.stations] == [1]
    assert [passage.foreign for passage in line.passages] == [False, True, False, False]


def test_requests_under_way_together_are_paired_by_their_numbers() -> None:
    line = Line(network=True)
    asks = [bytes((0, n, 0, 0, 0, 6, n, 3, 0, 0, 0, 1)) for n in (1, 2)]
    for ask in asks:
        line.put(1.0, ask, Way.OUT)
    for n in (2, 1):
        line.put(1.0 + n / 10, bytes((0, n, 0, 0, 0, 5, n, 3, 2, 0, n)), Way.IN)

    stations = line.talk.figures().stations
    assert [(s.station, s.answers, round(s.response_p50_s, 3)) for s in stations] == [("1", 1, 0.1), ("2", 1, 0.2)]


def test_a_meter_asked_by_a_wildcard_answers_with_its_own_address() -> None:
    line = Line()
    line.put(1.0, bytes.fromhex("FE FE 68 AA AA AA AA AA AA 68 13 00 DF 16"))
    line.put(1.2, bytes.fromhex("68 01 00 00 00 00 00 68 93 06 34 33 33 33 33 33 9D 16"))

    assert line.passages[1].response_s == pytest.approx(0.2)
    assert line.talk.figures().unasked == 0


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([READ, VALUES, REFUSAL, b"\x00", VALUES[:5]]), st.sampled_from(Way), st.booleans()), max_size=30
    )
)
def test_counts_hold_together_whatever_passes(steps: list[tuple[bytes, Way, bool]]) -> None:
    line = Line()
    for at, (data, way, gives_up) in enumerate(steps):
        line.put(float(at), data, way)
        if gives_up:
            line.talk.failed(at + 0.5)
    figures = line.end().talk.figures()

    for station in figures.stations:
        assert station.heard + station.unanswered <= station.requests
    assert figures.junk_bytes <= figures.received_bytes + sum(len(data) for data, way, _ in steps if way is Way.OUT)
