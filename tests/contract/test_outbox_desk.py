"""What the desk relies on in aiosqlite beyond its public face; fails when a new version changes it."""

import asyncio
import sqlite3
import threading

import pytest

from edgeguard.store.desk import Desk


def memory() -> sqlite3.Connection:
    return sqlite3.connect(":memory:", isolation_level=None)


async def test_all_work_is_done_on_one_thread_that_may_die_with_the_process() -> None:
    desk = Desk(memory)
    await desk
    threads = [await desk.do(threading.current_thread) for _ in range(3)]
    assert len(set(threads)) == 1
    assert threads[0] is not threading.main_thread()
    assert threads[0].daemon
    await desk.close()


async def test_work_is_done_in_the_order_in_which_it_was_asked_even_if_nobody_waits() -> None:
    desk = Desk(memory)
    await desk
    done: list[int] = []
    waiters = [asyncio.ensure_future(desk.do(done.append, number)) for number in range(20)]
    await asyncio.sleep(0)
    waiters[3].cancel()
    await asyncio.gather(*waiters, return_exceptions=True)
    assert done == list(range(20))
    await desk.close()


async def test_errors_come_back_with_sqlite_s_codes() -> None:
    connection = memory()
    desk = Desk(lambda: connection)
    await desk
    with pytest.raises(sqlite3.ProgrammingError):  # made on this thread, so the desk's may not use it
        await desk.do(connection.execute, "SELECT 1")
    with pytest.raises(sqlite3.ProgrammingError):
        await desk.close()
    connection.close()
    desk = Desk(memory)
    await desk
    with pytest.raises(sqlite3.OperationalError) as caught:
        await desk.do(lambda: desk._conn.execute("SELECT * FROM nowhere"))
    assert caught.value.sqlite_errorcode == sqlite3.SQLITE_ERROR
    await desk.close()


async def test_a_failed_opening_leaves_no_thread() -> None:
    def refuse() -> sqlite3.Connection:
        raise OSError("no disk")

    before = threading.active_count()
    with pytest.raises(OSError, match="no disk"):
        await Desk(refuse)
    for _ in range(200):
        if threading.active_count() == before:
            break
        await asyncio.sleep(0.005)
    assert threading.active_count() == before


def test_a_result_that_comes_after_the_loop_was_closed_is_nobodys_and_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is slow outlives whoever has asked: that is no fault of the thread's, and nothing to complain of at the end."""
    complaints: list[object] = []
    monkeypatch.setattr(threading, "excepthook", complaints.append)
    slow = threading.Event()

    async def leave() -> Desk:
        desk = Desk(lambda: sqlite3.connect(":memory:", check_same_thread=False))
        await desk
        waiting = asyncio.ensure_future(desk.do(slow.wait))
        await asyncio.sleep(0)
        waiting.cancel()
        return desk

    desk = asyncio.run(leave())
    slow.set()
    desk._thread.join(5)
    assert not desk._thread.is_alive()
    assert complaints == []
    desk._conn.close()
    desk._connection = None
