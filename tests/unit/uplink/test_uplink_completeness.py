"""The verifier's judgement: it must see what is wrong, and must not see what is not."""

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeguard.uplink.completeness import Completeness, Report, StreamReport

AT = "2026-11-23T05:40:00.000Z"
AT_MS = 1_795_412_400_000
EPOCH = "epoch-a"


def message(stream: str, seq: int, count: int = 1, epoch: str = EPOCH, items: list[dict[str, Any]] | None = None) -> bytes:
    body = items or [{"at": AT, "n": seq + i} for i in range(count)]
    return json.dumps({"v": 1, "gateway": "b07", "epoch": epoch, "stream": stream, "seq": seq, "items": body}).encode()


def gap(seq: int, stream: str, first: int, last: int, epoch: str | None = None) -> bytes:
    item: dict[str, Any] = {"at": AT, "type": "gap", "stream": stream, "from": first, "to": last, "reason": "store-full"}
    return message("events", seq, items=[item if epoch is None else item | {"epoch": epoch}])


class Platform:
    """A judge with a clock that the test sets."""

    def __init__(self, whole: bool = False, settle_s: float = 100.0) -> None:
        self.judge = Completeness("b07", whole, settle_s)
        self.now_s = 0.0

    def take(self, lane: str, payload: bytes, retained: bool = False, wall_ms: int = AT_MS) -> None:
        self.judge.take(lane, payload, retained, wall_ms, self.now_s)

    def report(self, final: bool = False) -> Report:
        return self.judge.report(self.now_s, final)

    def stream(self, name: str = "telemetry", epoch: str = EPOCH) -> StreamReport:
        return next(s for s in self.report().streams if (s.stream, s.epoch) == (name, epoch))


def test_what_is_whole_is_sound() -> None:
    platform = Platform()
    for seq in (7, 10, 13):
        platform.take("telemetry", message("telemetry", seq, 3), wall_ms=AT_MS + 1500)
    seen = platform.stream()
    assert (seen.items, seen.first, seen.last, seen.repeats, seen.lost_items, seen.open_items) == (9, 7, 15, 0, 0, 0)
    assert (seen.lag.p50_s, seen.lag.worst_s) == (1.5, 1.5)
    assert platform.report().sound


def test_a_hole_is_open_first_and_lost_when_nothing_has_filled_it() -> None:
    platform = Platform()
    platform.take("alarms", message("alarms", 1, 2))
    platform.take("alarms", message("alarms", 5))
    assert (platform.stream("alarms").open, platform.stream("alarms").lost) == (((3, 4),), ())
    assert platform.report().sound
    platform.now_s = 99.0
    platform.take("alarms", message("alarms", 7))
    platform.now_s = 101.0
    assert (platform.stream("alarms").lost, platform.stream("alarms").open) == (((3, 4),), ((6, 6),))
    assert not platform.report().sound


def test_at_the_very_end_nothing_is_open_any_more() -> None:
    platform = Platform()
    platform.take("alarms", message("alarms", 1))
    platform.take("alarms", message("alarms", 3))
    assert platform.report().sound
    assert not platform.report(final=True).sound


def test_a_gap_record_explains_a_hole_whenever_it_comes() -> None:
    platform = Platform()
    platform.take("telemetry", message("telemetry", 1))
    platform.take("telemetry", message("telemetry", 9))
    platform.now_s = 200.0
    assert platform.stream().lost == ((2, 8),)
    platform.take("events", gap(1, "telemetry", 2, 7))
    assert (platform.stream().lost, platform.stream().explained_items) == (((8, 8),), 6)
    platform.take("events", gap(2, "telemetry", 8, 8))
    assert platform.report().sound
    assert platform.report().gaps == {"store-full": 7}


def test_a_gap_record_of_a_new_epoch_may_speak_of_the_old_one() -> None:
    platform = Platform()
    platform.take("telemetry", message("telemetry", 1))
    platform.take("telemetry", message("telemetry", 4))
    old = {"at": AT, "type": "gap", "stream": "telemetry", "from": 2, "to": 3, "reason": "damaged", "epoch": EPOCH}
    platform.take("events", message("events", 1, epoch="epoch-b", items=[old]))
    platform.now_s = 500.0
    assert platform.report(final=True).sound


