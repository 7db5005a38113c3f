"""Serves a replay as a device: on a serial port, or on a TCP port as a network device or a serial server would be."""

import asyncio
import os
from pathlib import Path
from typing import Final

from edgeguard.bus.serial import close_port, open_port
from edgeguard.codec.replay import Piece, Replay
from edgeguard.core.errors import Permanent
from edgeguard.core.limits import BUS_RECEIVE_BYTES
from edgeguard.core.line import LineSettings

_PSEUDO_MAJORS: Final = range(136, 144)
_CONNECTIONS: Final = 16


async def serve_on_port(path: Path, line: LineSettings, replay: Replay) -> None:
    """Answer on a serial port until cancelled. Permanent, with words for people, if it cannot be opened or goes away."""
    try:
        port = open_port(path, line)
    except (OSError, ValueError) as error:
        raise Permanent(str(error)) from error
    loop, fd = asyncio.get_running_loop(), port.fileno()
    gone: asyncio.Future[str] = loop.create_future()
    # On a real line the answer takes its own time to pass; on a pseudo-terminal it is there at once, so it comes at its end.
    is_instant = os.major(os.fstat(fd).st_rdev) in _PSEUDO_MAJORS

    def readable() -> None:
        try:
            data = os.read(fd, BUS_RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            data, why = b"", error.strerror
        else:
            why = "it has hung up"
        if not data:
            loop.remove_reader(fd)
            if not gone.done():
                gone.set_result(f"{path} is gone: {why}")
            return
        for pieces in replay.hear(loop.time(), data):
            for piece in pieces:
                loop.call_later(piece.end_s if is_instant else piece.begin_s, write, piece)

    def write(piece: Piece) -> None:
        if not gone.done():
            os.write(fd, piece.data)

    loop.add_reader(fd, readable)
    try:
        raise Permanent(await gone)
    finally:
        loop.remove_reader(fd)
        gone.cancel()
        close_port(port)


async def serve_on_tcp(host: str, port: int, replay: Replay) -> asyncio.Server:
    """A server that answers on this address; the caller closes it. Permanent if it cannot listen there."""
    open_now: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        if len(open_now) >= _CONNECTIONS:
            writer.close()
            return
        open_now.add(writer)
        try:
            while data := await reader.read(BUS_RECEIVE_BYTES):
                for pieces in replay.hear(loop.time(), data):
                    for piece in pieces:
                        loop.call_later(piece.end_s, _send, writer, piece.data)
        except ConnectionError:
            return
        finally:
            open_now.discard(writer)
            writer.close()

    try:
        return await asyncio.start_server(serve, host, port)
    except OSError as error:
        raise Permanent(f"cannot listen on {host}:{port}: {error.strerror or error}") from error


def _send(writer: asyncio.StreamWriter, data: bytes) -> None:
    if not writer.is_closing():
        writer.write(data)
