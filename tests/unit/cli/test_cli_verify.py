"""`verify` without a broker: when it ends, and what it says at the end. The judgement itself: tests/unit/uplink."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from edgeguard.cli import verify as verifying
from edgeguard.cli.session import Exit, Lang, Session
from edgeguard.cli.verify import Access, Wanted, ids, uplink_spec
from edgeguard.uplink.subscriber import Arrived, Heard, Link, SessionLost

ROOT = "edgeguard/v1/lakeside/b07"


def alarm(seq: int) -> Arrived:
    items = [{"at": "2026-11-23T05:40:00.000Z"}]
    body = {"v": 1, "gateway": "b07", "epoch": "e", "stream": "alarms", "seq": seq, "items": items}
    return Arrived(f"{ROOT}/alarms", json.dumps(body).encode(), False)


class Script:
    """A subscriber that hears these, one each look, and its own clock, a quarter of a second for each look."""

    def __init__(self, heard: Sequence[Heard | None]) -> None:
        self.heard = list(heard)
        self.now_s = 100.0

    def __call__(self, *_: object) -> "Script":
        return self

    def __enter__(self) -> "Script":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def next(self, _: float) -> Heard | None:
        self.now_s += 0.25
        return self.heard.pop(0) if self.heard else None

    def monotonic(self) -> float:
        return self.now_s

    def time_ns(self) -> int:
        return 1_795_412_400_000_000_000


Patch = pytest.MonkeyPatch
Printed = pytest.CaptureFixture[str]


def run(monkeypatch: Patch, capsys: Printed, heard: Sequence[Heard | None], *, as_json: bool = True) -> tuple[Exit, str, float]:
    """Exit code, the last line that was printed, and after how many seconds."""
    script = Script(heard)
    monkeypatch.setattr(verifying, "Subscriber", script)
    monkeypatch.setattr(verifying, "time", script)
    wanted = Wanted(uplink_spec(Access("mqtt://localhost")), *ids("lakeside", "b07"), 1.0, 60.0, 3.0, whole=False)
    code = verifying.verify(Session(Path("s"), Lang.EN, as_json), wanted)
    return code, capsys.readouterr().out.splitlines()[-1], script.now_s - 100.0


def test_the_time_is_over_only_when_every_hole_is_judged(monkeypatch: Patch, capsys: Printed) -> None:
    code, line, took_s = run(monkeypatch, capsys, [alarm(1), alarm(3)])
    (stream,) = json.loads(line)["streams"]
    assert (code, stream["lost"], stream["open"]) == (Exit.WRONG, [[2, 2]], [])
    assert 3.0 < took_s <= 4.25


def test_a_hole_that_is_filled_meanwhile_ends_the_wait(monkeypatch: Patch, capsys: Printed) -> None:
    code, line, took_s = run(monkeypatch, capsys, [alarm(1), alarm(3), *[None] * 4, SessionLost(), Link(True), alarm(2)])
    (stream,) = json.loads(line)["streams"]
    assert (code, stream["lost"], stream["reorders"]) == (Exit.WRONG, [], 1), "it came, but behind the third"
    assert took_s < 3.0


def test_without_holes_it_ends_in_time(monkeypatch: Patch, capsys: Printed) -> None:
    code, line, took_s = run(monkeypatch, capsys, [alarm(1), alarm(2)], as_json=False)
    assert (code, took_s) == (Exit.FINE, 1.0)
    assert line.startswith("✓")


@pytest.mark.parametrize(
    ("heard", "words"),
    [
        ([], "nothing was heard"),
        ([Arrived(f"{ROOT}/status", b'{"v":1,"online":false,"version":"1"}', True)], "nothing but the gateway's status"),
    ],
)
def test_silence_proves_nothing(monkeypatch: Patch, capsys: Printed, heard: list[Heard | None], words: str) -> None:
    code, line, _ = run(monkeypatch, capsys, heard, as_json=False)
    assert (code, words in line) == (Exit.WRONG, True)