def test_history_may_fill_holes_for_as_long_as_it_runs() -> None:
    platform = Platform()
    platform.take("telemetry", message("telemetry", 1))
    platform.take("telemetry", message("telemetry", 1001))
    for first in range(2, 1001, 100):
        platform.now_s += 90.0
        platform.take("history", message("telemetry", first, min(100, 1001 - first)))
        assert platform.report().sound
    assert platform.stream().items == 1001
    platform.now_s += 1000.0
    assert platform.report(final=True).sound


def test_what_history_has_passed_by_is_lost() -> None:
    platform = Platform()
    platform.take("telemetry", message("telemetry", 1))
    platform.take("telemetry", message("telemetry", 100))
    platform.now_s = 150.0
    platform.take("history", message("telemetry", 2, 3))
    platform.take("history", message("telemetry", 8, 3))
    assert platform.stream().lost == ((5, 7),)
    assert platform.stream().open == ((11, 99),)


def test_repeats_are_counted_and_are_no_fault() -> None:
    platform = Platform()
    platform.take("events", message("events", 1, 5))
    platform.take("events", message("events", 3, 4))
    seen = platform.stream("events")
    assert (seen.repeats, seen.items, seen.reorders) == (3, 6, 0)
    assert platform.report().sound


def test_a_first_delivery_behind_a_later_number_is_a_fault() -> None:
    platform = Platform()
    platform.take("events", message("events", 1))
    platform.take("events", message("events", 3))
    platform.take("events", message("events", 2))
    assert platform.stream("events").reorders == 1
    assert not platform.report().sound


def test_live_may_overtake_history() -> None:
    platform = Platform()
    platform.take("telemetry", message("telemetry", 50))
    platform.take("history", message("telemetry", 10, 40))
    assert platform.stream().reorders == 0
    assert platform.report().sound


def test_one_number_with_two_contents_is_a_fault_but_a_time_made_true_is_not() -> None:
    platform = Platform()
    platform.take("events", message("events", 1, items=[{"at": AT, "clock": "unsynced", "boot_ms": 5, "type": "health"}]))
    platform.take("events", message("events", 1, items=[{"at": "2026-11-23T06:00:00.000Z", "type": "health"}]))
    assert platform.report().sound
    platform.take("events", message("events", 1, items=[{"at": AT, "type": "plate"}]))
    assert platform.stream("events").conflicts == 1
    assert not platform.report().sound


def test_a_new_epoch_begins_with_one() -> None:
    platform = Platform(settle_s=0.0)
    platform.take("alarms", message("alarms", 700))
    platform.take("alarms", message("alarms", 3, epoch="epoch-b"))
    assert platform.stream("alarms").lost_items == 0
    assert platform.stream("alarms", "epoch-b").lost == ((1, 2),)


def test_who_was_there_from_the_start_misses_the_first_number() -> None:
    platform = Platform(whole=True, settle_s=0.0)
    platform.take("alarms", message("alarms", 2))
    assert platform.stream("alarms").lost == ((1, 1),)


def test_what_passed_while_the_verifier_was_away_is_not_the_gateways_loss() -> None:
    platform = Platform(settle_s=0.0)
    platform.take("alarms", message("alarms", 1))
    platform.judge.interrupted()
    platform.take("alarms", message("alarms", 1))
    platform.take("alarms", message("alarms", 10))
    platform.take("alarms", message("alarms", 12))
    assert (platform.stream("alarms").unseen_items, platform.stream("alarms").lost) == (8, ((11, 11),))


