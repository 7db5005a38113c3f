"""The control socket against peers that mean no good, in real time with small bounds, and against users who may only read."""

import asyncio
import contextlib
import grp
import json
import os
import pwd
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import orjson
import pytest

from edgeguard.control import Call, ControlBounds, ControlServer
from edgeguard.testing.handlers import FakeBuilding

pytestmark = pytest.mark.slow

TIGHT = ControlBounds(idle_s=0.3, send_s=0.3, handler_s=0.3)
WIDE = ControlBounds()
"""Where nothing is to be cut for being slow: a busy machine is slow at times."""
STATUS = b'{"id":1,"method":"status"}\n'


@pytest.fixture
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="eg-") as folder:
        yield Path(folder)


@contextlib.asynccontextmanager
async def serving(
    place: Path,
    bounds: ControlBounds = TIGHT,
    operators: tuple[str, ...] = (),
    points: Callable[[Call], Awaitable[object]] | None = None,
    on_refused: Callable[[str, str], None] | None = None,
) -> AsyncIterator[ControlServer]:
    table = dict(FakeBuilding().table())
    if points is not None:
        table["points"] = points
    server = ControlServer(place / "s", table, operators, bounds, on_refused)
    await server.open()
    try:
        yield server
    finally:
        await server.close()


async def ask(place: Path, line: bytes = STATUS) -> object:
    """The answer; asked for again where a machine that stood still has made a slow caller of this one."""
    for _ in range(20):
        reader, writer = await asyncio.open_unix_connection(place / "s", limit=2**24)
        writer.write(line)
        with contextlib.suppress(ConnectionError):
            if answer := await reader.readline():
                writer.close()
                return orjson.loads(answer)
        writer.close()
    raise AssertionError("nobody answers")


async def until_cut(reader: asyncio.StreamReader) -> bytes:
    """Everything until the server hangs up; fails the test if it never does."""
    async with asyncio.timeout(60):
        with contextlib.suppress(ConnectionError):
            return await reader.read()
    return b""


async def test_a_silent_client_is_cut(place: Path) -> None:
    async with serving(place) as server:
        reader, writer = await asyncio.open_unix_connection(place / "s")
        assert await until_cut(reader) == b""
        writer.close()
        assert server.figures.refused == {"idle": 1}


async def test_a_byte_now_and_then_does_not_help(place: Path) -> None:
    async with serving(place) as server:
        reader, writer = await asyncio.open_unix_connection(place / "s")

        async def dribble() -> None:
            with contextlib.suppress(ConnectionError):
                while not writer.is_closing():
                    writer.write(b" ")
                    await writer.drain()
                    await asyncio.sleep(0.02)

        dribbling = asyncio.create_task(dribble())
        assert await until_cut(reader) == b""
        writer.close()
        await dribbling
        assert server.figures.connections == 0


async def test_a_flood_without_a_line_feed_is_cut(place: Path) -> None:
    async with serving(place, WIDE) as server:
        reader, writer = await asyncio.open_unix_connection(place / "s")

        async def flood() -> None:
            with contextlib.suppress(ConnectionError):
                for _ in range(1000):
                    writer.write(b"x" * 65536)
                    await writer.drain()

        flooding = asyncio.create_task(flood())
        await until_cut(reader)
        writer.close()
        await flooding
        assert server.figures.refused == {"bad-request": 1}
        assert server.figures.connections == 0


async def test_who_does_not_read_is_cut_and_harms_nobody(place: Path) -> None:
    async def much(_call: Call) -> object:
        return ["x" * 1000] * 2000

    async with serving(place, points=much) as server:
        _, writer = await asyncio.open_unix_connection(place / "s", limit=1)
        with contextlib.suppress(ConnectionError):
            for _ in range(20):
                writer.write(b'{"method":"points"}\n')
        assert await ask(place)
        async with asyncio.timeout(60):
            while server.figures.connections:
                await asyncio.sleep(0.02)
        writer.close()
        assert server.figures.refused["slow-reader"] == 1


async def test_answers_that_nobody_reads_have_a_bound_together(place: Path) -> None:
    async def much(_call: Call) -> object:
        return "x" * 3_000_000

    bounds = ControlBounds(idle_s=5, send_s=2, handler_s=5, pending_bytes=4_000_000)
    async with serving(place, bounds, points=much) as server, contextlib.AsyncExitStack() as held:
        for _ in range(4):
            _, writer = await asyncio.open_unix_connection(place / "s", limit=1)
            held.callback(writer.close)
            writer.write(b'{"method":"points"}\n')
        async with asyncio.timeout(60):
            while server.figures.refused.get("overloaded", 0) < 3:
                await asyncio.sleep(0.02)
        assert await ask(place)


