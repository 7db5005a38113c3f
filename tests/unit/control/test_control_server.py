"""Server and client together on a real socket, as fast as it goes: rights, refusals, bounds that need no waiting."""

import asyncio
import contextlib
import os
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import orjson
import pytest

from edgeguard.control import (
    METHODS,
    Call,
    CallRefused,
    ControlBounds,
    ControlClient,
    ControlServer,
    DaemonSilent,
    Handler,
    Peer,
    UnknownName,
    methods,
)
from edgeguard.control.peer import OVERFLOW_UID, may_write, uid_of
from edgeguard.core.errors import Permanent, WriteRefused
from edgeguard.testing.handlers import FakeBuilding


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder with a short name: a Unix socket's path has 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="eg-") as folder:
        yield Path(folder)


@contextlib.asynccontextmanager
async def serving(
    path: Path, handlers: Mapping[str, Handler] | None = None, bounds: ControlBounds | None = None
) -> AsyncIterator[ControlServer]:
    server = ControlServer(path, FakeBuilding().table() if handlers is None else handlers, bounds=bounds)
    await server.open()
    try:
        yield server
    finally:
        await server.close()


async def raw(path: Path, sent: bytes, end: bool = True) -> bytes:
    """Everything that comes back to these bytes until the server hangs up."""
    reader, writer = await asyncio.open_unix_connection(path, limit=2**24)
    with contextlib.suppress(ConnectionError):
        writer.write(sent)
        await writer.drain()
        if end:
            writer.write_eof()
    answer = await reader.read()
    writer.close()
    return answer


def answering(result: object) -> Handler:
    async def handler(_call: Call) -> object:
        if isinstance(result, Exception):
            raise result
        return result

    return handler


async def test_every_method_comes_back_as_its_view(place: Path) -> None:
    building = FakeBuilding()
    async with serving(place / "s", building.table()), ControlClient(place / "s") as client:
        assert await client.call(methods.STATUS) == building.status()
        assert await client.call(methods.DEVICES) == building.devices()
        assert await client.call(methods.POINTS) == building.points()
        assert await client.call(methods.ALARMS, {"all": True}) == building.alarms(everything=True)
        assert await client.call(methods.OUTBOX) == building.outbox()
        assert await client.call(methods.TOP) == building.top()
        assert {point.device for point in await client.call(methods.POINTS, {"device": "pump-1"})} == {"pump-1"}
        assert [point.point for point in await client.call(methods.READ, {"targets": ["pump-1.flow"]})] == ["flow"]
        written = await client.call(methods.WRITE, {"device": "pump-1", "point": "setpoint", "value": 4.5, "by": "me"})
        assert (written.read_back, written.verified) == (4.5, True)
        assert (await client.call(methods.ACK, {"alarm": "pump-1.dry-run", "by": "me"})).state == "acked"
        assert (await client.call(methods.RELOAD)).config_sha256 == building.status().config_sha256
    assert building.table().keys() == METHODS.keys()


async def test_a_request_in_plain_json_is_answered_with_its_id(place: Path) -> None:
    async with serving(place / "s", {"status": answering("fine")}):
        answer = await raw(place / "s", b'{"id":"a","method":"status"}\n{"id":2,"method":"nix"}\n')

    first, second = (orjson.loads(line) for line in answer.splitlines())
    assert first == {"id": "a", "ok": True, "result": "fine"}
    assert (second["id"], second["ok"], second["error"]["code"]) == (2, False, "unknown-method")


async def test_a_broken_line_is_refused_and_the_connection_goes_on(place: Path) -> None:
    async with serving(place / "s", {"status": answering(1)}) as server:
        answer = await raw(place / "s", b'{"id":1,\n{"id":2,"method":"status"}\n')

    first, second = (orjson.loads(line) for line in answer.splitlines())
    assert (first["id"], first["error"]["code"]) == (None, "bad-request")
    assert second["ok"]
    assert server.figures.refused == {"bad-request": 1}


async def test_what_a_handler_says_no_to_reaches_the_person(place: Path) -> None:
    handlers = {"status": answering(WriteRefused("9 is above 6 bar")), "devices": answering(UnknownName("no such thing"))}
    async with serving(place / "s", handlers), ControlClient(place / "s") as client:
        with pytest.raises(CallRefused, match="9 is above 6 bar") as refusal:
            await client.call(methods.STATUS)
        assert refusal.value.code == "write-refused"
        with pytest.raises(CallRefused) as unknown:
            await client.call(methods.DEVICES)
        assert unknown.value.code == "unknown-name"


async def test_a_bug_ends_one_request_and_tells_the_peer_nothing(place: Path) -> None:
    handlers = {"status": answering(KeyError("/etc/secret/path")), "devices": answering(object()), "points": answering([])}
    async with serving(place / "s", handlers):
        answer = await raw(place / "s", b'{"method":"status"}\n{"method":"devices"}\n{"method":"points"}\n')

    first, second, third = (orjson.loads(line) for line in answer.splitlines())
    assert first["error"]["code"] == second["error"]["code"] == "internal-error"
    assert b"secret" not in answer
    assert b"Traceback" not in answer
    assert third["ok"]


async def test_a_line_past_its_bound_ends_the_connection(place: Path) -> None:
    async with serving(place / "s", {"status": answering(1)}, ControlBounds(line_bytes=1000)) as server:
        answer = await raw(place / "s", b"x" * 5000, end=False)

    assert orjson.loads(answer)["error"] == {"code": "bad-request", "message": "a line has at most 1000 bytes"}
    assert server.figures.connections == 0