def test_history_that_passed_while_the_verifier_was_away_is_not_the_gateways_loss_either() -> None:
    """The broker forgot us in the middle of a history: what it took meanwhile comes no more, nor do records of it."""
    platform = Platform(settle_s=0.0)
    platform.take("telemetry", message("telemetry", 1))
    platform.take("telemetry", message("telemetry", 5000))
    platform.take("history", message("telemetry", 2, 99))
    platform.judge.interrupted()
    platform.take("history", message("telemetry", 201, 100))
    platform.take("telemetry", message("telemetry", 5010))
    for seq in range(301, 5000, 1000):
        platform.take("history", message("telemetry", seq, min(1000, 5000 - seq)))
    platform.take("telemetry", message("telemetry", 5012))
    seen = platform.stream()
    assert (seen.unseen_items, seen.lost) == (100 + 9, ((5011, 5011),))


def test_what_comes_again_at_the_return_was_not_missed() -> None:
    platform = Platform(settle_s=0.0)
    platform.take("alarms", message("alarms", 1, 5))
    platform.judge.interrupted()
    platform.take("alarms", message("alarms", 4, 6))
    platform.take("alarms", message("alarms", 11))
    assert (platform.stream("alarms").unseen_items, platform.stream("alarms").lost) == (0, ((10, 10),))


def test_an_epoch_that_began_while_the_verifier_was_away_is_met_on_its_way_and_the_next_from_its_beginning() -> None:
    platform = Platform(whole=True, settle_s=0.0)
    platform.take("alarms", message("alarms", 1))
    platform.judge.interrupted()
    platform.take("alarms", message("alarms", 40, epoch="epoch-b"))
    platform.take("events", message("events", 9, epoch="epoch-b"))
    platform.take("alarms", message("alarms", 2, epoch="epoch-c"))
    assert [platform.stream(name, "epoch-b").lost for name in ("alarms", "events")] == [(), ()]
    assert platform.stream("alarms", "epoch-c").lost == ((1, 1),)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        message("alarms", 0),
        message("alarms", True),
        message("events", 1),
        message("alarms", 1, items=[]) .replace(b"[{", b"[1,{") ,
        json.dumps({"v": 1, "gateway": "b07", "epoch": "e", "stream": "alarms", "seq": 1, "items": []}).encode(),
        json.dumps({"v": 2, "gateway": "b07", "epoch": "e", "stream": "alarms", "seq": 1, "items": [{}]}).encode(),
        json.dumps({"v": 1, "gateway": "b08", "epoch": "e", "stream": "alarms", "seq": 1, "items": [{}]}).encode(),
        message("alarms", 1, items=[{"at": "yesterday"}]),
        message("alarms", 1, items=[{"at": "2026-11-23T05:40:00"}]),
        message("alarms", 1, items=[{}]),
        message("alarms", 1, epoch=""),
        message("alarms", 1, items=[{"at": AT, "text": "x" * 66_000}]),
    ],
)  # fmt: skip
def test_a_message_that_breaks_the_format_is_told(payload: bytes) -> None:
    platform = Platform()
    platform.take("alarms", payload)
    report = platform.report()
    assert report.troubles_count == len(report.troubles) == 1
    assert not report.sound


def test_a_gap_record_of_a_stream_that_there_is_not_is_told() -> None:
    platform = Platform()
    platform.take("events", gap(1, "telemetri", 1, 9))
    assert "telemetri" in platform.report().troubles[0]
    assert [stream.stream for stream in platform.report().streams] == ["events"]


def test_a_gap_record_of_a_stream_that_nothing_has_come_of_makes_no_loss() -> None:
    platform = Platform(settle_s=0.0)
    platform.take("events", gap(1, "alarms", 6, 7))
    assert (platform.stream("alarms").lost, platform.stream("alarms").explained_items) == ((), 2)
    platform.take("alarms", message("alarms", 8))
    assert platform.report().sound


