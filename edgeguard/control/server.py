"""The daemon's end of the control socket: every connection is bounded in time, bytes and rights before a handler sees it.

Handlers are injected; what they do is none of this room's business. One request of a connection is served at a time.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog

from edgeguard.control.call import Call, Handler
from edgeguard.control.doorway import Doorway
from edgeguard.control.errors import (
    BadRequest,
    HandlerTimeout,
    InternalError,
    NotAllowed,
    Overloaded,
    UnknownMethod,
    UnknownName,
    code_of,
)
from edgeguard.control.message import Request, RequestId, check_arguments, encode_error, encode_result, parse_request
from edgeguard.control.methods import METHODS
from edgeguard.control.peer import Peer, may_write, peer_of, uid_of
from edgeguard.control.socket_file import SocketFile, open_socket_file
from edgeguard.core.errors import EdgeguardError
from edgeguard.core.limits import (
    CONTROL_HANDLER_S,
    CONTROL_IDLE_S,
    CONTROL_LINE_BYTES,
    CONTROL_MAX_CONNECTIONS,
    CONTROL_PENDING_BYTES,
    CONTROL_READER_CONNECTIONS,
    CONTROL_SEND_S,
)

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ControlBounds:
    """The bounds of a server; those of the product unless a test says otherwise."""

    connections: int = CONTROL_MAX_CONNECTIONS
    reader_connections: int = CONTROL_READER_CONNECTIONS
    line_bytes: int = CONTROL_LINE_BYTES
    pending_bytes: int = CONTROL_PENDING_BYTES
    idle_s: float = CONTROL_IDLE_S
    send_s: float = CONTROL_SEND_S
    handler_s: float = CONTROL_HANDLER_S


@dataclass(frozen=True, slots=True)
class ControlFigures:
    """What the server has seen since its start; `refused` counts by the codes of the answers, and cut connections by reason."""

    connections: int
    accepted: int
    calls: int
    refused: Mapping[str, int]


class ControlServer:
    """Serves `handlers` at `path`. `operators` (names or uids) may write, beside root and the daemon's own user."""

    def __init__(
        self,
        path: Path,
        handlers: Mapping[str, Handler],
        operators: Collection[str | int] = (),
        bounds: ControlBounds | None = None,
        on_refused: Callable[[str, str], None] | None = None,
    ) -> None:
        """`on_refused` hears the user and the method of whatever was not allowed."""
        strangers = sorted(handlers.keys() - METHODS.keys())
        if strangers:
            raise ValueError(f"handlers without a method: {', '.join(strangers)}")
        self._path = path
        self._handlers = dict(handlers)
        self._operators = tuple(operators)
        self._operator_uids: frozenset[int] = frozenset()
        self._bounds = bounds or ControlBounds()
        self._on_refused = on_refused
        self._file: SocketFile | None = None
        self._doorway: Doorway | None = None
        self._conversations: dict[asyncio.Task[None], bool] = {}
        self._closed = asyncio.Event()
        self._accepted = 0
        self._calls = 0
        self._pending_bytes = 0
        self._refused: Counter[str] = Counter()

    @property
    def figures(self) -> ControlFigures:
        """Counters since the start."""
        return ControlFigures(len(self._conversations), self._accepted, self._calls, dict(self._refused))

    async def open(self) -> None:
        """Listen. Permanent or Retryable with the path and the reason if that is impossible; nothing is left behind then."""
        if self._file is not None:
            return
        self._operator_uids = frozenset(self._known_operators())
        self._file = open_socket_file(self._path)
        self._doorway = Doorway(self._file.listener, self._bounds.line_bytes, self._accept, self._no_room)
        _log.info("control.listening", path=str(self._path), operators=len(self._operator_uids))

    async def serve(self) -> None:
        """Listen until `close`; an essential part of the daemon. Fails as `open` does."""
        await self.open()
        try:
            await self._closed.wait()
        finally:
            await self.close()

    async def close(self) -> None:
        """Remove the socket, cut every connection, and let `serve` return. May be called again."""
        self._closed.set()
        file, self._file = self._file, None
        doorway, self._doorway = self._doorway, None
        if file is None or doorway is None:
            return
        file.remove()
        doorway.close()
        conversations = tuple(self._conversations)
        for conversation in conversations:
            conversation.cancel()
        await asyncio.gather(*conversations, return_exceptions=True)
        _log.info("control.closed", calls=self._calls, refused=sum(self._refused.values()))

    def _known_operators(self) -> list[int]:
        known = []
        for operator in self._operators:
            try:
                known.append(uid_of(operator))
            except UnknownName as error:
                _log.warning("control.operator_ignored", operator=operator, error=str(error))
        return known

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A new connection: refuse it at once or begin a conversation."""
        if self._closed.is_set():
            # It was in the kernel's queue when the server was closed, and nobody would cut it later.
            writer.close()
            return
        self._accepted += 1
        peer = peer_of(writer.get_extra_info("socket"))
        writes = may_write(peer, self._operator_uids)
        readers = sum(1 for other_writes in self._conversations.values() if not other_writes)
        full = len(self._conversations) >= self._bounds.connections
        if full or (not writes and readers >= self._bounds.reader_connections):
            # Small enough for the kernel's buffer, so nothing waits for a peer that does not read.
            writer.write(self._refuse(None, Overloaded("too many connections to the control socket; try again in a moment")))
            writer.close()
            return
        conversation = asyncio.create_task(self._converse(reader, writer, peer, writes), name=f"control.{peer.pid}")
        self._conversations[conversation] = writes
        conversation.add_done_callback(self._forget)

    def _no_room(self) -> bytes:
        self._accepted += 1
        return self._refuse(None, Overloaded("the daemon has no file descriptors left; its log says since when"))

    def _forget(self, conversation: asyncio.Task[None]) -> None:
        del self._conversations[conversation]
        if not conversation.cancelled() and (bug := conversation.exception()) is not None:
            _log.error("control.bug", conversation=conversation.get_name(), exc_info=bug)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: Peer, writes: bool) -> None:
        """Answer line by line until the peer leaves or breaks a bound."""
        writer.transport.set_write_buffer_limits(high=0)
        try:
            while (line := await self._next_line(reader, writer)) is not None:
                if not await self._send(writer, await self._answer(line, peer, writes)):
                    return
        except ConnectionError:
            self._refused["peer-left"] += 1
        finally:
            writer.close()

    async def _next_line(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes | None:
        """The next request; None when there will be none, after saying why where the peer is at fault."""
        try:
            async with asyncio.timeout(self._bounds.idle_s):
                return (await reader.readuntil(b"\n"))[:-1]
        except asyncio.IncompleteReadError as end:
            if end.partial:
                await self._send(writer, self._refuse(None, BadRequest("the line has no end; a request ends with a line feed")))
        except asyncio.LimitOverrunError:
            much = f"a line has at most {self._bounds.line_bytes} bytes"
            await self._send(writer, self._refuse(None, BadRequest(much)))
        except TimeoutError:
            self._refused["idle"] += 1
        return None

    async def _answer(self, line: bytes, peer: Peer, writes: bool) -> bytes:
        """The answer's line to a request's line, whatever that is."""
        identity: RequestId = None
        method = ""
        try:
            request = parse_request(line)
            identity, method = request.id, request.method
            return encode_result(identity, await self._perform(request, peer, writes))
        except EdgeguardError as error:
            if isinstance(error, NotAllowed) and self._on_refused is not None:
                self._on_refused(peer.user, method)
            return self._refuse(identity, error)

    async def _perform(self, request: Request, peer: Peer, writes: bool) -> object:
        method, handler = METHODS.get(request.method), self._handlers.get(request.method)
        if method is None or handler is None:
            known = ", ".join(sorted(self._handlers))
            raise UnknownMethod(f"there is no method {request.method[:40]!r} (there are: {known})")
        if method.writes and not writes:
            raise NotAllowed(
                f"user {peer.user} may read but not {method.name}; "
                "use sudo, or have the user added to control.operators in the site's configuration"
            )
        call = Call(method.name, check_arguments(method, request.args), peer, writes)
        self._calls += 1
        if method.writes and not method.routine:
            _log.info("control.write_asked", method=method.name, user=peer.user, uid=peer.uid, pid=peer.pid)
        return await self._handle(handler, call)

    async def _handle(self, handler: Handler, call: Call) -> object:
        """The handler's result within its time; a bug in it ends this request only, with its trace in the log."""
        work = asyncio.ensure_future(handler(call))
        try:
            await asyncio.wait({work}, timeout=self._bounds.handler_s)
        finally:
            late = not work.done()
            if late:
                work.cancel()
        if late:
            await asyncio.wait({work}, timeout=self._bounds.send_s)
            raise HandlerTimeout(f"{call.method} took longer than {self._bounds.handler_s:g} s and was given up")
        error = None if work.cancelled() else work.exception()
        if isinstance(error, EdgeguardError):
            raise error
        if error is not None or work.cancelled():
            _log.error("control.bug", method=call.method, exc_info=error)
            raise InternalError(f"the daemon failed at {call.method}; its log says why (journalctl -u edgeguard)")
        return work.result()

    async def _send(self, writer: asyncio.StreamWriter, line: bytes) -> bool:
        """Hand a line to the peer; False when it does not take it in time and the connection has been cut."""
        if self._pending_bytes and self._pending_bytes + len(line) > self._bounds.pending_bytes:
            line = self._refuse(None, Overloaded("too many answers wait to be read; try again in a moment"))
        self._pending_bytes += len(line)
        try:
            async with asyncio.timeout(self._bounds.send_s):
                writer.write(line)
                await writer.drain()
        except TimeoutError:
            self._refused["slow-reader"] += 1
            writer.transport.abort()
            return False
        finally:
            self._pending_bytes -= len(line)
        return True

    def _refuse(self, identity: RequestId, error: EdgeguardError) -> bytes:
        self._refused[code_of(error)] += 1
        return encode_error(identity, error)
