"""Lanes against a model of a broker that accepts, refuses, reorders and hangs up: nothing is lost, only poison is parked."""

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeguard.core import limits
from edgeguard.core.clock import Stamp
from edgeguard.core.ids import BootId, Epoch, GatewayId, SiteId
from edgeguard.core.item import OutboxRow, Stream
from edgeguard.uplink.envelope import Cut, Envelope, Message
from edgeguard.uplink.lane import Harvest, Lane, Patience, Word
from edgeguard.uplink.lanes import Lanes
from edgeguard.uplink.topics import Topics

PATIENCE = Patience(1.0, 8.0, 30.0)
TOPICS = Topics.of(SiteId("lakeside"), GatewayId("b07"))


@dataclass
class Model:
    """An outbox as a set of numbers, a broker as a function of numbers, and the lane between them, in virtual time."""

    lane: Lane
    rows: int
    poison: dict[int, int]
    entropy: random.Random
    moody: float = 0.0
    refuse_all: int = 0
    accepted: set[int] = field(default_factory=set)
    parked: dict[int, int] = field(default_factory=dict)
    delivered: list[int] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)
    now_s: float = 0.0
    steps: int = 0

    def __post_init__(self) -> None:
        self._envelope = Envelope(GatewayId("b07"), Epoch("e" * 16), self.lane.stream)

    @property
    def left(self) -> set[int]:
        return set(range(1, self.rows + 1)) - self.accepted - self.parked.keys()

    def run(self, until_s: float = 1e9) -> None:
        """Until nothing is left, or the time is over."""
        while self.left and self.now_s < until_s:
            self.steps += 1
            assert self.steps < 4000, f"no progress: {sorted(self.left)[:5]}"
            self._step()

    def hang_up(self) -> None:
        """The connection breaks; some of what was in flight had been accepted, but nobody will hear of it."""
        self.lane.reset()

    def _step(self) -> None:
        lane = self.lane
        if lane.open(self.now_s):
            if not lane.ready:
                open_rows = [seq for seq in sorted(self.left) if seq > lane.after_seq][:40]
                at = Stamp(0, 0, BootId("b"), True)
                rows = [OutboxRow(lane.stream, seq, at, b"{}") for seq in open_rows]
                lane.dry = not rows
                lane.load(rows, self._envelope, Cut(65536, 65536, 7))
            if lane.ready:
                message = lane.ready.popleft()
                assert isinstance(message, Message)
                lane.sent(message, self.now_s)
                return
        waiting = [entry for entry in lane.flight if entry.code is None]
        if waiting:
            entry = self.entropy.choice(waiting)
            numbers = range(entry.message.first_seq, entry.message.last_seq + 1)
            code = next((self.poison[seq] for seq in numbers if seq in self.poison), 0)
            code = self.refuse_all or code or (0x97 if self.entropy.random() < self.moody else 0)
            if code == 0:
                self.delivered.extend(numbers)
            self._take(lane.settle(entry, code, self.now_s))
        else:
            self.now_s = lane.next_at_s(self.now_s) or self.now_s + 1.0

    def _take(self, harvest: Harvest) -> None:
        for first, last in harvest.accepted:
            self.accepted.update(range(first, last + 1))
        for seq, code in harvest.parked:
            assert seq not in self.accepted
            self.parked[seq] = code
        self.words.extend(word for word, _ in harvest.news)


def model(rows: int, poison: dict[int, int] | None = None, seed: int = 1, window: int = 10, **more: float) -> Model:
    lane = Lane(Stream.EVENTS, "events", window, PATIENCE, random.Random(seed))
    return Model(lane, rows, poison or {}, random.Random(seed), **more)  # type: ignore[arg-type]


CODES = st.sampled_from([0x87, 0x90, 0x95, 0x99])


