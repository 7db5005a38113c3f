"""A daemon without a free descriptor: whoever calls is told or waits, nothing spins, and it goes on when there are some again."""

import asyncio
import contextlib
import os
import resource
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import orjson
import pytest
from structlog.testing import capture_logs

from edgeguard.control import ControlServer, doorway
from edgeguard.testing.handlers import FakeBuilding

STATUS = b'{"id":1,"method":"status"}\n'


@contextlib.contextmanager
def no_descriptors() -> Iterator[None]:
    """Every descriptor that this process may have is taken while the block runs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.open(os.devnull, os.O_RDONLY)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free + 8, hard))
    taken = [free]
    try:
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.dup(free))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for one in taken:
            os.close(one)


@pytest.fixture
async def callers() -> AsyncIterator[list[socket.socket]]:
    """Sockets that have their descriptors before there are none left."""
    made = [socket.socket(socket.AF_UNIX) for _ in range(3)]
    for one in made:
        one.setblocking(False)
    yield made
    for one in made:
        one.close()


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ControlServer]:
    monkeypatch.setattr(doorway, "_PAUSE_S", 0.02)
    with tempfile.TemporaryDirectory(prefix="eg-") as folder:
        made = ControlServer(Path(folder) / "s", FakeBuilding().table())
        await made.open()
        yield made
        await made.close()


async def ask(server: ControlServer, caller: socket.socket) -> bytes:
    """The first line of the answer; empty when there is none."""
    loop = asyncio.get_running_loop()
    await loop.sock_connect(caller, str(server._path))
    with contextlib.suppress(BrokenPipeError):
        await loop.sock_sendall(caller, STATUS)
    answer = b""
    while not answer.endswith(b"\n") and (more := await loop.sock_recv(caller, 65_536)):
        answer += more
    return answer


async def test_who_calls_is_told_at_once_and_served_later(server: ControlServer, callers: list[socket.socket]) -> None:
    with capture_logs() as log:
        with no_descriptors():
            for caller in callers[:2]:
                answer = orjson.loads(await asyncio.wait_for(ask(server, caller), 10))
                assert (answer["id"], answer["error"]["code"]) == (None, "overloaded")
                assert "no file descriptors left" in answer["error"]["message"]
        assert b'"result"' in await asyncio.wait_for(ask(server, callers[2]), 10)
    assert [entry["event"] for entry in log] == ["control.no_descriptors", "control.descriptors_again"]
    assert (server.figures.accepted, server.figures.refused) == (3, {"overloaded": 2})


async def test_where_not_even_one_is_left_to_say_so_callers_wait(server: ControlServer, callers: list[socket.socket]) -> None:
    assert server._doorway is not None
    server._doorway._give_spare()
    with no_descriptors():
        waiting = [asyncio.create_task(ask(server, caller)) for caller in callers]
        done, _ = await asyncio.wait(waiting, timeout=0.1)
        assert not done
    for answer in await asyncio.wait_for(asyncio.gather(*waiting), 10):
        assert b'"result"' in answer
