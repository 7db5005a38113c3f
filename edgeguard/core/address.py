"""Which addresses are inside: this machine, its link, the networks that the internet does not carry. All others are public.

The unit's IPAddressAllow holds the same list (tests/unit/law/test_law_units.py).
"""

import ipaddress
from typing import Final

INSIDE: Final = (
    *(ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128")),
    *(ipaddress.ip_network("169.254.0.0/16"), ipaddress.ip_network("fe80::/64")),
    *(ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("172.16.0.0/12"), ipaddress.ip_network("192.168.0.0/16")),
    ipaddress.ip_network("fc00::/7"),
)
"""Loopback, link-local, private use (RFC 1918) and unique local (RFC 4193) networks."""


def is_public(host: str) -> bool:
    """Whether `host` is an address outside of those networks; a name is none, whatever it leads to."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return not address.is_unspecified and not any(address in network for network in INSIDE)


def is_name(host: str) -> bool:
    """Whether only a resolver knows which address `host` is."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host != "localhost"
    return False