@settings(deadline=None)
@given(st.integers(1, 120), st.dictionaries(st.integers(1, 120), CODES, max_size=5), st.integers(0, 999), st.floats(0, 0.5))
def test_everything_but_poison_is_accepted_once(rows: int, poison: dict[int, int], seed: int, moody: float) -> None:
    """The last refused row may stay a suspect until a later row is accepted; so a good one comes at the end."""
    poison = {seq: code for seq, code in poison.items() if seq <= rows}
    run = model(rows, poison, seed, moody=moody)
    run.run(until_s=300.0)
    run.rows += 1
    run.lane.dry = False
    run.run()
    assert run.accepted == set(range(1, rows + 2)) - poison.keys()
    assert run.parked == poison
    assert len(run.delivered) == len(set(run.delivered))


@settings(deadline=None)
@given(st.integers(1, 100), st.integers(0, 999), st.lists(st.integers(1, 60), max_size=6))
def test_broken_connections_lose_nothing(rows: int, seed: int, breaks: list[int]) -> None:
    run = model(rows, {}, seed, moody=0.1)
    for steps in breaks:
        for _ in range(steps):
            if run.left:
                run._step()
        run.hang_up()
    run.run()
    assert run.accepted == set(range(1, rows + 1))


@settings(deadline=None)
@given(st.integers(1, 100), st.integers(0, 999), st.lists(st.integers(1, 20), max_size=6))
def test_what_is_ready_may_be_read_again_at_any_moment(rows: int, seed: int, moments: list[int]) -> None:
    run = model(rows, {7: 0x99}, seed, moody=0.1)
    for steps in moments:
        for _ in range(steps):
            if run.left:
                run._step()
        in_flight = len(run.lane.flight)
        run.lane.reread()
        assert (len(run.lane.ready), len(run.lane.flight)) == (0, in_flight)
    run.run()
    assert run.accepted | set(run.parked) == set(range(1, rows + 1))
    assert len(run.delivered) == len(set(run.delivered))


@given(st.integers(1, 60), st.integers(0, 999), st.floats(0, 0.6))
def test_with_one_message_at_a_time_order_is_strict_whatever_is_refused(rows: int, seed: int, moody: float) -> None:
    run = model(rows, {}, seed, window=1, moody=moody)
    run.run()
    assert run.delivered == list(range(1, rows + 1))


@pytest.mark.parametrize("code", [0x87, 0x90])
def test_a_stream_without_rights_is_blocked_told_once_and_taken_up_again(code: int) -> None:
    run = model(100, refuse_all=code)
    run.run(until_s=200.0)
    assert run.lane.blocked
    assert run.parked == {}
    assert run.words == [Word.BLOCKED]
    run.refuse_all = 0
    run.run()
    assert run.accepted == set(range(1, 101))
    assert run.words == [Word.BLOCKED, Word.FLOWS]


def test_a_lone_refused_row_is_tried_again_until_another_proves_it_guilty() -> None:
    run = model(1, {1: 0x87})
    run.run(until_s=100.0)
    assert run.parked == {}
    run.rows = 2
    run.lane.dry = False
    run.run()
    assert run.parked == {1: 0x87}


@pytest.mark.parametrize("tried", range(1, limits.SUSPECTS_MAX))
def test_rights_given_while_rows_are_tried_one_by_one_condemn_none_of_them(tried: int) -> None:
    run = model(50, {40: 0x87}, refuse_all=0x87)
    while len(run.lane._suspects) < tried:
        run._step()
    run.refuse_all = 0
    run.run()
    assert run.accepted == set(range(1, 51)) - {40}
    assert run.parked == {40: 0x87}, "what is refused after another was accepted is at fault"


def test_content_refused_without_end_stops_filling_the_dead_letters() -> None:
    run = model(500, refuse_all=0x99)
    run.run(until_s=900.0)
    assert len(run.parked) < limits.SUSPECTS_MAX
    assert Word.BLOCKED in run.words


def test_poison_is_found_by_halving() -> None:
    run = model(100, {77: 0x95})
    run.run()
    assert run.parked == {77: 0x95}
    assert run.steps < 80


def make_lanes(window: int = 50, rate: float = 1e6) -> Lanes:
    lanes = Lanes(TOPICS, window, rate, PATIENCE, random.Random(1))
    lanes.connected(65535, 0.0)
    lanes.split(1)
    for lane in lanes.by_urgency:
        load(lane, 100)
    return lanes


