"""URLs of buses and brokers taken apart, with a sentence for each way to get them wrong. Pure: resolves no names."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from edgeguard.core.site import Wire

MODBUS_TCP_PORT: Final = 502
MODBUS_TLS_PORT: Final = 802
MQTT_PORT: Final = 1883
MQTTS_PORT: Final = 8883

BUS_FORMS: Final = (
    'write "tcp://HOST:PORT" (Modbus TCP), "tls://HOST:PORT" (the same in TLS), "udp://HOST:PORT",'
    ' or "rtu+tcp://HOST:PORT" or "ascii+tcp://HOST:PORT" (a serial line through a serial server)'
)
BROKER_FORMS: Final = 'write "mqtts://HOST:8883" (TLS) or "mqtt://HOST:1883" (plain)'

PUBLIC_ADDRESS: Final = (
    "is a public address: anybody on the way can read it and answer in its place; if that is meant, write allow_public = true"
    " (and name it in the unit's drop-in addresses.conf)"
)

_BUS_PORTS: Final[Mapping[str, int | None]] = {
    Wire.TCP.value: MODBUS_TCP_PORT,
    Wire.UDP.value: MODBUS_TCP_PORT,
    Wire.TLS.value: MODBUS_TLS_PORT,
    Wire.RTU_OVER_TCP.value: None,
    Wire.ASCII_OVER_TCP.value: None,
}

_HOST = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_-]{1,63})*\.?")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A scheme, a host in lower case, and a port."""

    scheme: str
    host: str
    port: int


def bus_endpoint(url: str) -> Endpoint:
    """`tcp://` or `udp://host[:502]`, `tls://host[:802]`, `rtu+tcp://` or `ascii+tcp://host:port`.

    ValueError with a sentence for anything else.
    """
    return _endpoint(url, _BUS_PORTS, BUS_FORMS)


def broker_endpoint(url: str) -> Endpoint:
    """`mqtts://host[:8883]` or `mqtt://host[:1883]`. ValueError with a sentence for anything else."""
    return _endpoint(url, {"mqtt": MQTT_PORT, "mqtts": MQTTS_PORT}, BROKER_FORMS)


def is_loopback(host: str) -> bool:
    """Whether what is sent to `host` cannot leave this machine; a name other than `localhost` is never trusted to be."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _endpoint(url: str, defaults: Mapping[str, int | None], forms: str) -> Endpoint:
    scheme, separator, _ = url.partition("://")
    if not separator:
        raise ValueError(f'"{_shown(url)}" is not a URL; {forms}')
    if scheme not in defaults:
        raise ValueError(f'"{scheme}://" is not known here; {forms}')
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError(f'"{_shown(url)}" is not a URL: {str(error)[:1].lower()}{str(error)[1:]}; {forms}') from None
    if "@" in parts.netloc:
        raise ValueError(f"must not hold a user name or password; {forms}, and see username and password_file")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError(f'"{_shown(url)}" must end after the port; {forms}')
    return Endpoint(scheme, _host(parts, url, forms), _port(port, defaults[scheme], url, forms))


def _host(parts: SplitResult, url: str, forms: str) -> str:
    host = parts.hostname or ""
    if not host:
        raise ValueError(f'"{_shown(url)}" names no host; {forms}')
    if parts.netloc.startswith("["):
        try:
            ipaddress.IPv6Address(host.partition("%")[0])
        except ValueError:
            raise ValueError(f'"{host}" is not an IPv6 address') from None
        return host
    if re.fullmatch(r"[0-9.]+", host):
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            raise ValueError(f'"{host}" is not an IPv4 address') from None
    if _HOST.fullmatch(host) is None:
        raise ValueError(f'"{_shown(host)}" is not a host name')
    return host.rstrip(".")


def _port(port: int | None, default: int | None, url: str, forms: str) -> int:
    if port is None:
        if default is None:
            raise ValueError(f'"{_shown(url)}" names no port; {forms}')
        return default
    if port == 0:
        raise ValueError("port 0 cannot be connected to")
    return port


def _shown(url: str) -> str:
    return url if len(url) <= 80 else f"{url[:77]}…"
