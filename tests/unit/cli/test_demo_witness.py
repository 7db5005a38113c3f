"""The demo's judge: numbers against a set model, messages by the public format, a reason for everything that is wrong."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeguard.cli.demo_gate_seen import GateSeen
from edgeguard.cli.demo_report import Ending, Summary, in_words, judge
from edgeguard.cli.demo_witness import Numbers, Witness
from edgeguard.cli.session import Lang

ROOT = "edgeguard/v1/lakeside/b07"
AT = "2026-11-23T05:40:00.123Z"
WELL = Ending(0, 0.2)


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 8)), max_size=40))
def test_numbers_agree_with_a_set(spans: list[tuple[int, int]]) -> None:
    numbers, model, repeats = Numbers(), set[int](), 0
    for first, more in spans:
        new = set(range(first, first + more + 1))
        repeats += len(new & model)
        model |= new
        numbers.add(first, first + more)
    assert (numbers.count, numbers.repeats) == (len(model), repeats)
    assert numbers.ends == ((min(model), max(model)) if model else (0, 0))
    missing = set(range(1, max(model, default=0) + 1)) - model
    assert {number for first, last in numbers.gaps for number in range(first, last + 1)} == missing


def message(stream: str, seq: int, *items: dict[str, object], epoch: str = "e1") -> bytes:
    return json.dumps({"v": 1, "gateway": "b07", "epoch": epoch, "stream": stream, "seq": seq, "items": items}).encode()


def telemetry(device: str) -> dict[str, object]:
    return {"device": device, "at": AT, "values": {"speed": 1.75, "floor": 3, "load": 8.0}, "bad": {"flow": "timeout"}}


def alarm(name: str, state: str = "active") -> dict[str, object]:
    return {"at": AT, "alarm": name, "device": name.partition(".")[0], "state": state, "severity": "critical"}


def seen(*messages: tuple[str, bytes]) -> Witness:
    witness = Witness()
    for seconds, (lane, payload) in enumerate(messages):
        witness.take(f"{ROOT}/{lane}", payload, float(seconds))
    return witness


def verdict(witness: Witness, ending: Ending = WELL, wanted: tuple[str, ...] = ("lift-1",)) -> Summary:
    return judge(witness, wanted, ending, 0.5, 20.0, 1, Lang.EN)


GOOD = (("telemetry", message("telemetry", 1, telemetry("lift-1"))), ("alarms", message("alarms", 1, alarm("lift-1.fault"))))


def test_all_the_way() -> None:
    summary = verdict(seen(("status", b'{"v":1,"online":true}'), *GOOD))
    assert (summary.ok, summary.reasons, summary.alarms) == (True, (), ("lift-1.fault",))
    assert summary.first_item_s == 1.0
    assert in_words(summary, Lang.EN)[-1].startswith("✓")


def test_history_fills_the_gap_that_live_telemetry_left() -> None:
    late = ("history", message("telemetry", 2, telemetry("lift-1"), telemetry("lift-1")))
    early = ("telemetry", message("telemetry", 4, telemetry("lift-1")))
    assert not verdict(seen(*GOOD, early)).ok
    assert verdict(seen(*GOOD, early, late)).ok


@pytest.mark.parametrize(
    ("witness", "ending", "wanted", "words"),
    [
        (seen(*GOOD), WELL, ("lift-1", "pump-1"), "no telemetry arrived of: pump-1"),
        (seen(GOOD[0]), WELL, ("lift-1",), "no active alarm"),
        (seen(GOOD[0], ("alarms", message("alarms", 1, alarm("lift-1.fault", "normal")))), WELL, ("lift-1",), "no active alarm"),
        (seen(*GOOD, ("alarms", message("alarms", 4, alarm("x.y")))), WELL, ("lift-1",), "numbers 2 to 3 are missing"),
        (seen(*GOOD, ("events", message("events", 1, {"type": "health"}, epoch="e2"))), WELL, ("lift-1",), "2 epochs"),
        (seen(*GOOD, ("events", b"{}")), WELL, ("lift-1",), "unreadable message"),
        (seen(*GOOD, ("events", b"\xff")), WELL, ("lift-1",), "unreadable message"),
        (seen(*GOOD, ("events", message("events", 1))), WELL, ("lift-1",), "unreadable message"),
        (seen(*GOOD), Ending(None, 10.0), ("lift-1",), "did not stop within 10 s"),
        (seen(*GOOD), Ending(-9, 0.0, early=True), ("lift-1",), "ended by itself, exit code -9"),
        (seen(*GOOD), Ending(3, 0.1), ("lift-1",), "exit code 3"),
    ],
)
def test_what_is_wrong_is_said(witness: Witness, ending: Ending, wanted: tuple[str, ...], words: str) -> None:
    summary = verdict(witness, ending, wanted)
    assert not summary.ok
    assert [reason for reason in summary.reasons if words in reason]
    assert any(line.startswith("✗") and words in line for line in in_words(summary, Lang.EN))


def test_a_device_that_sends_only_bad_values_has_not_arrived() -> None:
    bad: dict[str, object] = {"device": "lift-1", "at": AT, "values": {}, "bad": {"speed": "timeout"}}
    summary = verdict(seen(("telemetry", message("telemetry", 1, bad)), GOOD[1]))
    assert summary.devices_missing == ("lift-1",)


def test_arrivals_read_well_and_other_topics_are_none() -> None:
    witness = seen(*GOOD, ("catalog", b"{}"), ("replies", b"{}"))
    assert [line.split() for line in witness.news] == [
        ["telemetry", "#1", "lift-1", "speed=1.75", "floor=3", "+1", "bad:1"],
        ["alarms", "#1", "lift-1.fault", "active"],
    ]


def test_what_falls_is_told_with_its_clip() -> None:
    fall = {"at": AT, "type": "fall", "camera": "facade-east", "floor": 8, "column": 5, "evidence": {"clip": "a.mp4"}}
    lost: dict[str, object] = {"at": AT, "type": "fall", "camera": "facade-east", "evidence": None}
    witness = seen(("events", message("events", 1, fall, lost)))
    assert tuple(witness.falls) == ("facade-east, floor 8, column 5, a.mp4", "facade-east, no evidence")
    summary = judge(witness, (), WELL, 1.0, 20.0, 1, Lang.EN)
    assert "  fall: facade-east, floor 8, column 5, a.mp4" in in_words(summary, Lang.EN)


def test_who_passes_the_gate_and_who_is_let_in_is_counted_once_each() -> None:
    passed: dict[str, object] = {
        "at": AT,
        "type": "plate",
        "id": "a-1",
        "camera": "gate-in",
        "text": "皖A****8",
        "direction": "towards",
    }
    unread: dict[str, object] = {**passed, "id": "a-2", "text": None}
    decided: dict[str, object] = {
        "at": AT,
        "type": "gate",
        "id": "a-1",
        "gate": "main",
        "state": "decided",
        "verdict": "open",
        "plate": "皖A****8",
    }
    opened: dict[str, object] = {**decided, "state": "opened"}
    refused: dict[str, object] = {**decided, "id": "a-2", "verdict": "refused", "plate": "苏E****8", "reason": "unknown"}
    witness = seen(("events", message("events", 1, passed, unread, decided, opened, refused, passed, opened)), *GOOD)
    summary = verdict(witness)
    assert summary.gate == GateSeen(
        2, 1, 1, 1, ("gate-in 皖A****8 towards", "gate-in ? towards", "main opened 皖A****8", "main refused 苏E****8 (unknown)")
    )
    words = in_words(summary, Lang.EN)
    assert words[words.index("  gate: 2 passed, 1 opened, 1 refused") + 3] == "    main opened 皖A****8"