async def test_an_unended_line_is_named(place: Path) -> None:
    async with serving(place / "s"):
        answer = await raw(place / "s", b'{"method":"status"}')

    assert "line feed" in orjson.loads(answer)["error"]["message"]


async def test_an_answer_past_its_bound_is_refused(place: Path) -> None:
    async with serving(place / "s", {"points": answering("x" * 17 * 2**20)}), ControlClient(place / "s") as client:
        with pytest.raises(CallRefused) as refusal:
            await client.call(methods.POINTS)

    assert refusal.value.code == "answer-too-large"


async def test_connections_beyond_the_bound_are_told_so(place: Path) -> None:
    async with serving(place / "s", {"status": answering(1)}) as server, contextlib.AsyncExitStack() as held:
        for _ in range(32):
            _, writer = await asyncio.open_unix_connection(place / "s")
            held.callback(writer.close)
        answer = await raw(place / "s", b"", end=False)
        assert orjson.loads(answer)["error"]["code"] == "overloaded"
        assert server.figures.connections == 32


async def test_room_is_free_again_when_somebody_leaves(place: Path) -> None:
    async with serving(place / "s", {"status": answering(1)}, ControlBounds(connections=1)):
        for _ in range(3):
            assert orjson.loads(await raw(place / "s", b'{"method":"status"}\n'))["ok"]


async def test_closing_removes_the_socket_and_cuts_everybody(place: Path) -> None:
    async with serving(place / "s") as server:
        reader, writer = await asyncio.open_unix_connection(place / "s")
        serve = asyncio.create_task(server.serve())
        await asyncio.sleep(0)
        await server.close()
        assert await reader.read() == b""
        await serve
        writer.close()
    assert not (place / "s").exists()


async def test_serving_where_somebody_serves_fails(place: Path) -> None:
    async with serving(place / "s"):
        with pytest.raises(Permanent, match="another edgeguard"):
            await ControlServer(place / "s", {}).serve()


def test_a_handler_without_a_method_is_a_mistake_in_the_program(place: Path) -> None:
    with pytest.raises(ValueError, match="format_disk"):
        ControlServer(place / "s", {"format_disk": answering(1)})


async def test_a_client_connects_anew_after_the_daemon_was_restarted(place: Path) -> None:
    async with ControlClient(place / "s") as client:
        with pytest.raises(DaemonSilent, match="systemctl start edgeguard"):
            await client.call(methods.STATUS)
        async with serving(place / "s"):
            assert (await client.call(methods.STATUS)).site == "lakeside"
        with pytest.raises(DaemonSilent):
            await client.call(methods.STATUS)
        async with serving(place / "s"):
            assert (await client.call(methods.STATUS)).site == "lakeside"


async def test_a_client_understands_no_nonsense(place: Path) -> None:
    answers = iter([b"hello\n", b"[]\n", b'{"id":3,"ok":true,"result":{}}\n', b'{"id":77,"ok":true,"result":[]}\n', b""])

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(next(answers))
        writer.close()

    async with await asyncio.start_unix_server(talk, place / "s"), ControlClient(place / "s") as client:
        for told in ("not JSON", "no answer", "StatusView", "another question", "hung up"):
            with pytest.raises(DaemonSilent, match=told):
                await client.call(methods.STATUS)


async def test_handlers_see_who_asks(place: Path) -> None:
    seen: list[Call] = []

    async def handler(call: Call) -> object:
        seen.append(call)
        return FakeBuilding().alarms()[0]

    async with serving(place / "s", {"ack": handler}), ControlClient(place / "s") as client:
        await client.call(methods.ACK, {"alarm": "a.b", "by": "somebody-else"})

    (call,) = seen
    assert (call.peer.uid, call.peer.pid, call.may_write) == (os.getuid(), os.getpid(), True)
    assert call.author == f"{call.peer.user} (as somebody-else)"


def test_arguments_are_taken_by_type() -> None:
    call = Call("x", {"a": "text", "b": ("p", "q"), "c": True, "d": 1.5}, Peer(1, 2, 3), may_write=False)

    assert (call.text("a"), call.text("b"), call.text("z", "none")) == ("text", "", "none")
    assert (call.texts("b"), call.texts("a")) == (("p", "q"), ())
    assert (call.flag("c"), call.flag("a")) == (True, False)
    assert (call.value("d"), call.value("a")) == (1.5, "text")
    with pytest.raises(KeyError):
        call.value("b")


@pytest.mark.parametrize(("uid", "operators", "allowed"), [(0, (), True), (4242, (), False), (4242, (4242,), True)])
def test_who_may_write(uid: int, operators: tuple[int, ...], allowed: bool) -> None:
    assert may_write(Peer(1, uid, uid), operators) is allowed


def test_operators_must_be_somebody() -> None:
    assert uid_of("root") == 0
    assert uid_of(1234) == 1234
    for nobody in ("no-such-user-here", OVERFLOW_UID):
        with pytest.raises(UnknownName, match=r"control\.operators"):
            uid_of(nobody)


async def test_an_unknown_operator_does_not_stop_the_daemon(place: Path) -> None:
    server = ControlServer(place / "s", FakeBuilding().table(), operators=("no-such-user-here",))
    await server.open()
    try:
        async with ControlClient(place / "s") as client:
            assert (await client.call(methods.STATUS)).gateway == "b07"
    finally:
        await server.close()
