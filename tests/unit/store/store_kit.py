"""What the store's tests build with: items, a spec, a store that is surely closed, and a connection that fails on demand."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from edgeguard.core.clock import Clock
from edgeguard.core.health import Health, HealthSink
from edgeguard.core.item import Item, OutboxRow, Stream
from edgeguard.core.site import StoreSpec
from edgeguard.store import Batch, Store
from edgeguard.store.damage import Connect, connect
from edgeguard.store.thinning import Survey
from edgeguard.testing.clock import FakeClock

AMPLE = 1 << 30
FOREVER_MS = 3_600_000


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """The writer's pauses become too short to be felt."""
    monkeypatch.setattr("edgeguard.store.writer.STORE_RETRY_MIN_S", 0.002)
    monkeypatch.setattr("edgeguard.store.writer.STORE_RETRY_MAX_S", 0.01)
    monkeypatch.setattr("edgeguard.store.writer.DISK_LOOK_S", 0.002)
    monkeypatch.setattr("edgeguard.store.writer.STORE_LOOK_S", 0.05)


def deaf(_: Health) -> None:
    """Hears no news."""


def item(clock: Clock, stream: Stream, number: int = 0, size: int = 0) -> Item:
    """An item with a recognisable body of at least `size` bytes."""
    return Item(stream, clock.now(), b'{"n":%d,"pad":"%s"}' % (number, b"x" * max(size - 16, 0)))


def batch(clock: Clock, stream: Stream, *numbers: int) -> Batch:
    """One item per number."""
    return Batch(tuple(item(clock, stream, number) for number in numbers))


def spec_of(directory: Path, **changes: Any) -> StoreSpec:
    """Wide caps, and a telemetry wait that no test outlives."""
    values: dict[str, Any] = {
        "directory": directory,
        "max_bytes": 64 << 20,
        "max_rows": 1_000_000,
        "max_age_ms": None,
        "telemetry_wait_ms": FOREVER_MS,
        "telemetry_rows": 100,
    }
    return StoreSpec(**(values | changes))


@asynccontextmanager
async def running(
    spec: StoreSpec,
    clock: Clock | None = None,
    news: list[Health] | None = None,
    free_bytes: Callable[[Path], int] = lambda _: AMPLE,
    open_connection: Connect = connect,
    survey: Callable[[], Survey] | None = None,
) -> AsyncIterator[Store]:
    """A store with its loop; closed in any case."""
    sink: HealthSink = (news if news is not None else []).append
    store = await Store.open(
        spec, clock or FakeClock(), sink, free_bytes=free_bytes, open_connection=open_connection, survey=survey
    )
    loop = asyncio.create_task(store.run())
    try:
        yield store
    finally:
        loop.cancel()
        await asyncio.gather(loop, return_exceptions=True)
        await store.close()


async def until(happened: Callable[[], bool], turns: int = 2000) -> None:
    """Give the desk's thread time until something is so; fails if it never is."""
    for _ in range(turns):
        if happened():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it never happened")


async def bodies(store: Store, stream: Stream, after: int = 0) -> list[bytes]:
    """Bodies of all rows still to be delivered."""
    return [row.body for row in await everything(store, stream, after)]


async def everything(store: Store, stream: Stream, after: int = 0) -> list[OutboxRow]:
    """All rows still to be delivered, read in small bites."""
    rows: list[OutboxRow] = []
    while found := await store.read(stream, rows[-1].seq if rows else after, 7, 10_000):
        rows.extend(found)
    return rows


class Faults:
    """Makes connections that raise a chosen SQLite error at statements that begin with chosen words, so many times."""

    def __init__(self) -> None:
        self.opened = 0
        self._code = 0
        self._words: tuple[str, ...] = ()
        self._left = 0
        self._after = False

    def set(self, code: int, *words: str, times: int = 1, after: bool = False) -> None:
        """From now on; `after`: the statement is carried out before the error is raised, as by a failed fsync."""
        self._code, self._words, self._left, self._after = code, words, times, after

    def clear(self) -> None:
        self._left = 0

    @property
    def spent(self) -> bool:
        return self._left == 0

    def connect(self, uri: str) -> sqlite3.Connection:
        self.opened += 1
        faults = self

        class Faulty(sqlite3.Connection):
            def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
                return faults.around(sql, lambda: super(Faulty, self).execute(sql, parameters))

            def executemany(self, sql: str, parameters: Iterable[Any], /) -> sqlite3.Cursor:
                return faults.around(sql, lambda: super(Faulty, self).executemany(sql, parameters))

        if self._left and "OPEN" in self._words:
            self._left -= 1
            raise self._error()
        return sqlite3.connect(uri, uri=True, isolation_level=None, factory=Faulty)

    def around(self, sql: str, call: Callable[[], sqlite3.Cursor]) -> sqlite3.Cursor:
        if self._left and sql.startswith(self._words):
            self._left -= 1
            if self._after:
                call()
            raise self._error()
        return call()

    def _error(self) -> sqlite3.OperationalError:
        error = sqlite3.OperationalError("injected")
        error.sqlite_errorcode = self._code
        error.sqlite_errorname = f"CODE_{self._code}"
        return error