@pytest.mark.parametrize(("first", "last"), [(9, 4), (-6, 7), (0, 7), (True, True), (6, 10**30), (6, None), (None, 7), ("6", "7")])
def test_a_gap_record_without_a_range_is_told_and_explains_nothing(first: object, last: object) -> None:
    platform = Platform(settle_s=0.0)
    platform.take("telemetry", message("telemetry", 1, 5))
    platform.take("telemetry", message("telemetry", 8))
    record = {"at": AT, "type": "gap", "stream": "telemetry", "from": first, "to": last, "reason": "store-full"}
    platform.take("events", message("events", 1, items=[record]))
    assert (platform.stream().lost, platform.stream("events").items, platform.report().troubles_count) == (((6, 7),), 1, 1)


def test_what_a_gap_record_keeps_lies_within_it() -> None:
    platform = Platform(settle_s=0.0)
    platform.take("telemetry", message("telemetry", 1, 5))
    record = {"at": AT, "type": "gap", "stream": "telemetry", "from": 6, "to": 8, "reason": "thinned", "kept": [9]}
    platform.take("events", message("events", 1, items=[record]))
    assert "keeps what is none of its numbers" in platform.report().troubles[0]


def test_a_gap_record_that_names_what_has_come_is_told_and_is_no_loss() -> None:
    platform = Platform(settle_s=0.0)
    platform.take("telemetry", message("telemetry", 1, 5))
    platform.take("events", gap(1, "telemetry", 4, 9))
    platform.take("telemetry", message("telemetry", 8, 5))
    seen = platform.stream()
    assert (seen.explained_items, seen.contradicted_items, seen.lost, platform.report().sound) == (2, 4, (), True)


def test_an_epoch_that_goes_on_after_another_has_followed_it_is_told_but_not_its_repeats() -> None:
    platform = Platform(settle_s=0.0)
    for lane, seq, epoch in (("alarms", 1, "a"), ("alarms", 1, "b"), ("alarms", 1, "a"), ("events", 1, "a"), ("alarms", 2, "b")):
        platform.take(lane, message(lane, seq, epoch=epoch))
    assert platform.report().sound
    platform.take("alarms", message("alarms", 2, epoch="a"))
    assert "do two gateways have one name?" in platform.report().troubles[0]


def test_one_spoilt_item_costs_its_neighbours_nothing() -> None:
    platform = Platform(settle_s=0.0)
    platform.take("alarms", message("alarms", 1, items=[{"at": AT}, {"at": "yesterday"}, {"at": AT}]))
    assert (platform.stream("alarms").items, platform.report().troubles) == (
        3,
        ("alarms: number 2: at 'yesterday' is no time in UTC with milliseconds",),
    )


def test_a_retained_stream_message_is_told() -> None:
    platform = Platform()
    platform.take("alarms", message("alarms", 1), retained=True)
    assert "retained" in platform.report().troubles[0]


def test_status_and_foreign_topics() -> None:
    platform = Platform()
    platform.take("status", b'{"v":1,"online":true,"version":"0.1.0"}', retained=True)
    platform.take("catalog", b"not looked at")
    report = platform.report()
    assert (report.online, report.version, report.messages, report.sound) == (True, "0.1.0", 1, True)


@given(
    count=st.integers(1, 60),
    lost=st.sets(st.integers(1, 60)),
    told=st.sets(st.integers(1, 60)),
    seed=st.integers(0, 999),
)
def test_it_finds_exactly_what_is_missing(count: int, lost: set[int], told: set[int], seed: int) -> None:
    """Whatever is cut how, sent how often, and with which records: lost = sent - arrived - told."""
    chance = random.Random(seed)
    platform = Platform(whole=True, settle_s=0.0)
    arrived = [seq for seq in range(1, count + 1) if seq not in lost]
    for seq in arrived:
        for _ in range(chance.choice((1, 1, 2))):
            platform.take("telemetry", message("telemetry", seq))
    for i, seq in enumerate(sorted(told), 1):
        platform.take("events", gap(i, "telemetry", seq, seq))
    if not arrived:
        return
    missing = {seq for seq in range(1, max(arrived) + 1) if seq in lost and seq not in told}
    found = {seq for first, last in platform.stream().lost for seq in range(first, last + 1)}
    assert found == missing
    assert platform.stream().lost_items == len(missing)
    assert platform.report().sound is not bool(missing)
