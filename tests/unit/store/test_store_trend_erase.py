"""A text that a point has shown is taken out of the packed history, with every copy of its block."""

import sqlite3
import zlib
from contextlib import closing, suppress
from pathlib import Path

import orjson
import pytest

from edgeguard.core.clock import Stamp
from edgeguard.core.errors import StoreError
from edgeguard.core.health import Health
from edgeguard.core.ids import DeviceName, PointName
from edgeguard.core.point import Kind, Labels, Point
from edgeguard.core.site import HistorySpec
from edgeguard.core.snapshot import Snapshot
from edgeguard.core.trend import Aggregate
from edgeguard.store import TrendStore
from edgeguard.store import trends as store_trends
from edgeguard.store.damage import connect
from edgeguard.store.trend_block import decode_rounds, encode_aggregates
from edgeguard.testing.clock import FakeClock

CARD, OTHER = "card 4711", "card 4712"
POINTS = (
    Point(PointName("count"), Kind.NUMBER, Labels("", "")),
    Point(PointName("card"), Kind.TEXT, Labels("", "")),
)


def packed_with(path: Path, text: str) -> int:
    """How many deflated stretches of a file, wherever in it, hold a text."""
    data, found, at = path.read_bytes(), 0, 0
    while (at := data.find(b"\x78\x9c", at)) >= 0:
        with suppress(zlib.error):
            found += text.encode() in zlib.decompressobj().decompress(data[at:])
        at += 1
    return found


async def shown(store: TrendStore, clock: FakeClock, *texts: str) -> None:
    for number, text in enumerate(texts):
        clock.advance(1.0)
        now = clock.now()
        store.take(Snapshot(DeviceName("door"), Stamp(now.wall_ms, now.boot_ms, now.boot, True), POINTS, (number, text), True))
    await store.flush()


def hasty(path: str) -> sqlite3.Connection:
    """A connection that waits for nobody."""
    connection = connect(path)
    connection.execute("PRAGMA busy_timeout = 0").fetchall()
    return connection


def history(directory: Path, clock: FakeClock) -> TrendStore:
    news: list[Health] = []
    return TrendStore(directory, HistorySpec(), clock, news.append)


async def test_no_block_holds_it_in_file_or_log_or_free_pages(tmp_path: Path) -> None:
    clock = FakeClock()
    store = history(tmp_path, clock)
    await shown(store, clock, OTHER, CARD, OTHER)
    await shown(store, clock, OTHER)
    with closing(sqlite3.connect(tmp_path / "trends.db")) as other:
        hour = [[Aggregate(60, last=1.0)], [Aggregate(60, last=CARD)]]
        other.execute("INSERT INTO aggregates VALUES (NULL, 1, 0, 1, ?)", (encode_aggregates(hour),))
        other.execute("INSERT INTO aggregates VALUES (NULL, 2, 0, 1, ?)", (encode_aggregates(hour),))
        other.execute("DELETE FROM aggregates WHERE grain = 2")
        other.commit()
    (tmp_path / "trends-quarantine" / "20261124T000000Z-1").mkdir(parents=True)
    (tmp_path / "trends-quarantine" / "20261124T000000Z-1" / "trends.db").write_bytes(b"damaged")
    files = [tmp_path / name for name in ("trends.db", "trends.db-wal")]
    assert sum(packed_with(path, CARD) for path in files) > 0
    clock.advance(1.0)
    store.take(Snapshot(DeviceName("door"), clock.now(), POINTS, (9, CARD), True))
    assert await store.erase(CARD) == 3
    assert [packed_with(path, CARD) for path in files if path.exists()] == [0] * sum(path.exists() for path in files)
    assert packed_with(files[0], OTHER) > 0
    assert not (tmp_path / "trends-quarantine").exists()
    with closing(sqlite3.connect(tmp_path / "trends.db")) as other:
        bodies = [body for (body,) in other.execute("SELECT body FROM raw ORDER BY id")]
        (kept,) = other.execute("SELECT body FROM aggregates").fetchone()
    assert [decode_rounds(body)[1][0] for body in bodies] == [(0, 1, 2), (0,), (9,)], "the numbers beside it stay"
    assert orjson.loads(zlib.decompress(kept)) == [[[60, 0, 1.0]], [[60, 0]]]
    assert await store.erase(CARD) == 0
    await store.close()


async def test_where_there_is_no_history_there_is_nothing_to_erase(tmp_path: Path) -> None:
    store = history(tmp_path, FakeClock())
    assert await store.erase(CARD) == 0
    assert list(tmp_path.iterdir()) == []


async def test_a_reader_that_keeps_the_log_open_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_trends, "ERASE_TRIES", 2)
    monkeypatch.setattr(store_trends, "ERASE_PAUSE_S", 0.001)
    clock = FakeClock()
    store = TrendStore(tmp_path, HistorySpec(), clock, list[Health]().append, hasty)
    await shown(store, clock, CARD)
    with closing(sqlite3.connect(tmp_path / "trends.db")) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM raw").fetchone()
        with pytest.raises(StoreError):
            await store.erase(CARD)
    assert packed_with(tmp_path / "trends.db-wal", CARD) > 0
    assert await store.erase(CARD, again=True) == 0, "no block holds it, the log still does"
    assert [packed_with(path, CARD) for path in tmp_path.glob("trends.db*")] == [0] * len(list(tmp_path.glob("trends.db*")))
    await store.close()