async def test_a_handler_that_hangs_is_given_up(place: Path) -> None:
    cancelled = asyncio.Event()

    async def hang(_call: Call) -> object:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return None

    async with serving(place, points=hang):
        answer = await ask(place, b'{"method":"points"}\n')

    assert isinstance(answer, dict)
    assert answer["error"]["code"] == "handler-timeout"
    assert cancelled.is_set()


async def test_thirty_two_idle_peers_free_their_places_in_time(place: Path) -> None:
    async with serving(place, ControlBounds(idle_s=1.5)) as server, contextlib.AsyncExitStack() as held:
        readers = []
        for _ in range(33):
            reader, writer = await asyncio.open_unix_connection(place / "s")
            held.callback(writer.close)
            readers.append(reader)
        assert b"too many connections" in await until_cut(readers[32])
        for reader in readers[:32]:
            await until_cut(reader)
        assert server.figures.accepted == 33
        answer = await ask(place)
        assert isinstance(answer, dict)
        assert answer["ok"]


AS_USER = """
import os, socket, sys
path, uid, gid, line = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
os.setgroups([gid]); os.setgid(gid); os.setuid(uid)
with socket.socket(socket.AF_UNIX) as caller:
    caller.settimeout(60)
    caller.connect(path)
    try:
        caller.sendall(line.encode() + b"\\n")
    except BrokenPipeError:
        pass  # refused before it could ask; the reason waits to be read
    print(caller.makefile().readline(), end="")
"""


async def ask_as(place: Path, uid: int, gid: int, line: str) -> subprocess.CompletedProcess[bytes]:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", AS_USER, str(place / "s"), str(uid), str(gid), line, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, err = await child.communicate()
    return subprocess.CompletedProcess([], child.returncode or 0, out, err)


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become other users")
STRANGER = 54321
WRITE = '{"method":"write","args":{"device":"pump-1","point":"setpoint","value":4,"by":"me"}}'


def open_to(place: Path, gid: int) -> None:
    """As systemd and the daemon's group do it: the folder passable, the socket for owner and group."""
    place.chmod(0o755)
    os.chown(place / "s", 0, gid)


@needs_root
async def test_a_member_of_the_group_reads_but_does_not_write(place: Path) -> None:
    told: list[tuple[str, str]] = []
    async with serving(place, WIDE, on_refused=lambda user, method: told.append((user, method))) as server:
        open_to(place, STRANGER)

        read = json.loads((await ask_as(place, STRANGER, STRANGER, STATUS.decode().strip())).stdout)
        write = json.loads((await ask_as(place, STRANGER, STRANGER, WRITE)).stdout)

        assert read["ok"]
        assert write["error"]["code"] == "not-allowed"
        assert "control.operators" in write["error"]["message"]
        assert server.figures.refused == {"not-allowed": 1}
        assert told == [(str(STRANGER), "write")]


@needs_root
async def test_an_operator_writes(place: Path) -> None:
    daemon = pwd.getpwnam("daemon")
    async with serving(place, WIDE, operators=("daemon",)):
        open_to(place, daemon.pw_gid)

        write = json.loads((await ask_as(place, daemon.pw_uid, daemon.pw_gid, WRITE)).stdout)

    assert write["ok"]
    assert write["result"]["read_back"] == 4


@needs_root
async def test_somebody_outside_of_the_group_does_not_get_in(place: Path) -> None:
    async with serving(place) as server:
        open_to(place, grp.getgrnam("daemon").gr_gid)

        refused = await ask_as(place, STRANGER, STRANGER, STATUS.decode().strip())

        assert b"PermissionError" in refused.stderr
        assert server.figures.accepted == 0


@needs_root
async def test_readers_cannot_take_the_last_places(place: Path) -> None:
    bounds = ControlBounds(connections=3, reader_connections=1)
    holding = AS_USER.replace('caller.sendall(line.encode() + b"\\n")', 'print("in", flush=True); sys.stdin.read(1)')
    async with serving(place, bounds) as server:
        open_to(place, STRANGER)
        held = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", holding, str(place / "s"), str(STRANGER), str(STRANGER), ""),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert held.stdout is not None
        assert (await held.stdout.readline()) == b"in\n"

        second = json.loads((await ask_as(place, STRANGER, STRANGER, STATUS.decode().strip())).stdout)
        owner = await ask(place)

        assert second["error"]["code"] == "overloaded"
        assert isinstance(owner, dict)
        assert owner["ok"]
        assert server.figures.accepted == 3
        held.kill()
        await held.wait()
