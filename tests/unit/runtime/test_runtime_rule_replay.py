"""Rules on recordings: the same as live, from every form of a recording, and mistakes in them with their line."""

import json
from pathlib import Path

import pytest
from runtime_kit import POINTS, FakeStore, device, low, site

from edgeguard.config.alarm_check import comms_lost
from edgeguard.core.alarm import AlarmRule, Condition, Severity
from edgeguard.core.clock import iso_utc
from edgeguard.core.errors import Permanent
from edgeguard.core.ids import DeviceName, alarm_name
from edgeguard.core.item import Stream
from edgeguard.core.point import Labels
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.site import Site
from edgeguard.core.snapshot import Snapshot
from edgeguard.runtime.pipeline import Pipeline
from edgeguard.runtime.recordings import read_recording
from edgeguard.runtime.rule_replay import Replayed, replay, replay_recording
from edgeguard.testing.clock import FakeClock

ALWAYS = (0, 1 << 52)


def lost(name: str) -> AlarmRule:
    made, owner = comms_lost(), DeviceName(name)
    return AlarmRule(alarm_name(owner, made.name), owner, made.condition, made.severity, made.text, on_delay_ms=30_000)


def house(limit: float = 2.0) -> Site:
    return site(*(device(name, "riser-a", alarms=(lost(name), low(name, limit))) for name in ("pump-1", "pump-2")))


def lived(path: Path) -> list[dict[str, object]]:
    """Two pumps live for five minutes, written down as JSON lines; what was told of alarms."""
    clock, store = FakeClock(), FakeStore()
    pipeline = Pipeline(store, clock)
    of = house()
    for spec in of.devices:
        pipeline.add(spec, {})
    pipeline.oversee(of.alarms)
    lines = []
    for second in range(300):
        clock.advance(0 if second == 0 else 1)
        if second:
            pipeline.sweep()
        for name in ("pump-1", "pump-2"):
            silent = name == "pump-2" and 100 < second < 200
            pressure = 1.0 if name == "pump-1" and second % 90 < 20 else 5.0
            told: dict[str, object] = {"at": iso_utc(clock.now().wall_ms), "device": name}
            if silent:
                told["bad"] = dict.fromkeys((point.name for point in POINTS), "timeout")
            else:
                told["values"] = {"pressure": pressure, "mode": "auto", "running": True}
            lines.append(json.dumps(told))
            outcomes = (Fault(Reason.TIMEOUT),) * 3 if silent else (pressure, "auto", True)
            pipeline.take(Snapshot(DeviceName(name), clock.now(), POINTS, outcomes, not silent))
    path.write_text("\n".join(lines), encoding="utf-8")
    items = [item for batch in store.submitted for item in batch.items if item.stream is Stream.ALARMS]
    return [{"at": iso_utc(item.at.wall_ms), **json.loads(item.body)} for item in items]


def play(path: Path, of: Site, from_ms: int = 0, to_ms: int = 1 << 52) -> Replayed:
    return replay(of, read_recording(path, from_ms, to_ms))


def test_a_recording_says_what_was_said_live_and_says_it_again(tmp_path: Path) -> None:
    live = lived(tmp_path / "week.jsonl")
    first = play(tmp_path / "week.jsonl", house())
    assert len(live) > 8
    assert list(first.told) == live
    assert play(tmp_path / "week.jsonl", house()) == first
    assert (first.rounds, first.unknown) == (600, ())


def test_other_limits_say_something_else_and_a_part_can_be_chosen(tmp_path: Path) -> None:
    lived(tmp_path / "week.jsonl")
    assert play(tmp_path / "week.jsonl", house()).raised()["pump-1.low"] == 4
    assert play(tmp_path / "week.jsonl", house(limit=0.5)).raised()["pump-1.low"] == 0
    start = play(tmp_path / "week.jsonl", house()).first_ms
    assert play(tmp_path / "week.jsonl", house(), start + 60_000, start + 120_000).raised()["pump-1.low"] == 1


def test_an_export_is_a_recording(tmp_path: Path) -> None:
    rows = ["time,device,point,unit,value,quality,reason"]
    for second in range(60):
        at = f"2026-11-23T05:40:{second:02d}.000Z"
        rows.append(f"{at},pump-1,pressure,bar,{1.0 if second > 30 else 5},good,")
        rows.append(f"{at},pump-1,running,,true,good,")
        rows.append(f"{at},attic,pressure,bar,,bad,timeout")
    (tmp_path / "week.csv").write_text("\n".join(rows), encoding="utf-8")
    played = play(tmp_path / "week.csv", house())
    assert (played.rounds, played.unknown, played.raised()) == (60, ("attic",), {"pump-1.low": 1})


def test_a_device_that_is_not_in_the_recording_is_not_missed(tmp_path: Path) -> None:
    begun_ms = 1_790_000_000_000
    one = {"device": "pump-1", "values": {"pressure": 5.0, "mode": "auto", "running": True}}
    lines = [json.dumps({"at": iso_utc(begun_ms + second * 1000), **one}) for second in range(300)]
    (tmp_path / "one.jsonl").write_text("\n".join(lines), encoding="utf-8")
    both = site(*(device(name, "riser-a", period_ms=1000, alarms=(lost(name),)) for name in ("pump-1", "pump-2")))
    played = play(tmp_path / "one.jsonl", both)
    assert (played.rounds, played.raised()) == (300, {})


def test_a_text_that_looks_like_a_number_is_one_where_the_point_is_a_text(tmp_path: Path) -> None:
    name = DeviceName("pump-1")
    is_seven = AlarmRule(alarm_name(name, "is"), name, Condition.EQUALS, Severity.MAJOR, Labels("是", "is"), POINTS[1].name, "007")
    (tmp_path / "week.csv").write_text(
        "time,device,point,unit,value,quality,reason\n2026-11-23T05:40:00Z,pump-1,mode,,007,good,\n", encoding="utf-8"
    )
    played = replay_recording(site(device("pump-1", "riser-a", alarms=(is_seven,))), tmp_path / "week.csv", *ALWAYS)
    assert played.raised() == {"pump-1.is": 1}


@pytest.mark.parametrize(
    ("name", "text", "wrong"),
    [
        ("a.jsonl", '{"at":"x","device":"d"}', "a.jsonl:1: is not a round"),
        ("a.jsonl", '{"at":"2026-11-23T05:40:00Z","device":"d","values":{"p":[1]}}', "a.jsonl:1: .*p is neither"),
        ("a.jsonl", '{"at":"2026-11-23T05:40:00Z","device":"d","bad":{"p":"tired"}}', 'a.jsonl:1: .*"tired" is not a reason'),
        ("a.csv", "time,device\n", "a.csv:1: is no export of rounds: there is no column"),
        ("a.csv", "time,device,point,unit,value,quality,reason\nnow,d,p,,1,good,\n", "a.csv:2: "),
        ("a.csv", "\x00\x01", "is no export|a.csv"),
        (
            "a.jsonl",
            '{"at":"2026-11-23T05:40:01Z","device":"d"}\n{"at":"2026-11-23T05:40:00Z","device":"d"}',
            "not in the order of time",
        ),
    ],
)
def test_what_is_no_recording_is_refused_with_its_line(tmp_path: Path, name: str, text: str, wrong: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(Permanent, match=wrong):
        list(read_recording(tmp_path / name, *ALWAYS))


def test_no_recording_at_all_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match="there is no such recording"):
        read_recording(tmp_path / "nothing", *ALWAYS)
