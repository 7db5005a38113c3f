"""The socket to the broker: to no public address that nobody has allowed, whatever the resolver says today."""

import socket

from edgeguard.core.address import is_public
from edgeguard.uplink.trouble import LinkTrouble, Trouble, person_trouble


def dial(host: str, port: int, within_s: float, allow_public: bool) -> socket.socket:
    """Connect to the first address of `host` that answers. Blocks, and binds the socket to nothing: the unit forbids the daemon
    every bind.

    OSError where none answers; LinkTrouble where every address is public and none is allowed.
    """
    found = dict.fromkeys(str(place[0]) for *_, place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    allowed = [address for address in found if allow_public or not is_public(address)]
    if not allowed:
        raise LinkTrouble(_public(host, next(iter(found))))
    for address in allowed[:-1]:
        try:
            return socket.create_connection((address, port), timeout=within_s)
        except OSError:
            continue
    return socket.create_connection((allowed[-1], port), timeout=within_s)


def _public(host: str, address: str) -> Trouble:
    shown = host if host == address else f"{host} ({address})"
    return person_trouble(
        "public-broker",
        f"平台地址 {shown} 是公网地址,未允许连接:请在 [uplink] 中写 allow_public = true",
        f"the broker {shown} is at a public address, and nobody has allowed that: [uplink] allow_public = true does",
    )
