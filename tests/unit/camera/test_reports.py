"""What a camera has seen reaches the daemon: after its absence, after the end of either, and what cannot is told as lost."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
import pytest

from edgeguard.camera import reports
from edgeguard.camera.journal import Journal
from edgeguard.camera.reports import Report, Reporter
from edgeguard.control import BadArguments, Call, ControlServer
from edgeguard.control.camera_views import BeatAnswerView, BeatView, LostView, SightingView
from edgeguard.control.views import CountView
from edgeguard.core.errors import StoreError
from edgeguard.core.ids import CameraName

BEAT = BeatView(0.1, 100, 0, 0, 1, 0, 25.0, 1920, 1080, "h264", 10**8, 1.0)


def sighting(name: str, wall_ms: int = 5) -> SightingView:
    return SightingView(name, "plate", wall_ms, 3, "boot", True, "{}")


class Daemon:
    """The daemon's end: takes what it is told unless it is full; what is called `junk` it refuses for good."""

    def __init__(self) -> None:
        self.full = False
        self.had: list[str] = []
        self.lost: list[LostView] = []
        self.wants = ""
        self.when_full: Callable[[], None] = lambda: None

    async def beat(self, _: Call) -> BeatAnswerView:
        return BeatAnswerView(len(self.had), self.wants)

    async def saw(self, call: Call) -> CountView:
        name = orjson.loads(call.text("what"))["id"]
        if self.full:
            self.when_full()
            raise StoreError("the disk is full")
        if name == "junk":
            raise BadArguments("there is no such sighting")
        self.had.append(name)
        return CountView(len(self.had))

    async def gone(self, call: Call) -> CountView:
        self.lost.append(LostView(**orjson.loads(call.text("what"))))
        return CountView(0)


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not what():
            await asyncio.sleep(0.01)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


class House:
    """A daemon's socket, and a camera's process with its journal."""

    def __init__(self, folder: Path) -> None:
        self.daemon = Daemon()
        self.asked: list[str] = []
        self.journal = folder / "gate.reports"
        handlers = {"camera-beat": self.daemon.beat, "camera-saw": self.daemon.saw, "camera-lost": self.daemon.gone}
        self.server = ControlServer(folder / "s", handlers)
        self.reporter = Reporter(folder / "s", CameraName("gate"), lambda: BEAT, Journal(self.journal), self.asked.append)

    def tell(self, *names: str) -> None:
        for name in names:
            self.reporter.tell(Report(sighting(name)))

    async def told(self, *names: str) -> None:
        """Until the daemon has had these, in this order, and nothing lies on the disk any more."""
        await until(lambda: self.daemon.had == list(names) and not files(self.journal))


@pytest.fixture
async def house(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setattr(reports, "CAMERA_BEAT_S", 0.05)
    monkeypatch.setattr(reports, "CAMERA_REPORTS", 3)
    with TemporaryDirectory() as folder:
        made = House(Path(folder))
        yield made
        await asyncio.to_thread(made.reporter.stop, 20.0)
        await made.server.close()


async def test_what_is_seen_while_the_daemon_is_away_or_full_is_told_in_order(house: House) -> None:
    earlier = Journal(house.journal)
    list(earlier.open())
    assert earlier.keep(sighting("a"))
    house.daemon.full = True
    house.reporter.start()
    house.tell("b")
    assert files(house.journal) == ["000000000001.json", "000000000002.json"]
    await house.server.open()
    await until(lambda: bool(house.asked))
    house.daemon.full, house.daemon.wants = False, "picture 7"
    await house.told("a", "b")
    await until(lambda: "picture 7" in house.asked)
    assert house.daemon.lost == []


async def test_what_is_too_much_and_what_is_refused_for_good_is_told_as_lost(house: House) -> None:
    house.reporter.start()
    house.tell("a", "b", "junk", "c", "d")
    assert len(files(house.journal)) == 4, "three that wait, and the count of the lost"
    await house.server.open()
    await until(lambda: sum(lost.count for lost in house.daemon.lost) == 3)
    await house.told("c", "d")
    assert {lost.first_wall_ms for lost in house.daemon.lost} == {5}


async def test_what_was_erased_meanwhile_is_not_told(house: House) -> None:
    def erase() -> None:
        (house.journal / "000000000001.json").unlink()
        house.daemon.full = False

    house.daemon.full, house.daemon.when_full = True, erase
    house.reporter.start()
    house.tell("secret", "b")
    await house.server.open()
    await house.told("b")
    assert house.daemon.lost == []


async def test_what_lies_on_the_disk_anyway_is_kept_once_and_done_when_told(house: House) -> None:
    done: list[str] = []
    house.reporter.start()
    house.reporter.tell(Report(sighting("fall"), lambda: done.append("fall"), on_disk=True))
    assert files(house.journal) == []
    await house.server.open()
    await house.told("fall")
    await until(lambda: done == ["fall"])


def test_a_journal_that_was_cut_or_cannot_be_written(tmp_path: Path) -> None:
    first = Journal(tmp_path / "r")
    assert list(first.open()) == []
    assert [first.keep(sighting(name, at)) is not None for name, at in (("a", 10), ("b", 20))] == [True, True]
    (tmp_path / "r" / "000000000001.json").write_bytes(b'{"id": "a"')
    (tmp_path / "r" / ".half.partial").write_bytes(b"x")
    first.lose(sighting("c", 30))
    second = Journal(tmp_path / "r")
    assert [noted.sighting.id for noted in second.open()] == ["b"]
    assert second.lost == LostView(2, 30, 30), "the one that was cut, and the one that was set down"
    second.lose(sighting("d", 40))
    second.confess(LostView(2, 30, 30))
    assert Journal(tmp_path / "r").lost.count == 0, "nothing is read before it is opened"
    third = Journal(tmp_path / "r")
    assert ([noted.sighting.id for noted in third.open()], third.lost.count) == (["b"], 1)
    (tmp_path / "file").write_bytes(b"")
    assert Journal(tmp_path / "file").keep(sighting("e")) is None
