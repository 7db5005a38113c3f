"""The other end: one connection to the daemon, answers decoded into views, and errors that say what a person can do.

Knows the method table and nothing of what the daemon does.
"""

import asyncio
import itertools
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar, cast

import orjson

from edgeguard.control.decode import Undecodable, decode
from edgeguard.control.errors import CallRefused, DaemonSilent
from edgeguard.control.message import encode_request
from edgeguard.control.methods import Method
from edgeguard.core.limits import CONTROL_ANSWER_BYTES

R = TypeVar("R")


class ControlClient:
    """A connection that opens at the first call and again after a failure. Calls go one after the other, not at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ids = itertools.count(1)
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Hang up; the next call connects anew."""
        if self._writer is not None:
            self._writer.transport.abort()
        self._reader = self._writer = None

    async def call(self, method: Method[R], args: Mapping[str, object] | None = None, timeout_s: float | None = None) -> R:
        """Ask and wait at most `timeout_s` (the method's own by default).

        DaemonSilent when nobody answers in time or in a way that can be understood; CallRefused when the daemon says no.
        """
        identity = next(self._ids)
        wait_s = method.timeout_s if timeout_s is None else timeout_s
        try:
            async with asyncio.timeout(wait_s):
                line = await self._exchange(encode_request(identity, method.name, args or {}))
            return decode(method.result, _result(identity, line))
        except TimeoutError:
            self.close()
            raise DaemonSilent(
                f"the daemon at {self._path} took the question but gave no answer within {wait_s:g} s; "
                "look at its log: journalctl -u edgeguard -e"
            ) from None
        except Undecodable as error:
            self.close()
            raise DaemonSilent(
                f"the daemon at {self._path} answers in a way that this edgeguard does not understand ({error}); "
                "is it another version? systemctl restart edgeguard"
            ) from error
        except asyncio.CancelledError:
            # An answer may still be on its way: on this connection it would be taken for that of the next question.
            self.close()
            raise

    async def _exchange(self, line: bytes) -> bytes:
        reader, writer = await self._connected()
        try:
            writer.write(line)
            await writer.drain()
            return await reader.readuntil(b"\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError) as error:
            self.close()
            raise DaemonSilent(
                f"the daemon at {self._path} hung up without an answer; look at its log: journalctl -u edgeguard -e"
            ) from error

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._reader is not None and self._writer is not None and not self._reader.at_eof():
            return self._reader, self._writer
        self.close()
        try:
            self._reader, self._writer = await asyncio.open_unix_connection(self._path, limit=CONTROL_ANSWER_BYTES)
        except OSError as error:
            raise DaemonSilent(_why(self._path, error)) from error
        return self._reader, self._writer


def call(path: Path, method: Method[R], args: Mapping[str, object] | None = None, timeout_s: float | None = None) -> R:
    """One question on a connection of its own, for code without a loop. Raises as `ControlClient.call`."""

    async def ask() -> R:
        async with ControlClient(path) as client:
            return await client.call(method, args, timeout_s)

    return asyncio.run(ask())


def _result(identity: int, line: bytes) -> object:
    """The result within an answer's line; CallRefused if it is a refusal, Undecodable if it is neither."""
    try:
        answer = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise Undecodable(f"not JSON: {error}") from None
    if not isinstance(answer, dict) or not isinstance(answer.get("ok"), bool):
        raise Undecodable("no answer")
    if not answer["ok"]:
        trouble = decode(dict[str, str], answer.get("error"))
        raise CallRefused(trouble.get("code", "refused"), trouble.get("message", "the daemon refused without a reason"))
    if answer.get("id") != identity:
        raise Undecodable("an answer to another question")
    return cast(object, answer.get("result"))


def _why(path: Path, error: OSError) -> str:
    """What to do when the socket cannot be opened."""
    match error:
        case FileNotFoundError():
            return (
                f"no daemon at {path}; start it with: systemctl start edgeguard "
                "(a daemon with another socket is named by --socket or EDGEGUARD_SOCKET)"
            )
        case ConnectionRefusedError() if not path.is_socket():
            return f"{path} is not a socket; what the daemon listens on stands in its configuration: [control] socket"
        case ConnectionRefusedError():
            return f"the daemon that made {path} is gone; look why with: journalctl -u edgeguard -e"
        case PermissionError():
            return (
                f"you may not open {path}; use sudo, or join the daemon's group and log in again: sudo usermod -aG edgeguard $USER"
            )
        case _:
            return f"cannot reach the daemon at {path}: {error.strerror or error}"
