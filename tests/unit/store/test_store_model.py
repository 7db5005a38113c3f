"""The outbox against a plain list: any order of commits, acknowledgements, parking, caps, reopening and crashes."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from store_kit import item

from edgeguard.core.departure import Departures
from edgeguard.core.ids import BootId, Epoch
from edgeguard.core.item import STREAMS, OutboxRow, PackSize, Stream
from edgeguard.store import group as grouping
from edgeguard.store import packing, thinning
from edgeguard.store.damage import Loss, close_sound, open_outbox
from edgeguard.store.group import Group
from edgeguard.store.ledger import Ledger
from edgeguard.store.retention import GAP_MARK, Caps
from edgeguard.testing.clock import FakeClock
from edgeguard.testing.examples import examples

CAPS = Caps(max_bytes=160_000, max_rows=40, max_age_ms=None)
EPOCH = Epoch("a1b2c3d4e5f60718")
streams = st.sampled_from(STREAMS)
numbers = st.integers(0, 120)


def kept_bytes(row: OutboxRow) -> int:
    """What a body takes in the file: telemetry is kept with its time in front."""
    plain = Departures().plain(row.at, row.body) if row.stream is Stream.TELEMETRY else None
    return len(plain or row.body)


class EveryNth:
    """A survey that keeps every so many-th row."""

    def __init__(self, every: int) -> None:
        self._every = every
        self._seen: list[int] = []

    def see(self, seq: int, _body: bytes) -> None:
        self._seen.append(seq)

    def kept(self) -> list[int]:
        return self._seen[:: self._every]


class OutboxMachine(RuleBasedStateMachine):
    """`given` are all bodies by number, `done` what was acknowledged or parked, `kept` the done numbers that the file knows of."""

    @initialize()
    def begin(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="outbox-model-"))
        self.clock = FakeClock()
        self.given: dict[Stream, list[bytes]] = {stream: [] for stream in STREAMS}
        self.done: dict[Stream, set[int]] = {stream: set() for stream in STREAMS}
        self.kept: dict[Stream, set[int]] = {stream: set() for stream in STREAMS}
        self.dead: dict[Stream, set[int]] = {stream: set() for stream in STREAMS}
        self.thinned: dict[Stream, set[int]] = {stream: set() for stream in STREAMS}
        self.delivered_gaps: set[int] = set()
        self.parked_gaps: set[int] = set()
        self.open()

    def open(self) -> None:
        losses: list[Loss] = []
        self.ledger: Ledger = open_outbox(self.directory, EPOCH, 0, losses.append)
        assert losses == []

    def teardown(self) -> None:
        if hasattr(self, "ledger"):
            self.ledger.connection.close()
            self.ledger.witness.close()
            shutil.rmtree(self.directory)

    def readable(self, stream: Stream) -> list[OutboxRow]:
        return list(self.ledger.read(stream, 0, 1000, 1 << 30, None))

    def marks_are_kept(self) -> None:
        self.kept = {stream: set(done) for stream, done in self.done.items()}

    @rule(wanted=st.lists(st.tuples(streams, st.integers(0, 3000)), max_size=12), save_marks=st.booleans())
    def commit(self, wanted: list[tuple[Stream, int]], save_marks: bool) -> None:
        self.clock.advance(1)
        items = tuple(item(self.clock, stream, number, size) for number, (stream, size) in enumerate(wanted))
        group = Group(items, (), (), None, self.clock.now(), save_marks)
        done = grouping.commit(self.ledger, group, CAPS)
        expected = []
        for each in items:
            self.given[each.stream].append(each.body)
            expected.append(len(self.given[each.stream]))
        assert done.numbers == tuple(expected)
        last = self.ledger.streams[Stream.EVENTS].last
        for row in self.ledger.read(Stream.EVENTS, len(self.given[Stream.EVENTS]), 1000, 1 << 30, None):
            assert row.body.startswith(GAP_MARK)
            self.given[Stream.EVENTS].append(row.body)
        assert len(self.given[Stream.EVENTS]) == last
        if save_marks or done.lost:
            self.marks_are_kept()
        if done.lost:
            self.lowest_went_first({gap.stream for gap in done.lost})

    def lowest_went_first(self, hit: set[Stream]) -> None:
        if Stream.EVENTS in hit or Stream.ALARMS in hit:
            assert self.readable(Stream.TELEMETRY) == []
        if Stream.ALARMS in hit:
            assert all(row.body.startswith(GAP_MARK) for row in self.readable(Stream.EVENTS))

    @rule(stream=streams, first=numbers, length=st.integers(0, 30))
    def acknowledge(self, stream: Stream, first: int, length: int) -> None:
        self.deliver(stream, first, first + length)
        self.ledger.mark_done(stream, first, first + length)

    @rule(stream=streams, first=numbers, length=st.integers(0, 5))
    def park(self, stream: Stream, first: int, length: int) -> None:
        before = {row.seq for row in self.readable(stream)}
        parked = {seq for seq in before if first <= seq <= first + length}
        assert grouping.park(self.ledger, stream, first, first + length, "poison", self.clock.now()) == len(parked)
        self.dead[stream] |= parked
        if stream is Stream.EVENTS:
            self.parked_gaps |= parked  # a gap record that the broker refused lies among the dead letters, for people to see
        for row in self.ledger.read(Stream.EVENTS, len(self.given[Stream.EVENTS]), 1000, 1 << 30, None):
            assert row.body.startswith(GAP_MARK)
            self.given[Stream.EVENTS].append(row.body)
        self.marks_are_kept()

    def deliver(self, stream: Stream, first: int, last: int) -> None:
        """Numbers are done; gap records among them have told their tale."""
        alive = {row.seq for row in self.readable(stream)}
        for seq in range(max(first, 1), min(last, len(self.given[stream])) + 1):
            if seq in alive:
                self.done[stream].add(seq)
                if stream is Stream.EVENTS:
                    self.delivered_gaps.add(seq)

    @rule(through=numbers, every=st.integers(1, 9))
    def thin(self, through: int, every: int) -> None:
        state = self.ledger.streams[Stream.TELEMETRY]
        spans = state.holes(max(state.thinned, state.floor) + 1, through)
        first, last = next(spans, (0, -1))
        if first > last:
            return
        before = {row.seq for row in self.readable(Stream.TELEMETRY)}
        survey = EveryNth(every)
        for seq in range(first, last + 1):
            survey.see(seq, b"")
        key = (self.clock.now().boot, 0)
        gone = thinning._cut(thinning._Stretch(self.ledger, key, survey, first, last), self.clock.now())
        after = {row.seq for row in self.readable(Stream.TELEMETRY)}
        assert after <= before
        assert gone == len(before - after)
        self.thinned[Stream.TELEMETRY] |= before - after
        assert not gone or {first, last, *survey.kept()} == {seq for seq in after if first <= seq <= last}
        for row in self.ledger.read(Stream.EVENTS, len(self.given[Stream.EVENTS]), 1000, 1 << 30, None):
            assert row.body.startswith(GAP_MARK)
            self.given[Stream.EVENTS].append(row.body)
        self.marks_are_kept()

    @rule()
    def prune(self) -> None:
        if grouping.prune(self.ledger, 1):
            self.marks_are_kept()

    @rule(same_boot=st.booleans())
    def reopen(self, same_boot: bool) -> None:
        close_sound(self.ledger)
        self.marks_are_kept()
        if not same_boot:
            self.clock.boot = BootId(f"boot-{len(self.given[Stream.EVENTS])}")
        self.open()

    @rule()
    def crash(self) -> None:
        """What is not committed is gone: acknowledgements since the last marks are forgotten, never more than these."""
        self.ledger.connection.close()
        self.ledger.witness.close()
        before = {stream: {row.seq for row in self.readable_before(stream)} for stream in STREAMS}
        self.open()
        for stream in STREAMS:
            alive = {row.seq for row in self.readable(stream)}
            again = alive - before[stream]
            assert again <= self.done[stream] - self.kept[stream]
            assert before[stream] <= alive
            self.done[stream] -= again
            if stream is Stream.EVENTS:
                self.delivered_gaps -= again

    def readable_before(self, stream: Stream) -> list[Any]:
        """What the ledger of the closed connection would still have delivered."""
        holes = self.ledger.streams[stream].holes()
        numbers = {seq for first, last in holes for seq in range(first, last + 1)}
        return [OutboxRow(stream, seq, self.clock.now(), b"") for seq in numbers - self.thinned[stream]]

    @rule(stream=streams, after=numbers, rows=st.integers(1, 9), size=st.integers(0, 4000), through=st.none() | numbers)
    def read(self, stream: Stream, after: int, rows: int, size: int, through: int | None) -> None:
        wanted = [row for row in self.readable(stream) if row.seq > after and (through is None or row.seq <= through)]
        found = self.ledger.read(stream, after, rows, size, through)
        assert list(found) == wanted[: len(found)]
        assert (len(found) > 0) == (len(wanted) > 0)
        assert len(found) <= rows
        if found:
            assert len(found) == 1 or sum(len(row.body) for row in found) <= size
            following = wanted[len(found) : len(found) + 1]
            assert len(found) == rows or not following or sum(len(row.body) for row in found) + len(following[0].body) > size

    @rule(
        stream=streams,
        after=numbers,
        items=st.integers(1, 9),
        good=st.integers(0, 4000),
        more=st.integers(0, 4000),
        through=numbers,
    )
    def pack(self, stream: Stream, after: int, items: int, good: int, more: int, through: int) -> None:
        """Packs are what the rows would give, within their bounds, and stop only before a row that is not plain."""
        rows = [row for row in self.readable(stream) if after < row.seq <= through]
        found = packing.pack(self.ledger, stream, after, through, PackSize(items, good + more, good, 3))
        departures = Departures()
        for each in found or ():
            part = [rows.pop(0) for _ in range(each.last_seq - each.first_seq + 1)]
            assert [row.seq for row in part] == list(range(each.first_seq, each.last_seq + 1))
            assert each.items == b",".join(departures.item(row.at, row.body) for row in part)
            assert len(part) <= items
            assert len(each.items) <= (good if len(part) > 1 else good + more)
        if stream is not Stream.TELEMETRY:
            assert found is None or not rows
        elif found is None:
            assert rows[0].seq <= self.ledger.streams[stream].thinned or kept_bytes(rows[0]) > good + more
        elif not found:
            assert not rows

    @invariant()
    def nothing_is_lost_in_silence(self) -> None:
        if not hasattr(self, "ledger"):
            return
        told: dict[Stream, set[int]] = {stream: set() for stream in STREAMS}
        events = {row.seq: row.body for row in self.readable(Stream.EVENTS)}
        events |= {seq: self.given[Stream.EVENTS][seq - 1] for seq in self.delivered_gaps | self.parked_gaps}
        for body in events.values():
            if body.startswith(GAP_MARK):
                gap = orjson.loads(body)
                told[Stream(gap["stream"])] |= set(range(gap["from"], gap["to"] + 1)) - set(gap.get("kept", ()))
        # A full store may tell the whole range of a record in the place of one with `kept`: of what has come as well.
        once_kept: dict[Stream, set[int]] = {stream: set() for stream in STREAMS}
        for body in self.given[Stream.EVENTS]:
            if body.startswith(GAP_MARK):
                gap = orjson.loads(body)
                once_kept[Stream(gap["stream"])].update(gap.get("kept", ()))
        # Nothing tells of a gap record that the broker refused: the next one would be refused as well.
        told[Stream.EVENTS] |= {seq for seq in self.parked_gaps if self.given[Stream.EVENTS][seq - 1].startswith(GAP_MARK)}
        for stream in STREAMS:
            rows = self.readable(stream)
            assert [row.body for row in rows] == [self.given[stream][row.seq - 1] for row in rows]
            assert [row.seq for row in rows] == sorted({row.seq for row in rows})
            alive = {row.seq for row in rows}
            everything = set(range(1, len(self.given[stream]) + 1))
            assert everything - alive - self.done[stream] <= told[stream]
            assert not told[stream] & alive
            assert not (told[stream] & self.done[stream]) - once_kept[stream]

    @invariant()
    def figures_agree(self) -> None:
        if not hasattr(self, "ledger"):
            return
        for stream in STREAMS:
            rows = self.readable(stream)
            held = self.ledger.backlog(stream)
            assert (held.rows, held.bytes) == (len(rows), sum(map(kept_bytes, rows)))
            assert (held.first_seq, held.oldest_at) == ((rows[0].seq, rows[0].at) if rows else (None, None))
            assert (held.last_seq, held.dead) == (len(self.given[stream]), len(self.dead[stream]))

    @invariant()
    def caps_are_kept(self) -> None:
        if hasattr(self, "ledger"):
            held = self.given[Stream.EVENTS][self.ledger.streams[Stream.EVENTS].first - 1 :]
            gaps = sum(body.startswith(GAP_MARK) for body in held)
            assert sum(state.rows for state in self.ledger.streams.values()) <= CAPS.max_rows + gaps
            assert self.ledger.used_bytes() <= CAPS.max_bytes + 4096 * 2


class TestTheOutboxIsAList(OutboxMachine.TestCase):  # type: ignore[misc, valid-type]
    settings = settings(max_examples=examples(12), stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.slow
@pytest.mark.timeout(600)
class TestTheOutboxIsAListForLong(OutboxMachine.TestCase):  # type: ignore[misc, valid-type]
    settings = settings(max_examples=120, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck))