def load(lane: Lane, rows: int) -> None:
    at = Stamp(0, 0, BootId("b"), True)
    start = lane.after_seq + 1
    batch = [OutboxRow(lane.stream, seq, at, b"{}") for seq in range(start, start + rows)]
    lane.load(batch, Envelope(GatewayId("b07"), Epoch("e" * 16), lane.stream), Cut(65536, 65536, 1))
    lane.dry = True


def send_all(lanes: Lanes, skip: Lane | None = None, ident: int = 1) -> list[str]:
    """Send until nobody may; gives the lanes' names in order."""
    order: list[str] = []
    while True:
        lane = next((lane for lane in lanes.turns(0.0) if lane.ready and lane is not skip), None)
        if lane is None:
            return order
        lanes.sent(ident + len(order), lane, lane.ready.popleft(), 0.0)  # type: ignore[arg-type]
        order.append(lane.name)


def test_one_alarm_goes_first_and_the_rest_share_the_window_in_order_of_urgency() -> None:
    lanes = make_lanes(window=20)
    order = send_all(lanes)
    assert order[0] == "alarms"
    assert order.count("alarms") == 1
    assert order[1:] == ["events"] * 18
    assert lanes.in_flight == 19


def test_history_waits_while_alarms_wait_and_leaves_room() -> None:
    lanes = make_lanes(window=20)
    for lane in (lanes.events, lanes.live):
        lane.ready.clear()
    assert send_all(lanes) == ["alarms"]
    lanes.alarms.ready.clear()
    assert send_all(lanes, ident=10) == ["history"] * 15
    load(lanes.alarms, 1)
    lanes.settle(1, 0, 0.1, {})
    assert next(iter(lanes.turns(0.1))) is lanes.alarms


@pytest.mark.parametrize("window", [1, 2, 3])
def test_the_smallest_windows_still_serve_every_lane(window: int) -> None:
    for name in ("alarms", "events", "telemetry", "history"):
        lanes = make_lanes(window)
        for lane in lanes.by_urgency:
            if lane.name != name:
                lane.ready.clear()
        sent = send_all(lanes)
        assert set(sent) == {name}
        assert len(sent) <= window


def test_the_receive_maximum_narrows_the_window() -> None:
    lanes = make_lanes(window=50)
    lanes.connected(5, 0.0)
    lanes.split(1)
    for lane in lanes.by_urgency:
        load(lane, 20)
    send_all(lanes)
    assert lanes.in_flight <= 5


def test_bytes_in_flight_are_bounded_for_all_but_alarms() -> None:
    lanes = make_lanes(window=50)
    lanes.pace.bytes = 10
    assert send_all(lanes) == ["alarms"]


def test_telemetry_waits_until_it_is_split_from_history() -> None:
    lanes = make_lanes()
    lanes.split_due = True
    assert lanes.live not in list(lanes.turns(0.0))


def test_after_a_disconnect_for_an_unknown_message_one_at_a_time_is_sent_until_one_is_accepted() -> None:
    lanes = make_lanes(window=20)
    send_all(lanes)
    lanes.lost(0x95, 1.0)
    lanes.connected(65535, 1.0)
    lanes.split(1)
    load(lanes.events, 5)
    load(lanes.live, 5)
    assert send_all(lanes) == ["events"]
    lanes.settle(1, 0, 1.0, {})
    assert len(send_all(lanes, ident=5)) > 1


def test_an_acknowledgement_of_something_never_sent_changes_nothing() -> None:
    lanes = make_lanes()
    send_all(lanes)
    before = lanes.in_flight
    harvests: dict[Lane, Harvest] = {}
    lanes.settle(60_000, 0, 1.0, harvests)
    assert harvests == {}
    assert lanes.in_flight == before


def test_suspicion_does_not_outlive_the_outbox_whose_rows_it_was_about() -> None:
    """In a new epoch the same number is another row: it is sent, and no acceptance parks it."""
    run = model(20, refuse_all=0x87)
    while not run.lane._suspects:
        run._step()
    run.lane.forget_rows()
    run.lane.reset()
    run.refuse_all = 0
    run.run()
    assert run.parked == {}
    assert run.accepted == set(range(1, 21))
