"""Who is at the other end of a connection, by the kernel's word (SO_PEERCRED, unix(7)), and what they may do."""

import os
import pwd
import socket
import struct
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Protocol

from edgeguard.control.errors import UnknownName

_UCRED: Final = struct.Struct("iII")
OVERFLOW_UID: Final = 65534
"""What every user outside of this user namespace looks like (user_namespaces(7)): it identifies nobody."""


class HasOptions(Protocol):
    """A socket, or asyncio's stand-in for one."""

    def getsockopt(self, level: int, option: int, buffer_bytes: int, /) -> bytes:
        """As socket.getsockopt with a buffer."""
        ...


@dataclass(frozen=True, slots=True)
class Peer:
    """A process as it was when it connected."""

    pid: int
    uid: int
    gid: int

    @property
    def user(self) -> str:
        """Its user's name, or the number where there is none."""
        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return str(self.uid)


def peer_of(connection: HasOptions) -> Peer:
    """The peer of a connected Unix socket."""
    return Peer(*_UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)))


def uid_of(operator: str | int) -> int:
    """The uid of a user given by name or number. UnknownName if there is none, or if it would stand for everybody."""
    try:
        uid = operator if isinstance(operator, int) else pwd.getpwnam(operator).pw_uid
    except KeyError:
        raise UnknownName(f"control.operators: there is no user {operator!r} on this machine") from None
    if uid == OVERFLOW_UID:
        raise UnknownName(f"control.operators: {operator!r} stands for everybody from another namespace, so it can be nobody")
    return uid


def may_write(peer: Peer, operator_uids: Collection[int]) -> bool:
    """Root, the daemon's own user, and operators."""
    return peer.uid in (0, os.geteuid()) or peer.uid in operator_uids
